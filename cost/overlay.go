package cost

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// modelsDevTypes are the provider types of models.dev's provider ids, where
// the two differ.
var modelsDevTypes = map[string]string{
	"amazon-bedrock":          "bedrock",
	"fireworks-ai":            "fireworks",
	"google-vertex":           "vertex",
	"google-vertex-anthropic": "vertex",
	"moonshotai":              "moonshot",
	"togetherai":              "together",
}

// modelsDevCost is a model's "cost" at models.dev: US dollars per million
// tokens (https://models.dev, api.json). A tier has the same rates; so has
// context_over_200k, the older way to write a single one.
type modelsDevCost struct {
	modelsDevRates
	Tiers []struct {
		modelsDevRates
		Tier struct {
			Type string `json:"type"`
			Size int64  `json:"size"`
		} `json:"tier"`
	} `json:"tiers"`
	Over200k *modelsDevRates `json:"context_over_200k"`
}

type modelsDevRates struct {
	Input       *rate `json:"input"`
	Output      *rate `json:"output"`
	Reasoning   *rate `json:"reasoning"`
	CacheRead   *rate `json:"cache_read"`
	CacheWrite  *rate `json:"cache_write"`
	InputAudio  *rate `json:"input_audio"`
	OutputAudio *rate `json:"output_audio"`
}

func (r modelsDevRates) list() rateList {
	return rateList{
		Input: r.Input, CachedInput: r.CacheRead, CacheWrite: r.CacheWrite,
		Output: r.Output, Reasoning: r.Reasoning,
		AudioInput: r.InputAudio, AudioOutput: r.OutputAudio,
	}
}

// Overlay is a new catalog in which the prices of a file in the format of
// models.dev's api.json go before those of c. A provider is named by its id
// there or by its provider type. Models without a cost keep the price that
// they have. The version is given to the file's prices.
//
// An error names the provider and the model whose price can't be read.
func (c *Catalog) Overlay(modelsDev []byte, version string) (*Catalog, error) {
	if version == "" {
		return nil, errors.New("price file: it needs a version")
	}
	var providers map[string]jsontext.Value
	if err := json.Unmarshal(modelsDev, &providers); err != nil {
		return nil, fmt.Errorf("price file: %w; expected the form of models.dev's api.json", err)
	}
	over := *c
	over.version += "+" + version
	over.types = slices.Clone(c.types)
	over.overlay = make(map[string]map[string]*Price, len(c.overlay)+len(providers))
	for t, prices := range c.overlay {
		over.overlay[t] = maps.Clone(prices)
	}
	for _, id := range slices.Sorted(maps.Keys(providers)) {
		var p struct {
			Models map[string]jsontext.Value `json:"models"`
		}
		if err := json.Unmarshal(providers[id], &p); err != nil {
			return nil, fmt.Errorf("price file: provider %q: %w", id, err)
		}
		t, ok := modelsDevTypes[id]
		if !ok {
			t = id
		}
		if over.overlay[t] == nil {
			over.overlay[t] = make(map[string]*Price, len(p.Models))
		}
		for _, name := range slices.Sorted(maps.Keys(p.Models)) {
			price, ok, err := modelsDevModel(p.Models[name], name, version)
			if err != nil {
				return nil, fmt.Errorf("price file: provider %q, model %q: %w", id, name, err)
			}
			if ok {
				over.overlay[t][normalize(t, name)] = &price
			}
		}
		over.types = append(over.types, t)
	}
	over.types = sortedTypes(over.types)
	return &over, nil
}

// modelsDevModel reads one model's price; false if it has no cost.
func modelsDevModel(data jsontext.Value, model, version string) (price Price, ok bool, err error) {
	var m struct {
		Cost *modelsDevCost `json:"cost"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return Price{}, false, err
	}
	if m.Cost == nil {
		return Price{}, false, nil
	}
	price, err = m.Cost.price(model, version)
	return price, err == nil, err
}

func (c *modelsDevCost) price(model, version string) (Price, error) {
	if c.Input == nil || c.Output == nil {
		return Price{}, errors.New("its cost needs both input and output, in US dollars per million tokens")
	}
	var tiers []tierList
	for _, t := range c.Tiers {
		if t.Tier.Type != "context" || t.Tier.Size <= 0 {
			return Price{}, fmt.Errorf("a tier of type %q and size %d: only prompt sizes above 0 are known, of type \"context\"", t.Tier.Type, t.Tier.Size)
		}
		tiers = append(tiers, tierList{t.Tier.Size, t.list()})
	}
	if tiers == nil && c.Over200k != nil {
		tiers = []tierList{{200_000, c.Over200k.list()}}
	}
	slices.SortFunc(tiers, func(a, b tierList) int { return cmp.Compare(a.Above, b.Above) })
	for i := 1; i < len(tiers); i++ {
		if above := tiers[i].Above; above == tiers[i-1].Above {
			return Price{}, fmt.Errorf("two tiers of size %d: give one price for each prompt size", above)
		}
	}
	return newPrice(version, strings.ToLower(model), c.list(), tiers), nil
}
