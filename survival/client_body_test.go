package survival

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd/badclient"
	"github.com/layergateway/layergateway/openai"
)

// refusedBody is what a body gets that is the caller's fault: nobody is asked.
func refusedBody(code, param string) clientWant {
	return clientWant{status: 400, code: code, param: param, end: "rejected"}
}

// raws sends bytes of the row's own making.
func raws(make func(c *caller) []byte) func(c *caller) badclient.Reply {
	return func(c *caller) badclient.Reply { return c.saw(c.client().Send(make(c))) }
}

func closes(t *testing.T, _ *caller, r *badclient.Reply) {
	t.Helper()
	if !r.Closed {
		t.Error("client: the connection lives on")
	}
}

const hiMessages = `"messages":[{"role":"user","content":"hi"}]`

// bodyRows are bodies as no client should send them, and some that only look so.
var bodyRows = []clientRow{
	{
		id: "D43 too large, by its length", want: clientWant{status: 413, code: "request_too_large", end: "rejected"},
		// Not a byte of the body is sent, so none can be waited for.
		act: raws(func(*caller) []byte {
			req := badclient.Post(frontPath, frontKey, "", "Content-Length: 33554433")
			return req.Bytes()
		}),
		check: closes,
	},
	{
		id: "D43 too large, chunked", want: clientWant{status: 413, code: "request_too_large", end: "rejected"},
		act: func(c *caller) badclient.Reply {
			req := c.post(`"metadata":{"a":"` + strings.Repeat("a", 80<<10) + `"}`)
			return c.saw(badclient.Client{Addr: c.tight}.Send(req.Chunked(badclient.Chunks{Size: 8 << 10})))
		},
	},
	{id: "D44 1,000 tools", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.do(c.post(manyTools(1000))) },
		check: func(t *testing.T, c *caller, _ *badclient.Reply) {
			if n := bytes.Count(c.up.Entries(c.name)[0].Body, []byte(`"function":{`)); n != 1000 {
				t.Errorf("upstream: %d tools", n)
			}
		}},
	{id: "D44 10,000 tools", act: func(c *caller) badclient.Reply { return c.do(c.post(manyTools(10_000))) },
		want: refusedBody("array_above_max_length", "tools")},
	{id: "D45 depth 10,001", want: refusedBody("invalid_json", ""), act: func(c *caller) badclient.Reply {
		return c.do(c.post(`"metadata":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)))
	}},
	{id: "D46 model twice", act: bare(`{"model":"second","model":"third",` + hiMessages + `}`), want: refusedBody("invalid_json", "model")},
	{id: "D46 model twice, once escaped", act: bare(`{"model":"second","mod\u0065l":"third",` + hiMessages + `}`), want: refusedBody("invalid_json", "model")},
	{id: "D46 gateId twice", act: bare(`{"gateId":"second","gateId":"third",` + hiMessages + `}`), want: refusedBody("invalid_json", "gateId")},
	{id: "D46 stream twice", act: bare(`{"model":"second","stream":false,"stream":true,` + hiMessages + `}`), want: refusedBody("invalid_json", "stream")},
	{id: "D46 role twice", act: bare(`{"model":"second","messages":[{"role":"user","role":"system","content":"hi"}]}`), want: refusedBody("invalid_json", "messages[0].role")},
	{id: "D47 invalid UTF-8", act: bare("{\"model\":\"second\xff\"," + hiMessages + "}"), want: refusedBody("invalid_json", "")},
	{id: "D47 lone surrogate", act: bare(`{"model":"\ud800",` + hiMessages + `}`), want: refusedBody("invalid_json", "")},
	{id: "D47 NUL, escaped", act: bare(`{"model":"second\u0000",` + hiMessages + `}`), want: refusedBody("invalid_type", "model")},
	{id: "D47 NUL as it is", act: bare("{\"model\":\"second\x00\"," + hiMessages + "}"), want: refusedBody("invalid_json", "")},
	{id: "D48 trailers", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: raws(func(c *caller) []byte {
			return c.post().Chunked(badclient.Chunks{Size: 10, Trailers: []string{"X-Layer-Gate-Id: third", "Authorization: Bearer " + tenantKey, "X-Odd: 1"}})
		})},
	{id: "D48 extensions", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: raws(func(c *caller) []byte {
			return c.post().Chunked(badclient.Chunks{Size: 10, Extension: `;name="value";flag`})
		})},
	malformedChunks("bare LF", badclient.Chunks{LineEnd: "\n"}),
	malformedChunks("no number", badclient.Chunks{First: "zz"}),
	malformedChunks("negative", badclient.Chunks{First: "-1"}),
	malformedChunks("too large a number", badclient.Chunks{First: "ffffffffffffffffff"}),
	malformedChunks("too short a chunk", badclient.Chunks{First: "1"}),
	// It has closed its side: that it still listens is not known, but it must not take silence for an answer.
	{id: "D48 the body ends early", want: clientWant{status: 499, code: "client_gone", end: "client_gone"},
		act: func(c *caller) badclient.Reply {
			return c.saw(c.client().HalfClose(c.post().With("Content-Length: 100000")))
		}},
	{id: "D50 gzip", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.do(c.post().Gzipped()) },
		check: func(t *testing.T, c *caller, _ *badclient.Reply) {
			e := c.up.Entries(c.name)[0]
			if !json.Valid(e.Body) || e.Header.Get("Content-Encoding") != "" {
				t.Errorf("upstream: %v %.100q", e.Header, e.Body)
			}
		}},
	{id: "D50 damaged gzip", want: refusedBody("invalid_json", ""), act: func(c *caller) badclient.Reply {
		req := c.post().Gzipped()
		req.Body = req.Body[:len(req.Body)-6]
		return c.do(req)
	}},
	{id: "D50 no gzip", want: refusedBody("invalid_json", ""),
		act: func(c *caller) badclient.Reply { return c.do(c.post().With("Content-Encoding: gzip")) }},
	{id: "D50 another encoding", want: clientWant{status: 415, code: "unsupported_encoding", end: "rejected"},
		act: func(c *caller) badclient.Reply { return c.do(c.post().With("Content-Encoding: br")) }},
	{id: "D50 a small bomb", want: clientWant{status: 413, code: "request_too_large", end: "rejected"},
		act: func(c *caller) badclient.Reply { return c.saw(badclient.Client{Addr: c.tight}.Do(bomb(c.name, 8))) }},
	{id: "D54 no messages", act: bare(`{"model":"second"}`), want: refusedBody("missing_field", "messages")},
	{id: "D54 null", act: bare(`{"model":"second","messages":null}`), want: refusedBody("missing_field", "messages")},
	{id: "D54 an object", act: bare(`{"model":"second","messages":{}}`), want: refusedBody("invalid_type", "messages")},
	{id: "D54 an empty list", act: bare(`{"model":"second","messages":[]}`), want: refusedBody("missing_field", "messages")},
	{id: "D54 an empty body", act: bare(""), want: refusedBody("invalid_json", "messages")},
	{id: "D54 a text", act: bare(`{"model":"second","messages":"x"}`), want: refusedBody("invalid_type", "messages")},
	{id: "D56 text/plain", scripts: wellSaid(5), act: typed("text/plain"), want: clientWant{status: 200, words: 5, end: "ok", asked: 1}},
	{id: "D56 a form's type", scripts: wellSaid(5), act: typed("application/x-www-form-urlencoded"), want: clientWant{status: 200, words: 5, end: "ok", asked: 1}},
	{id: "D56 a form", want: refusedBody("invalid_json", ""), act: func(c *caller) badclient.Reply {
		return c.do(badclient.Request{Path: frontPath, Body: []byte("model=second&messages=hi"),
			Header: []string{"Authorization: Bearer " + frontKey, "Content-Type: application/x-www-form-urlencoded"}})
	}},
}

// malformedChunks is a body whose chunks are none: where it ends is anybody's guess, so the connection must too.
func malformedChunks(what string, chunks badclient.Chunks) clientRow {
	return clientRow{id: "D48 malformed chunks, " + what, want: refusedBody("invalid_json", ""), check: closes,
		act: raws(func(c *caller) []byte { return c.post().Chunked(chunks) })}
}

// typed sends JSON with another type, which is not looked at.
func typed(mediaType string) func(c *caller) badclient.Reply {
	return func(c *caller) badclient.Reply {
		return c.do(badclient.Request{Path: frontPath, Body: []byte(c.body()), Header: []string{"Authorization: Bearer " + frontKey, "Content-Type: " + mediaType}})
	}
}

// manyTools is the field with n tools.
func manyTools(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"type":"function","function":{"name":"f%d","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}`, i)
	}
	return `"tools":[` + b.String()[1:] + `]`
}

// bomb is a valid request but for its size, of so many MiB.
func bomb(model string, mebibytes int) badclient.Request {
	req := badclient.Post(frontPath, frontKey, "", "Content-Encoding: gzip")
	req.Body = badclient.Bomb(`{"model":"`+model+`","messages":[{"role":"user","content":"`, mebibytes, `"}]}`)
	return req
}

// checkBombMemory sends a GiB as a MiB. What is measured is the most that the heap has ever been.
func checkBombMemory(t *testing.T, f *front) {
	const most = 64 << 20
	heap := func() int64 {
		var vars struct {
			MemStats struct{ HeapSys int64 } `json:"memstats"`
		}
		if err := json.Unmarshal([]byte(f.site.Admin("/debug/vars")), &vars); err != nil || vars.MemStats.HeapSys == 0 {
			t.Fatalf("memory of the process: %v", err)
		}
		return vars.MemStats.HeapSys
	}
	base, before := f.site.Usage(), heap()
	r := badclient.Client{Addr: f.open}.Do(bomb("second", 1<<10))
	after, now := heap(), f.site.Usage()
	if fault := r.Fault(); r.Status != 413 || fault == nil || fault.Code != "request_too_large" {
		t.Errorf("%d %.200s (%v)", r.Status, r.Body, r.Err)
	}
	// The race detector takes memory of its own for all that is touched.
	if !frontRaced && (after-before > most || now.RSS-base.RSS > most) {
		t.Errorf("a bomb took %d bytes of heap, and %d bytes of memory", after-before, now.RSS-base.RSS)
	}
	t.Logf("heap at most %d and then %d, memory %d and then %d", before, after, base.RSS, now.RSS)
}

// Work for tools grows with their number, not with its square: it is counted, not timed.
func TestToolsWork(t *testing.T) {
	work := func(n int) float64 {
		body := []byte("{" + hiMessages + "," + manyTools(n) + "}")
		return testing.AllocsPerRun(3, func() {
			req, err := openai.ParseChat(body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := openai.DecodeChat(req, new(openai.Edits)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := work(100), work(1000); large > 12*small {
		t.Errorf("D44: %v allocations for 100 tools, %v for 1,000", small, large)
	}
	refused := func(n int) float64 {
		body := []byte("{" + hiMessages + "," + manyTools(n) + "}")
		return testing.AllocsPerRun(3, func() {
			if _, err := openai.ParseChat(body); (err != nil) != (n > 1024) {
				t.Fatalf("%d tools: %v", n, err)
			}
		})
	}
	if small, large := refused(1000), refused(10_000); large > 12*small {
		t.Errorf("D44: %v allocations for 1,000 tools, %v for 10,000", small, large)
	}
}
