package upstream

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func openAIInvalid(message, param, code string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "invalid_request_error", message: message, param: param, code: code,
	}
}

// openAIWords says a fault of shape as OpenAI does.
func openAIWords(f *fault) *refusal {
	at := f.at.render("[", "]", false)
	edge := strconv.FormatFloat(f.edge, 'f', -1, 64)
	join := func(key string) string { return strings.TrimPrefix(at+"."+key, ".") }
	switch f.what {
	case unknown:
		if at == "" {
			return openAIInvalid("Unrecognized request argument supplied: "+f.key, "", "")
		}
		return openAIInvalid("Unknown parameter: '"+join(f.key)+"'.", join(f.key), "unknown_parameter")
	case missing:
		return openAIInvalid("Missing required parameter: '"+join(f.key)+"'.", join(f.key), "missing_required_parameter")
	case wrongType:
		return openAIInvalid(fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.",
			at, openAIKinds(f.want), openAIKinds(kindOf(f.got))), at, "invalid_type")
	case notAllowed, unknownTag:
		if f.what == unknownTag {
			at = join(f.key)
		}
		return openAIInvalid(fmt.Sprintf("Invalid value: '%v'. Supported values are: %s.", f.got, quotedList(f.set)),
			at, "invalid_value")
	case below:
		return openAIInvalid(fmt.Sprintf("Invalid '%s': %s below minimum value. Expected a value >= %s, but got %v instead.",
			at, decimal(f.want), edge, f.got), at, decimal(f.want)+"_below_min_value")
	case above:
		return openAIInvalid(fmt.Sprintf("Invalid '%s': %s above maximum value. Expected a value <= %s, but got %v instead.",
			at, decimal(f.want), edge, f.got), at, decimal(f.want)+"_above_max_value")
	case tooShort:
		kind := kindOf(f.got)
		return openAIInvalid(fmt.Sprintf("Invalid '%s': empty %s. Expected %s with minimum length %s, but got an empty %s instead.",
			at, kind, openAIKinds(kind), edge, kind), at, "empty_"+kind)
	case tooLong:
		kind := kindOf(f.got)
		return openAIInvalid(fmt.Sprintf("Invalid '%s': %s too long. Expected %s with maximum length %s, but got %s with length %d instead.",
			at, kind, openAIKinds(kind), edge, openAIKinds(kind), length(f.got)), at, kind+"_above_max_length")
	default:
		return openAIInvalid(fmt.Sprintf("Invalid '%s': string does not match pattern. Expected a string that matches the pattern '%s'.",
			at, f.want), at, "invalid_value")
	}
}

func openAIKinds(kinds string) string {
	names := map[string]string{
		"null": "null", "boolean": "a boolean", "string": "a string", "integer": "an integer",
		"number": "a decimal", "array": "an array", "object": "an object",
	}
	all := strings.Split(kinds, "|")
	for i, k := range all {
		all[i] = names[k]
	}
	if len(all) == 1 {
		return all[0]
	}
	return "one of " + strings.Join(all, " or ")
}

func decimal(kind string) string {
	if kind == "integer" {
		return kind
	}
	return "decimal"
}

func length(v any) int {
	switch v := v.(type) {
	case string:
		return len([]rune(v))
	case []any:
		return len(v)
	}
	return 0
}

// quotedList writes 'a', 'b', and 'c'.
func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + w + "'"
	}
	if n := len(quoted); n > 1 {
		quoted[n-1] = "and " + quoted[n-1]
	}
	if len(quoted) == 2 {
		return strings.Join(quoted, " ")
	}
	return strings.Join(quoted, ", ")
}

func (d openAI) refuse(w http.ResponseWriter, no *refusal, _ string) {
	if no.retryAfter != "" {
		w.Header().Set("Retry-After", no.retryAfter)
	}
	if no.html {
		refuseAsPage(w, no.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_, _ = w.Write(d.error(no))
}

func openAIError(no *refusal) jsontext.Value {
	e := document(pair{"error", document(
		pair{"message", no.message}, pair{"type", no.kind}, pair{"param", orNull(no.param)}, pair{"code", orNull(no.code)},
	)})
	_ = e.Indent(jsontext.WithIndent("    "))
	return e
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// refuseAsPage is the error of the proxy in front of a provider.
func refuseAsPage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>", status, http.StatusText(status))
}

func (openAI) ordered(o *orders) *refusal {
	no := &refusal{status: o.status, kind: "server_error", code: o.code,
		message: "The server had an error while processing your request. Sorry about that!"}
	switch {
	case o.code == "insufficient_quota":
		no.kind = "insufficient_quota"
		no.message = "You exceeded your current quota, please check your plan and billing details."
	case o.status == http.StatusUnauthorized:
		no.kind, no.code, no.message = "invalid_request_error", "invalid_api_key", "Incorrect API key provided."
	case o.status == http.StatusTooManyRequests:
		no.kind, no.code, no.message = "requests", "rate_limit_exceeded", "Rate limit reached for requests."
	case o.status == http.StatusServiceUnavailable:
		no.message = "The engine is currently overloaded, please try again later."
	case o.status < http.StatusInternalServerError:
		no.kind, no.message = "invalid_request_error", "The request was refused, as it asked."
	}
	return no
}

// decode reads a body strictly: one JSON object in valid UTF-8, no name twice.
func decode(body []byte) (map[string]any, error) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is %s", kindOf(v))
	}
	return m, nil
}
