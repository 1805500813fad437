package faultd

import (
	"cmp"
	"fmt"
	"net/http"
)

type anthropic struct{}

func (anthropic) event(kind, members string) []byte {
	return event(kind, fmt.Appendf(nil, `{"type":%q%s}`, kind, members), "\n")
}

func (anthropic) message(model, content, stop string, output int) string {
	return fmt.Sprintf(`{"model":%s,"id":"msg_faultd","type":"message","role":"assistant","content":%s,"stop_reason":%s,`+
		`"stop_sequence":null,"usage":{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,`+
		`"output_tokens":%d,"service_tier":"standard"}}`, quote(model), content, stop, PromptTokens, output)
}

func (a anthropic) stream(model string, n int) Events {
	e := Events{Open: [][]byte{
		a.event("message_start", `,"message":`+a.message(model, "[]", "null", 1)),
		a.event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`),
		a.event("ping", ""),
	}}
	for i := 1; i <= n; i++ {
		e.Words = append(e.Words, a.delta(model, token(i)))
	}
	e.Finish = [][]byte{
		a.event("content_block_stop", `,"index":0`),
		a.event("message_delta", fmt.Sprintf(`,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":%d,`+
			`"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":%d}`, PromptTokens, n)),
	}
	e.Done = [][]byte{a.event("message_stop", "")}
	return e
}

func (a anthropic) delta(_, text string) []byte {
	return a.event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":`+quote(text)+`}`)
}

func (a anthropic) whole(model, text string, words int) []byte {
	return []byte(a.message(model, `[{"type":"text","text":`+quote(text)+`}]`, `"end_turn"`, words))
}

func (anthropic) failure(status int, code, message string) []byte {
	kind := "invalid_request_error"
	switch status {
	case http.StatusUnauthorized:
		kind = "authentication_error"
	case http.StatusPaymentRequired:
		kind = "billing_error"
	case http.StatusForbidden:
		kind = "permission_error"
	case http.StatusNotFound:
		kind = "not_found_error"
	case http.StatusRequestEntityTooLarge:
		kind = "request_too_large"
	case http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case http.StatusGatewayTimeout:
		kind = "timeout_error"
	case http.StatusServiceUnavailable, 529:
		kind = "overloaded_error"
	default:
		if status >= 500 {
			kind = "api_error"
		}
	}
	return fmt.Appendf(nil, `{"type":"error","error":{"type":%s,"message":%s},"request_id":"req_faultd"}`,
		quote(cmp.Or(code, kind)), quote(message))
}

func (a anthropic) failureEvent(status int, message string) []byte {
	return event("error", a.failure(status, "", message), "\n")
}
