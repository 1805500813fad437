package layergateway

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/access"
)

// shared is what outlives a reload: connections to providers and how those fare, positions of round-robins, counters. Each is
// there as long as some configuration holds it; since the next one is provisioned before the last one is
// cleaned up, nothing is lost between them.
var shared = caddy.NewUsagePool()

// Keys of what is shared.
type (
	transportKey struct{ name, baseURL string }
	healthKey    struct{ name, baseURL string }
	slotsKey     struct{ hash access.Hash }
	retriesKey   struct{}
	flightsKey   struct{}
	cyclesKey    struct{}
	metricsKey   struct{}
	sessionsKey  struct{}
)

// holds are the keys that one module holds.
type holds []any

// hold returns what is shared under a key, which is fresh if there is nothing yet. A fresh value that is not
// used must need no cleaning up.
func hold[T any](h *holds, key any, fresh T) T {
	value, _ := shared.LoadOrStore(key, fresh)
	*h = append(*h, key)
	return value.(T)
}

// holdNew returns what is shared under a key, which is made if there is nothing yet.
func holdNew[T caddy.Destructor](h *holds, key any, make func() (T, error)) (T, error) {
	value, _, err := shared.LoadOrNew(key, func() (caddy.Destructor, error) { return make() })
	if err != nil {
		var none T
		return none, err
	}
	*h = append(*h, key)
	return value.(T), nil
}

// release lets go of everything. Who comes after may begin anew.
func (h *holds) release() error {
	var errs []error
	for _, key := range *h {
		_, err := shared.Delete(key)
		errs = append(errs, err)
	}
	*h = nil
	return errors.Join(errs...)
}

// transport is the connections to one provider.
type transport struct{ *http.Transport }

// newTransport makes connections for many long answers at once. How long an answer may take is the gates'
// business; here only the way to it has a limit.
func newTransport() transport {
	return transport{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // compressed events would come late
		// A dead connection would take all requests on it for as long as the kernel hopes.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}}
}

// Destruct closes the connections that no request uses; the others are closed when theirs ends.
func (t transport) Destruct() error {
	t.CloseIdleConnections()
	return nil
}
