package faultd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Cert is which certificate a server shows.
type Cert int

// The certificates.
const (
	Good      Cert = iota // for 127.0.0.1 and localhost, by the server's CA
	Expired               // ended yesterday
	WrongName             // for other.example alone
	Untrusted             // as Good, by a CA that CA does not give
)

// certs is a throw-away CA and a certificate.
type certs struct {
	pool *x509.CertPool
	pem  []byte
	leaf tls.Certificate
}

func newCerts(kind Cert) (*certs, error) {
	ca, caKey, err := authority()
	if err != nil {
		return nil, err
	}
	c := &certs{pool: x509.NewCertPool(), pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})}
	c.pool.AddCert(ca)
	if kind == Untrusted {
		if ca, caKey, err = authority(); err != nil {
			return nil, err
		}
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "faulty upstream"},
		NotBefore: now().Add(-48 * time.Hour), NotAfter: now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	switch kind {
	case Expired:
		template.NotAfter = now().Add(-24 * time.Hour)
	case WrongName:
		template.DNSNames, template.IPAddresses = []string{"other.example"}, nil
	case Good, Untrusted:
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	c.leaf = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return c, nil
}

func authority() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "throw-away CA " + rand.Text()},
		NotBefore: now().Add(-72 * time.Hour), NotAfter: now().Add(72 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}

func (c *certs) config(http2 bool) *tls.Config {
	cfg := &tls.Config{Certificates: []tls.Certificate{c.leaf}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	if http2 {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	return cfg
}
