package survival

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
	"github.com/layergateway/layergateway/internal/site"
)

// inPath is what is in front and behind of a model in the path of each provider that has it there.
var inPath = []struct{ to, front, back string }{
	{"google", "/google/v1beta/models/", ":generateContent"},
	{"vertex", "/vertex/v1/projects/p/locations/eu/publishers/google/models/", ":generateContent"},
	{"bedrock", "/bedrock/model/", "/converse"},
	{"azure", "/azure/openai/deployments/", "/chat/completions"},
}

// secureNameRows are models that would be more than a name: each is one segment of the path, or refused.
var secureNameRows = func() []clientRow {
	var rows []clientRow
	for _, p := range inPath {
		for what, model := range map[string]string{
			"a way up": "../../../../evil", "a way up, escaped": "..%2f..%2fevil", "two dots within": "a/../b", "a query": "m?key=evil&x=1", "a fragment": "m#evil",
			"a slash": "a/b", "a backslash": `..\evil`, "another method": "m:deleteModel", "a percent": "%", "an escaped NUL": "m%00", "an escaped line break": "m%0d%0aX-Evil: 1",
			"a parameter": "m;v=1", "white space": "m x", "an ARN": "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.x", "a host": "//evil.example/x", "an at": "m@evil.example",
		} {
			rows = append(rows, nameRow(p.to, p.front, p.back, what, model))
		}
		for what, model := range map[string]string{"line breaks": `m\r\nX-Evil: 1`, "NUL": `m\u0000`} {
			rows = append(rows, clientRow{id: fmt.Sprintf("D76 %s: %s", p.to, what), to: p.to, gate: "allow_overrides model", want: refusedBody("invalid_type", "model"),
				act: func(c *caller) badclient.Reply { return c.do(overriding(c, p.to+"/"+model)) }})
		}
	}
	for _, dots := range []struct{ to, model, code string }{{"azure", "..", "model_not_found"}, {"azure", ".", "model_not_found"}, {"bedrock", "..", "invalid_value"}, {"bedrock", ".", "invalid_value"}} {
		rows = append(rows, clientRow{id: fmt.Sprintf("D61 %s: %s alone", dots.to, dots.model), to: dots.to, gate: "allow_overrides model", want: refusedBody(dots.code, "model"),
			act: func(c *caller) badclient.Reply { return c.do(overriding(c, dots.to+"/"+dots.model)) }})
	}
	return rows
}()

// overriding asks for another model than the gate's; its text is as JSON has it.
func overriding(c *caller, model string) badclient.Request {
	return badclient.Post(frontPath, frontKey, fmt.Sprintf(`{"gateId":%q,"model":"`, c.name)+model+fmt.Sprintf(`","messages":[{"role":"user","content":%q}]}`, c.name))
}

