package anthropic

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/layergateway/layergateway/provider"
)

func TestError(t *testing.T) {
	body := func(kind, message string) string {
		return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q},"request_id":"req_1"}`, kind, message)
	}
	for _, c := range []struct {
		status int
		body   string
		kind   provider.Kind
		code   string
	}{
		{400, body("invalid_request_error", "max_tokens: must be positive"), provider.Invalid, ""},
		{400, body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), provider.Invalid, "context_length_exceeded"},
		{400, body("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"), provider.Invalid, "context_length_exceeded"},
		{400, body("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), provider.QuotaSpent, "invalid_request_error"},
		{400, body("invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-11-01."), provider.QuotaSpent, "invalid_request_error"},
		{400, body("invalid_request_error", "This organization has been disabled."), provider.Auth, "invalid_request_error"},
		{401, body("authentication_error", "invalid x-api-key"), provider.Auth, "authentication_error"},
		{402, body("billing_error", "Payment is due"), provider.QuotaSpent, "billing_error"},
		{403, body("permission_error", "No access"), provider.Auth, "permission_error"},
		{404, body("not_found_error", "model: claude-sonet-4-5"), provider.ModelNotFound, "not_found_error"},
		{404, body("not_found_error", "File not found: file_1"), provider.Invalid, "not_found_error"},
		{413, body("request_too_large", "Request exceeds the maximum size"), provider.Invalid, "request_too_large"},
		{429, body("rate_limit_error", "This request would exceed your organization's rate limit of 50,000 input tokens per minute"), provider.RateLimited, "rate_limit_error"},
		{429, body("rate_limit_error", "Your workspace has reached its monthly spend limit"), provider.QuotaSpent, "rate_limit_error"},
		{500, body("api_error", "Internal server error"), provider.Failed, "api_error"},
		{504, body("timeout_error", "Timed out"), provider.TimedOut, "timeout_error"},
		{529, body("overloaded_error", "Overloaded"), provider.Overloaded, "overloaded_error"},
		{503, body("new_error", "Something new"), provider.Overloaded, "new_error"},
		{500, `{"error":{"type":"api_error","message":"no type around it"}}`, provider.Failed, "api_error"},
		{502, `<html>Bad gateway</html>`, provider.Failed, ""},
		{404, `not found`, provider.ModelNotFound, ""},
		{401, `{"error":{}}`, provider.Auth, ""},
		{529, ``, provider.Overloaded, ""},
	} {
		e := fresh().Error(c.status, http.Header{"Retry-After": {"7"}}, []byte(c.body))
		if e.Kind != c.kind || e.Status != c.status || e.Code != c.code || e.Message == "" || e.RetryAfter != 7*time.Second {
			t.Errorf("%d %s: %+v, want kind %d, code %q", c.status, c.body, e, c.kind, c.code)
		}
	}
}
