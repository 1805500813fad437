package limit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"github.com/layergateway/layergateway/cost"
)

// write is the goroutine that keeps this instance known to Redis, looks for a
// Redis that is away, and sends what was settled.
func (r *Redis) write() {
	defer close(r.stopped)
	beat := time.NewTicker(r.tune.lease / 3)
	defer beat.Stop()
	for {
		if err := r.sync(context.Background()); err != nil {
			r.turn(away, err)
		}
		select {
		case <-r.stop:
			return
		case <-beat.C:
		case <-r.wake:
		}
		r.mu.Lock()
		gone := r.state == away
		r.mu.Unlock()
		if !gone {
			continue
		}
		select {
		case <-r.stop:
			return
		case <-time.After(r.tune.probe):
		}
	}
}

// sync brings Redis up to date, in an order in which nothing counts twice and
// nothing is free in between: first what may or may not have arrived, then the
// name with all that is held, then what was settled. A Redis that came back empty
// is found out first: see anew.
func (r *Redis) sync(ctx context.Context) error {
	if err := r.connect(); err != nil {
		return err
	}
	if forgot, err := r.forgot(ctx); err != nil {
		return err
	} else if forgot && r.opts.HasLedger() {
		r.anew()
	}
	if r.doubt != nil {
		if err := r.send(ctx, r.doubt); err != nil {
			return err
		}
	}
	if err := r.beat(ctx); err != nil {
		return err
	}
	for {
		b := r.take()
		if b == nil {
			return nil
		}
		if err := r.send(ctx, b); err != nil {
			return err
		}
	}
}

func (r *Redis) connect() error {
	if r.conn.Load() != nil {
		return nil
	}
	c, err := rueidis.NewClient(r.client)
	if err != nil {
		return fmt.Errorf("connecting to redis: %w", err)
	}
	r.conn.Store(&c)
	return nil
}

// journalTime is how long a journal in Redis is surely kept: less than the day
// that settle.lua says, by another clock.
const journalTime = 23 * time.Hour

// forgot tells whether a Redis that was away, or does not know this instance, has
// lost what it knew: then it does not know what it was sent before either.
func (r *Redis) forgot(ctx context.Context) (bool, error) {
	r.mu.Lock()
	known := r.state == here
	r.mu.Unlock()
	if known || r.lastBatch.IsZero() || time.Since(r.lastBatch) > journalTime {
		return false, nil
	}
	c := *r.conn.Load()
	ctx, cancel := context.WithTimeout(ctx, r.tune.timeout)
	defer cancel()
	n, err := c.Do(ctx, c.B().Exists().Key(r.journal).Build()).AsInt64()
	return n == 0, err
}

func (r *Redis) send(ctx context.Context, b *batch) error {
	res, err := r.call(ctx, r.scripts.settle, b.keys, b.args)
	if err != nil {
		return err
	}
	crossed, err := res.ToString()
	if err != nil {
		return err
	}
	r.arrived(b, crossed)
	return nil
}

// beat says that the instance lives, or makes it known.
func (r *Redis) beat(ctx context.Context) error {
	r.mu.Lock()
	known := r.state == here
	r.mu.Unlock()
	if known && time.Since(r.lastBeat) < r.tune.lease/4 {
		return nil
	}
	if known {
		n, err := r.count(ctx)
		if err != nil || n > 0 {
			return err
		}
		r.turn(unnamed, nil)
	}
	return r.register(ctx)
}

// count keeps the lease, and says how many instances there are: 0 if this one is
// not known.
func (r *Redis) count(ctx context.Context) (int64, error) {
	res, err := r.call(ctx, r.scripts.beat, []string{r.instancesKey()}, []string{r.name, micros(r.tune.lease)})
	if err != nil {
		return 0, err
	}
	n, err := res.AsInt64()
	if err == nil && n > 0 {
		r.instances.Store(n)
		r.lastBeat = time.Now()
	}
	return n, err
}

// formerName is a name that was given up, and perhaps not yet in Redis.
type formerName struct {
	name  string
	until time.Time
}

// register takes a new name, under which it holds exactly what requests were
// told that they have. Whatever was done in an old name, and nobody knows
// whether, is undone with it; what still comes in an old name is refused.
func (r *Redis) register(ctx context.Context) error {
	r.naming.Lock()
	defer r.naming.Unlock()
	now := time.Now()
	if r.name != "" {
		r.names = append(r.names, formerName{r.name, now})
	}
	// What was given up so long ago is dead by its lease.
	r.names = slices.DeleteFunc(r.names, func(f formerName) bool { return now.Sub(f.until) > 2*r.tune.lease })
	r.name = uuid.NewString()
	type holding struct {
		key    string
		amount cost.Amount
		keep   time.Duration
	}
	var held []holding
	wall := r.opts.Now()
	r.mu.Lock()
	for _, b := range r.books {
		if b.held > 0 {
			held = append(held, holding{b.key, b.held, keep(b.end, wall)})
		}
	}
	r.mu.Unlock()
	for first := true; first || len(held) > 0; first = false {
		part := held[:min(len(held), maxBatch)]
		held = held[len(part):]
		keys := []string{r.instancesKey()}
		args := []string{r.name, micros(r.tune.lease), strconv.Itoa(1 - min(1, len(held))), strconv.Itoa(len(r.names))}
		for _, f := range r.names {
			args = append(args, f.name)
		}
		for _, h := range part {
			keys = append(keys, h.key)
			args = append(args, digits(h.amount), digits(h.keep.Milliseconds()))
		}
		if _, err := r.call(ctx, r.scripts.register, keys, args); err != nil {
			return err
		}
	}
	if _, err := r.count(ctx); err != nil {
		return err
	}
	r.names = nil
	r.turn(here, nil)
	return nil
}

// resign gives the name up.
func (r *Redis) resign(ctx context.Context) error {
	c := *r.conn.Load()
	ctx, cancel := context.WithTimeout(ctx, r.tune.timeout)
	defer cancel()
	return c.Do(ctx, c.B().Zrem().Key(r.instancesKey()).Member(r.name).Build()).Error()
}
