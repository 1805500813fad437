package layergateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/dashboard"
	"github.com/layergateway/layergateway/store"
)

func init() {
	caddy.RegisterModule(new(Dashboard))
	httpcaddyfile.RegisterHandlerDirective(dashboardDirective, parseDashboard)
	httpcaddyfile.RegisterDirectiveOrder(dashboardDirective, httpcaddyfile.Before, "respond")
}

const (
	dashboardDirective = "layer_dashboard"
	// minAdminKey is how many bytes an admin key has at least: who knows it can make keys and spend money.
	minAdminKey = 16
)

// Dashboard serves pages on which operators see what the gateways of the same configuration did and what it cost, at
// whatever path it is mounted; `handle_path` takes a prefix off. Below `api/` there is the same for programs. `healthz`
// and `readyz` answer anybody. All other requests go to the next handler.
//
// It is open to who comes with the admin key, from a browser through its login or as a bearer token. It answers under
// hosts that the configuration names, localhost and IP addresses alone, so that no stranger's page can have a browser
// ask it under a name of its own. Whoever comes with many wrong keys has to wait.
type Dashboard struct {
	// The key that opens the pages: its hash as sha256:<64 hex digits>, a placeholder such as {env.NAME} or
	// {file./path} that is resolved when the configuration is loaded, or the key itself, of at least 16 bytes. In the
	// Caddyfile the key itself becomes its hash at once. Default: none, which needs `unprotected`.
	AdminKey string `json:"admin_key,omitempty"`

	// Serve the pages to everybody who gets here, because authentication stands in front: basic_auth, forward_auth,
	// client certificates. Default: false.
	Unprotected bool `json:"unprotected,omitempty"`

	// Where a request's trace can be seen: an address with {trace_id} in it. The page of a request links there.
	// Default: none.
	TraceURL string `json:"trace_url,omitempty"`

	app   *App
	pages *dashboard.Handler
	held  holds
}

// CaddyModule returns the Caddy module information.
func (*Dashboard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.layer_dashboard",
		New: func() caddy.Module { return new(Dashboard) },
	}
}

var (
	errNoAdmin   = errors.New("everybody could come in: add admin_key, or say unprotected if basic_auth, forward_auth or client certificates stand in front")
	errTwoAdmins = errors.New("admin_key and unprotected exclude each other: remove one of them")
	errShortKey  = fmt.Errorf("admin_key: is too short to keep anybody out: give at least %d bytes, best those of `caddy layer key`", minAdminKey)
)

func (d *Dashboard) check() error {
	switch {
	case d.AdminKey == "" && !d.Unprotected:
		return errNoAdmin
	case d.AdminKey != "" && d.Unprotected:
		return errTwoAdmins
	}
	if d.TraceURL == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(d.TraceURL, dashboard.TraceID, "0"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !strings.Contains(d.TraceURL, dashboard.TraceID) {
		return fmt.Errorf("trace_url: %q is not an address with %s in it, such as https://jaeger.example.com/trace/%[2]s", d.TraceURL, dashboard.TraceID)
	}
	return nil
}

// Provision reads the key. It has no effect outside of the process.
func (d *Dashboard) Provision(ctx caddy.Context) error {
	if err := d.check(); err != nil {
		return err
	}
	app, err := ctx.App(directive)
	if err != nil {
		return err
	}
	d.app = app.(*App)
	door := &dashboard.Door{Named: namedHost, Client: func(r *http.Request) string {
		client, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
		return client
	}}
	if !d.Unprotected {
		if door.Admin, err = d.admin(); err != nil {
			return err
		}
		door.Sessions = hold(&d.held, sessionsKey{}, new(dashboard.Sessions))
	}
	d.pages = dashboard.New(d.options(ctx, door))
	return nil
}

// admin is the hash of the key.
func (d *Dashboard) admin() (*access.Hash, error) {
	text, ok, err := resolve(d.AdminKey)
	switch {
	case err != nil:
		return nil, fmt.Errorf("admin_key: %w", err)
	case !ok:
		return nil, fmt.Errorf("admin_key: %s is empty: set it", shown(d.AdminKey))
	case len(text) < minAdminKey:
		return nil, errShortKey
	}
	hash, err := access.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("admin_key: %w", err)
	}
	return &hash, nil
}

