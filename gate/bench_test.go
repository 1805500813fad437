package gate

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const manyGates = 100_000

// manyFile holds a hundred thousand gates of usual size, some 50 MB.
func manyFile(b *testing.B) file {
	var text strings.Builder
	text.WriteString(`{"gates":[`)
	for n := range manyGates {
		if n > 0 {
			text.WriteString(",\n")
		}
		fmt.Fprintf(&text, `{"id":%q,"name":"gate-%d","description":"of customer %d","tags":["a","b"],"taskType":"chat",
"model":"openai/gpt-4o","fallbackModels":["anthropic/claude-sonnet-4-5",{"model":"google/gemini-2.5-flash","weight":2}],
"routingStrategy":"round-robin","systemPrompt":"You are a helpful assistant of customer %d. Answer briefly.",
"temperature":0.7,"maxTokens":1024,"allowOverrides":{"temperature":true,"maxTokens":true},"costWeight":0.33}`, numbered(n), n, n, n)
	}
	text.WriteString("]}")
	f := newFile(b)
	f.write(text.String())
	return f
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkNewTable reads, checks and indexes a hundred thousand gates.
func BenchmarkNewTable(b *testing.B) {
	f := manyFile(b)
	before := heap()
	b.ReportAllocs()
	for b.Loop() {
		table, err := NewTable(Options{Files: []string{f.path}, Resolve: split})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(heap()-before, "heap-MB")
		table.Close()
		b.StartTimer()
	}
}

// BenchmarkLookup finds gates of a hundred thousand.
func BenchmarkLookup(b *testing.B) {
	table := manyFile(b).table(b, Options{})
	const hot = 1024
	var names, ids, nobody [hot]string
	for i := range hot {
		names[i], ids[i], nobody[i] = fmt.Sprintf("gate-%d", i*97), numbered(i*97), fmt.Sprintf("nobody-%d", i)
	}
	run := func(refs *[hot]string) func(b *testing.B) {
		return func(b *testing.B) {
			for _, ref := range refs {
				table.Lookup(ref)
			}
			table.cache.entries.Wait()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				table.Lookup(refs[i%hot])
			}
		}
	}
	b.Run("hit/name", run(&names))
	b.Run("hit/id", run(&ids))
	b.Run("hit/nobody", run(&nobody))
	b.Run("hit/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for i := 0; p.Next(); i++ {
				table.Lookup(ids[i%hot])
			}
		})
	})
	// Each gate in turn: what is found in the cache is by chance.
	b.Run("any", func(b *testing.B) {
		refs := sync.OnceValue(func() []string {
			all := make([]string, manyGates)
			for i := range all {
				all[i] = numbered(i)
			}
			return all
		})()
		before := heap()
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			table.Lookup(refs[i%manyGates])
			i++
		}
		b.ReportMetric(heap()-before, "heap-MB")
	})
}

func BenchmarkOrder(b *testing.B) {
	targets := []Target{{"p", "a", 5}, {"p", "b", 1}, {"p", "c", 1}}
	k := &known{latencies: map[string]time.Duration{"a": 2, "b": 1}, asked: map[string]int{}}
	for name, g := range map[string]*Gate{
		"single": {Strategy: Single, Targets: targets}, "round-robin": roundRobin(5, 1, 1),
		"weighted": {Strategy: Weighted, Targets: targets}, "lowest-latency": latency(targets),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Order(k)
			}
		})
	}
}
