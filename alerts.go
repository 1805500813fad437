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
	ctx     caddy.Context
	events  *caddyevents.App
	webhook string // "" is none

	mu     sync.Mutex
	queue  chan alertMessage // nil: no webhook, or no more
	sender sync.WaitGroup
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
	a.log, a.ctx = log, ctx
	app, err := ctx.App("events")
	if err != nil {
		return err
	}
	a.events = app.(*caddyevents.App)
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
	a.webhook, a.queue = address, make(chan alertMessage, maxAlerts)
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

// start begins to send.
func (a *alerts) start() {
	if queue := a.queue; queue != nil {
		a.sender.Go(func() {
			for m := range queue {
				a.deliver(m)
			}
		})
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
			a.sender.Wait()
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
	a.events.Emit(a.ctx, alertEvent, map[string]any{
		"subject": m.Subject, "key_id": m.KeyID, "gate_id": m.GateID, "percent": m.Percent,
		"spent_usd": string(m.Spent), "budget_usd": string(m.Budget), "period": m.Period,
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue == nil {
		return
	}
	select {
	case a.queue <- m:
	default:
		a.log.Error("too many alerts wait for the webhook: this one is not sent", zap.String("subject", m.Subject))
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
