// Package bills holds golden bills: usage as each provider writes it, the price,
// and the amount that was worked out by hand.
package bills

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/cohere"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/google"
)

// bill is one line of testdata/bills.json.
type bill struct {
	Name, Provider, Model string
	At                    time.Time              // when the request was made
	Set                   []string               // the operator's price, in place of the list's
	Above                 int64                  // the tier of the prompt's size that holds
	Price                 map[string]cost.Amount // US dollars per million tokens; requests and searches per thousand
	Usage                 json.RawMessage        // as the provider wrote it
	Beside                map[string]any         // other members of its answer
	Candidate             map[string]any         // other members of Gemini's candidate
	Sum                   string                 // how the total comes about
	Want                  want
}

type want struct {
	Status      cost.Status
	Total       cost.Amount
	Input       cost.Amount
	CachedInput cost.Amount `json:"cached_input"`
	CacheWrite  cost.Amount `json:"cache_write"`
	Output      cost.Amount
}

// answer is a whole answer with the usage in it, and the dialect that reads it.
func (b *bill) answer(t *testing.T) (provider.Chat, []byte) {
	t.Helper()
	text := []any{map[string]any{"type": "text", "text": "hi"}}
	var chat provider.Chat
	var body map[string]any
	switch b.Provider {
	case "anthropic":
		chat = anthropic.New(anthropic.Options{})()
		body = map[string]any{"id": "m", "type": "message", "role": "assistant", "model": b.Model, "content": text, "stop_reason": "end_turn", "usage": b.Usage}
	case "google":
		chat = google.New()
		candidate := map[string]any{"content": map[string]any{"role": "model", "parts": []any{map[string]any{"text": "hi"}}}, "finishReason": "STOP"}
		for name, v := range b.Candidate {
			candidate[name] = v
		}
		body = map[string]any{"candidates": []any{candidate}, "usageMetadata": b.Usage}
	case "bedrock":
		chat = bedrock.New(bedrock.Options{Now: time.Now})()
		message := map[string]any{"role": "assistant", "content": []any{map[string]any{"text": "hi"}}}
		body = map[string]any{"output": map[string]any{"message": message}, "stopReason": "end_turn", "usage": b.Usage}
	case "cohere":
		chat = cohere.New()
		body = map[string]any{"id": "c", "finish_reason": "COMPLETE", "message": map[string]any{"role": "assistant", "content": text}, "usage": b.Usage}
	default:
		server := compat.Lookup(b.Provider)
		if server == nil && b.Provider != "openai" && b.Provider != "azure" {
			t.Fatalf("no server %q", b.Provider)
		}
		chat = compat.New(compat.Options{Strict: b.Provider == "openai", Server: server})()
		choice := map[string]any{"index": 0, "message": map[string]any{"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
		body = map[string]any{"id": "c", "object": "chat.completion", "created": 1, "model": b.Model, "choices": []any{choice}, "usage": b.Usage}
	}
	for name, v := range b.Beside {
		body[name] = v
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return chat, data
}

func (b *bill) price(t *testing.T) cost.Price {
	t.Helper()
	if b.Set == nil {
		p, _ := cost.Builtin().Price(b.Provider, b.Model, b.At)
		return p
	}
	set := append(b.Set, "", "")
	p, err := cost.ParsePrice(set[0], set[1], set[2], set[3])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkRow compares the price with the row that the sum was made with.
func (b *bill) checkRow(t *testing.T, p cost.Price) {
	t.Helper()
	rates := p.Rates
	for _, tier := range p.Tiers {
		if tier.Above == b.Above {
			rates = tier.Rates
		}
	}
	data, err := json.Marshal(rates)
	if err != nil {
		t.Fatal(err)
	}
	perToken := map[string]cost.Amount{}
	if err := json.Unmarshal(data, &perToken); err != nil {
		t.Fatal(err)
	}
	for kind, row := range b.Price {
		got := perToken[kind] * 1_000_000
		switch kind {
		case "requests":
			got = p.Request * 1000
		case "searches":
			got = p.Search * 1000
		}
		if got != row {
			t.Errorf("%s costs %s, not %s as in the sum", kind, got, row)
		}
	}
}

func TestBills(t *testing.T) {
	data, err := os.ReadFile("testdata/bills.json")
	if err != nil {
		t.Fatal(err)
	}
	var bills []bill
	if err := json.Unmarshal(data, &bills); err != nil {
		t.Fatal(err)
	}
	if len(bills) < 60 {
		t.Fatalf("only %d bills", len(bills))
	}
	for _, b := range bills {
		t.Run(b.Provider+": "+b.Name, func(t *testing.T) {
			chat, body := b.answer(t)
			if err := chat.Whole(body, openai.NewWhole()); err != nil {
				t.Fatal(err)
			}
			price := b.price(t)
			b.checkRow(t, price)
			got := price.Bill(chat.Usage())
			have := want{got.Status, got.Total, got.Input, got.CachedInput, got.CacheWrite, got.Output}
			if diff := cmp.Diff(b.Want, have); diff != "" {
				t.Errorf("%s\n%s", b.Sum, diff)
			}
			if got.PriceVersion != price.Version {
				t.Errorf("version %q", got.PriceVersion)
			}
		})
	}
}
