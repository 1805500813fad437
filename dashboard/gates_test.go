package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
)

// Pages stay of a size however many gates there are, and what is looked for is found.
func TestManyGates(t *testing.T) {
	s := newSite(t)
	var many []Gate
	for i := range 1000 {
		many = append(many, Gate{Gate: &gate.Gate{
			ID: fmt.Sprintf("7b4b2f0e-6a1c-4c1e-9a55-%012d", i), Name: fmt.Sprintf("gate-%04d", i), TaskType: "chat", Strategy: gate.Single, Source: "config",
			Tags: []string{fmt.Sprintf("Team %d", i%7)}, Targets: []gate.Target{{Provider: "anthropic", Model: "claude-sonnet-4-5", Weight: 1}},
			Limits: gate.Limits{Budget: &gate.Budget{Amount: 10 * dollar, Period: gate.Daily}},
		}, Prices: make([]cost.Price, 1)})
	}
	s.o.Gates = func() []Gate { return many }
	html := s.page(t, "/gates")
	wantAll(t, html, "1 to 50 of 1000", `href="gates?skip=50"`, "Declared in the configuration")
	if n := strings.Count(html, "data-gate="); n != gatesOnPage {
		t.Errorf("%d gates on a page", n)
	}
	wantAll(t, s.page(t, "/gates?q=TEAM+3&skip=100"), "101 to 143 of 143", `href="gates?q=TEAM&#43;3&amp;skip=50"`)
	wantAll(t, s.page(t, "/gates?q=gate-0123"), `data-gate="7b4b2f0e-6a1c-4c1e-9a55-000000000123"`)
	wantAll(t, s.page(t, "/gates?q=%3Cnone%3E"), "No gate has “&lt;none&gt;”")
	wantAll(t, s.page(t, "/"), "These are the fullest", "more are with their")
	for _, path := range []string{"/", "/gates", "/requests", "/keys"} {
		if n := len(s.page(t, path)); n > 200_000 {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
	wantAll(t, s.page(t, "/keys"), `name="gate_lines"`)
	w := s.post(t, "/keys", url.Values{"name": {"app"}, "gate_lines": {"gate-0001\r\n\r\ngate-0002\n"}})
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	wantAll(t, w.Body.String(), "gate-0001, gate-0002")
}
