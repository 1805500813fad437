package limit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/layergateway/layergateway/cost"
)

// period is a budget's usage: of which budget, and from when.
type period struct {
	usage string
	start int64 // Unix seconds; 0 for Total
}

func (b *budget) period(now time.Time) (p period, start, end time.Time) {
	start, end = b.Period.Bounds(now, b.Location)
	p.usage = b.usage
	if !start.IsZero() {
		p.start = start.Unix()
	}
	return p, start, end
}

// seedTime is how long a ledger may take to say what was spent.
const seedTime = 5 * time.Second

// seeder asks the ledger what was spent, once for all who want to know at the
// same time.
type seeder struct {
	spentSince func(context.Context, *Subject, time.Time) (cost.Amount, error)
	calls      singleflight.Group
}

// spent is what the subject spent since start.
func (s *seeder) spent(ctx context.Context, who *Subject, p period, start time.Time) (cost.Amount, error) {
	return s.once(ctx, who, p, func(ctx context.Context) (cost.Amount, error) { return s.read(ctx, who, start) })
}

func (s *seeder) read(ctx context.Context, who *Subject, start time.Time) (cost.Amount, error) {
	if s.spentSince == nil {
		return 0, nil
	}
	spent, err := s.spentSince(ctx, who, start)
	return max(0, spent), err
}

// once gives all who ask for a period at the same time the answer of one call. It
// is not ended by the request that happens to be the first.
func (s *seeder) once(ctx context.Context, who *Subject, p period, read func(context.Context) (cost.Amount, error)) (cost.Amount, error) {
	answer := s.calls.DoChan(p.usage+" "+strconv.FormatInt(p.start, 10), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seedTime)
		defer cancel()
		return read(ctx)
	})
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case r := <-answer:
		if r.Err != nil {
			return 0, fmt.Errorf("reading what %s has spent: %w", who.Name, r.Err)
		}
		return r.Val.(cost.Amount), nil
	}
}
