package anthropic

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

func fresh() *chat { return New(Options{Now: fixed})().(*chat) }

// feed gives a chat events, the data of which are its arguments.
func feed(c *chat, a openai.Answer, events ...string) error {
	for _, data := range events {
		if err := c.Event(sse.Event{Data: []byte(data)}, a); err != nil {
			return err
		}
	}
	return nil
}

const (
	startEvent = `{"type":"message_start","message":{"type":"message","id":"m","model":"claude","usage":{"input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":12000,"ephemeral_1h_input_tokens":304},"output_tokens":1}}}`
	stopEvent  = `{"type":"message_stop"  }`
)

func TestUsage(t *testing.T) {
	delta := func(usage string) string {
		return `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":` + usage + `}`
	}
	of := cost.Of
	for name, c := range map[string]struct {
		events []string
		want   cost.Usage
	}{
		"nothing": {nil, cost.Usage{}},
		"W20, cut after the beginning": {[]string{startEvent},
			cost.Usage{Input: of(12307), CachedInput: of(0), CacheWrite: of(12000), CacheWrite1h: of(304), Output: of(1)}},
		"said anew, not added": {[]string{startEvent, delta(`{"input_tokens":5,"cache_creation_input_tokens":100,"cache_read_input_tokens":7,"output_tokens":550,"output_tokens_details":{"thinking_tokens":44}}`)},
			cost.Usage{Input: of(112), CachedInput: of(7), CacheWrite: of(0), CacheWrite1h: of(100), Output: of(550), Reasoning: of(44)}},
		"nulls keep what was": {[]string{startEvent, delta(`{"input_tokens":null,"cache_creation":null,"output_tokens":550}`)},
			cost.Usage{Input: of(12307), CachedInput: of(0), CacheWrite: of(12000), CacheWrite1h: of(304), Output: of(550)}},
		"no cache": {[]string{`{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}`},
			cost.Usage{Input: of(3), Output: of(1)}},
		"beside the message": {[]string{startEvent, delta(`{"output_tokens":2,"iterations":[{"type":"message"},{"type":"compaction"}]}`)},
			cost.Usage{Input: of(12307), CachedInput: of(0), CacheWrite: of(12000), CacheWrite1h: of(304), Output: of(2), Estimated: true}},
		"searches, and what the price depends on": {[]string{
			`{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1,"service_tier":"batch","inference_geo":"us","speed":"fast"}}}`,
			delta(`{"output_tokens":2,"server_tool_use":{"web_search_requests":4}}`)},
			cost.Usage{Input: of(3), Output: of(2), Searches: of(4), Service: "batch+fast+us"}},
		"the standard": {[]string{`{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1,"service_tier":"standard","inference_geo":"global","speed":"standard"}}}`},
			cost.Usage{Input: of(3), Output: of(1)}},
		"negative is unknown": {[]string{`{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":-1}}}`},
			cost.Usage{Input: of(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := fresh()
			if err := feed(ch, openai.NewStream(false), c.events...); err != nil {
				t.Fatal(err)
			}
			if got := ch.Usage(); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestTruncated cuts every recorded stream behind every event: before the end
// that is an error, whatever has come.
func TestTruncated(t *testing.T) {
	for _, c := range recorded.Load(t, "anthropic") {
		if !c.Stream {
			continue
		}
		events, err := recorded.Events(strings.NewReader(string(c.Body)))
		if err != nil {
			t.Fatal(err)
		}
		ch, s := fresh(), openai.NewStream(true)
		for i, ev := range events {
			if err := ch.End(s); !ch.Done() && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: cut behind event %d: %v", c.ID, i, err)
			}
			if ch.Done() {
				break // what follows is a second message
			}
			if err := ch.Event(ev.SSE(), s); err != nil {
				t.Fatal(err)
			}
		}
		if err := ch.End(s); err != nil || !ch.Done() || !s.Finished() {
			t.Errorf("%s: whole, but %v", c.ID, err)
		}
	}
}

// TestBroken are streams that are not what the protocol allows.
func TestBroken(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		kind   provider.Kind
		known  bool // a failure that the provider itself tells of
	}{
		{"D30 overloaded first", []string{`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`}, provider.Overloaded, true},
		{"D29 error in the middle", []string{startEvent, `{"error":{"type":"api_error","message":"Internal"}}`}, provider.Failed, true},
		{"error without error", []string{`{"type":"error"}`}, 0, false},
		{"no beginning", []string{`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}`}, 0, false},
		{"beginning without message", []string{`{"type":"message_start"}`}, 0, false},
		{"not JSON", []string{startEvent, `{"type":`}, 0, false},
		{"wrong types", []string{startEvent, `{"type":"content_block_delta","index":"0"}`}, 0, false},
		{"tool without name", []string{startEvent, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a"}}`}, 0, false},
	} {
		err := feed(fresh(), openai.NewStream(false), c.events...)
		var known *provider.Error
		if err == nil || errors.As(err, &known) != c.known || c.known && known.Kind != c.kind {
			t.Errorf("%s: %#v", c.name, err)
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"type":"message","content":`, `<html>`} {
		if err := fresh().Whole([]byte(body), openai.NewWhole()); err == nil {
			t.Errorf("%q is taken for an answer", body)
		}
	}
	var known *provider.Error
	if err := fresh().Whole([]byte(`{"type":"error","error":{"type":"overloaded_error","message":"x"}}`), openai.NewWhole()); !errors.As(err, &known) || known.Kind != provider.Overloaded {
		t.Errorf("an error with status 200 gives %v", err)
	}
}

// TestOddStreams are streams that differ from Anthropic's own, but can be read.
func TestOddStreams(t *testing.T) {
	const text = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}`
	for name, c := range map[string]struct {
		events []string
		want   string
	}{
		"[DONE] at the end":      {[]string{startEvent, text, stopEvent, `[DONE]`}, "a"},
		"unknown types":          {[]string{startEvent, `{"type":"news","index":7}`, text, `{"type":"content_block_delta","index":0,"delta":{"type":"odd_delta","text":"b"}}`, stopEvent}, "a"},
		"delta of no block":      {[]string{startEvent, `{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"b"}}`, stopEvent}, ""},
		"stop of no block":       {[]string{startEvent, `{"type":"content_block_stop","index":3}`, text, stopEvent}, "a"},
		"a member twice":         {[]string{startEvent, `{"type":"content_block_start","index":0,"index":0,"content_block":{"type":"text","text":"a"}}`, stopEvent}, "a"},
		"a lone surrogate":       {[]string{startEvent, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"\ud83d"}}`, stopEvent}, "\ufffd"},
		"a block begun twice":    {[]string{startEvent, text, text, stopEvent}, "aa"},
		"tool input for a text":  {[]string{startEvent, text, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}`, stopEvent}, "a"},
		"nulls":                  {[]string{startEvent, text, `{"type":"message_delta","delta":{"stop_reason":null,"stop_details":null},"usage":null}`, stopEvent}, "a"},
		"neither id nor model":   {[]string{`{"type":"message_start","message":{}}`, text, stopEvent}, "a"},
		"nothing behind the end": {[]string{startEvent, text, stopEvent, `{"type":"ping"}`}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			ch, s := fresh(), openai.NewStream(false)
			if err := feed(ch, s, c.events...); err != nil {
				t.Fatal(err)
			}
			if err := ch.End(s); err != nil {
				t.Fatal(err)
			}
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
			seen, err := recorded.Assemble(s.Ready())
			if err != nil || seen.Text != c.want || seen.Finish != "stop" {
				t.Errorf("%+v, %v, want %q", seen, err, c.want)
			}
		})
	}
}

// FuzzEvent feeds a chat two events between a beginning and an end: whatever
// they are, nothing breaks and the client's stream stays valid.
func FuzzEvent(f *testing.F) {
	for _, c := range someEvents() {
		f.Add(c, `{"type":"ping"}`)
	}
	f.Add(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}`)
	f.Add(`{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":""}}`, `{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"s"}}`)
	f.Add(`{"type":"content_block_start","index":-1,"content_block":{"type":"redacted_thinking","data":"d"}}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9223372036854775807,"input_tokens":9223372036854775807}}`)
	f.Add(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"answer","input":{"a":1}}}`, startEvent)
	f.Fuzz(func(t *testing.T, one, two string) {
		ch, s := fresh(), openai.NewStream(true)
		ch.answer.schemaTool = "answer"
		err := feed(ch, s, startEvent, one, two, stopEvent)
		if err == nil {
			err = ch.End(s)
		}
		_ = ch.Usage()
		if err != nil {
			s.Fail(&openai.Error{Message: "failed"})
		} else {
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
		}
		if _, err := recorded.Assemble(s.Ready()); err != nil {
			t.Error(err)
		}
	})
}

// someEvents are events that stand for every type there is.
func someEvents() []string {
	return []string{
		startEvent, stopEvent,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi","citations":[{"type":"web_search_result_location","url":"https://example.com","title":null}]}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":[]}}`,
		`{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"explanation":"no"}}}`,
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`,
	}
}
