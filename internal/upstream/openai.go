package upstream

import (
	"net/http"
	"strings"
)

// openAI is POST /v1/chat/completions of api.openai.com, or of a server that speaks its format.
type openAI struct{ *habits }

var openAIItself = openAI{&habits{name: "openai"}}

func (d openAI) name() string { return d.habits.name }

func (openAI) header(h http.Header, id string) {
	h.Set("X-Request-Id", "req_"+id)
	h.Set("Openai-Version", "2020-10-01")
	h.Set("Openai-Organization", "upstream-org")
	h.Set("Openai-Processing-Ms", "14")
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("Set-Cookie", "__cf_bm=upstream; path=/; HttpOnly; Secure")
	h.Set("Alt-Svc", `h3=":443"; ma=86400`)
}

// openAIModel is what a model takes and refuses.
type openAIModel struct {
	snapshot string
	efforts  []string // of reasoning_effort; none: no reasoning model
	sampling bool     // a reasoning model that takes temperature and its kin while it does not reason
	audio    bool
	blind    bool // no images
}

var openAIModels = map[string]openAIModel{
	"gpt-3.5-turbo":             {snapshot: "gpt-3.5-turbo-0125", blind: true},
	"gpt-4o":                    {snapshot: "gpt-4o-2024-08-06"},
	"gpt-4o-mini":               {snapshot: "gpt-4o-mini-2024-07-18"},
	"gpt-4o-audio-preview":      {snapshot: "gpt-4o-audio-preview-2025-06-03", audio: true, blind: true},
	"gpt-4o-mini-audio-preview": {snapshot: "gpt-4o-mini-audio-preview-2024-12-17", audio: true, blind: true},
	"gpt-4.1":                   {snapshot: "gpt-4.1-2025-04-14"},
	"gpt-4.1-mini":              {snapshot: "gpt-4.1-mini-2025-04-14"},
	"gpt-4.1-nano":              {snapshot: "gpt-4.1-nano-2025-04-14"},
	"o3-mini":                   {snapshot: "o3-mini-2025-01-31", efforts: []string{"low", "medium", "high"}, blind: true},
	"o3":                        {snapshot: "o3-2025-04-16", efforts: []string{"low", "medium", "high"}},
	"o4-mini":                   {snapshot: "o4-mini-2025-04-16", efforts: []string{"low", "medium", "high"}},
	"gpt-5":                     {snapshot: "gpt-5-2025-08-07", efforts: []string{"minimal", "low", "medium", "high"}},
	"gpt-5-mini":                {snapshot: "gpt-5-mini-2025-08-07", efforts: []string{"minimal", "low", "medium", "high"}},
	"gpt-5-nano":                {snapshot: "gpt-5-nano-2025-08-07", efforts: []string{"minimal", "low", "medium", "high"}},
	"gpt-5.1":                   {snapshot: "gpt-5.1-2025-11-13", efforts: []string{"none", "low", "medium", "high"}, sampling: true},
	"gpt-5.6-sol":               {snapshot: "gpt-5.6-sol", efforts: []string{"none", "low", "medium", "high", "xhigh", "max"}, sampling: true},
}

func (d openAI) read(r *http.Request, body []byte) (*ask, *refusal) {
	if no := d.authenticate(r); no != nil {
		return nil, no
	}
	req, err := decode(body)
	if err != nil || !isJSON(r) {
		return nil, openAIInvalid("We could not parse the JSON body of your request. (HINT: This likely means you aren't using"+
			" your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)", "", "")
	}
	if no := d.admit(req); no != nil {
		return nil, no
	}
	if f := openAIRequest(root(), req); f != nil {
		return nil, openAIWords(f)
	}
	name := str(req, "model")
	if name == "" {
		return nil, openAIInvalid("you must provide a model parameter", "", "")
	}
	model, ok := d.find(name)
	if !ok {
		return nil, &refusal{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
			message: "The model `" + name + "` does not exist or you do not have access to it."}
	}
	if d.model == "" {
		if no := model.refuses(req); no != nil {
			return nil, no
		}
	}
	if no := openAITurns(req, model); no != nil {
		return nil, no
	}
	if no := openAIOutput(req); no != nil {
		return nil, no
	}
	a := d.ask(req, model)
	return a, nil
}

