package layergateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/command"
)

// The parts of a configuration that say where a gateway is.
type (
	urlServer struct {
		Listen    []string          `json:"listen"`
		Routes    []urlRoute        `json:"routes"`
		TLS       []json.RawMessage `json:"tls_connection_policies"`
		AutoHTTPS struct {
			Disable bool     `json:"disable"`
			Skip    []string `json:"skip"`
		} `json:"automatic_https"`
	}
	urlRoute struct {
		Match []struct {
			Host []string `json:"host"`
		} `json:"match"`
		Handle []struct {
			Handler string     `json:"handler"`
			Routes  []urlRoute `json:"routes"`
			Strip   string     `json:"strip_path_prefix"`
		} `json:"handle"`
	}
)

// url is where the configuration has a gateway, or where the example has one.
func (c *configFlags) url() (string, error) {
	data, err := c.load()
	if errors.Is(err, errNoConfig) {
		return command.DefaultURL, nil
	}
	if err != nil {
		return "", fmt.Errorf("%w; or say with --url where the gateway is", err)
	}
	return gatewayURL(data)
}

// gatewayURL is the address of the API of the first gateway in a configuration.
func gatewayURL(data []byte) (string, error) {
	var config struct {
		Apps struct {
			HTTP struct {
				HTTPPort int                  `json:"http_port"`
				Servers  map[string]urlServer `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("the configuration: %w", err)
	}
	servers := config.Apps.HTTP.Servers
	names := make([]string, 0, len(servers))
	for name := range servers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		server := servers[name]
		if host, prefix, ok := findGateway(server.Routes, "", ""); ok {
			if address, ok := server.url(host, orDefault(config.Apps.HTTP.HTTPPort, 80)); ok {
				return address + prefix + "/v1", nil
			}
		}
	}
	return "", errors.New("the configuration does not tell where its gateway is: say it with --url")
}

// findGateway looks for a gateway behind routes, and which host and which prefix of the path lead there.
func findGateway(routes []urlRoute, host, prefix string) (foundHost, foundPrefix string, ok bool) {
	for _, route := range routes {
		at, under := host, prefix
		for _, match := range route.Match {
			for _, h := range match.Host {
				if at == "" && !strings.ContainsAny(h, "*{") {
					at = h
				}
			}
		}
		for _, h := range route.Handle {
			switch h.Handler {
			case directive:
				return at, under, true
			case "rewrite":
				under += strings.TrimRight(h.Strip, "/")
			case "subroute":
				if at, under, ok := findGateway(h.Routes, at, under); ok {
					return at, under, true
				}
			}
		}
		// A prefix that is stripped is so for the routes behind it.
		if len(route.Match) == 0 {
			prefix = under
		}
	}
	return "", "", false
}

// url is where a server listens, for a host that may be unknown.
func (s *urlServer) url(host string, httpPort int) (string, bool) {
	for _, listen := range s.Listen {
		at, err := caddy.ParseNetworkAddress(listen)
		if err != nil || at.IsUnixNetwork() || at.IsFdNetwork() {
			continue
		}
		port := int(at.StartPort)
		secure := len(s.TLS) > 0 || host != "" && !s.AutoHTTPS.Disable && !slices.Contains(s.AutoHTTPS.Skip, host) && port != httpPort
		if ip := net.ParseIP(at.Host); host == "" && at.Host != "" && (ip == nil || !ip.IsUnspecified()) {
			host = at.Host
		}
		host = orDefault(host, "localhost")
		scheme, usual := "http", 80
		if secure {
			scheme, usual = "https", 443
		}
		if port == usual {
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			return scheme + "://" + host, true
		}
		return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)), true
	}
	return "", false
}

// chatClient trusts what the machine trusts, and the authority that Caddy has made for sites such as localhost.
func chatClient() *http.Client {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if root, err := os.ReadFile(filepath.Join(caddy.AppDataDir(), "pki", "authorities", "local", "root.crt")); err == nil {
		pool.AppendCertsFromPEM(root)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
}
