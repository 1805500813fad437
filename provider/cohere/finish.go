package cohere

import (
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// failures are the finish reasons of answers that can't be used.
var failures = map[string]provider.Kind{
	"ERROR":   provider.Failed,
	"TIMEOUT": provider.TimedOut,
}

// failure says what a failed answer failed of.
func failure(native, message string) string {
	switch {
	case message != "":
		return message
	case native == "TIMEOUT":
		return "the model's answer took too long and broke off"
	}
	return "the model's answer broke off"
}

// reason is OpenAI's finish reason. An answer that ends well calls tools if it
// has calls, whatever it says. COMPLETE and STOP_SEQUENCE are a stop, and so are
// words that nobody knows yet.
func reason(native string, called bool) string {
	switch {
	case native == "MAX_TOKENS":
		return openai.FinishLength
	case called:
		return openai.FinishToolCalls
	}
	return openai.FinishStop
}
