package access

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// who is the key that a text leads to, or the status of the refusal.
func who(t *testing.T, s *Keys, text string) (*Key, int) {
	t.Helper()
	k, err := s.Authenticate(http.Header{"Authorization": {"Bearer " + text}})
	if err == nil {
		return k, http.StatusOK
	}
	refusal, ok := errors.AsType[*openai.Error](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	return nil, refusal.Status
}

func TestStoredKeys(t *testing.T) {
	now := time.Date(2027, 1, 1, 10, 20, 30, 0, time.UTC)
	configured := &Key{Name: "configured", Hash: HashOf("c")}
	s, err := NewKeys([]*Key{configured}, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	status := func(text string, want int) {
		t.Helper()
		if _, got := who(t, s, text); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	status("a", 401)
	s.AwaitStored()
	status("a", 503)
	status("c", 200)
	var used, unused LastUse
	s.SetStored([]*Key{
		{Name: "a", Hash: HashOf("a"), Stored: "id-a", LastUse: &used},
		{Name: "a", Hash: HashOf("a before"), Stored: "id-a", Expires: now.Add(time.Second), LastUse: &used},
		{Name: "expired", Hash: HashOf("e"), Expires: now, LastUse: &unused},
		{Name: "revoked", Hash: HashOf("r"), Revoked: true, LastUse: &unused},
		{Name: "double", Hash: HashOf("c")},
	})
	if !used.Time().IsZero() {
		t.Error("it was used before it was")
	}
	k, _ := who(t, s, "a")
	before, _ := who(t, s, "a before")
	if k == nil || before == nil || k.ID() != "id-a" || before.ID() != "id-a" {
		t.Errorf("a is %+v, before %+v", k, before)
	}
	status("e", 401)
	status("r", 401)
	status("b", 401)
	if k, _ := who(t, s, "c"); k != configured {
		t.Errorf("the configuration's key is %+v", k)
	}
	if want := time.Date(2027, 1, 1, 10, 20, 0, 0, time.UTC); !used.Time().Equal(want) || !unused.Time().IsZero() {
		t.Errorf("used at %v and %v", used.Time(), unused.Time())
	}
	now = now.Add(time.Second)
	status("a before", 401)
	status("a", 200)
	s.SetStored(nil)
	status("a", 401)
	status("c", 200)
}

// With keys in the store a wrong one is no longer anybody's.
func TestStoredBesideAnonymous(t *testing.T) {
	s, err := NewKeys(nil, &Key{Name: "anonymous"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		keys []*Key
		want int
	}{{nil, 200}, {[]*Key{{Hash: HashOf("a"), Revoked: true}}, 401}} {
		s.SetStored(test.keys)
		if _, got := who(t, s, "wrong"); got != test.want {
			t.Errorf("with %d keys: %d, want %d", len(test.keys), got, test.want)
		}
	}
}

// Readers find a key that stays, whatever else is swapped.
func TestStoredSwap(t *testing.T) {
	s, err := NewKeys(nil, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var use LastUse
	keys := []*Key{{Hash: HashOf("a"), LastUse: &use}, {Hash: HashOf("b"), LastUse: &use}}
	s.SetStored(keys)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 500 {
				if _, status := who(t, s, "a"); status != 200 {
					t.Error(status)
				}
			}
		})
	}
	for i := range 500 {
		s.SetStored(keys[:1+i%2])
	}
	group.Wait()
}
