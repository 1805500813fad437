// Package dashboard is the pages on which operators see what the gateway did and what it cost, and from which they try
// gates and manage client keys. It is an http.Handler that can be mounted below any path: all of its links are relative.
//
// Pages are made on the server, need no JavaScript to be read, and ask no other host for anything. Sums come from the
// ledger's roll-ups, so that they are there at once however many rows there are.
package dashboard

import (
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/openai"
)

// Options are what the pages show, and who may see them.
type Options struct {
	// Door decides who may come in. Required.
	Door *Door
	// Ledger gives the ledger for one request; the function must be called when it is done with it. Required.
	Ledger func() (Ledger, func())
	// Gates, Keys and Providers are those of all gateways that run now, Gate is one of these gates. Required.
	Gates     func() []Gate
	Gate      func(id string) (Gate, bool)
	Keys      func() []Key
	Providers func() []Provider
	// GateNames are the labels of Gates, in their order, without the work of having the gates. Default: as Gates has them.
	GateNames func() []string
	// Catalog is the prices in force. Required.
	Catalog func() Catalog
	// Store gives the client keys that are made at run time, for one request: the function must be called when it is
	// done with them. False: there is no place for such keys. Required.
	Store func() (keys KeyStore, done func(), ok bool)
	// Chat answers a chat completion at a gate, as the gateway would for a client. Required.
	Chat func(w http.ResponseWriter, r *http.Request, gateID string)
	// TraceURL is where a trace can be seen, with {trace_id} in it. Default: nowhere.
	TraceURL string
	// Ready reports what keeps the gateway from serving; nil is nothing. Required.
	Ready func() error
	// API answers what is below api/, for who may come in. Default: nothing is there.
	API http.Handler
	// Leaving reports whether streams should end, for who asks now and then. Required.
	Leaving func() bool
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log is told what can't be shown. Default: none.
	Log *zap.Logger
}

// Handler serves the pages.
type Handler struct {
	o     Options
	pages http.Handler
}

// New makes the pages.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	h := &Handler{o: o}
	if o.GateNames == nil {
		h.o.GateNames = h.gateNames
	}
	h.pages = h.routes()
	return h
}

func (h *Handler) gateNames() (names []string) {
	for _, g := range h.o.Gates() {
		names = append(names, g.Label())
	}
	return names
}

func (h *Handler) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.overview)
	mux.HandleFunc("GET /overview.csv", h.overviewExport)
	mux.HandleFunc("GET /overview.json", h.overviewExport)
	mux.HandleFunc("GET /requests", h.requests)
	mux.HandleFunc("GET /requests.csv", h.requestsCSV)
	mux.HandleFunc("GET /requests.json", h.requestsJSON)
	mux.HandleFunc("GET /requests/live", h.live)
	mux.HandleFunc("GET /requests/{id}", h.request)
	mux.HandleFunc("GET /gates", h.gates)
	mux.HandleFunc("GET /gates/{id}", h.gate)
	mux.HandleFunc("POST /gates/{id}/chat", h.chat)
	mux.HandleFunc("GET /keys", h.keys)
	mux.HandleFunc("POST /keys", h.makeKey)
	mux.HandleFunc("POST /keys/{id}/rotate", h.rotateKey)
	mux.HandleFunc("POST /keys/{id}/revoke", h.revokeKey)
	mux.HandleFunc("GET /providers", h.providers)
	mux.HandleFunc("GET /models", h.models)
	mux.HandleFunc("GET /models.csv", h.catalogExport)
	mux.HandleFunc("GET /models.json", h.catalogExport)
	mux.HandleFunc("POST /logout", h.logout)
	if h.o.API != nil {
		api := http.StripPrefix("/api", h.o.API)
		mux.Handle("/api", api) // else the mux would lead to /api/, which is beside where the dashboard is mounted
		mux.Handle("/api/", api)
	}
	mux.HandleFunc("/", h.notFound)
	return mux
}

// places are the first words of the paths that are the dashboard's.
var places = map[string]bool{
	"": true, "overview.csv": true, "overview.json": true, "requests": true, "requests.csv": true, "requests.json": true,
	"gates": true, "keys": true, "providers": true, "models": true, "models.csv": true, "models.json": true, "assets": true, "api": true,
	"login": true, "logout": true, "healthz": true, "readyz": true,
}

// Serves reports whether a path below the mount is one of the dashboard's.
func Serves(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return places[first]
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	path := r.URL.Path
	if path == "/healthz" || path == "/readyz" { // for anybody, under any name
		h.health(w, r)
		return
	}
	if err := h.o.Door.check(r); err != nil {
		if forProgram(r) {
			(&openai.Error{Status: http.StatusForbidden, Type: openai.TypeInvalidRequest, Code: "forbidden", Message: err.Error()}).Write(w)
			return
		}
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	switch {
	case strings.HasPrefix(path, "/assets/"):
		serveAsset(w, r)
	case path == "/login":
		h.login(w, r)
	default:
		if in, wait := h.o.Door.admits(r, h.o.Now()); !in {
			h.turnAway(w, r, wait)
			return
		}
		h.pages.ServeHTTP(w, r)
	}
}

// forProgram reports whether a program asks, which wants errors as JSON.
func forProgram(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
}

// setHeaders gives an answer what keeps browsers from doing more with it than to show it.
func setHeaders(header http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
		"Referrer-Policy":            "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Cache-Control":              "no-store",
	} {
		header.Set(name, value)
	}
}

// health answers those who watch the process. What is wrong is for the operator's log alone.
func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD only", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.URL.Path == "/readyz" {
		if err := h.o.Ready(); err != nil {
			h.o.Log.Warn("not ready", zap.Error(err))
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = w.Write([]byte("ok\n"))
}
