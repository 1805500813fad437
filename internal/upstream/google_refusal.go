package upstream

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func googleInvalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "INVALID_ARGUMENT", message: fmt.Sprintf(format, args...)}
}

// googleWords says a fault of shape as Google's JSON reader does, with the field violation in the details.
func googleWords(f *fault) *refusal {
	at := snakePath(f.at.render("[", "]", false))
	value, err := json.Marshal(f.got)
	if err != nil {
		value = []byte("null")
	}
	var no *refusal
	switch f.what {
	case unknown:
		place := ""
		if at != "" {
			place = " at '" + at + "'"
		}
		no = googleInvalid("Invalid JSON payload received. Unknown name \"%s\"%s: Cannot find field.", f.key, place)
	case wrongType:
		switch kind := kindOf(f.got); {
		case kind == "array":
			no = googleInvalid("Invalid JSON payload received. Unknown name \"%s\" at '%s': Proto field is not repeating, cannot start list.",
				lastName(at), parentPath(at))
		case f.want == "array" || (f.want == "object" && kind != "object"):
			no = googleInvalid("Invalid value at '%s' (%s), %s", at, protoType(f.want), value)
		default:
			no = googleInvalid("Invalid value at '%s' (%s), %s", at, protoType(f.want), value)
		}
	case mismatch:
		no = googleInvalid("Invalid value at '%s' (TYPE_BYTES), Base64 decoding failed for %s", at, value)
	default:
		no = googleInvalid("Invalid value at '%s' (TYPE_ENUM), %s", at, value)
	}
	no.details = []any{document(
		pair{"@type", "type.googleapis.com/google.rpc.BadRequest"},
		pair{"fieldViolations", []jsontext.Value{document(pair{"field", at}, pair{"description", no.message})}},
	)}
	return no
}

func protoType(kind string) string {
	names := map[string]string{
		"string": "TYPE_STRING", "number": "TYPE_FLOAT", "integer": "TYPE_INT32", "boolean": "TYPE_BOOL",
		"object": "type.googleapis.com/google.protobuf.Struct", "array": "TYPE_LIST",
	}
	return names[kind]
}

func lastName(at string) string { return at[strings.LastIndex(at, ".")+1:] }

func parentPath(at string) string { return at[:max(strings.LastIndex(at, "."), 0)] }

// snakePath writes a path in the names of the protocol buffers: generationConfig is generation_config.
func snakePath(at string) string {
	var b strings.Builder
	for _, c := range at {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func googleError(no *refusal) jsontext.Value {
	members := []pair{{"code", no.status}, {"message", no.message}, {"status", no.kind}}
	if no.details != nil {
		members = append(members, pair{"details", no.details})
	}
	return document(pair{"error", document(members...)})
}

func (google) refuse(w http.ResponseWriter, no *refusal, _ string) {
	if no.html {
		refuseAsPage(w, no.status)
		return
	}
	if no.retryAfter != "" { // there is no header: the body says it
		no.details = append(no.details, document(
			pair{"@type", "type.googleapis.com/google.rpc.RetryInfo"}, pair{"retryDelay", no.retryAfter + "s"}))
	}
	e := googleError(no)
	_ = e.Indent(jsontext.WithIndent("  "))
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(no.status)
	_, _ = w.Write(append(e, '\n'))
}

func (google) ordered(o *orders) *refusal {
	kinds := map[int][2]string{
		400: {"INVALID_ARGUMENT", "Request contains an invalid argument."},
		401: {"UNAUTHENTICATED", "Request had invalid authentication credentials."},
		403: {"PERMISSION_DENIED", "The caller does not have permission"},
		404: {"NOT_FOUND", "Requested entity was not found."},
		429: {"RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."},
		503: {"UNAVAILABLE", "The model is overloaded. Please try again later."},
		504: {"DEADLINE_EXCEEDED", "The request timed out. Please try again."},
	}
	kind, ok := kinds[o.status]
	if !ok {
		kind = [2]string{"INTERNAL", "An internal error has occurred. Please retry."}
	}
	return &refusal{status: o.status, kind: kind[0], message: kind[1]}
}

// errorInfo is the machine-readable reason of an error.
func errorInfo(reason string) jsontext.Value {
	return document(
		pair{"@type", "type.googleapis.com/google.rpc.ErrorInfo"}, pair{"reason", reason}, pair{"domain", "googleapis.com"},
		pair{"metadata", document(pair{"service", "generativelanguage.googleapis.com"})})
}
