package survival

import (
	"sync"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// waiting answers once the row says so.
func waiting(gate string) []faultd.Script {
	return []faultd.Script{{faultd.Wait(gate), faultd.Healthy(3)}}
}

// overloadRows are more requests at once than are allowed.
var overloadRows = []clientRow{
	{
		// Two run, two wait, and the fifth is told at once.
		id: "overload of the handler", scripts: waiting("overload-handler"),
		want: clientWant{ends: map[string]int{"ok": 4, "rejected": 1}, asked: 4},
		act: func(c *caller) badclient.Reply {
			return c.crowd(5, badclient.Client{Addr: c.busy}, frontKey, func() {
				if n := len(c.up.Entries(c.name)); n > 2 {
					c.problem("%d requests run at once", n)
				}
				_, err := c.up.Wait(2, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name })
				c.noProblem(err)
				c.up.Release("overload-handler")
			})
		},
	},
	{
		// One runs, and whoever waits for it is told in time that it takes too long.
		id: "overload of a key", scripts: waiting("overload-key"),
		want: clientWant{ends: map[string]int{"ok": 1, "rejected": 2}, asked: 1},
		act: func(c *caller) badclient.Reply {
			var once sync.Once
			var refused sync.WaitGroup
			refused.Add(2)
			go func() {
				refused.Wait()
				once.Do(func() { c.up.Release("overload-key") })
			}()
			return c.crowd(3, c.client(), narrowKey, refused.Done)
		},
	},
}

// crowd asks n times at once; each that is refused for the crowd calls refused.
func (c *caller) crowd(n int, client badclient.Client, key string, refused func()) badclient.Reply {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			r := c.saw(client.Do(badclient.Post(frontPath, key, c.body())))
			if r.Status == 503 {
				if fault := r.Fault(); fault == nil || fault.Code != "gateway_overloaded" || r.Header.Get("Retry-After") != "1" {
					c.problem("refused: %v %s", r.Header, r.Body)
				}
				refused()
			} else if err := faultd.CheckWords(r.Text(), 3); err != nil || r.Status != 200 {
				c.problem("status %d, %v: %s", r.Status, err, r.Body)
			}
		})
	}
	wg.Wait()
	return badclient.Reply{}
}
