package faultd

import (
	"cmp"
	"fmt"
	"net/http"
)

type google struct{}

func (google) response(model, text, finish string, words int) []byte {
	if finish != "" {
		finish = `"finishReason":` + quote(finish) + `,`
	}
	return fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":%s}],"role":"model"},%s"index":0}],"usageMetadata":`+
		`{"promptTokenCount":%d,"candidatesTokenCount":%d,"totalTokenCount":%d,"promptTokensDetails":[{"modality":"TEXT",`+
		`"tokenCount":%d}]},"modelVersion":%s,"responseId":"faultd"}`,
		quote(text), finish, PromptTokens, words, PromptTokens+words, PromptTokens, quote(model))
}

func (g google) stream(model string, n int) Events {
	var e Events
	for i := 1; i <= n; i++ {
		e.Words = append(e.Words, event("", g.response(model, token(i), "", i), "\r\n"))
	}
	e.Finish = [][]byte{event("", g.response(model, "", "STOP", n), "\r\n")}
	return e
}

func (g google) delta(model, text string) []byte {
	return event("", g.response(model, text, "", 1), "\r\n")
}

func (g google) whole(model, text string, words int) []byte {
	return g.response(model, text, "STOP", words)
}

func (google) failure(status int, code, message string) []byte {
	kind := "UNKNOWN"
	switch status {
	case http.StatusBadRequest:
		kind = "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		kind = "UNAUTHENTICATED"
	case http.StatusForbidden:
		kind = "PERMISSION_DENIED"
	case http.StatusNotFound:
		kind = "NOT_FOUND"
	case http.StatusTooManyRequests:
		kind = "RESOURCE_EXHAUSTED"
	case http.StatusInternalServerError:
		kind = "INTERNAL"
	case http.StatusServiceUnavailable:
		kind = "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		kind = "DEADLINE_EXCEEDED"
	}
	return fmt.Appendf(nil, `{"error":{"code":%d,"message":%s,"status":%s}}`, status, quote(message), quote(cmp.Or(code, kind)))
}

func (g google) failureEvent(status int, message string) []byte {
	return event("", g.failure(status, "", message), "\r\n")
}
