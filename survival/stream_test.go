package survival

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
)

// said is how many words a stream says before it fails.
const said = 20

// broken is what a client gets of a stream that failed behind its words.
func broken(code, outcome string, tries ...string) want {
	return want{status: 200, code: code, outcome: outcome, words: said, tries: tries}
}

// begun is a stream that has said its words, and what follows.
func begun(steps ...faultd.Step) scene {
	return plays(append(faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, said)}, steps...)...)
}

// heardAll waits until the client has heard what was said.
func heardAll(more ...faultd.Step) scene {
	return func(_ faultd.Dialect, model string) []faultd.Script {
		return []faultd.Script{slices.Concat(faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, said), faultd.Wait(fmt.Sprintf("%s-%d", model, said))}, more)}
	}
}

// cuts are streams that end before their end, and others that only seem to.
func cuts() []row {
	cut := broken("provider_error", "truncated", "failed 200")
	half := func(d faultd.Dialect, model string) []faultd.Script {
		e := d.Stream(model, said+1)
		next := e.Words[said]
		return []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Say(1, said), faultd.Bytes(next[:len(next)/2]), faultd.Close()}}
	}
	bare := plays(faultd.Head(200, "Content-Type: text/event-stream"), faultd.Open(), faultd.Say(1, said), faultd.Close())
	unmarked := []faultd.Dialect{faultd.OpenAI, faultd.Google, faultd.Cohere} // whose finish reason is the end
	silent := broken("provider_timeout", "timeout", "timeout 200")
	short := plays(faultd.Head(200, "Content-Type: text/event-stream", "Content-Length: 99999999"), faultd.Open(), faultd.Say(1, said), faultd.Close())
	return []row{
		{id: "D26", name: "FIN", plays: bare, only: "stream", final: true, last: cut},
		{id: "D26", name: "FIN in an event", plays: half, only: "stream", final: true, last: cut},
		{id: "D26", name: "end", plays: begun(faultd.End()), only: "stream", final: true, last: cut},
		{id: "D26", name: "FIN short of its length", plays: short, only: "stream", final: true, last: cut},
		{id: "D26", name: "nothing is tried again", plays: bare, only: "stream", retries: true, alone: true, last: cut},
		{id: "D27", name: "no last chunk", plays: begun(faultd.Close()), only: "stream", final: true, last: cut},
		{id: "D27", name: "RST", plays: heardAll(faultd.Reset()), only: "stream", final: true, last: cut},
		{id: "D27", name: "torn chunk", plays: heardAll(faultd.Raw("zz\r\n"), faultd.Close()), only: "stream", final: true, left: "maybe", last: cut},
		{id: "D27", name: "RST_STREAM", plays: heardAll(faultd.ResetStream(2)), at: "h2", reached: true, dialects: two, only: "stream", final: true, last: cut},
		{id: "D27", name: "RST of HTTP/2", plays: heardAll(faultd.Reset()), at: "h2", reached: true, dialects: two, only: "stream", final: true, last: cut},
		{id: "D27", name: "GOAWAY", plays: heardAll(faultd.GoAway(0), faultd.Say(said+1, 30), faultd.Rest(30), faultd.End()), at: "h2", reached: true,
			dialects: two, only: "stream", last: ok(30)},
		{id: "D28", name: "FIN", plays: begun(faultd.Finish(said), faultd.Usage(said), faultd.Close()), dialects: unmarked, only: "stream", last: ok(said)},
		{id: "D28", name: "end", plays: begun(faultd.Finish(said), faultd.Usage(said), faultd.End()), dialects: unmarked, only: "stream", last: ok(said)},
		{id: "D28", name: "no message_stop", plays: begun(faultd.Finish(said), faultd.End()), dialects: claude, only: "stream", final: true, last: cut},
		{id: "D28", name: "silence behind the end", plays: begun(faultd.Rest(said), faultd.Silence()), only: "stream", left: "yes",
			dialects: []faultd.Dialect{faultd.OpenAI, faultd.Anthropic, faultd.Cohere}, last: ok(said)},
		{id: "D28", name: "events behind the end", plays: begun(faultd.Rest(said), faultd.Text("event: more\ndata: {\"more\":1}\n\n", "data: more\n\n"), faultd.End()),
			dialects: []faultd.Dialect{faultd.OpenAI, faultd.Anthropic, faultd.Cohere}, only: "stream", last: ok(said)},
		{id: "D14", name: "silence in the stream", plays: begun(faultd.Silence()), only: "stream", gate: "timeout first_token 20s idle 1s", final: true,
			left: "yes", least: time.Second, last: silent},
		{id: "D14", name: "total", plays: begun(faultd.Repeat(1000, faultd.Text(": wait\n\n"), faultd.Sleep(100*time.Millisecond))), only: "stream",
			gate: "timeout first_token 20s idle 20s total 2s", final: true, left: "yes", least: 2 * time.Second, last: silent},
	}
}

