// Package fetch gets what a request names by URL, for providers that take bytes
// alone. The URL is a stranger's: what it leads to is checked when the
// connection is made, so that no name, redirect or answer of a DNS server can
// lead into the operator's own network.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// Limits of one fetch.
const (
	maxBytes     = 20 << 20
	maxRedirects = 3
	timeout      = 20 * time.Second
)

// Policy says which addresses may be fetched from.
type Policy struct {
	// Off refuses all URLs.
	Off bool
	// Networks are fetched from beside the public internet, also without TLS.
	Networks []netip.Prefix
}

// ParsePolicy reads "off", or "public" and further networks in CIDR notation.
func ParsePolicy(words []string) (Policy, error) {
	var p Policy
	for _, w := range words {
		switch w {
		case "off":
			p.Off = true
		case "public":
		default:
			n, err := netip.ParsePrefix(w)
			if err != nil {
				return p, fmt.Errorf("%q is neither off, public nor a network such as 10.1.0.0/16", w)
			}
			p.Networks = append(p.Networks, n.Masked())
		}
	}
	if p.Off && len(words) > 1 {
		return p, errors.New("off goes with nothing else")
	}
	return p, nil
}

// Content is what a URL led to.
type Content struct {
	Type string // the media type that the bytes themselves show
	Data []byte
}

// Fetcher gets contents. It keeps no connections and sends no credentials.
type Fetcher struct {
	policy Policy
	client *http.Client
}

// New makes a fetcher.
func New(p Policy) *Fetcher {
	f := &Fetcher{policy: p}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: f.control}
	f.client = &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			// No proxy: it would make the connection in our place, unchecked.
			Proxy:                 nil,
			DialContext:           dialer.DialContext,
			DisableKeepAlives:     true,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			r.Header.Del("Referer")
			return f.check(r.URL)
		},
	}
	return f
}

// Get fetches a URL. The error is a 400 in OpenAI's shape for the parameter,
// which does not tell what the gateway's network looks like.
func (f *Fetcher) Get(ctx context.Context, rawURL, param string) (Content, error) {
	c, err := f.get(ctx, rawURL)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		return c, ctx.Err()
	}
	return c, openai.Invalid("invalid_image_url", param, "'%s' can't be fetched: %s", param, public(err))
}

// refusal is an error whose text a client may see.
type refusal string

func (r refusal) Error() string { return string(r) }

func public(err error) string {
	var r refusal
	if errors.As(err, &r) {
		return string(r)
	}
	return "its server gave no file"
}

func (f *Fetcher) get(ctx context.Context, rawURL string) (Content, error) {
	if f.policy.Off {
		return Content{}, refusal("the provider takes no URLs, and fetching them is switched off: send a data URL")
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return Content{}, refusal("it is not a URL")
	}
	if err := f.check(u); err != nil {
		return Content{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Content{}, refusal("it is not a URL")
	}
	req.Header.Set("User-Agent", "layer_gateway")
	resp, err := f.client.Do(req)
	if err != nil {
		return Content{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Content{}, refusal(fmt.Sprintf("its server answered %d", resp.StatusCode))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return Content{}, err
	}
	if len(data) > maxBytes {
		return Content{}, refusal(fmt.Sprintf("it is larger than %d MiB", maxBytes>>20))
	}
	return Content{Type: mediaType(data, resp.Header.Get("Content-Type")), Data: data}, nil
}

// mediaType is the type that the bytes show; only where they show none is the
// server believed.
func mediaType(data []byte, said string) string {
	sniffed, _, _ := strings.Cut(http.DetectContentType(data), ";")
	if sniffed == "application/octet-stream" || sniffed == "text/plain" {
		if said, _, _ := strings.Cut(said, ";"); said != "" {
			return strings.ToLower(strings.TrimSpace(said))
		}
	}
	return sniffed
}

// check judges a URL before anything is looked up.
func (f *Fetcher) check(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || len(f.policy.Networks) == 0):
		return refusal("only https is fetched")
	case u.Hostname() == "":
		return refusal("it names no host")
	case u.User != nil:
		return refusal("it has credentials in it")
	}
	return nil
}

// control judges the address of a connection that is about to be made: the one
// place that no later answer of a DNS server can get around.
func (f *Fetcher) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusal("its address is not one")
	}
	ip := at.Addr().Unmap()
	inside := func(n netip.Prefix) bool { return n.Contains(ip) }
	switch {
	case slices.ContainsFunc(f.policy.Networks, inside):
		return nil
	case !isPublic(ip):
		return refusal("its address is not public")
	case at.Port() != 443:
		return refusal("only port 443 is fetched from")
	}
	return nil
}

// special are the networks that are not the public internet (IANA's
// special-purpose registries): netip knows the rest.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carriers' own
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),          // IPv4 in IPv6, of old
	netip.MustParsePrefix("64:ff9b::/96"),   // IPv4 behind NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"), // the same, local
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // IPv4 in IPv6
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" {
		return false
	}
	return !slices.ContainsFunc(special, func(n netip.Prefix) bool { return n.Contains(ip) })
}
