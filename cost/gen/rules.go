package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// names splits a model's match rule into the ids that name it exactly and the
// rest. Ids and rules are matched in lower case. In the list an id may be a
// mere label that its own rules don't match: then the text of the first rule
// takes its place.
func names(provider, label string, match map[string]any) (id string, is []string, rest []any, err error) {
	alternatives := []any{match}
	if or, ok := match["or"]; ok {
		alternatives = or.([]any)
	}
	var kept []map[string]any
	matched := false
	for _, v := range alternatives {
		r, err := convert(v.(map[string]any))
		if err != nil {
			return "", nil, nil, err
		}
		if provider == "bedrock" && bareName(r) {
			continue
		}
		kept = append(kept, r)
		matched = matched || matches(r, label)
	}
	if len(kept) == 0 {
		return "", nil, nil, errors.New("no match rule is left")
	}
	id = label
	if !matched {
		for _, v := range kept[0] {
			text, ok := v.(string)
			if !ok || !matches(kept[0], text) {
				return "", nil, nil, fmt.Errorf("no name in the match rule %v", kept[0])
			}
			id = text
		}
	}
	for _, r := range kept {
		if name, ok := r["equals"].(string); !ok {
			rest = append(rest, r)
		} else if name != id {
			is = append(is, name)
		}
	}
	return id, is, rest, nil
}

// matches evaluates a converted rule.
func matches(r map[string]any, id string) bool {
	for kind, v := range r {
		switch kind {
		case "equals":
			return id == v
		case "starts_with":
			return strings.HasPrefix(id, v.(string))
		case "ends_with":
			return strings.HasSuffix(id, v.(string))
		case "contains":
			return strings.Contains(id, v.(string))
		case "regex":
			return regexp.MustCompile(v.(string)).MatchString(id)
		case "not":
			return !matches(v.(map[string]any), id)
		}
		decides := func(part any) bool { return matches(part.(map[string]any), id) != (kind == "and") }
		// A part that fails decides an "and", one that matches an "or".
		return slices.ContainsFunc(v.([]any), decides) == (kind == "or")
	}
	return false
}

// bareName tells a rule for a maker's own model id, which Bedrock doesn't
// know: all of its ids begin with the maker's name and a dot.
func bareName(r map[string]any) bool {
	name, _ := r["equals"].(string)
	if name == "" {
		name, _ = r["starts_with"].(string)
	}
	return strings.HasPrefix(name, "claude-") || strings.HasPrefix(name, "gpt-")
}

// never is the one use of lookahead in the list's regular expressions, which
// Go's don't have: the text occurs nowhere.
var never = regexp.MustCompile(`^\^\(\?!\.\*(.+)\)$`)

func convert(r map[string]any) (map[string]any, error) {
	if len(r) != 1 {
		return nil, fmt.Errorf("a match rule of %d conditions", len(r))
	}
	for kind, v := range r {
		switch kind {
		case "equals", "starts_with", "ends_with", "contains":
			return map[string]any{kind: strings.ToLower(v.(string))}, nil
		case "regex":
			return convertRegex(v.(string))
		case "and", "or":
			var parts []any
			for _, part := range v.([]any) {
				converted, err := convert(part.(map[string]any))
				if err != nil {
					return nil, err
				}
				parts = append(parts, converted)
			}
			return map[string]any{kind: parts}, nil
		default:
			return nil, fmt.Errorf("unknown match rule %q", kind)
		}
	}
	panic("unreachable")
}

func convertRegex(expr string) (map[string]any, error) {
	if m := never.FindStringSubmatch(expr); m != nil {
		inner, err := convertRegex(m[1])
		return map[string]any{"not": inner}, err
	}
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	return map[string]any{"regex": expr}, nil
}
