package vertex

import (
	"net/http"
	"testing"
	"time"

	"github.com/layergateway/layergateway/provider"
)

// Claude's failures come from Anthropic's servers or from Google's in front of
// them, each in its own format.
func TestError(t *testing.T) {
	const (
		google = `{"error":{"code":429,"message":"Quota exceeded for online_prediction_input_tokens_per_minute_per_base_model.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}`
		claude = `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"},"request_id":"req_vrtx_1"}`
	)
	tests := map[string]struct {
		model, body string
		status      int
		want        provider.Error
	}{
		"Google's, of Claude": {"claude-sonnet-4-5", google, 429,
			provider.Error{Kind: provider.RateLimited, Status: 429, Code: "RESOURCE_EXHAUSTED", RetryAfter: 7 * time.Second,
				Message: "Quota exceeded for online_prediction_input_tokens_per_minute_per_base_model."}},
		"Google's, of a stream of Claude": {"claude-sonnet-4-5", "[" + google + "]", 429,
			provider.Error{Kind: provider.RateLimited, Status: 429, Code: "RESOURCE_EXHAUSTED", RetryAfter: 7 * time.Second,
				Message: "Quota exceeded for online_prediction_input_tokens_per_minute_per_base_model."}},
		"Anthropic's": {"claude-sonnet-4-5", claude, 400,
			provider.Error{Kind: provider.Invalid, Status: 400, Code: "context_length_exceeded", Message: "prompt is too long: 210000 tokens > 200000 maximum"}},
		"Google's, of Gemini": {"gemini-2.5-flash", `{"error":{"code":403,"message":"Permission denied.","status":"PERMISSION_DENIED"}}`, 403,
			provider.Error{Kind: provider.Auth, Status: 403, Code: "PERMISSION_DENIED", Message: "Permission denied."}},
		"a model that is not served there": {"claude-sonnet-4-5", `{"error":{"code":404,"message":"Publisher Model was not found.","status":"NOT_FOUND"}}`, 404,
			provider.Error{Kind: provider.ModelNotFound, Status: 404, Code: "NOT_FOUND", Message: "Publisher Model was not found."}},
		"nobody's": {"claude-sonnet-4-5", "<html>", 502,
			provider.Error{Kind: provider.Failed, Status: 502, Message: "the provider answered 502 Bad Gateway"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := asked(t, test.model).Error(test.status, http.Header{}, []byte(test.body)); *got != test.want {
				t.Errorf("error is\n%#v\nwant\n%#v", *got, test.want)
			}
		})
	}
}
