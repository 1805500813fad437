package recorded

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/provider"
)

// Check compares an answer as it came out of a dialect with what the index
// expects.
func (c *Case) Check(t testing.TB, p Played) {
	t.Helper()
	e := &c.Expect
	if c.Failed() {
		if p.Err == nil || truncated(p.Err) {
			t.Errorf("the answer holds an error, but what came out is %v", p.Err)
		} else if msg := e.message(); !strings.Contains(p.Err.Error(), msg) {
			t.Errorf("error %q does not have the provider's words %q", p.Err, msg)
		}
	} else if p.Err != nil {
		t.Fatalf("the answer is good, but failed: %v", p.Err)
	}
	if c.Failed() && (!c.Stream || p.whole) {
		return // nothing of it reaches the client
	}
	same(t, "text", p.Text, e.Text)
	same(t, "reasoning", p.Reasoning, e.Reasoning)
	if !c.Failed() {
		same(t, "finish_reason", p.Finish, e.Finish)
		same(t, "native finish", p.Native, e.RawFinish)
	}
	if e.Model != "" {
		same(t, "model", p.Model, e.Model)
	}
	if e.ID != "" {
		same(t, "id", p.ID, e.ID)
	}
	c.checkCalls(t, p.Calls)
	if e.Usage != nil {
		e.Usage.check(t, p.Usage)
	}
}

func (c *Case) checkCalls(t testing.TB, got []Call) {
	t.Helper()
	want := c.Expect.ToolCalls
	if len(got) != len(want) {
		t.Errorf("%d tool calls, want %d: %+v", len(got), len(want), got)
		return
	}
	ids := map[string]bool{}
	for i, w := range want {
		same(t, "tool call's name", got[i].Name, w.Name)
		if w.ID != "" {
			same(t, "tool call's id", got[i].ID, w.ID)
		}
		if ids[got[i].ID] {
			t.Errorf("tool call id %q comes twice", got[i].ID)
		}
		ids[got[i].ID] = true
		if c.Has("partial_args") {
			// The index has {} here, though the provider sent arguments in parts.
			if v := jsontext.Value(got[i].Arguments); !v.IsValid() || v.Kind() != '{' {
				t.Errorf("arguments of %s are no object: %s", w.Name, v)
			}
			continue
		}
		var unfinished struct {
			Raw string `json:"_raw"`
		}
		if json.Unmarshal(w.Arguments, &unfinished) == nil && unfinished.Raw != "" {
			same(t, "unfinished arguments", got[i].Arguments, unfinished.Raw)
			continue
		}
		same(t, "arguments of "+w.Name, canonical(got[i].Arguments), canonical(string(w.Arguments)))
	}
}

// check compares usage. Where the expected total is more than its parts, the
// provider leaves reasoning out of the completion: a bill has it.
func (e *ExpectUsage) check(t testing.TB, u cost.Usage) {
	t.Helper()
	output := e.Completion
	if e.Total > e.Prompt+e.Completion {
		output = e.Total - e.Prompt
	}
	count(t, "input", u.Input, &e.Prompt)
	count(t, "output", u.Output, &output)
	count(t, "cached input", u.CachedInput, e.Cached)
	count(t, "cache writes", cost.Of(u.CacheWrite.N()+u.CacheWrite1h.N()), e.CacheWrite)
	count(t, "reasoning", u.Reasoning, e.Reasoning)
}

func count(t testing.TB, what string, got cost.Tokens, want *int64) {
	t.Helper()
	if want != nil && got.N() != *want {
		t.Errorf("%s is %d tokens, want %d", what, got.N(), *want)
	}
}

// CheckError checks an error status: the provider's own words come out, and a
// status that says whose fault it is is not taken for another.
func (c *Case) CheckError(t testing.TB, e *provider.Error) {
	t.Helper()
	if e == nil {
		t.Fatalf("status %d gave no error", c.Status)
	}
	if e.Status != c.Status {
		t.Errorf("status is %d, want %d", e.Status, c.Status)
	}
	if msg := c.Expect.message(); !strings.Contains(e.Message, msg) {
		t.Errorf("message is %q, want %q", e.Message, msg)
	}
}

// message is the message of the expected error, wherever the provider has it.
func (e *Expect) message() string {
	var v struct {
		Message jsontext.Value `json:"message"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(e.Error, &v) != nil {
		return ""
	}
	if v.Error.Message != "" {
		return v.Error.Message
	}
	var s string
	if json.Unmarshal(v.Message, &s) != nil {
		return ""
	}
	return s
}

// canonical gives equal text for equal JSON; text that is no JSON stays.
func canonical(s string) string {
	v := jsontext.Value(s)
	if v.Canonicalize() != nil {
		return s
	}
	return string(v)
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}
