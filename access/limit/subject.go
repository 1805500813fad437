package limit

import (
	"fmt"
	"strconv"
)

// Subject is who is held to limits: a key, a gate, or a key at a gate. It is made
// once for a configuration; its usage is found by its ids, so that a
// configuration with other limits goes on where the last one was.
type Subject struct {
	// KeyID and GateID say who it is; one of them may be empty. They are ids and
	// no secrets: of a key, what its hash is, for example.
	KeyID, GateID string
	// Name says who it is in the operator's words: `key "web"`.
	Name string

	rates   []rate
	budgets []budget
}

// rate is one window of a subject.
type rate struct {
	Rate
	tokens bool   // what it counts; otherwise requests
	usage  string // what its usage is kept under
}

// budget is one budget of a subject.
type budget struct {
	*Budget
	usage string // what its usage is kept under, with the period's start
}

// ForKey are the limits of a key; nil limits are none.
func ForKey(id, name string, l *Limits) (*Subject, error) {
	return newSubject(Subject{KeyID: id, Name: "key " + strconv.Quote(name)}, l)
}

// ForGate are the limits of a gate, whichever key asks.
func ForGate(id, name string, l *Limits) (*Subject, error) {
	return newSubject(Subject{GateID: id, Name: "gate " + strconv.Quote(name)}, l)
}

// ForKeyAtGate are the limits of a key at one gate.
func ForKeyAtGate(keyID, keyName, gateID, gateName string, l *Limits) (*Subject, error) {
	return newSubject(Subject{
		KeyID: keyID, GateID: gateID,
		Name: "key " + strconv.Quote(keyName) + " at gate " + strconv.Quote(gateName),
	}, l)
}

func newSubject(s Subject, l *Limits) (*Subject, error) {
	if l == nil {
		return &s, nil
	}
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	id := strconv.Quote(s.KeyID) + strconv.Quote(s.GateID)
	for _, r := range l.Requests {
		s.rates = append(s.rates, rate{Rate: r, usage: id + "requests " + short(r.Window)})
	}
	for _, r := range l.Tokens {
		s.rates = append(s.rates, rate{Rate: r, tokens: true, usage: id + "tokens " + short(r.Window)})
	}
	for i := range l.Budgets {
		b := l.Budgets[i]
		s.budgets = append(s.budgets, budget{Budget: &b, usage: id + b.span()})
	}
	return &s, nil
}

// Budgeted reports whether what the subject spends is bounded, and not just
// watched: requests of it need a reservation.
func (s *Subject) Budgeted() bool {
	for i := range s.budgets {
		if !s.budgets[i].AlertOnly {
			return true
		}
	}
	return false
}

// NeedsPrice reports whether a model without a known price is refused.
func (s *Subject) NeedsPrice() bool {
	for i := range s.budgets {
		if b := s.budgets[i].Budget; !b.AlertOnly && !b.AllowUnpriced {
			return true
		}
	}
	return false
}
