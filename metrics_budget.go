package layergateway

import (
	"sync"

	"github.com/layergateway/layergateway/access/limit"
)

// spenders are those who have been held to limits of late.
type spenders struct {
	mu  sync.RWMutex
	set map[spender]*limit.Subject
}

// spender says who it is, whatever its limits have become.
type spender struct{ keyID, gateID string }

// add takes the subjects of a request, which have the newest limits.
func (s *spenders) add(subjects []*limit.Subject) {
	for _, who := range subjects {
		id := spender{who.KeyID, who.GateID}
		s.mu.RLock()
		known := s.set[id]
		s.mu.RUnlock()
		if known == who {
			continue
		}
		s.mu.Lock()
		if s.set == nil {
			s.set = make(map[spender]*limit.Subject)
		}
		s.set[id] = who
		s.mu.Unlock()
	}
}

// budgetRow says of which budget a share is.
type budgetRow struct{ subject, period string }

// used is which share of each budget is spent in its present period, as spent knows it. Subjects may have one name: of
// what can't be told apart the fullest counts. Those that have used no budget in this period are forgotten.
func (s *spenders) used(spent func(*limit.Subject) []limit.Spent) map[budgetRow]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make(map[budgetRow]float64)
	for id, who := range s.set {
		list := spent(who)
		if len(list) == 0 {
			delete(s.set, id)
		}
		for _, b := range list {
			row := budgetRow{who.Name, b.Period}
			rows[row] = max(rows[row], float64(b.Spent)/float64(b.Amount))
		}
	}
	return rows
}

// spentNow is what is known in this process of what a subject has spent: a store that others share is not asked, since
// that would take as long as it likes.
func (b *books) spentNow(who *limit.Subject) []limit.Spent {
	if b.open() != nil {
		return nil
	}
	store, done, err := b.limits.use()
	if err != nil {
		return nil
	}
	defer done()
	if own, ok := store.Store.(*limit.Memory); ok {
		return own.Spent(who)
	}
	return nil
}
