package command

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// print prints an explanation for eyes.
func (e *Explanation) print(out *printer) {
	field := func(name, format string, args ...any) {
		out.printf("%-12s "+format+"\n", append([]any{name}, args...)...)
	}
	if e.ID != "" {
		field("gate", "%s (%s), from %s", oneLine(e.Gate), e.ID, oneLine(e.Source))
		field("strategy", "%s", e.Strategy)
	}
	if e.Key != "" {
		field("key", "%s", oneLine(e.Key))
	}
	for _, note := range e.Notes {
		field("note", "%s", oneLine(note))
	}
	if len(e.Overridden) > 0 {
		field("overridden", "%s (the gate does not allow them)", oneLine(strings.Join(e.Overridden, ", ")))
	}
	if e.Refused != nil {
		field("refused", "%d %s: %s", e.Refused.Status, e.Refused.Code, oneLine(e.Refused.Message))
		return
	}
	field("worst case", "%s; at token limits it counts for about %d tokens at first", dollars(e.WorstCase), e.Tokens)
	for _, spent := range e.Limits.Spent {
		since := "ever"
		if !spent.Since.IsZero() {
			since = "since " + spent.Since.Format(time.RFC3339)
		}
		field("spent", "%s: %s USD %s", oneLine(spent.Who), spent.Amount, since)
	}
	if e.Limits.Admitted {
		field("limits", "admitted, as far as can be known without what runs just now")
	} else {
		field("limits", "refused: %s", oneLine(e.Limits.Reason))
	}
	for i := range e.Targets {
		e.Targets[i].print(out, i+1)
	}
}

func (t *Target) print(out *printer, number int) {
	out.printf("\n%d. %s, at most %s\n", number, oneLine(t.Target), dollars(t.WorstCase))
	for _, problem := range t.Problems {
		out.printf("   problem: %s\n", oneLine(problem))
	}
	if len(t.Dropped) > 0 {
		out.printf("   dropped: %s\n", oneLine(strings.Join(t.Dropped, ", ")))
	}
	if t.URL == "" {
		return
	}
	out.printf("   %s %s\n", t.Method, oneLine(t.URL))
	for _, name := range slices.Sorted(maps.Keys(t.Header)) {
		for _, value := range t.Header[name] {
			out.printf("   %s: %s\n", name, oneLine(value))
		}
	}
	body := t.Body.Clone()
	if body.Indent(jsontext.WithIndentPrefix("   "), jsontext.WithIndent("  ")) == nil {
		out.printf("\n   %s\n", harmless(string(body)))
	}
}

func dollars(a *cost.Amount) string {
	if a == nil {
		return "an unknown price"
	}
	return a.String() + " USD"
}
