package admin

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/gate"
)

// probe is what came of asking one target of a gate.
type probe struct {
	Provider   string         `json:"provider"`
	Model      string         `json:"model"`
	OK         bool           `json:"ok"`
	Status     int            `json:"status"`
	LatencyMs  int64          `json:"latencyMs"`
	CostUsd    jsontext.Value `json:"costUsd"` // null: unknown
	CostStatus string         `json:"costStatus,omitzero"`
	RequestID  string         `json:"requestId"` // of its log
	Error      *probeError    `json:"error"`     // null: none
}

type probeError struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

// probeBody is what a target is asked. A gate may want its answers in JSON, which some providers refuse to give unless a
// message speaks of it.
const probeBody = `{"messages":[{"role":"user","content":"Say OK, in JSON if that is wanted."}]}`

// testGate really asks each target of a gate, all at once.
func (h *Handler) testGate(w http.ResponseWriter, r *http.Request) error {
	if err := decode(w, r, new(struct{})); err != nil {
		return err
	}
	ref := r.PathValue("id")
	g, _, ok := h.o.Gates.Find(ref)
	if !ok {
		return problem(http.StatusNotFound, "not_found", "", "there is no gate %q that is served", ref)
	}
	unhurried(w)
	probes := make([]probe, len(g.Targets))
	var asking sync.WaitGroup
	for i, t := range g.Targets {
		asking.Go(func() { probes[i] = h.probe(r.Context(), g.ID, t) })
	}
	asking.Wait()
	all := true
	for i := range probes {
		all = all && probes[i].OK
	}
	return write(w, http.StatusOK, struct {
		GateID   string  `json:"gateId"`
		GateName string  `json:"gateName"`
		OK       bool    `json:"ok"`
		Targets  []probe `json:"targets"`
	}{g.ID, g.Name, all, probes})
}

func (h *Handler) probe(ctx context.Context, gateID string, t gate.Target) probe {
	p := probe{Provider: t.Provider, Model: t.Model, CostUsd: jsontext.Value("null")}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(probeBody))
	if err != nil {
		p.Error = &probeError{err.Error(), "gateway_error"}
		return p
	}
	r.Header.Set("Content-Type", "application/json")
	got := &reply{header: make(http.Header), status: http.StatusOK}
	start := h.o.Now()
	h.o.Ask(got, r, gateID, t)
	p.LatencyMs = h.o.Now().Sub(start).Milliseconds()
	p.Status, p.RequestID = got.status, got.header.Get("X-Layer-Request-Id")
	var answer struct {
		Cost  jsontext.Value `json:"cost"`
		Usage struct {
			Details struct {
				Status string `json:"status"`
			} `json:"cost_details"`
		} `json:"usage"`
		Error *struct {
			Message string `json:"message"`
			Code    string `json:"code"`
		} `json:"error"`
	}
	err = json.Unmarshal(got.body.Bytes(), &answer)
	switch {
	case err != nil:
		p.Error = &probeError{"the answer can't be read", "gateway_error"}
	case answer.Error != nil:
		p.Error = &probeError{answer.Error.Message, answer.Error.Code}
	case got.status != http.StatusOK:
		p.Error = &probeError{http.StatusText(got.status), "provider_error"}
	default:
		p.OK = true
		if answer.Cost != nil {
			p.CostUsd, p.CostStatus = answer.Cost, answer.Usage.Details.Status
		}
	}
	return p
}

// reply is an answer that is kept.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) WriteHeader(status int)      { r.status = status }
func (r *reply) Write(b []byte) (int, error) { return r.body.Write(b) }
