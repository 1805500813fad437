package survival

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/quic-go/quic-go/http3"

	"github.com/layergateway/layergateway/internal/site"
)

// own is what two equal answers have of their own: ids, time and duration.
var own = regexp.MustCompile(`"(id|request_id|gate_id|created|latency_ms)":("[^"]*"|[0-9.]+)`)

// same makes equal answers equal bytes.
func same(text []byte) string {
	text = own.ReplaceAll(text, []byte(`"$1":0`))
	return string(bytes.ReplaceAll(text, []byte(": ping\n\n"), nil))
}

// differ says from where on two texts differ.
func differ(got, want string) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-100)
	return fmt.Sprintf("from byte %d: …%s… want …%s…", at, got[from:min(len(got), at+200)], want[from:min(len(want), at+200)])
}

func question(gate string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%t,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`, gate, stream)
}

// errCut is an answer that began and did not end.
var errCut = errors.New("cut")

// asker asks for a stream, and returns its bytes; an error that is no errCut came before the answer's first byte.
type asker struct {
	ask func(ctx context.Context, gate string) ([]byte, error)
	// leave closes the connections that are kept for more.
	leave func()
}

// byHTTP2 asks with one connection for all, and once. Connections that are lost before they have come about are counted
// and made again: a request has never been on them.
func byHTTP2(s *site.Site, lost *atomic.Int64) asker {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialer := tls.Dialer{Config: s.TLS("h2")}
		for {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err == nil || ctx.Err() != nil || lost.Add(1) > 1000 {
				return conn, err
			}
		}
	}}
	client := &http.Client{Transport: transport}
	return asker{leave: transport.CloseIdleConnections, ask: func(ctx context.Context, gate string) ([]byte, error) {
		return post(ctx, client, s.TLSURL+"/v1/chat/completions", question(gate, true))
	}}
}

// byHTTP3 asks with one connection for all, and once. What the server says that it has not looked at, since it gives
// the connection up, is counted and sent again: quic-go leaves that to its users.
func byHTTP3(s *site.Site, again *atomic.Int64) asker {
	client := s.H3()
	return asker{leave: client.CloseIdleConnections, ask: func(ctx context.Context, gate string) ([]byte, error) {
		for {
			body, err := post(ctx, client, s.TLSURL+"/v1/chat/completions", question(gate, true))
			var rejected *http3.Error
			left := errors.As(err, &rejected) && rejected.ErrorCode == http3.ErrCodeRequestRejected ||
				err != nil && strings.HasSuffix(err.Error(), "connection in graceful shutdown")
			if !left || len(body) > 0 || again.Add(1) > 1000 {
				return body, err
			}
		}
	}}
}

// post sends a request once, and returns the answer's body.
func post(ctx context.Context, client *http.Client, url, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer k")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return whole(resp)
}

// whole is the body of an answer with status 200.
func whole(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return body, fmt.Errorf("%w after %d bytes: %w", errCut, len(body), err)
	}
	if resp.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%w: status %d: %s", errCut, resp.StatusCode, body)
	}
	return body, nil
}

// bySDK asks with OpenAI's own client and its default retries.
func bySDK(s *site.Site) asker {
	transport := new(http.Transport)
	client := openai.NewClient(option.WithBaseURL(s.URL+"/v1"), option.WithAPIKey("k"), option.WithHTTPClient(&http.Client{Transport: transport}))
	return asker{leave: transport.CloseIdleConnections, ask: func(ctx context.Context, gate string) ([]byte, error) {
		stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
			Model:         gate,
			Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
			StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
		})
		defer stream.Close()
		var all []byte
		for stream.Next() {
			all = append(append(all, stream.Current().RawJSON()...), '\n')
		}
		err := stream.Err()
		if err != nil && len(all) > 0 {
			err = fmt.Errorf("%w after %d bytes: %w", errCut, len(all), err)
		}
		return all, err
	}}
}

// raw is a client of HTTP/1.1 that does nothing about failures. It keeps its connection for some requests, unless the
// server says that it closes it.
type raw struct {
	addr string
	most int // requests on one connection

	conn   net.Conn
	reader *bufio.Reader
	used   int
}

// send sends a request, and reads the answer.
func (c *raw) send(ctx context.Context, method, path, body string) (_ []byte, err error) {
	if c.conn == nil {
		if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", c.addr); err != nil {
			return nil, fmt.Errorf("connection: %w", err)
		}
		c.reader, c.used = bufio.NewReader(c.conn), 0
	}
	c.used++
	keep := false
	defer func() {
		if !keep {
			c.close()
		}
	}()
	which := "on a new connection"
	if c.used > 1 {
		which = "on a kept connection"
	}
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, c.addr, len(body), body); err != nil {
		return nil, fmt.Errorf("request %s: %w", which, err)
	}
	if _, err := c.reader.Peek(1); err != nil {
		return nil, fmt.Errorf("no answer %s: %w", which, err)
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	defer resp.Body.Close()
	answer, err := whole(resp)
	keep = err == nil && !resp.Close && c.used < c.most
	return answer, err
}

func (c *raw) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is expected of it any more
		c.conn = nil
	}
}

func byRaw(addr, path string) asker {
	c := &raw{addr: addr, most: 3}
	return asker{leave: c.close, ask: func(ctx context.Context, gate string) ([]byte, error) {
		return c.send(ctx, http.MethodPost, path, question(gate, true))
	}}
}

// must is the answer that an asker gets.
func (a asker) must(t *testing.T, gate string) string {
	t.Helper()
	body, err := a.ask(t.Context(), gate)
	if err != nil {
		t.Fatalf("%s: %v\n%s", gate, err, body)
	}
	return same(body)
}
