package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// TestBodiesStayApart: what a provider gets is the request's own, and whole or cut off, whatever others do meanwhile
// with the memory of those that have ended: also if the provider answers before it has read the request, if it is asked
// twice, or if the client leaves.
func TestBodiesStayApart(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2 ", http2), func(t *testing.T) {
			var n, broken atomic.Int32
			provided := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked := n.Add(1)
				head := make([]byte, 30_000)
				k, _ := io.ReadFull(r.Body, head)
				head = head[:k]
				switch asked % 12 {
				case 0, 3, 6: // it has read enough
					w.WriteHeader(http.StatusBadRequest)
					return
				case 1:
					panic(http.ErrAbortHandler)
				}
				rest, err := io.ReadAll(r.Body)
				if !ownBody(append(head, rest...), err == nil) {
					broken.Add(1)
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, good)
			}))
			provided.EnableHTTP2 = http2
			provided.StartTLS()
			defer provided.Close()
			relay := setup(t, nil, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`))
			for _, name := range []string{"a", "b"} {
				p := relay.Providers[name]
				p.BaseURL, p.Transport = provided.URL, provided.Client().Transport
				p.Keys = provider.NewKeys([]string{"sk-1", "sk-2"}, "")
			}
			var clients sync.WaitGroup
			for i := range 8 {
				clients.Go(func() {
					for j := range 40 {
						ctx, leave := context.WithCancel(t.Context())
						size := 20_000 + (i*40+j)*977%300_000
						if j%7 == 0 {
							go leave()
						}
						askContext(ctx, relay, markedBody(fmt.Sprintf("(%d %d) ", i, j), size), nil)
						leave()
					}
				})
			}
			clients.Wait()
			if broken.Load() > 0 || n.Load() < 200 {
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
