package survival

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// slowStream and lateAnswer are answers that take a moment, as streams and not.
var (
	slowStream = faultd.Script{faultd.SSE(), faultd.Open(), faultd.Spaced(time.Millisecond, faultd.Say(1, words)), faultd.Rest(words), faultd.End()}
	lateAnswer = faultd.Script{faultd.Sleep(15 * time.Millisecond), faultd.Whole(words)}
)

// leaver is a client that goes at a random moment.
type leaver struct {
	random *rand.Rand
	addr   string
}

// moments are what a leaver sends of its request, and how long it then reads.
var moments = []string{"in the body", "before the answer", "in the answer"}

// ask asks a gate once and leaves, by FIN or RST. It says in which moment.
func (l *leaver) ask(ctx context.Context) (string, error) {
	moment := moments[l.random.IntN(len(moments))]
	stream := l.random.IntN(2) == 0
	script := "late"
	switch {
	case moment == "before the answer":
		script = "silent"
	case stream:
		script = "slow"
	}
	body := question(dialects[l.random.IntN(len(dialects))]+"-"+script, stream)
	text := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		l.addr, len(body), body)
	if moment == "in the body" {
		text = text[:len(text)-1-l.random.IntN(len(body))]
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return moment, err
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok && l.random.IntN(2) == 0 {
		if err := tcp.SetLinger(0); err != nil {
			return moment, err
		}
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return moment, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Duration(l.random.IntN(30)) * time.Millisecond)); err != nil {
		return moment, err
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "i/o timeout") {
		return moment, err
	}
	return moment, nil
}

// leave runs clients that leave, a number of times.
func leave(t *testing.T, s *site.Site, times int) {
	t.Helper()
	const clients = 32
	addr := strings.TrimPrefix(s.URL, "http://")
	var wait sync.WaitGroup
	var mu sync.Mutex
	left := make(map[string]int)
	for n := range clients {
		l := &leaver{rand.New(rand.NewPCG(uint64(n), 4)), addr} //nolint:gosec // the same moments each time
		wait.Go(func() {
			for range times / clients {
				moment, err := l.ask(t.Context())
				if err != nil {
					t.Errorf("%s: %v", moment, err)
					return
				}
				mu.Lock()
				left[moment]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	t.Logf("left %v", left)
}

// Ten thousand clients leave at any moment, in streams and not. Nothing of them is left: no request to a provider, no
// goroutine, no descriptor, no memory.
func TestLeavers(t *testing.T) {
	times := 10_000
	switch {
	case testing.Short():
		times = 640
	case site.Raced: // so slow that fewer do the same
		times = 3200
	}
	w := newWorld(t, map[string]faultd.Script{
		"slow": slowStream, "late": lateAnswer, "silent": {faultd.Silence()},
	}, settings{quiet: true})
	s := site.Start(t, w.config(0))
	leave(t, s, 320)
	base := w.rest(t, s)
	leave(t, s, times)
	// Before connections are closed from this side: the gateway itself has ended what it began.
	site.Eventually(t, "no request to a provider runs on", time.Minute, func() bool {
		for _, e := range w.up.Entries("") {
			if e.Outcome == faultd.Running {
				return false
			}
		}
		return true
	})
	t.Logf("at first %+v", base)
	t.Logf("at last  %+v", w.settle(t, s, base))
}
