package survival

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// tally counts what clients of one kind got.
type tally struct {
	mu       sync.Mutex
	good     int
	failures []string // before the first byte of an answer
	wrong    []string // cut, refused or changed answers
}

func (c *tally) add(err error, changed string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, errCut):
		c.wrong = append(c.wrong, err.Error())
	case err != nil:
		c.failures = append(c.failures, err.Error())
	case changed != "":
		c.wrong = append(c.wrong, "changed: "+changed)
	default:
		c.good++
	}
}

// String is the tally in short, with what the failures were, without addresses.
func (c *tally) String() string {
	causes := make(map[string]int)
	for _, f := range c.failures {
		what, _, _ := strings.Cut(f, ":")
		causes[what+":"+f[strings.LastIndexByte(f, ':')+1:]]++
	}
	return fmt.Sprintf("%d good, %d failed before the first byte %v, %d wrong", c.good, len(c.failures), causes, len(c.wrong))
}

// tooMany says that a is more than b by more than chance explains: one moment can take many connections at once.
func tooMany(a, b int) bool { return a > 2*b && a-b > 20 }
