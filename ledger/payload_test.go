package ledger

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	fields := []string{"password", "Card"}
	for _, row := range []struct{ name, text, want string }{
		{"nested", `{"a":[{"password":"x","b":1.50},{"card":{"no":[1,2]}}],"PASSWORD":null}`,
			`{"a":[{"password":"[redacted]","b":1.50},{"card":"[redacted]"}],"PASSWORD":"[redacted]"}`},
		{"a value is not a name", `{"a":"password","b":["card","x"]}`, `{"a":"password","b":["card","x"]}`},
		{"escaped", `{"pass\u0077ord":"x"}`, `{"password":"[redacted]"}`},
		{"twice", `{"card":1,"card":2}`, `{"card":"[redacted]","card":"[redacted]"}`},
		{"only a value", `"card"`, `"card"`},
		{"empty", " \n", ""},
		{"cut", `{"a":1,"password":"x`, unreadable},
		{"two documents", `{"a":1}{"password":"x"}`, unreadable},
		{"text", `password=x`, unreadable},
		{"stream", "event: e\r\ndata: {\"card\":1}\r\n\r\n: password\nid: card\ndata:[DONE]\n\ndata: {\"card\n",
			"event: e\ndata: {\"card\":\"[redacted]\"}\n\ndata:[DONE]\n\ndata: " + unreadable + "\n\n"},
	} {
		if got := string(redact([]byte(row.text), fields)); got != row.want {
			t.Errorf("%s: got\n%q\nwant\n%q", row.name, got, row.want)
		}
	}
}

// TestPayloadQueueForgets: what the database has is not kept in memory by what
// came later.
func TestPayloadQueueForgets(t *testing.T) {
	q := payloadQueue{list: []payload{{request: []byte("12")}, {response: []byte("3")}}, bytes: 3}
	all := q.list
	q.remove(1)
	if all[0].request != nil || len(q.list) != 1 || q.bytes != 1 {
		t.Errorf("%+v, of %+v", q, all)
	}
	q.remove(1)
	if all[1].response != nil || q.list != nil || q.bytes != 0 {
		t.Errorf("%+v, of %+v", q, all)
	}
}

func TestPayloads(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		c.Payloads, c.Redact, c.QueueBytes = true, []string{"secret"}, 3*maxPayload
		l := open(t, c)
		request := []byte(`{"secret":"x","m":"\u0000é"}`)
		l.SavePayload("a", request, nil)
		clear(request) // the caller goes on with its buffer
		l.SavePayload("long", []byte(`"`+strings.Repeat("x", 2*maxPayload)+`"`), nil)
		mustFlush(t, l)
		got, answer, err := l.Payload(t.Context(), "a")
		if err != nil || string(got) != `{"secret":"[redacted]","m":"\u0000é"}` || len(answer) != 0 {
			t.Errorf("got %q, %q, %v", got, answer, err)
		}
		if got, _, err := l.Payload(t.Context(), "long"); err != nil || len(got) != maxPayload {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		must(t, l.Close(t.Context()))
		l.SavePayload("late", []byte("{}"), nil)
		if s := l.Stats(); s.DroppedPayloads != 1 {
			t.Errorf("stats %+v", s)
		}

		c.Payloads = false
		l = open(t, c)
		l.SavePayload("b", []byte("{}"), nil)
		mustFlush(t, l)
		if _, _, err := l.Payload(t.Context(), "b"); err == nil {
			t.Error("a payload is stored though none is to be")
		}
	})
}

func TestFollow(t *testing.T) {
	l := open(t, testConfig(t))
	f, slow := l.Follow(10), l.Follow(1)
	mustSettle(t, l, row("a", t0, 1), row("b", t0, 1))
	if a, b := <-f.Rows, <-f.Rows; a.ID != "a" || b.ID != "b" || f.Missed() != 0 {
		t.Errorf("followed %s, %s, missed %d", a.ID, b.ID, f.Missed())
	}
	if slow.Missed() != 1 {
		t.Errorf("the slow one missed %d", slow.Missed())
	}
	f.Stop()
	f.Stop()
	if _, more := <-f.Rows; more {
		t.Error("rows come after the end")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range slow.Rows {
		}
	})
	must(t, l.Close(t.Context()))
	wg.Wait()
	slow.Stop()
	if _, more := <-l.Follow(1).Rows; more {
		t.Error("a closed ledger has rows")
	}
}

// TestSettledTwice settles a request again, in memory and in the database.
func TestSettledTwice(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		for range 3 {
			mustSettle(t, l, row("a", t0, 1))
			must(t, l.Settle(row("a", t0, 2)))
			mustFlush(t, l)
		}
		if spent, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || spent != 1 {
			t.Errorf("spent %d, %v", int64(spent), err)
		}
		if s := l.Stats(); s.Open != 0 || s.Dropped != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}