// find gives a model of the server's by its name or its snapshot's.
func (d openAI) find(name string) (openAIModel, bool) {
	if d.model != "" {
		return openAIModel{snapshot: name, efforts: d.efforts, sampling: true}, name == d.model
	}
	model, ok := openAIModels[name]
	for _, m := range openAIModels {
		if m.snapshot == name {
			model, ok = m, true
		}
	}
	return model, ok
}

func (d openAI) authenticate(r *http.Request) *refusal {
	no := &refusal{status: http.StatusUnauthorized, kind: "invalid_request_error"}
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if d.key != "" && !bearer {
		key, bearer = r.Header.Get(d.key), d.key == "Api-Key"
	}
	switch {
	case d.key == "-": // on a machine of one's own
		return nil
	case !bearer:
		no.message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth" +
			" (i.e. Authorization: Bearer YOUR_KEY)."
	case key != OpenAIKey:
		no.code = "invalid_api_key"
		no.message = "Incorrect API key provided: " + masked(key) + ". You can find your API key at https://platform.openai.com/account/api-keys."
	default:
		return nil
	}
	return no
}

func masked(key string) string {
	if len(key) < 12 {
		return strings.Repeat("*", len(key))
	}
	return key[:8] + strings.Repeat("*", len(key)-12) + key[len(key)-4:]
}

func isJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// ask is what a checked request asks for.
func (d openAI) ask(req map[string]any, model openAIModel) *ask {
	options := sub(req, "stream_options")
	a := &ask{
		model: model.snapshot, stream: truth(req, "stream"), choice: "auto", choices: max(count(req, "n"), 1),
		usageChunk: truth(options, "include_usage"), obfuscate: options["include_obfuscation"] != false,
		limit: max(count(req, "max_completion_tokens"), count(req, "max_tokens")),
		think: model.efforts != nil && str(req, "reasoning_effort") != "none" && (!model.sampling || has(req, "reasoning_effort")),
	}
	if parallel, ok := req["parallel_tool_calls"].(bool); ok {
		a.single = !parallel
	}
	if s, ok := req["stop"].(string); ok {
		a.stops = []string{s}
	}
	for _, s := range items(req, "stop") {
		a.stops = append(a.stops, s.(string))
	}
	for _, t := range each(items(req, "tools")) {
		f := sub(t, "function")
		a.tools = append(a.tools, tool{str(f, "name"), sub(f, "parameters")})
		a.read += 1 + tokens(str(f, "description"))
	}
	d.choose(a, req)
	format := sub(req, "response_format")
	a.json = str(format, "type") == "json_object"
	if str(format, "type") == "json_schema" {
		a.schema = sub(sub(format, "json_schema"), "schema")
		if a.schema == nil {
			a.schema = map[string]any{}
		}
	}
	d.turns(a, req)
	return a
}

func (openAI) choose(a *ask, req map[string]any) {
	if s, ok := req["tool_choice"].(string); ok {
		a.choice = s
		return
	}
	choice := sub(req, "tool_choice")
	switch str(choice, "type") {
	case "function":
		a.choice, a.named = "named", str(sub(choice, "function"), "name")
	case "allowed_tools":
		allowed := sub(choice, "allowed_tools")
		a.choice = str(allowed, "mode")
		var kept []tool
		for _, t := range a.tools {
			for _, w := range each(items(allowed, "tools")) {
				if str(sub(w, "function"), "name") == t.name {
					kept = append(kept, t)
				}
			}
		}
		a.tools = kept
	}
}
