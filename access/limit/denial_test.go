package limit

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"
)

func TestDenialsInOpenAIsShape(t *testing.T) {
	who := &Subject{Name: `key "web"`}
	for _, one := range []struct {
		denial     Denial
		status     int
		body       string
		retryAfter string
		should     string
	}{
		{
			Denial{Reason: ReasonRequests, Rate: Rate{600, time.Minute}, RetryAfter: 11200 * time.Millisecond}, 429,
			`{"error":{"message":"key \"web\" allows 600 requests in 1m: try again in 12s","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`, "12", "",
		},
		{
			Denial{Reason: ReasonTokens, Rate: Rate{1000, 90 * time.Minute}, RetryAfter: time.Millisecond}, 429,
			`{"error":{"message":"key \"web\" allows 1000 tokens in 1h30m: try again in 1s","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`, "1", "",
		},
		{
			Denial{Reason: ReasonTooLarge, Rate: Rate{1000, time.Hour}, Tokens: 2000}, 429,
			`{"error":{"message":"the request needs about 2000 tokens, and key \"web\" allows 1000 in 1h: shorten it, or ask for less output","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`, "", "false",
		},
		{
			Denial{Reason: ReasonBudget, Budget: &Budget{Amount: dollar / 2, Period: Daily}, Until: time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)}, 429,
			`{"error":{"message":"the budget of key \"web\" has not enough left: 0.5 USD daily; it begins anew at 2026-03-11T00:00:00Z","type":"insufficient_quota","param":null,"code":"budget_exceeded"}}`, "", "false",
		},
		{
			Denial{Reason: ReasonBudget, Budget: &Budget{Amount: dollar, Period: Total}}, 429,
			`{"error":{"message":"the budget of key \"web\" has not enough left: 1 USD total","type":"insufficient_quota","param":null,"code":"budget_exceeded"}}`, "", "false",
		},
		{
			Denial{Reason: ReasonStore, RetryAfter: time.Second, Err: errors.New("dial 10.0.0.7: refused")}, 503,
			`{"error":{"message":"the budget of key \"web\" can't be checked right now: try again","type":"api_error","param":null,"code":"limits_unavailable"}}`, "1", "",
		},
		{
			Denial{Reason: ReasonUnpriced}, 400,
			`{"error":{"message":"the model has no known price, which the budget of key \"web\" needs: set a price for it, or allow_unpriced on the budget","type":"invalid_request_error","param":"model","code":"unpriced_model"}}`, "", "",
		},
	} {
		one.denial.Subject = who
		w := httptest.NewRecorder()
		one.denial.Response().Write(w)
		if w.Code != one.status || w.Body.String() != one.body {
			t.Errorf("%s: %d %s, want %d %s", one.denial.Reason, w.Code, w.Body, one.status, one.body)
		}
		if got := w.Header().Get("Retry-After"); got != one.retryAfter {
			t.Errorf("%s: Retry-After %q, want %q", one.denial.Reason, got, one.retryAfter)
		}
		if got := w.Header().Get("X-Should-Retry"); got != one.should {
			t.Errorf("%s: x-should-retry %q, want %q", one.denial.Reason, got, one.should)
		}
	}
}

func TestTheLongestRefusalIsTold(t *testing.T) {
	c := &clock{time: noon}
	m := NewMemory(Options{Now: c.now})
	who := key(t, Limits{
		Requests: []Rate{{1, time.Minute}, {1, time.Hour}}, Tokens: []Rate{{10, 30 * time.Minute}},
		Budgets: []Budget{{Amount: dollar, Period: Daily}},
	})
	other := gate(t, Limits{Requests: []Rate{{1, time.Second}}})
	admit(t, m, asking(who, other).of(10).costing(dollar))
	if d := refuse(t, m, asking(who, other).of(5), ReasonRequests); d.RetryAfter != time.Hour || d.Rate.Window != time.Hour {
		t.Errorf("%+v", d)
	}
	refuse(t, m, asking(who, other).of(11), ReasonTooLarge)
	refuse(t, m, asking(who, other).of(11).costing(1), ReasonBudget)
}
