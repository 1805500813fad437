package google

import (
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// finishReasons are Gemini's reasons, as OpenAI has them. All others that begin
// by refusing (SAFETY, RECITATION, LANGUAGE, BLOCKLIST, PROHIBITED_CONTENT, SPII,
// IMAGE_SAFETY, …) and those that nobody knows yet are content_filter: the answer
// is not what the model wanted to say.
var finishReasons = map[string]string{
	"STOP":       openai.FinishStop,
	"MAX_TOKENS": openai.FinishLength,
}

// failures are the reasons of answers that can't be used, though nobody refused
// anything: the model stumbled, and may not the next time.
var failures = map[string]bool{
	"FINISH_REASON_UNSPECIFIED": true,
	"OTHER":                     true,
	"MALFORMED_FUNCTION_CALL":   true,
	"MALFORMED_RESPONSE":        true,
	"MISSING_THOUGHT_SIGNATURE": true,
	"UNEXPECTED_TOOL_CALL":      true,
	"TOO_MANY_TOOL_CALLS":       true,
	"NO_IMAGE":                  true,
}

// reason is OpenAI's finish reason; called says that the answer has function
// calls.
func reason(native string, called bool) string {
	r, ok := finishReasons[native]
	switch {
	case !ok:
		return openai.FinishContentFilter
	case r == openai.FinishStop && called:
		return openai.FinishToolCalls
	}
	return r
}

func failed(native string) bool { return failures[native] }

// finishError is the failure that a finish reason means. Gemini's own message is
// left out: it quotes the answer.
func finishError(native string) error {
	return &provider.Error{Kind: provider.Failed, Code: native, Message: "the model's answer broke off: " + native}
}
