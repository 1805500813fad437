package ledger

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/layergateway/layergateway/cost"
)

// fill sets everything in a value to something of its own.
func fill(v reflect.Value, n *int64) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *cost.Tokens:
		*x = cost.Of(*n)
		return
	case *cost.Fee:
		*x = cost.FeeOf(cost.Amount(*n))
		return
	case *time.Time:
		*x = t0.Add(time.Duration(*n))
		return
	case *jsontext.Value:
		*x = jsontext.Value(`{"rate": 0.000001}`)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.String:
		v.SetString("text " + string(rune('a'+*n%26)) + " \u2028 \"é\"")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	default:
		panic("a row with a " + v.Kind().String() + ": say here what to fill it with")
	}
}

func TestWholeRowIsKept(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		var want Row
		var n int64
		fill(reflect.ValueOf(&want).Elem(), &n)
		want.Bill.Status = cost.Exact
		zero := Row{ID: "zero", Start: t0, Bill: cost.Bill{Status: cost.Unpriced}}
		free := Row{ID: "free", Start: t0, Bill: cost.Bill{Status: cost.Exact},
			Usage: cost.Usage{Input: cost.Of(0), Output: cost.Of(1<<62 + 1)}}
		mustSettle(t, l, &want, &zero, &free)
		mustFlush(t, l)
		for _, want := range []Row{want, zero, free} {
			got, err := l.Row(t.Context(), want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(cost.Tokens{}, cost.Fee{})); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// TestEncodeForgetsNothing: a row is stored as it would be by reflection, with
// fields that are new.
func TestEncodeForgetsNothing(t *testing.T) {
	nanoseconds := json.MarshalToFunc(func(e *jsontext.Encoder, d time.Duration) error { return e.WriteToken(jsontext.Int(int64(d))) })
	var full Row
	var n int64
	fill(reflect.ValueOf(&full).Elem(), &n)
	same := full
	same.Attempts = []Attempt{{Usage: full.Usage, Bill: full.Bill}, {Bill: cost.Bill{Status: cost.Exact}}, {}, {Usage: full.Usage}}
	for name, row := range map[string]Row{"full": full, "the same": same, "empty": {}, "empty lists": {Attempts: []Attempt{}, Dropped: []string{}}} {
		want, err := json.Marshal(row, json.OmitZeroStructFields(true), json.WithMarshalers(nanoseconds))
		if err != nil {
			t.Fatal(err)
		}
		if got := row.encode(); got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestStoredRow fixes how a row looks in databases that are there already.
func TestStoredRow(t *testing.T) {
	r := row("a", t0, 5_000_000)
	r.Attempts = []Attempt{{Provider: "openai", Model: "gpt-4o", Status: 429, Failure: "rate_limited", Took: time.Second}}
	r.Usage = cost.Usage{Input: cost.Of(3), CachedInput: cost.Of(0), CacheWrite1h: cost.Of(1), Output: cost.Of(4), Estimated: true}
	const want = `{"id":"a","start":"2026-03-14T15:09:26.535897932Z","key":"web","key_id":"k1","gate":"assistant",` +
		`"gate_id":"g1","provider":"openai","model":"gpt-4o","attempts":[{"provider":"openai","model":"gpt-4o",` +
		`"status":429,"failure":"rate_limited","took":1000000000}],"outcome":"ok","status":200,` +
		`"usage":{"input":3,"cached_input":0,"cache_write_1h":1,"output":4,"estimated":true},` +
		`"bill":{"status":"exact","price_version":"v1","total":0.000005,"input":0.000005},` +
		`"first_token":120000000,"total":1000000000}`
	if got := newTestEntry(t, r).doc; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHostileTexts(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		for id, text := range map[string]string{
			"nul": "a\x00b", "invalid": "a\xffb", "cut": strings.Repeat("é", 400), "sql": `'); DROP TABLE requests; --`,
			"escape": "\x1b[31m\r\n\\u0000", "surrogate": "\xed\xa0\x80",
		} {
			r := row(id, t0, 1)
			r.Session, r.User, r.Asked, r.Agent, r.Usage.Service, r.Dropped = text, text, text, text, text, []string{"fine", text}
			r.Attempts = []Attempt{{Provider: text, Model: text, Failure: text}}
			mustSettle(t, l, r)
		}
		many := row("many", t0, 1)
		many.Dropped, many.Attempts = make([]string, 10_000), make([]Attempt, 10_000)
		many.Attempts[9_999].Bill = cost.Bill{Status: cost.Exact, Total: 1}
		mustSettle(t, l, many)
		mustFlush(t, l)
		for r, err := range l.All(t.Context(), Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if r.ID == "nul" && (r.User != "a\uFFFDb" || r.Dropped[1] != r.User) {
				t.Errorf("NUL became %q", r.User)
			}
			if r.ID == "many" && r.Attempts[len(r.Attempts)-1].Bill.Total != 1 {
				t.Error("the attempt that answered is not kept")
			}
			if len(r.Agent) > maxText+3 || len(r.Dropped) > maxList || len(r.Attempts) > maxList {
				t.Errorf("%s has no end", r.ID)
			}
		}
		if n := len(outcomes(t, l)); n != 7 || l.Stats().Dropped != 0 {
			t.Errorf("%d rows, %+v", n, l.Stats())
		}
	})
}

func TestEqualPricesAreStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		for i, price := range []string{`{"a":1}`, `{"a":1}`, `{"a":2}`, ""} {
			r := row(string(rune('a'+i)), t0, 1)
			r.Price = jsontext.Value(price)
			mustSettle(t, l, r)
			mustFlush(t, l)
		}
		var n int
		if err := l.db.read.QueryRowContext(t.Context(), "SELECT count(*) FROM prices").Scan(&n); err != nil || n != 2 {
			t.Errorf("%d prices, %v", n, err)
		}
		for id, want := range map[string]string{"b": `{"a":1}`, "c": `{"a":2}`, "d": ""} {
			if r, err := l.Row(t.Context(), id); err != nil || string(r.Price) != want {
				t.Errorf("%s: %s, %v", id, r.Price, err)
			}
		}
	})
}
