package survival

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// unknownGate is the answer to whoever names a gate that is not there for him.
var unknownGate = clientWant{status: 404, code: "gate_not_found", param: "gateId", end: "rejected"}

// gateRows are the ways to name a gate.
var gateRows = []clientRow{
	// What disagrees has a precedence, and all that looks at the gate looks at the same.
	named59("D59 gateId before header and model", "second", `{"gateId":"second","model":"up/other",`+hiMessages+`}`, "X-Layer-Gate-Id: third"),
	named59("D59 gate_id before header and model", "second", `{"model":"third","gate_id":"second",`+hiMessages+`}`, "X-Layer-Gate-Id: third"),
	named59("D59 header before model", "third", `{"model":"second",`+hiMessages+`}`, "X-Layer-Gate-Id: third"),
	named59("D59 gateId before gate_id", "third", `{"gate_id":"second","gateId":"third",`+hiMessages+`}`),
	named59("D59 model alone", "second", `{"model":"layer/second",`+hiMessages+`}`),
	{
		id: "D59 access is to the same gate", want: unknownGate, // the tenant's own gate is named beside another's
		act: func(c *caller) badclient.Reply {
			return c.do(badclient.Post(frontPath, tenantKey, `{"gateId":"second","model":"tenants",`+hiMessages+`}`, "X-Layer-Gate-Id: tenants"))
		},
	},
	idRow("upper case", "BBBBBBBB-0000-4000-8000-00000000000B", true),
	idRow("braced", "{bbbbbbbb-0000-4000-8000-00000000000b}", true),
	idRow("a URN", "urn:uuid:bbbbbbbb-0000-4000-8000-00000000000b", true),
	idRow("padded", "  bbbbbbbb-0000-4000-8000-00000000000b\u2003", true),
	idRow("a padded name", " second ", true),
	idRow("a name in upper case", "SECOND", false),
	idRow("half a brace", "{bbbbbbbb-0000-4000-8000-00000000000b", false),
	idRow("10 KB", strings.Repeat("b", 10_000), false),
	idRow("a way up", "../second", false),
	idRow("a way up, escaped", "..%2fsecond", false),
	idRow("a way in", "second/../third", false),
	idRow("no hyphens", "bbbbbbbb00004000800000000000000b", false),
	idRow("a wildcard", "*", false),
	idRow("SQL", "' OR '1'='1", false),
}

// named59 is a request that must be for one of the gates that all rows share: in the answer, in its header, upstream,
// and in the log.
func named59(id, gate, body string, headers ...string) clientRow {
	return clientRow{
		id: id, want: clientWant{status: 200, words: 3, end: "ok"},
		act: func(c *caller) badclient.Reply {
			return c.do(badclient.Post(frontPath, frontKey, strings.Replace(body, `"hi"`, fmt.Sprintf("%q", c.name), 1), headers...))
		},
		check: func(t *testing.T, c *caller, r *badclient.Reply) {
			if !strings.Contains(string(r.Body), fmt.Sprintf(`"gate":%q`, gate)) || r.Header.Get("X-Layer-Gate-Id")[:1] != map[string]string{"second": "b", "third": "c"}[gate] {
				t.Errorf("client: %s, gate id %s", r.Body, r.Header.Get("X-Layer-Gate-Id"))
			}
			asked := 0
			for _, e := range c.up.Entries(gate) {
				if strings.Contains(string(e.Body), c.name) {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("upstream: %d requests for %s", asked, gate)
			}
			for _, l := range requests(t, c.site)[gate] {
				if l.RequestID == r.Header.Get("X-Layer-Request-Id") {
					return
				}
			}
			t.Errorf("log: the request is not one of %s", gate)
		},
	}
}

// idRow is a gate named in an odd way, by each of the places that name one.
func idRow(what, ref string, known bool) clientRow {
	row := clientRow{id: "D60 " + what, want: clientWant{ends: map[string]int{"rejected": 3}}}
	status := 404
	if known {
		row.want.ends, status = map[string]int{"ok": 3}, 200
	}
	row.act = func(c *caller) badclient.Reply {
		quoted := fmt.Sprintf("%q", ref)
		for _, req := range []badclient.Request{
			badclient.Post(frontPath, frontKey, `{"gateId":`+quoted+`,`+hiMessages+`}`),
			badclient.Post(frontPath, frontKey, `{"model":`+quoted+`,`+hiMessages+`}`),
			badclient.Post(frontPath, frontKey, `{`+hiMessages+`}`, "X-Layer-Gate-Id: "+ref),
		} {
			r := c.do(req)
			if r.Status != status || !known && r.Fault().Code != "gate_not_found" {
				c.problem("%s: %d %s", ref, r.Status, r.Body)
			}
		}
		return badclient.Reply{}
	}
	return row
}
