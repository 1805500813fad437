package admin

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/layergateway/layergateway/gate"
)

// annotations are what says nothing of a value.
var annotations = []string{"description", "default", "examples"}

// match says in what a value is not as a schema has it. closed: it may have no member that the schema doesn't name.
func (d description) match(schema map[string]any, value any, closed bool, at string) (wrong []string) {
	schema = d.resolve(schema)
	note := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range schema {
		switch keyword {
		case "type":
			if !isType(want, value) {
				note("%v is not %v", value, want)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(one any) bool { return reflect.DeepEqual(one, value) }) {
				note("%v is none of %v", value, want)
			}
		case "allOf":
			for _, one := range want.([]any) {
				wrong = append(wrong, d.match(one.(map[string]any), value, false, at)...)
			}
		case "oneOf":
			n := 0
			for _, one := range want.([]any) {
				if len(d.match(one.(map[string]any), value, false, at)) == 0 {
					n++
				}
			}
			if n != 1 {
				note("%v is %d of its kinds", value, n)
			}
		case "items":
			list, _ := value.([]any)
			for i, one := range list {
				wrong = append(wrong, d.match(want.(map[string]any), one, closed, fmt.Sprintf("%s.%d", at, i))...)
			}
		case "minimum", "maximum":
			if n, ok := value.(float64); ok && cmp.Compare(n, want.(float64)) == map[string]int{"minimum": -1, "maximum": 1}[keyword] {
				note("%v is beyond the %s of %v", n, keyword, want)
			}
		case "maxProperties":
			if object, ok := value.(map[string]any); ok && len(object) > int(want.(float64)) {
				note("%v has too many members", object)
			}
		case "format":
			wrong = append(wrong, matchFormat(want.(string), value, at)...)
		case "required":
			if object, ok := value.(map[string]any); ok {
				for _, name := range want.([]any) {
					if _, ok := object[name.(string)]; !ok {
						note("%v is missing", name)
					}
				}
			}
		case "properties", "additionalProperties":
		default:
			if !slices.Contains(annotations, keyword) {
				note("the tests don't know %s", keyword)
			}
		}
	}
	return append(wrong, d.matchMembers(schema, value, closed, at)...)
}

func (d description) matchMembers(schema map[string]any, value any, closed bool, at string) (wrong []string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	named, open := d.named(schema)
	own, _ := schema["properties"].(map[string]any)
	for name, member := range object {
		inside := at + "." + name
		if one, ok := own[name].(map[string]any); ok {
			wrong = append(wrong, d.match(one, member, closed, inside)...)
			continue
		}
		switch more := schema["additionalProperties"].(type) {
		case map[string]any:
			wrong = append(wrong, d.match(more, member, closed, inside)...)
			continue
		case bool:
			if !more {
				wrong = append(wrong, inside+": the document allows no such member")
			}
		}
		if closed && !open && !named[name] {
			wrong = append(wrong, inside+": the document lacks it")
		}
	}
	return wrong
}

// named are the members that a schema names, with all that it is put together of; open: it may have any.
func (d description) named(schema map[string]any) (names map[string]bool, open bool) {
	names = make(map[string]bool)
	own, _ := schema["properties"].(map[string]any)
	for name := range own {
		names[name] = true
	}
	parts, _ := schema["allOf"].([]any)
	kinds, _ := schema["oneOf"].([]any)
	for _, part := range slices.Concat(parts, kinds) {
		more, _ := d.named(d.resolve(part.(map[string]any)))
		maps.Copy(names, more)
	}
	return names, len(names) == 0
}

func isType(want, value any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return isType(one, value) })
	}
	n, isNumber := value.(float64)
	switch want {
	case "number":
		return isNumber
	case "integer":
		return isNumber && n == math.Trunc(n)
	case "null":
		return value == nil
	}
	kind := map[any]reflect.Kind{"string": reflect.String, "boolean": reflect.Bool, "object": reflect.Map, "array": reflect.Slice}
	return value != nil && kind[want] == reflect.TypeOf(value).Kind()
}

func matchFormat(format string, value any, at string) []string {
	text, ok := value.(string)
	if !ok {
		return nil
	}
	fits := format == "uuid" && gate.IsUUID(text)
	if format == "date-time" {
		_, err := time.Parse(time.RFC3339, text)
		fits = err == nil
	}
	if !fits {
		return []string{fmt.Sprintf("%s: %q is no %s", at, text, format)}
	}
	return nil
}
