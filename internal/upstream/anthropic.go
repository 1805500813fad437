package upstream

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// anthropic is POST /v1/messages of api.anthropic.com.
type anthropic struct{}

func (anthropic) name() string { return "anthropic" }

func (anthropic) header(h http.Header, id string) {
	h.Set("Request-Id", "req_"+id)
	h.Set("Anthropic-Organization-Id", "00000000-0000-4000-8000-000000000000")
	h.Set("Anthropic-Ratelimit-Requests-Limit", "20000")
	h.Set("Anthropic-Ratelimit-Requests-Remaining", "19999")
	h.Set("Set-Cookie", "_cfuvid=upstream; HttpOnly; Secure; Path=/")
}

// anthropicModel is what a model takes and refuses.
type anthropicModel struct {
	snapshot  string
	most      int      // output tokens
	enabled   bool     // thinking with a budget
	adaptive  bool     // adaptive thinking
	efforts   []string // of output_config; none: refused
	format    bool     // output_config.format and strict tools
	oneOf     bool     // temperature or top_p, not both
	fixed     bool     // no temperature but 1, no top_p below 0.99, no top_k
	noPrefill bool     // the conversation must end with a user turn
	unforced  bool     // no forced tool choice
}

var (
	anthropicEfforts    = []string{"high", "low", "max", "medium"}
	anthropicAllEfforts = []string{"high", "low", "max", "medium", "xhigh"}
)

var anthropicModels = map[string]anthropicModel{
	"claude-3-haiku-20240307": {snapshot: "claude-3-haiku-20240307", most: 4096},
	"claude-3-7-sonnet":       {snapshot: "claude-3-7-sonnet-20250219", most: 64000, enabled: true},
	"claude-opus-4-1":         {snapshot: "claude-opus-4-1-20250805", most: 32000, enabled: true, format: true, oneOf: true},
	"claude-sonnet-4-5":       {snapshot: "claude-sonnet-4-5-20250929", most: 64000, enabled: true, format: true, oneOf: true},
	"claude-haiku-4-5":        {snapshot: "claude-haiku-4-5-20251001", most: 64000, enabled: true, format: true, oneOf: true},
	"claude-opus-4-5": {snapshot: "claude-opus-4-5-20251101", most: 64000, enabled: true, format: true, oneOf: true,
		efforts: []string{"high", "low", "medium"}},
	"claude-sonnet-4-6": {snapshot: "claude-sonnet-4-6", most: 64000, enabled: true, adaptive: true, format: true, oneOf: true,
		efforts: anthropicEfforts, noPrefill: true},
	"claude-opus-4-6": {snapshot: "claude-opus-4-6", most: 128000, enabled: true, adaptive: true, format: true, oneOf: true,
		efforts: anthropicEfforts, noPrefill: true},
	"claude-opus-4-8": {snapshot: "claude-opus-4-8", most: 128000, adaptive: true, format: true, fixed: true,
		efforts: anthropicAllEfforts, noPrefill: true},
	"claude-sonnet-5": {snapshot: "claude-sonnet-5", most: 128000, adaptive: true, format: true, fixed: true,
		efforts: anthropicAllEfforts, noPrefill: true},
	"claude-opus-5": {snapshot: "claude-opus-5", most: 128000, adaptive: true, format: true, fixed: true,
		efforts: anthropicAllEfforts, noPrefill: true},
	"claude-fable-5": {snapshot: "claude-fable-5", most: 128000, adaptive: true, format: true, fixed: true,
		efforts: anthropicAllEfforts, noPrefill: true, unforced: true},
}

func (d anthropic) read(r *http.Request, body []byte) (*ask, *refusal) {
	if no := d.authenticate(r); no != nil {
		return nil, no
	}
	if v := r.Header.Get("Anthropic-Version"); v == "" {
		return nil, anthropicInvalid("anthropic-version: header is required")
	} else if v != "2023-06-01" && v != "2023-01-01" {
		return nil, anthropicInvalid("anthropic-version: %q is not a valid version", v)
	}
	req, err := decode(body)
	if err != nil || !isJSON(r) {
		return nil, anthropicInvalid("The request body is not valid JSON: %v", err)
	}
	if f := anthropicRequest(root(), req); f != nil {
		return nil, anthropicWords(f)
	}
	name := str(req, "model")
	model, ok := anthropicModels[name]
	for _, m := range anthropicModels {
		if m.snapshot == name {
			model, ok = m, true
		}
	}
	if !ok {
		return nil, &refusal{status: http.StatusNotFound, kind: "not_found_error", message: "model: " + name}
	}
	for _, check := range []func(map[string]any, anthropicModel) *refusal{
		anthropicLimits, anthropicThinking, anthropicTools, anthropicFormat, anthropicTexts, anthropicTurns, anthropicMedia,
	} {
		if no := check(req, model); no != nil {
			return nil, no
		}
	}
	return d.ask(req, model), nil
}

