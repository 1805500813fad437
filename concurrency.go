package layergateway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/layergateway/layergateway/access"
)

// MaxConcurrent bounds how many chat completions run at once. A few more wait for their turn, and the rest are
// told with a 503 to come back: better than to serve all of them badly.
type MaxConcurrent struct {
	// How many may run. Required.
	Running int `json:"running,omitempty"`

	// How many more may wait for a place. Default: as many as may run.
	Waiting *int `json:"waiting,omitempty"`

	// How long one waits at most. Default: 10s.
	Wait caddy.Duration `json:"wait,omitempty"`
}

const defaultQueueWait = caddy.Duration(10 * time.Second)

// provision makes the bound of who has these slots.
func (m *MaxConcurrent) provision(slots *access.Slots) (access.Concurrency, error) {
	if m == nil {
		return access.Concurrency{}, nil
	}
	c := access.Concurrency{Slots: slots, Limit: m.Running, Queue: m.Running, Wait: time.Duration(orDefault(m.Wait, defaultQueueWait))}
	if m.Waiting != nil {
		c.Queue = *m.Waiting
	}
	if c.Limit < 1 || c.Queue < 0 || c.Wait < 0 {
		return c, fmt.Errorf("max_concurrent: running must be at least 1, waiting and wait not negative")
	}
	return c, nil
}

// maxConcurrentArg reads
//
//	max_concurrent <running> [<waiting> [<wait>]]
func maxConcurrentArg(to **MaxConcurrent) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) == 0 || len(args) > 3 {
			return d.ArgErr()
		}
		m := new(MaxConcurrent)
		var err error
		if m.Running, err = strconv.Atoi(args[0]); err != nil || m.Running < 1 {
			return d.Errf("max_concurrent: %q is not a number of requests, 1 at least", args[0])
		}
		if len(args) > 1 {
			waiting, err := strconv.Atoi(args[1])
			if err != nil || waiting < 0 {
				return d.Errf("max_concurrent: %q is not a number of requests that may wait", args[1])
			}
			m.Waiting = &waiting
		}
		if len(args) > 2 {
			if err := parseSpan(d, "max_concurrent", args[2], &m.Wait); err != nil {
				return err
			}
		}
		*to = m
		return nil
	}
}
