package google

import (
	"strconv"
	"strings"
)

// Generations of models, as ten times their number: 25 is Gemini 2.5.
const (
	unknown  = 0
	gemini25 = 25
	gemini3  = 30
	gemini31 = 31
)

// generation reads the generation from a model's name: 31 of
// gemini-3.1-pro-preview. Names such as gemini-flash-latest move on with time
// and are past Gemini 3; models of other families are unknown.
func generation(model string) int {
	name, ok := strings.CutPrefix(strings.TrimPrefix(model, "models/"), "gemini-")
	if !ok {
		return unknown
	}
	if strings.HasSuffix(name, "-latest") && (name[0] < '0' || name[0] > '9') {
		return gemini31
	}
	number, _, _ := strings.Cut(name, "-")
	major, minor, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	if err != nil || n < 0 || n > 99 {
		return unknown
	}
	m, err := strconv.Atoi(minor)
	if err != nil || m < 0 || m > 9 {
		m = 0
	}
	return 10*n + m
}

// systemless tells whether the model refuses system instructions: Gemma did up
// to its third generation.
func systemless(model string) bool {
	name := strings.TrimPrefix(model, "models/")
	for _, old := range []string{"gemma-2", "gemma-3"} {
		if strings.HasPrefix(name, old) {
			return true
		}
	}
	return false
}

// effort is what a reasoning_effort becomes: a level, or where that is empty a
// budget in tokens.
type effort struct {
	level  string
	budget int
}

// thinking says what models from a generation on make of reasoning_effort.
type thinking struct {
	from    int
	names   []string // any of these is in the model's name; none: all models
	efforts map[string]effort
}

// thinkings holds the models that think; the first row that fits counts. Google's
// own OpenAI endpoint maps alike, as far as it knows the effort:
// https://ai.google.dev/gemini-api/docs/openai#thinking. A model that can't stop
// thinking thinks as little as it can for "none".
var thinkings = []thinking{
	// Image and speech models think as they like, if at all.
	{unknown, []string{"-image", "-tts", "-audio", "-live"}, nil},
	{gemini31, []string{"-pro"}, map[string]effort{
		"none": {level: "low"}, "minimal": {level: "low"}, "low": {level: "low"}, "medium": {level: "medium"},
		"high": {level: "high"}, "xhigh": {level: "high"}, "max": {level: "high"},
	}},
	{gemini3, []string{"-pro"}, map[string]effort{
		"none": {level: "low"}, "minimal": {level: "low"}, "low": {level: "low"}, "medium": {level: "high"},
		"high": {level: "high"}, "xhigh": {level: "high"}, "max": {level: "high"},
	}},
	{gemini3, nil, map[string]effort{
		"none": {level: "minimal"}, "minimal": {level: "minimal"}, "low": {level: "low"}, "medium": {level: "medium"},
		"high": {level: "high"}, "xhigh": {level: "high"}, "max": {level: "high"},
	}},
	{gemini25, []string{"-pro"}, map[string]effort{
		"none": {budget: 128}, "minimal": {budget: 1024}, "low": {budget: 1024}, "medium": {budget: 8192},
		"high": {budget: 24576}, "xhigh": {budget: 32768}, "max": {budget: 32768},
	}},
	{gemini25, nil, map[string]effort{
		"none": {budget: 0}, "minimal": {budget: 1024}, "low": {budget: 1024}, "medium": {budget: 8192},
		"high": {budget: 24576}, "xhigh": {budget: 24576}, "max": {budget: 24576},
	}},
}

// effortsOf gives what a model makes of reasoning_effort, nil for a model that
// can't be told how much to think.
func effortsOf(model string) map[string]effort {
	g := generation(model)
	for _, t := range thinkings {
		if g < t.from {
			continue
		}
		fits := len(t.names) == 0
		for _, n := range t.names {
			fits = fits || strings.Contains(model, n)
		}
		if fits {
			return t.efforts
		}
	}
	return nil
}

// isEffort tells whether OpenAI has a reasoning_effort of that name.
func isEffort(s string) bool {
	_, ok := thinkings[len(thinkings)-1].efforts[s]
	return ok
}
