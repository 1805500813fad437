package limit

import (
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// book is what this instance knows of a budget in a period that Redis must know.
// There is one as long as something is held or to be sent, so that memory is
// bounded by the budgets there are, however long Redis is away.
type book struct {
	entry
	held        cost.Amount // reserved, given back or not, as long as Redis isn't known to know
	spent, back cost.Amount // to be sent
	forget      bool        // Redis is to ask the ledger again what was spent, with this in it
}

// fix names a run of a token window to be corrected; run 0 is now.
type fix struct {
	usage string
	micro int64 // the window's length in microseconds
	run   int64
}

// hold writes down what Redis has reserved.
func (r *Redis) hold(entries []entry, amount cost.Amount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		b := r.book(&entries[i])
		b.held = b.held.Add(amount)
		r.drop(b)
	}
}

// book finds the book of an entry, with the entry's latest limits.
func (r *Redis) book(e *entry) *book {
	b := r.books[e.key]
	if b == nil {
		b = &book{}
		r.books[e.key] = b
	}
	b.entry = *e
	return b
}

func (r *Redis) drop(b *book) {
	if b.held == 0 && b.spent == 0 && b.back == 0 && !b.forget {
		delete(r.books, b.key)
	}
}

// settle has Redis told what was spent, and what isn't reserved any more.
func (r *Redis) settle(entries []entry, spent, back cost.Amount) {
	if len(entries) == 0 || spent == 0 && back == 0 {
		return
	}
	r.mu.Lock()
	for i := range entries {
		b := r.book(&entries[i])
		b.spent, b.back = b.spent.Add(spent), b.back.Add(back)
	}
	r.mu.Unlock()
	r.nudge()
}

// anew prepares for a Redis that came back empty. The ledger has what was not
// sent yet, and another instance may have read some of it there already for what
// Redis now knows: sent as well it would count twice, and dropped perhaps not at
// all. So the ledger is asked again for what that was spent of.
func (r *Redis) anew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doubt != nil { // it did not arrive, or Redis would know of it
		for i := range r.doubt.entries {
			e := &r.doubt.entries[i]
			b := r.book(&e.entry)
			b.spent, b.back, b.forget = b.spent.Add(e.spent), b.back.Add(e.back), b.forget || e.forget
		}
		r.doubt = nil
	}
	for _, b := range r.books {
		b.forget = b.forget || b.spent > 0
		b.spent = 0
	}
}

// correct has Redis told how far the estimate of tokens was off.
func (r *Redis) correct(subjects []*Subject, runs []int64, more int64) {
	r.mu.Lock()
	for _, s := range subjects {
		for i := range s.rates {
			w := &s.rates[i]
			if !w.tokens {
				continue
			}
			f := fix{w.usage, w.Window.Microseconds(), 0}
			if more < 0 {
				f.run = runs[0]
			}
			runs = runs[1:]
			r.fixes[f] += more
		}
	}
	r.mu.Unlock()
	r.nudge()
}

// batch is what is sent at once. It counts once by its number, and is sent again
// as it is until its answer is known.
type batch struct {
	entries []sent
	keys    []string
	args    []string
}

type sent struct {
	entry
	spent, back cost.Amount
	forget      bool
}

// maxBatch is how many budgets, and how many windows, are sent at once: few
// enough to keep a Redis of others waiting for about a millisecond.
const maxBatch = 200

// take makes a batch of what is to be sent, in doubt from now on, or gives nil if
// there is nothing.
func (r *Redis) take() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &batch{keys: []string{r.journal}}
	var args []string
	for f, n := range r.fixes {
		if len(b.keys) > maxBatch {
			break
		}
		delete(r.fixes, f)
		b.keys = append(b.keys, r.windowKey(f.usage))
		args = append(args, digits(f.micro), digits(f.run), digits(n))
	}
	windows := len(b.keys) - 1
	now := r.opts.Now()
	for _, k := range r.books {
		if len(b.entries) == maxBatch {
			break
		}
		if k.spent == 0 && k.back == 0 && !k.forget {
			continue
		}
		b.entries = append(b.entries, sent{k.entry, k.spent, k.back, k.forget})
		b.keys = append(b.keys, k.key)
		levels := k.budget.thresholds()
		spent := digits(k.spent)
		if k.forget {
			spent = "forget"
		}
		args = append(args, spent, digits(k.back), digits(keep(k.end, now).Milliseconds()), strconv.Itoa(len(levels)))
		for _, percent := range levels {
			args = append(args, strconv.Itoa(percent), digits(k.budget.at(percent)))
		}
		k.spent, k.back, k.forget = 0, 0, false
	}
	if len(b.keys) == 1 {
		return nil
	}
	r.batches++
	ledger := "0"
	if r.opts.HasLedger() {
		ledger = "1"
	}
	b.args = append([]string{digits(r.batches), r.name, ledger, strconv.Itoa(windows)}, args...)
	r.doubt = b
	return b
}

// arrived tells which thresholds a batch crossed, and then closes the books on it:
// once nothing is in doubt, everything has been told.
func (r *Redis) arrived(b *batch, crossed string) {
	for one := range strings.SplitSeq(strings.TrimSuffix(crossed, ";"), ";") {
		f := strings.Fields(one)
		if len(f) != 3 {
			continue
		}
		i, _ := strconv.Atoi(f[0])
		percent, _ := strconv.Atoi(f[1])
		spent, _ := strconv.ParseInt(f[2], 10, 64)
		e := &b.entries[i]
		r.opts.OnAlert(Alert{
			Subject: e.subject, Budget: e.budget.Budget, Percent: percent,
			Spent: cost.Amount(spent), Start: e.start, End: e.end,
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt = nil
	r.lastBatch = time.Now()
	for i := range b.entries {
		e := &b.entries[i]
		if k := r.books[e.key]; k != nil {
			k.held = max(0, k.held-e.back)
			r.drop(k)
		}
	}
}
