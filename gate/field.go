package gate

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Number is a JSON number with the digits with which it was written; "" is unset.
type Number string

// UnmarshalJSON takes a number or null.
func (n *Number) UnmarshalJSON(data []byte) error {
	switch jsontext.Value(data).Kind() {
	case 'n':
		*n = ""
	case '0':
		*n = Number(bytes.TrimSpace(data))
	default:
		return errors.New("must be a number")
	}
	return nil
}

// MarshalJSON gives the digits back.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	return []byte(n), nil
}

// value gives the digits as raw JSON, nil if the number is unset.
func (n Number) value() jsontext.Value {
	if n == "" {
		return nil
	}
	return jsontext.Value(n)
}

// check reports a text that JSON doesn't take for a number: a Number can also come from a program.
func (n Number) check() error {
	if v := jsontext.Value(n); v.Kind() != '0' || !v.IsValid() || strings.ContainsAny(string(n), " \t\r\n") {
		return fmt.Errorf("must be a number, not %s", quote(string(n)))
	}
	return nil
}

// between checks that a number that is set lies within bounds.
func (n Number) between(low, high float64) error {
	if n == "" {
		return nil
	}
	if err := n.check(); err != nil {
		return err
	}
	if f, err := strconv.ParseFloat(string(n), 64); err != nil || f < low || f > high {
		return fmt.Errorf("must be from %v to %v, not %s", low, high, clip(string(n)))
	}
	return nil
}

