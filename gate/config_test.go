package gate

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testID = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"

// gateWith is the JSON of a valid gate with some members more.
func gateWith(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"id":"` + testID + `","model":"openai/gpt-4o"` + members + `}`
}

// split resolves a model as its text says, and no model of the provider "nobody".
func split(model string) (string, string, error) {
	provider, name, ok := strings.Cut(model, "/")
	if !ok || provider == "nobody" {
		return "", "", fmt.Errorf("no provider for %q: write it as <provider>/<model>", model)
	}
	return provider, name, nil
}

func TestCompile(t *testing.T) {
	base := func(change func(*Gate)) *Gate {
		g := &Gate{
			ID: testID, TaskType: "chat", Strategy: Single, SystemPromptMode: Prepend, MaxRetries: 1, Source: "here",
			Targets:   []Target{{"openai", "gpt-4o", 1}},
			Overrides: Overrides{Temperature: true, MaxTokens: true, TopP: true},
			Timeouts:  Timeouts{2 * time.Minute, 2 * time.Minute, 10 * time.Minute},
		}
		change(g)
		return g
	}
	raw := func(s string) jsontext.Value { return jsontext.Value(s) }
	for name, test := range map[string]struct {
		members string
		change  func(*Gate)
	}{
		"defaults": {``, func(*Gate) {}},
		"nulls": {`"name":null,"description":null,"tags":null,"taskType":null,"fallbackModels":null,"routingStrategy":null,
			"systemPrompt":null,"systemPromptMode":null,"temperature":null,"maxTokens":null,"topP":null,"allowOverrides":null,
			"responseFormatEnabled":null,"responseFormatType":null,"responseFormatSchema":null,"timeouts":null,
			"maxRetries":null,"spendingLimit":null,"spendingLimitPeriod":null,"spendingEnforcement":null,"rateLimit":null,
			"tokenLimit":null,"strict":null,"paused":null`, func(*Gate) {}},
		"texts": {`"name":"a","description":"b","tags":["c","d"],"systemPrompt":"e","systemPromptMode":"replace"`,
			func(g *Gate) {
				g.Name, g.Description, g.Tags, g.SystemPrompt, g.SystemPromptMode = "a", "b", []string{"c", "d"}, "e", Replace
			}},
		"mode default": {`"systemPromptMode":"default"`, func(g *Gate) { g.SystemPromptMode = Default }},
		"numbers keep their digits": {`"temperature":0.70,"topP":1e0,"maxTokens":1024`, func(g *Gate) {
			g.Temperature, g.TopP, g.MaxTokens = raw("0.70"), raw("1e0"), 1024
		}},
		"bounds, low":  {`"temperature":0,"topP":0,"maxTokens":1,"maxRetries":0`, func(g *Gate) { g.Temperature, g.TopP, g.MaxTokens, g.MaxRetries = raw("0"), raw("0"), 1, 0 }},
		"bounds, high": {`"temperature":2,"topP":1,"maxRetries":10`, func(g *Gate) { g.Temperature, g.TopP, g.MaxRetries = raw("2"), raw("1"), 10 }},
		"timeouts": {`"timeouts":{"firstToken":"20s","total":"1h"}`, func(g *Gate) {
			g.Timeouts.FirstToken, g.Timeouts.Total = 20*time.Second, time.Hour
		}},
		"hedge": {`"hedge":"1.5s","routingStrategy":"lowest-latency","fallbackModels":["a/x"]`, func(g *Gate) {
			g.Hedge, g.Strategy = 1500*time.Millisecond, LowestLatency
			g.Targets = append(g.Targets, Target{"a", "x", 1})
		}},
		"weighted":    {`"routingStrategy":"weighted"`, func(g *Gate) { g.Strategy = Weighted }},
		"lowest cost": {`"routingStrategy":"lowest-cost"`, func(g *Gate) { g.Strategy = LowestCost }},
		"bools":       {`"strict":true,"paused":true`, func(g *Gate) { g.Strict, g.Paused = true, true }},
		"fallback": {`"routingStrategy":"fallback","fallbackModels":["anthropic/claude/x",{"model":"google/y","weight":3}]`,
			func(g *Gate) {
				g.Strategy = Fallback
				g.Targets = append(g.Targets, Target{"anthropic", "claude/x", 1}, Target{"google", "y", 3})
			}},
		"repeated models are one": {`"routingStrategy":"fallback","fallbackModels":["a/x","openai/gpt-4o",{"model":"a/x","weight":2}]`,
			func(g *Gate) {
				g.Strategy = Fallback
				g.Targets = []Target{{"openai", "gpt-4o", 2}, {"a", "x", 3}}
			}},
		"overrides true":   {`"allowOverrides":true`, func(g *Gate) { g.Overrides = Overrides{true, true, true, true} }},
		"overrides false":  {`"allowOverrides":false`, func(g *Gate) { g.Overrides = Overrides{} }},
		"overrides object": {`"allowOverrides":{"model":true,"topP":false}`, func(g *Gate) { g.Overrides = Overrides{true, true, true, false} }},
		"overrides list":   {`"allowOverrides":["maxTokens","temperature"]`, func(g *Gate) { g.Overrides = Overrides{false, true, true, false} }},
		"overrides empty":  {`"allowOverrides":[]`, func(g *Gate) { g.Overrides = Overrides{} }},
		"format":           {`"responseFormatType":"json_object"`, func(g *Gate) { g.ResponseFormat = raw(`{"type":"json_object"}`) }},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Decode([]byte(gateWith(test.members)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := compile(c, "here", split)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(base(test.change), got, cmpopts.IgnoreUnexported(Gate{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for members, want := range map[string]string{
		`"color":"red"`:                                   `color: unknown field`,
		`"system_prompt":"x"`:                             `system_prompt: unknown field: write "systemPrompt"`,
		`"SystemPrompt":"x"`:                              `SystemPrompt: unknown field: write "systemPrompt"`,
		`"strict":true,"strict":false`:                    `strict: is given twice`,
		`"name":7`:                                        `name: must be text`,
		`"name":"` + testID + `"`:                         `name: looks like a UUID: it could be taken for another gate's id`,
		`"name":"layer/x"`:                                `name: begins with "layer/" or "layer:", which is how a request's model names a gate`,
		`"name":"layer:x"`:                                `name: begins with "layer/" or "layer:", which is how a request's model names a gate`,
		`"name":"a\u0007"`:                                `name: contains a control character`,
		`"name":" a"`:                                     `name: begins or ends with white space`,
		`"name":"` + strings.Repeat("é", 65) + `"`:        `name: is 130 bytes long: 128 are the most`,
		`"tags":"a"`:                                      `tags: must be a list`,
		`"tags":[1]`:                                      `tags.0: must be text`,
		`"taskType":"cook"`:                               `taskType: unknown value "cook": it can be chat, embeddings, image, tts, stt, video, ocr`,
		`"taskType":"tts"`:                                `taskType: "tts" is not supported by this version: remove it`,
		`"routingStrategy":"random"`:                      `routingStrategy: unknown value "random": it can be single, fallback, round-robin, weighted, lowest-latency, lowest-cost`,
		`"spendingLimitPeriod":"hourly"`:                  `spendingLimitPeriod: unknown value "hourly": it can be daily, weekly, monthly, total`,
		`"spendingEnforcement":"cry"`:                     `spendingEnforcement: unknown value "cry": it can be block, alert_only`,
		`"systemPromptMode":"append"`:                     `systemPromptMode: unknown value "append": it can be prepend, default, replace`,
		`"temperature":"hot"`:                             `temperature: must be a number`,
		`"temperature":2.01`:                              `temperature: must be from 0 to 2, not 2.01`,
		`"temperature":-1`:                                `temperature: must be from 0 to 2, not -1`,
		`"temperature":1e999`:                             `temperature: must be from 0 to 2, not 1e999`,
		`"topP":1.5`:                                      `topP: must be from 0 to 1, not 1.5`,
		`"maxTokens":0`:                                   `maxTokens: must be a whole number from 1 to 2147483648, not 0`,
		`"maxTokens":1.5`:                                 `maxTokens: must be a whole number from 1 to 2147483648, not 1.5`,
		`"maxTokens":99999999999999999999`:                `maxTokens: must be a whole number from 1 to 2147483648, not 99999999999999999999`,
		`"maxRetries":11`:                                 `maxRetries: must be a whole number from 0 to 10, not 11`,
		`"fallbackModels":"a/b"`:                          `fallbackModels: must be a list`,
		`"fallbackModels":[1]`:                            `fallbackModels.0: must be a model's name, or {"model","weight"}`,
		`"fallbackModels":["a/b",""]`:                     `fallbackModels.1: has no model`,
		`"fallbackModels":[{"weight":1}]`:                 `fallbackModels.0: has no model`,
		`"fallbackModels":[{"model":"a/b","weight":0}]`:   `fallbackModels.0.weight: must be a whole number from 1 to 1000, not 0`,
		`"fallbackModels":[{"model":"a/b","weight":"2"}]`: `fallbackModels.0.weight: must be a number`,
		`"fallbackModels":[{"model":"a/b","wait":2}]`:     `fallbackModels.0.wait: unknown field`,
		`"fallbackModels":["a/b\n"]`:                      `fallbackModels.0: "a/b\n" contains a control character or surrounding white space`,
		`"fallbackModels":[` + strings.Repeat(`"a/b",`, 31) + `"a/b"]`: `fallbackModels: lists 32 models: 31 are the most`,
		`"allowOverrides":"all"`:                    `allowOverrides: must be true, false, an object of them, or a list of names`,
		`"allowOverrides":["seed"]`:                 `allowOverrides: unknown name "seed": it can list model, temperature, maxTokens, topP`,
		`"allowOverrides":{"model":1}`:              `allowOverrides.model: must be true or false`,
		`"allowOverrides":{"seed":true}`:            `allowOverrides.seed: unknown field`,
		`"timeouts":"1m"`:                           `timeouts: must be an object`,
		`"timeouts":{"idle":20}`:                    `timeouts.idle: must be a duration such as "20s" or "2m"`,
		`"timeouts":{"idle":"soon"}`:                `timeouts.idle: must be a positive duration such as "20s" or "2m", not "soon"`,
		`"timeouts":{"total":"0s"}`:                 `timeouts.total: must be a positive duration such as "20s" or "2m", not "0s"`,
		`"timeouts":{"first_token":"1s"}`:           `timeouts.first_token: unknown field: write "firstToken"`,
		`"strict":"yes"`:                            `strict: must be true or false`,
		`"hedge":2`:                                 `hedge: must be a duration such as "20s" or "2m"`,
		`"hedge":"2s"`:                              `hedge: has no second target to start: add a fallback model, or remove it`,
		`"hedge":"2s","routingStrategy":"fallback"`: `hedge: has no second target to start: add a fallback model, or remove it`,
		`"hedge":"2s","fallbackModels":["a/b"]`:     `hedge: has no second target to start with the strategy single: choose another, or remove it`,
		`"hedge":"2s","fallbackModels":["a/b"],"routingStrategy":"single"`: `hedge: has no second target to start with the strategy single: choose another, or remove it`,
		`"paused":1`: `paused: must be true or false`,
	} {
		t.Run(members[:min(len(members), 40)], func(t *testing.T) {
			_, err := Decode([]byte(gateWith(members)))
			if err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			var field *FieldError
			if !errors.As(err, &field) || !strings.HasPrefix(want, field.Field+": ") {
				t.Errorf("no FieldError that names the field: %#v", field)
			}
		})
	}
}

