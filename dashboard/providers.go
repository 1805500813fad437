package dashboard

import (
	"errors"
	"net/http"
	"time"

	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
)

type providersPage struct{ Providers []providerRow }

type providerRow struct {
	Provider
	Sums  ledger.Sums
	State targetState
	// Rows are those of Provider.Health with something to say.
	Rows []healthRow
}

type healthRow struct {
	health.State
	Number int // of the key, from 1
	Shown  targetState
}

func (h *Handler) providers(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	now := h.o.Now().UTC()
	var p providersPage
	points, err := l.Series(r.Context(), ledger.SeriesQuery{By: ledger.ByProvider, From: now.Add(-day).Truncate(time.Hour), To: now})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		h.fail(w, r, err)
		return
	}
	for _, provider := range h.o.Providers() {
		row := providerRow{Provider: provider, State: providerState(provider)}
		for i := range points {
			if points[i].ID == provider.Name {
				row.Sums = points[i].Sums
			}
		}
		for _, s := range provider.Health {
			shown := targetState{Word: "in use", Class: "good"}
			if s.Reason != health.Usable {
				shown = targetState{Word: reasonWord(s.Reason), Class: "bad"}
			}
			row.Rows = append(row.Rows, healthRow{s, s.Index + 1, shown})
		}
		p.Providers = append(p.Providers, row)
	}
	h.render(w, r, http.StatusOK, "providers", "Providers", p)
}

// reasonWord is why a key is left out. The breaker goes by its name.
func reasonWord(r health.Reason) string {
	switch r {
	case health.Tripped:
		return "breaker open"
	case health.Cooling:
		return "cooling down"
	case health.Dead:
		return "key refused"
	}
	return r.String()
}

// providerState is how a provider fares as a whole: it is well while one key is.
func providerState(p Provider) targetState {
	if p.Keys == 0 && p.Missing != "" {
		return targetState{Word: "no key: " + p.Missing + " is empty", Class: "bad"}
	}
	keys, usable, troubled := 0, 0, 0
	for _, s := range p.Health {
		switch {
		case s.Model == "":
			keys++
			if s.Reason == health.Usable {
				usable++
			}
		case s.Reason != health.Usable:
			troubled++
		}
	}
	switch {
	case keys > 0 && usable == 0:
		return targetState{Word: "no usable key", Class: "bad"}
	case usable < keys:
		return targetState{Word: plural(int64(keys-usable), "key", "keys") + " left out", Class: "warn"}
	case troubled > 0:
		return targetState{Word: plural(int64(troubled), "model", "models") + " left out", Class: "warn"}
	}
	return targetState{Word: "healthy", Class: "good"}
}
