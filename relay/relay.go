// Package relay carries one exchange: from an admitted request, over the
// targets of its gate, to an answer and a bill.
package relay

import (
	"context"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/provider"
)

// Relay is what all exchanges of one handler share. It never changes.
type Relay struct {
	Providers map[string]*provider.Provider // by name
	Gates     *gate.Table
	// Resolve finds provider and model of the model that a request asks for in
	// place of the gate's.
	Resolve gate.Resolver
	// DefaultGate serves requests that name no gate; "" is none.
	DefaultGate string
	// Catalog gives the prices that are in force now.
	Catalog func() *cost.Catalog
	// Books gives what one exchange is accounted for in; the function must be
	// called once it is settled.
	Books func() (*Books, func(), error)
	// Drain is how long an answer whose client is gone is read on, so that the
	// provider says what it costs; 0: the provider is told at once.
	Drain time.Duration
	// Keepalive is the silence after which a stream gets a comment; 0 is never.
	Keepalive time.Duration
	// MaxBody bounds a request's body in bytes, after decompression.
	MaxBody int64
	// StallTimeout is how long a write may wait for a client that reads nothing;
	// 0 is for ever.
	StallTimeout time.Duration
	// Retries bounds what is asked again, among all requests of the process.
	Retries *health.Retries
	// Flights are the exchanges under way, which end with the process.
	Flights *Flights
	// Closing ends shortly before the server closes connections whatever runs on
	// them, as it does with those of HTTP/3: who is on one is told then. nil is
	// never.
	Closing context.Context
	// Concurrency bounds how many there are at once.
	Concurrency access.Concurrency
	// Now is the clock.
	Now func() time.Time
}
