package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/layergateway/layergateway/openai"
)

const png = "\x89PNG\r\n\x1a\n1234"

// TestRefused (D64): what is not the public internet is never reached.
func TestRefused(t *testing.T) {
	var hits atomic.Int32
	canary := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	_, port, _ := net.SplitHostPort(canary.Listener.Addr().String())
	urls := []string{
		canary.URL, "https://localhost:" + port, "https://127.1:" + port, "https://[::1]:" + port, "https://[::ffff:127.0.0.1]:" + port,
		"http://example.com/a.png", "file:///etc/passwd", "gopher://127.0.0.1", "https://", "https://user:pass@example.com", "::", "/a.png", "",
	}
	f := New(Policy{})
	for _, u := range urls {
		_, err := f.Get(context.Background(), u, "messages[0].content[1].image_url")
		var e *openai.Error
		if !errors.As(err, &e) || e.Status != 400 || e.Code != "invalid_image_url" || e.Param != "messages[0].content[1].image_url" {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := New(Policy{Off: true}).Get(context.Background(), "https://example.com", "x"); err == nil {
		t.Error("off fetches")
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests came through", hits.Load())
	}
}

func TestAddresses(t *testing.T) {
	f := New(Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	for address, ok := range map[string]bool{
		"1.1.1.1:443": true, "1.1.1.1:80": false, "[2606:4700::1111]:443": true,
		"10.1.2.3:80": true, "10.2.0.1:443": false, "127.0.0.1:443": false, "169.254.169.254:443": false,
		"172.16.0.1:443": false, "192.168.1.1:443": false, "100.100.100.200:443": false, "0.0.0.0:443": false,
		"[::1]:443": false, "[fd00::1]:443": false, "[fe80::1%eth0]:443": false, "[::ffff:10.2.0.1]:443": false,
		"[64:ff9b::7f00:1]:443": false, "[::7f00:1]:443": false, "[2002:7f00:1::]:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false,
	} {
		if err := f.control("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestGet(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	mux.HandleFunc("/a.png", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Error("the fetch says who it is for")
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(png))
	})
	mux.HandleFunc("/a.csv", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		_, _ = w.Write([]byte("a,b"))
	})
	mux.HandleFunc("/hop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.png", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.2/", http.StatusFound)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxBytes+1)) })
	f := New(Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	f.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	for _, test := range []struct{ path, typ, err string }{
		{"/a.png", "image/png", ""},
		{"/a.csv", "text/csv", ""},
		{"/hop", "image/png", ""},
		{"/loop", "", "its server gave no file"},
		{"/away", "", "not public"},
		{"/file", "", "only https"},
		{"/none", "", "answered 404"},
		{"/large", "", "larger than 20 MiB"},
	} {
		c, err := f.Get(context.Background(), server.URL+test.path, "image_url")
		switch {
		case test.err == "" && (err != nil || c.Type != test.typ || len(c.Data) == 0):
			t.Errorf("%s: %q %v", test.path, c.Type, err)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%s: %v", test.path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Get(ctx, server.URL+"/a.png", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestParsePolicy(t *testing.T) {
	for words, ok := range map[string]bool{
		"off": true, "public": true, "public 10.0.0.0/8": true, "10.0.0.0/8 fd00::/8": true,
		"off public": false, "10.0.0.0": false, "private": false,
	} {
		if _, err := ParsePolicy(strings.Fields(words)); (err == nil) != ok {
			t.Errorf("%s: %v", words, err)
		}
	}
}
