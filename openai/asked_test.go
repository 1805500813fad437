package openai

import (
	"slices"
	"testing"
)

func TestAsked(t *testing.T) {
	const messages = `"messages":[{"role":"user","content":"hi"}]`
	for fields, want := range map[string][]string{
		`"n":1,"n1":1`:                                  {"n1"},
		`"n":2`:                                         {"n"},
		`"logprobs":false,"store":false`:                nil,
		`"logprobs":true,"store":true`:                  {"logprobs", "store"},
		`"parallel_tool_calls":true`:                    nil,
		`"parallel_tool_calls":false`:                   {"parallel_tool_calls"},
		`"frequency_penalty":0.0,"presence_penalty":-0`: nil,
		`"presence_penalty":0.1`:                        {"presence_penalty"},
		`"stream":true,"stream_options":{"a":1}`:        nil,
		`"service_tier":"auto"`:                         nil,
		`"service_tier":"flex"`:                         {"service_tier"},
		`"modalities":[ "text" ]`:                       nil,
		`"modalities":["text","audio"]`:                 {"modalities"},
		`"tools":[ ],"logit_bias":{},"user":""`:         nil,
		`"seed":null,"gateId":"g"`:                      nil,
		`"seed":0`:                                      {"seed"},
	} {
		r, err := ParseChat([]byte("{" + messages + "," + fields + "}"))
		if err != nil {
			t.Fatal(err)
		}
		want = append([]string{"messages"}, want...)
		if got := r.Asked(new(Edits)); !slices.Equal(got, want) {
			t.Errorf("%s asks for %v, want %v", fields, got, want)
		}
	}
	r, err := ParseChat([]byte("{" + messages + `,"n":2}`))
	if err != nil {
		t.Fatal(err)
	}
	e := new(Edits)
	e.Set("n", []byte("1"))
	e.Set("seed", []byte("7"))
	if got := r.Asked(e); !slices.Equal(got, []string{"messages", "seed"}) {
		t.Errorf("with edits it asks for %v", got)
	}
}
