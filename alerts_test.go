package layergateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
)

// TestAlertsKeepNobodyWaiting: whoever has spent the money does not wait for what handles the event, and neither does the
// webhook.
func TestAlertsKeepNobodyWaiting(t *testing.T) {
	budget := limit.Budget{Amount: 100, Period: limit.Total}
	who, err := limit.ForKey("1", "web", &limit.Limits{Budgets: []limit.Budget{budget}})
	if err != nil {
		t.Fatal(err)
	}
	posted := make(chan struct{}, 2)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted <- struct{}{} }))
	defer hook.Close()
	hold := make(chan struct{})
	var emitted []string
	a := &alerts{log: zap.NewNop(), webhook: hook.URL, queue: make(chan alertMessage, maxAlerts), emit: func(m alertMessage) {
		<-hold
		emitted = append(emitted, fmt.Sprint(m.Percent, " ", m.Spent))
	}}
	a.start()
	for _, percent := range []int{80, 100} {
		a.tell(limit.Alert{Subject: who, Budget: &budget, Percent: percent, Spent: cost.Amount(percent)})
	}
	<-posted // the first one, while its event is being handled
	close(hold)
	<-posted
	a.stop()
	a.senders.Wait()
	if fmt.Sprint(emitted) != "[80 0.00000000008 100 0.0000000001]" {
		t.Errorf("events %q", emitted)
	}
	a.tell(limit.Alert{Subject: who, Budget: &budget, Percent: 100, Spent: 100}) // goes to the log alone
}

// TestAlertsAreBounded: of alerts that nobody takes, only so many wait.
func TestAlertsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := limit.Budget{Amount: 100, Period: limit.Total}
		hold, n := make(chan struct{}), 0
		a := &alerts{log: zap.NewNop(), queue: make(chan alertMessage, maxAlerts), emit: func(alertMessage) { <-hold; n++ }}
		a.start()
		for range 2 * maxAlerts {
			a.tell(limit.Alert{Subject: new(limit.Subject), Budget: &budget})
		}
		close(hold)
		a.stop()
		a.senders.Wait()
		if n < maxAlerts || n > maxAlerts+1 {
			t.Errorf("%d events", n)
		}
	})
}
