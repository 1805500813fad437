package survival

import (
	"bytes"
	"context"
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
	// Retries of the process are a fifth of what runs, or three: no more at once than are allowed for sure. What is
	// large comes last and alone, so that it takes no time from what is timed.
	var plain, again, large []*trial
	for _, tr := range all {
		switch {
		case tr.row.id == "D36":
			large = append(large, tr)
		case tr.row.retries:
			again = append(again, tr)
		default:
			plain = append(plain, tr)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { v.holdAll(t.Context(), again, 3) })
	wg.Go(func() { v.holdAll(t.Context(), plain, 24) })
	wg.Wait()
	v.holdAll(t.Context(), large, 2)
	v.judge(t, all)
	site.Eventually(t, "all that the trials held is let go", patience, func() bool {
		for _, up := range v.upstreams() {
			up.CloseConns() // those that wait for more to do
		}
		now := v.site.Usage()
		return now.Goroutines <= base.Goroutines+few && now.FDs <= base.FDs+few
	})
}

// holdAll holds trials, so many at once.
func (v *venue) holdAll(ctx context.Context, all []*trial, workers int) {
	queue := make(chan *trial)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for tr := range queue {
				v.hold(ctx, tr)
			}
		})
	}
	for _, tr := range all {
		queue <- tr
	}
	close(queue)
	wg.Wait()
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
	b.rows = rowsOf(t, v.site, b.lines)
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
