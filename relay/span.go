package relay

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
)

// The attributes of spans: OpenTelemetry's for generative AI, whose conventions
// are still in development, and under them the gateway's own. None holds what
// was said.
const (
	attrOperation    = attribute.Key("gen_ai.operation.name")
	attrProviderName = attribute.Key("gen_ai.provider.name")
	attrConversation = attribute.Key("gen_ai.conversation.id")
	attrAskedModel   = attribute.Key("gen_ai.request.model")
	attrStream       = attribute.Key("gen_ai.request.stream")
	attrMaxTokens    = attribute.Key("gen_ai.request.max_tokens")
	attrChoices      = attribute.Key("gen_ai.request.choice.count") // unless it is 1
	attrSeed         = attribute.Key("gen_ai.request.seed")
	attrTemperature  = attribute.Key("gen_ai.request.temperature")
	attrTopP         = attribute.Key("gen_ai.request.top_p")
	attrFrequency    = attribute.Key("gen_ai.request.frequency_penalty")
	attrPresence     = attribute.Key("gen_ai.request.presence_penalty")
	attrModel        = attribute.Key("gen_ai.response.model")
	attrFirstChunk   = attribute.Key("gen_ai.response.time_to_first_chunk") // in seconds
	attrFinish       = attribute.Key("gen_ai.response.finish_reasons")
	attrInput        = attribute.Key("gen_ai.usage.input_tokens")
	attrCacheRead    = attribute.Key("gen_ai.usage.cache_read.input_tokens")
	attrCacheWrite   = attribute.Key("gen_ai.usage.cache_write.input_tokens")
	attrAudioInput   = attribute.Key("gen_ai.usage.audio.input_tokens")
	attrImageInput   = attribute.Key("gen_ai.usage.image.input_tokens")
	attrOutput       = attribute.Key("gen_ai.usage.output_tokens")
	attrReasoning    = attribute.Key("gen_ai.usage.reasoning.output_tokens")
	attrAudioOutput  = attribute.Key("gen_ai.usage.audio.output_tokens")
	attrImageOutput  = attribute.Key("gen_ai.usage.image.output_tokens")
	attrErrorType    = attribute.Key("error.type")
	attrAddress      = attribute.Key("server.address")
	attrPort         = attribute.Key("server.port")
	attrStatus       = attribute.Key("http.response.status_code")

	attrRequestID = attribute.Key("layer_gateway.request_id")
	attrKey       = attribute.Key("layer_gateway.key")
	attrGate      = attribute.Key("layer_gateway.gate")
	attrGateID    = attribute.Key("layer_gateway.gate_id")
	attrProvider  = attribute.Key("layer_gateway.provider") // as the configuration calls it
	attrOutcome   = attribute.Key("layer_gateway.outcome")
	attrAttempts  = attribute.Key("layer_gateway.attempts")
	attrResult    = attribute.Key("layer_gateway.result")
	attrHedge     = attribute.Key("layer_gateway.hedge")
	attrEstimated = attribute.Key("layer_gateway.estimated") // the tokens, by the gateway
	attrCost      = attribute.Key("layer_gateway.cost_usd")
)

const (
	spanScope     = "github.com/layergateway/layergateway"
	operationChat = "chat"
)

// providerNames are the conventions' names of provider types that are called
// otherwise here.
var providerNames = map[string]string{
	"google": "gcp.gemini", "vertex": "gcp.vertex_ai", "bedrock": "aws.bedrock", "azure": "azure.ai.openai",
	"mistral": "mistral_ai", "moonshot": "moonshot_ai", "xai": "x_ai",
}

func providerName(kind string) string {
	if name, ok := providerNames[kind]; ok {
		return name
	}
	return kind
}

// beginSpan begins the attempt's span, if the request is in one that is recorded.
// The span's own id goes to no provider.
func (a *attempt) beginSpan() {
	parent := trace.SpanFromContext(a.r.Context())
	if !parent.IsRecording() {
		return
	}
	model := clipped(a.target.Model)
	set := []attribute.KeyValue{
		attrOperation.String(operationChat), attrProviderName.String(providerName(a.provider.Type)),
		attrProvider.String(a.provider.Name), attrAskedModel.String(model),
	}
	if a.req.Stream {
		set = append(set, attrStream.Bool(true))
	}
	if a.rec.Session != "" {
		set = append(set, attrConversation.String(clipped(a.rec.Session)))
	}
	set = append(set, requestAttributes(a.req, a.edits)...)
	if a.try.Hedge {
		set = append(set, attrHedge.Bool(true))
	}
	if host, port, ok := address(a.provider.BaseURL); ok {
		set = append(set, attrAddress.String(host), attrPort.Int(port))
	}
	_, a.span = parent.TracerProvider().Tracer(spanScope).Start(a.r.Context(), operationChat+" "+model,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(set...))
}

