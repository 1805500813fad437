package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/layergateway/layergateway/provider"
)

func TestBuffers(t *testing.T) {
	var b buffers
	for _, n := range []int64{1, 100, 1 << 14, 1<<14 + 1, 200_000, 1 << 20, 1<<20 + 1} {
		buffer := b.take(n)
		if len(buffer) != 0 || int64(cap(buffer)) < n || int64(cap(buffer)) > 2*n {
			t.Errorf("%d bytes: %d of %d", n, len(buffer), cap(buffer))
		}
		buffer = append(buffer, bytes.Repeat([]byte{'x'}, int(n))...)
		b.give(buffer)
		again := b.take(n)
		if again = again[:n]; bytes.IndexByte(again, 'x') >= 0 {
			t.Errorf("%d bytes: something is left of what was there before", n)
		}
	}
	b.give(nil)
}

// TestBodyOutlivesItsRequest: a transport that has its answer may send the request to its end all the same.
func TestBodyOutlivesItsRequest(t *testing.T) {
	for _, closes := range []bool{false, true} {
		var sending io.ReadCloser
		relay := setup(t, nil, nil, gateJSON(``))
		relay.Providers["a"].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if sending = r.Body; closes {
				_ = sending.Close()
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(good))}, nil
		})
		for range 10 {
			sent := markedBody("(1) ", 100_000)
			if w, _ := askContext(t.Context(), relay, sent, nil); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			bodies.give(append(bodies.take(int64(len(sent))), bytes.Repeat([]byte{'x'}, len(sent))...))
			got, err := io.ReadAll(sending)
			if closes != (err != nil) || !closes && !ownBody(got, true) {
				t.Errorf("closed %v: %d bytes, %v", closes, len(got), err)
			}
		}
	}
}

// closing is a chat that counts whose bodies were closed, and can't say seed.
type closing struct {
	provider.Chat
	io.ReadCloser
	closed *atomic.Int32
}

func (c *closing) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	req, err := c.Chat.Request(ctx, call)
	c.ReadCloser, req.Body = req.Body, c
	return req, err
}

func (c *closing) Dropped() []string { return []string{"seed"} }

func (c *closing) Close() error {
	c.closed.Add(1)
	return c.ReadCloser.Close()
}

// TestBodyThatIsNotSent is closed all the same: else its request's memory would be in use for ever.
func TestBodyThatIsNotSent(t *testing.T) {
	relay := setup(t, nil, nil, gateJSON(`"strict":true`))
	var closed atomic.Int32
	newChat := relay.Providers["a"].NewChat
	relay.Providers["a"].NewChat = func() provider.Chat { return &closing{Chat: newChat(), closed: &closed} }
	if w, _ := ask(relay, hi, nil); w.Code != http.StatusBadRequest || closed.Load() != 1 {
		t.Errorf("%d, closed %d times", w.Code, closed.Load())
	}
}

// TestBodiesStayApart: what a provider gets is the request's own, and whole or cut off, whatever others do meanwhile
// with the memory of those that have ended: also if the provider answers before it has read the request, if it is asked
// twice, or if the client leaves.
func TestBodiesStayApart(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2 ", http2), func(t *testing.T) {
			var n, broken atomic.Int32
			provided := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked := n.Add(1)
				if asked%12 == 1 {
					panic(http.ErrAbortHandler)
				}
				if asked%3 == 0 { // it knows its answer before it has heard the request out
					w.Header().Set("Content-Length", "2")
					duplex := http.NewResponseController(w)
					_ = duplex.EnableFullDuplex() // which HTTP/2 needs not
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, "{}")
					if _ = duplex.Flush(); http2 {
						return
					}
				}
				body, err := io.ReadAll(r.Body)
				if !ownBody(body, err == nil) {
					broken.Add(1)
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, good)
			}))
			provided.EnableHTTP2 = http2
			// What is on its way between the two is in nobody's buffers.
			provided.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				if c, ok := c.(*tls.Conn); ok {
					_ = c.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
				}
				return ctx
			}
			provided.StartTLS()
			defer provided.Close()
			transport := provided.Client().Transport.(*http.Transport)
			transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				if err == nil {
					_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
				}
				return c, err
			}
			relay := setup(t, nil, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`))
			for _, name := range []string{"a", "b"} {
				p := relay.Providers[name]
				p.BaseURL, p.Transport = provided.URL, transport
				p.Keys = provider.NewKeys([]string{"sk-1", "sk-2"}, "")
			}
			var clients sync.WaitGroup
			for i := range 8 {
				clients.Go(func() {
					for j := range 12 {
						ctx, leave := context.WithCancel(t.Context())
						size := 20_000 + (i*12+j)*9_973%900_000
						if j%7 == 0 {
							go leave()
						}
						askContext(ctx, relay, markedBody(fmt.Sprintf("(%d %d) ", i, j), size), nil)
						leave()
					}
				})
			}
			clients.Wait()
			if broken.Load() > 0 || n.Load() < 50 {
				t.Errorf("%d of %d bodies are not what a client sent", broken.Load(), n.Load())
			}
		})
	}
}

// markedBody is a request that says nothing but its mark.
func markedBody(mark string, size int) string {
	return `{"model":"assistant","user":"` + mark + `","messages":[{"role":"user","content":"` + strings.Repeat(mark, size/len(mark)) + `"}]}`
}

// ownBody reports whether a body has one mark alone.
func ownBody(body []byte, whole bool) bool {
	_, rest, _ := strings.Cut(string(body), `"user":"`)
	mark, rest, _ := strings.Cut(rest, `"`)
	_, said, found := strings.Cut(rest, `"content":"`)
	said, _, _ = strings.Cut(said, `"`)
	if whole && (!found || !json.Valid(body)) {
		return false
	}
	return said == strings.Repeat(mark, len(said)/max(len(mark), 1)+1)[:len(said)]
}
