package relay

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access/limit"
)

// TestRateHeaders: where windows stand is in the headers of every answer.
func TestRateHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, nil, nil, gateJSON(``))
		defer r.Gates.Close()
		books := keepLimits(t, r, limit.Limits{Requests: []limit.Rate{{Count: 2, Window: time.Minute}}, Tokens: []limit.Rate{{Count: 1000, Window: time.Minute}}})
		// Estimated are the 78 bytes of the request at 2.5 bytes a token, and 100.
		body := strings.Replace(hi, `"messages"`, `"max_tokens":100,"messages"`, 1)
		upper := int64(len(body)*2+4) / 5
		for i, want := range []struct {
			status, requests string
			tokens           int64
		}{{"200", "1", 1000 - upper - 100}, {"200", "0", 1000 - 12 - upper - 100}, {"429", "0", 1000 - 24}} {
			w, rec := askAs(t.Context(), r, body, nil, books.key)
			h := w.Header()
			got := []string{http.StatusText(w.Code), h.Get("X-Ratelimit-Limit-Requests"), h.Get("X-Ratelimit-Remaining-Requests"), h.Get("X-Ratelimit-Reset-Requests"),
				h.Get("X-Ratelimit-Limit-Tokens"), h.Get("X-Ratelimit-Remaining-Tokens")}
			code := map[string]int{"200": 200, "429": 429}[want.status]
			if w.Code != code || got[1] != "2" || got[2] != want.requests || got[3] != "1m0s" || got[4] != "1000" || got[5] != strconv.FormatInt(want.tokens, 10) {
				t.Errorf("%d: %v, want %+v", i, got, want)
			}
			if code == 429 {
				if e := errorOf(t, w.Body.Bytes()); *e.Code != "rate_limit_exceeded" || h.Get("Retry-After") != "60" || rec.Outcome != Rejected {
					t.Errorf("%v: %s", h, w.Body)
				}
			}
		}
		time.Sleep(time.Minute)
		if w, _ := askAs(t.Context(), r, body, nil, books.key); w.Code != 200 {
			t.Errorf("a minute later %d", w.Code)
		}
	})
}
