package survival

import (
	"fmt"
	"slices"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// httpRows are clients that use HTTP in ways that few do.
var httpRows = slices.Concat([]clientRow{
	{
		id: "D49 Expect, wrong key", want: clientWant{status: 401, code: "invalid_api_key", end: "rejected"},
		act: func(c *caller) badclient.Reply {
			return c.saw(c.client().Expect(badclient.Post(frontPath, wrongKey, c.body())))
		},
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			if len(r.Interim) > 0 || r.SentBody {
				t.Errorf("client: a body without a key was asked for: %v", r.Interim)
			}
		},
	},
	{
		id: "D49 Expect, right key", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.saw(c.client().Expect(c.post())) },
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			if !slices.Equal(r.Interim, []string{"HTTP/1.1 100 Continue"}) || !r.SentBody {
				t.Errorf("client: interim answers %v", r.Interim)
			}
		},
	},
	{
		id: "D57 a header of 12 KiB", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.do(c.post().With(badclient.BigHeader(12 << 10))) },
	},
	{
		// Caddy's own limit is 16 KiB, and net/http adds a little.
		id: "D57 a header of 20 KiB", want: clientWant{status: 431},
		act: func(c *caller) badclient.Reply { return c.do(c.post().With(badclient.BigHeader(20 << 10))) },
	},
	{
		id: "D57 500 headers", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		act: func(c *caller) badclient.Reply { return c.do(c.post().With(badclient.ManyHeaders(500)...)) },
	},
	{
		id: "D58 two requests without waiting", scripts: []faultd.Script{{faultd.Healthy(4)}, {faultd.Healthy(7)}},
		want: clientWant{ends: map[string]int{"ok": 2, "rejected": 1}, asked: 2},
		act: func(c *caller) badclient.Reply {
			all := c.client().Pipeline(c.post(), badclient.Post(frontPath, frontKey, "{}"), c.post(`"stream":true`))
			for i, want := range []struct{ status, words int }{{200, 4}, {400, 0}, {200, 7}} {
				c.saw(all[i])
				if err := faultd.CheckWords(all[i].Text(), want.words); err != nil || all[i].Status != want.status || !all[i].Whole {
					c.problem("answer %d: status %d, %v, %v", i+1, all[i].Status, err, all[i].Err)
				}
			}
			return badclient.Reply{}
		},
	},
}, methodRows(frontPath, "POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"),
	methodRows("/v1/models", "GET, HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
	methodRows("/v1/models/second", "GET, HEAD", "POST", "DELETE", "OPTIONS"))

// methodRows are requests with other methods than a path takes: 405, whoever asks, also for a browser's preflight. CORS
// is for the site to configure, in front of the gateway.
func methodRows(path, allow string, methods ...string) []clientRow {
	var rows []clientRow
	for _, method := range methods {
		row := clientRow{id: fmt.Sprintf("D55 %s %s", method, path), want: clientWant{status: 405, code: "method_not_allowed"}}
		row.act = func(c *caller) badclient.Reply {
			return c.do(badclient.Request{Method: method, Path: path, Header: []string{"Origin: https://app.example",
				"Access-Control-Request-Method: POST"}})
		}
		row.check = func(t *testing.T, c *caller, r *badclient.Reply) {
			if got := r.Header.Get("Allow"); got != allow || r.Header.Get("X-Layer-Request-Id") == "" {
				t.Errorf("client: Allow %q, want %q: %v", got, allow, r.Header)
			}
			checkAnswerHeader(t, c, r)
		}
		if method == "HEAD" {
			row.want.code = "" // it has no body
		}
		rows = append(rows, row)
	}
	return rows
}
