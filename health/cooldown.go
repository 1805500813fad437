package health

import "time"

// cooldown is a wait that grows while its cause goes on.
type cooldown struct {
	until time.Time
	asked bool          // the provider named it
	wait  time.Duration // what the last one was, where the provider named none
}

// begin cools down after an attempt that was begun at start failed: for asked,
// or else for a time from first on, doubling up to most.
func (c *cooldown) begin(now, start time.Time, asked, first, most time.Duration) {
	if asked > 0 {
		// The newest word of the provider counts, even if it is the shorter one.
		c.until, c.asked = now.Add(min(asked, most)), true
		return
	}
	switch {
	case now.Sub(c.until) > most: // long past: this is another cause
		c.wait = first
	case !start.Before(c.until): // it goes on
		c.wait = min(max(2*c.wait, first), most)
	default: // attempts side by side are one cause
		c.wait = max(c.wait, first)
	}
	if until := now.Add(c.wait); until.After(c.until) {
		c.until, c.asked = until, false
	}
}

// demanded reports whether it lasts and the provider has named it, so that to ask
// again before its end would be to no avail.
func (c *cooldown) demanded(now time.Time) bool { return c.asked && now.Before(c.until) }

// passed ends the growth after an attempt that was begun at start succeeded.
func (c *cooldown) passed(start time.Time) {
	if !start.Before(c.until) {
		c.wait = 0
	}
}
