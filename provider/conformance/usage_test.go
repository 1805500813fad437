package conformance

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
)

// Whatever counts a provider gives, nobody is paid for having asked.
func TestUsageNeverNegative(t *testing.T) {
	price, err := cost.ParsePrice("3", "15", "0.3", "3.75")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				count := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-5, 5))
				s := said{text: "x", finish: "stop", input: count.Draw(r, "input"), cached: count.Draw(r, "cached"),
					output: count.Draw(r, "output"), reasoning: count.Draw(r, "reasoning")}
				chat := d.chat()
				if err := chat.Whole(d.whole(s), openai.NewWhole()); err != nil {
					r.Fatal(err)
				}
				u := chat.Usage()
				for _, n := range []cost.Tokens{u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning, u.BilledInput, u.BilledOutput} {
					if n.N() < 0 {
						r.Errorf("usage is %+v", u)
					}
				}
				b := price.Bill(u)
				for _, a := range []cost.Amount{b.Total, b.Input, b.CachedInput, b.CacheWrite, b.Output} {
					if a < 0 {
						r.Errorf("the bill is %+v", b)
					}
				}
			})
		})
	}
}
