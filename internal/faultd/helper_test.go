package faultd

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what happens at once.
const patience = 20 * time.Second

var paths = map[Dialect]string{
	OpenAI: "/v1/chat/completions", Anthropic: "/v1/messages", Google: "/v1beta/models/m:generateContent", Cohere: "/v2/chat",
}

// client is a client of the server that ends with the test.
func client(t *testing.T, s *Server, h2 bool) *http.Client {
	t.Helper()
	var p http.Protocols
	p.SetHTTP1(!h2)
	p.SetHTTP2(h2 && s.certs != nil)
	p.SetUnencryptedHTTP2(h2 && s.certs == nil)
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: s.CA()}, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

type got struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the body
}

// after calls then when n bytes have been written to it.
type after struct {
	n    int
	then func()
}

func (a *after) Write(b []byte) (int, error) {
	a.n -= len(b)
	if a.n <= 0 && a.then != nil {
		a.then()
		a.then = nil
	}
	return len(b), nil
}

// ask posts a request for a model, and reads what it can; seen is told what has been read.
func ask(t *testing.T, c *http.Client, url, body string, seen io.Writer) got {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.TeeReader(resp.Body, seen))
	return got{resp.StatusCode, resp.Header, string(b), err}
}

// asks is ask in OpenAI's dialect.
func asks(t *testing.T, s *Server, c *http.Client, model string) got {
	t.Helper()
	return ask(t, c, s.URL+paths[OpenAI], `{"model":"`+model+`","stream":true,"stream_options":{"include_usage":true}}`, io.Discard)
}
