package dashboard

import (
	"errors"
	"net/http"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

type modelsPage struct {
	Catalog  Catalog
	Since    time.Time
	Models   []modelRow
	Unpriced []modelRow
	List     catalogSearch
}

// modelRow is a model that a gate names or that was used.
type modelRow struct {
	Provider, Model string
	Price           cost.Price
	Sums            ledger.Sums
	Gates           []string
}

func (h *Handler) models(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	p := modelsPage{Catalog: h.o.Catalog(), Since: h.gatesSince()}
	rows := make(map[string]*modelRow)
	var order []string
	at := func(provider, model string) *modelRow {
		id := provider + "/" + model
		if rows[id] == nil {
			rows[id] = &modelRow{Provider: provider, Model: model, Price: p.Catalog.Price(provider, model)}
			order = append(order, id)
		}
		return rows[id]
	}
	for _, g := range h.o.Gates() {
		for _, t := range g.Targets {
			m := at(t.Provider, t.Model)
			m.Gates = append(m.Gates, g.Label())
		}
	}
	points, err := l.Series(r.Context(), ledger.SeriesQuery{By: ledger.ByModel, From: p.Since})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		h.fail(w, r, err)
		return
	}
	for i := range points {
		// The id is "provider/model", and a model may have slashes of its own.
		provider := points[i].ID[:max(len(points[i].ID)-len(points[i].Name)-1, 0)]
		if provider != "" {
			at(provider, points[i].Name).Sums = points[i].Sums
		}
	}
	for _, id := range order {
		m := *rows[id]
		p.Models = append(p.Models, m)
		if m.Sums.Unpriced > 0 {
			p.Unpriced = append(p.Unpriced, m)
		}
	}
	p.List = searchCatalog(p.Catalog.Entries(), r.URL.Query())
	h.render(w, r, http.StatusOK, "models", "Models and prices", p)
}
