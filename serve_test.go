package layergateway

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// Caddy's own limit for clients that read nothing gives way to the gateway's, where it has one, and comes back.
func TestAllowStall(t *testing.T) {
	for _, test := range []struct {
		stall caddy.Duration
		want  time.Duration
	}{
		{0, time.Minute},
		{caddy.Duration(5 * time.Minute), 5 * time.Minute},
		{caddy.Duration(time.Second), time.Second},
		{-1, forever},
	} {
		w := httptest.NewRecorder()
		idle := &caddyhttp.IdleTimeoutWriter{
			ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, Ctrl: http.NewResponseController(w),
			Deadline: caddyhttp.IdleDeadline{Timeout: time.Minute}, Logger: zap.NewNop(),
		}
		r := httptest.NewRequestWithContext(caddyhttp.ContextWithIdleTimeouts(t.Context(), nil, idle), http.MethodPost, chatPath, nil)
		restore := (&Gateway{StallTimeout: test.stall}).allowStall(r)
		if got := idle.Deadline.Timeout; got != test.want {
			t.Errorf("stall timeout %v: it is %v, want %v", test.stall, got, test.want)
		}
		if restore(); idle.Deadline.Timeout != time.Minute {
			t.Errorf("stall timeout %v: afterwards it is %v", test.stall, idle.Deadline.Timeout)
		}
	}
	(&Gateway{StallTimeout: 1}).allowStall(httptest.NewRequestWithContext(t.Context(), http.MethodPost, chatPath, nil))()
}
