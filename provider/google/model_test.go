package google

import (
	"slices"
	"testing"
)

// TestPenalties: models since 2.5 refuse penalties, which are then reported.
func TestPenalties(t *testing.T) {
	for model, taken := range map[string]bool{"gemini-2.0-flash": true, "gemma-3-27b-it": true, "gemini-2.5-flash": false, "gemini-3-pro-preview": false, "gemini-flash-latest": false} {
		for value, asks := range map[string]bool{"0.5": true, "0": false, "0.0": false, "null": false} {
			body, dropped, err := translateBody(t, model, `[{"role":"user","content":"hi"}]`, `,"presence_penalty":`+value)
			if err != nil {
				t.Fatal(err)
			}
			config := body.GenerationConfig
			if got := config != nil && config.PresencePenalty != nil; got != (taken && value != "null") {
				t.Errorf("%s, %s: %+v", model, value, config)
			}
			if got := slices.Contains(dropped, "presence_penalty"); got != (asks && !taken) {
				t.Errorf("%s, %s: dropped %v", model, value, dropped)
			}
		}
	}
}