// errorEvents are streams whose failure is an event.
func errorEvents() []row {
	claims := func(code string) faultd.Step {
		return faultd.Text(fmt.Sprintf("data: {\"error\":{\"message\":\"the upstream's own words\",\"type\":\"server_error\",\"code\":%q}}\n\n", code))
	}
	both := []faultd.Dialect{faultd.Anthropic, faultd.Google}
	plain := []faultd.Dialect{faultd.OpenAI, faultd.Cohere}
	overloaded := as(busy, "overloaded 200")
	return []row{
		{id: "D29", name: "overloaded", plays: begun(faultd.FailEvent(503), faultd.End()), dialects: both, only: "stream", final: true, left: "maybe",
			last: broken("provider_overloaded", "provider_error", "overloaded 200")},
		{id: "D29", name: "failed", plays: begun(faultd.FailEvent(503), faultd.End()), dialects: plain, only: "stream", final: true, left: "maybe",
			last: broken("provider_error", "provider_error", "failed 200")},
		{id: "D29", name: "and the end's mark", plays: begun(claims("overloaded"), faultd.Over(), faultd.End()), dialects: openAIs, only: "stream", final: true, left: "maybe",
			last: broken("provider_overloaded", "provider_error", "overloaded 200")},
		{id: "D30", name: "first", left: "maybe", plays: plays(faultd.SSE(), faultd.FailEvent(503), faultd.End()), dialects: both, last: overloaded},
		{id: "D30", name: "behind the role", left: "maybe", plays: plays(faultd.SSE(), faultd.Open(), faultd.FailEvent(503), faultd.End()), dialects: both, last: overloaded},
		{id: "D30", name: "failed", left: "maybe", plays: plays(faultd.SSE(), faultd.Open(), faultd.FailEvent(500), faultd.End()), dialects: plain, last: garbage},
		{id: "D30", name: "code", left: "maybe", plays: plays(faultd.SSE(), faultd.Open(), claims("overloaded"), faultd.End()), dialects: openAIs, last: overloaded},
		{id: "D30", name: "limit", left: "maybe", plays: plays(faultd.SSE(), faultd.FailEvent(429), faultd.End()), dialects: []faultd.Dialect{faultd.OpenAI, faultd.Anthropic, faultd.Google},
			last: as(limited, "rate_limited 200")},
		{id: "D30", name: "status in an event's data", left: "maybe", plays: plays(faultd.SSE(), claims("503"), faultd.End()), dialects: openAIs, last: overloaded},
		{id: "W23", name: "overloaded first", left: "maybe", plays: plays(faultd.SSE(), faultd.FailEvent(529), faultd.End()), dialects: claude, last: overloaded},
	}
}

// framings are streams that say the same in another form.
func framings() []row {
	const n = 12
	stream := faultd.Join(faultd.Open(), faultd.Say(1, n), faultd.Finish(n), faultd.Usage(n), faultd.Over())
	each := func(f func(event string) string) scene {
		return plays(faultd.SSE(), faultd.Map(func(b []byte) []byte {
			return []byte(f(strings.ReplaceAll(string(b), "\r\n", "\n")))
		}, faultd.Open(), faultd.Say(1, n), faultd.Finish(n), faultd.Usage(n), faultd.Over()), faultd.End())
	}
	var rows []row
	for _, line := range []struct{ name, end string }{{"LF", "\n"}, {"CRLF", "\r\n"}, {"CR", "\r"}} {
		rows = append(rows,
			row{id: "D31", name: line.name, plays: plays(faultd.SSE(), faultd.LineEnds(line.end, stream), faultd.End())},
			row{id: "D31", name: line.name + " byte by byte", plays: plays(faultd.SSE(), faultd.Split(1, faultd.LineEnds(line.end, stream)), faultd.End())})
	}
	rows = append(rows,
		row{id: "D33", name: "mark", plays: plays(faultd.SSE(), faultd.Text("\ufeff"), stream, faultd.End())},
		row{id: "D33", name: "comments and fields", plays: each(func(event string) string {
			return ": comment\n\n:\nid: 7\nretry: 10\nfoo: bar\nfoo\n" + event + "event: ping\n\nid\n\n"
		})},
		row{id: "D33", name: "comments put the idle time off", gate: "timeout first_token 20s idle 4s", least: 5 * time.Second,
			plays: plays(faultd.SSE(), faultd.Open(), faultd.Say(1, n), faultd.Repeat(50, faultd.Sleep(100*time.Millisecond), faultd.Text(": wait\n\n")),
				faultd.Finish(n), faultd.Usage(n), faultd.Over(), faultd.End())},
		row{id: "D35", name: "no space", plays: each(func(event string) string { return strings.ReplaceAll(event, ": {", ":{") })},
		row{id: "D35", name: "two lines", plays: each(func(event string) string { return strings.Replace(event, `,"`, ",\ndata:\"", 1) })},
		row{id: "D38", name: "gzip", plays: lockstep(n, "Content-Encoding: gzip")},
		row{id: "D38", name: "plain", plays: lockstep(n)},
	)
	for i := range rows {
		rows[i].only, rows[i].last = "stream", ok(n)
	}
	return rows
}

