package dashboard

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
)

// catalogSearch is a part of the list of prices.
type catalogSearch struct {
	Text, Type string   // what is looked for
	Types      []string // the provider types that the list has
	Rows       []cost.Entry
	Pager      pager
}

const catalogRows = 25

// matching are the entries that a URL looks for, and the types of all.
func matching(all []cost.Entry, q url.Values) (found []cost.Entry, types []string) {
	text, kind := strings.ToLower(strings.TrimSpace(q.Get("q"))), q.Get("type")
	for _, e := range all {
		if len(types) == 0 || types[len(types)-1] != e.Provider {
			types = append(types, e.Provider)
		}
		if (kind == "" || kind == e.Provider) && strings.Contains(strings.ToLower(e.Provider+"/"+e.Model), text) {
			found = append(found, e)
		}
	}
	return found, types
}

func searchCatalog(all []cost.Entry, q url.Values) catalogSearch {
	s := catalogSearch{Text: strings.TrimSpace(q.Get("q")), Type: q.Get("type")}
	s.Rows, s.Types = matching(all, q)
	s.Pager = paged(q, len(s.Rows), len(all), catalogRows, "q", "type")
	s.Rows = onPage(s.Pager, s.Rows)
	return s
}

// entryJSON is one line of the list's export.
type entryJSON struct {
	Provider    string         `json:"provider"`
	Model       string         `json:"model"`
	Input       jsontext.Value `json:"input"`
	CachedInput jsontext.Value `json:"cached_input"`
	CacheWrite  jsontext.Value `json:"cache_write"`
	Output      jsontext.Value `json:"output"`
	Version     string         `json:"price_version"`
}

func number(a cost.Amount) jsontext.Value { return jsontext.Value(perMillion(a)) }

// catalogExport gives the prices that a search finds, all rates in US dollars per million tokens.
func (h *Handler) catalogExport(w http.ResponseWriter, r *http.Request) {
	found, _ := matching(h.o.Catalog().Entries(), r.URL.Query())
	if strings.HasSuffix(r.URL.Path, ".json") {
		list := make([]entryJSON, len(found))
		for i, e := range found {
			rates := e.Price.Rates
			list[i] = entryJSON{e.Provider, e.Model, number(rates.Input), number(rates.CachedInput), number(rates.CacheWrite), number(rates.Output), e.Price.Version}
		}
		attach(w, "application/json", "models.json")
		if err := json.MarshalWrite(w, list); err != nil {
			h.o.Log.Debug("an export ended early", zap.Error(err))
		}
		return
	}
	attach(w, "text/csv; charset=utf-8", "models.csv")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"provider", "model", "input", "cached_input", "cache_write", "output", "price_version"})
	for _, e := range found {
		rates := e.Price.Rates
		_ = out.Write(harmless([]string{e.Provider, e.Model, perMillion(rates.Input), perMillion(rates.CachedInput),
			perMillion(rates.CacheWrite), perMillion(rates.Output), e.Price.Version}))
	}
	out.Flush() // whoever reads it no more needs no word of it
}