// whole returns a number that must be whole and within bounds, or the default if it is unset.
func (n Number) whole(low, high, unset int64) (int64, error) {
	if n == "" {
		return unset, nil
	}
	if err := n.check(); err != nil {
		return 0, err
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil || i < low || i > high {
		return 0, fmt.Errorf("must be a whole number from %d to %d, not %s", low, high, clip(string(n)))
	}
	return i, nil
}

// FallbackModel is a further model of a gate: in JSON its text alone, or {"model","weight"}.
type FallbackModel struct {
	// As Config.Model. Required.
	Model string `json:"model"`
	// How many turns it has in a round-robin, or chances of weighted, against 1 of the gate's first model. Default: 1.
	Weight Number `json:"weight,omitzero"`
}

// UnmarshalJSON takes either form.
func (f *FallbackModel) UnmarshalJSON(data []byte) error {
	switch jsontext.Value(data).Kind() {
	case '"':
		*f = FallbackModel{}
		return json.Unmarshal(data, &f.Model)
	case '{':
		type plain FallbackModel
		return json.Unmarshal(data, (*plain)(f), json.RejectUnknownMembers(true))
	}
	return errors.New(`must be a model's name, or {"model","weight"}`)
}

// MarshalJSON gives the shorter form where it says all.
func (f FallbackModel) MarshalJSON() ([]byte, error) {
	if f.Weight == "" {
		return json.Marshal(f.Model)
	}
	type plain FallbackModel
	return json.Marshal(plain(f))
}

// AllowOverrides says which fields of a request win over the gate's; nil stands for the default, which is to allow all
// but the model.
type AllowOverrides struct {
	Model       *bool `json:"model,omitzero"`
	Temperature *bool `json:"temperature,omitzero"`
	MaxTokens   *bool `json:"maxTokens,omitzero"`
	TopP        *bool `json:"topP,omitzero"`
}

// AllowAll allows or refuses every override.
func AllowAll(allow bool) AllowOverrides {
	return AllowOverrides{Model: &allow, Temperature: &allow, MaxTokens: &allow, TopP: &allow}
}

// AllowOnly allows the named overrides, of model, temperature, maxTokens and topP, and refuses the rest.
func AllowOnly(names ...string) (AllowOverrides, error) {
	a, yes := AllowAll(false), true
	for _, name := range names {
		switch name {
		case "model":
			a.Model = &yes
		case "temperature":
			a.Temperature = &yes
		case "maxTokens":
			a.MaxTokens = &yes
		case "topP":
			a.TopP = &yes
		default:
			return a, fmt.Errorf("unknown name %s: it can list model, temperature, maxTokens, topP", quote(name))
		}
	}
	return a, nil
}

// UnmarshalJSON takes a bool, an object of bools, a list of names, or null.
func (a *AllowOverrides) UnmarshalJSON(data []byte) (err error) {
	*a = AllowOverrides{}
	switch jsontext.Value(data).Kind() {
	case 'n':
		return nil
	case 't':
		*a = AllowAll(true)
		return nil
	case 'f':
		*a = AllowAll(false)
		return nil
	case '[':
		var names []string
		if err := json.Unmarshal(data, &names); err != nil {
			return err
		}
		*a, err = AllowOnly(names...)
		return err
	case '{':
		type plain AllowOverrides
		return json.Unmarshal(data, (*plain)(a), json.RejectUnknownMembers(true))
	}
	return errors.New("must be true, false, an object of them, or a list of names")
}

// resolve puts the defaults in.
func (a AllowOverrides) resolve() Overrides {
	or := func(set *bool, unset bool) bool {
		if set != nil {
			return *set
		}
		return unset
	}
	return Overrides{Model: or(a.Model, false), Temperature: or(a.Temperature, true),
		MaxTokens: or(a.MaxTokens, true), TopP: or(a.TopP, true)}
}

// Duration is a time span, in JSON a text such as "20s" or "2m30s"; 0 is unset.
type Duration time.Duration

// UnmarshalJSON takes such a text or null.
func (d *Duration) UnmarshalJSON(data []byte) error {
	*d = 0
	switch jsontext.Value(data).Kind() {
	case 'n':
		return nil
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		span, err := time.ParseDuration(text)
		if err != nil || span <= 0 {
			return fmt.Errorf(`must be a positive duration such as "20s" or "2m", not %s`, quote(text))
		}
		*d = Duration(span)
		return nil
	}
	return errors.New(`must be a duration such as "20s" or "2m"`)
}

// MarshalJSON gives the text.
func (d Duration) MarshalJSON() ([]byte, error) {
	if d == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(time.Duration(d).String())
}

func (d Duration) check() error {
	if d < 0 {
		return errors.New("must not be negative")
	}
	return nil
}

// TimeoutsConfig says how long to wait for a model.
type TimeoutsConfig struct {
	// Until the first content of a stream. Default: 2m.
	FirstToken Duration `json:"firstToken,omitzero"`
	// Between two events of a stream. Default: 2m.
	Idle Duration `json:"idle,omitzero"`
	// For a whole request with all its attempts. Default: 10m.
	Total Duration `json:"total,omitzero"`
}

// FieldError is a mistake in one field of a gate.
type FieldError struct {
	// Field is the way to the field from the gate's object, such as "timeouts.idle" or "fallbackModels.0.weight"; "" if
	// the mistake is in the gate as a whole.
	Field string
	// Err says what is wrong with it, without repeating its name.
	Err error

	pointer jsontext.Pointer
	offset  int64 // in the gate's JSON; -1 if unknown
}

// Error gives the field and the mistake.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

// Unwrap returns the mistake.
func (e *FieldError) Unwrap() error { return e.Err }

// mistake makes the FieldError of a top-level field, or of a part of it.
func mistake(err error, path ...string) *FieldError {
	var p jsontext.Pointer
	for _, name := range path {
		p = p.AppendToken(name)
	}
	return &FieldError{Field: strings.Join(path, "."), Err: err, pointer: p, offset: -1}
}

// fieldError turns an error of the JSON decoder into a FieldError that says it in the words of gates.
func fieldError(err error) *FieldError {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		e := mistake(fmt.Errorf("is not valid JSON: %w", syntax.Err), slices.Collect(syntax.JSONPointer.Tokens())...)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			// Its place is the second one's, which the pointer doesn't tell.
			e.Err, e.pointer = errors.New("is given twice"), ""
		}
		e.offset = syntax.ByteOffset
		return e
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return mistake(err)
	}
	path := slices.Collect(semantic.JSONPointer.Tokens())
	offset := semantic.ByteOffset
	// A field's own decoder reports a mistake within the field: its place is the sum of both.
	var inner *json.SemanticError
	for errors.As(semantic.Err, &inner) {
		path = append(path, slices.Collect(inner.JSONPointer.Tokens())...)
		semantic = inner
	}
	e := mistake(semantic.Err, path...)
	e.offset = offset
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		e.Err = errors.New("unknown field" + suggestion(path[len(path)-1]))
	case semantic.GoType != nil && (semantic.Err == nil || semantic.JSONValue != nil):
		e.Err = errors.New("must be " + wanted(semantic.GoType))
	}
	return e
}

// wanted says in JSON's words what a Go type takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "an object"
}

// suggestion finds the field that was meant by one in another spelling, such as system_prompt.
func suggestion(name string) string {
	for _, t := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[TimeoutsConfig]()} {
		for _, field := range reflect.VisibleFields(t) {
			known, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if known != "" && strings.EqualFold(strings.ReplaceAll(name, "_", ""), known) {
				return fmt.Sprintf(": write %q", known)
			}
		}
	}
	return ""
}

// quote shows a text of the gate's author in an error, clipped so that a mistake can't flood a log.
func quote(s string) string { return strconv.Quote(clip(s)) }

func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
