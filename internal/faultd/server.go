package faultd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Accept is what becomes of a connection before anything is read of it.
type Accept int

// What a server does with its connections.
const (
	Serve          Accept = iota // as the protocol wants
	AcceptSilent                 // takes them, and neither reads nor writes
	AcceptReset                  // resets them at once
	ResetHandshake               // TLS: reads the client's hello and resets; plain: reads the first bytes and resets
)

// Options say how a server listens. The zero value is plain HTTP/1.1, and HTTP/2 for who starts with its preface.
type Options struct {
	TLS        bool   // HTTPS with a certificate by the server's own CA
	HTTP2      bool   // TLS also offers h2; without, http/1.1 alone
	Cert       Cert   // which certificate; Good if unsaid
	Accept     Accept // what becomes of connections; Serve if unsaid
	SendBuffer int    // bytes the kernel may hold per connection, so that back-pressure shows early; 0: the system's
}

// Server is the faulty upstream. Its methods may be called by several goroutines.
type Server struct {
	*Journal
	// URL is where it listens, without a slash at its end: http://127.0.0.1:1234. Which dialect is spoken follows
	// from the end of a request's path, so that any base URL below it will do.
	URL  string
	Addr string // 127.0.0.1:1234

	opts     Options
	listener net.Listener
	certs    *certs
	ctx      context.Context // until Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu      sync.Mutex
	scripts map[string][]Script // by model
	played  map[string]int      // by model, how many requests came
	gates   map[string]chan struct{}
	marks   map[string]chan struct{}
	open    map[*conn]struct{}
}

// TB is what New needs of a test.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// New starts a server that ends with the test.
func New(tb TB, o Options) *Server {
	tb.Helper()
	s, err := Start(o)
	if err != nil {
		tb.Fatalf("start a faulty upstream: %v", err)
		return nil
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server; who starts it closes it.
func Start(o Options) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{
		Journal: newJournal(), Addr: ln.Addr().String(), URL: "http://" + ln.Addr().String(), opts: o, listener: ln,
		scripts: map[string][]Script{}, played: map[string]int{},
		gates: map[string]chan struct{}{}, marks: map[string]chan struct{}{}, open: map[*conn]struct{}{},
	}
	if o.TLS {
		s.URL = "https://" + s.Addr
		if s.certs, err = newCerts(o.Cert); err != nil {
			_ = ln.Close()
			return nil, fmt.Errorf("make certificates: %w", err)
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// On says what the successive requests for a model get: the first one the first script, and so on; the last script
// is for all that follow. It forgets what was said of the model before. A request for a model without scripts is
// answered with 501, and its entry has Script -1.
func (s *Server) On(model string, scripts ...Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[model], s.played[model] = scripts, 0
}

// next is the script for one more request of a model, and its index.
func (s *Server) next(model string) (Script, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.scripts[model]
	if len(all) == 0 {
		return Script{Answer(501, "text/plain", []byte("no script for this model"))}, -1
	}
	i := min(s.played[model], len(all)-1)
	s.played[model]++
	return all[i], i
}

// Release opens a gate, for all that wait at it and all that will.
func (s *Server) Release(gate string) { closeOnce(&s.mu, s.gates, gate) }

// Reached is closed once a script has come to the mark of that name.
func (s *Server) Reached(mark string) <-chan struct{} { return named(&s.mu, s.marks, mark) }

func named(mu *sync.Mutex, all map[string]chan struct{}, name string) chan struct{} {
	mu.Lock()
	defer mu.Unlock()
	ch, ok := all[name]
	if !ok {
		ch = make(chan struct{})
		all[name] = ch
	}
	return ch
}

func closeOnce(mu *sync.Mutex, all map[string]chan struct{}, name string) {
	ch := named(mu, all, name)
	mu.Lock()
	defer mu.Unlock()
	select {
	case <-ch:
	default:
		close(ch)
	}
}

// CA is what a client must trust to take a Good certificate, nil without TLS; CAPEM is the same as a file has it.
func (s *Server) CA() *x509.CertPool {
	if s.certs == nil {
		return nil
	}
	return s.certs.pool
}

// CAPEM is the certificate of the server's CA in PEM, nil without TLS.
func (s *Server) CAPEM() []byte {
	if s.certs == nil {
		return nil
	}
	return s.certs.pem
}

// Close resets all connections and returns when nothing of the server runs any more.
func (s *Server) Close() {
	s.cancel()
	_ = s.listener.Close()
	s.CloseConns()
	s.wg.Wait()
}

// CloseConns resets the connections there are, as the death of an upstream does; the server goes on listening.
func (s *Server) CloseConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.killed.Store(true)
		c.reset()
	}
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		tcp, ok := nc.(*net.TCPConn)
		if !ok {
			_ = nc.Close()
			continue
		}
		if s.opts.SendBuffer > 0 {
			_ = tcp.SetWriteBuffer(s.opts.SendBuffer)
		}
		c := &conn{s: s, tcp: tcp, Conn: nc, entry: s.connected()}
		s.mu.Lock()
		s.open[c] = struct{}{}
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			c.reset()
		}
		s.wg.Go(func() {
			defer func() {
				_ = c.Close()
				s.mu.Lock()
				delete(s.open, c)
				s.mu.Unlock()
				s.change(func() { c.entry.Closed = now() })
			}()
			c.serve()
		})
	}
}

// conn is one connection; Conn is the TLS one where there is TLS.
type conn struct {
	net.Conn
	s     *Server
	tcp   *net.TCPConn
	entry *ConnEntry
	// killed is set where the connection ends because the server does, not by a script or the client.
	killed atomic.Bool
	ended  atomic.Bool // by fin
}

// reset ends the connection with an RST.
func (c *conn) reset() {
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}

// goodbye is how long a client may take to close its side when this one has been closed.
const goodbye = time.Second

// fin ends this side with a FIN and nothing else: under TLS, without the alert that announces it. Who reads the
// connection goes on until the client has closed its side too, since closing with anything unread would be a reset.
func (c *conn) fin() {
	c.ended.Store(true)
	_ = c.tcp.CloseWrite()
	_ = c.tcp.SetReadDeadline(now().Add(goodbye))
}

// bye is fin with TLS's alert.
func (c *conn) bye() {
	if t, ok := c.Conn.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	c.fin()
}

// half ends the server's side alone.
func (c *conn) half() {
	if t, ok := c.Conn.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	_ = c.tcp.CloseWrite()
}

func (c *conn) serve() {
	switch c.s.opts.Accept {
	case AcceptReset:
		c.reset()
		return
	case AcceptSilent:
		// Reading would show when the client is gone, but would make room for what it sends too.
		<-c.s.ctx.Done()
		return
	case ResetHandshake:
		_, _ = c.tcp.Read(make([]byte, 1))
		c.reset()
		return
	case Serve:
	}
	if c.s.certs != nil {
		t := tls.Server(c.tcp, c.s.certs.config(c.s.opts.HTTP2))
		if err := t.HandshakeContext(c.s.ctx); err != nil {
			c.s.change(func() { c.entry.Handshake = err.Error() })
			return
		}
		c.Conn = t
		if t.ConnectionState().NegotiatedProtocol == "h2" {
			c.serveHTTP2(c.Conn)
			return
		}
	}
	c.serveHTTP1()
}
