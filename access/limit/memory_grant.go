package limit

import (
	"context"
	"slices"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// memoryGrant is a Grant of Memory. Its slices begin in the arrays beside them,
// so that it takes one allocation.
type memoryGrant struct {
	store    *Memory
	subjects []*Subject
	meters   Meters
	tokens   int64       // estimated
	held     cost.Amount // reserved of each account
	ended    bool
	accounts []*account // of each budget of each subject, in order; none if rates alone were asked
	runs     []int64    // of each token window of each subject, in order

	accounts0 [4]*account
	runs0     [4]int64
}

func (g *memoryGrant) Meters() Meters { return g.meters }

func (g *memoryGrant) Grow(_ context.Context, more cost.Amount) bool {
	more = max(0, more)
	m := g.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.ended {
		return false
	}
	accounts := g.accounts
	for _, s := range g.subjects {
		for i := range s.budgets {
			if b := &s.budgets[i]; !b.AlertOnly && !accounts[i].fits(b.Amount, more) {
				return false
			}
		}
		accounts = accounts[len(s.budgets):]
	}
	for _, a := range g.accounts {
		a.reserved = a.reserved.Add(more)
	}
	g.held = g.held.Add(more)
	return true
}

func (g *memoryGrant) Settle(tokens int64, amount cost.Amount) {
	for _, alert := range g.end(max(0, tokens), max(0, amount)) {
		g.store.opts.OnAlert(alert)
	}
}

func (g *memoryGrant) Release() { g.end(0, 0) }

func (g *memoryGrant) end(tokens int64, amount cost.Amount) (alerts []Alert) {
	m := g.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.ended {
		return nil
	}
	g.ended = true
	m.correct(g, tokens)
	if len(g.accounts) == 0 {
		return nil
	}
	accounts := g.accounts
	for _, s := range g.subjects {
		for i := range s.budgets {
			a := accounts[i]
			a.reserved = max(0, a.reserved-g.held)
			if known := m.accounts[a.blind]; known != nil { // by now, and without this request
				a = known
			}
			a.spent = a.spent.Add(amount)
			alerts = a.crossed(alerts, s, s.budgets[i].Budget)
		}
		accounts = accounts[len(s.budgets):]
	}
	return alerts
}

// account is what was spent and is held of a budget in a period.
type account struct {
	spent, reserved cost.Amount
	reported        []int // thresholds whose crossing is known
	start, end      time.Time
	blind           period // of an account that is one request's, which was let in before the period's was known
}

// fits reports whether need fits beside all that is spent and reserved. What
// costs nothing always does.
func (a *account) fits(limit, need cost.Amount) bool {
	return need <= 0 || a.spent.Add(a.reserved).Add(need) <= limit
}

// crossed appends the thresholds that were reached and never reported.
func (a *account) crossed(alerts []Alert, s *Subject, b *Budget) []Alert {
	for _, percent := range b.thresholds() {
		if a.spent >= b.at(percent) && !slices.Contains(a.reported, percent) {
			a.reported = append(a.reported, percent)
			alerts = append(alerts, Alert{
				Subject: s, Budget: b, Percent: percent, Spent: a.spent, Start: a.start, End: a.end,
			})
		}
	}
	return alerts
}

// seeding is a budget of which it is not known what was spent.
type seeding struct {
	subject *Subject
	budget  *budget
	period  period
	start   time.Time
	end     time.Time
}

// account finds the account of the budget's period that wall is in.
func (m *Memory) account(s *Subject, b *budget, wall time.Time) (*account, *seeding) {
	p, start, end := b.period(wall)
	if a := m.accounts[p]; a != nil {
		return a, nil
	}
	return nil, &seeding{s, b, p, start, end}
}

// open opens an account with what the ledger says, unless another request has
// done so: by now that one may have spent.
func (m *Memory) open(ctx context.Context, u *seeding) error {
	_, err := m.seeds.once(ctx, u.subject, u.period, func(ctx context.Context) (cost.Amount, error) {
		if m.opened(u.period) {
			return 0, nil
		}
		spent, err := m.seeds.read(ctx, u.subject, u.start)
		if err == nil {
			m.seed(u, spent)
		}
		return spent, err
	})
	return err
}

func (m *Memory) opened(p period) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accounts[p] != nil
}

func (m *Memory) seed(u *seeding, spent cost.Amount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.accounts) >= m.sweepAccounts {
		m.sweepAccounts = sweep(m.accounts, m.opts.Now(), (*account).over)
	}
	a := &account{spent: spent, start: u.start, end: u.end}
	// Whatever lies behind a restart was reported before it.
	a.crossed(nil, u.subject, u.budget.Budget)
	m.accounts[u.period] = a
}

// afterPeriod is how long an ended period is remembered, for a clock that is set
// back.
const afterPeriod = 24 * time.Hour

func (a *account) over(now time.Time) bool {
	return a.reserved == 0 && !a.end.IsZero() && now.After(a.end.Add(afterPeriod))
}
