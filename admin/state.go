package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
)

// providerJSON is a provider and how it fares.
type providerJSON struct {
	Name    string       `json:"name"`
	Type    string       `json:"type"`
	BaseURL string       `json:"baseUrl,omitzero"`
	State   string       `json:"state"`            // ok, degraded, down, no_key
	Keys    int          `json:"keys"`             // how many it has
	Missing string       `json:"missing,omitzero"` // the placeholder of one that has no value
	Health  []healthJSON `json:"health"`
}

// healthJSON is how a key fares, or a key for one model.
type healthJSON struct {
	Key         int       `json:"key"` // its number, from 1
	Model       string    `json:"model,omitzero"`
	State       string    `json:"state"` // ok, cooling, tripped, dead
	Until       time.Time `json:"until,omitzero"`
	Failures    int       `json:"failures"`
	LastFailure string    `json:"lastFailure,omitzero"`
	// How long the model takes to begin a stream, and to give a whole answer; null is unknown.
	FirstTokenMs *float64 `json:"firstTokenMs"`
	WholeMs      *float64 `json:"wholeMs"`
	// What the provider last said that it takes before a limit of its own, and when it said so.
	Headroom []headroomJSON `json:"headroom,omitempty"`
	Told     time.Time      `json:"headroomTold,omitzero"`
}

type headroomJSON struct {
	What      string    `json:"what"` // such as requests or input-tokens
	Remaining int64     `json:"remaining"`
	Limit     int64     `json:"limit,omitzero"`
	Reset     time.Time `json:"reset,omitzero"` // when there is all of it again
}

func (h *Handler) listProviders(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	list := []providerJSON{}
	for _, p := range h.o.Providers() {
		shown := providerJSON{
			Name: p.Name, Type: p.Type, BaseURL: p.BaseURL, State: stateOf(&p), Keys: p.Keys, Missing: p.Missing,
			Health: make([]healthJSON, len(p.Health)),
		}
		for i, s := range p.Health {
			shown.Health[i] = healthJSON{
				Key: s.Index + 1, Model: s.Model, State: s.Reason.String(), Until: s.Until.UTC(), Failures: s.Failures,
				LastFailure: s.Last.String(), FirstTokenMs: perhaps(s.Latency), WholeMs: perhaps(s.Whole), Told: s.Told.UTC(),
			}
			for _, left := range s.Headroom {
				shown.Health[i].Headroom = append(shown.Health[i].Headroom,
					headroomJSON{What: left.What, Remaining: left.Remaining, Limit: left.Limit, Reset: left.Reset.UTC()})
			}
		}
		list = append(list, shown)
	}
	return write(w, http.StatusOK, list)
}

// stateOf is how a provider fares as a whole: it is down when no key is usable.
func stateOf(p *Provider) string {
	if p.Keys == 0 && p.Missing != "" {
		return "no_key"
	}
	keys, usable, troubled := 0, 0, false
	for _, s := range p.Health {
		switch {
		case s.Model == "":
			keys++
			if s.Reason == health.Usable {
				usable++
			}
		case s.Reason != health.Usable:
			troubled = true
		}
	}
	switch {
	case keys > 0 && usable == 0:
		return "down"
	case usable < keys || troubled:
		return "degraded"
	}
	return "ok"
}

// modelJSON is a model that a gate names or that was used of late.
type modelJSON struct {
	Provider string      `json:"provider"`
	Model    string      `json:"model"`
	Price    *cost.Price `json:"price"` // US dollars per token; null is unknown
	Gates    []string    `json:"gates"` // ids
	// What it was used for in the last 30 days, and how much of that has no cost.
	Requests int64       `json:"requests"`
	Unpriced int64       `json:"unpriced"`
	CostUsd  cost.Amount `json:"costUsd"`
}

// used is how long ago a model may have been used to be listed.
const used = 30 * 24 * time.Hour

// listModels gives the prices in force of all models that matter.
func (h *Handler) listModels(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	catalog := h.o.Catalog()
	list, index := []modelJSON{}, make(map[[2]string]int)
	at := func(provider, model string) *modelJSON {
		i, ok := index[[2]string{provider, model}]
		if !ok {
			i = len(list)
			index[[2]string{provider, model}] = i
			m := modelJSON{Provider: provider, Model: model, Gates: []string{}}
			if price := catalog.Price(provider, model); price.Known() {
				m.Price = &price
			}
			list = append(list, m)
		}
		return &list[i]
	}
	seen := make(map[string]bool)
	for g := range h.o.Gates.All() {
		for _, t := range g.Targets {
			if m := at(t.Provider, t.Model); !seen[g.ID] {
				m.Gates = append(m.Gates, g.ID)
			}
		}
		seen[g.ID] = true
	}
	l, done := h.o.Ledger()
	defer done()
	points, err := l.Series(r.Context(), ledger.SeriesQuery{By: ledger.ByModel, From: h.o.Now().UTC().Add(-used).Truncate(24 * time.Hour)})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		return err
	}
	for i := range points {
		p := &points[i]
		// The id is "provider/model", and a model may have slashes of its own.
		if provider := p.ID[:max(len(p.ID)-len(p.Name)-1, 0)]; provider != "" {
			m := at(provider, p.Name)
			m.Requests, m.Unpriced, m.CostUsd = p.Requests, p.Unpriced, p.Cost
		}
	}
	answer := struct {
		Version string    `json:"version"`
		Built   time.Time `json:"built"`
		// How long ago the list over the built-in one was last known to be what its source has; null if there is none.
		AgeSeconds *float64    `json:"ageSeconds"`
		Models     []modelJSON `json:"models"`
	}{Version: catalog.Version, Built: catalog.Built, Models: list}
	if catalog.Known {
		answer.AgeSeconds = new(catalog.Age.Seconds())
	}
	return write(w, http.StatusOK, answer)
}
