package cost

import (
	"slices"
	"strings"
	"time"
)

// Catalog knows models' prices by provider type and model id. It never
// changes, so it may be used by many goroutines; Overlay makes a new one.
type Catalog struct {
	version   string
	date      time.Time
	types     []string // all provider types, in the order of Providers
	providers map[string]*provider
	overlay   map[string]map[string]*Price // provider type, lower-case model id
}

// order is that of Providers: who makes models, then who resells the makers'
// at their prices, then who hosts open models.
var order = [...]string{
	"openai", "anthropic", "google", "mistral", "cohere", "deepseek", "xai", "moonshot", "perplexity",
	"azure", "vertex", "bedrock",
	"groq", "cerebras", "fireworks", "together", "openrouter",
}

// fallbacks are the provider types whose models and prices a type has where
// the catalog lists none of its own.
var fallbacks = map[string][]string{
	"azure":  {"openai", "anthropic", "mistral", "cohere", "deepseek", "xai", "moonshot"},
	"vertex": {"google", "anthropic"},
}

// provider is one provider type's models.
type provider struct {
	exact map[string]*model // by id and alias
	rules []modelRule       // what is left of the match rules, in the list's order
}

type modelRule struct {
	matcher
	model *model
}

// model is one entry of the list. It may have no price: some are sold by the
// hour or the page, of some the list doesn't know.
type model struct {
	id    string
	dated []datedPrice
}

// datedPrice is a price that holds from a day on, or for some hours of the
// day, or always. The times of day are durations since midnight UTC.
type datedPrice struct {
	price      Price
	since      time.Time
	start, end time.Duration // equal if it holds all day
}

func (d *datedPrice) holds(at time.Time) bool {
	if at.Before(d.since) {
		return false
	}
	clock := at.Sub(at.Truncate(24 * time.Hour))
	switch {
	case d.start == d.end:
		return true
	case d.start < d.end:
		return d.start <= clock && clock < d.end
	}
	return d.start <= clock || clock < d.end
}

// price is the last of the prices that holds, or else the first.
func (m *model) price(at time.Time) *Price {
	for i := len(m.dated) - 1; i >= 0; i-- {
		if m.dated[i].holds(at) {
			return &m.dated[i].price
		}
	}
	if len(m.dated) == 0 {
		return &Price{}
	}
	return &m.dated[0].price
}

// find is the model of a lower-case id: by its id or alias, else by the first
// rule that matches. Loose tells that nothing but a loose rule matched.
func (p *provider) find(id string) (m *model, loose bool) {
	if p == nil {
		return nil, false
	}
	if m := p.exact[id]; m != nil {
		return m, false
	}
	for i := range p.rules {
		if p.rules[i].match(id) {
			return p.rules[i].model, p.rules[i].loose
		}
	}
	return nil, false
}

// Price is the price of a model, named as a provider of that type names it, at
// a given time. Model ids compare without case. An id of an overlay also gives
// the price of that id with a date or "-latest" behind it, unless the built-in
// list prices the two apart. False means that the price is unknown, whether or
// not the model is.
func (c *Catalog) Price(providerType, model string, at time.Time) (Price, bool) {
	for id, ok := normalize(providerType, model), true; ok; id, ok = spellDate(id) {
		p, _ := c.find(providerType, id, at)
		for _, other := range fallbacks[providerType] {
			if p != nil {
				break
			}
			p, _ = c.find(other, id, at)
		}
		if p != nil {
			price := *p
			price.Services = services[providerType]
			// OpenAI's search models charge for each search beside the tokens, and
			// chat completions don't count them: https://openai.com/api/pricing.
			price.hiddenFees = strings.Contains(id, "-search-preview") || strings.Contains(id, "-search-api")
			return price, p.Known()
		}
	}
	return Price{}, false
}

// find is the price of a normalized id at one provider type, nil if the model
// is unknown there.
func (c *Catalog) find(providerType, id string, at time.Time) (p *Price, loose bool) {
	over := c.overlay[providerType]
	if price := over[id]; price != nil {
		return price, false
	}
	m, loose := c.providers[providerType].find(id)
	if over != nil {
		stem := undated(id)
		if price := over[stem]; price != nil {
			if same, _ := c.providers[providerType].find(stem); same == m {
				return price, false
			}
		}
	}
	if m == nil {
		return nil, false
	}
	return m.price(at), loose
}

// Providers lists the provider types that have a model of exactly this id, or
// of an alias or a dated version of it: makers of models first. It is what a
// bare model id may stand for.
func (c *Catalog) Providers(model string) []string {
	var found []string
	for _, t := range c.types {
		id := normalize(t, model)
		if t == "openrouter" && !strings.Contains(id, "/") {
			continue // all of its ids begin with the maker's name
		}
		if c.serves(t, id) {
			found = append(found, t)
		}
	}
	return found
}

// serves tells whether a provider type has a model of exactly this id.
func (c *Catalog) serves(providerType, id string) bool {
	for ok := true; ok; id, ok = spellDate(id) {
		for _, t := range append([]string{providerType}, fallbacks[providerType]...) {
			if p, loose := c.find(t, id, time.Time{}); p != nil && !loose {
				return true
			}
		}
	}
	return false
}

// Version names the list and, behind a "+", what was laid over it.
func (c *Catalog) Version() string { return c.version }

// Date is the day of the built-in list.
func (c *Catalog) Date() time.Time { return c.date }

// normalize brings a model id to the form that the catalog lists: lower case,
// without the path that some providers put in front of it.
func normalize(providerType, model string) string {
	id := strings.ToLower(strings.TrimSpace(model))
	switch providerType {
	case "google", "vertex":
		// "models/m", "publishers/google/models/m", "projects/…/models/m"
		if i := strings.LastIndex(id, "models/"); i >= 0 {
			id = id[i+len("models/"):]
		}
		if providerType == "vertex" && strings.HasPrefix(id, "claude-") {
			// "claude-haiku-4-5@20251001", "claude-opus-4-6@default"
			id = strings.TrimSuffix(id, "@default")
			id = strings.Replace(id, "@", "-", 1)
		}
	case "bedrock":
		// "arn:aws:bedrock:…:inference-profile/us.anthropic.claude-…"
		if strings.HasPrefix(id, "arn:") {
			id = id[strings.LastIndex(id, "/")+1:]
		}
	}
	return id
}

// undated is an id without the date or "-latest" at its end.
func undated(id string) string {
	if stem, ok := strings.CutSuffix(id, "-latest"); ok {
		return stem
	}
	for _, layout := range [...]string{"-20060102", "-2006-01-02"} {
		if cut := len(id) - len(layout); cut > 0 {
			if _, err := time.Parse(layout, id[cut:]); err == nil {
				return id[:cut]
			}
		}
	}
	return id
}

// spellDate writes the first -YYYYMMDD of an id as -YYYY-MM-DD.
func spellDate(id string) (string, bool) {
	const layout = "-20060102"
	for i := 0; i+len(layout) <= len(id); i++ {
		end := i + len(layout)
		if id[i] != '-' || !isDigits(id[i+1:end]) || (end < len(id) && id[end] != '-' && id[end] != ':') {
			continue
		}
		if date, err := time.Parse(layout, id[i:end]); err == nil {
			return id[:i] + date.Format("-2006-01-02") + id[end:], true
		}
	}
	return id, false
}

// sortedTypes is the order of Providers: the known types, then any others by
// name.
func sortedTypes(types []string) []string {
	rank := func(t string) int {
		if i := slices.Index(order[:], t); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(types, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(types)
}
