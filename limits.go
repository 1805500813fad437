package layergateway

import (
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
)

// gateLimits are a gate's limits as requests are held to them; nil if it has none.
func gateLimits(g *gate.Gate) any {
	name := orDefault(g.Name, g.ID)
	// A gate that was read has limits that are valid.
	s, err := subjectOf(g.Limits, func(l *limit.Limits) (*limit.Subject, error) { return limit.ForGate(g.ID, name, l) })
	if err != nil || s == nil {
		return nil
	}
	return s
}

// subjectOf is who is held to limits, nil if there are none.
func subjectOf(l gate.Limits, make func(*limit.Limits) (*limit.Subject, error)) (*limit.Subject, error) {
	limits := &limit.Limits{Requests: rates(l.Requests), Tokens: rates(l.Tokens)}
	if b := l.Budget; b != nil {
		limits.Budgets = []limit.Budget{{
			Amount: cost.Amount(b.Amount), Period: limit.Period(b.Period), Location: b.Location,
			AlertOnly: b.AlertOnly, Thresholds: b.Thresholds, AllowUnpriced: b.AllowUnpriced,
		}}
	}
	if limits.Empty() {
		return nil, nil
	}
	return make(limits)
}

func rates(list []gate.Limit) []limit.Rate {
	var rates []limit.Rate
	for _, l := range list {
		rates = append(rates, limit.Rate{Count: l.Count, Window: l.Window})
	}
	return rates
}
