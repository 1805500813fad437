package upstream

import (
	"io"
	"net/http"
	"testing"
)

// TestJournalOverHTTP reads, narrows, awaits and clears the journal as tests that are not Go do.
func TestJournalOverHTTP(t *testing.T) {
	s, url := start(t)
	ask := func(method, query string) map[string]any {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+"/journal"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		b, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			return nil
		}
		return parse(t, string(b))
	}
	post(t, url, "openai", "", false, bodyOf("openai", "one two [[tag=a,cached=2]]", false), nil)
	post(t, url, "google", "gemini-2.0-flash", true, bodyOf("google", "x [[chunks=3,tag=b]]", true), nil)
	post(t, url, "anthropic", "", false, `{"gateId":"[[tag=c]]"}`, nil)
	post(t, url, "openai", "", false, `nonsense`, nil)

	all := ask("GET", "")["entries"].([]any)
	if len(all) != 4 {
		t.Fatalf("%d entries", len(all))
	}
	for i, want := range []map[string]any{
		{"provider": "openai", "tag": "a", "model": "gpt-4o-2024-08-06", "status": 200.0, "outcome": Answered, "stream": false},
		{"provider": "google", "tag": "b", "chunks": 3.0, "stream": true, "query": "alt=sse", "outcome": Answered},
		{"provider": "anthropic", "tag": "c", "status": 400.0, "outcome": Refused, "refusal": "gateId: Extra inputs are not permitted"},
		{"provider": "openai", "body": "nonsense", "outcome": Refused},
	} {
		for k, v := range want {
			if got := dig(all[i], k); got != v {
				t.Errorf("entry %d: %s is %v, want %v", i, k, got, v)
			}
		}
	}
	if got := marshal(t, dig(all[0], "usage")); got != `{"cache_write":0,"cached":2,"input":4,"output":4,"reasoning":0}` {
		t.Errorf("usage %s", got)
	}
	if got := dig(all[0], "header", "Authorization", 0); got != "Bearer "+OpenAIKey {
		t.Errorf("credential %v", got)
	}
	if got := ask("GET", "?tag=b&wait=answered&count=1")["entries"].([]any); len(got) != 1 || dig(got[0], "seq") != 2.0 {
		t.Errorf("of tag b: %v", got)
	}
	ask("DELETE", "")
	if left := s.Journal().Entries(); len(left) != 0 {
		t.Errorf("%d left", len(left))
	}
}
