package survival

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
	"github.com/layergateway/layergateway/ledger"
)

var kills = flag.Int("kills", 50, "how often TestKill kills the process")

// TestKill (D80, I5): however often the process is killed under load, each
// request that has reached the provider has exactly one row, those that were
// under way one as abandoned, and nothing that a client has got is lost.
//
//	go test ./survival -run TestKill -kills 1000
func TestKill(t *testing.T) {
	o := &office{up: faultd.New(t, faultd.Options{}), quiet: true, keys: "api_key k {\nbudget 1000 total\n}\n",
		gates: desk(1, "healthy", "openai", "") + desk(2, "slow", "openai", "")}
	o.up.On("healthy", faultd.Script{faultd.Healthy(5)})
	o.up.On("slow", faultd.Script{faultd.SSE(), faultd.Open(), faultd.Spaced(5*time.Millisecond, faultd.Say(1, 20)), faultd.Rest(20), faultd.End()})
	o.open(t)
	random := rand.New(rand.NewPCG(1, 2))
	rounds := *kills
	if underRace {
		rounds = min(rounds, 15)
	}
	if testing.Short() {
		rounds = 5
	}
	done := map[string]string{} // answers that clients have as a whole: the request's id by the user
	accepted := map[string]bool{}
	asked := 0
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var wg sync.WaitGroup
		o.up.Forget()
		for c := range 16 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					user := fmt.Sprintf("u-%d-%d-%d", round, c, i)
					gate, stream := "healthy", `"stream":false`
					if c%2 == 1 {
						gate, stream = "slow", streaming
					}
					r := o.ask(ctx, "k", askedBy(user, gate, stream))
					mu.Lock()
					asked++
					if r.err == nil && r.status == http.StatusOK && (c%2 == 0 || strings.HasSuffix(string(r.body), "data: [DONE]\n\n")) {
						done[user] = r.id
					}
					mu.Unlock()
					if r.err != nil {
						return
					}
				}
			})
		}
		// Somewhere in the first few hundred requests.
		if _, err := o.up.Wait(20+random.IntN(200), time.Minute, func(faultd.Entry) bool { return true }); err != nil {
			t.Fatal(err)
		}
		o.s.Kill()
		cancel()
		wg.Wait()
		o.client.CloseIdleConnections()
		for _, e := range o.up.Entries("") {
			var b struct {
				User string `json:"user"`
			}
			// One without its whole body was cut off on its way, and never answered.
			if json.Unmarshal(e.Body, &b) == nil {
				accepted[b.User] = true
			}
		}
		o.s.Restart()
	}
	// The site may serve a moment before it has taken over what the last kill left.
	site.Eventually(t, "the ledger is open", time.Minute, func() bool {
		return o.s.Metric("layer_gateway_ledger_ok", "") == 1 && o.s.Metric("layer_gateway_ledger_queue", "") == 0
	})
	l := o.books(ledger.Config{Dir: o.data()})
	rows := map[string]ledger.Row{}
	outcomes := map[string]int{}
	for row, err := range l.All(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := rows[row.User]; twice {
			t.Errorf("two rows of one request: %+v %+v", other, row)
		}
		rows[row.User] = row
		outcomes[row.Outcome]++
	}
	for user := range accepted {
		if _, ok := rows[user]; !ok {
			t.Errorf("%s reached the provider and has no row", user)
		}
	}
	for user, id := range done {
		if row := rows[user]; row.ID != id || row.Outcome != "ok" && row.Outcome != ledger.Abandoned {
			t.Errorf("%s was answered as %s and has the row %+v", user, id, row)
		}
	}
	if outcomes[ledger.Abandoned] < rounds || outcomes["ok"] < 20*rounds {
		t.Errorf("outcomes %v", outcomes)
	}
	t.Logf("%d kills, %d requests, of which %d reached the provider and %d were answered; rows %v", rounds, asked, len(accepted), len(done), outcomes)
}

func askedBy(user, gate string, fields ...string) string {
	return asked(gate, append(fields, fmt.Sprintf(`"user":%q`, user))...)
}

// TestRowsOverTheEnd (D81, I6): over reloads, also such that change the ledger,
// and over the process's end with streams that can end in time and streams that
// can't, no row is lost or doubled.
func TestRowsOverTheEnd(t *testing.T) {
	o := &office{up: faultd.New(t, faultd.Options{}), keys: "api_key k\n", global: "ledger sqlite\n", grace: "2s",
		gates: desk(1, "healthy", "openai", "") + desk(2, "held", "openai", "") + desk(3, "never", "openai", "")}
	o.up.On("healthy", faultd.Script{faultd.Healthy(5)})
	o.up.On("held", halted("held"))
	o.up.On("never", halted("never"))
	o.open(t)
	var mu sync.Mutex
	seen := map[string]string{} // the gate, by the request's id
	note := func(id, gate string) {
		mu.Lock()
		defer mu.Unlock()
		seen[id] = gate
	}
	var wg sync.WaitGroup
	streams := func(gate string, n int) {
		for range n {
			resp := o.begin(t.Context(), "k", asked(gate, streaming))
			if resp == nil {
				continue
			}
			note(resp.Header.Get("X-Layer-Request-Id"), gate)
			reader := bufio.NewReader(resp.Body)
			for line := ""; !strings.Contains(line, faultd.Word(5)); {
				var err error
				if line, err = reader.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			wg.Go(func() {
				defer resp.Body.Close()
				for err := error(nil); err == nil; {
					_, err = reader.ReadString('\n')
				}
			})
		}
	}
	base := o.global
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				// One connection a request: a reload closes those that wait.
				if r := ask(t.Context(), o.s.Client(), o.s.URL, "k", asked("healthy")); r.id != "" {
					note(r.id, "healthy")
				}
			}
		})
	}
	for i, options := range []string{"", " {\nretention 60d\n}", " {\nretention 61d\n}", ""} {
		streams("held", 5)
		streams("never", 5)
		o.global = strings.TrimSuffix(base, "\n") + options + "\n"
		if i%2 == 1 {
			o.global += "limits memory\n"
		}
		if err := o.s.Reload(o.config()); err != nil {
			t.Fatal(err)
		}
	}
	streams("held", 5)
	streams("never", 5)
	stop()
	load.Wait()
	o.s.Signal(syscall.SIGTERM)
	o.up.Release("held")
	if code := o.s.Wait(2 * time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
	wg.Wait()
	logged := map[string]string{}
	for _, line := range o.s.Lines("request") {
		logged[line["request_id"].(string)] = line["outcome"].(string)
	}
	// Some requests were lost with a connection before their head had come.
	rows := o.rows(o.books(ledger.Config{Dir: o.data()}), len(logged))
	ends := map[string]int{}
	for id, row := range rows {
		if logged[id] != row.Outcome {
			t.Errorf("%s: the log says %q, the row %q", id, logged[id], row.Outcome)
		}
		ends[row.Gate+" "+row.Outcome]++
	}
	for id, gate := range seen {
		if row, ok := rows[id]; !ok || row.Gate != gate {
			t.Errorf("%s of %s has the row %+v", id, gate, row)
		}
	}
	if ends["held ok"] != 25 || ends["never truncated"] != 25 || ends["healthy ok"] < 100 {
		t.Errorf("ends %v", ends)
	}
	t.Logf("%d rows: %v", len(rows), ends)
}
