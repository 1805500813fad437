package limit

import "github.com/layergateway/layergateway/cost"

// Spent is what was spent of one budget in its period that is now.
type Spent struct {
	// Period is the budget's, with its time zone where that is not UTC.
	Period string
	Amount cost.Amount // the budget's
	Spent  cost.Amount
}

// Spent is what was spent of those budgets of a subject that were used in their
// present period.
func (m *Memory) Spent(who *Subject) []Spent {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.opts.Now()
	var list []Spent
	for i := range who.budgets {
		b := &who.budgets[i]
		if a, _ := m.account(who, b, now); a != nil {
			list = append(list, Spent{b.span(), b.Amount, a.spent})
		}
	}
	return list
}
