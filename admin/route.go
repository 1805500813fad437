package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// route is one method of one path. A segment in braces is whatever stands there, decoded, as the request's path value.
type route struct {
	method, path string
	serve        func(http.ResponseWriter, *http.Request) error
}

// table are all routes; of those that a path fits, the first path counts.
func (h *Handler) table() []route {
	return []route{
		{http.MethodGet, "/openapi.json", h.openAPI},
		{http.MethodGet, "/v1/gates", h.listGates},
		{http.MethodPost, "/v1/gates", h.createGate},
		{http.MethodGet, "/v1/gates/name/{id}", h.gate},
		{http.MethodGet, "/v1/gates/{id}", h.gate},
		{http.MethodPatch, "/v1/gates/{id}", h.updateGate},
		{http.MethodDelete, "/v1/gates/{id}", h.deleteGate},
		{http.MethodGet, "/v1/gates/{id}/history", h.gateHistory},
		{http.MethodPost, "/v1/gates/{id}/test", h.testGate},
		{http.MethodGet, "/v1/keys", h.listKeys},
		{http.MethodPost, "/v1/keys", h.createKey},
		{http.MethodGet, "/v1/keys/{id}", h.key},
		{http.MethodPatch, "/v1/keys/{id}", h.updateKey},
		{http.MethodDelete, "/v1/keys/{id}", h.deleteKey},
		{http.MethodGet, "/v1/keys/{id}/history", h.keyHistory},
		{http.MethodPost, "/v1/keys/{id}/rotate", h.rotateKey},
		{http.MethodPost, "/v1/keys/{id}/revoke", h.revokeKey},
		{http.MethodGet, "/v1/logs", h.listLogs},
		{http.MethodGet, "/v1/logs/overview", h.overview},
		{http.MethodGet, "/v1/logs/stream", h.streamLogs},
		{http.MethodGet, "/v1/logs/{id}", h.log},
		{http.MethodGet, "/v1/overview", h.overview},
		{http.MethodGet, "/v1/spend", h.spend},
		{http.MethodGet, "/v1/providers", h.listProviders},
		{http.MethodGet, "/v1/models", h.listModels},
	}
}

// fits reports whether a path is the route's, and tells the request what stands in its braces.
func (o *route) fits(r *http.Request, segments []string) bool {
	pattern := strings.Split(o.path, "/")
	if len(pattern) != len(segments) {
		return false
	}
	for i, p := range pattern {
		if name, ok := strings.CutPrefix(p, "{"); ok && segments[i] != "" {
			r.SetPathValue(strings.TrimSuffix(name, "}"), segments[i])
		} else if p != segments[i] {
			return false
		}
	}
	return true
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := h.serve(w, r); err != nil {
		h.refuse(w, r, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, s := range segments {
		var err error
		if segments[i], err = url.PathUnescape(s); err != nil {
			return errNoPath(r)
		}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := ""
	var allowed []string
	for i := range h.routes {
		o := &h.routes[i]
		if path != "" && o.path != path || !o.fits(r, segments) {
			continue
		}
		if o.method == method {
			return o.serve(w, r)
		}
		path = o.path
		allowed = append(allowed, o.method)
		if o.method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	if path == "" {
		return errNoPath(r)
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return problem(http.StatusMethodNotAllowed, "method_not_allowed", "", "%s takes %s only", path, strings.Join(allowed, ", "))
}

func errNoPath(r *http.Request) *openai.Error {
	return problem(http.StatusNotFound, "not_found", "", "%s is no path of this API: openapi.json lists them", r.URL.Path)
}

// unhurried takes back the time in which the server would have the request read, now that it has been: where that is
// short, an answer that takes longer would count as one whose client is gone.
func unhurried(w http.ResponseWriter) {
	// A writer without deadlines has none to take back.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}
