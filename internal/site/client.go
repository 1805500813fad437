package site

import (
	"crypto/tls"
	"net/http"

	"github.com/quic-go/quic-go/http3"
)

func (s *Site) tls() *tls.Config { return &tls.Config{RootCAs: s.trust, MinVersion: tls.VersionTLS12} }

// TLS is how a client of its own gets to the site at TLSURL; protocols are offered in the handshake, such as h2.
func (s *Site) TLS(protocols ...string) *tls.Config {
	config := s.tls()
	config.NextProtos = protocols
	return config
}

// Client speaks HTTP/1.1, at either URL, on a connection of its own for each request.
func (s *Site) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: s.TLS("http/1.1"), DisableKeepAlives: true}}
}

// H2 is a new client that speaks HTTP/2 at TLSURL, all requests on one connection, which ends with the test.
func (s *Site) H2() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: s.tls(), Protocols: protocols}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// H3 is a new client that speaks HTTP/3 at TLSURL, all requests on one connection, which ends with the test.
func (s *Site) H3() *http.Client {
	transport := &http3.Transport{TLSClientConfig: s.tls()}
	s.t.Cleanup(func() { _ = transport.Close() }) // the site has ended already
	return &http.Client{Transport: transport}
}
