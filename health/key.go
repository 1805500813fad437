package health

import "time"

// How long a key that was refused is left out, and one whose quota is spent.
// Both double up to the longest wait.
const (
	firstDeath = 30 * time.Second
	firstSpent = time.Minute
	longest    = 10 * time.Minute
)

// keyState is what is known of a key for all models.
type keyState struct {
	turn  uint64 // when it was last given out
	spent cooldown
	last  Verdict // the newest of Spent and Refused

	dead  bool
	since time.Time     // when it died
	due   time.Time     // when the next probe may be made
	wait  time.Duration // from one probe to the next
	probe *Lease        // the attempt that probes it just now
}

// ended takes in how an attempt with the key ended.
func (k *keyState) ended(l *Lease, r Result, now time.Time) {
	probe := k.probe == l
	if probe {
		k.probe = nil
		if r.Verdict != Neutral {
			k.due = now.Add(k.wait)
		}
	}
	switch r.Verdict {
	case Good:
		k.spent.passed(l.start)
		// What began while the key was still good says nothing of it now.
		if k.dead && !l.start.Before(k.since) {
			k.dead, k.probe = false, nil
		}
	case Spent:
		k.last = Spent
		k.spent.begin(now, l.start, 0, firstSpent, longest)
	case Refused:
		k.last = Refused
		switch {
		case !k.dead:
			k.dead, k.since, k.wait = true, now, firstDeath
			k.due = now.Add(k.wait)
		case probe:
			k.wait = min(2*k.wait, longest)
			k.due = now.Add(k.wait)
		}
	}
}

// death is when the key may be tried again; false if it may be now, as what it
// is or as a probe.
func (k *keyState) death(now time.Time) (time.Time, bool) {
	switch {
	case !k.dead:
		return time.Time{}, false
	case k.probe != nil:
		return now.Add(probeTime), true
	}
	return k.due, now.Before(k.due)
}

// probeTime is what a probe that is under way is guessed to take yet.
const probeTime = time.Second
