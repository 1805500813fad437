package upstream

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func anthropicInvalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

// anthropicWords says a fault of shape as Anthropic does.
func anthropicWords(f *fault) *refusal {
	at := f.at.render(".", "", true)
	join := func(key string) string { return strings.TrimPrefix(at+"."+key, ".") }
	edge := strconv.FormatFloat(f.edge, 'f', -1, 64)
	switch f.what {
	case unknown:
		return anthropicInvalid("%s: Extra inputs are not permitted", join(f.key))
	case missing:
		return anthropicInvalid("%s: Field required", join(f.key))
	case wrongType:
		return anthropicInvalid("%s: Input should be %s", at, anthropicKind(f.want))
	case notAllowed:
		if at == "messages.0.role" || strings.HasSuffix(at, ".role") {
			if f.got == "system" {
				return anthropicInvalid(`messages: Unexpected role "system". The Messages API accepts a top-level ` +
					"`system` parameter, not \"system\" as an input message role.")
			}
			return anthropicInvalid(`messages: Unexpected role "%v". Allowed roles are "user" or "assistant"`, f.got)
		}
		return anthropicInvalid("%s: Input should be %s", at, alternatives(f.set))
	case unknownTag:
		quoted := make([]string, len(f.set))
		for i, s := range f.set {
			quoted[i] = "'" + s + "'"
		}
		return anthropicInvalid("%s: Input tag '%v' found using 'type' does not match any of the expected tags: %s",
			at, f.got, strings.Join(quoted, ", "))
	case below, above:
		if at == "temperature" {
			return anthropicInvalid("temperature: range: 0..1")
		}
		side := "greater"
		if f.what == above {
			side = "less"
		}
		return anthropicInvalid("%s: Input should be %s than or equal to %s", at, side, edge)
	case tooShort:
		if at == "messages" {
			return anthropicInvalid("messages: at least one message is required")
		}
		return anthropicInvalid("%s: String should have at least %s character", at, edge)
	case tooLong:
		return anthropicInvalid("%s: String should have at most %s characters", at, edge)
	default:
		return anthropicInvalid("%s: String should match pattern '%s'", at, f.want)
	}
}

func anthropicKind(kinds string) string {
	names := map[string]string{
		"boolean": "a valid boolean", "string": "a valid string", "integer": "a valid integer",
		"number": "a valid number", "array": "a valid list", "object": "a valid dictionary",
	}
	// Of a union, the last member's complaint is the one that is told.
	all := strings.Split(kinds, "|")
	return names[all[len(all)-1]]
}

// alternatives writes 'a', 'b' or 'c'.
func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + w + "'"
	}
	if n := len(quoted); n > 1 {
		return strings.Join(quoted[:n-1], ", ") + " or " + quoted[n-1]
	}
	return strings.Join(quoted, "")
}

func anthropicError(no *refusal, id string) jsontext.Value {
	return document(
		pair{"type", "error"}, pair{"error", document(pair{"type", no.kind}, pair{"message", no.message})},
		pair{"request_id", "req_" + id})
}

func (anthropic) refuse(w http.ResponseWriter, no *refusal, id string) {
	if no.retryAfter != "" {
		w.Header().Set("Retry-After", no.retryAfter)
	}
	if no.html {
		refuseAsPage(w, no.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_, _ = w.Write(anthropicError(no, id))
}

func (anthropic) ordered(o *orders) *refusal {
	kinds := map[int][2]string{
		400: {"invalid_request_error", "The request was refused, as it asked."},
		401: {"authentication_error", "invalid x-api-key"},
		402: {"billing_error", "Your credit balance is too low to access the Anthropic API."},
		403: {"permission_error", "Your API key does not have permission to use the specified resource."},
		404: {"not_found_error", "Not Found"},
		413: {"request_too_large", "Request exceeds the maximum size"},
		429: {"rate_limit_error", "This request would exceed your organization's rate limit."},
		504: {"timeout_error", "Request timed out"},
		529: {"overloaded_error", "Overloaded"},
	}
	kind, ok := kinds[o.status]
	if !ok {
		kind = [2]string{"api_error", "Internal server error"}
	}
	return &refusal{status: o.status, kind: kind[0], message: kind[1]}
}
