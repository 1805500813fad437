package cost

// Line is one kind of thing that a bill charges for.
type Line struct {
	What   string // "input", "cached input", "search"
	Count  int64  // of tokens, searches or requests
	Rate   Amount // of one of them, at the standard service tier
	Share  Share  // what part of the rate the service tier costs
	Amount Amount
}

// Lines is the bill of the same usage, line by line: the amounts add up to its total. Nothing is in it that costs nothing
// and was not used. An unpriced bill has no lines.
func (p Price) Lines(u Usage) []Line {
	bill := p.Bill(u)
	if bill.Status == Unpriced {
		return nil
	}
	l := lines{rates: p.ratesFor(u.Input.N())}
	u = u.charged()
	l.share, _ = p.service(u.Service)

	in := portion{left: u.Input.N()}
	l.part(&in, "cached input", u.CachedInput, l.rates.CachedInput)
	l.close(bill.CachedInput)
	l.part(&in, "cache write", u.CacheWrite, l.rates.CacheWrite)
	l.part(&in, "cache write for an hour", u.CacheWrite1h, l.rates.CacheWrite1h)
	l.close(bill.CacheWrite)
	l.part(&in, "audio input", u.AudioInput, l.rates.AudioInput)
	l.part(&in, "image input", u.ImageInput, l.rates.ImageInput)
	l.add("citations", u.Citation.N(), l.rates.Citation, l.share)
	l.add("input", in.left, l.rates.Input, l.share)
	l.add("search", u.Searches.N(), p.Search, Share{1, 1})
	request := p.Request
	if u.BilledRequest.Known() {
		request = u.BilledRequest.Amount()
	}
	if request > 0 {
		l.add("request", 1, request, Share{1, 1})
	}
	l.close(bill.Input)

	out := portion{left: u.Output.N()}
	l.part(&out, "audio output", u.AudioOutput, l.rates.AudioOutput)
	l.part(&out, "image output", u.ImageOutput, l.rates.ImageOutput)
	l.part(&out, "reasoning", u.Reasoning, l.rates.Reasoning)
	l.add("output", out.left, l.rates.Output, l.share)
	l.close(bill.Output)
	return l.all
}

// lines are a bill's as they are put together.
type lines struct {
	rates *Rates
	share Share
	all   []Line
	open  int // where the lines begin of the amount of the bill that is not closed
}

func (l *lines) part(of *portion, what string, t Tokens, rate Amount) {
	before := of.left
	of.charge(t, rate)
	l.add(what, before-of.left, rate, l.share)
}

func (l *lines) add(what string, n int64, rate Amount, share Share) {
	if n > 0 {
		l.all = append(l.all, Line{what, n, rate, share, share.of(rate.times(n))})
	}
}

// close makes the open lines add up to an amount of the bill, which is rounded as a whole.
func (l *lines) close(amount Amount) {
	var sum Amount
	for _, line := range l.all[l.open:] {
		sum = sum.Add(line.Amount)
	}
	if rest := amount - sum; rest != 0 && len(l.all) > l.open {
		last := len(l.all) - 1
		for last > l.open && l.all[last].Share.Num == l.all[last].Share.Den {
			last--
		}
		l.all[last].Amount += rest
	}
	l.open = len(l.all)
}
