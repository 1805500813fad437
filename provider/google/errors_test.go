package google

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/layergateway/layergateway/provider"
)

func TestError(t *testing.T) {
	body := func(code int, status, message, details string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[%s]}}`, code, message, status, details)
	}
	quota := func(id string) string {
		return `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"` + id + `"}]}`
	}
	retry := `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}`
	for name, c := range map[string]struct {
		status int
		body   string
		kind   provider.Kind
		code   string
		wait   time.Duration
	}{
		"bad request":        {400, body(400, "INVALID_ARGUMENT", "Invalid JSON payload received.", ""), provider.Invalid, "INVALID_ARGUMENT", 0},
		"bad key":            {400, body(400, "INVALID_ARGUMENT", "m", `{"reason":"API_KEY_INVALID"}`), provider.Auth, "INVALID_ARGUMENT", 0},
		"bad key by words":   {400, body(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", ""), provider.Auth, "INVALID_ARGUMENT", 0},
		"expired key":        {400, body(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", ""), provider.Auth, "INVALID_ARGUMENT", 0},
		"place":              {400, body(400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ""), provider.Auth, "FAILED_PRECONDITION", 0},
		"too long":           {400, body(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", ""), provider.Invalid, "context_length_exceeded", 0},
		"model's name":       {400, body(400, "INVALID_ARGUMENT", "* GenerateContentRequest.model: unexpected model name format", ""), provider.ModelNotFound, "INVALID_ARGUMENT", 0},
		"no key":             {401, body(401, "UNAUTHENTICATED", "m", ""), provider.Auth, "UNAUTHENTICATED", 0},
		"forbidden":          {403, body(403, "PERMISSION_DENIED", "m", `{"reason":"SERVICE_DISABLED"}`), provider.Auth, "PERMISSION_DENIED", 0},
		"another's file":     {403, body(403, "PERMISSION_DENIED", "You do not have permission to access the File x or it may not exist.", ""), provider.Invalid, "PERMISSION_DENIED", 0},
		"no such model":      {404, body(404, "NOT_FOUND", "models/x is not found", ""), provider.ModelNotFound, "NOT_FOUND", 0},
		"a minute's quota":   {429, body(429, "RESOURCE_EXHAUSTED", "m", quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")+","+retry), provider.RateLimited, "RESOURCE_EXHAUSTED", 34400 * time.Millisecond},
		"a day's quota":      {429, body(429, "RESOURCE_EXHAUSTED", "m", quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")+","+retry), provider.QuotaSpent, "RESOURCE_EXHAUSTED", 34400 * time.Millisecond},
		"no money":           {429, body(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", ""), provider.QuotaSpent, "RESOURCE_EXHAUSTED", 0},
		"delay of nonsense":  {429, body(429, "RESOURCE_EXHAUSTED", "m", `{"retryDelay":"-1s"},{"retryDelay":"soon"}`), provider.RateLimited, "RESOURCE_EXHAUSTED", 0},
		"delay of a century": {429, body(429, "RESOURCE_EXHAUSTED", "m", `{"retryDelay":"3155760000s"}`), provider.RateLimited, "RESOURCE_EXHAUSTED", time.Minute},
		"internal":           {500, body(500, "INTERNAL", "m", ""), provider.Failed, "INTERNAL", 0},
		"cancelled":          {499, body(499, "CANCELLED", "m", ""), provider.Failed, "CANCELLED", 0},
		"overloaded":         {503, body(503, "UNAVAILABLE", "m", ""), provider.Overloaded, "UNAVAILABLE", 0},
		"deadline":           {504, body(504, "DEADLINE_EXCEEDED", "m", ""), provider.TimedOut, "DEADLINE_EXCEEDED", 0},
		"in an array":        {429, "[" + body(429, "RESOURCE_EXHAUSTED", "m", retry) + "\n]", provider.RateLimited, "RESOURCE_EXHAUSTED", 34400 * time.Millisecond},
		"status unknown":     {418, body(418, "TEAPOT", "m", ""), provider.Invalid, "TEAPOT", 0},
		"odd details":        {429, body(429, "RESOURCE_EXHAUSTED", "m", `7,{"reason":{}},`+retry), provider.RateLimited, "RESOURCE_EXHAUSTED", 34400 * time.Millisecond},
		"no details":         {400, `{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":"x"}}`, provider.Invalid, "INVALID_ARGUMENT", 0},
		"a page":             {502, "<html>Bad gateway</html>", provider.Failed, "", 0},
		"nothing":            {503, "", provider.Overloaded, "", 0},
		"another's error":    {400, `{"error":"no"}`, provider.Invalid, "", 0},
		"an empty array":     {500, `[]`, provider.Failed, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := New().Error(c.status, http.Header{}, []byte(c.body))
			if e.Kind != c.kind || e.Code != c.code || e.RetryAfter != c.wait || e.Status != c.status || e.Message == "" {
				t.Errorf("got %+v, want kind %d, code %s, wait %s", *e, c.kind, c.code, c.wait)
			}
		})
	}
	h := http.Header{"Retry-After": {"50"}}
	if e := New().Error(429, h, []byte(body(429, "RESOURCE_EXHAUSTED", "m", retry))); e.RetryAfter != 50*time.Second {
		t.Errorf("the longer wait counts, not %s", e.RetryAfter)
	}
}
