package survival

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

func splitLines(s string) []string { return strings.Split(s, "\n") }

// openVenue starts the upstreams, and a gateway with the trials' gates.
func openVenue(t *testing.T, all []*trial) *venue {
	t.Helper()
	refused, release, err := faultd.Refused()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	v := &venue{up: faultd.New(t, faultd.Options{})}
	v.bases = map[string]string{"": v.up.URL, "refused": "http://" + refused, "nobody": "http://nobody..example"}
	var trusted bytes.Buffer
	for at, o := range map[string]faultd.Options{
		"silent": {Accept: faultd.AcceptSilent}, "handshake": {TLS: true, Accept: faultd.ResetHandshake},
		"tls": {TLS: true}, "h2": {TLS: true, HTTP2: true},
		"expired": {TLS: true, Cert: faultd.Expired}, "wrong-name": {TLS: true, Cert: faultd.WrongName}, "untrusted": {TLS: true, Cert: faultd.Untrusted},
	} {
		s := faultd.New(t, o)
		v.bases[at] = s.URL
		v.others = append(v.others, s)
		trusted.Write(s.CAPEM())
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, trusted.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	v.rehearse(all)
	v.site = site.Start(t, site.Config{Block: v.block(all), Env: []string{
		"TEST_CLIENT_KEY=" + clientKey, "TEST_PROVIDER_KEY=" + providerKey, "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=" + t.TempDir(),
	}})
	return v
}

// few is how many goroutines and descriptors may come and go by themselves.
const few = 8

// Whatever an upstream does, client, upstream, log, metrics and process agree upon what became of the request.
func TestFaults(t *testing.T) {
	t.Parallel()
	all := trials(slices.Concat(statuses(), ways(), answers(), again(), cuts(), errorEvents(), framings(), contents()))
	v := openVenue(t, all)
	base := v.site.Usage()
	var wg sync.WaitGroup
	// Retries of the process are a fifth of what runs, or three: no more at once than are allowed for sure.
	queues := map[bool]chan *trial{false: make(chan *trial), true: make(chan *trial)}
	for retries, workers := range map[bool]int{false: 24, true: 3} {
		for range workers {
			wg.Go(func() {
				for tr := range queues[retries] {
					v.hold(t.Context(), tr)
				}
			})
		}
		wg.Go(func() {
			for _, tr := range all {
				if tr.row.retries == retries {
					queues[retries] <- tr
				}
			}
			close(queues[retries])
		})
	}
	wg.Wait()
	v.judge(t, all)
	site.Eventually(t, "all that the trials held is let go", patience, func() bool {
		for _, up := range v.upstreams() {
			up.CloseConns() // those that wait for more to do
		}
		now := v.site.Usage()
		return now.Goroutines <= base.Goroutines+few && now.FDs <= base.FDs+few
	})
}

// judge compares what was seen of all trials.
func (v *venue) judge(t *testing.T, all []*trial) {
	t.Helper()
	for _, up := range v.upstreams() {
		site.Eventually(t, "the upstreams are left alone", patience, func() bool {
			return !slices.ContainsFunc(up.Entries(""), func(e faultd.Entry) bool { return e.Outcome == faultd.Running })
		})
	}
	b := readBooks(t, v)
	for _, tr := range all {
		t.Run(tr.name(), func(t *testing.T) {
			for _, view := range views {
				for _, wrong := range view.check(tr, b) {
					t.Errorf("%s: %s", view.name, wrong)
				}
			}
		})
	}
	log := v.site.Log()
	for _, bad := range []string{`"msg":"the gateway failed"`, clientKey, providerKey, "<html"} {
		if i := strings.Index(log, bad); i >= 0 {
			t.Errorf("%q in the log: %.1000s", bad, log[i:])
		}
	}
}
