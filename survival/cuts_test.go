package survival

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// torn is a text that is easily torn: runes of each length, as they are and as pairs of surrogates.
const torn = "é€😀 \\ud83d\\ude00 end"

// fixture is a stream of a few events, one with that text, and its beginning's bytes up to the finish reason.
func fixture(d faultd.Dialect, model string) []byte {
	e := d.Stream(model, 2)
	text := d.Delta(model, "TORN")
	e.Words = append(e.Words, []byte(strings.Replace(string(text), "TORN", torn, 1)))
	return e.Bytes()
}

// However a stream is cut into reads, D32, the client gets the same bytes.
func TestCuts(t *testing.T) {
	t.Parallel()
	up := faultd.New(t, faultd.Options{})
	v := &venue{up: up}
	var text strings.Builder
	text.WriteString("layer_gateway {\napi_key {env.TEST_CLIENT_KEY}\n")
	cuts := make(map[faultd.Dialect]int)
	for i, d := range faultd.Dialects {
		model := "cuts-" + string(d)
		stream := fixture(d, model)
		cuts[d] = len(stream)
		scripts := []faultd.Script{{faultd.SSE(), faultd.Bytes(stream), faultd.End()}}
		for at := 1; at < len(stream); at++ {
			// The pause is there so that the two parts are two reads; if they are not, the test is weaker, and no worse.
			scripts = append(scripts, faultd.Script{faultd.SSE(), faultd.Bytes(stream[:at]), faultd.Sleep(2 * time.Millisecond), faultd.Bytes(stream[at:]), faultd.End()})
		}
		up.On(model, scripts...)
		fmt.Fprintf(&text, "provider %s %s {\nbase_url %s%s\napi_key {env.TEST_PROVIDER_KEY}\n}\ngate 00000000-0000-4000-8000-%012d {\nname %s\nmodel %s/%s\n}\n",
			model, d, up.URL, paths[d], i+1, model, model, model)
	}
	text.WriteString("}\n")
	v.site = site.Start(t, site.Config{Block: text.String(), Quiet: true, Env: []string{"TEST_CLIENT_KEY=" + clientKey, "TEST_PROVIDER_KEY=" + providerKey}})
	for _, d := range faultd.Dialects {
		t.Run(string(d), func(t *testing.T) {
			body := fmt.Sprintf(`{"model":"cuts-%s","stream":true,"messages":[{"role":"user","content":"hi"}]}`, d)
			transport := &http.Transport{MaxIdleConnsPerHost: 8}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			whole, err := v.ask(t.Context(), client, body, func(int) {})
			if err != nil || whole.text != "w0001 w0002é€😀 😀 end" || !whole.done || whole.finish != "stop" || whole.wrong != nil {
				t.Fatalf("%v, %+v", err, whole)
			}
			var wg sync.WaitGroup
			left := make(chan struct{}, cuts[d])
			for range cuts[d] - 1 {
				left <- struct{}{}
			}
			close(left)
			for range 8 {
				wg.Go(func() {
					for range left {
						r, err := v.ask(t.Context(), client, body, func(int) {})
						if err != nil || r.err != nil || same(r.body) != same(whole.body) {
							t.Errorf("%v, %+v, want %s", err, r, whole.body)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
