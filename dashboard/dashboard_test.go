package dashboard

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

var pages = []string{
	"/", "/?range=30d&by=model", "/?from=2026-03-13&to=2026-03-15", "/requests", "/requests/evil", "/gates", "/gates/" + gateID, "/gates/" + evilGateID, "/keys", "/providers", "/models",
}

// What clients and operators write is text on every page, and never a tag.
func TestInert(t *testing.T) {
	s := newSite(t)
	s.fill(t, append(manyRows(), evilRow())...)
	s.ledger.SavePayload("evil", []byte(evil), []byte(`{"a":"`+`<script>alert(3)</script>"}`))
	if err := s.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(pages, "/?gate="+"%3Cscript%3Ealert(1)%3C/script%3E", "/requests?gate=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&min_cost=%3Cscript%3E",
		"/no/%3Cscript%3Ealert(1)%3C/script%3E") {
		html := s.get(t, path).Body.String()
		for _, bad := range []string{"<script>", "<img src=x", `href="javascript:`, "onerror=alert(2)>"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		if strings.Contains(html, "ZgotmplZ") {
			t.Errorf("%s has a place where a template refused its value", path)
		}
	}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	s.fill(t, append(manyRows(), evilRow())...)
	for _, path := range pages {
		html := s.page(t, path)
		wantAll(t, html, "<!doctype html>", "</html>", `<main id="main"`)
		for _, absolute := range []string{`href="/`, `src="/`, `action="/`, "http://", `style="`} {
			if strings.Contains(html, absolute) {
				t.Errorf("%s has %q: links are relative, and nothing is inline", path, absolute)
			}
		}
		if strings.Contains(html, adminKey) {
			t.Errorf("%s has the admin key", path)
		}
	}
	wantAll(t, s.page(t, "/"), "assistant", "anthropic/claude-sonnet-4-5", `id="budgets"`, "of $10.00 daily", "Time to first token")
}

func TestRequestPage(t *testing.T) {
	s := newSite(t)
	s.fill(t, testRow(5))
	s.ledger.SavePayload(testRow(5).ID, []byte(`{"messages":[]}`), []byte(`{"choices":[]}`))
	if err := s.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	html := s.page(t, "/requests/"+testRow(5).ID)
	// 205 tokens at $3, 1,000 of the cache at $0.30, 340 at $15 per million, of which 40 are reasoning.
	wantAll(t, html, "$3.00 per million", "$0.30 per million", "$15.00 per million", "$0.000615", "$0.0003", "$0.0045", "$0.0006", "$0.006015",
		"logprobs", "set:3/15/0.3/3.75", "&#34;messages&#34;", "gpt-4o", "503",
		`href="https://traces.example/?q=0af7651916cd43dd8448eb211c80319c&amp;a=b"`)
	if strings.Contains(html, "do not add up") {
		t.Error("the lines do not add up to the bill")
	}
	if w := s.get(t, "/requests/none"); w.Code != http.StatusNotFound {
		t.Errorf("a request that is not there: %d", w.Code)
	}
}

func TestProvidersPage(t *testing.T) {
	s := newSite(t)
	wantAll(t, s.page(t, "/providers"), "1 key left out", "key refused", "again in 1 min", "640 ms",
		`<span class="number">39,120</span> of 40,000 input-tokens <span class="hint">all again in 30 s</span>`, "said 2 min ago", "no key: {env.OPENAI_API_KEY} is empty")
}

func TestCatalog(t *testing.T) {
	s := newSite(t)
	wantAll(t, s.page(t, "/models"), "genai-prices@test", "30 days ago", "1 to 25 of 252", "openai/gpt-023", `href="models?skip=25#list"`,
		`<td class="number">$3.00</td><td class="number">$0.30</td><td class="number">$3.75</td><td class="number">$15.00</td>`)
	wantAll(t, s.page(t, "/models?skip=200"), "201 to 225 of 252", `href="models?skip=175#list"`, `href="models?skip=225#list"`)
	wantAll(t, s.page(t, "/models?q=GPT-24&type=openai"), "1 to 10 of 10 found among 252", `value="GPT-24"`)
	wantAll(t, s.page(t, "/models?q=nothing"), "The list has no such model")
	wantAll(t, s.page(t, "/models.csv?q=sonnet"), "provider,model,input,cached_input,cache_write,output,price_version\nanthropic,claude-sonnet-4-5,3,0.3,3.75,15,set:3/15/0.3/3.75\n")
	wantAll(t, s.page(t, "/models.json?type=anthropic"),
		`[{"provider":"anthropic","model":"claude-sonnet-4-5","input":3,"cached_input":0.3,"cache_write":3.75,"output":15,"price_version":"set:3/15/0.3/3.75"}]`)
}

func TestHealth(t *testing.T) {
	s := newSite(t)
	naked := func(r *http.Request) { r.Header.Del("Authorization") }
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := s.do(t, http.MethodGet, path, nil, naked); w.Code != http.StatusOK || w.Body.String() != "ok\n" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if w := s.do(t, http.MethodGet, "/healthz", nil, naked, host("gateway.svc.cluster.local")); w.Code != http.StatusOK {
		t.Errorf("under the name that a probe has for it: %d", w.Code)
	}
	s.ready = errors.New("postgres://user:secret@host is away")
	if w := s.do(t, http.MethodGet, "/readyz", nil, naked); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	if w := s.do(t, http.MethodPost, "/healthz", nil, naked); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
