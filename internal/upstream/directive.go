package upstream

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// orders is what the directives of one prompt ask for, of one provider.
type orders struct {
	tag        string
	status     int
	code       string
	retryAfter string
	html       bool
	times      int
	hang       bool
	delay      time.Duration
	slow       time.Duration
	chunks     int
	stall      int // -1: never; the same for cut and errorEvent
	cut        int
	errorEvent int
	calls      int
	rounds     int
	preface    bool
	redacted   bool
	omitted    bool
	cached     int
	cacheWrite int
	finish     string
}

// strikes reports whether the orders hold a fault that times can limit.
func (o *orders) strikes() bool {
	return o.status != 0 || o.hang || o.stall >= 0 || o.cut >= 0 || o.errorEvent >= 0
}

// spare takes the faults out: what is left answers as if none had been ordered.
func (o *orders) spare() {
	o.status, o.hang, o.stall, o.cut, o.errorEvent = 0, false, -1, -1, -1
}

var block = regexp.MustCompile(`\[\[([a-z0-9=.,:_ A-Z-]+)\]\]`)

// parseOrders reads the directives of a prompt that hold for the named provider, and returns the prompt
// without any.
func parseOrders(prompt, provider string) (orders, string, error) {
	o := orders{times: -1, stall: -1, cut: -1, errorEvent: -1, calls: 1, rounds: 1}
	for _, m := range block.FindAllStringSubmatch(prompt, -1) {
		words := strings.Split(m[1], ",")
		if on, ok := strings.CutPrefix(words[0], "on="); ok {
			if on != provider {
				continue
			}
			words = words[1:]
		}
		for _, w := range words {
			key, value, _ := strings.Cut(strings.TrimSpace(w), "=")
			if err := o.set(key, value); err != nil {
				return o, "", err
			}
		}
	}
	plain := strings.Join(strings.Fields(block.ReplaceAllString(prompt, "")), " ")
	return o, plain, nil
}

func (o *orders) set(key, value string) error {
	numbers := map[string]*int{
		"status": &o.status, "times": &o.times, "chunks": &o.chunks, "stall": &o.stall, "cut": &o.cut,
		"error-event": &o.errorEvent, "calls": &o.calls, "rounds": &o.rounds,
		"cached": &o.cached, "cache-write": &o.cacheWrite,
	}
	texts := map[string]*string{"tag": &o.tag, "code": &o.code, "retry-after": &o.retryAfter, "finish": &o.finish}
	flags := map[string]*bool{
		"html": &o.html, "hang": &o.hang, "preface": &o.preface, "redacted": &o.redacted, "omitted": &o.omitted,
	}
	waits := map[string]*time.Duration{"delay": &o.delay, "slow": &o.slow}
	if p, ok := texts[key]; ok && value != "" {
		*p = value
		return nil
	}
	if p, ok := flags[key]; ok && value == "" {
		*p = true
		return nil
	}
	n := 0
	if value != "" || (key != "stall" && key != "error-event" && key != "cut") {
		var err error
		if n, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("unknown directive %q", key+"="+value)
		}
	}
	if p, ok := numbers[key]; ok {
		*p = n
		return nil
	}
	if p, ok := waits[key]; ok {
		*p = time.Duration(n) * time.Millisecond
		return nil
	}
	return fmt.Errorf("unknown directive %q", key+"="+value)
}
