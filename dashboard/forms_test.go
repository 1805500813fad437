package dashboard

import (
	"bufio"
	"context"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

var keyText = regexp.MustCompile(`layer_[0-9a-f]{64}`)

func (s *site) post(t *testing.T, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return s.do(t, http.MethodPost, path, strings.NewReader(form.Encode()))
}

// A key is made, its text shown once; it is rotated, revoked, and stays to be seen.
func TestKeyForms(t *testing.T) {
	s := newSite(t)
	w := s.post(t, "/keys", url.Values{"name": {evil}, "budget": {"12.50"}, "period": {"weekly"}, "expires": {"2027-01-01"}})
	first := keyText.FindString(w.Body.String())
	if w.Code != http.StatusOK || first == "" {
		t.Fatalf("no key is shown: %d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("the key's name is no text")
	}
	html := s.page(t, "/keys")
	wantAll(t, html, "$12.50 weekly", "until 2027-01-01", first[:12])
	if keyText.MatchString(html) {
		t.Error("the key is shown again")
	}
	if w := s.post(t, "/keys", url.Values{"name": {evil}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="key-problem"`) {
		t.Errorf("the name again: %d", w.Code)
	}
	keys, err := s.store.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	id := keys[0].ID
	if w := s.post(t, "/keys/"+id+"/rotate", url.Values{"overlap": {"soon"}, "version": {"1"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no time: %d", w.Code)
	}
	if w := s.post(t, "/keys/"+id+"/rotate", url.Values{"overlap": {"24h"}}); w.Code != http.StatusBadRequest {
		t.Errorf("no version: %d", w.Code)
	}
	w = s.post(t, "/keys/"+id+"/rotate", url.Values{"overlap": {"24h"}, "version": {"1"}})
	if second := keyText.FindString(w.Body.String()); w.Code != http.StatusOK || second == "" || second == first {
		t.Errorf("rotated: %d %q", w.Code, second)
	}
	if w := s.post(t, "/keys/"+id+"/rotate", url.Values{"overlap": {"24h"}, "version": {"1"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("the same form again: %d", w.Code)
	}
	w = s.post(t, "/keys/"+id+"/revoke", url.Values{"version": {"2"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "../../keys" {
		t.Errorf("revoked: %d to %q", w.Code, w.Header().Get("Location"))
	}
	wantAll(t, s.page(t, "/keys"), ">revoked<")
}

func TestFilter(t *testing.T) {
	s := newSite(t)
	s.fill(t, manyRows()...)
	older := regexp.MustCompile(`id="older" rel="next" href="requests([^"]+)"`)
	seen, path := 0, "/requests?outcome=ok"
	for path != "" {
		html := s.page(t, path)
		seen += strings.Count(html, "<tr data-id=")
		if strings.Contains(html, `<span class="state bad">provider_error`) {
			t.Error("a row is there that the filter leaves out")
		}
		path = ""
		if next := older.FindStringSubmatch(html); next != nil {
			path = "/requests" + strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if seen != 96 {
		t.Errorf("%d rows, want 96", seen)
	}
	for query, want := range map[string]int{
		"session=s1&key=web": 50, "gate=other": 0, "min_cost=1": 0, "min_cost=0.006": 50, "model=claude-sonnet-4-5&provider=anthropic": 50,
		"from=2026-03-14T12:00": 2, "to=2026-03-13T12:00": 33,
	} {
		if got := strings.Count(s.page(t, "/requests?"+query), "<tr data-id="); got != want {
			t.Errorf("%s: %d rows, want %d", query, got, want)
		}
	}
	wantAll(t, s.page(t, "/requests?min_cost=much"), `role="alert"`)
}

func TestExport(t *testing.T) {
	s := newSite(t)
	formula := testRow(500)
	formula.Agent = "=1+1"
	s.fill(t, append(manyRows(), formula)...)
	lines, err := csv.NewReader(s.get(t, "/requests.csv").Body).ReadAll()
	if err != nil || len(lines) != 122 || len(lines[0]) != len(csvColumns) {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	if last := strings.Join(lines[121], "|"); !strings.Contains(last, "|'=1+1|") || !strings.Contains(last, "|0.0075|exact|") {
		t.Errorf("the last line is %s", last)
	}
	var rows []map[string]any
	if err := json.UnmarshalRead(s.get(t, "/requests.json?outcome=client_gone").Body, &rows); err != nil || len(rows) != 12 || rows[0]["total"] != 4. {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	if got := s.get(t, "/requests.json?gate=none").Body.String(); got != "[]\n" {
		t.Errorf("no rows are %q", got)
	}
	var sums []sumsJSON
	if err := json.UnmarshalRead(s.get(t, "/overview.json?range=30d&by=model").Body, &sums); err != nil || len(sums) == 0 || sums[0].Name != "anthropic/claude-sonnet-4-5" {
		t.Errorf("sums: %v %v", sums, err)
	}
	if got := s.get(t, "/overview.csv?by=key").Body.String(); !strings.Contains(got, ",key_0a1b2c3d,web,") {
		t.Errorf("sums: %s", got)
	}
}

// Rows come as they are settled, those that the filter wants, and never as tags of others. The browser reads the table at
// once and again when what ended before is surely in the database.
func TestLive(t *testing.T) {
	s := newSite(t)
	s.door.Admin = nil
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*liveSilence*livePoll)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/requests/live?outcome=ok", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	until := func(text string) (got string) {
		for lines.Scan() {
			if got += lines.Text() + "\n"; strings.HasPrefix(lines.Text(), text) {
				return got
			}
		}
		t.Fatalf("no %q: %q %v", text, got, lines.Err())
		return ""
	}
	until("event: ready")
	other := testRow(1)
	other.Outcome = "timeout"
	s.fill(t, other, evilRow())
	got := until("event: row") + until(`data: </tr>`)
	if strings.Contains(got, "<script>") || strings.Contains(got, other.ID) || !strings.Contains(got, `data-id="evil"`) {
		t.Errorf("events: %s", got)
	}
	if got := until("event: ready") + until("data:"); !strings.HasSuffix(got, "\ndata:\n") {
		t.Errorf("events: %s", got)
	}
}

// slowBrowser takes in the first event only when then has returned.
type slowBrowser struct {
	*httptest.ResponseRecorder
	then, again func()
}

func (b *slowBrowser) Write(event []byte) (int, error) {
	if string(event) == "event: ready\ndata: missed\n\n" {
		b.again()
	}
	if b.then != nil {
		b.then()
		b.then = nil
	}
	return b.ResponseRecorder.Write(event)
}

// A browser that is too slow for a burst is told that rows are missing.
func TestLiveMissed(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := &slowBrowser{httptest.NewRecorder(), func() {
		for i := range liveBuffer + 10 {
			if err := s.ledger.Settle(testRow(i)); err != nil {
				t.Error(err)
			}
		}
	}, cancel}
	s.live(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/requests/live", http.NoBody))
	if rows := strings.Count(w.Body.String(), "event: row\n"); rows != liveBuffer {
		t.Errorf("%d rows came", rows)
	}
	if !strings.HasSuffix(w.Body.String(), "event: ready\ndata: missed\n\n") {
		t.Error("it is not told that rows are missing")
	}
}

func TestPlayground(t *testing.T) {
	s := newSite(t)
	w := s.do(t, http.MethodPost, "/gates/"+gateID+"/chat", strings.NewReader(`{"messages":[]}`))
	if w.Code != http.StatusOK || len(s.asked) != 1 || s.asked[0] != gateID+` {"messages":[]}` {
		t.Errorf("%d %v", w.Code, s.asked)
	}
	wantAll(t, s.page(t, "/gates/"+gateID), `id="try-form"`, "../gates/"+gateID+"/chat", "assets/try.js", "$10.00 daily", "600 requests in 1m", "Caddyfile")
	wantAll(t, s.page(t, "/providers"), "1 key left out", "refused", "bbbbbbbb", "{env.OPENAI_API_KEY}")
	wantAll(t, s.page(t, "/models"), "genai-prices@test", "claude-sonnet-4-5", "unknown")
}