// endSpan ends the attempt's span. err is what ended the attempt.
func (a *attempt) endSpan(err error) {
	if a.span == nil {
		return
	}
	result, failed := a.spanResult(err)
	set := append(usageAttributes(a.try.Usage), attrResult.String(result))
	if a.try.Status != 0 {
		set = append(set, attrStatus.Int(a.try.Status))
	}
	if a.try.FirstToken > 0 && a.req.Stream {
		set = append(set, attrFirstChunk.Float64(a.try.FirstToken.Seconds()))
	}
	if a.began && a.rec.NativeFinish != "" {
		set = append(set, attrFinish.StringSlice([]string{clipped(a.rec.NativeFinish)}))
	}
	if failed {
		set = append(set, attrErrorType.String(result))
		a.span.SetStatus(codes.Error, result)
	}
	a.span.SetAttributes(append(set, costAttributes(a.try.Bill)...)...)
	a.span.End()
}

// spanResult is how the attempt ended, in a word, and whether that is an error:
// to leave is the client's right, and so is the end of a budget its operator's.
func (a *attempt) spanResult(err error) (result string, failed bool) {
	if a.try.Failed || a.try.Lost || errors.Is(err, errLost) {
		return a.try.Result(), a.try.Failed
	}
	outcome := outcomeOf(a.r.Context(), err, a.began)
	return string(outcome), outcome != OK && outcome != ClientGone && outcome != BudgetCut
}

// Describe says in the span that a request came in, which is not ours to end, what
// became of it. Tokens are in the attempts' spans alone, so that a sum over a trace
// has them once.
func (r *Relay) Describe(ctx context.Context, rec *Record) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	set := []attribute.KeyValue{
		attrOperation.String(operationChat), attrRequestID.String(rec.RequestID),
		attrOutcome.String(string(rec.Outcome)), attrAttempts.Int(len(rec.Tries)),
	}
	text := func(key attribute.Key, value string) {
		if value != "" {
			set = append(set, key.String(clipped(value)))
		}
	}
	text(attrKey, rec.Key)
	text(attrGate, rec.Gate)
	text(attrGateID, rec.GateID)
	text(attrConversation, rec.Session)
	text(attrAskedModel, rec.Asked)
	if len(rec.Tries) > 0 {
		text(attrProvider, rec.Provider)
		text(attrModel, rec.Model)
		if p, ok := r.Providers[rec.Provider]; ok {
			text(attrProviderName, providerName(p.Type))
		}
	}
	switch rec.Outcome {
	case OK, ClientGone, BudgetCut:
	case Rejected:
		text(attrErrorType, rec.ErrorCode)
	default:
		text(attrErrorType, string(rec.Outcome))
		span.SetStatus(codes.Error, string(rec.Outcome))
	}
	span.SetAttributes(append(set, costAttributes(rec.Bill)...)...)
}

// requestAttributes are the numbers that the request sets, with what the gate makes
// of it.
func requestAttributes(r *openai.Request, e *openai.Edits) []attribute.KeyValue {
	var set []attribute.KeyValue
	if n, ok := r.Int(e, "max_completion_tokens", "max_tokens"); ok {
		set = append(set, attrMaxTokens.Int64(n))
	}
	if n, ok := r.Int(e, "n"); ok && n != 1 {
		set = append(set, attrChoices.Int64(n))
	}
	if n, ok := r.Int(e, "seed"); ok {
		set = append(set, attrSeed.Int64(n))
	}
	for _, number := range []struct {
		key  attribute.Key
		name string
	}{
		{attrTemperature, "temperature"}, {attrTopP, "top_p"}, {attrFrequency, "frequency_penalty"}, {attrPresence, "presence_penalty"},
	} {
		value, _ := r.Value(e, number.name)
		if x, err := strconv.ParseFloat(string(value), 64); err == nil {
			set = append(set, number.key.Float64(x))
		}
	}
	return set
}

func usageAttributes(u cost.Usage) []attribute.KeyValue {
	var set []attribute.KeyValue
	count := func(key attribute.Key, parts ...cost.Tokens) {
		n, known := int64(0), false
		for _, t := range parts {
			n, known = n+t.N(), known || t.Known()
		}
		if known {
			set = append(set, key.Int64(n))
		}
	}
	count(attrInput, u.Input)
	count(attrCacheRead, u.CachedInput)
	count(attrCacheWrite, u.CacheWrite, u.CacheWrite1h)
	count(attrAudioInput, u.AudioInput)
	count(attrImageInput, u.ImageInput)
	count(attrOutput, u.Output)
	count(attrReasoning, u.Reasoning)
	count(attrAudioOutput, u.AudioOutput)
	count(attrImageOutput, u.ImageOutput)
	if u.Estimated {
		set = append(set, attrEstimated.Bool(true))
	}
	return set
}

// costAttributes are empty where nobody knows the cost.
func costAttributes(b cost.Bill) []attribute.KeyValue {
	if b.Status != cost.Exact && b.Status != cost.Estimated {
		return nil
	}
	dollars, err := strconv.ParseFloat(b.Total.String(), 64)
	if err != nil {
		return nil
	}
	return []attribute.KeyValue{attrCost.Float64(dollars)}
}

// address is where a provider listens.
func address(base string) (host string, port int, ok bool) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "", 0, false
	}
	if port, err = strconv.Atoi(u.Port()); err != nil {
		port = 443
		if u.Scheme == "http" {
			port = 80
		}
	}
	return u.Hostname(), port, true
}

// maxAttribute bounds a text that is not the gateway's own.
const maxAttribute = 128

func clipped(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxAttribute)], "?")
}
