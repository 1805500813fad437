package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// Pages stay of a size however many keys there are, what is looked for is found, and a change comes back to its page.
func TestManyKeys(t *testing.T) {
	s := newSite(t)
	var many []Key
	for i := range 1000 {
		many = append(many, Key{
			ID: fmt.Sprintf("key_%08x", i), Name: fmt.Sprintf("app-%04d", i), Gates: []string{fmt.Sprintf("Team %d", i%7)},
			Limits: gate.Limits{Budget: &gate.Budget{Amount: dollar, Period: gate.Monthly}},
		})
	}
	s.o.Keys = func() []Key { return many }
	s.o.GateNames = func() []string { return []string{"assistant", "other"} }
	s.o.Gates = func() []Gate {
		t.Error("all gates are made for a page that only names them")
		return nil
	}
	stored, _, err := s.store.CreateKey(t.Context(), store.ByAdmin, []byte(`{"name": "stored"}`))
	if err != nil {
		t.Fatal(err)
	}
	html := s.page(t, "/keys")
	wantAll(t, html, "1 to 50 of 1001", `href="./keys?skip=50"`)
	if n := strings.Count(html, "data-key="); n != keysOnPage {
		t.Errorf("%d keys on a page", n)
	}
	for _, path := range []string{"/requests", "/keys"} {
		if n := len(s.page(t, path)); n > 200_000 {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
	wantAll(t, s.page(t, "/keys?q=TEAM+3&skip=100"), "101 to 143 of 143", `href="./keys?q=TEAM&#43;3&amp;skip=50"`)
	wantAll(t, s.page(t, "/keys?q=app-0123"), `data-key="app-0123"`)
	wantAll(t, s.page(t, "/keys?q=%3Cnone%3E"), "No key has “&lt;none&gt;”")
	html = s.page(t, "/keys?q="+stored.Prefix)
	action := "keys/" + stored.ID + "/revoke?q=" + stored.Prefix
	wantAll(t, html, `data-key="stored"`, `action="./`+action+`"`)
	w := s.post(t, "/"+action, url.Values{"version": {"1"}})
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "../../keys?q="+stored.Prefix {
		t.Errorf("revoked: %d to %q", w.Code, to)
	}
}
