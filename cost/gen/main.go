// Command gen writes catalog.json and catalog.LICENSE of package cost from an
// unpacked npm package @pydantic/genai-prices.
//
// To take a newer list, in the folder cost:
//
//	npm pack @pydantic/genai-prices@0.1.8
//	tar xzf pydantic-genai-prices-0.1.8.tgz -C gen      # to gen/package
//	npm view @pydantic/genai-prices time                # the day of the release
//	go run ./gen -package gen/package -version 0.1.8 -date 2026-09-23 -out .
//
// The package carries its data within dist/index.cjs, as one literal. Of that,
// catalog.json keeps the providers that the gateway has a type for, how their
// models are matched, and what is charged by token or by request. It has one
// model a line, and the same package always gives the same bytes.
//
// Anything that this program doesn't know (a price key, a kind of rule, a
// constraint) is an error, so that no change of the data passes unseen.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func main() {
	log.SetFlags(0)
	pkg := flag.String("package", "gen/package", "the unpacked npm package")
	version := flag.String("version", "", "its version")
	date := flag.String("date", "", "the day of its release, YYYY-MM-DD")
	out := flag.String("out", ".", "the folder to write to")
	flag.Parse()
	if err := run(*pkg, *version, *date, *out); err != nil {
		log.Fatal("gen: ", err)
	}
}

func run(pkg, version, date, out string) error {
	if version == "" || date == "" {
		return errors.New("-version and -date are needed")
	}
	bundle, err := os.ReadFile(filepath.Join(pkg, "dist", "index.cjs"))
	if err != nil {
		return err
	}
	license, err := os.ReadFile(filepath.Join(pkg, "LICENSE"))
	if err != nil {
		return err
	}
	catalog, err := reduce(string(bundle), version, date)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "catalog.json"), catalog, 0o644); err != nil {
		return err
	}
	notice := fmt.Sprintf("catalog.json is derived from the npm package @pydantic/genai-prices %s,\nwhose licence is:\n\n%s", version, license)
	return os.WriteFile(filepath.Join(out, "catalog.LICENSE"), []byte(notice), 0o644)
}

// reduce is catalog.json, made of the bundle's data.
func reduce(bundle, version, date string) ([]byte, error) {
	start := strings.Index(bundle, `=[{id:"`)
	if start < 0 {
		return nil, errors.New("no provider list found in dist/index.cjs")
	}
	data, err := literal(bundle[start+1:])
	if err != nil {
		return nil, err
	}
	var b []byte
	b = append(b, "{\n"...)
	for _, field := range [][2]string{
		{"source", "npm @pydantic/genai-prices " + version},
		{"version", "genai-prices@" + version},
		{"date", date},
		{"license", "MIT, see catalog.LICENSE"},
	} {
		b = fmt.Appendf(b, "%q:%q,\n", field[0], field[1])
	}
	b = append(b, `"models":[`...)
	seen := map[string]bool{}
	first := true
	for _, v := range data.([]any) {
		provider := v.(map[string]any)
		id := provider["id"].(string)
		if types[id] == "" {
			continue
		}
		seen[id] = true
		for _, v := range provider["models"].([]any) {
			line, err := modelLine(types[id], v.(map[string]any))
			if err != nil {
				return nil, fmt.Errorf("provider %q, model %q: %w", id, v.(map[string]any)["id"], err)
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(append(b, '\n'), line...)
		}
	}
	for id := range types {
		if !seen[id] {
			return nil, fmt.Errorf("provider %q is gone", id)
		}
	}
	return append(b, "\n]}\n"...), nil
}

// types are the gateway's provider types of the list's provider ids.
var types = map[string]string{
	"openai": "openai", "anthropic": "anthropic", "google": "google", "mistral": "mistral",
	"cohere": "cohere", "aws": "bedrock", "azure": "azure", "groq": "groq", "deepseek": "deepseek",
	"x-ai": "xai", "openrouter": "openrouter", "together": "together", "fireworks": "fireworks",
	"perplexity": "perplexity", "cerebras": "cerebras", "moonshotai": "moonshot",
}

// row is a line of catalog.json.
type row struct {
	Provider string           `json:"provider"`
	ID       string           `json:"id"`
	Is       []string         `json:"is,omitempty"`
	Match    []any            `json:"match,omitempty"`
	Prices   []jsontext.Value `json:"prices,omitempty"`
}

func modelLine(provider string, model map[string]any) ([]byte, error) {
	r := row{Provider: provider}
	label := strings.ToLower(model["id"].(string))
	if provider == "google" && strings.HasPrefix(label, "claude") {
		r.Provider = "vertex" // the list has Google's two platforms in one
	}
	var err error
	if r.ID, r.Is, r.Match, err = names(r.Provider, label, model["match"].(map[string]any)); err != nil {
		return nil, err
	}
	if r.Prices, err = prices(r.ID, model["prices"]); err != nil {
		return nil, err
	}
	return json.Marshal(r, json.Deterministic(true), jsontext.EscapeForHTML(false))
}
