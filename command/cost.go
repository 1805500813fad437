package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// CostOptions say which rows are recomputed.
type CostOptions struct {
	Since time.Time
	JSON  bool
	Now   func() time.Time // of progress; nil is time.Now
}

// Difference is a bill in the ledger that is not what row and price come to.
type Difference struct {
	ID      string      `json:"id"`
	Start   time.Time   `json:"start"`
	What    string      `json:"what"` // "bill" is the whole request's; else the attempt, from 1 on, and its target
	Stored  *cost.Bill  `json:"stored,omitzero"`
	Again   *cost.Bill  `json:"recomputed,omitzero"`
	Problem string      `json:"problem,omitzero"` // why it can't be recomputed
	Off     cost.Amount `json:"off"`              // how much too much is stored, in US dollars
}

// progressEvery is how often it is told how far a long run is.
const progressEvery = 2 * time.Second

// Cost makes every bill of a ledger again, of what its row says was used and of the price that was stored with it, and
// prints each that differs. The error has CodeNo if one does.
func Cost(ctx context.Context, s Streams, l *ledger.Ledger, o CostOptions) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	out, told := &printer{w: s.Out}, &printer{w: s.Err}
	var rows, differences, unpriced int64
	var total cost.Amount
	last := o.Now()
	for row, err := range l.All(ctx, ledger.Filter{From: o.Since}) {
		if err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return err
		}
		rows++
		total = total.Add(row.Bill.Total)
		if row.Bill.Status == cost.Unpriced {
			unpriced++
		}
		for d := range recompute(&row) {
			differences++
			if err := d.print(out, o.JSON); err != nil {
				return err
			}
		}
		if now := o.Now(); now.Sub(last) >= progressEvery {
			last = now
			told.printf("%d rows, back to %s, %d differences\n", rows, row.Start.Format(time.RFC3339), differences)
		}
		if err := errors.Join(out.err, told.err); err != nil {
			return err
		}
	}
	told.printf("%d rows, %s USD, %d of them without a price: %d differences\n", rows, total, unpriced, differences)
	if differences > 0 {
		return no(nil)
	}
	return told.err
}

func (d *Difference) print(out *printer, asJSON bool) error {
	if asJSON {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		out.printf("%s\n", text)
		return nil
	}
	out.printf("%s %s %s: ", d.Start.UTC().Format(time.RFC3339), d.ID, oneLine(d.What))
	if d.Problem != "" {
		out.printf("%s\n", oneLine(d.Problem))
		return nil
	}
	out.printf("stored %s, recomputed %s\n", billText(d.Stored), billText(d.Again))
	return nil
}

// billText is a bill with whatever of it can differ.
func billText(b *cost.Bill) string {
	if b.Status != cost.Exact && b.Status != cost.Estimated {
		return fmt.Sprintf("no price (%s)", b.Status)
	}
	return fmt.Sprintf("%s USD (input %s, cached %s, cache write %s, output %s, %s, price %s)",
		b.Total, b.Input, b.CachedInput, b.CacheWrite, b.Output, b.Status, b.PriceVersion)
}

// recompute gives what is not as it should be in one row.
func recompute(row *ledger.Row) iter.Seq[*Difference] {
	return func(yield func(*Difference) bool) {
		if row.Outcome == ledger.Abandoned {
			return // it has no bill, since nobody knows what it came to
		}
		found := func(d Difference) bool {
			d.ID, d.Start = row.ID, row.Start
			if d.Stored != nil && d.Again != nil {
				d.Off = d.Stored.Total.Add(-d.Again.Total)
			}
			return yield(&d)
		}
		prices := map[string]cost.Price{}
		if len(row.Price) > 0 {
			if err := json.Unmarshal(row.Price, &prices); err != nil {
				found(Difference{What: "bill", Problem: "the stored price can't be read: " + err.Error()})
				return
			}
		}
		sum := cost.Bill{Status: cost.Exact}
		for i := range row.Attempts {
			a := &row.Attempts[i]
			target := a.Provider + "/" + a.Model
			again, ok := again(a, prices)
			what := fmt.Sprintf("attempt %d at %s", i+1, target)
			switch {
			case !ok:
				if !found(Difference{What: what, Stored: &a.Bill, Problem: "no price is stored with the row"}) {
					return
				}
			case again != a.Bill:
				if !found(Difference{What: what, Stored: &a.Bill, Again: &again}) {
					return
				}
			}
			sum = together(sum, again)
		}
		stored := row.Bill
		// Which of several prices the whole has is not told.
		if sum.Status == cost.Unpriced && stored.Status == cost.Unpriced {
			return
		}
		sum.PriceVersion = stored.PriceVersion
		if sum != stored {
			found(Difference{What: "bill", Stored: &stored, Again: &sum})
		}
	}
}

// again makes an attempt's bill; false if its price is missing.
func again(a *ledger.Attempt, prices map[string]cost.Price) (cost.Bill, bool) {
	// An attempt that cost nothing, since it had no answer, has no price either.
	if a.Bill == (cost.Bill{Status: cost.Exact}) && a.Usage == (cost.Usage{}) {
		return a.Bill, true
	}
	price, ok := prices[a.Provider+"/"+a.Model]
	if !ok && a.Bill.PriceVersion != "" {
		return a.Bill, false
	}
	return price.Bill(a.Usage), true
}

// together is the bill of several attempts: unknown if one is.
func together(a, b cost.Bill) cost.Bill {
	switch {
	case a.Status == cost.Unpriced || b.Status == cost.Unpriced || b.Status == "":
		return cost.Bill{Status: cost.Unpriced}
	case b.Status == cost.Estimated:
		a.Status = cost.Estimated
	}
	a.Total = a.Total.Add(b.Total)
	a.Input = a.Input.Add(b.Input)
	a.CachedInput = a.CachedInput.Add(b.CachedInput)
	a.CacheWrite = a.CacheWrite.Add(b.CacheWrite)
	a.Output = a.Output.Add(b.Output)
	return a
}
