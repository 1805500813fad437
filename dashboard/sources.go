package dashboard

import (
	"context"
	"iter"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// Ledger is what the pages ask of the ledger, as *ledger.Ledger has it.
type Ledger interface {
	Rows(ctx context.Context, f ledger.Filter) ([]ledger.Row, string, error)
	All(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error]
	Row(ctx context.Context, id string) (ledger.Row, error)
	Payload(ctx context.Context, id string) (request, response []byte, err error)
	Series(ctx context.Context, q ledger.SeriesQuery) ([]ledger.Point, error)
	Breakdown(ctx context.Context, q ledger.SeriesQuery) (map[ledger.Dimension][]ledger.Point, error)
	Spent(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error)
	Follow(buffer int) *ledger.Follower
}

// KeyStore is what the pages ask of the keys that are made at run time, as *store.Store has it.
type KeyStore interface {
	// Loaded reports whether the store has been read.
	Loaded() bool
	Keys(ctx context.Context) ([]*store.Key, error)
	Served(ctx context.Context) ([]*store.Key, error)
	CreateKey(ctx context.Context, who store.Who, data []byte) (*store.Key, string, error)
	RotateKey(ctx context.Context, who store.Who, id string, version int64, overlap time.Duration) (*store.Key, string, error)
	RevokeKey(ctx context.Context, who store.Who, id string, version int64) (*store.Key, error)
}

// Gate is a gate with what its targets cost just now.
type Gate struct {
	*gate.Gate
	// Prices are those of the gate's targets, in their order; one that is not known is the zero value.
	Prices []cost.Price
}

// Label is what the gate is called: its name, or its id if it has none.
func (g Gate) Label() string {
	if g.Name != "" {
		return g.Name
	}
	return g.ID
}

// Key is a client key of the configuration. It has nothing of the key itself.
type Key struct {
	ID      string // as ledger.Row.KeyID
	Name    string
	Gates   []string // names and ids; nil is all
	Expires time.Time
	gate.Limits
	Running int // how many of its requests may run at once; 0 is any number
	// AtGates are further limits at single gates, by their names or ids.
	AtGates map[string]gate.Limits
}

// Provider is a provider and how it fares.
type Provider struct {
	Name, Type string
	BaseURL    string // "" if it has none
	Missing    string // the placeholder of a credential that has no value; "" if none is missing
	Keys       int    // how many credentials it has
	Health     []health.State
}

// Catalog is the list of prices that is in force.
type Catalog struct {
	Version string
	Built   time.Time // the day of the built-in list
	Source  string    // the file or address of the list over it; "" is none
	// Age is how long ago that list was last known to be what its source has; ok is false if it was never read.
	Age   time.Duration
	Known bool
	// Entries are all models of the list, by provider type and name.
	Entries func() []cost.Entry
	// Price is the price of a provider's model.
	Price func(provider, model string) cost.Price
}
