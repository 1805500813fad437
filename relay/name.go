package relay

import (
	"net/http"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
)

// named is which gate a request means, and the model that it asks for beside it.
type named struct {
	ref   string
	model string // "" where the model field is what named the gate
}

// nameGate reads the first of the places that name a gate: the body's gateId,
// the header, the body's model.
func (r *Relay) nameGate(req *openai.Request, h http.Header) (named, error) {
	model, _ := req.String("model")
	for _, field := range []string{"gateId", "gate_id"} {
		if ref, ok := req.String(field); ok && ref != "" {
			return named{ref, model}, nil
		}
	}
	if ref := h.Get("X-Layer-Gate-Id"); ref != "" {
		return named{ref, model}, nil
	}
	if ref, _ := gate.ParseModelRef(model); ref != "" {
		return named{ref: ref}, nil
	}
	if r.DefaultGate != "" {
		return named{ref: r.DefaultGate}, nil
	}
	return named{}, openai.Invalid("missing_field", "gateId", "the request names no gate: set 'model' (or 'gateId') to a gate's name or id")
}

// findGate gives the gate that a request means, if the key may use it. That it
// may not looks the same as that there is none.
func (r *Relay) findGate(n named, key *access.Key) (*gate.Gate, *openai.Error) {
	g, ok := r.Gates.Lookup(n.ref)
	if !ok || !key.MayUse(g.ID, g.Name) {
		return nil, &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalidRequest, Code: "gate_not_found", Param: "gateId",
			Message: "there is no such gate, or this key may not use it"}
	}
	return g, nil
}

// usable refuses gates that can't answer a chat request.
func usable(g *gate.Gate) error {
	if g.Paused {
		return &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "gate_paused", NoRetry: true,
			Message: "the gate is paused by its operator"}
	}
	if g.TaskType != "chat" {
		return openai.Invalid("wrong_task_type", "gateId", "the gate is for %s, not for chat", g.TaskType)
	}
	return nil
}

// asked is the model that the request asks for in place of the gate's, "" if
// its model field only names the gate again.
func (n named) asked(g *gate.Gate) string {
	ref, prefixed := gate.ParseModelRef(n.model)
	if norm, ok := gate.NormalizeRef(ref); prefixed || ok && (norm == g.ID || norm == g.Name) {
		return ""
	}
	return n.model
}
