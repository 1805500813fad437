package bedrock

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/provider"
)

// failure is the body of an error, and the payload of an exception in a stream.
// Errors that come from in front of the service spell the message with a
// capital, and have the type in the body.
type failure struct {
	Message string `json:"message"`
	Capital string `json:"Message,omitzero"`
	Type    string `json:"__type,omitzero"`
}

// exceptions are Bedrock's, with the status that each has and what it means.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
// and CommonErrors.html.
var exceptions = map[string]struct {
	status int
	kind   provider.Kind
}{
	"ValidationException":           {400, provider.Invalid},
	"ResourceNotFoundException":     {404, provider.ModelNotFound},
	"ThrottlingException":           {429, provider.RateLimited},
	"TooManyRequestsException":      {429, provider.RateLimited},
	"ServiceQuotaExceededException": {400, provider.QuotaSpent},
	"ModelNotReadyException":        {429, provider.Overloaded},
	"ServiceUnavailableException":   {503, provider.Overloaded},
	"ServiceUnavailable":            {503, provider.Overloaded},
	"ModelTimeoutException":         {408, provider.TimedOut},
	"ModelErrorException":           {424, provider.Failed},
	"ModelStreamErrorException":     {424, provider.Failed},
	"InternalServerException":       {500, provider.Failed},
	"InternalFailure":               {500, provider.Failed},
	"RequestTimeoutException":       {408, provider.Failed},
	"RequestAbortedException":       {400, provider.Failed},

	"AccessDeniedException":               {403, provider.Auth},
	"ExpiredTokenException":               {403, provider.Auth},
	"RequestExpired":                      {400, provider.Auth},
	"IncompleteSignature":                 {400, provider.Auth},
	"IncompleteSignatureException":        {400, provider.Auth},
	"InvalidSignatureException":           {403, provider.Auth},
	"SignatureDoesNotMatch":               {403, provider.Auth},
	"InvalidClientTokenId":                {403, provider.Auth},
	"UnrecognizedClientException":         {403, provider.Auth},
	"MissingAuthenticationToken":          {403, provider.Auth},
	"MissingAuthenticationTokenException": {403, provider.Auth},
	"NotAuthorized":                       {400, provider.Auth},
	"OptInRequired":                       {403, provider.Auth},
	"UnauthorizedOperation":               {403, provider.Auth},
}

// Error implements provider.Chat.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	f, ok := readFailure(body)
	name := h.Get("X-Amzn-Errortype")
	if name == "" {
		if !ok {
			return provider.PlainError(status, h, body)
		}
		name = f.Type
	}
	e := f.error(name)
	if e.Status == 0 { // the exception is not known
		e.Kind = kindOf(status, f.Message)
	}
	e.Status, e.RetryAfter = status, provider.RetryAfter(h)
	return e
}

// readFailure reads an error; false if it is none of Bedrock's.
func readFailure(body []byte) (failure, bool) {
	var f failure
	if err := json.Unmarshal(body, &f, lenient); err != nil {
		return f, false
	}
	if f.Message == "" {
		f.Message = f.Capital
	}
	return f, f.Message != "" || f.Type != ""
}

// error is the failure under the name of an exception, which may have a
// namespace in front and a URL behind it.
func (f failure) error(name string) *provider.Error {
	name, _, _ = strings.Cut(strings.ToValidUTF8(name, ""), ":")
	if _, short, ok := strings.Cut(name, "#"); ok {
		name = short
	}
	if name != "" { // streams begin it in lower case
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	x := exceptions[name]
	e := &provider.Error{Kind: x.kind, Status: x.status, Message: f.Message, Code: name}
	if e.Kind == provider.Invalid {
		e.Kind = kindOf(x.status, f.Message)
	}
	if has(f.Message, tooLong) {
		e.Code = "context_length_exceeded"
	}
	switch {
	case e.Message != "":
	case name != "":
		e.Message = "the provider answered " + name
	default:
		e.Message = "the provider's stream failed"
	}
	return e
}

// tooLong are the words of a refusal whose cause is the request's length.
var tooLong = []string{"input is too long", "prompt is too long", "context window", "maximum context length"}

func has(message string, words []string) bool {
	message = strings.ToLower(message)
	for _, w := range words {
		if strings.Contains(message, w) {
			return true
		}
	}
	return false
}

// unknownModels are the words of a refusal whose cause is the model's name, which
// Bedrock says with the exception for bad requests.
var unknownModels = []string{
	"provided model identifier is invalid",
	"on-demand throughput isn",
	"on-demand throughput is not supported",
	"model is not supported in this region",
	"model version has reached the end of its life",
}

// kindOf is the kind of a refusal whose exception does not tell it.
func kindOf(status int, message string) provider.Kind {
	switch status {
	case http.StatusBadRequest:
		if has(message, unknownModels) {
			return provider.ModelNotFound
		}
	case http.StatusFailedDependency: // the model failed, not the request
		return provider.Failed
	case http.StatusRequestTimeout:
		return provider.TimedOut
	}
	return provider.KindOf(status)
}
