package survival

import (
	"fmt"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
)

// failed is what a client gets where no target is left.
func failed(status int, code, outcome, after string, tries ...string) want {
	return want{status: status, code: code, outcome: outcome, after: after, tries: tries}
}

// ok is an answer of n words from the first target.
func ok(n int, tries ...string) want {
	return want{status: 200, outcome: "ok", words: n, tries: append(tries, "ok 200")}
}

var (
	claude  = []faultd.Dialect{faultd.Anthropic}
	openAIs = []faultd.Dialect{faultd.OpenAI}
	gemini  = []faultd.Dialect{faultd.Google}
	cohere  = []faultd.Dialect{faultd.Cohere}
	busiest = []faultd.Dialect{faultd.OpenAI, faultd.Anthropic, faultd.Cohere} // Google has no such status
	two     = []faultd.Dialect{faultd.OpenAI, faultd.Google}

	limited = failed(429, "provider_rate_limited", "provider_error", "", "rate_limited 429")
	spent   = want{status: 429, code: "insufficient_quota", outcome: "provider_error", noRetry: true, tries: []string{"quota_spent 429"}}
	busy    = failed(503, "provider_overloaded", "provider_error", "1", "overloaded 503")
	down    = failed(502, "provider_error", "provider_error", "", "failed")
	garbage = failed(502, "provider_error", "provider_error", "", "failed 200")
	tooLong = failed(400, "context_length_exceeded", "rejected", "", "invalid 400")
	overdue = failed(504, "provider_timeout", "timeout", "", "timeout")
)

// after is a failure with another wait.
func after(w want, wait string) want {
	w.after = wait
	return w
}

// as is a failure whose attempts ended in another way.
func as(w want, tries ...string) want {
	w.tries = tries
	return w
}

