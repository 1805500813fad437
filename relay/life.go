package relay

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"
)

// contexts makes those of the exchange. That of what is asked of providers ends
// as the exchange's own does or, where answers are read to their end without a
// client, a while later. The function says that the exchange is settled.
func (x *exchange) contexts() (landed func()) {
	client := x.r.Context()
	var closing context.Context
	if x.r.ProtoMajor == 3 {
		closing = x.relay.Closing
	}
	if x.relay.Drain <= 0 {
		x.live, landed = x.relay.Flights.begin(client, closing)
		x.ctx = x.live
		return landed
	}
	process, ended := x.relay.Flights.begin(context.WithoutCancel(client), closing)
	live, end := context.WithCancelCause(client)
	stopped := context.AfterFunc(process, func() { end(context.Cause(process)) })
	ctx, cancel := context.WithCancelCause(process)
	timer := time.AfterFunc(math.MaxInt64, func() { cancel(errClientGone) })
	left := context.AfterFunc(client, func() { timer.Reset(x.relay.Drain) })
	x.live, x.ctx = live, ctx
	return func() {
		left()
		stopped()
		timer.Stop()
		cancel(context.Canceled)
		end(context.Canceled)
		ended()
	}
}

// readBody reads the request's body. The end of the process ends that too, which
// would else wait for a client that sends nothing.
func (x *exchange) readBody() ([]byte, error) {
	stopping := func() bool { return errors.Is(context.Cause(x.live), errStopping) }
	forget := context.AfterFunc(x.live, func() {
		if stopping() {
			// Where there are no deadlines, the connection's end is the read's.
			_ = http.NewResponseController(x.w).SetReadDeadline(time.Now())
		}
	})
	defer forget()
	body, err := readBody(x.w, x.r, x.relay.MaxBody)
	if err != nil && stopping() {
		return nil, errStopping
	}
	return body, err
}
