package dashboard

import (
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/health"
)

// A key that was refused and may be tried again is not shown as well.
func TestDueKey(t *testing.T) {
	s := newSite(t)
	s.o.Providers = func() []Provider {
		return []Provider{{Name: "anthropic", Type: "anthropic", Keys: 1, Health: []health.State{
			{Label: "aaaaaaaa", Reason: health.Dead, Until: noon.Add(-time.Minute), Last: health.Refused},
		}}}
	}
	html := s.page(t, "/providers")
	wantAll(t, html, "no usable key", "key refused", "again with the next request")
	if strings.Contains(html, "again 1 min ago") {
		t.Error("it is due in the past")
	}
}
