package cost

import "github.com/go-json-experiment/json/jsontext"

// Status says how far a bill can be trusted.
type Status string

const (
	// Exact bills are the provider's own numbers at a known price.
	Exact Status = "exact"
	// Estimated bills rest on some number that was estimated, or on
	// contradictory numbers of the provider's.
	Estimated Status = "estimated"
	// Unpriced bills have no amounts: the price or the usage is unknown.
	Unpriced Status = "unpriced"
)

// Bill is what one answer costs. Total is the sum of the other amounts: Input
// has the uncached prompt of every kind, citations, and the fees for the request
// and for searches, CacheWrite both kinds of write. Reasoning, audio and images
// of the answer are part of Output.
type Bill struct {
	Status       Status `json:"status,omitzero"`
	PriceVersion string `json:"price_version,omitzero"`
	Total        Amount `json:"total,omitzero"`
	Input        Amount `json:"input,omitzero"`
	CachedInput  Amount `json:"cached_input,omitzero"`
	CacheWrite   Amount `json:"cache_write,omitzero"`
	Output       Amount `json:"output,omitzero"`
}

// Bill multiplies a usage by the rates. Each token is charged once, at the
// most particular rate that there is for it. What the provider says that it
// charges goes before what it counted, but the size of the prompt picks the
// tier.
//
// The bill is Unpriced if the price is unknown, or if Input or Output is and
// would have been charged for. It is Estimated if the usage says so; if the
// parts of Input or Output come to more than the whole, when what is beyond
// the whole is not charged; if audio or image input at a rate of its own comes
// together with cached input, since nothing says how the two overlap; and if
// there is something to charge for, but no price for it: audio, searches, a
// service tier, a request whose fee depends on what the provider did.
//
// A bill is made of the price and the usage alone, so it can be made again of
// the two as they were stored.
func (p Price) Bill(u Usage) Bill {
	bill := Bill{Status: Exact, PriceVersion: p.Version}
	rates, tierKnown := p.ratesFor(u.Input.N()), u.Input.Known() || len(p.Tiers) == 0
	u = u.charged()
	if !p.Known() || !tierKnown ||
		(!u.Input.Known() && rates.chargesInput()) ||
		(!u.Output.Known() && rates.chargesOutput()) {
		bill.Status = Unpriced
		return bill
	}

	share, tierPriced := p.service(u.Service)
	in := portion{left: u.Input.N()}
	bill.CachedInput = share.of(in.charge(u.CachedInput, rates.CachedInput))
	bill.CacheWrite = share.of(in.charge(u.CacheWrite, rates.CacheWrite).
		Add(in.charge(u.CacheWrite1h, rates.CacheWrite1h)))
	cached := in.left < u.Input.N()
	apart := (u.AudioInput.N() > 0 && rates.AudioInput != rates.Input) ||
		(u.ImageInput.N() > 0 && rates.ImageInput != rates.Input)
	fees, feesKnown := p.fees(u)
	bill.Input = fees.Add(share.of(in.charge(u.AudioInput, rates.AudioInput).
		Add(in.charge(u.ImageInput, rates.ImageInput)).
		Add(rates.Citation.times(u.Citation.N())).
		Add(rates.Input.times(in.left))))

	out := portion{left: u.Output.N()}
	bill.Output = share.of(out.charge(u.AudioOutput, rates.AudioOutput).
		Add(out.charge(u.ImageOutput, rates.ImageOutput)).
		Add(out.charge(u.Reasoning, rates.Reasoning)).
		Add(rates.Output.times(out.left)))

	bill.Total = bill.Input.Add(bill.CachedInput).Add(bill.CacheWrite).Add(bill.Output)
	unlisted := (p.noAudioInput && u.AudioInput.N() > 0 && rates.AudioInput > 0) ||
		(p.noAudioOutput && u.AudioOutput.N() > 0 && rates.AudioOutput > 0)
	unlisted = unlisted || (!(feesKnown && tierPriced) && (bill.Total > 0 || rates.chargesInput() || rates.chargesOutput()))
	if u.Estimated || in.exceeded || out.exceeded || (cached && apart) || unlisted {
		bill.Status = Estimated
	}
	return bill
}

// fees are what is charged beside tokens. They are not known if the price has
// none for a search that was made, unless that is in the fee of the request; if
// a request's fee depends on what the provider did and it doesn't say which it
// was; and if some are hidden.
func (p *Price) fees(u Usage) (fees Amount, known bool) {
	request := p.Request
	if u.BilledRequest.Known() {
		request = u.BilledRequest.Amount()
	}
	known = !p.hiddenFees &&
		(p.Request == 0 || u.BilledRequest.Known()) &&
		(u.Searches.N() == 0 || !p.noSearch || p.Request > 0)
	return request.Add(p.Search.times(u.Searches.N())), known
}

// portion is what is left of Input or Output while its parts are charged.
type portion struct {
	left     int64
	exceeded bool
}

func (p *portion) charge(t Tokens, rate Amount) Amount {
	n := t.N()
	if n > p.left {
		n, p.exceeded = p.left, true
	}
	p.left -= n
	return rate.times(n)
}

func (r *Rates) chargesInput() bool {
	return r.Input != 0 || r.CachedInput != 0 || r.CacheWrite != 0 || r.CacheWrite1h != 0 ||
		r.AudioInput != 0 || r.ImageInput != 0
}

func (r *Rates) chargesOutput() bool {
	return r.Output != 0 || r.Reasoning != 0 || r.AudioOutput != 0 || r.ImageOutput != 0
}

// AppendCost appends the total as a JSON number of dollars, or null if the
// bill is unpriced.
func (b Bill) AppendCost(buf []byte) []byte {
	return b.append(buf, b.Total)
}

// AppendDetails appends the JSON object of "cost_details". The amounts of an
// unpriced bill are null, and so is the version of an unknown price.
func (b Bill) AppendDetails(buf []byte) []byte {
	buf = append(buf, `{"status":"`...)
	buf = append(buf, b.Status...)
	buf = append(buf, `","price_version":`...)
	if b.PriceVersion == "" {
		buf = append(buf, "null"...)
	} else {
		// The only error is invalid UTF-8, which is replaced all the same.
		buf, _ = jsontext.AppendQuote(buf, b.PriceVersion)
	}
	buf = b.append(append(buf, `,"input":`...), b.Input)
	buf = b.append(append(buf, `,"cached_input":`...), b.CachedInput)
	buf = b.append(append(buf, `,"cache_write":`...), b.CacheWrite)
	buf = b.append(append(buf, `,"output":`...), b.Output)
	return append(buf, '}')
}

func (b Bill) append(buf []byte, a Amount) []byte {
	if b.Status == Exact || b.Status == Estimated {
		return a.AppendJSON(buf)
	}
	return append(buf, "null"...)
}
