package layergateway

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/relay"
)

// placeholderPrefix is what the placeholders of a request begin with.
const placeholderPrefix = "http.layer_gateway."

// observe shows what becomes of a request to the rest of Caddy: as placeholders, and as a field of the access
// log. Both look at the record only when somebody asks.
func observe(r *http.Request, rec *relay.Record) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(func(name string) (any, bool) {
			field, ok := strings.CutPrefix(name, placeholderPrefix)
			if !ok {
				return nil, false
			}
			return placeholder(rec, field)
		})
	}
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.Object(directive, (*logged)(rec)))
	}
}

func placeholder(rec *relay.Record, field string) (any, bool) {
	switch field {
	case "request_id":
		return rec.RequestID, true
	case "gate":
		return rec.Gate, true
	case "provider":
		return rec.Provider, true
	case "model":
		return clean(rec.Model), true
	case "outcome":
		return string(rec.Outcome), true
	case "attempts":
		return len(rec.Tries), true
	case "cost":
		if _, ok := dollars(rec.Bill); ok {
			return rec.Bill.Total.String(), true
		}
		return "", true
	case "prompt_tokens":
		return tokens(rec.Usage.Input), true
	case "completion_tokens":
		return tokens(rec.Usage.Output), true
	}
	return nil, false
}

func tokens(t cost.Tokens) string {
	if !t.Known() {
		return ""
	}
	return strconv.FormatInt(t.N(), 10)
}

// report writes the request's line and counts it.
func (g *Gateway) report(rec *relay.Record) {
	if rec.Fault != "" {
		g.log.Error("the gateway failed", zap.String("request_id", rec.RequestID), zap.String("fault", rec.Fault))
	}
	if c := g.log.Check(zapcore.InfoLevel, "request"); c != nil {
		c.Write(zap.Inline((*logged)(rec)))
	}
	g.app.metrics.count(rec)
}

// logged is a request as logs have it: nothing of what was said, and of the client's own words only those that
// are there to find it by.
type logged relay.Record

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (rec *logged) MarshalLogObject(e zapcore.ObjectEncoder) error {
	text := func(name, value string) {
		if value != "" {
			e.AddString(name, clean(value))
		}
	}
	count := func(name string, t cost.Tokens) {
		if t.Known() {
			e.AddInt64(name, t.N())
		}
	}
	e.AddString("request_id", rec.RequestID)
	text("key", rec.Key)
	text("gate", rec.Gate)
	text("gate_id", rec.GateID)
	text("provider", rec.Provider)
	text("model", rec.Model)
	e.AddString("outcome", string(rec.Outcome))
	e.AddInt("status", rec.Status)
	text("error", rec.ErrorCode)
	e.AddInt("attempts", len(rec.Tries))
	e.AddBool("stream", rec.Stream)
	text("session", rec.Session)
	text("user", rec.User)
	count("prompt_tokens", rec.Usage.Input)
	count("cached_tokens", rec.Usage.CachedInput)
	count("completion_tokens", rec.Usage.Output)
	count("reasoning_tokens", rec.Usage.Reasoning)
	if d, ok := dollars(rec.Bill); ok {
		e.AddFloat64("cost", d)
	}
	text("cost_status", string(rec.Bill.Status))
	if rec.FirstToken > 0 {
		e.AddDuration("ttft", rec.FirstToken)
	}
	e.AddDuration("latency", rec.Total)
	if len(rec.Tries) > 1 || len(rec.Tries) == 1 && rec.Tries[0].Failed {
		return e.AddArray("tries", zapcore.ArrayMarshalerFunc(func(a zapcore.ArrayEncoder) error {
			for _, try := range rec.Tries {
				if err := a.AppendObject((*loggedTry)(try)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return nil
}

// loggedTry is an attempt as logs have it.
type loggedTry relay.Try

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (t *loggedTry) MarshalLogObject(e zapcore.ObjectEncoder) error {
	e.AddString("provider", t.Provider)
	e.AddString("model", clean(t.Model))
	e.AddString("result", (*relay.Try)(t).Result())
	if t.Status != 0 {
		e.AddInt("status", t.Status)
	}
	e.AddDuration("start", t.Start)
	e.AddDuration("took", t.Took)
	return nil
}

// maxLogged bounds a text in the log that a client chose.
const maxLogged = 128

// clean makes a text harmless to lines and terminals, and bounds it.
func clean(s string) string {
	if plain(s) {
		return s
	}
	if len(s) > maxLogged {
		s = s[:maxLogged] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// plain reports whether a text is short and of printable ASCII alone, as nearly all are.
func plain(s string) bool {
	if len(s) > maxLogged {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
