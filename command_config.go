package layergateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/layergateway/layergateway/command"
	"github.com/layergateway/layergateway/ledger"
)

// configFlags say which configuration a command means.
type configFlags struct{ path, adapter string }

func (c *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.path, "config", "c", "", "The configuration's file; - is the standard input. Default: Caddyfile")
	cmd.Flags().StringVarP(&c.adapter, "adapter", "a", "", "The name of its adapter, where that is not told by its name")
}

const defaultConfig = "Caddyfile"

// errNoConfig says that there is nothing to load.
var errNoConfig = errors.New("there is no Caddyfile here: say with --config where the configuration is")

// load gives the configuration as JSON, and says nothing about it, unlike Caddy's own way.
func (c *configFlags) load() ([]byte, error) {
	path := orDefault(c.path, defaultConfig)
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	switch {
	case c.path == "" && errors.Is(err, fs.ErrNotExist):
		return nil, errNoConfig
	case err != nil:
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	name := c.adapter
	if base := strings.ToLower(filepath.Base(path)); name == "" && filepath.Ext(base) != ".json" &&
		(strings.HasPrefix(base, "caddyfile") || strings.HasSuffix(base, ".caddyfile") || path == "-" && !json.Valid(data)) {
		name = "caddyfile"
	}
	if name == "" {
		if !json.Valid(data) {
			return nil, fmt.Errorf("%s is not JSON: say with --adapter what it is, such as caddyfile", path)
		}
		return data, nil
	}
	adapter := caddyconfig.GetAdapter(name)
	if adapter == nil {
		return nil, fmt.Errorf("--adapter: there is no %q", name)
	}
	adapted, _, err := adapter.Adapt(data, map[string]any{"filename": path})
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	return adapted, nil
}

// gateways loads the configuration as far as `caddy validate` does, and gives all handlers in it. They are not cleaned
// up: the process ends soon.
func (c *configFlags) gateways() ([]*Gateway, error) {
	data, err := c.load()
	if err != nil {
		return nil, err
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(caddy.RemoveMetaFields(data), config); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	// Its log files are not ours to write to.
	level := zapcore.ErrorLevel.CapitalString()
	config.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: level}}}}
	ctx, err := caddy.ProvisionContext(config)
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	var found []*Gateway
	if app, err := ctx.AppIfConfigured("http"); err == nil {
		for _, server := range app.(*caddyhttp.App).Servers {
			found = appendGateways(found, server.Routes)
			for _, route := range server.NamedRoutes {
				found = appendGateways(found, caddyhttp.RouteList{*route})
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("the configuration has no layer_gateway")
	}
	return found, nil
}

func appendGateways(list []*Gateway, routes caddyhttp.RouteList) []*Gateway {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Gateway:
				list = append(list, h)
			case *caddyhttp.Subroute:
				list = appendGateways(list, h.Routes)
			}
		}
	}
	return list
}

// explain finds the gate, the key and what the ledger knows, and explains what would happen.
func explain(ctx context.Context, s command.Streams, from *configFlags, o command.ExplainOptions, key string) error {
	made, done, err := from.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	gateways := made.gateways
	var names []string
	i := slices.IndexFunc(gateways, func(g *Gateway) bool {
		_, ok := g.relay.Gates.Lookup(o.Gate)
		return ok
	})
	if i < 0 {
		for one := range allGates(gateways) {
			names = append(names, one.Name)
		}
		return made.missing(fmt.Errorf("there is no gate %q%s", o.Gate, suggest(o.Gate, names)))
	}
	g := gateways[i]
	if o.Key, err = made.keyNamed(ctx, g, key); err != nil {
		return err
	}
	if o.Unread = made.unread; made.ledger != nil {
		o.Spent = made.ledger.Spent
	}
	return command.Explain(ctx, s, g.relay, o)
}

// ledgerFlags say which ledger a command means.
type ledgerFlags struct {
	configFlags
	where string
}

func (f *ledgerFlags) add(cmd *cobra.Command, since *string) {
	f.configFlags.add(cmd)
	cmd.Flags().StringVar(&f.where, "ledger", "", "The ledger: a path, or the connection string of a PostgreSQL. Default: the configuration's")
	cmd.Flags().StringVar(since, "since", "", "Only what began since then: 90m, 24h, 7d, 2027-01-31 or 2027-01-31T12:00:00Z")
}

// open opens the ledger, and says from which time on it is wanted.
func (f *ledgerFlags) open(ctx context.Context, since string) (*ledger.Ledger, func(), time.Time, error) {
	from, err := command.ParseSince(since, time.Now())
	if err != nil {
		return nil, nil, from, err
	}
	where := command.ParseWhere(f.where)
	if f.where == "" {
		if where, err = f.configured(); err != nil {
			return nil, nil, from, err
		}
	}
	l, done, err := command.OpenBooks(ctx, where)
	if errors.Is(err, command.ErrNoBooks) {
		err = fmt.Errorf("%w: say with --ledger where it is", err)
	}
	return l, done, from, err
}

// configured is where the configuration, or the lack of one, has its ledger.
func (f *ledgerFlags) configured() (command.Where, error) {
	data, err := f.load()
	if errors.Is(err, errNoConfig) {
		data, err = []byte("{}"), nil
	}
	if err != nil {
		return command.Where{}, err
	}
	var config struct {
		Apps struct {
			Gateway struct {
				Ledger *LedgerConfig `json:"ledger"`
			} `json:"layer_gateway"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return command.Where{}, fmt.Errorf("the configuration: %w", err)
	}
	l, on, err := config.Apps.Gateway.Ledger.resolve()
	if err != nil {
		return command.Where{}, err
	}
	if !on {
		return command.Where{}, errors.New("the configuration has its ledger off: say with --ledger where another one is")
	}
	return command.Where{SQLite: sqlitePath(&l), Postgres: l.Postgres}, nil
}

// sqlitePath is where a ledger has its file, unless it is PostgreSQL.
func sqlitePath(c *ledger.Config) string {
	return orDefault(c.SQLite, filepath.Join(c.Dir, "ledger.db"))
}
