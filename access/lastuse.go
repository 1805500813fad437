package access

import (
	"sync/atomic"
	"time"
)

// LastUse is when somebody last came with a key, to a minute. It is safe for
// concurrent use; the zero value is never.
type LastUse struct{ minute atomic.Int64 }

// Time is the beginning of that minute, or zero.
func (u *LastUse) Time() time.Time {
	minute := u.minute.Load()
	if minute == 0 {
		return time.Time{}
	}
	return time.Unix(60*minute, 0).UTC()
}

// note writes only once a minute, so that requests on many processors do not
// wait for each other's.
func (u *LastUse) note(now time.Time) {
	if u == nil {
		return
	}
	if minute := now.Unix() / 60; u.minute.Load() < minute {
		u.minute.Store(minute)
	}
}
