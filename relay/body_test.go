package relay

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/access"
)

// TestBrokenBodies: who sends a body that can't be read, but stays, gets an
// answer that says so.
func TestBrokenBodies(t *testing.T) {
	r := semantics(t, &upstream{})
	outcomes := make(chan Outcome, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := NewRecord(r.Now())
		r.Chat(w, req, &access.Key{Name: "k"}, rec)
		outcomes <- rec.Outcome
	}))
	defer server.Close()
	for name, sent := range map[string]string{
		"no chunk size":      "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
		"a chunk size later": "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n!\r\n",
		"damaged gzip":       "Content-Encoding: gzip\r\nContent-Length: 30\r\n\r\n" + zipped("{}")[:10] + strings.Repeat("\xff", 20),
		"gzip of nothing":    "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+sent); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusBadRequest || *errorOf(t, body).Code != "invalid_json" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if got := <-outcomes; got != Rejected {
				t.Errorf("outcome %s", got)
			}
		})
	}
}
