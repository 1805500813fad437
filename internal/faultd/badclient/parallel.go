package badclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Parallel sends the requests at once over one HTTP/2 connection, and reads their answers. The stream of request i is
// reset (RST_STREAM with CANCEL) when the channel leave[i] is closed; those without a channel are read to the end.
func (c Client) Parallel(reqs []Request, leave map[int]<-chan struct{}) []Reply {
	all := make([]Reply, len(reqs))
	ctx, cancel := context.WithTimeout(context.Background(), c.limit())
	defer cancel()
	var p http.Protocols
	p.SetHTTP2(c.TLS != nil)
	p.SetUnencryptedHTTP2(c.TLS == nil)
	scheme := "http"
	tr := &http.Transport{Protocols: &p, DisableCompression: true}
	if c.TLS != nil {
		scheme = "https"
		tr.TLSClientConfig = c.TLS.Clone()
		tr.TLSClientConfig.MinVersion = tls.VersionTLS12
	}
	defer tr.CloseIdleConnections()
	cc, err := tr.NewClientConn(ctx, scheme, c.Addr)
	if err != nil {
		for i := range all {
			all[i].Err = err
		}
		return all
	}
	defer func() { _ = cc.Close() }()
	var wg sync.WaitGroup
	for i, req := range reqs {
		wg.Go(func() { all[i].stream(ctx, cc, scheme, req, leave[i]) })
	}
	wg.Wait()
	return all
}

// stream is one exchange of a connection that has many.
func (r *Reply) stream(ctx context.Context, cc http.RoundTripper, scheme string, req Request, leave <-chan struct{}) {
	begun := time.Now()
	defer func() { r.Took = time.Since(begun) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if leave != nil {
		go func() {
			select {
			case <-leave:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	hr, err := http.NewRequestWithContext(ctx, req.method(), scheme+"://gateway.example"+req.Path, bytes.NewReader(req.Body))
	if err != nil {
		r.Err = err
		return
	}
	if req.Host != "" {
		hr.Host = req.Host
	}
	for _, h := range req.Header {
		name, value, _ := strings.Cut(h, ":")
		hr.Header.Add(name, strings.TrimPrefix(value, " "))
	}
	resp, err := cc.RoundTrip(hr)
	if err != nil {
		r.Err = err
		return
	}
	defer func() { _ = resp.Body.Close() }()
	r.FirstByte = time.Since(begun)
	r.StatusLine, r.Status, r.Header = resp.Proto+" "+resp.Status, resp.StatusCode, resp.Header
	r.body(resp.Body, begun, nil)
	r.Trailer = resp.Trailer
}
