package layergateway

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// notice knows when Caddy is about to close connections whatever runs on them. It does so with those of HTTP/3 once
// the grace period is over, be it for a reload or for the end of the process; those of HTTP/1 and 2 live on.
type notice struct {
	ctx    caddy.Context
	soon   context.Context // ends shortly before
	cancel context.CancelFunc
}

func (n *notice) provision(ctx caddy.Context) error {
	n.ctx = ctx
	n.soon, n.cancel = context.WithCancel(context.Background())
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	if err := events.(*caddyevents.App).On("stopping", n); err != nil {
		return fmt.Errorf("await the configuration's end: %w", err)
	}
	return nil
}

// lastMoment is how long before connections are closed those on them are told, at most: the rest of the grace period is
// theirs.
const lastMoment = time.Second

// Handle implements caddyevents.Handler: this configuration is about to be stopped.
func (n *notice) Handle(context.Context, caddy.Event) error {
	app, _ := n.ctx.AppIfConfigured("http")
	server, ok := app.(*caddyhttp.App)
	if !ok { // nothing is served
		return nil
	}
	grace := time.Duration(server.GracePeriod)
	if grace <= 0 { // it has no end
		return nil
	}
	if caddy.Exiting() {
		grace += time.Duration(server.ShutdownDelay)
	}
	time.AfterFunc(grace-min(grace/4, lastMoment), n.cancel)
	return nil
}

// Interface guard
var _ caddyevents.Handler = (*notice)(nil)
