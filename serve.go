package layergateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/relay"
)

// The paths of the API, below whatever prefix the site has taken off.
const (
	chatPath   = "/v1/chat/completions"
	modelsPath = "/v1/models"
)

// ServeHTTP answers what is the API's, and leaves the rest to the next handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	ref, isModel := strings.CutPrefix(r.URL.Path, modelsPath+"/")
	switch {
	case r.URL.Path == chatPath:
		g.serveChat(w, r)
	case r.URL.Path == modelsPath:
		g.serveModels(w, r, g.relay.Models)
	case isModel && ref != "":
		g.serveModels(w, r, func(w http.ResponseWriter, key *access.Key) { g.relay.Model(w, key, ref) })
	default:
		return next.ServeHTTP(w, r)
	}
	return nil
}

func (g *Gateway) serveChat(w http.ResponseWriter, r *http.Request) {
	rec := begin(w, r)
	if r.Method != http.MethodPost {
		refuseMethod(w, r, "POST")
		return
	}
	observe(r, rec)
	told := g.relay.Flights.Tell(r.Context())
	defer told()
	restore := g.allowStall(r)
	defer restore()
	g.enterStore()
	// Before the body is read: who may not come in costs nothing.
	if key, err := g.keys.Authenticate(r.Header); err != nil {
		refusal := refuse(w, err)
		rec.Outcome, rec.Status, rec.ErrorCode = relay.Rejected, refusal.Status, refusal.Code
		g.relay.Describe(r.Context(), rec)
		rec.Total = time.Since(rec.Start)
	} else {
		rec.Client, _ = caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
		rec.Trace = trace(r)
		g.relay.Chat(w, r, key, rec)
	}
	g.report(rec)
	if r.ProtoMajor == 3 && rec.Outcome == relay.ClientGone && rec.Status != 0 {
		// What was left in its middle must look like that: HTTP/3 would end it as if it were whole.
		panic(http.ErrAbortHandler)
	}
}

// allowStall lets the client of a request stall for as long as the gateway has it, where that was said, and not for as
// long as Caddy has it by default. The function takes it back.
func (g *Gateway) allowStall(r *http.Request) (restore func()) {
	_, writer := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if writer == nil || g.StallTimeout == 0 {
		return func() {}
	}
	stall := time.Duration(g.StallTimeout)
	if stall < 0 {
		stall = forever
	}
	return writer.Override(stall, 0, 0)
}

// forever is longer than anything takes, and a time that clocks can add.
const forever = 100 * 365 * 24 * time.Hour

func (g *Gateway) serveModels(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter, *access.Key)) {
	begin(w, r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuseMethod(w, r, "GET, HEAD")
		return
	}
	g.enterStore()
	key, err := g.keys.Authenticate(r.Header)
	if err != nil {
		_ = refuse(w, err) // nobody keeps a record of it
		return
	}
	answer(w, key)
}

// maxDrained is how long a body may be that a refusal waits for: as net/http has it.
const maxDrained = 256 << 10

// begin gives a request its id, which its answer has whatever it is. The second header is the one that OpenAI's
// clients show.
func begin(w http.ResponseWriter, r *http.Request) *relay.Record {
	// An answer to a request whose body nobody has read is held back until the body has come, which a client that
	// expects a word on it may never send: unless the connection is not used again. Whoever reads the body takes this
	// back.
	if r.ProtoMajor == 1 && (r.ContentLength < 0 || r.ContentLength > maxDrained || r.Header.Get("Expect") != "") {
		w.Header().Set("Connection", "close")
	}
	rec := relay.NewRecord(time.Now())
	w.Header().Set("X-Layer-Request-Id", rec.RequestID)
	w.Header().Set("X-Request-Id", rec.RequestID)
	return rec
}

// trace is the id of the trace that the request is in, if it is in one.
func trace(r *http.Request) string {
	if span := oteltrace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// refuse answers a request that has no valid key, and returns what it says.
func refuse(w http.ResponseWriter, err error) *openai.Error {
	var refusal *openai.Error
	if !errors.As(err, &refusal) {
		refusal = &openai.Error{Status: http.StatusInternalServerError, Type: openai.TypeAPI, Code: "gateway_error", Message: "the gateway failed"}
	}
	if refusal.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	refusal.Write(w)
	return refusal
}

func refuseMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	refusal := openai.Invalid("method_not_allowed", "", "%s takes %s only", r.URL.Path, allowed)
	refusal.Status = http.StatusMethodNotAllowed
	refusal.Write(w)
}