func (anthropic) authenticate(r *http.Request) *refusal {
	no := &refusal{status: http.StatusUnauthorized, kind: "authentication_error"}
	switch key, auth := r.Header.Get("X-Api-Key"), r.Header.Get("Authorization"); {
	case key == AnthropicKey:
		return nil
	case key != "":
		no.message = "invalid x-api-key"
	case auth != "":
		no.message = "Invalid bearer token"
	default:
		no.message = "x-api-key header is required"
	}
	return no
}

// ask is what a checked request asks for.
func (d anthropic) ask(req map[string]any, model anthropicModel) *ask {
	thinking := sub(req, "thinking")
	a := &ask{
		model: model.snapshot, stream: truth(req, "stream"), choice: "auto", limit: count(req, "max_tokens"),
		think:  str(thinking, "type") == "enabled" || str(thinking, "type") == "adaptive",
		secret: str(thinking, "display") == "omitted",
		schema: sub(sub(sub(req, "output_config"), "format"), "schema"),
	}
	for _, s := range items(req, "stop_sequences") {
		a.stops = append(a.stops, s.(string))
	}
	for _, t := range each(items(req, "tools")) {
		a.read += 1 + tokens(str(t, "description"))
		if has(t, "input_schema") {
			a.tools = append(a.tools, tool{str(t, "name"), sub(t, "input_schema")})
		}
	}
	choice := sub(req, "tool_choice")
	switch str(choice, "type") {
	case "any":
		a.choice = "required"
	case "tool":
		a.choice, a.named = "named", str(choice, "name")
	case "none":
		a.choice = "none"
	}
	a.single = truth(choice, "disable_parallel_tool_use")
	a.read += tokens(anthropicPlain(req["system"]))
	d.turns(a, req)
	return a
}

// anthropicPlain is the text of a content, its text blocks joined.
func anthropicPlain(content any) string {
	if s, ok := content.(string); ok {
		return s
	}
	blocks, _ := content.([]any)
	var all []string
	for _, b := range each(blocks) {
		if str(b, "type") == "text" {
			all = append(all, str(b, "text"))
		}
	}
	return strings.Join(all, " ")
}

// turns reads the conversation: the prompt with its media, and the results since.
func (anthropic) turns(a *ask, req map[string]any) {
	names := map[string]string{}
	for _, msg := range each(items(req, "messages")) {
		plain := anthropicPlain(msg["content"])
		a.read += 1 + tokens(plain)
		user := str(msg, "role") == "user"
		if user && plain != "" {
			a.prompt, a.media, a.rounds = plain, nil, nil
		}
		called := false
		for _, b := range each(items(msg, "content")) {
			switch t := str(b, "type"); t {
			case "tool_use":
				names[str(b, "id")], called = str(b, "name"), true
			case "tool_result":
				if last := len(a.rounds) - 1; last >= 0 {
					told := anthropicPlain(b["content"])
					a.rounds[last] = append(a.rounds[last], result{names[str(b, "tool_use_id")], told})
					a.read += tokens(told)
				}
			case "image", "document":
				if user {
					a.media = append(a.media, anthropicMedium(t, sub(b, "source")))
				}
			}
		}
		if called {
			a.rounds = append(a.rounds, nil)
		}
	}
	a.read += 85 * len(a.media)
}

func anthropicMedium(kind string, source map[string]any) media {
	if kind == "document" {
		kind = "file"
	}
	m := media{kind: kind, mime: str(source, "media_type"), url: str(source, "url") + str(source, "file_id")}
	m.bytes = len(str(source, "data"))
	if str(source, "type") == "base64" {
		data, _ := base64.StdEncoding.DecodeString(str(source, "data"))
		m.bytes = len(data)
	}
	return m
}