// lockstep says each word only when the client has heard the one before.
func lockstep(n int, encoding ...string) scene {
	return func(_ faultd.Dialect, model string) []faultd.Script {
		steps := faultd.Script{faultd.Open()}
		for i := 1; i <= n; i++ {
			steps = append(steps, faultd.Say(i, i), faultd.Wait(fmt.Sprintf("%s-%d", model, i)))
		}
		steps = append(steps, faultd.Finish(n), faultd.Usage(n), faultd.Over())
		if len(encoding) > 0 {
			steps = faultd.Script{faultd.Gzip(steps...)}
		}
		return []faultd.Script{slices.Concat(faultd.Script{faultd.SSE(encoding...)}, steps, faultd.Script{faultd.End()})}
	}
}

// contents are what events may have, and how large they may be.
func contents() []row {
	extras := fmt.Sprintf(`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","obfuscation":"aB3","novel":{"deep":[1]},`+
		`"choices":[{"index":0,"delta":{"role":"assistant","content":%q},"logprobs":{"content":[{"token":"w","logprob":-0.25,"bytes":[119],"top_logprobs":[]}]},"finish_reason":null}]}`,
		faultd.Word(1)) + "\n\n"
	large, larger := strings.Repeat("x", 10<<20), 17<<20
	tooLarge := failed(502, "event_too_large", "provider_error", "", "failed 200")
	half := []faultd.Dialect{faultd.OpenAI, faultd.Anthropic}
	return []row{
		{id: "D34", name: "fields", dialects: openAIs, only: "stream", extra: `,"stream_options":{"include_obfuscation":true}`, unasked: true,
			plays: plays(faultd.SSE(), faultd.Text(extras), faultd.Text(`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"obfuscation":"c"}`+"\n\n"),
				faultd.Usage(1), faultd.Over(), faultd.End()),
			last: ok(1), look: func(tr *trial) (wrong []string) {
				for _, field := range []string{`"obfuscation":"aB3"`, `"obfuscation":"c"`, `"novel":{"deep":[1]}`, `"logprob":-0.25`, `"service_tier":"default"`} {
					if !bytes.Contains(tr.seen.body, []byte(field)) {
						wrong = append(wrong, "lost "+field)
					}
				}
				return wrong
			}},
		{id: "D36", name: "10 MiB", plays: plays(faultd.SSE(), faultd.Open(), faultd.Large(len(large)), faultd.Rest(1), faultd.End()), dialects: half, only: "stream",
			last: want{status: 200, outcome: "ok", text: large, tokens: 1, tries: []string{"ok 200"}}},
		{id: "D36", name: "17 MiB", plays: plays(faultd.SSE(), faultd.Open(), faultd.Large(larger), faultd.Rest(1), faultd.End()), dialects: half, only: "stream",
			left: "maybe", last: tooLarge},
		{id: "D36", name: "17 MiB behind words", plays: begun(faultd.Large(larger), faultd.Rest(1), faultd.End()), dialects: half, only: "stream", final: true,
			left: "maybe", last: broken("event_too_large", "provider_error", "failed 200")},
		{id: "D37", name: "nobody asked", plays: plays(faultd.Healthy(9)), dialects: openAIs, only: "stream", unasked: true, last: ok(9)},
		{id: "D37", name: "asked", plays: plays(faultd.Healthy(9)), only: "stream", last: ok(9)},
	}
}
