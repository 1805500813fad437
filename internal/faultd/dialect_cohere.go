package faultd

import "fmt"

type cohere struct{}

func (cohere) event(kind, members string) []byte {
	return event(kind, fmt.Appendf(nil, `{"type":%q%s}`, kind, members), "\n")
}

func (cohere) usage(n int) string {
	return fmt.Sprintf(`{"billed_units":{"input_tokens":%d,"output_tokens":%d},"tokens":{"input_tokens":%d,"output_tokens":%d}}`,
		PromptTokens, n, PromptTokens, n)
}

func (c cohere) stream(model string, n int) Events {
	e := Events{Open: [][]byte{
		c.event("message-start", `,"id":"faultd","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}`),
		c.event("content-start", `,"index":0,"delta":{"message":{"content":{"type":"text","text":""}}}`),
	}}
	for i := 1; i <= n; i++ {
		e.Words = append(e.Words, c.delta(model, token(i)))
	}
	e.Finish = [][]byte{
		c.event("content-end", `,"index":0`),
		c.event("message-end", `,"delta":{"finish_reason":"COMPLETE","usage":`+c.usage(n)+`}`),
	}
	return e
}

func (c cohere) delta(_, text string) []byte {
	return c.event("content-delta", `,"index":0,"delta":{"message":{"content":{"text":`+quote(text)+`}}}`)
}

func (c cohere) whole(_, text string, words int) []byte {
	return fmt.Appendf(nil, `{"id":"faultd","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":%s}]},`+
		`"usage":%s}`, quote(text), c.usage(words))
}

func (cohere) failure(_ int, _, message string) []byte {
	return fmt.Appendf(nil, `{"id":"faultd","message":%s}`, quote(message))
}

// failureEvent: Cohere has no event for errors, but an end with the reason ERROR.
func (c cohere) failureEvent(_ int, message string) []byte {
	return c.event("message-end", `,"delta":{"error":`+quote(message)+`,"finish_reason":"ERROR","usage":`+c.usage(0)+`}`)
}