// statuses are the answers that say what is wrong by their status.
func statuses() []row {
	rows := []row{
		{id: "D01", name: "wait", plays: plays(faultd.Fail(429, "Retry-After: 2")), last: after(limited, "2")},
		{id: "D01", name: "wait is no failure to try again", plays: plays(faultd.Fail(429, "Retry-After: 2")), retries: true, last: after(limited, "2")},
		{id: "D02", name: "no wait", plays: plays(faultd.Fail(429)), last: limited},
		{id: "D04", name: "quota", plays: plays(faultd.FailCode(429, "insufficient_quota")), dialects: openAIs, last: spent},
		{id: "D04", name: "credit", plays: refuses(400, "Your credit balance is too low to access the Anthropic API."), dialects: claude, last: as(spent, "quota_spent 400")},
		{id: "D04", name: "billing", plays: plays(faultd.Fail(402)), dialects: claude, last: as(spent, "quota_spent 402")},
		{id: "D04", name: "month", plays: refuses(429, "You are past the limit of 1000 API calls / month."), dialects: cohere, last: spent},
		{id: "D05", name: "overloaded", plays: plays(faultd.Fail(529)), dialects: busiest, last: as(busy, "overloaded 529")},
		{id: "D05", name: "overloaded and a wait", plays: plays(faultd.Fail(529, "Retry-After: 3")), dialects: busiest, last: after(as(busy, "overloaded 529"), "3")},
		{id: "D06", name: "page", plays: plays(faultd.Page(500, 200<<10)), last: as(down, "failed 500")},
		{id: "D07", name: "500", plays: plays(faultd.Fail(500)), last: as(down, "failed 500")},
		{id: "D07", name: "502", plays: plays(faultd.Fail(502)), last: as(down, "failed 502")},
		{id: "D07", name: "503", plays: plays(faultd.Fail(503)), last: busy},
		{id: "D07", name: "504", plays: plays(faultd.Fail(504)), last: as(overdue, "timeout 504")},
		{id: "D08", name: "code", plays: plays(faultd.FailCode(400, "context_length_exceeded")), dialects: openAIs, final: true, last: tooLong},
		{id: "D08", name: "prompt", plays: refuses(400, "prompt is too long: 9 tokens > 8 maximum"), dialects: claude, final: true, last: tooLong},
		{id: "D08", name: "count", plays: refuses(400, "The input token count (9) exceeds the maximum number of tokens allowed (8)."), dialects: gemini, final: true, last: tooLong},
		{id: "D08", name: "tokens", plays: refuses(400, "too many tokens: size limit exceeded by 1 tokens."), dialects: cohere, final: true, last: tooLong},
		{id: "D08", name: "413", plays: plays(faultd.Fail(413)), dialects: openAIs, final: true, last: failed(413, "provider_error", "rejected", "", "invalid 413")},
		{id: "D08", name: "422", plays: plays(faultd.Fail(422)), dialects: cohere, final: true, last: failed(422, "provider_error", "rejected", "", "invalid 422")},
		{id: "D10", name: "model", plays: plays(faultd.Fail(404)), last: failed(502, "provider_model_not_found", "provider_error", "", "model_not_found 404")},
		{id: "W35", name: "all fail", plays: plays(faultd.Fail(500)), last: as(down, "failed 500"),
			second: faultd.Script{faultd.Fail(503)}, both: spared(as(busy, "failed 500", "overloaded 503"))},
		{id: "W35", name: "a limit passes first", plays: plays(faultd.Fail(429, "Retry-After: 4")), last: after(limited, "4"),
			second: faultd.Script{faultd.Fail(500)}, both: spared(after(as(limited, "rate_limited 429", "failed 500"), "4"))},
	}
	for _, status := range []int{401, 403} {
		rows = append(rows, row{id: "D09", name: fmt.Sprint(status), plays: plays(faultd.Fail(status)),
			last: failed(502, "provider_auth", "provider_error", "", fmt.Sprint("auth ", status))})
	}
	for _, wait := range []struct{ name, headers, want string }{
		{"date", "Retry-After: Wed, 21 Oct 2026 07:28:07 GMT\nDate: Wed, 21 Oct 2026 07:28:00 GMT", "7"},
		{"past date", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", ""},
		{"milliseconds", "retry-after-ms: 1500\nRetry-After: 9", "2"},
		{"negative", "Retry-After: -5", ""},
		{"NaN", "Retry-After: NaN", ""},
		{"huge", "Retry-After: 1e9", "60"},
		{"huger", "Retry-After: 99999999999999999999999", "60"},
		{"infinite milliseconds", "retry-after-ms: Infinity", "60"},
		{"words", "Retry-After: soon", ""},
	} {
		rows = append(rows, row{id: "D03", name: wait.name, plays: plays(faultd.Fail(429, splitLines(wait.headers)...)), last: after(limited, wait.want)})
	}
	return rows
}

// spared is a failure that the fallback had a part in.
func spared(w want) want {
	w.spare = true
	return w
}

// ways are the failures on the way to an answer.
func ways() []row {
	silence := plays(faultd.Silence())
	rows := []row{
		{id: "D11", name: "refused", at: "refused", last: down},
		{id: "D12", name: "no such host", at: "nobody", last: down},
		{id: "D13", name: "trusted", plays: plays(faultd.Healthy(9)), at: "tls", reached: true, dialects: two, last: ok(9)},
		{id: "D13", name: "HTTP/2", plays: plays(faultd.Healthy(9)), at: "h2", reached: true, dialects: two, last: ok(9)},
		{id: "D14", name: "whole", plays: silence, only: "whole", gate: "timeout total 1s", final: true, left: "yes", least: time.Second, last: overdue},
		{id: "D14", name: "stream", plays: silence, only: "stream", gate: "timeout first_token 1s", left: "yes", least: time.Second, last: overdue},
		{id: "D14", name: "nothing is read", at: "silent", only: "stream", dialects: two, gate: "timeout first_token 1s", least: time.Second, last: overdue},
		{id: "D15", name: "headers", plays: plays(faultd.SSE(), faultd.Silence()), only: "stream", gate: "timeout first_token 1s",
			left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "role", plays: plays(faultd.SSE(), faultd.Open(), faultd.Silence()), only: "stream", gate: "timeout first_token 1s",
			left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "comments", plays: plays(faultd.SSE(), faultd.Open(), faultd.Repeat(1000, faultd.Text(": wait\n\n"), faultd.Sleep(100*time.Millisecond))),
			only: "stream", gate: "timeout first_token 1s", left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "gzip", plays: plays(faultd.SSE("Content-Encoding: gzip"), faultd.Silence()), only: "stream", gate: "timeout first_token 1s",
			left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "whole", plays: plays(faultd.SSE(), faultd.Open(), faultd.Silence()), only: "whole", gate: "timeout total 1s", final: true,
			left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "half an answer", plays: plays(faultd.Head(200, "Content-Type: application/json", "Content-Length: 900"), faultd.Text("{"), faultd.Silence()),
			gate: "timeout total 1s", final: true, left: "yes", least: time.Second, last: as(overdue, "timeout 200")},
		{id: "D15", name: "half an error", plays: plays(faultd.Head(500, "Content-Type: application/json", "Content-Length: 900"), faultd.Text("{"), faultd.Silence()),
			only: "stream", gate: "timeout first_token 1s", left: "yes", least: time.Second, last: as(overdue, "timeout 500")},
		{id: "D16", name: "late", plays: plays(faultd.Sleep(2*time.Second), faultd.Whole(9)), only: "whole", gate: "timeout first_token 1s idle 1s", least: 2 * time.Second, last: ok(9)},
		{id: "D16", name: "late first byte", plays: plays(faultd.Sleep(5*time.Second), faultd.SSE(), faultd.Join(faultd.Open(), faultd.Say(1, 9), faultd.Finish(9), faultd.Usage(9), faultd.Over()), faultd.End()),
			only: "stream", gate: "timeout first_token 20s idle 4s", least: 5 * time.Second, last: ok(9)},
	}
	for _, at := range []string{"handshake", "expired", "wrong-name", "untrusted"} {
		rows = append(rows, row{id: "D13", name: at, at: at, dialects: two, last: down})
	}
	return rows
}

// answers are those that are none, or not in the form that was asked for.
func answers() []row {
	lying := func(d faultd.Dialect, model string) []faultd.Script {
		return []faultd.Script{{faultd.Lying(200, 50, "application/json", d.Whole(model, 9)), faultd.Close()}}
	}
	zipped := func(status int, body func(faultd.Dialect, string) []byte) scene {
		return func(d faultd.Dialect, model string) []faultd.Script {
			return []faultd.Script{{faultd.Head(status, "Content-Type: application/json", "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
				faultd.Gzip(faultd.Bytes(body(d, model))), faultd.End()}}
		}
	}
	whole := func(d faultd.Dialect, model string) []byte { return d.Whole(model, 9) }
	refusal := func(d faultd.Dialect, _ string) []byte { return d.Error(429, "", faultd.ErrorText) }
	in200 := func(code string) scene {
		return plays(faultd.Answer(200, "application/json", []byte(`{"error":{"message":"the upstream's own words","code":`+code+`}}`)))
	}
	const hollow = `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16}}`
	return []row{
		{id: "D17", name: "page", plays: plays(faultd.Page(200, 9<<10)), last: garbage, left: "maybe"},
		{id: "D17", name: "text", plays: plays(faultd.Answer(200, "text/plain", []byte("welcome\n"))), last: garbage},
		{id: "D18", name: "short", plays: lying, last: garbage},
		{id: "D19", name: "cut", plays: plays(faultd.Answer(200, "application/json", []byte(`{"choices":[{`))), last: garbage},
		{id: "D19", name: "other", plays: plays(faultd.Answer(200, "application/json", []byte(`"hello"`))), last: garbage},
		{id: "D20", name: "empty", plays: plays(faultd.Answer(200, "application/json", nil)), last: garbage},
		{id: "D20", name: "no type", plays: plays(faultd.Head(200, "Content-Length: 0")), last: garbage},
		{id: "D20", name: "no event", plays: plays(faultd.SSE(), faultd.End()), last: garbage},
		{id: "D20", name: "no content", plays: plays(faultd.SSE(), faultd.Open(), faultd.End()), last: garbage},
		{id: "D21", name: "429", plays: in200("429"), dialects: openAIs, last: as(limited, "rate_limited 200")},
		{id: "D21", name: "503", plays: in200("503"), dialects: openAIs, last: as(busy, "overloaded 200")},
		{id: "D21", name: "401", plays: in200(`"401"`), dialects: openAIs, last: failed(502, "provider_auth", "provider_error", "", "auth 200")},
		{id: "D22", name: "no choices", plays: plays(faultd.Answer(200, "application/json", []byte(hollow))), dialects: openAIs, only: "whole",
			last: want{status: 200, outcome: "ok", hollow: true, tokens: 5, tries: []string{"ok 200"}}},
		{id: "D23", name: "gzip", plays: zipped(200, whole), last: ok(9)},
		{id: "D23", name: "gzip of an error", plays: zipped(429, refusal), last: limited},
		{id: "D23", name: "no gzip", plays: plays(faultd.Answer(200, "application/json", []byte("{}"), "Content-Encoding: gzip")), last: garbage},
		{id: "D23", name: "unknown", left: "maybe", plays: plays(faultd.Answer(200, "application/json", []byte("{}"), "Content-Encoding: zip")), last: garbage},
		{id: "D24", name: "plain", plays: plays(faultd.Whole(9)), only: "stream", last: ok(9)},
		{id: "D25", name: "events", plays: plays(faultd.SSE(), faultd.Open(), faultd.Say(1, 9), faultd.Finish(9), faultd.Usage(9), faultd.Over(), faultd.End()), only: "whole", last: ok(9)},
		{id: "D25", name: "cut", plays: plays(faultd.SSE(), faultd.Open(), faultd.Say(1, 9), faultd.Close()), only: "whole", last: garbage},
	}
}

// again are failures that pass: the target is asked once more.
func again() []row {
	var rows []row
	for _, one := range []struct {
		id, name string
		fault    faultd.Script
		last     want
	}{
		{"D05", "overloaded", faultd.Script{faultd.Fail(503)}, busy},
		{"D07", "500", faultd.Script{faultd.Fail(500)}, as(down, "failed 500")},
		{"D11", "reset", faultd.Script{faultd.Reset()}, down},
		{"D18", "short", faultd.Script{faultd.Lying(200, 50, "application/json", []byte("{")), faultd.Close()}, garbage},
		{"D19", "invalid", faultd.Script{faultd.Answer(200, "application/json", []byte("{"))}, garbage},
		{"D20", "empty", faultd.Script{faultd.Answer(200, "application/json", nil)}, garbage},
	} {
		first := one.last.tries[0]
		rows = append(rows,
			row{id: one.id, name: one.name + " and well again", plays: turns(one.fault, faultd.Script{faultd.Healthy(9)}), retries: true, last: ok(9, first)},
			row{id: one.id, name: one.name + " twice", plays: turns(one.fault), retries: true, last: as(one.last, first, first)})
	}
	wait := func(s string) faultd.Script { return faultd.Script{faultd.Fail(503, "Retry-After: "+s)} }
	return append(rows,
		row{id: "W36", name: "the wait is the least", plays: turns(wait("1"), faultd.Script{faultd.Healthy(9)}), retries: true, dialects: two, alone: true, least: time.Second,
			last: ok(9, "overloaded 503")},
		row{id: "W36", name: "the newest wait is past the deadline", plays: turns(wait("1"), wait("30")), dialects: two, alone: true, gate: "timeout total 20s\nmax_retries 5",
			retries: true, least: time.Second, last: after(as(busy, "overloaded 503", "overloaded 503"), "30")})
}
