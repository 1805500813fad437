package command

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// patience is how long nobody wonders whether something will come.
const patience = 2 * time.Second

// showWaiting says in a terminal how long nothing has come, each second, until stop is called: then the line is empty
// again. Stop may be called more than once.
func showWaiting(terminal io.Writer) (stop func()) {
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for waited := time.Second; ; waited += time.Second {
			select {
			case <-tick.C:
			case <-enough:
				if waited > patience {
					_, _ = fmt.Fprint(terminal, "\r\x1b[K") // a terminal that is gone needs none
				}
				return
			}
			if waited >= patience {
				_, _ = fmt.Fprintf(terminal, "\r\x1b[2mno answer yet, after %.0f s\x1b[0m\x1b[K", waited.Seconds())
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(enough)
		<-ended
	})
}
