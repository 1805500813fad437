package relay

import (
	"bytes"
	"context"
	"errors"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
	"github.com/layergateway/layergateway/gate"
)

// budget is what an exchange may spend, while it runs.
type budget struct {
	grant limit.Grant // nil: it is under no limits
	// reserved is for one answer; where two may have to be paid for, the grant
	// has as much again.
	reserved cost.Amount
	// bounds: what is reserved is all that the answer may cost, so that it has to
	// be more the longer the answer gets, or the answer ends.
	bounds bool
	// tight: there is not enough left to be generous with.
	tight bool
	// output is the most tokens that the answer has, if its provider obeys its
	// limit; 0 if it has none.
	output int64
	size   estimate.Size
	kinds  kinds
}

// errBudget ends a stream that has used up what there was to spend.
var errBudget = errors.New("the budget is spent")

// Tokens of output: what is reserved at once for an answer that grows, and what
// is kept in hand.
const (
	step   = 1024
	margin = 64
)

// mostOutput is more than any answer has. It keeps products in range.
const mostOutput = 1 << 32

// outputLimit is the most tokens that the answer may have, over all its
// choices. Of the limit's two names a provider obeys one or the other.
func (x *exchange) outputLimit(choices int64) (tokens int64, ok bool) {
	for _, name := range []string{"max_completion_tokens", "max_tokens"} {
		if n, given := x.req.Int(x.edits, name); given && n >= 0 {
			tokens, ok = max(tokens, min(n, mostOutput)), true
		}
	}
	return tokens * choices, ok
}

// choices is how many answers there may be, also where a request tells a
// provider of them in its own words.
func (x *exchange) choices(targets []gate.Target) int64 {
	n, _ := x.req.Int(x.edits, "n")
	for _, t := range targets {
		if p := x.relay.Providers[t.Provider]; p != nil {
			// What can't be read is refused where it is sent.
			if extra, _ := x.req.Extra(x.edits, p.Type); extra != nil {
				n = max(n, choicesOf(extra))
			}
		}
	}
	return max(1, min(n, 128))
}

func choicesOf(extra []byte) int64 {
	var own struct {
		N      int64 `json:"n"`
		Google struct {
			Candidates int64 `json:"candidateCount"`
		} `json:"generationConfig"`
	}
	_ = json.Unmarshal(extra, &own)
	return max(own.N, own.Google.Candidates)
}

// reserve takes what the request will use at worst from its limits.
func (x *exchange) reserve(targets []gate.Target, subjects []*limit.Subject, budgeted bool) error {
	choices := x.choices(targets)
	x.budget = budget{bounds: budgeted, size: estimate.Measure(x.req, x.edits), kinds: x.kinds()}
	output, limited := x.outputLimit(choices)
	tokens := output
	if limited {
		x.budget.output = output
	} else {
		output, tokens = estimate.Typical*choices, typicalOutput*choices
	}
	unpriced := true
	for _, t := range targets {
		// Each model counts, and charges, in its own way.
		if most, priced := x.budget.kinds.most(x.priceOf(t), x.budget.size.Upper(t.Model), output); priced {
			x.budget.reserved, unpriced = max(x.budget.reserved, most), false
		}
	}
	ask := limit.Ask{Subjects: subjects, Tokens: x.budget.size.Upper(targets[0].Model) + tokens, Cost: x.budget.reserved, Unpriced: unpriced, WithoutStore: x.books.WithoutStore}
	if x.gate.Hedge > 0 && len(targets) > 1 {
		ask.Cost = ask.Cost.Add(ask.Cost) // two answers may have to be paid for
	}
	grant, err := x.books.Limits.Admit(x.r.Context(), ask)
	if err != nil {
		return x.denied(err)
	}
	grant.Meters().SetHeaders(x.w.Header())
	x.budget.grant = grant
	return nil
}

// kinds are what tokens of a request may turn out to be that cost more than
// plain ones.
type kinds struct {
	write, hour       bool // the prompt is written to the provider's cache
	audioIn, audioOut bool
	service           string
}

func (x *exchange) kinds() (k kinds) {
	raw := x.req.Raw()
	if k.write = mentions(raw, `"cache`, `_control"`); k.write {
		k.hour = bytes.Contains(raw, []byte(`"1h"`))
	}
	k.audioIn = mentions(raw, `"input`, `_audio"`)
	if modalities, ok := x.req.Field("modalities"); ok {
		k.audioOut = bytes.Contains(modalities, []byte(`"audio"`))
	}
	k.service, _ = x.req.String("service_tier")
	return k
}

