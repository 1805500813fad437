package gate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of what a gate can say. They keep a compiled gate small, whatever was written.
const (
	maxTargets = 32
	maxWeight  = 1000
	maxRetries = 10
	maxTokens  = 1 << 31
)

var (
	taskTypes  = []string{"chat", "embeddings", "image", "tts", "stt", "video", "ocr"}
	strategies = []string{"single", "fallback", "round-robin", "weighted", "lowest-latency", "lowest-cost"}
	modes      = []string{"prepend", "default", "replace"}
	formats    = []string{"text", "json_object", "json_schema"}
)

// Validate reports every mistake in the gate that can be seen without knowing which providers and other gates there are:
// FieldErrors, joined.
func (c *Config) Validate() error {
	var errs []error
	note := func(err error, path ...string) {
		if err != nil {
			errs = append(errs, mistake(err, path...))
		}
	}
	switch {
	case c.ID == "":
		note(errors.New("is missing: give the gate a UUID"), "id")
	case !IsUUID(c.ID):
		note(fmt.Errorf("must be a UUID, not %s", quote(c.ID)), "id")
	}
	if c.Name != "" {
		note(checkName(c.Name), "name")
	}
	note(c.checkTask(), "taskType")
	note(oneOf(c.RoutingStrategy, strategies), "routingStrategy")
	note(oneOf(c.SystemPromptMode, modes), "systemPromptMode")
	note(c.Temperature.between(0, 2), "temperature")
	note(c.TopP.between(0, 1), "topP")
	_, err := c.MaxTokens.whole(1, maxTokens, 0)
	note(err, "maxTokens")
	_, err = c.MaxRetries.whole(0, maxRetries, 0)
	note(err, "maxRetries")
	c.validateModels(note)
	for _, t := range []struct {
		name string
		d    Duration
	}{{"firstToken", c.Timeouts.FirstToken}, {"idle", c.Timeouts.Idle}, {"total", c.Timeouts.Total}} {
		note(t.d.check(), "timeouts", t.name)
	}
	note(c.checkHedge(), "hedge")
	_, field, err := c.responseFormat()
	note(err, field)
	if _, err := c.Limits(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkTask refuses the tasks that the format of gates has and this version can't do: to serve such a gate as a chat
// would be worse.
func (c *Config) checkTask() error {
	if err := oneOf(c.TaskType, taskTypes); err != nil || c.TaskType == "" || c.TaskType == "chat" {
		return err
	}
	return fmt.Errorf("%s is not supported by this version: remove it", quote(c.TaskType))
}

// errNoSecond is of a hedge where all models are one.
var errNoSecond = errors.New("has no second target to start: add a fallback model, or remove it")

func (c *Config) checkHedge() error {
	switch {
	case c.Hedge == 0:
		return nil
	case c.Hedge < 0:
		return c.Hedge.check()
	case len(c.FallbackModels) == 0:
		return errNoSecond
	case c.RoutingStrategy == "" || c.RoutingStrategy == string(Single):
		return errors.New("has no second target to start with the strategy single: choose another, or remove it")
	}
	return nil
}

func (c *Config) validateModels(note func(err error, path ...string)) {
	if c.Model == "" {
		note(errors.New(`is missing: name it as "<provider>/<model>"`), "model")
	} else {
		note(checkModel(c.Model), "model")
	}
	if len(c.FallbackModels) >= maxTargets {
		note(fmt.Errorf("lists %d models: %d are the most", len(c.FallbackModels), maxTargets-1), "fallbackModels")
		return
	}
	for i, f := range c.FallbackModels {
		place := []string{"fallbackModels", strconv.Itoa(i)}
		if f.Model == "" {
			note(errors.New("has no model"), place...)
		} else {
			note(checkModel(f.Model), place...)
		}
		_, err := f.Weight.whole(1, maxWeight, 1)
		note(err, append(place, "weight")...)
	}
}

// checkModel refuses what would later break a log line or a header; whether the model exists is for the Resolver to say.
func checkModel(model string) error {
	if strings.ContainsFunc(model, isControl) || strings.TrimSpace(model) != model {
		return fmt.Errorf("%s contains a control character or surrounding white space", quote(model))
	}
	return nil
}

// oneOf checks a word that is set against the words that there are.
func oneOf(word string, words []string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("unknown value %s: it can be %s", quote(word), strings.Join(words, ", "))
}

// isSet reports whether raw JSON says anything: neither missing nor null.
func isSet(raw []byte) bool { return len(raw) > 0 && string(raw) != "null" }
