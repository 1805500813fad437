package survival

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// unauthorized is what everybody gets who has no key.
var unauthorized = clientWant{status: 401, code: "invalid_api_key", end: "rejected"}

const (
	wrongKeyBody = `{"error":{"message":"the API key is not valid","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`
	noKeyBody    = `{"error":{"message":"no API key was given: send it as 'Authorization: Bearer <key>'","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`
)

// secureRequestRows are requests that would choose what is the operator's to choose, or come in without a key.
var secureRequestRows = slices.Concat([]clientRow{
	{
		id: "D61 fields and headers that name another host", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply {
			to := "http://127.0.0.1:" + c.bait.port
			var fields, headers []string
			for _, name := range []string{"api_base", "base_url", "baseURL", "host", "api_host", "endpoint", "url", "custom_host", "target_url", "proxy", "webhook", "callback_url"} {
				fields = append(fields, fmt.Sprintf("%q:%q", name, to))
			}
			fields = append(fields, `"api_key":"stolen"`, `"api_version":"x"`, `"organization":"x"`, `"deployment_id":"../x"`, `"custom_llm_provider":"google"`,
				`"provider":{"only":["google"]}`, `"extra_headers":{"Host":"`+to+`","Authorization":"Bearer stolen"}`, `"extra_body":{"base_url":"`+to+`"}`,
				`"extra_query":{"key":"x"}`, `"fallbacks":["google/x"]`, `"models":["google/x"]`, `"route":"fallback"`)
			for _, name := range []string{"X-Portkey-Custom-Host", "X-Custom-Host", "X-Target-Url", "X-Upstream", "X-Base-Url", "X-Api-Base", "Helicone-Target-Url", "Helicone-OpenAI-API-Base",
				"X-Forwarded-Host", "X-Host", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Server", "X-HTTP-Host-Override", "Forwarded", "Proxy", "Destination", "Location", "Referer", "Origin"} {
				headers = append(headers, name+": "+to)
			}
			headers = append(headers, "Api-Version: 2", "OpenAI-Organization: stolen", "OpenAI-Project: stolen", "Anthropic-Version: 1", "X-Amz-Security-Token: stolen", "Cookie: a=b",
				"Proxy-Authorization: Basic c3RvbGVu", "X-HTTP-Method-Override: GET", "X-Goog-User-Project: stolen", "X-Layer-Provider: google", "X-Provider-Key: stolen", "User-Agent: stolen",
				"Accept-Encoding: gzip", "Accept: text/html", "X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "Traceparent: 00-1-1-00", "X-Layer-Session-Id: stolen", "Connection: Authorization, X-Odd", "TE: trailers")
			return c.do(c.post(fields...).With(headers...))
		},
		check: func(t *testing.T, c *caller, _ *badclient.Reply) {
			e := c.up.Entries(c.name)[0] // its headers are looked at with all the others
			if e.Path != "/openai/v1/chat/completions" || e.Query != "" || e.Host != c.up.Addr || strings.Contains(fmt.Sprint(e.Header), "stolen") {
				t.Errorf("upstream: %s?%s at %s: %v", e.Path, e.Query, e.Host, e.Header)
			}
		},
	},
	{
		id: "D66 another tenant's gate", want: clientWant{ends: map[string]int{"rejected": 2}},
		act: func(c *caller) badclient.Reply {
			return c.alike(404, badclient.Post(frontPath, tenantKey, `{"gateId":"second",`+hiMessages+`}`),
				badclient.Post(frontPath, tenantKey, `{"gateId":"nobody's",`+hiMessages+`}`))
		},
	},
	{
		id: "D66 another tenant's gate, by its id", want: clientWant{ends: map[string]int{"rejected": 2}},
		act: func(c *caller) badclient.Reply {
			return c.alike(404, badclient.Post(frontPath, tenantKey, `{"gateId":"bbbbbbbb-0000-4000-8000-00000000000b",`+hiMessages+`}`),
				badclient.Post(frontPath, tenantKey, `{"gateId":"dddddddd-0000-4000-8000-00000000000b",`+hiMessages+`}`))
		},
	},
	{
		id: "D66 another tenant's gate, as a model", want: clientWant{},
		act: func(c *caller) badclient.Reply {
			get := func(path string) badclient.Request {
				return badclient.Request{Method: "GET", Path: path, Header: []string{"Authorization: Bearer " + tenantKey}}
			}
			if r := c.do(get("/v1/models")); r.Status != 200 || bytes.Count(r.Body, []byte(`"object":"model"`)) != 1 || !bytes.Contains(r.Body, []byte(`"id":"tenants"`)) {
				c.problem("the tenant's models: %s", r.Body)
			}
			return c.alike(404, get("/v1/models/second"), get("/v1/models/nobodys"))
		},
	},
	{
		id: "D66 one's own gate", want: clientWant{status: 200, words: 3, end: "ok"},
		act: func(c *caller) badclient.Reply {
			return c.do(badclient.Post(frontPath, tenantKey, `{"model":"tenants",`+hiMessages+`}`))
		},
	},
	{
		id: "D68 a wrong key that looks real", want: unauthorized, check: keyBody(wrongKeyBody),
		act: func(c *caller) badclient.Reply { return c.do(badclient.Post(frontPath, wrongKey, c.body())) },
	},
}, keyRows(), hostRows())

// alike sends requests whose answers must be the same, but for what every answer has of its own.
func (c *caller) alike(status int, reqs ...badclient.Request) badclient.Reply {
	var first string
	for _, req := range reqs {
		r := c.do(req)
		for _, own := range []string{"Date", "X-Layer-Request-Id", "X-Request-Id"} {
			if r.Header.Get(own) == "" {
				c.problem("an answer without %s", own)
			}
			r.Header.Del(own)
		}
		if text := fmt.Sprintf("%d %v %s", r.Status, r.Header, r.Body); first == "" {
			first = text
		} else if text != first {
			c.problem("%s\nand\n%s", text, first)
		}
		if r.Status != status {
			c.problem("status %d: %s", r.Status, r.Body)
		}
	}
	return badclient.Reply{}
}

func keyBody(want string) func(t *testing.T, c *caller, r *badclient.Reply) {
	return func(t *testing.T, c *caller, r *badclient.Reply) {
		if string(r.Body) != want || r.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("client: %s, %v", r.Body, r.Header)
		}
		checkAnswerHeader(t, c, r)
	}
}

