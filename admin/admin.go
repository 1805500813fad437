// Package admin is the API with which programs see what the gateway did and manage its gates and client keys. It is an
// http.Handler for who may do all of this: whoever mounts it decides who that is.
//
// Paths and shapes are those of Layer's API, where that has them. No answer has a secret in it, but for the text of a
// client key in the answer to who has just made it.
package admin

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// Options are what the API shows, and where its changes go.
type Options struct {
	// Who is through what the store is changed. Required.
	Who store.Who
	// Ledger gives the ledger for one request; the function must be called when it is done with it. Required.
	Ledger func() (Ledger, func())
	// Store gives the gates and keys that are made at run time, for one request: the function must be called when it is
	// done with them. False: there is no place for them. Required.
	Store func() (s Store, done func(), ok bool)
	// Gates are the gates that are served now, those of the store included. Required.
	Gates Gates
	// Keys are the client keys of the configuration, Providers all providers. Required.
	Keys      func() []Key
	Providers func() []Provider
	// Catalog is the prices in force. Required.
	Catalog func() Catalog
	// Ask answers a chat completion at one target of a gate, once and within a time, as the gateway would for a client.
	// Required.
	Ask func(w http.ResponseWriter, r *http.Request, gateID string, target gate.Target)
	// Leaving reports whether streams should end, for who asks now and then. Required.
	Leaving func() bool
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log is told what went wrong inside. Default: none.
	Log *zap.Logger
}

// Ledger is what the API asks of the ledger, as *ledger.Ledger has it.
type Ledger interface {
	Rows(ctx context.Context, f ledger.Filter) ([]ledger.Row, string, error)
	Row(ctx context.Context, id string) (ledger.Row, error)
	Payload(ctx context.Context, id string) (request, response []byte, err error)
	Series(ctx context.Context, q ledger.SeriesQuery) ([]ledger.Point, error)
	Follow(buffer int) *ledger.Follower
}

// Store is what the API asks of the gates and keys that are made at run time, as *store.Store has it.
type Store interface {
	Gates(ctx context.Context) ([]*store.Gate, error)
	Gate(ctx context.Context, ref string) (*store.Gate, error)
	CreateGate(ctx context.Context, who store.Who, data []byte) (*store.Gate, error)
	UpdateGate(ctx context.Context, who store.Who, ref string, version int64, patch []byte) (*store.Gate, error)
	DeleteGate(ctx context.Context, who store.Who, ref string, version int64) error
	Keys(ctx context.Context) ([]*store.Key, error)
	Key(ctx context.Context, id string) (*store.Key, error)
	CreateKey(ctx context.Context, who store.Who, data []byte) (*store.Key, string, error)
	UpdateKey(ctx context.Context, who store.Who, id string, version int64, patch []byte) (*store.Key, error)
	RotateKey(ctx context.Context, who store.Who, id string, version int64, overlap time.Duration) (*store.Key, string, error)
	RevokeKey(ctx context.Context, who store.Who, id string, version int64) (*store.Key, error)
	DeleteKey(ctx context.Context, who store.Who, id string, version int64) error
	History(ctx context.Context, f store.HistoryFilter) (changes []store.Change, more bool, err error)
}

// Gates are the gates that are served.
type Gates interface {
	// All are all of them. One that several handlers serve may come more than once.
	All() iter.Seq[*gate.Gate]
	// Find gives one by its id or name, and its JSON as it was written.
	Find(ref string) (g *gate.Gate, written jsontext.Value, ok bool)
}

// Key is a client key of the configuration. It has nothing of the key itself.
type Key struct {
	ID string // as ledger.Row.KeyID
	store.KeyConfig
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
	// Age is how long ago the list over it was last known to be what its source has; ok is false if there is none.
	Age   time.Duration
	Known bool
	// Price is the price of a provider's model.
	Price func(provider, model string) cost.Price
}

// Handler answers the API.
type Handler struct {
	o      Options
	routes []route
}

// New makes the API. Its paths begin with /v1.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	h := &Handler{o: o}
	h.routes = h.table()
	return h
}