// mentions looks for a field's name by its end, which begins with what is rarer in
// a long prompt than the quotes at its beginning.
func mentions(raw []byte, begin, end string) bool {
	return bytes.Contains(raw, []byte(end)) && bytes.Contains(raw, []byte(begin+end))
}

// most is the most that so many tokens may cost, whatever the provider finds
// them to be; false if nobody knows.
func (k *kinds) most(p cost.Price, input, output int64) (cost.Amount, bool) {
	total, priced := k.mostAt(p, cost.Usage{Input: cost.Of(input), Output: cost.Of(output)})
	if k.service != "" {
		so, _ := k.mostAt(p, cost.Usage{Input: cost.Of(input), Output: cost.Of(output), Service: k.service})
		total = max(total, so)
	}
	return total, priced
}

// mostAt finds the dearest kind of input and of output each for itself.
func (k *kinds) mostAt(p cost.Price, u cost.Usage) (cost.Amount, bool) {
	plain := p.Bill(u)
	if plain.Status == cost.Unpriced {
		return 0, false
	}
	in, out := plain.Total, plain.Total
	bill := func(most *cost.Amount, u cost.Usage) { *most = max(*most, p.Bill(u).Total) }
	v := u
	v.Reasoning = u.Output
	bill(&out, v)
	if k.audioOut {
		v = u
		v.AudioOutput = u.Output
		bill(&out, v)
	}
	if k.write {
		v = u
		v.CacheWrite = u.Input
		if k.hour {
			v.CacheWrite, v.CacheWrite1h = cost.Tokens{}, u.Input
		}
		bill(&in, v)
	}
	if k.audioIn {
		v = u
		v.AudioInput = u.Input
		bill(&in, v)
	}
	return in.Add(out - plain.Total), true
}

// afford reports whether the answer, as long as it is by now, is within what was
// reserved for it, and reserves more where it is not.
//
// What an answer without a limit spends beyond its budget is no more than what
// came with its last read beyond margin tokens, what the provider wrote until it
// heard of the end, and what the estimate falls short of the provider's count.
func (a *attempt) afford(ctx context.Context) bool {
	b := &a.budget
	if !b.bounds {
		return true
	}
	// To count exactly takes longer than to relay.
	plenty := a.heard.Plenty()
	if b.covers(a, plenty) {
		return true
	}
	// As long as there is enough, what no answer has is reserved. That one with a
	// limit has more than that is for a real count to say.
	if !b.tight && b.output == 0 {
		if b.grow(ctx, a, plenty) {
			return true
		}
		b.tight = true
	}
	tokens := a.soFar()
	return b.covers(a, tokens) || b.grow(ctx, a, tokens)
}

// grow reserves what an answer of so many tokens takes, and a step more.
func (b *budget) grow(ctx context.Context, a *attempt, tokens int64) bool {
	so, _ := b.kinds.most(a.try.price, b.size.Upper(a.target.Model), tokens+margin)
	more, _ := b.kinds.most(a.try.price, 0, step)
	if more = max(more, so-b.reserved); !b.grant.Grow(ctx, more) {
		return false
	}
	b.reserved = b.reserved.Add(more)
	return true
}

// covers reports whether an answer of so many tokens is within what is reserved.
func (b *budget) covers(a *attempt, tokens int64) bool {
	if b.output > 0 && tokens <= b.output+b.output/2+margin {
		// Within its limit, as well as anybody here can count. What is far beyond
		// it comes of a provider that obeys none.
		return true
	}
	// Ahead by what may come with the next read, so that little is spent beyond
	// the budget before the upstream has stopped.
	so, priced := b.kinds.most(a.try.price, b.size.Upper(a.target.Model), tokens+margin)
	return !priced || so <= b.reserved
}

// length is how many tokens an answer had when they were last counted.
type length struct {
	tokens int64
	told   int64 // what its bytes told of them
	again  int64 // when to count
}

// soFar is about the tokens of the answer so far. Its bytes tell them for prose;
// numbers or code have up to twice as many, so the tokenizer is asked whenever
// the answer has become twice as long.
func (a *attempt) soFar() int64 {
	told, l := a.heard.SoFar(), &a.length
	if told >= l.again {
		*l = length{tokens: a.heard.Tokens(), told: told, again: max(2*told, 128)}
	}
	more := told - l.told
	if l.tokens > l.told {
		more = more * l.tokens / l.told
	}
	return l.tokens + more
}
