package upstream

import (
	"fmt"
	"slices"
)

// googleTurns checks that functions are called by the model, and answered in the next content, each once.
// Calls that the user talks over without a single answer are let pass, as the real API does.
func googleTurns(req map[string]any, _ googleModel) *refusal {
	contents := items(req, "contents")
	var called []string // by the content before
	model := false      // the content before is the model's
	for i, c := range each(contents) {
		var calls, answers []string
		for j, p := range each(items(c, "parts")) {
			if f := sub(p, "functionCall"); f != nil {
				if str(c, "role") != "model" {
					return googleInvalid("Please ensure that function call turn has the role model.")
				}
				if str(f, "name") == "" {
					return googleField(fmt.Sprintf("contents[%d].parts[%d].function_call.name", i, j), "Name cannot be empty.")
				}
				calls = append(calls, str(f, "name"))
			}
			if f := sub(p, "functionResponse"); f != nil {
				if str(f, "name") == "" {
					return googleField(fmt.Sprintf("contents[%d].parts[%d].function_response.name", i, j), "Name cannot be empty.")
				}
				answers = append(answers, str(f, "name"))
			}
		}
		switch {
		case len(answers) > 0 && (len(called) == 0 || str(c, "role") == "model"):
			return googleInvalid("Please ensure that function response turn comes immediately after a function call turn.")
		case len(answers) > 0 && !sameNames(called, answers):
			return googleUnequal()
		case len(calls) > 0 && (i == 0 || model):
			return googleInvalid("Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
		}
		called, model = calls, str(c, "role") == "model"
	}
	if len(called) > 0 {
		return googleUnequal()
	}
	return nil
}

func googleUnequal() *refusal {
	return googleInvalid("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// The signatures that Google documents for calls that no Gemini model made.
var googleSentinels = []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}

// googleSignatures checks that signatures are ours, on the part they were made for, and that in the
// current turn, which begins with the last text of the user, the first call of each step has one, in the
// order of the steps.
func googleSignatures(req map[string]any, m googleModel) *refusal {
	contents := items(req, "contents")
	current := 0
	for i, c := range each(contents) {
		if str(c, "role") != "model" && googlePlain(c) != "" {
			current = i
		}
	}
	last := ""
	for i, c := range each(contents) {
		first := true
		for _, p := range each(items(c, "parts")) {
			signature, call := str(p, "thoughtSignature"), sub(p, "functionCall")
			if signature != "" && !slices.Contains(googleSentinels, signature) {
				s, ok := openSeal(plainBase64(signature), googleThought(p))
				if !ok || s.answer < last {
					return googleInvalid("Corrupted thought signature.")
				}
				last = s.answer
			}
			if call == nil {
				continue
			}
			if m.sealed && i > current && first && signature == "" {
				return googleInvalid("Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "+
					"and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:%s` , position %d. "+
					"Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.", str(call, "name"), i+1)
			}
			first = false
		}
	}
	return nil
}

// googleThought is what a part's signature is made over: the call, or that it is text.
func googleThought(p map[string]any) string {
	call := sub(p, "functionCall")
	if call == nil {
		return "text"
	}
	args := document(pair{"args", sub(call, "args")})
	_ = args.Canonicalize()
	return "call:" + str(call, "name") + string(args)
}

// sealCall is the same of a call that goes out.
func sealCall(c call) string {
	args := document(pair{"args", c.args})
	_ = args.Canonicalize()
	return "call:" + c.name + string(args)
}