func nameRow(to, front, back, what, model string) clientRow {
	return clientRow{
		id: fmt.Sprintf("D61 %s: %s", to, what), to: to, gate: "allow_overrides model",
		want: clientWant{status: 502, code: "provider_error", end: "provider_error"}, // nothing is scripted for such a model
		act: func(c *caller) badclient.Reply {
			return c.do(overriding(c, to+"/"+strings.ReplaceAll(model, `\`, `\\`)))
		},
		check: func(t *testing.T, c *caller, _ *badclient.Reply) {
			asked := 0
			for _, e := range c.up.Entries("") {
				if !bytes.Contains(e.Body, []byte(`"`+c.name+`"`)) {
					continue
				}
				asked++
				segment, ok := strings.CutPrefix(e.Path, front)
				segment, closed := strings.CutSuffix(segment, back)
				name, err := url.PathUnescape(segment)
				if !ok || !closed || err != nil || strings.Contains(segment, "/") || name != model || e.Query != "" && e.Query != "api-version=2024-10-21" {
					t.Errorf("upstream: %s?%s", e.Path, e.Query)
				}
			}
			if asked != 1 {
				t.Errorf("upstream: asked %d times", asked)
			}
		},
	}
}

// secureURLRows are addresses of what is the operator's own, for a provider that takes bytes alone.
func secureURLRows() []clientRow {
	var rows []clientRow
	for _, one := range []string{
		"https://127.0.0.1:%s/x.png", "https://127.1:%s/x.png", "https://2130706433:%s/x.png", "https://0x7f000001:%s/x.png", "https://0:%s/x.png", "https://localhost:%s/x.png",
		"https://LOCALHOST.:%s/x.png", "https://[::1]:%s/x.png", "https://[::ffff:127.0.0.1]:%s/x.png", "https://[::]:%s/x.png", "http://127.0.0.1:%s/x.png",
		"https://evil.example@127.0.0.1:%s/x.png", "https://127.0.0.1:%s@169.254.169.254/", "https://169.254.169.254/latest/meta-data/", "http://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/latest/",
		"https://10.0.0.1/x.png", "https://172.16.0.1/x.png", "https://192.168.0.1/x.png", "https://100.64.0.1/x.png", "https://[fd00::1]/x.png", "https://[fe80::1]/x.png", "https://[64:ff9b::7f00:1]/x.png",
		"https://0.0.0.0/x.png", "https://224.0.0.1/x.png", "file:///etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1:%s/_x", "ftp://127.0.0.1:%s/x", "unix:///run/x.sock", "/etc/passwd", "//127.0.0.1:%s/x.png",
		"https:///x.png", "https://", "data", "javascript:alert(1)", `https://127.0.0.1:%s\\@x/`, "https://127.0.0.1%00.example/", "s3://bucket/x",
	} {
		rows = append(rows, clientRow{
			id: "D64 " + strings.ReplaceAll(one, "%s", "port"), to: "bedrock",
			want: refusedBody("invalid_image_url", "messages[0].content[1].image_url.url"),
			act: func(c *caller) badclient.Reply {
				text := strings.ReplaceAll(one, "%s", c.bait.port)
				return c.do(badclient.Post(frontPath, frontKey, fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"`, c.name)+text+`"}}]}]}`))
			},
			check: func(t *testing.T, c *caller, r *badclient.Reply) {
				if text := r.Fault().Message; strings.Contains(text, "refused") || strings.Contains(text, "127.0.0.1") || strings.Contains(text, c.bait.port) {
					t.Errorf("client: the error tells of the network: %s", text)
				}
			},
		})
	}
	return rows
}

// askMuch has a thousand requests say all that must stay secret, and the upstream too.
func askMuch(t *testing.T, f *front) {
	call := fmt.Sprintf(`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"%s\"}"}}]}}]}`, secretArguments)
	said := faultd.Script{faultd.SSE(), faultd.Open(), faultd.Bytes(faultd.OpenAI.Delta("m", secretCompletion)), faultd.Text("data: " + call + "\n\n"), faultd.Rest(1), faultd.End()}
	cut := faultd.Script{faultd.SSE(), faultd.Open(), faultd.Bytes(faultd.OpenAI.Delta("m", secretCompletion)), faultd.Close()}
	broken := faultd.Script{faultd.Answer(200, "application/json", []byte(`{"choices":[{"message":{"content":"`+secretCompletion))}
	f.up.On("third", said, cut, broken, said)
	defer f.up.On("third", faultd.Script{faultd.Healthy(3)})
	body := fmt.Sprintf(`{"model":"third","stream":%%t,"user":"u","metadata":{"m":"%[1]s"},"messages":[{"role":"system","content":"%[1]s"},{"role":"user","content":[{"type":"text","text":"%[1]s"},`+
		`{"type":"image_url","image_url":{"url":"data:image/png;base64,%[2]s"}}]},{"role":"assistant","content":"%[3]s","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"%[4]s\"}"}}]},`+
		`{"role":"tool","tool_call_id":"call_1","content":"%[5]s"}],"tools":[{"type":"function","function":{"name":"f","description":"%[1]s"}}]}`,
		secretPrompt, canaries["image"], secretCompletion, secretArguments, secretResult)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ends := map[int]int{}
	for worker := range 20 {
		wg.Go(func() {
			for i := range 50 {
				r := badclient.Client{Addr: f.open}.Do(badclient.Post(frontPath, frontKey, fmt.Sprintf(body, (i+worker)%2 == 0)))
				mu.Lock()
				ends[r.Status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if ends[200]+ends[502] != 1000 || ends[200] < 900 {
		t.Errorf("answers by status: %v", ends)
	}
	if got := strings.Count(f.site.Log(), `"gate":"third"`); got < 1000 {
		t.Errorf("the log has %d of a thousand requests", got)
	}
}

// checkEmptyKeys sees that a configuration whose keys are empty is refused with a word on what to do, and changes nothing.
func checkEmptyKeys(t *testing.T, f *front) {
	for key, want := range map[string]string{
		`""`: "the key is empty", "{env.NOT_SET_ANYWHERE}": "{env.NOT_SET_ANYWHERE} is empty: set it, or remove the key", "{$NOT_SET_ANYWHERE}": "api_key", "sha256:": "64 hex digits",
		"{file./nowhere/key}": "/nowhere/key",
	} {
		err := f.site.Reload(site.Config{Block: "layer_gateway {\napi_key " + key + "\nprovider echo\n}\n"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("api_key %s: %v, want %q", key, err, want)
		}
	}
	if err := f.site.Reload(site.Config{Block: "layer_gateway {\nprovider echo\n}\n"}); err == nil || !strings.Contains(err.Error(), "nobody could come in") {
		t.Errorf("no key: %v", err)
	}
	r := badclient.Client{Addr: f.open}.Do(badclient.Post(frontPath, frontKey, `{"model":"second",`+hiMessages+`}`))
	if err := faultd.CheckWords(r.Text(), 3); r.Status != 200 || err != nil {
		t.Errorf("afterwards: %d, %v", r.Status, err)
	}
}
