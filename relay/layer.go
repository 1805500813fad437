package relay

import (
	"slices"
	"strconv"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
)

// trailer makes what the gateway adds to an answer. raw is the upstream's own
// usage object where it has one, which keeps its members.
func (x *exchange) trailer(raw []byte) openai.Trailer {
	bill := x.rec.Bill
	return openai.Trailer{
		Usage: appendUsage(nil, raw, x.rec.Usage, bill),
		Cost:  bill.AppendCost(nil),
		Layer: x.rec.appendLayer(nil, x.relay.Now().Sub(x.rec.Start).Milliseconds()),
	}
}

// appendUsage writes OpenAI's usage object with the cost in it; nil if nothing
// is known. An upstream's own object that leaves out what had to be estimated is
// not what the bill was made of.
func appendUsage(b, raw []byte, u cost.Usage, bill cost.Bill) []byte {
	switch {
	case raw != nil && !u.Estimated:
		// Members of the same name are another gateway's; what counts here is ours.
		b = append(b, openai.DropMembers(raw, "cost", "cost_details")...)
		b = b[:len(b)-1]
		if len(b) > 1 {
			b = append(b, ',')
		}
	case !u.Input.Known() && !u.Output.Known():
		return nil
	default:
		b = appendTokens(b, u)
	}
	b = append(b, `"cost":`...)
	b = bill.AppendCost(b)
	b = append(b, `,"cost_details":`...)
	b = bill.AppendDetails(b)
	return append(b, '}')
}

func appendTokens(b []byte, u cost.Usage) []byte {
	n := func(name string, t int64) {
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, t, 10)
	}
	b = append(b, '{')
	n("prompt_tokens", u.Input.N())
	b = append(b, ',')
	n("completion_tokens", u.Output.N())
	b = append(b, ',')
	n("total_tokens", u.Input.N()+u.Output.N())
	b = append(b, `,"prompt_tokens_details":{`...)
	n("cached_tokens", u.CachedInput.N())
	b = append(b, ',')
	n("cache_write_tokens", u.CacheWrite.N()+u.CacheWrite1h.N())
	if u.AudioInput.Known() {
		b = append(b, ',')
		n("audio_tokens", u.AudioInput.N())
	}
	b = append(b, `},"completion_tokens_details":{`...)
	n("reasoning_tokens", u.Reasoning.N())
	if u.AudioOutput.Known() {
		b = append(b, ',')
		n("audio_tokens", u.AudioOutput.N())
	}
	return append(b, "},"...)
}

// appendLayer writes the layer object.
func (r *Record) appendLayer(b []byte, latency int64) []byte {
	text := func(name, v string) {
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = append(openai.AppendString(b, v), ',')
	}
	b = append(b, '{')
	text("request_id", r.RequestID)
	text("gate_id", r.GateID)
	text("gate", r.Gate)
	text("provider", r.Provider)
	text("model", r.Model)
	b = append(b, `"attempts":`...)
	b = strconv.AppendInt(b, int64(len(r.Tries)), 10)
	b = append(b, `,"latency_ms":`...)
	b = strconv.AppendInt(b, latency, 10)
	if r.NativeFinish != "" {
		b = append(b, `,"native_finish_reason":`...)
		b = openai.AppendString(b, r.NativeFinish)
	}
	if slices.Contains(r.Budget, "cut") {
		b = append(b, `,"budget_exceeded":true`...)
	}
	b = append(b, `,"overridden":`...)
	b = appendNames(b, r.Overridden)
	b = append(b, `,"dropped":`...)
	b = appendNames(b, r.Dropped)
	return append(b, '}')
}

func appendNames(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = openai.AppendString(b, name)
	}
	return append(b, ']')
}