// keyRows are ways to come without a key. Who has given none is told how; all others get the same bytes.
func keyRows() []clientRow {
	var rows []clientRow
	for _, one := range []struct {
		id, body string
		headers  []string
	}{
		{"D62 none", noKeyBody, nil},
		{"D62 empty", wrongKeyBody, []string{"Authorization: "}},
		{"D62 no token", wrongKeyBody, []string{"Authorization: Bearer "}},
		{"D62 SQL", wrongKeyBody, []string{"Authorization: ' OR 1=1--"}},
		{"D62 SQL as a token", wrongKeyBody, []string{"Authorization: Bearer ' OR 1=1--"}},
		{"D62 percent", wrongKeyBody, []string{"Authorization: %"}},
		{"D62 a format", wrongKeyBody, []string{"Authorization: Bearer %s%n%x"}},
		{"D62 wildcards", wrongKeyBody, []string{"Authorization: Bearer *"}},
		{"D62 two words", wrongKeyBody, []string{"Authorization: Bearer a b"}},
		{"D62 the key and more", wrongKeyBody, []string{"Authorization: Bearer " + frontKey + " x"}},
		{"D62 more than the key", wrongKeyBody, []string{"Authorization: Bearer " + frontKey + "0"}},
		{"D62 less than the key", wrongKeyBody, []string{"Authorization: Bearer " + frontKey[:len(frontKey)-1]}},
		{"D62 the key in upper case", wrongKeyBody, []string{"Authorization: Bearer " + strings.ToUpper(frontKey)}},
		{"D62 another scheme", wrongKeyBody, []string{"Authorization: Basic " + frontKey}},
		{"D62 no scheme", wrongKeyBody, []string{"Authorization: " + frontKey}},
		{"D62 binary", wrongKeyBody, []string{"Authorization: Bearer \x80\xfe\xff"}},
		{"D62 12 KB", wrongKeyBody, []string{"Authorization: Bearer " + strings.Repeat("k", 12_000)}},
		{"D65 two keys", wrongKeyBody, []string{"Authorization: Bearer " + frontKey, "Authorization: Bearer " + tenantKey}},
		{"D65 the same key twice", wrongKeyBody, []string{"Authorization: Bearer " + frontKey, "Authorization: Bearer " + frontKey}},
		{"D65 two keys in one header", wrongKeyBody, []string{"Authorization: Bearer " + frontKey + ", Bearer " + tenantKey}},
		// A chat completion takes its key by one header; the others must not end up in a log either.
		{"D65 D75 x-api-key", noKeyBody, []string{"X-Api-Key: " + frontKey}},
		{"D65 D75 api-key", noKeyBody, []string{"Api-Key: " + frontKey}},
		{"D65 D75 x-goog-api-key", noKeyBody, []string{"X-Goog-Api-Key: " + frontKey}},
		{"D65 D75 a cookie", noKeyBody, []string{"Cookie: key=" + frontKey}},
		{"D65 D75 Proxy-Authorization", noKeyBody, []string{"Proxy-Authorization: Bearer " + frontKey}},
	} {
		rows = append(rows, clientRow{id: one.id, want: unauthorized, check: keyBody(one.body),
			act: func(c *caller) badclient.Reply {
				return c.do(badclient.Request{Path: frontPath, Body: []byte(c.body()), Header: one.headers})
			}})
	}
	for _, query := range []string{"key", "api_key", "api-key", "access_token"} {
		rows = append(rows, clientRow{id: "D65 D75 ?" + query, want: unauthorized, check: keyBody(noKeyBody),
			act: func(c *caller) badclient.Reply {
				return c.do(badclient.Request{Path: frontPath + "?" + query + "=" + frontKey, Body: []byte(c.body())})
			}})
	}
	return append(rows, clientRow{
		id: "D62 1 MB", want: clientWant{status: 431}, // Caddy's answer: nobody has looked at it
		act: func(c *caller) badclient.Reply {
			return c.do(badclient.Request{Path: frontPath, Body: []byte(c.body()), Header: []string{"Authorization: Bearer " + strings.Repeat("k", 1<<20)}})
		},
	}, clientRow{
		id: "D65 a key beside x-api-key", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.do(c.post().With("X-Api-Key: " + tenantKey)) },
	})
}

