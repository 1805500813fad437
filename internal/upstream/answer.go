package upstream

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ask is what a request asks for, whatever its dialect.
type ask struct {
	model      string
	stream     bool
	prompt     string // the last user text, directives included
	media      []media
	tools      []tool
	choice     string // auto, none, required, or named
	named      string // the tool of a named choice
	single     bool   // parallel calls are forbidden
	rounds     [][]result
	schema     map[string]any // the answer's form, if one is asked for
	json       bool           // the answer is JSON of any form
	limit      int            // of output tokens; 0: none
	stops      []string
	think      bool
	choices    int // answers wanted; 0 is 1
	read       int // tokens of the whole request
	usageChunk bool
	obfuscate  bool
	secret     bool // signed thinking without its text
	array      bool // Gemini's stream as one JSON array
}

// media is an image, file or audio in the prompt's turn, by its bytes or its URL.
type media struct {
	kind, mime, url string
	bytes           int
}

type tool struct {
	name   string
	schema map[string]any
}

// result is what a tool gave, as the request tells it.
type result struct{ name, text string }

// answer is what comes back, whatever the dialect.
type answer struct {
	thinking string
	preface  string
	text     string
	calls    []call
	cut      bool   // the output limit was reached
	stop     string // the stop sequence that was met
	usage    Usage
}

type call struct {
	name string
	args jsontext.Value // an object
}

// plan answers a request by the rules of the package's documentation.
func plan(a *ask, o *orders, prompt string) answer {
	var ans answer
	if a.think {
		ans.thinking = "Thinking about " + prompt
		ans.usage.Reasoning = tokens(ans.thinking)
	}
	if n := callsWanted(a, o); n > 0 {
		if o.preface {
			ans.preface = "Let me look that up."
		}
		for i := range n {
			t := pick(a, i)
			ans.calls = append(ans.calls, call{name: t.name, args: arguments(t, i)})
		}
	} else {
		ans.text, ans.stop, ans.cut = trim(a, say(a, o, prompt))
	}
	out := ans.usage.Reasoning + tokens(ans.preface) + tokens(ans.text)
	for _, c := range ans.calls {
		out += 1 + tokens(string(c.args))
	}
	ans.usage.Input, ans.usage.Output = a.read, out*max(a.choices, 1)
	ans.usage.Cached = min(o.cached, a.read)
	ans.usage.CacheWrite = min(o.cacheWrite, a.read-ans.usage.Cached)
	return ans
}

func callsWanted(a *ask, o *orders) int {
	switch {
	case len(a.tools) == 0 || a.choice == "none" || o.calls == 0:
		return 0
	case a.choice != "required" && a.choice != "named" && len(a.rounds) >= o.rounds:
		return 0
	case a.single:
		return 1
	}
	return o.calls
}

func pick(a *ask, i int) tool {
	if a.choice == "named" {
		for _, t := range a.tools {
			if t.name == a.named {
				return t
			}
		}
	}
	return a.tools[i%len(a.tools)]
}

// arguments fit the tool's schema; a tool whose schema says nothing takes none.
func arguments(t tool, i int) jsontext.Value {
	if len(t.schema) == 0 {
		return jsontext.Value("{}")
	}
	return sample(t.schema, i)
}

// say is the text of the answer before any limit.
func say(a *ask, o *orders, prompt string) string {
	if a.schema != nil {
		return string(sample(a.schema, 0))
	}
	if o.chunks > 0 {
		words := make([]string, o.chunks)
		for i := range words {
			words[i] = fmt.Sprintf("w%d", i+1)
		}
		return strings.Join(words, " ")
	}
	s := "You said: " + prompt
	if len(a.rounds) > 0 {
		var told []string
		for _, round := range a.rounds {
			for _, r := range round {
				told = append(told, r.name+"="+r.text)
			}
		}
		s = "Results: " + strings.Join(told, "; ")
	}
	for _, m := range a.media {
		article := "a"
		if strings.ContainsAny(m.kind[:1], "aeiou") {
			article = "an"
		}
		if m.url != "" {
			s += fmt.Sprintf(" I see %s %s at %s.", article, m.kind, m.url)
		} else {
			s += fmt.Sprintf(" I see %s %s of %d bytes (%s).", article, m.kind, m.bytes, m.mime)
		}
	}
	if a.json {
		quoted, err := json.Marshal(map[string]string{"answer": s})
		if err != nil {
			return `{"answer":""}`
		}
		return string(quoted)
	}
	return s
}

// trim ends a text at its first stop sequence and at the output limit.
func trim(a *ask, s string) (trimmed, stop string, cut bool) {
	end := len(s)
	for _, seq := range a.stops {
		if i := strings.Index(s, seq); i >= 0 && i < end {
			end, stop = i, seq
		}
	}
	s = s[:end]
	if words := pieces(s); a.limit > 0 && len(words) > a.limit {
		return strings.Join(words[:a.limit], ""), "", true
	}
	return s, stop, false
}

// tokens counts as the fakes bill: a word is one.
func tokens(s string) int { return len(strings.Fields(s)) }

// pieces cuts a text into its words, each with the space in front of it: a token, and a chunk of a stream.
func pieces(s string) []string {
	var all []string
	start := 0
	for i := 1; i < len(s); i++ {
		if s[i] == ' ' && s[i-1] != ' ' {
			all = append(all, s[start:i])
			start = i
		}
	}
	if start < len(s) {
		all = append(all, s[start:])
	}
	return all
}

// fragments cuts a JSON text into three, for arguments that arrive in fragments.
func fragments(s string) []string {
	if len(s) < 3 {
		return []string{s}
	}
	third := len(s) / 3
	return []string{s[:third], s[third : 2*third], s[2*third:]}
}
