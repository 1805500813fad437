package compat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// ask is a request to a server of the table.
type ask struct {
	server, version string
	model           string
	limit           string // the gate's own
	body            string
	fetch           *fetch.Fetcher
}

func (a ask) send(t *testing.T) (req *http.Request, body string, dropped []string, err error) {
	t.Helper()
	r, err := openai.ParseChat([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	call := &provider.Call{
		Provider: &provider.Provider{BaseURL: "https://api.test/v1", Fetch: a.fetch}, Key: "k", Model: a.model,
		Request: r, Edits: new(openai.Edits), Stream: r.Stream,
	}
	if a.limit != "" {
		call.Edits.Set("max_completion_tokens", []byte(a.limit))
	}
	chat := New(Options{Server: Lookup(a.server), APIVersion: a.version})()
	if req, err = chat.Request(context.Background(), call); err != nil {
		return nil, "", nil, err
	}
	b, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, string(b), chat.Dropped(), nil
}

// Parameters: what the request has beside model and messages, what is sent in
// its place, and what is reported as dropped.
func TestParams(t *testing.T) {
	const tools = `"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}]`
	for name, c := range map[string]struct {
		server, model, limit string
		in, want             string
		dropped              []string
	}{
		"unknown fields go up":           {server: "mistral", in: `"safe_prompt":true`, want: `"safe_prompt":true`},
		"digits":                         {server: "mistral", in: `"temperature":0.70`, want: `"temperature":0.70`},
		"limit renamed":                  {server: "mistral", in: `"max_completion_tokens":7`, want: `"max_tokens":7`},
		"limit as it is":                 {server: "mistral", in: `"max_tokens":7`, want: `"max_tokens":7`},
		"limit twice":                    {server: "mistral", in: `"max_tokens":7,"max_completion_tokens":8`, want: `"max_tokens":8`},
		"limit null":                     {server: "mistral", in: `"max_tokens":7,"max_completion_tokens":null`, want: `"max_tokens":7`},
		"limit of the gate":              {server: "mistral", limit: "9", want: `"max_tokens":9`},
		"limit of the gate, newer name":  {server: "groq", limit: "9", want: `"max_completion_tokens":9`},
		"limit of the gate, vLLM":        {server: "vllm", limit: "9", want: `"max_tokens":9`},
		"limit, newer name":              {server: "cerebras", in: `"max_tokens":7`, want: `"max_completion_tokens":7`},
		"limit, newer name, twice":       {server: "cerebras", in: `"max_tokens":7,"max_completion_tokens":8`, want: `"max_completion_tokens":8`},
		"limit, either name":             {server: "groq", in: `"max_tokens":7`, want: `"max_tokens":7`},
		"seed":                           {server: "mistral", in: `"seed":1`, want: `"random_seed":1`},
		"seed null":                      {server: "mistral", in: `"seed":null`},
		"seed elsewhere":                 {server: "groq", in: `"seed":1`, want: `"seed":1`},
		"seed nowhere":                   {server: "deepseek", in: `"seed":1`, dropped: []string{"seed"}},
		"no stream options":              {server: "mistral", in: `"stream":true,"stream_options":{"include_usage":true}`, want: `"stream":true`},
		"stream options":                 {server: "groq", in: `"stream":true`, want: `"stream":true,"stream_options":{"include_usage":true}`},
		"refused":                        {server: "mistral", in: `"user":"u","top_p":1,"logprobs":true,"store":true`, want: `"top_p":1`, dropped: []string{"logprobs", "store", "user"}},
		"refused, but nothing was asked": {server: "mistral", in: `"logprobs":false,"store":null,"service_tier":"auto","modalities":["text"]`},
		"one answer":                     {server: "deepseek", in: `"n":1`},
		"two answers":                    {server: "deepseek", in: `"n":2`, dropped: []string{"n"}},
		"a tool it must call":            {server: "mistral", in: tools + `,"tool_choice":"required"`, want: tools + `,"tool_choice":"any"`},
		"a tool it can't be made to":     {server: "moonshot", in: tools + `,"tool_choice":"required"`, want: tools, dropped: []string{"tool_choice"}},
		"tools as it likes":              {server: "ollama", in: tools + `,"tool_choice":"auto"`, want: tools},
		"no tools":                       {server: "ollama", in: tools + `,"tool_choice":"none"`},
		"one tool":                       {server: "mistral", in: `"tool_choice":{"type":"function","function":{"name":"a"}}`, want: `"tool_choice":{"type":"function","function":{"name":"a"}}`},
		"some tools": {server: "mistral", in: tools + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","name":"b"}]}}`,
			want: `"tools":[{"type":"function","function":{"name":"b"}}],"tool_choice":"any"`},
		"some tools at Azure": {server: "azure", in: `"tool_choice":{"type":"allowed_tools"}`, want: `"tool_choice":{"type":"allowed_tools"}`},
		"none of the tools":   {server: "groq", in: tools + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`},
		"no tools at all":     {server: "perplexity", in: tools, dropped: []string{"tools"}},
		"a schema": {server: "deepseek", in: `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}`,
			want: `"response_format":{"type":"json_object"}`, dropped: []string{"response_format.json_schema"}},
		"an object":             {server: "deepseek", in: `"response_format":{ "type":"json_object" }`, want: `"response_format":{ "type":"json_object" }`},
		"effort, two":           {server: "mistral", in: `"reasoning_effort":"low"`, want: `"reasoning_effort":"high"`},
		"effort, none":          {server: "mistral", in: `"reasoning_effort":"none"`, want: `"reasoning_effort":"none"`},
		"effort, three":         {server: "cerebras", in: `"reasoning_effort":"xhigh"`, want: `"reasoning_effort":"high"`},
		"effort by model":       {server: "groq", model: "qwen/qwen3-32b", in: `"reasoning_effort":"low"`, want: `"reasoning_effort":"default"`},
		"effort by model, not":  {server: "groq", model: "openai/gpt-oss-120b", in: `"reasoning_effort":"low"`, want: `"reasoning_effort":"low"`},
		"effort, Grok 4":        {server: "xai", model: "grok-4-0709", in: `"reasoning_effort":"low"`, dropped: []string{"reasoning_effort"}},
		"effort, Grok 4.3":      {server: "xai", model: "grok-4.3", in: `"reasoning_effort":"minimal"`, want: `"reasoning_effort":"low"`},
		"stop, Grok thinks":     {server: "xai", model: "grok-4-0709", in: `"stop":"x","presence_penalty":0`, dropped: []string{"stop"}},
		"stop, Grok doesn't":    {server: "xai", model: "grok-4-fast-non-reasoning", in: `"stop":"x"`, want: `"stop":"x"`},
		"tier":                  {server: "groq", in: `"service_tier":"default"`, want: `"service_tier":"on_demand"`},
		"everything, OpenAI":    {server: "azure", in: `"logprobs":true,"user":"u","store":true`, want: `"logprobs":true,"user":"u","store":true`},
		"effort is no word":     {server: "mistral", in: `"reasoning_effort":null`, want: `"reasoning_effort":null`},
		"the search of its own": {server: "perplexity", in: `"search_mode":"academic","web_search_options":{"search_context_size":"low"}`, want: `"search_mode":"academic","web_search_options":{"search_context_size":"low"}`},
	} {
		t.Run(name, func(t *testing.T) {
			const head = `{"model":"m","messages":[{"role":"user","content":"hi"}]`
			join := func(members string) string {
				if members != "" {
					members = "," + members
				}
				return head + members + "}"
			}
			a := ask{server: c.server, model: "m", limit: c.limit, body: join(c.in)}
			if c.model != "" {
				a.model = c.model
			}
			_, body, dropped, err := a.send(t)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(join(c.want), `"m"`, `"`+a.model+`"`, 1); body != want {
				t.Errorf("got  %s\nwant %s", body, want)
			}
			slices.Sort(dropped)
			if diff := cmp.Diff(c.dropped, dropped); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	const (
		foreign = `"tool_calls":[{"id":"call_long","type":"function","function":{"name":"f","arguments":"{}"}}]`
		state   = `"reasoning_content":"r","reasoning_details":[{}],"extra_content":{"google":{}}`
		user    = `{"role":"user","content":"hi"}`
	)
	for name, c := range map[string]struct{ server, in, want string }{
		"untouched":                   {"mistral", `{ "role" : "user", "content":"hi"}`, `{ "role" : "user", "content":"hi"}`},
		"developer":                   {"mistral", `{"role":"developer","content":"be"},` + user, `{"role":"system","content":"be"},` + user},
		"developer stays":             {"groq", `{"role":"developer","content":"be"}`, `{"role":"developer","content":"be"}`},
		"the word developer":          {"mistral", `{"role":"user","content":"a \"developer\""}`, `{"role":"user","content":"a \"developer\""}`},
		"W31 reasoning goes back":     {"deepseek", `{"role":"assistant","content":"a",` + state + `},` + user, `{"role":"assistant","content":"a","reasoning_content":"r"},` + user},
		"W31 reasoning is refused":    {"mistral", `{"role":"assistant","content":"a",` + state + `},` + user, `{"role":"assistant","content":"a"},` + user},
		"reasoning by its name there": {"cerebras", `{"role":"assistant","content":"a",` + state + `}`, `{"role":"assistant","content":"a","reasoning":"r"}`},
		"reasoning by both names":     {"groq", `{"role":"assistant","content":"a","reasoning":"own","reasoning_content":"r"}`, `{"role":"assistant","content":"a","reasoning":"own"}`},
		"reasoning with its details":  {"openrouter", `{"role":"assistant","content":"a","reasoning_content":"r","reasoning_details":[{"type":"reasoning.text"}]}`, `{"role":"assistant","content":"a","reasoning":"r","reasoning_details":[{"type":"reasoning.text"}]}`},
		"reasoning at OpenAI's":       {"azure", `{"role":"assistant","content":"a",` + state + `}`, `{"role":"assistant","content":"a"}`},
		"names":                       {"mistral", `{"role":"user","name":"n","content":"hi"}`, `{"role":"user","content":"hi"}`},
		"refusals":                    {"groq", `{"role":"assistant","content":"a","refusal":null,"annotations":[]}`, `{"role":"assistant","content":"a"}`},
		"ids of its own":              {"mistral", `{"role":"assistant","tool_calls":[{"id":"Jc4AR31Hp"}]},{"role":"tool","tool_call_id":"Jc4AR31Hp","content":"1"}`, `{"role":"assistant","tool_calls":[{"id":"Jc4AR31Hp"}]},{"role":"tool","tool_call_id":"Jc4AR31Hp","content":"1"}`},
		"ids elsewhere":               {"groq", `{"role":"assistant",` + foreign + `}`, `{"role":"assistant",` + foreign + `}`},
		"a beginning":                 {"mistral", user + `,{"role":"assistant","content":"{"}`, user + `,{"role":"assistant","content":"{","prefix":true}`},
		"a beginning, said":           {"mistral", user + `,{"role":"assistant","content":"{","prefix":false}`, user + `,{"role":"assistant","content":"{","prefix":false}`},
		"a turn before":               {"mistral", `{"role":"assistant","content":"a"},` + user, `{"role":"assistant","content":"a"},` + user},
		"image as bytes":              {"ollama", `{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}`, `{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, body, _, err := ask{server: c.server, model: "m", body: `{"model":"m","messages":[` + c.in + `]}`}.send(t)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"model":"m","messages":[` + c.want + `]}`; body != want {
				t.Errorf("got  %s\nwant %s", body, want)
			}
		})
	}
}

// Ids that Mistral would refuse are the same in a call and in its answer, differ
// where they differed, and are the same each time.
func TestCallIDs(t *testing.T) {
	const body = `{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1"},{"id":"call_2"}]},
		{"role":"tool","tool_call_id":"call_1","content":"1"},{"role":"tool","tool_call_id":"call_2","content":"2"}]}`
	_, first, _, err := ask{server: "mistral", model: "m", body: body}.send(t)
	if err != nil {
		t.Fatal(err)
	}
	_, second, _, _ := ask{server: "mistral", model: "m", body: body}.send(t)
	if first != second {
		t.Errorf("%s\n%s", first, second)
	}
	ids := regexp.MustCompile(`"(?:id|tool_call_id)":"([^"]*)"`).FindAllStringSubmatch(first, -1)
	if len(ids) != 4 || ids[0][1] != ids[2][1] || ids[1][1] != ids[3][1] || ids[0][1] == ids[1][1] {
		t.Fatalf("ids are %q", ids)
	}
	for _, id := range ids {
		if !regexp.MustCompile(`^[A-Za-z0-9]{9}$`).MatchString(id[1]) {
			t.Errorf("%q would be refused", id[1])
		}
	}
}

func TestImageAddresses(t *testing.T) {
	for name, image := range map[string]string{
		"object": `{"url":"https://192.0.2.1/a.png","detail":"low"}`,
		"string": `"https://192.0.2.1/a.png"`,
	} {
		for _, f := range []*fetch.Fetcher{nil, fetch.New(fetch.Policy{}), fetch.New(fetch.Policy{Off: true})} {
			_, _, _, err := ask{server: "ollama", model: "m", fetch: f, body: `{"messages":[{"role":"user","content":"hi"},
				{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":` + image + `}]}]}`}.send(t)
			var refused *openai.Error
			if !errors.As(err, &refused) || refused.Status != 400 || refused.Code != "invalid_image_url" || refused.Param != "messages[1].content[1].image_url" {
				t.Errorf("%s: error is %+v", name, err)
			}
		}
	}
}

// Images that are there become bytes, one by one, up to a bound for all.
func TestImagesFetched(t *testing.T) {
	const png = "\x89PNG\r\n\x1a\n"
	large := png + strings.Repeat("x", 18<<20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, map[string]string{"/png": png, "/large": large, "/text": "no image"}[r.URL.Path])
	}))
	defer srv.Close()
	f := fetch.New(fetch.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for name, c := range map[string]struct{ in, want string }{
		"object":    {`{"url":"URL/png","detail":"low"}`, `{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}`},
		"string":    {`"URL/png"`, `{"url":"data:image/png;base64,iVBORw0KGgo="}`},
		"no image":  {`"URL/text"`, ""},
		"too large": {`"URL/large"},{"type":"image_url","image_url":"URL/large"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := func(image string) string {
				return `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":` + strings.ReplaceAll(image, "URL", srv.URL) + `}]}]}`
			}
			_, got, _, err := ask{server: "ollama", model: "m", fetch: f, body: body(c.in)}.send(t)
			var refused *openai.Error
			switch {
			case c.want == "" && (!errors.As(err, &refused) || refused.Code != "invalid_image_url"):
				t.Errorf("error is %v", err)
			case c.want != "" && (err != nil || got != body(c.want)):
				t.Errorf("%v: got  %s\nwant %s", err, got, body(c.want))
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	for name, c := range map[string]struct{ server, version, model, url, header string }{
		"bearer":    {"groq", "", "openai/gpt-oss", "https://api.test/v1/chat/completions", "Authorization"},
		"Azure v1":  {"azure", "", "my deployment", "https://api.test/v1/chat/completions", "Api-Key"},
		"preview":   {"azure", "preview", "d", "https://api.test/v1/chat/completions?api-version=preview", "Api-Key"},
		"classic":   {"azure", "2024-10-21", "d", "https://api.test/v1/deployments/d/chat/completions?api-version=2024-10-21", "Api-Key"},
		"one piece": {"azure", "2024-10-21", "../a b?", "https://api.test/v1/deployments/..%2Fa%20b%3F/chat/completions?api-version=2024-10-21", "Api-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			req, _, _, err := ask{server: c.server, version: c.version, model: c.model, body: `{"messages":[{"role":"user","content":"hi"}]}`}.send(t)
			if err != nil {
				t.Fatal(err)
			}
			if got := req.URL.String(); got != c.url {
				t.Errorf("URL is %s, want %s", got, c.url)
			}
			if len(req.Header) != 2 || !strings.HasSuffix(req.Header.Get(c.header), "k") {
				t.Errorf("header is %v", req.Header)
			}
		})
	}
}

// The table itself: names in order, addresses, and rules that can be reached.
func TestTable(t *testing.T) {
	for i, s := range servers {
		if i > 0 && servers[i-1].Name >= s.Name {
			t.Errorf("%s comes behind %s", s.Name, servers[i-1].Name)
		}
		if s.Name != "azure" && !strings.HasPrefix(s.BaseURL, "http") {
			t.Errorf("%s has no address", s.Name)
		}
		if s.BaseURL != "" && !s.Keyless && At(s.BaseURL).Name != s.Name {
			t.Errorf("%s is not found by its address", s.Name)
		}
		all := map[string]bool{}
		for _, p := range s.Params {
			if all[p.Name] {
				t.Errorf("%s: a rule for %s can't be reached", s.Name, p.Name)
			}
			if p.Models == "" {
				all[p.Name] = true
			}
			if p.Drop && p.Note == "" {
				t.Errorf("%s: no word why %s is dropped", s.Name, p.Name)
			}
		}
	}
	if At("http://localhost:11434/v1") != nil {
		t.Error("whatever listens at home is taken for Ollama")
	}
}
