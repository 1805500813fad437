package layergateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access/limit"
)

// alertEvent is the name of Caddy's event for a crossed threshold.
const alertEvent = "layer_gateway_budget"

// alerts tell operators of budgets that are used up, or nearly: in the log, as an event of Caddy's, and to a
// webhook.
type alerts struct {
	log     *zap.Logger
	emit    func(alertMessage) // as an event, whose handlers may take their time
	webhook string             // "" is none

	mu      sync.Mutex
	queue   chan alertMessage // nil: no more
	senders sync.WaitGroup
}

// alertMessage is what a webhook gets.
type alertMessage struct {
	Event   string      `json:"event"`
	Subject string      `json:"subject"` // such as: key "web"
	KeyID   string      `json:"key_id,omitempty"`
	GateID  string      `json:"gate_id,omitempty"`
	Percent int         `json:"percent"`
	Spent   json.Number `json:"spent_usd"`
	Budget  json.Number `json:"budget_usd"`
	Period  string      `json:"period"`
	Start   string      `json:"period_start,omitempty"`
	End     string      `json:"period_end,omitempty"`
}

func (a *alerts) provision(ctx caddy.Context, webhook string, log *zap.Logger) error {
	a.log, a.queue = log, make(chan alertMessage, maxAlerts)
	app, err := ctx.App("events")
	if err != nil {
		return err
	}
	events := app.(*caddyevents.App)
	a.emit = func(m alertMessage) {
		events.Emit(ctx, alertEvent, map[string]any{
			"subject": m.Subject, "key_id": m.KeyID, "gate_id": m.GateID, "percent": m.Percent,
			"spent_usd": string(m.Spent), "budget_usd": string(m.Budget), "period": m.Period,
		})
	}
	if webhook == "" {
		return nil
	}
	address, ok, err := resolve(webhook)
	if err != nil || !ok {
		return fmt.Errorf("alert_webhook: %s is empty", shown(webhook))
	}
	if err := checkWebhook(address); err != nil {
		return err
	}
	a.webhook = address
	return nil
}

func checkWebhook(address string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("alert_webhook must be an http or https address")
	}
	return nil
}

// Bounds of the webhook: messages that wait, tries of each, and the first pause between those.
const (
	maxAlerts    = 256
	alertTries   = 5
	alertPause   = time.Second
	alertTimeout = 10 * time.Second
)

// start begins to send. What is slow keeps nobody waiting: not the request whose
// spending it tells of, nor the events for a webhook.
func (a *alerts) start() {
	queue, posts := a.queue, make(chan alertMessage, maxAlerts)
	a.senders.Go(func() {
		defer close(posts)
		for m := range queue {
			if a.webhook != "" {
				a.put(posts, m)
			}
			a.emit(m)
		}
	})
	a.senders.Go(func() {
		for m := range posts {
			a.deliver(m)
		}
	})
}

// put adds to a queue, if that has room.
func (a *alerts) put(queue chan<- alertMessage, m alertMessage) {
	select {
	case queue <- m:
	default:
		a.log.Error("too many alerts wait to be sent: this one is not", zap.String("subject", m.Subject))
	}
}

// stop ends the sending once what waits has been sent, or given up. Nobody waits
// for that but the end of the process, for a moment.
func (a *alerts) stop() {
	a.mu.Lock()
	if a.queue != nil {
		close(a.queue)
		a.queue = nil
	}
	a.mu.Unlock()
	if caddy.Exiting() {
		sent := make(chan struct{})
		go func() {
			a.senders.Wait()
			close(sent)
		}()
		select {
		case <-sent:
		case <-time.After(lastWords):
		}
	}
}

// tell passes an alert on. It does not block.
func (a *alerts) tell(alert limit.Alert) {
	m := alertMessage{
		Event: alertEvent, Subject: alert.Subject.Name, KeyID: alert.Subject.KeyID, GateID: alert.Subject.GateID,
		Percent: alert.Percent, Spent: json.Number(alert.Spent.String()), Budget: json.Number(alert.Budget.Amount.String()),
		Period: string(alert.Budget.Period),
	}
	if !alert.End.IsZero() {
		m.Start, m.End = alert.Start.Format(time.RFC3339), alert.End.Format(time.RFC3339)
	}
	a.log.Warn("a budget has reached a threshold", zap.String("subject", m.Subject), zap.Int("percent", m.Percent),
		zap.String("spent_usd", string(m.Spent)), zap.String("budget_usd", string(m.Budget)), zap.String("period", m.Period))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue != nil {
		a.put(a.queue, m)
	}
}

// deliver sends one alert, again after a pause if it fails.
func (a *alerts) deliver(m alertMessage) {
	body, err := json.Marshal(m)
	for try := 1; err == nil; try++ {
		failed := a.post(body)
		if failed == nil {
			return
		}
		if try == alertTries {
			a.log.Error("the alert webhook does not take an alert: it is given up", zap.String("subject", m.Subject), zap.Error(failed))
			return
		}
		time.Sleep(alertPause << (2 * (try - 1)))
	}
}

func (a *alerts) post(body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), alertTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.webhook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}

// withoutURL leaves the address out of an error: it may have a secret in it.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // it is what Do returns
		return e.Err
	}
	return err
}
