package site

import (
	"fmt"
	"strings"
)

// Config is what a site serves. Its texts are Caddyfile.
type Config struct {
	// Block is what stands in the site's block: layer_gateway with all that belongs to it, and what serves the rest.
	Block string
	// Global is added to the global options, for example "grace_period 2s".
	Global string
	// More is added behind the site: other sites, on addresses of their own (see FreePort). For HTTPS they can say
	// "tls cert.pem key.pem", which is the site's own certificate.
	More string
	// Quiet leaves out the access log and all that is below a warning, for tests with much traffic.
	Quiet bool
	// Env is added to the environment, as NAME=value. Of the test's own only what programs need is passed on.
	// A reload does not change it.
	Env []string
}

// caddyfile is the whole configuration. The site is there twice, by HTTP, and by HTTPS for HTTP/2 and 3.
func (s *Site) caddyfile(c Config) string {
	level, access := "DEBUG", "log\n"
	if c.Quiet {
		level, access = "WARN", ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "{\nadmin unix/%s\ndefault_bind %s\nauto_https disable_redirects\nlog {\nlevel %s\nformat json\n}\n%s\n}\n", s.path("admin"), host, level, c.Global)
	fmt.Fprintf(&text, "http://%s {\n%s%s\n}\n", s.addr, access, c.Block)
	fmt.Fprintf(&text, "https://%s {\ntls %s %s\n%s%s\n}\n", s.tlsAddr, s.path("cert.pem"), s.path("key.pem"), access, c.Block)
	text.WriteString(c.More)
	text.WriteString("\n")
	return text.String()
}
