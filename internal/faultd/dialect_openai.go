package faultd

import (
	"cmp"
	"fmt"
	"net/http"
)

type openAI struct{}

func (openAI) chunk(model, delta, finish string) []byte {
	return event("", fmt.Appendf(nil, `{"id":"chatcmpl-faultd","object":"chat.completion.chunk","created":1700000000,"model":%s,`+
		`"system_fingerprint":"fp_faultd","choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}],"usage":null}`,
		quote(model), delta, finish), "\n")
}

func (o openAI) stream(model string, n int) Events {
	e := Events{Open: [][]byte{o.chunk(model, `{"role":"assistant","content":"","refusal":null}`, "null")}}
	for i := 1; i <= n; i++ {
		e.Words = append(e.Words, o.delta(model, token(i)))
	}
	e.Finish = [][]byte{o.chunk(model, "{}", `"stop"`)}
	e.Usage = [][]byte{event("", fmt.Appendf(nil, `{"id":"chatcmpl-faultd","object":"chat.completion.chunk","created":1700000000,`+
		`"model":%s,"system_fingerprint":"fp_faultd","choices":[],"usage":%s}`, quote(model), o.usage(n)), "\n")}
	e.Done = [][]byte{event("", []byte("[DONE]"), "\n")}
	return e
}

func (o openAI) delta(model, text string) []byte {
	return o.chunk(model, `{"content":`+quote(text)+`}`, "null")
}

func (openAI) usage(n int) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0},`+
		`"completion_tokens_details":{"reasoning_tokens":0}}`, PromptTokens, n, PromptTokens+n)
}

func (o openAI) whole(model, text string, words int) []byte {
	return fmt.Appendf(nil, `{"id":"chatcmpl-faultd","object":"chat.completion","created":1700000000,"model":%s,"choices":[{"index":0,`+
		`"message":{"role":"assistant","content":%s,"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":%s,`+
		`"system_fingerprint":"fp_faultd"}`, quote(model), quote(text), o.usage(words))
}

func (openAI) failure(status int, code, message string) []byte {
	kind, usual := "invalid_request_error", ""
	switch {
	case status == http.StatusTooManyRequests:
		kind, usual = "requests", "rate_limit_exceeded"
	case status == http.StatusUnauthorized:
		usual = "invalid_api_key"
	case status == http.StatusNotFound:
		usual = "model_not_found"
	case status >= 500:
		kind = "server_error"
	}
	if code == "insufficient_quota" {
		kind = code
	}
	quoted := "null"
	if code = cmp.Or(code, usual); code != "" {
		quoted = quote(code)
	}
	return fmt.Appendf(nil, `{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(message), quote(kind), quoted)
}

func (o openAI) failureEvent(status int, message string) []byte {
	return event("", o.failure(status, "", message), "\n")
}
