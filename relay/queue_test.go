package relay

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
)

// TestQueueLeft: over HTTP/1, who leaves while it waits gives its place up.
func TestQueueLeft(t *testing.T) {
	asked := make(chan struct{})
	r := setup(t, nil, nil, gateJSON(``))
	r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		close(asked)
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
	r.Concurrency = access.Concurrency{Slots: new(access.Slots), Limit: 1, Queue: 1, Wait: time.Hour}
	records, came := make(chan *Record, 2), make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		came <- struct{}{}
		rec := NewRecord(r.Now())
		r.Chat(w, req, &access.Key{Name: "k"}, rec)
		records <- rec
	}))
	defer server.Close()
	send := func() context.CancelFunc {
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(hi))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if resp, err := server.Client().Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		<-came
		return leave
	}
	leaveFirst := send()
	defer leaveFirst()
	<-asked
	leaveSecond := send()
	leaveSecond()
	select {
	case rec := <-records:
		if rec.Outcome != ClientGone || len(rec.Tries) != 0 {
			t.Errorf("%s after %d tries", rec.Outcome, len(rec.Tries))
		}
	case <-time.After(10 * time.Second):
		t.Error("the place is kept")
		r.Flights.Stop(t.Context())
	}
}
