package ledger

import (
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// doc is a JSON object as it is put together: of a row each request makes two,
// which by way of reflection would take longer than all else that the ledger
// does for it. What is zero is left out, so a count that is there is known.
// Durations are nanoseconds.
type doc []byte

func (d *doc) open() { *d = append(*d, '{') }

func (d *doc) close() { *d = append(*d, '}') }

func (d *doc) name(name string) {
	if (*d)[len(*d)-1] != '{' {
		*d = append(*d, ',')
	}
	*d = append(append(append(*d, '"'), name...), '"', ':')
}

func (d *doc) quote(s string) {
	*d, _ = jsontext.AppendQuote(*d, s) // it has been cleaned
}

func (d *doc) text(name, s string) {
	if s != "" {
		d.name(name)
		d.quote(s)
	}
}

func (d *doc) texts(name string, list []string) {
	if list == nil {
		return
	}
	d.name(name)
	*d = append(*d, '[')
	for i, s := range list {
		if i > 0 {
			*d = append(*d, ',')
		}
		d.quote(s)
	}
	*d = append(*d, ']')
}

func (d *doc) number(name string, n int64) {
	if n != 0 {
		d.name(name)
		*d = strconv.AppendInt(*d, n, 10)
	}
}

func (d *doc) flag(name string, set bool) {
	if set {
		d.name(name)
		*d = append(*d, "true"...)
	}
}

func (d *doc) time(name string, t time.Time) {
	if !t.IsZero() {
		d.name(name)
		*d = append(t.AppendFormat(append(*d, '"'), time.RFC3339Nano), '"')
	}
}

func (d *doc) charge(u *cost.Usage, b *cost.Bill) {
	if *u != (cost.Usage{}) {
		d.name("usage")
		*d = u.AppendJSON(*d)
	}
	if *b != (cost.Bill{}) {
		d.name("bill")
		*d = b.AppendJSON(*d)
	}
}

// docs are where rows are encoded, whose length is known only then.
var docs = sync.Pool{New: func() any { return new(doc) }}

// encode is a row as it is stored.
func (r *Row) encode() string {
	d := docs.Get().(*doc)
	defer docs.Put(d)
	*d = (*d)[:0]
	r.append(d)
	return string(*d)
}

func (r *Row) append(d *doc) {
	d.open()
	d.text("id", r.ID)
	d.time("start", r.Start)
	for _, f := range [...]struct{ name, value string }{
		{"key", r.Key}, {"key_id", r.KeyID}, {"gate", r.Gate}, {"gate_id", r.GateID}, {"session", r.Session},
		{"user", r.User}, {"asked", r.Asked}, {"agent", r.Agent}, {"client", r.Client}, {"trace", r.Trace},
	} {
		d.text(f.name, f.value)
	}
	d.flag("stream", r.Stream)
	d.text("provider", r.Provider)
	d.text("model", r.Model)
	if r.Attempts != nil {
		d.name("attempts")
		*d = append(*d, '[')
		for i := range r.Attempts {
			if i > 0 {
				*d = append(*d, ',')
			}
			r.Attempts[i].append(d)
		}
		*d = append(*d, ']')
	}
	d.text("outcome", r.Outcome)
	d.number("status", int64(r.Status))
	d.text("error", r.Error)
	d.text("native_finish", r.NativeFinish)
	d.texts("overridden", r.Overridden)
	d.texts("dropped", r.Dropped)
	d.texts("budget", r.Budget)
	d.charge(&r.Usage, &r.Bill)
	d.number("first_token", int64(r.FirstToken))
	d.number("total", int64(r.Total))
	d.close()
}

func (a *Attempt) append(d *doc) {
	d.open()
	d.text("provider", a.Provider)
	d.text("model", a.Model)
	d.number("status", int64(a.Status))
	d.text("failure", a.Failure)
	d.flag("hedge", a.Hedge)
	d.number("offset", int64(a.Offset))
	d.number("took", int64(a.Took))
	d.number("first_token", int64(a.FirstToken))
	d.charge(&a.Usage, &a.Bill)
	d.close()
}