// ServeHTTP answers what is the dashboard's, and leaves the rest to the next handler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !dashboard.Serves(r.URL.Path) {
		return next.ServeHTTP(w, r)
	}
	// Where the prefix is taken off of /admin, links of a page would lead beside it.
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok &&
		strings.Trim(r.URL.Path, "/") == "" && !strings.HasSuffix(original.URL.Path, "/") {
		last := original.URL.EscapedPath()
		w.Header().Set("Location", "./"+last[strings.LastIndexByte(last, '/')+1:]+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	d.pages.ServeHTTP(w, r)
	return nil
}

// Cleanup lets go of what is shared.
func (d *Dashboard) Cleanup() error { return d.held.release() }

// namedHost reports whether the configuration names the host of a request.
func namedHost(r *http.Request) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return false
	}
	for _, route := range server.Routes {
		for _, set := range route.MatcherSets {
			for _, m := range set {
				hosts, ok := m.(*caddyhttp.MatchHost)
				if !ok {
					continue
				}
				if fits, err := hosts.MatchWithError(r); err == nil && fits {
					return true
				}
			}
		}
	}
	return false
}

// options are what the pages show of the configuration.
func (d *Dashboard) options(ctx caddy.Context, door *dashboard.Door) dashboard.Options {
	a := d.app
	leaving := func() bool { return caddy.Exiting() || ctx.Err() != nil }
	return dashboard.Options{
		Door: door,
		Ledger: func() (dashboard.Ledger, func()) {
			l, done := a.books.opened()
			return l, done
		},
		Gates: a.gateways.gates, Gate: a.gateways.gate, GateNames: a.gateways.gateNames, Keys: a.gateways.keys, Providers: a.gateways.providers,
		Catalog: a.shownCatalog, Store: a.shownStore, Chat: a.gateways.try, Ready: a.ready,
		TraceURL: d.TraceURL,
		API:      a.adminAPI(store.ByDashboard, leaving, ctx.Logger()),
		Leaving:  leaving, Log: ctx.Logger(),
	}
}

// ready reports what keeps requests from being answered.
func (a *App) ready() error {
	if err := a.books.open(); err != nil {
		return err
	}
	if err := a.books.ledgerErr(); err != nil {
		return err
	}
	keys, done, ok := a.shownStore()
	if !ok {
		return nil
	}
	defer done()
	if !keys.Loaded() {
		return errors.New("the store of gates and keys has not been read yet")
	}
	return nil
}

// gatewayList are the handlers of a configuration.
type gatewayList struct {
	mu   sync.Mutex
	list []*Gateway
}

func (l *gatewayList) add(g *Gateway) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, g)
}

func (l *gatewayList) all() []*Gateway {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list[:len(l.list):len(l.list)]
}

// parseDashboard sets up the handler from Caddyfile tokens.
//
//	layer_dashboard [<matcher>] {
//		admin_key <key>
//		unprotected
//		trace_url <address with {trace_id}>
//	}
func parseDashboard(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	d := h.Dispenser
	d.Next()
	head := d.Token()
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	made := new(Dashboard)
	err := words{"admin_key": made.parseKey, "unprotected": noArgs(&made.Unprotected), "trace_url": oneArg(&made.TraceURL)}.block(d, dashboardDirective)
	if err != nil {
		return nil, err
	}
	if err := made.check(); err != nil {
		return nil, at(head, err)
	}
	return made, nil
}

func (d *Dashboard) parseKey(dispenser *caddyfile.Dispenser) error {
	var text string
	if err := oneArg(&text)(dispenser); err != nil {
		return err
	}
	if text != "" && !hasPlaceholder(text) && len(text) < minAdminKey {
		return dispenser.WrapErr(errShortKey)
	}
	var err error
	if d.AdminKey, err = hashedKey(text); err != nil {
		return dispenser.Errf("admin_key: %w", err)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Dashboard)(nil)
	_ caddy.CleanerUpper          = (*Dashboard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Dashboard)(nil)
)