// hostRows are requests that lie about where they go or come from. Each is sent with a key and without: the decision is
// the same as without the lie.
func hostRows() []clientRow {
	var rows []clientRow
	for _, one := range []struct {
		id, host, path string
		headers        []string
	}{
		{id: "Host of another", host: "evil.example"},
		{id: "Host of the admin endpoint", host: "localhost:2019"},
		{id: "absolute form", path: "http://evil.example/v1/chat/completions"},
		{id: "absolute form with a user", path: "http://user:password@evil.example/v1/chat/completions?x=1"},
		{id: "forwarded headers", headers: []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost", "X-Forwarded-Proto: https", "X-Forwarded-Uri: /public",
			"X-Forwarded-User: admin", "X-Remote-User: admin", "Forwarded: for=127.0.0.1;host=localhost", "X-Real-Ip: 127.0.0.1", "True-Client-Ip: ::1"}},
		{id: "rewrite headers", headers: []string{"X-Original-Url: /public", "X-Rewrite-Url: /public", "X-HTTP-Method-Override: GET", "X-Original-Method: OPTIONS"}},
		{id: "escaped path", path: "/v1/chat%2Fcompletions"},
	} {
		if one.path == "" {
			one.path = frontPath
		}
		row := clientRow{id: "D63 " + one.id, scripts: wellSaid(5), want: clientWant{ends: map[string]int{"ok": 1, "rejected": 2}, asked: 1}}
		row.act = func(c *caller) badclient.Reply {
			for key, status := range map[string]int{frontKey: 200, wrongKey: 401, "": 401} {
				req := badclient.Request{Path: one.path, Host: one.host, Body: []byte(c.body()), Header: one.headers}
				if key != "" {
					req = req.With("Authorization: Bearer " + key)
				}
				if r := c.do(req); r.Status != status {
					c.problem("key %.8q: status %d, want %d: %s", key, r.Status, status, r.Body)
				}
			}
			return badclient.Reply{}
		}
		rows = append(rows, row)
	}
	for _, host := range []string{"x/?", "localhost/public?x=", "x@y", "x\\y"} { // which nobody serves, with a key or without
		rows = append(rows, clientRow{id: "D63 Host " + host, want: clientWant{status: 400},
			act: func(c *caller) badclient.Reply {
				req := c.post()
				req.Host = host
				return c.do(req)
			}})
	}
	for _, path := range []string{"/public", "/v1/../v1/chat/completions", "//v1/chat/completions", "/v1/chat/completions/", "/V1/chat/completions", "/v1/chat/completions%00", "/v1/chat/completions;x"} {
		rows = append(rows, clientRow{id: "D63 the site's " + path, want: clientWant{status: 200},
			act: func(c *caller) badclient.Reply {
				req := badclient.Request{Path: path, Body: []byte(c.body())}
				return c.do(req.With("X-Original-Url: "+frontPath, "X-Rewrite-Url: "+frontPath))
			},
			check: func(t *testing.T, _ *caller, r *badclient.Reply) {
				if string(r.Body) != "site" {
					t.Errorf("client: %.300s", r.Body)
				}
			}})
	}
	return rows
}
