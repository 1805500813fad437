package cost

import (
	_ "embed"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Unpack npm's @pydantic/genai-prices into gen/package to run this; to move to
// another version of it, change the version and its date here.
//go:generate go run ./gen -package gen/package -version 0.1.8 -date 2026-09-23 -out .

//go:embed catalog.json
var catalogJSON []byte

// Builtin is the list of prices that the program carries, see catalog.json. It
// is read at the first call.
var Builtin = sync.OnceValue(func() *Catalog {
	c, err := parseCatalog(catalogJSON)
	if err != nil {
		panic("cost: the embedded catalog.json: " + err.Error())
	}
	return c
})

// catalogFile is the form of catalog.json, written by gen.
type catalogFile struct {
	Source  string     `json:"source"`
	Version string     `json:"version"` // of prices: "genai-prices@0.1.8"
	Date    string     `json:"date"`    // of the source's release
	License string     `json:"license"`
	Models  []modelRow `json:"models"` // a provider's rules apply in this order
}

// modelRow is one model. Its id is also a name to match.
type modelRow struct {
	Provider string     `json:"provider"` // our provider type
	ID       string     `json:"id"`
	Is       []string   `json:"is,omitzero"` // other ids that name it
	Match    []rule     `json:"match,omitzero"`
	Prices   []priceRow `json:"prices,omitzero"`
}

// priceRow is one price. Rates are US dollars per million tokens, Requests and
// Searches dollars per thousand.
type priceRow struct {
	Since string    `json:"since,omitzero"` // YYYY-MM-DD, from midnight UTC on
	Hours [2]string `json:"hours,omitzero"` // HH:MM:SS UTC, from the first until before the second
	rateList
	Requests *rate      `json:"requests,omitzero"`
	Searches *rate      `json:"searches,omitzero"`
	Tiers    []tierList `json:"tiers,omitzero"`
}

func parseCatalog(data []byte) (*Catalog, error) {
	var file catalogFile
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	date, err := time.Parse(time.DateOnly, file.Date)
	if err != nil {
		return nil, err
	}
	c := &Catalog{version: file.Version, date: date, providers: map[string]*provider{}}
	for _, row := range file.Models {
		p := c.providers[row.Provider]
		if p == nil {
			p = &provider{exact: map[string]*model{}}
			c.providers[row.Provider] = p
			c.types = append(c.types, row.Provider)
		}
		if err := p.add(row, file.Version); err != nil {
			return nil, fmt.Errorf("provider %q, model %q: %w", row.Provider, row.ID, err)
		}
	}
	for t := range fallbacks {
		c.types = append(c.types, t)
	}
	c.types = sortedTypes(c.types)
	return c, nil
}

func (p *provider) add(row modelRow, version string) error {
	m := &model{id: row.ID}
	for _, pr := range row.Prices {
		d, err := pr.dated(version, row.ID)
		if err != nil {
			return err
		}
		m.dated = append(m.dated, d)
	}
	for _, r := range row.Match {
		compiled, err := r.compile()
		if err != nil {
			return err
		}
		p.rules = append(p.rules, modelRule{compiled, m})
	}
	for _, name := range append([]string{row.ID}, row.Is...) {
		if p.exact[name] == nil {
			p.exact[name] = m
		}
	}
	return nil
}

func (row priceRow) dated(version, model string) (d datedPrice, err error) {
	d.price = newPrice(version, model, row.rateList, row.Tiers)
	d.price.Request = row.Requests.or(0).times(1000)
	d.price.Search, d.price.noSearch = row.Searches.or(0).times(1000), row.Searches == nil
	if row.Since != "" {
		if d.since, err = time.Parse(time.DateOnly, row.Since); err != nil {
			return d, err
		}
	}
	if row.Hours != [2]string{} {
		if d.start, err = timeOfDay(row.Hours[0]); err != nil {
			return d, err
		}
		d.end, err = timeOfDay(row.Hours[1])
	}
	return d, err
}

func timeOfDay(s string) (time.Duration, error) {
	t, err := time.Parse(time.TimeOnly, s)
	if err != nil {
		return 0, err
	}
	return t.Sub(t.Truncate(24 * time.Hour)), nil
}
