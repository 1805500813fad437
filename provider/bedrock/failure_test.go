package bedrock

import (
	"net/http"
	"testing"
	"time"

	"github.com/layergateway/layergateway/provider"
)

func TestError(t *testing.T) {
	for _, c := range []struct {
		status     int
		name, body string
		kind       provider.Kind
		code, text string
	}{
		{400, "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/", `{"message":"max_tokens: too many"}`, provider.Invalid, "ValidationException", "max_tokens: too many"},
		{400, "ValidationException", `{"message":"The provided model identifier is invalid."}`, provider.ModelNotFound, "ValidationException", "The provided model identifier is invalid."},
		{400, "", `{"message":"The provided model identifier is invalid."}`, provider.ModelNotFound, "", "The provided model identifier is invalid."},
		{400, "ValidationException", `{"message":"Invocation of model ID m with on-demand throughput isn’t supported."}`, provider.ModelNotFound, "ValidationException", "Invocation of model ID m with on-demand throughput isn’t supported."},
		{400, "ValidationException", `{"message":"Input is too long for requested model."}`, provider.Invalid, "context_length_exceeded", "Input is too long for requested model."},
		{400, "ServiceQuotaExceededException", `{"message":"x"}`, provider.QuotaSpent, "ServiceQuotaExceededException", "x"},
		{403, "AccessDeniedException", `{"Message":"User is not authorized"}`, provider.Auth, "AccessDeniedException", "User is not authorized"},
		{403, "UnrecognizedClientException", `{"message":"The security token included in the request is invalid."}`, provider.Auth, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{400, "IncompleteSignatureException", `{"message":"x"}`, provider.Auth, "IncompleteSignatureException", "x"},
		{400, "", `{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"expired"}`, provider.Auth, "ExpiredTokenException", "expired"},
		{404, "ResourceNotFoundException", `{"message":"no such model"}`, provider.ModelNotFound, "ResourceNotFoundException", "no such model"},
		{408, "ModelTimeoutException", `{"message":"x"}`, provider.TimedOut, "ModelTimeoutException", "x"},
		{424, "ModelErrorException", `{"message":"x","originalStatusCode":500}`, provider.Failed, "ModelErrorException", "x"},
		{424, "", `{"message":"x"}`, provider.Failed, "", "x"},
		{429, "ThrottlingException", `{"message":"Too many tokens, please wait before trying again."}`, provider.RateLimited, "ThrottlingException", "Too many tokens, please wait before trying again."},
		{429, "ModelNotReadyException", `{"message":"x"}`, provider.Overloaded, "ModelNotReadyException", "x"},
		{500, "InternalServerException", `{"message":"x"}`, provider.Failed, "InternalServerException", "x"},
		{503, "ServiceUnavailableException", `{"message":"x"}`, provider.Overloaded, "ServiceUnavailableException", "x"},
		{418, "FutureException", `{"message":"x"}`, provider.Invalid, "FutureException", "x"},
		{500, "", `{"__type":"UnknownOperationException"}`, provider.Failed, "UnknownOperationException", "the provider answered UnknownOperationException"},
		{502, "", `<html>Bad Gateway</html>`, provider.Failed, "", "the provider answered 502 Bad Gateway"},
		{503, "", ``, provider.Overloaded, "", "the provider answered 503 Service Unavailable"},
		{429, "ThrottlingException", ``, provider.RateLimited, "ThrottlingException", "the provider answered ThrottlingException"},
		{400, "\xffValidationException", `{"message":"x"}`, provider.Invalid, "ValidationException", "x"},
		{403, "", `{}`, provider.Auth, "", "{}"},
	} {
		h := http.Header{"Retry-After": {"7"}}
		if c.name != "" {
			h.Set("x-amzn-ErrorType", c.name)
		}
		e := fresh().Error(c.status, h, []byte(c.body))
		if e.Kind != c.kind || e.Status != c.status || e.Code != c.code || e.Message != c.text || e.RetryAfter != 7*time.Second {
			t.Errorf("%d %s %s: %+v", c.status, c.name, c.body, e)
		}
	}
}
