package dashboard

import (
	"encoding/hex"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How many wrong keys an address may come with at once, how long it takes until it may come with one more, and of how
// many addresses that is known.
const (
	guessBurst    = 50
	guessInterval = 10 * time.Second
	maxGuessers   = 10_000
)

// guesses slow down who tries keys out. The zero value is ready; it is safe for concurrent use.
type guesses struct {
	mu sync.Mutex
	// free is when an address has none of its wrong keys left to wait for: each adds an interval.
	free map[guesser]time.Time
}

// guesser is from where keys come. Programs with a wrong one keep nobody of the same address from logging in.
type guesser struct {
	from netip.Prefix
	form bool
}

func (d *Door) guesser(r *http.Request, form bool) guesser {
	address, err := netip.ParseAddr(d.client(r))
	if err != nil {
		return guesser{form: form} // all that have none are one
	}
	bits := 32
	if address = address.Unmap(); address.Is6() {
		bits = 64 // what one customer of a provider has at least
	}
	prefix, _ := address.Prefix(bits)
	return guesser{prefix, form}
}

// wait is how long a key from there that can be guessed is not even looked at; 0 if it is.
func (g *guesses) wait(from guesser, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, known := g.free[from]
	if !known {
		return 0
	}
	return max(at.Sub(now)-(guessBurst-1)*guessInterval, 0)
}

// guessable reports whether somebody may find a key by trying: any but one like those that the gateway makes, of 32
// random bytes.
func guessable(key string) bool {
	digits, made := strings.CutPrefix(key, "layer_")
	random, err := hex.DecodeString(digits)
	return !made || err != nil || len(random) < 32
}

// wrong counts a wrong key.
func (g *guesses) wrong(from guesser, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == nil {
		g.free = make(map[guesser]time.Time)
	}
	at, known := g.free[from]
	if !known && len(g.free) >= maxGuessers {
		g.forget(now)
	}
	if at.Before(now) {
		at = now
	}
	g.free[from] = at.Add(guessInterval)
}

// forget makes room: it drops those that have nothing to wait for, or else who has least.
func (g *guesses) forget(now time.Time) {
	var least guesser
	var first time.Time
	for from, at := range g.free {
		if !now.Before(at) {
			delete(g.free, from)
		} else if first.IsZero() || at.Before(first) {
			least, first = from, at
		}
	}
	if len(g.free) >= maxGuessers {
		delete(g.free, least)
	}
}

// seconds are those of Retry-After.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
