package health

import (
	"fmt"
	"time"
)

// Verdict is what the end of an attempt says of the key and model that it was
// made with.
type Verdict int

// The verdicts.
const (
	Neutral Verdict = iota // nothing: the client went away, the request or its model's name was wrong, a hedge was lost
	Good                   // a whole answer
	Bad                    // 5xx, reset, garbage, timeout: counts against the breaker
	Limited                // 429 or overload: the key cools down for this model
	Spent                  // the quota is gone: the key cools down for all models
	Refused                // 401, 402, 403: the key is dead
)

var verdictNames = [...]string{Neutral: "", Good: "good", Bad: "failed", Limited: "limited", Spent: "quota_spent", Refused: "refused"}

// String is the verdict as pages and metrics call it; Neutral is empty.
func (v Verdict) String() string { return verdictNames[v] }

// Result is how an attempt ended.
type Result struct {
	Verdict Verdict
	// Wait is what the provider asked for with Limited; 0 stands for a second,
	// which doubles while it goes on. It is capped at a minute.
	Wait time.Duration
	// FirstToken is the time from the attempt's start to the first content, or to
	// the whole answer where it was not streamed; 0 if none came.
	FirstToken time.Duration
	Stream     bool
	// Headroom is what the answer's headers said of the provider's own limits, Told
	// when they came.
	Headroom []Headroom
	Told     time.Time
}

// Reason is why a key is not given out.
type Reason int

// The reasons.
const (
	Usable  Reason = iota // there is none
	Cooling               // the provider asked to wait, or the quota is spent
	Tripped               // the breaker is open, or its one probe is under way
	Dead                  // the provider refused the key
	Tried                 // the request has used the key already
)

var reasonNames = [...]string{Usable: "ok", Cooling: "cooling", Tripped: "tripped", Dead: "dead", Tried: "tried"}

// String is the reason as pages and metrics call it.
func (r Reason) String() string { return reasonNames[r] }

var reasonTexts = [...]string{
	Usable: "no key is configured", Cooling: "all keys cool down, as the provider asked", Tripped: "the provider has failed too often",
	Dead: "the provider refuses all keys: its operator must mend them", Tried: "all keys have been tried",
}

// Unavailable is the error where no key can be given out.
type Unavailable struct {
	// Reason is that of the key which is due soonest among those that the request
	// has not tried; Tried if there are no others, Usable if there are no keys.
	Reason Reason
	// Demanded is whether the provider itself has named the time until then: Insist
	// does not give such a key either.
	Demanded bool
	// Until is the soonest moment at which one of the keys may be usable again;
	// zero if there are no keys.
	Until time.Time
}

func (e *Unavailable) Error() string {
	if e.Until.IsZero() {
		return reasonTexts[e.Reason]
	}
	return fmt.Sprintf("%s: until %s", reasonTexts[e.Reason], e.Until.UTC().Format(time.RFC3339))
}
