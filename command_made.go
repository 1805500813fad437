package layergateway

import (
	"context"
	"fmt"
	"slices"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/command"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// opened is a configuration with what its ledger has, the gates and keys that were made at run time included.
type opened struct {
	gateways []*Gateway
	ledger   *ledger.Ledger // nil: there is none, or it can't be read
	store    *store.Store   // nil: as the ledger, or no gateway serves it
	unread   error          // why one of them can't be read
}

// open loads a configuration as gateways does, and reads what was made at run time. Where the ledger can't be read, there
// is what the configuration declares.
func (c *configFlags) open(ctx context.Context) (o *opened, done func(), err error) {
	o, done = new(opened), func() {}
	if o.gateways, err = c.gateways(); err != nil {
		return nil, nil, err
	}
	if config := o.gateways[0].app.books.config; config != nil { // all of them have the same
		done = o.read(ctx, command.Where{SQLite: sqlitePath(config), Postgres: config.Postgres})
	}
	return o, done, nil
}

// read reads what was made at run time, as far as it can be.
func (o *opened) read(ctx context.Context, where command.Where) (done func()) {
	var closeBooks func()
	if o.ledger, closeBooks, o.unread = command.OpenBooks(ctx, where); o.unread != nil {
		return func() {}
	}
	if !o.serveStore() {
		return closeBooks
	}
	if o.store, o.unread = store.Open(ctx, store.Options{Ledger: o.ledger}); o.unread != nil {
		return closeBooks
	}
	for _, g := range o.gateways {
		if g.stored != nil {
			o.store.Attach(g.stored)
		}
	}
	return func() {
		o.store.Close()
		closeBooks()
	}
}

// serveStore reports whether there are gateways with gates_store.
func (o *opened) serveStore() bool {
	return slices.ContainsFunc(o.gateways, func(g *Gateway) bool { return g.stored != nil })
}

// missing is the error of something that is not there, as far as that is known.
func (o *opened) missing(err error) error {
	if o.unread == nil || !o.serveStore() {
		return err
	}
	return fmt.Errorf("%w; what was made at run time is not known: %w", err, o.unread)
}

// keyNamed is a client key of a gateway by its name, those of the configuration first; nil for no name.
func (o *opened) keyNamed(ctx context.Context, g *Gateway, name string) (*access.Key, error) {
	if name == "" {
		return nil, nil
	}
	var names []string
	for i, k := range g.APIKeys {
		key, err := k.resolve()
		if err != nil {
			return nil, fmt.Errorf("api key %s: %w", k.label(i), err)
		}
		if key.Name == name {
			return key, nil
		}
		names = append(names, key.Name)
	}
	if o.store != nil && g.stored != nil {
		made, err := o.store.Keys(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range made {
			if k.Name == name {
				k.Live = new(store.Live) // what runs with it is not known here
				keys, err := storedKeys(k)
				if err != nil {
					return nil, fmt.Errorf("the key %q: %w", name, err)
				}
				return keys[0], nil
			}
			names = append(names, k.Name)
		}
	}
	return nil, o.missing(fmt.Errorf("--key: there is no key with the name %q%s", name, suggest(name, names)))
}