// A mistake that shows only with the models resolved is found by whoever loads a gate.
func TestCheck(t *testing.T) {
	for members, want := range map[string]string{
		`"routingStrategy":"fallback","hedge":"2s","fallbackModels":["a/b"]`:           ``,
		`"routingStrategy":"fallback","hedge":"2s","fallbackModels":["openai/gpt-4o"]`: `hedge: has no second target to start: add a fallback model, or remove it`,
		`"routingStrategy":"fallback","hedge":"2s","fallbackModels":["nobody/x"]`:      `fallbackModels.0: no provider for "nobody/x": write it as <provider>/<model>`,
	} {
		c, err := Decode([]byte(gateWith(members)))
		if err != nil {
			t.Fatal(err)
		}
		_, loading := compile(c, "here", split)
		for name, err := range map[string]error{"Check": c.Check(split), "compile": loading} {
			if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
				t.Errorf("%s: %s: got %s, want %s", members, name, got, want)
			}
		}
	}
	if err := (&Config{ID: "x", Model: "nobody/x"}).Check(split); err == nil || err.Error() != `id: must be a UUID, not "x"` {
		t.Errorf("got %v", err)
	}
}

func TestMistakesOfTheWhole(t *testing.T) {
	for text, want := range map[string]string{
		`{"model":"a/b"}`:                `id: is missing: give the gate a UUID`,
		`{"id":"seven","model":"a/b"}`:   `id: must be a UUID, not "seven"`,
		`{"id":"` + testID + `"}`:        `model: is missing: name it as "<provider>/<model>"`,
		`{"id":"x","model":"","topP":7}`: "id: must be a UUID, not \"x\"\ntopP: must be from 0 to 1, not 7\nmodel: is missing: name it as \"<provider>/<model>\"",
		`[]`:                             `must be an object`,
		`{"id":"` + strings.Repeat("x", 999) + `","model":"a/b"}`: `id: must be a UUID, not "` + strings.Repeat("x", 64) + `…"`,
		`{"id":"a`: `id: is not valid JSON: unexpected EOF`,
	} {
		if _, err := Decode([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.40s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A Config that a program fills hears the same as one that was read, and both decoders of JSON read what both write.
func TestConfigRoundTrip(t *testing.T) {
	only, err := AllowOnly("temperature", "model")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := &Config{
		ID: testID, Name: "a", Description: "b", Tags: []string{"c"}, TaskType: "chat", Model: "a/b",
		FallbackModels:  []FallbackModel{{Model: "c/d"}, {Model: "e/f", Weight: "3"}},
		RoutingStrategy: "round-robin", SystemPrompt: "<&>", SystemPromptMode: "replace",
		Temperature: "0.70", MaxTokens: "12", TopP: "1", AllowOverrides: only,
		ResponseFormatEnabled: &yes, ResponseFormatType: "json_schema", ResponseFormatSchema: jsontext.Value(`{"type":"object"}`),
		Timeouts: TimeoutsConfig{FirstToken: Duration(time.Second), Total: Duration(time.Minute)}, MaxRetries: "2",
		Hedge: Duration(time.Second),
		LimitsConfig: LimitsConfig{
			RateLimit:     LimitList{{"600", Duration(time.Minute)}},
			TokenLimit:    LimitList{{"1", Duration(time.Hour)}, {"2", Duration(time.Second)}},
			SpendingLimit: "12.50", SpendingLimitPeriod: "total", SpendingEnforcement: "block", SpendingTimezone: "Europe/Berlin",
			SpendingAllowUnpriced: true, SpendingThresholds: []int{50},
		},
		Strict: true, Paused: true, Advisory: Advisory{CostWeight: jsontext.Value("0.330"), UserID: jsontext.Value(`"u"`)},
	}
	if err := want.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, marshal := range map[string]func(any) ([]byte, error){
		"std": stdjson.Marshal, "v2": func(v any) ([]byte, error) { return json.Marshal(v) },
	} {
		for name2, unmarshal := range map[string]func([]byte, any) error{
			"std": stdjson.Unmarshal, "v2": func(b []byte, v any) error { return json.Unmarshal(b, v) },
		} {
			text, err := marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got := new(Config)
			if err := unmarshal(text, got); err != nil {
				t.Fatalf("%s to %s: %v", name, name2, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s to %s: %s", name, name2, diff)
			}
		}
	}
	if text, err := json.Marshal(&Config{ID: "x", Model: "y"}); err != nil || string(text) != `{"id":"x","model":"y"}` {
		t.Errorf("unset fields are written: %s %v", text, err)
	}
	bad := &Config{ID: testID, Model: "a/b", Temperature: "hot", MaxTokens: "12 ", Timeouts: TimeoutsConfig{Idle: -1}}
	const mistakes = "temperature: must be a number, not \"hot\"\nmaxTokens: must be a number, not \"12 \"\ntimeouts.idle: must not be negative"
	if err := bad.Validate(); err == nil || err.Error() != mistakes {
		t.Errorf("got %v", err)
	}
	if _, err := json.Marshal(bad); err == nil {
		t.Error("a number that is none was written")
	}
}

// The export has every column that Layer's table of gates gives, with its defaults.
func TestLayerExport(t *testing.T) {
	text, err := os.ReadFile("testdata/export.json")
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(Options{Files: []string{"testdata/export.json"}, Resolve: split})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if g, ok := table.Lookup("support"); !ok || g.MaxTokens != 1000 || string(g.Temperature) != "0.7" {
		t.Errorf("got %+v", g)
	}
	var gates []*Config
	if err := json.Unmarshal(text, &gates); err != nil {
		t.Fatal(err)
	}
	if string(gates[0].CostWeight) != "0.33" || string(gates[0].SpendingStatus) != `"active"` {
		t.Errorf("advisory fields are not kept: %+v", gates[0].Advisory)
	}
}
