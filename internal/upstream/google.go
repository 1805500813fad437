package upstream

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

// google is POST /v1beta/models/{model}:generateContent and :streamGenerateContent of
// generativelanguage.googleapis.com, or of Vertex AI, which takes labels too.
type google struct{ vertex bool }

func (google) name() string { return "google" }

func (google) header(h http.Header, _ string) {
	h.Set("Server", "scaffolding on HTTPServer2")
	h.Set("Vary", "Origin, X-Origin, Referer")
	h.Set("Server-Timing", "gfet4t7; dur=14")
	h.Set("Alt-Svc", `h3=":443"; ma=2592000`)
}

// googleModel is what a model takes and refuses.
type googleModel struct {
	name     string
	least    int      // thinking tokens; 0 switches thinking off where off is true
	most     int      // 0: no thinking
	off      bool     // thinkingBudget 0 is allowed
	levels   []string // of thinkingLevel; none: refused
	sealed   bool     // function calls must bring their thought signature back
	combines bool     // tools together with a JSON answer
	penalty  bool     // presence and frequency penalties
}

var googleModels = map[string]googleModel{
	"gemini-2.0-flash":       {name: "gemini-2.0-flash", penalty: true},
	"gemini-2.5-flash":       {name: "gemini-2.5-flash", most: 24576, off: true},
	"gemini-2.5-flash-lite":  {name: "gemini-2.5-flash-lite", least: 512, most: 24576, off: true},
	"gemini-2.5-pro":         {name: "gemini-2.5-pro", least: 128, most: 32768},
	"gemini-3-pro-preview":   {name: "gemini-3-pro-preview", least: 128, most: 32768, levels: []string{"LOW", "HIGH"}, sealed: true, combines: true},
	"gemini-3.1-pro-preview": {name: "gemini-3.1-pro-preview", least: 128, most: 32768, levels: []string{"LOW", "MEDIUM", "HIGH"}, sealed: true, combines: true},
	"gemini-3-flash-preview": {name: "gemini-3-flash-preview", most: 32768, off: true,
		levels: []string{"MINIMAL", "LOW", "MEDIUM", "HIGH"}, sealed: true, combines: true},
	"gemini-flash-latest": {name: "gemini-3-flash-preview", most: 32768, off: true,
		levels: []string{"MINIMAL", "LOW", "MEDIUM", "HIGH"}, sealed: true, combines: true},
}

func (d google) read(r *http.Request, body []byte) (*ask, *refusal) {
	if no := d.authenticate(r); no != nil {
		return nil, no
	}
	name, method, _ := strings.Cut(r.PathValue("action"), ":")
	model, ok := googleModels[name]
	if !ok || (method != "generateContent" && method != "streamGenerateContent") {
		return nil, &refusal{status: http.StatusNotFound, kind: "NOT_FOUND", message: "models/" + name +
			" is not found for API version v1beta, or is not supported for " + method +
			". Call ListModels to see the list of available models and their supported methods."}
	}
	req, err := decode(body)
	if err != nil || !isJSON(r) {
		return nil, googleInvalid("Invalid JSON payload received. %v", err)
	}
	req, _ = camel(req, false).(map[string]any)
	if d.vertex {
		delete(req, "labels")
	}
	if f := googleRequest(root(), req); f != nil {
		return nil, googleWords(f)
	}
	for _, check := range []func(map[string]any, googleModel) *refusal{
		googleContents, googleTurns, googleSignatures, googleTools, googleOutput, googleThinking,
	} {
		if no := check(req, model); no != nil {
			return nil, no
		}
	}
	a := d.ask(req, model)
	a.stream = method == "streamGenerateContent"
	a.array = r.URL.Query().Get("alt") != "sse"
	return a, nil
}

func (google) authenticate(r *http.Request) *refusal {
	key := r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = r.URL.Query().Get("key")
	}
	switch {
	case key == GoogleKey:
		return nil
	case key != "":
		no := googleInvalid("API key not valid. Please pass a valid API key.")
		no.details = []any{errorInfo("API_KEY_INVALID"), document(
			pair{"@type", "type.googleapis.com/google.rpc.LocalizedMessage"}, pair{"locale", "en-US"}, pair{"message", no.message})}
		return no
	case r.Header.Get("Authorization") != "":
		return &refusal{status: http.StatusUnauthorized, kind: "UNAUTHENTICATED", details: []any{errorInfo("ACCESS_TOKEN_TYPE_UNSUPPORTED")},
			message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."}
	}
	return &refusal{status: http.StatusForbidden, kind: "PERMISSION_DENIED",
		message: "Method doesn't allow unregistered callers (callers without established identity). " +
			"Please use API Key or other form of API consumer identity to call this API."}
}

