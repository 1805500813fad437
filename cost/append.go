package cost

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// An object is put together of members that each have a comma in front. opened
// puts the brace in place of the first, at open.
func opened(b []byte, open int) []byte {
	if len(b) == open {
		b = append(b, ',')
	}
	b[open] = '{'
	return append(b, '}')
}

// AppendJSON appends what is known of the usage, as its JSON is by way of
// reflection, in a tenth of the time.
func (u *Usage) AppendJSON(b []byte) []byte {
	open := len(b)
	count := func(name string, t Tokens) {
		if t.Known() {
			b = strconv.AppendInt(append(b, name...), t.N(), 10)
		}
	}
	count(`,"input":`, u.Input)
	count(`,"cached_input":`, u.CachedInput)
	count(`,"cache_write":`, u.CacheWrite)
	count(`,"cache_write_1h":`, u.CacheWrite1h)
	count(`,"output":`, u.Output)
	count(`,"reasoning":`, u.Reasoning)
	count(`,"audio_input":`, u.AudioInput)
	count(`,"audio_output":`, u.AudioOutput)
	count(`,"image_input":`, u.ImageInput)
	count(`,"image_output":`, u.ImageOutput)
	count(`,"citation":`, u.Citation)
	count(`,"searches":`, u.Searches)
	if u.Service != "" {
		// The only error is invalid UTF-8, which is replaced all the same.
		b, _ = jsontext.AppendQuote(append(b, `,"service":`...), u.Service)
	}
	count(`,"billed_input":`, u.BilledInput)
	count(`,"billed_output":`, u.BilledOutput)
	if u.BilledRequest.Known() {
		b = u.BilledRequest.Amount().AppendJSON(append(b, `,"billed_request":`...))
	}
	if u.Estimated {
		b = append(b, `,"estimated":true`...)
	}
	return opened(b, open)
}

// AppendJSON appends the bill in the same way.
func (b *Bill) AppendJSON(buf []byte) []byte {
	open := len(buf)
	if b.Status != "" {
		buf, _ = jsontext.AppendQuote(append(buf, `,"status":`...), string(b.Status))
	}
	if b.PriceVersion != "" {
		buf, _ = jsontext.AppendQuote(append(buf, `,"price_version":`...), b.PriceVersion)
	}
	return opened(appendAmounts(buf, []namedAmount{
		{b.Total, `,"total":`}, {b.Input, `,"input":`}, {b.CachedInput, `,"cached_input":`},
		{b.CacheWrite, `,"cache_write":`}, {b.Output, `,"output":`},
	}), open)
}

func (r *Rates) appendJSON(b []byte) []byte {
	return opened(appendAmounts(b, []namedAmount{
		{r.Input, `,"input":`}, {r.CachedInput, `,"cached_input":`}, {r.CacheWrite, `,"cache_write":`},
		{r.CacheWrite1h, `,"cache_write_1h":`}, {r.Output, `,"output":`}, {r.Reasoning, `,"reasoning":`},
		{r.AudioInput, `,"audio_input":`}, {r.AudioOutput, `,"audio_output":`},
		{r.ImageInput, `,"image_input":`}, {r.ImageOutput, `,"image_output":`}, {r.Citation, `,"citation":`},
	}), len(b))
}

type namedAmount struct {
	amount Amount
	name   string
}

func appendAmounts(b []byte, amounts []namedAmount) []byte {
	for _, a := range amounts {
		if a.amount != 0 {
			b = a.amount.AppendJSON(append(b, a.name...))
		}
	}
	return b
}
