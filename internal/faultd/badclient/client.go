// Package badclient is clients that misbehave, against an HTTP server under test: they leave early, read slowly, send
// what nobody should, and tell what they saw. All but [Client.Parallel] write and read the connection themselves.
package badclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"
)

// Client says where to connect. The zero value of all but Addr is fine.
type Client struct {
	Addr  string
	TLS   *tls.Config   // nil: plain
	Limit time.Duration // of a whole exchange; 30 s if 0
	RST   bool          // leaves with an RST instead of a FIN
}

func (c Client) limit() time.Duration {
	if c.Limit <= 0 {
		return 30 * time.Second
	}
	return c.Limit
}

// line is one connection.
type line struct {
	net.Conn
	tcp   *net.TCPConn
	br    *bufio.Reader
	raw   bytes.Buffer // read from the connection, and not yet given to a Reply
	begun time.Time
	rst   bool
	wrote chan error // of the goroutine that sends
	// at most so many bytes are read at a time, after a pause; 0: as they come
	most  int
	pause time.Duration
}

func (c Client) dial(receiveBuffer int) (*line, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.limit())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, rst: c.RST}
	l.tcp, _ = conn.(*net.TCPConn)
	if receiveBuffer > 0 {
		_ = l.tcp.SetReadBuffer(receiveBuffer)
	}
	if c.TLS != nil {
		t := tls.Client(conn, c.TLS)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		l.Conn = t
	}
	_ = l.SetDeadline(time.Now().Add(c.limit()))
	l.br = bufio.NewReader(io.TeeReader(l, &l.raw))
	return l, nil
}

// Read is the connection's, at the client's pace.
func (l *line) Read(b []byte) (int, error) {
	if l.most > 0 {
		time.Sleep(l.pause)
		b = b[:min(len(b), l.most)]
	}
	return l.Conn.Read(b)
}

// send sends beside the reading, since a server may answer before it has read everything.
func (l *line) send(b []byte) {
	l.begun = time.Now()
	l.wrote = make(chan error, 1)
	go func() {
		_, err := l.Write(b)
		l.wrote <- err
	}()
}

// leave closes the connection, and waits for the sender.
func (l *line) leave() error {
	if l.rst {
		_ = l.tcp.SetLinger(0)
		_ = l.tcp.Close()
	}
	_ = l.Close()
	if l.wrote == nil {
		return nil
	}
	return <-l.wrote
}

// exchange sends b and reads one answer, or what is enough of it.
func (c Client) exchange(b []byte, method string, enough func(*Reply) bool) Reply {
	l, err := c.dial(0)
	if err != nil {
		return Reply{Err: err}
	}
	l.send(b)
	var r Reply
	r.read(l.br, &l.raw, method, l.begun, enough)
	r.close(l.br)
	r.WriteErr = l.leave()
	return r
}

// Do behaves: it sends the request and reads the whole answer.
func (c Client) Do(req Request) Reply { return c.exchange(req.Bytes(), req.method(), nil) }

// Send sends any bytes, and reads the answer to a POST.
func (c Client) Send(b []byte) Reply { return c.exchange(b, "POST", nil) }

// LeaveAfterBytes leaves once n bytes of the answer's body were read.
func (c Client) LeaveAfterBytes(req Request, n int) Reply {
	return c.exchange(req.Bytes(), req.method(), func(r *Reply) bool { return len(r.Body) >= n })
}

// LeaveAfterEvents leaves once n events were read.
func (c Client) LeaveAfterEvents(req Request, n int) Reply {
	return c.exchange(req.Bytes(), req.method(), func(r *Reply) bool { return len(r.Events) >= n })
}

// LeaveAfterText leaves once the answer's text has n bytes or more.
func (c Client) LeaveAfterText(req Request, n int) Reply {
	return c.exchange(req.Bytes(), req.method(), func(r *Reply) bool { return len(r.Text()) >= n })
}

// LeaveUnread sends the request, and leaves when the channel is closed without having read anything.
func (c Client) LeaveUnread(req Request, when <-chan struct{}) error {
	b := req.Bytes()
	return c.LeaveInRequest(b, len(b), when)
}

// LeaveInRequest sends the first n bytes of a request, and leaves when the channel is closed; at once if it is nil.
func (c Client) LeaveInRequest(request []byte, n int, when <-chan struct{}) error {
	l, err := c.dial(0)
	if err != nil {
		return err
	}
	_, err = l.Write(request[:n])
	if when != nil {
		<-when
	}
	_ = l.leave()
	return err
}

// ReadSlowly reads at most n bytes at a time with a pause before each, into a receive buffer of the kernel of so many
// bytes (the kernel's minimum is some KiB). It leaves when the channel is closed, which may be nil.
func (c Client) ReadSlowly(req Request, n int, pause time.Duration, buffer int, leave <-chan struct{}) Reply {
	l, err := c.dial(buffer)
	if err != nil {
		return Reply{Err: err}
	}
	l.most, l.pause = n, pause
	l.send(req.Bytes())
	over := make(chan struct{})
	go func() {
		select {
		case <-leave:
			_ = l.SetReadDeadline(time.Unix(1, 0))
		case <-over:
		}
	}()
	var r Reply
	r.read(l.br, &l.raw, req.method(), l.begun, nil)
	close(over)
	r.WriteErr = l.leave()
	return r
}

// HalfClose closes its side of the connection once the request has been sent, and reads on.
func (c Client) HalfClose(req Request) Reply {
	l, err := c.dial(0)
	if err != nil {
		return Reply{Err: err}
	}
	l.begun = time.Now()
	var r Reply
	if _, r.WriteErr = l.Write(req.Bytes()); r.WriteErr == nil {
		if t, ok := l.Conn.(*tls.Conn); ok {
			_ = t.CloseWrite()
		}
		_ = l.tcp.CloseWrite()
	}
	r.read(l.br, &l.raw, req.method(), l.begun, nil)
	r.close(l.br)
	_ = l.leave()
	return r
}

// Pipeline sends the requests one behind the other without waiting, and reads their answers.
func (c Client) Pipeline(reqs ...Request) []Reply {
	all := make([]Reply, len(reqs))
	l, err := c.dial(0)
	if err != nil {
		for i := range all {
			all[i].Err = err
		}
		return all
	}
	var b []byte
	for _, req := range reqs {
		b = append(b, req.Bytes()...)
	}
	l.send(b)
	for i, req := range reqs {
		all[i].read(l.br, &l.raw, req.method(), l.begun, nil)
		if !all[i].Whole {
			break
		}
		all[i].close(l.br)
	}
	err = l.leave()
	for i := range all {
		all[i].WriteErr = err
	}
	return all
}

// Expect sends the head with Expect: 100-continue, and the body only if the server says so; Interim has what it said.
func (c Client) Expect(req Request) Reply {
	req = req.With("Expect: 100-continue")
	l, err := c.dial(0)
	if err != nil {
		return Reply{Err: err}
	}
	l.begun = time.Now()
	var r Reply
	if _, r.WriteErr = l.Write(req.headed()); r.WriteErr == nil {
		r.read(l.br, &l.raw, req.method(), l.begun, func(r *Reply) bool {
			return len(r.Interim) > 0 && r.Status == 0
		})
	}
	if r.Status == 0 && len(r.Interim) > 0 {
		early := r.Raw
		r.SentBody = true
		if _, r.WriteErr = l.Write(req.Body); r.WriteErr == nil {
			r.read(l.br, &l.raw, req.method(), l.begun, nil)
			r.Raw = append(early, r.Raw...)
		}
	}
	_ = l.leave()
	return r
}
