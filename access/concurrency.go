package access

import (
	"context"
	"time"
)

// Concurrency bounds how many requests run at once.
type Concurrency struct {
	Slots *Slots        // who runs now: shared by all that have the bound, over reloads
	Limit int           // 0 is no bound
	Queue int           // how many more may wait
	Wait  time.Duration // for so long
}

// Enter waits for a place; the function gives it back. The error is a 503 in
// OpenAI's shape, or the context's.
func (c Concurrency) Enter(ctx context.Context) (leave func(), err error) {
	if c.Limit == 0 {
		return func() {}, nil
	}
	return c.Slots.Acquire(ctx, c.Limit, c.Queue, c.Wait)
}