// camel renames snake_case keys of messages, and leaves what the caller named: arguments, results, JSON
// schemas, and the properties of a schema (names is set for these).
func camel(v any, names bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = camel(v[i], false)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			name := k
			if !names {
				name = camelName(k)
			}
			if names || !slices.Contains([]string{"args", "response", "parametersJsonSchema", "responseJsonSchema", "default", "example"}, name) {
				item = camel(item, name == "properties" && !names)
			}
			out[name] = item
		}
		return out
	}
	return v
}

func camelName(s string) string {
	var b strings.Builder
	up := false
	for _, c := range s {
		if c == '_' {
			up = true
			continue
		}
		if up {
			c, up = unicode.ToUpper(c), false
		}
		b.WriteRune(c)
	}
	return b.String()
}

// ask is what a checked request asks for.
func (d google) ask(req map[string]any, model googleModel) *ask {
	config := sub(req, "generationConfig")
	thinking := sub(config, "thinkingConfig")
	a := &ask{
		model: model.name, choice: "auto", limit: count(config, "maxOutputTokens"), choices: max(count(config, "candidateCount"), 1),
		think:  model.most > 0 && !(has(thinking, "thinkingBudget") && count(thinking, "thinkingBudget") == 0),
		secret: !truth(thinking, "includeThoughts"),
		json:   str(config, "responseMimeType") == "application/json",
		schema: sub(config, "responseJsonSchema"),
	}
	if a.schema == nil {
		a.schema = sub(config, "responseSchema")
	}
	for _, s := range items(config, "stopSequences") {
		a.stops = append(a.stops, s.(string))
	}
	for _, t := range each(items(req, "tools")) {
		for _, f := range each(items(t, "functionDeclarations")) {
			schema := sub(f, "parametersJsonSchema")
			if schema == nil {
				schema = sub(f, "parameters")
			}
			a.tools = append(a.tools, tool{str(f, "name"), schema})
			a.read += 1 + tokens(str(f, "description"))
		}
	}
	calling := sub(sub(req, "toolConfig"), "functionCallingConfig")
	allowed := items(calling, "allowedFunctionNames")
	if allowed != nil {
		a.tools = slices.DeleteFunc(a.tools, func(t tool) bool { return !slices.Contains(allowed, any(t.name)) })
	}
	switch str(calling, "mode") {
	case "ANY":
		a.choice = "required"
	case "NONE":
		a.choice = "none"
	}
	a.read += tokens(googlePlain(sub(req, "systemInstruction")))
	d.turns(a, req)
	return a
}

func googlePlain(content map[string]any) string {
	var all []string
	for _, p := range each(items(content, "parts")) {
		if s := str(p, "text"); s != "" && !truth(p, "thought") {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// turns reads the conversation: the prompt with its media, and the results since.
func (google) turns(a *ask, req map[string]any) {
	for _, c := range each(items(req, "contents")) {
		plain := googlePlain(c)
		a.read += 1 + tokens(plain)
		user := str(c, "role") != "model"
		if user && plain != "" {
			a.prompt, a.media, a.rounds = plain, nil, nil
		}
		called := false
		for _, p := range each(items(c, "parts")) {
			called = called || has(p, "functionCall")
			if r := sub(p, "functionResponse"); r != nil && len(a.rounds) > 0 {
				last := len(a.rounds) - 1
				told := googleResult(sub(r, "response"))
				a.rounds[last] = append(a.rounds[last], result{str(r, "name"), told})
				a.read += tokens(told)
			}
			if user {
				a.media = append(a.media, googleMedia(p)...)
			}
		}
		if called {
			a.rounds = append(a.rounds, nil)
		}
	}
	a.read += 85 * len(a.media)
}

// googleResult is a response's value, as it is if it is text and as JSON if not.
func googleResult(response map[string]any) string {
	var v any = response
	if keys := sortedKeys(response); len(keys) == 1 {
		v = response[keys[0]]
	}
	if s, ok := v.(string); ok {
		return s
	}
	told, _ := json.Marshal(v, json.Deterministic(true)) // decoded JSON
	return string(told)
}

func googleMedia(p map[string]any) []media {
	kind := func(mime string) string {
		switch {
		case strings.HasPrefix(mime, "image/"):
			return "image"
		case strings.HasPrefix(mime, "audio/"):
			return "audio"
		}
		return "file"
	}
	if inline := sub(p, "inlineData"); inline != nil {
		mime := str(inline, "mimeType")
		data, _ := base64.StdEncoding.DecodeString(plainBase64(str(inline, "data")))
		return []media{{kind: kind(mime), mime: mime, bytes: len(data)}}
	}
	if file := sub(p, "fileData"); file != nil {
		return []media{{kind: kind(str(file, "mimeType")), url: str(file, "fileUri")}}
	}
	return nil
}

// plainBase64 turns the URL-safe alphabet into the standard one.
func plainBase64(s string) string {
	return strings.NewReplacer("-", "+", "_", "/").Replace(s)
}
