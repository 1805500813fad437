package access

import (
	"sync/atomic"

	"github.com/layergateway/layergateway/access/limit"
)

// AtGate are a key's limits at one gate. A configuration may name the gate, and
// may do so before it is there; usage is kept under the gate's id.
type AtGate struct {
	subject func(gateID string) *limit.Subject
	last    atomic.Pointer[limit.Subject]
}

// NewAtGate makes the limits of what subject gives for the gate's id.
func NewAtGate(subject func(gateID string) *limit.Subject) *AtGate { return &AtGate{subject: subject} }

// For is who is held to the limits; nil for nobody.
func (a *AtGate) For(gateID string) *limit.Subject {
	if a == nil {
		return nil
	}
	s := a.last.Load()
	if s == nil || s.GateID != gateID {
		s = a.subject(gateID)
		a.last.Store(s)
	}
	return s
}
