package limit

import (
	"context"
	"testing"
	"time"
)

func BenchmarkMemoryAdmit(b *testing.B) {
	who, err := ForKey("1", "web", &Limits{
		Requests: []Rate{{Count: 1 << 40, Window: time.Minute}},
		Budgets:  []Budget{{Amount: 1_000_000 * dollar, Period: Monthly}},
	})
	if err != nil {
		b.Fatal(err)
	}
	m := NewMemory(Options{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		g, err := m.Admit(ctx, Ask{Subjects: []*Subject{who}, Tokens: 1000, Cost: dollar / 100})
		if err != nil {
			b.Fatal(err)
		}
		g.Settle(900, dollar/1000)
	}
}
