package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
)

// RedisOptions say which Redis is shared, and who is told how it is.
type RedisOptions struct {
	Options
	// URL is where Redis is: see OpenRedis. Required.
	URL string
	// Log is told once when Redis goes away and once when it is back. Default:
	// nil, nobody.
	Log *zap.Logger
	// OnState is told the same, for a metric. It must not block. Default: nil.
	OnState func(away bool)
}

// Redis is a Store that all instances share that are given the same Redis, 6 or
// later.
//
// Scripts in Redis decide, by Redis's clock, so that limits are exact among any
// number of instances. All keys begin with one hash tag, since a request takes
// from several at once: in a cluster one node has all of them, and the others
// are there to take over.
//
// Each instance holds its reservations under a name of its own, with a lease, so
// that those of one that died come back. What is settled goes to Redis behind
// the request, in batches that count once, however often they must be sent.
//
// When Redis doesn't answer within 100 ms, it is away: rates are then held to
// locally, each instance to its share of them, and budgets refuse with
// ReasonStore, unless a request says WithoutStore. What is settled meanwhile is
// kept, one sum a budget, until Redis is back; so are the reservations that are
// held. A Redis that comes back empty learns from Options.SpentSince what was
// spent; one that throws keys away to save memory forgets what was used of rates,
// so it is better set to noeviction. Periods are by the clock of each instance.
type Redis struct {
	opts    RedisOptions
	seeds   seeder
	scripts scripts
	client  rueidis.ClientOption
	tune    tuning
	local   *Memory // rates while Redis is away
	journal string  // this instance's, for as long as it lives

	// naming is held by whoever asks in the instance's name, and alone by who
	// changes it: what is held is then what requests were told that they have.
	naming sync.RWMutex
	name   string       // under which reservations are held
	names  []formerName // that Redis may still know

	conn      atomic.Pointer[rueidis.Client]
	instances atomic.Int64 // that were last seen, at least 1

	turning sync.Mutex // held while a change of state is told, so that the last told is the last
	mu      sync.Mutex
	state   state
	cause   error         // why it is away, or was when it was last told
	decided chan struct{} // closed when the state is not unnamed any more
	books   map[string]*book
	fixes   map[fix]int64 // corrections of token estimates

	batches   int64  // numbers of batches, the writer's alone
	doubt     *batch // sent, and nobody knows whether it arrived: the writer's
	lastBeat  time.Time
	lastBatch time.Time // that arrived; the writer's too
	wake      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
}

type state int

const (
	unnamed state = iota // not known to Redis yet, or not any more
	here
	away
)

// tuning are the times and names that tests change.
type tuning struct {
	tag     string        // what all keys begin with
	clock   string        // the clock of scripts
	timeout time.Duration // of an answer
	lease   time.Duration // of reservations
	probe   time.Duration // between looks for a Redis that is away
}

var defaultTuning = tuning{
	tag: "{layer_gateway}", clock: serverTime,
	timeout: 100 * time.Millisecond, lease: 30 * time.Second, probe: 500 * time.Millisecond,
}

// OpenRedis makes a store. It needs no Redis yet: one that is not there is away.
// The error is the URL's, which takes these forms:
//
//	redis://[user:password@]host[:port][,host[:port]…][/db]
//	rediss://…                                                    over TLS
//	redis+sentinel://[user:password@]host[:port][,…]/master[/db]  and rediss+sentinel
//	unix://[user:password@]/path/to/socket[?db=n]
//
// Clusters need no form of their own.
func OpenRedis(opts RedisOptions) (*Redis, error) { return openRedis(opts, defaultTuning) }

func openRedis(opts RedisOptions, t tuning) (*Redis, error) {
	client, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	opts.defaults()
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	if opts.OnState == nil {
		opts.OnState = func(bool) {}
	}
	r := &Redis{
		opts: opts, seeds: seeder{spentSince: opts.SpentSince}, scripts: newScripts(t.clock), client: client, tune: t,
		local: NewMemory(opts.Options), journal: t.tag + ":j:" + uuid.NewString(),
		decided: make(chan struct{}), books: make(map[string]*book), fixes: make(map[fix]int64),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	r.instances.Store(1)
	go r.write()
	return r, nil
}

// Close sends what is outstanding, while ctx lasts, and must be called once. The
// error says what did not arrive; a ledger still has it.
func (r *Redis) Close(ctx context.Context) error {
	close(r.stop)
	<-r.stopped
	err := r.sync(ctx)
	for err != nil && r.unwritten() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(r.tune.probe):
			err = r.sync(ctx)
		}
	}
	if err == nil {
		err = r.resign(ctx)
	}
	if c := r.conn.Load(); c != nil {
		(*c).Close()
	}
	if sum := r.unwritten(); sum > 0 {
		return fmt.Errorf("spending of %s USD was not written to redis, which starts from less: %w", sum, err)
	}
	return nil
}

// unwritten is what was spent and is nowhere but here.
func (r *Redis) unwritten() (sum cost.Amount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.books {
		sum = sum.Add(b.spent)
	}
	if r.doubt != nil {
		for _, e := range r.doubt.entries {
			sum = sum.Add(e.spent)
		}
	}
	return sum
}

// instancesKey is where instances are known by.
func (r *Redis) instancesKey() string { return r.tune.tag + ":i" }

var errAway = errors.New("redis is away")

// enter waits a moment for Redis to know this instance, and keeps the name until
// leave is called.
func (r *Redis) enter(ctx context.Context) (leave func(), err error) {
	var late <-chan time.Time
	for {
		r.mu.Lock()
		now, cause, decided := r.state, r.cause, r.decided
		r.mu.Unlock()
		switch now {
		case here:
			r.naming.RLock()
			return r.naming.RUnlock, nil
		case away:
			return nil, fmt.Errorf("%w: %w", errAway, cause)
		case unnamed:
		}
		if late == nil {
			late = time.After(r.tune.timeout)
		}
		select {
		case <-decided:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late:
			return nil, fmt.Errorf("%w: it does not answer", errAway)
		}
	}
}

// call runs a script. The context's end does not end it, so that nobody has to
// guess whether it ran because a client left.
func (r *Redis) call(ctx context.Context, script *rueidis.Lua, keys, args []string) (rueidis.RedisResult, error) {
	conn := r.conn.Load()
	if conn == nil {
		return rueidis.RedisResult{}, errAway
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.tune.timeout)
	defer cancel()
	res := script.Exec(ctx, *conn, keys, args)
	if err := res.Error(); err != nil {
		return res, err
	}
	return res, nil
}

// turn changes the state, and tells of it who is to know.
func (r *Redis) turn(to state, cause error) {
	r.turning.Lock()
	defer r.turning.Unlock()
	r.mu.Lock()
	was := r.state
	told := r.cause != nil // that it is away
	r.state = to
	switch to {
	case here:
		r.cause = nil
	case away:
		r.cause = cause
	case unnamed:
	}
	if was == unnamed && to != unnamed {
		close(r.decided)
	} else if was != unnamed && to == unnamed {
		r.decided = make(chan struct{})
	}
	r.mu.Unlock()
	switch {
	case to == away && !told:
		r.opts.Log.Warn("the Redis of the limits is away: rates are held to locally, each instance to its share, and budgets can't be checked",
			zap.Error(cause), zap.Int64("instances", r.instances.Load()))
		r.opts.OnState(true)
	case to == here && told:
		r.opts.Log.Info("the Redis of the limits is back")
		r.opts.OnState(false)
	}
	r.nudge()
}

// nudge has the writer look what there is to do.
func (r *Redis) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
