package relay

import (
	"net/http"
	"strconv"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
)

// Models answers with the gates that the key may use, in the shape of OpenAI's
// list of models: a client can show them where it would show models.
func (r *Relay) Models(w http.ResponseWriter, key *access.Key) {
	b := []byte(`{"object":"list","data":[`)
	first := true
	for g := range r.Gates.All() {
		if !key.MayUse(g.ID, g.Name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendModel(b, g)
	}
	writeJSON(w, append(b, "]}"...))
}

// Model answers with one gate.
func (r *Relay) Model(w http.ResponseWriter, key *access.Key, ref string) {
	ref, _ = gate.ParseModelRef(ref)
	g, err := r.findGate(named{ref: ref}, key)
	if err != nil {
		err.Write(w)
		return
	}
	writeJSON(w, appendModel(nil, g))
}

// appendModel writes a gate as a model. Its id is what a request may name.
func appendModel(b []byte, g *gate.Gate) []byte {
	name := g.Name
	if name == "" {
		name = g.ID
	}
	b = append(b, `{"id":`...)
	b = openai.AppendString(b, name)
	b = append(b, `,"object":"model","created":0,"owned_by":"layer","gate":`...)
	b = openai.AppendString(b, name)
	b = append(b, `,"gate_id":`...)
	b = openai.AppendString(b, g.ID)
	b = append(b, `,"task_type":`...)
	b = openai.AppendString(b, g.TaskType)
	b = append(b, `,"description":`...)
	b = openai.AppendString(b, g.Description)
	return append(b, '}')
}

func writeJSON(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	// A client that is gone is nobody's loss here.
	_, _ = w.Write(body)
}
