package cost

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// rule is a condition on a model id in lower case, as the catalog file has it.
// Exactly one field is set.
type rule struct {
	StartsWith string `json:"starts_with,omitzero"`
	EndsWith   string `json:"ends_with,omitzero"`
	Contains   string `json:"contains,omitzero"`
	Equals     string `json:"equals,omitzero"`
	Regex      string `json:"regex,omitzero"`
	Not        *rule  `json:"not,omitzero"`
	And        []rule `json:"and,omitzero"`
	Or         []rule `json:"or,omitzero"`
}

// matcher is a rule ready for use. Loose ones look for a name anywhere within
// an id: good for finding a price, too little to say that a provider serves a
// model of that very id.
type matcher struct {
	match func(id string) bool
	loose bool
}

func (r rule) compile() (matcher, error) {
	switch {
	case r.StartsWith != "":
		return matcher{match: func(id string) bool { return strings.HasPrefix(id, r.StartsWith) }}, nil
	case r.EndsWith != "":
		return matcher{func(id string) bool { return strings.HasSuffix(id, r.EndsWith) }, true}, nil
	case r.Contains != "":
		return matcher{func(id string) bool { return strings.Contains(id, r.Contains) }, true}, nil
	case r.Equals != "":
		return matcher{match: func(id string) bool { return id == r.Equals }}, nil
	case r.Regex != "":
		re, err := regexp.Compile(r.Regex)
		if err != nil {
			return matcher{}, err
		}
		return matcher{re.MatchString, !strings.HasPrefix(r.Regex, "^")}, nil
	case r.Not != nil:
		m, err := r.Not.compile()
		return matcher{func(id string) bool { return !m.match(id) }, true}, err
	case len(r.And) > 0:
		return compileAll(r.And, true)
	case len(r.Or) > 0:
		return compileAll(r.Or, false)
	}
	return matcher{}, errors.New("a match rule without a condition")
}

// compileAll joins rules by "and", which is as strict as its strictest part,
// or by "or", which is as loose as its loosest.
func compileAll(rules []rule, and bool) (matcher, error) {
	parts := make([]matcher, len(rules))
	joined := matcher{loose: and}
	for i, r := range rules {
		var err error
		if parts[i], err = r.compile(); err != nil {
			return matcher{}, fmt.Errorf("rule %d: %w", i, err)
		}
		if parts[i].loose != and {
			joined.loose = !and
		}
	}
	joined.match = func(id string) bool {
		for _, p := range parts {
			if p.match(id) != and {
				return !and
			}
		}
		return and
	}
	return joined, nil
}
