package survival

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// words is how long the answers are that take their time.
const words = 40

// dialects are what the upstream speaks in these tests; a gate's name is <dialect>-<script>.
var dialects = []string{"openai", "anthropic", "google"}

// world is an upstream with scripts, each with its name as the model, and the gates that lead to them.
type world struct {
	up      *faultd.Server
	scripts []string
	settings
}

// settings are what differs from one configuration to the next.
type settings struct {
	global, gateway, more string
	quiet                 bool
}

func newWorld(t *testing.T, scripts map[string]faultd.Script, set settings) *world {
	t.Helper()
	w := &world{up: faultd.New(t, faultd.Options{}), settings: set}
	for name, script := range scripts {
		w.up.On(name, script)
	}
	w.scripts = slices.Sorted(maps.Keys(scripts))
	return w
}

// config is the site. Each number makes another configuration of the same gates.
func (w *world) config(number int) site.Config {
	var text strings.Builder
	fmt.Fprintf(&text, "layer_gateway {\napi_key k\nkeepalive %ds\n%s\n", 60+number, w.gateway)
	text.WriteString("provider echo\ngate 00000000-0000-4000-8000-000000000000 {\nname echo\nmodel echo/words\n}\n")
	for i, d := range dialects {
		fmt.Fprintf(&text, "provider %s {\nbase_url %s/%s\napi_key {env.TEST_PROVIDER_KEY}\n}\n", d, w.up.URL, d)
		for j, script := range w.scripts {
			fmt.Fprintf(&text, "gate %08d-0000-4000-8000-%012d {\nname %s-%s\nmodel %s/%s\n}\n", i+1, j, d, script, d, script)
		}
	}
	text.WriteString("}\nrespond \"plain\"\n")
	return site.Config{Block: text.String(), Global: w.global, More: w.more, Quiet: w.quiet, Env: []string{"TEST_PROVIDER_KEY=u"}}
}

// paced is a stream that takes its time, and spans reloads.
var paced = faultd.Script{faultd.SSE(), faultd.Open(), faultd.Spaced(20*time.Millisecond, faultd.Say(1, words)), faultd.Rest(words), faultd.End()}

// halted is a stream that stops after its fifth word, until the gate of that name is opened.
func halted(gate string) faultd.Script {
	return faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Wait(gate), faultd.Say(6, words), faultd.Rest(words), faultd.End()}
}

// rest is what the process holds when nothing happens: once it has not become less for a while.
func (w *world) rest(t *testing.T, s *site.Site) site.Usage {
	t.Helper()
	least := s.Usage()
	for still := 0; still < 5; still++ {
		w.up.CloseConns()
		time.Sleep(200 * time.Millisecond)
		if now := s.Usage(); now.Goroutines < least.Goroutines || now.FDs < least.FDs {
			least, still = now, 0
		}
	}
	return least
}

// settle waits until the process holds no more than it did, but for a few of what Caddy keeps of its own for a while.
func (w *world) settle(t *testing.T, s *site.Site, base site.Usage) site.Usage {
	t.Helper()
	const goroutines, fds, heap = 8, 4, 8 << 20
	var now site.Usage
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		w.up.CloseConns() // those that wait for more to do would be kept for longer
		now = s.Usage()
		if now.Goroutines <= base.Goroutines+goroutines && now.FDs <= base.FDs+fds && now.Heap <= base.Heap+heap {
			return now
		}
		if time.Now().After(end) {
			t.Fatalf("it holds %+v, at first %+v\n%s", now, base, s.Stacks())
		}
	}
}
