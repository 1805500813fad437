package cohere

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// citation says which sources a piece of a content block rests on. The places
// are counted in characters from the beginning of that block.
type citation struct {
	Start   int      `json:"start"`
	End     int      `json:"end"`
	Block   *int     `json:"content_index"` // absent: the only block with text
	Type    string   `json:"type"`          // TEXT_CONTENT, THINKING_CONTENT, PLAN; absent: text
	Sources []source `json:"sources"`
}

// source is a document of the request, or what a tool gave. Both are whatever
// the client made them: those that are a web page have its url.
type source struct {
	Document jsontext.Value `json:"document"`
	Output   jsontext.Value `json:"tool_output"`
}

// blocks are the content blocks that have text, in order, and where each begins
// in the answer's text.
type blocks struct {
	list   []block
	length int // of the whole text, in characters
}

type block struct{ index, start int }

// add notes text of a block.
func (b *blocks) add(index int, text string) {
	if n := len(b.list); n == 0 || b.list[n-1].index != index {
		b.list = append(b.list, block{index, b.length})
	}
	b.length += utf8.RuneCountInString(text)
}

// start is where a block's text begins.
func (b *blocks) start(index *int) int {
	for _, x := range b.list {
		if index != nil && x.index == *index {
			return x.start
		}
	}
	return 0
}

// cite says citations of the answer's text as OpenAI's url_citations. OpenAI's
// shape has no place for a source that is no web page, which is left out, nor
// for citations of thoughts and plans.
func (c *chat) cite(list []citation, a openai.Answer) {
	var b []byte
	for i := range list {
		x := &list[i]
		if x.Type != "" && x.Type != "TEXT_CONTENT" {
			continue
		}
		start := c.text.start(x.Block)
		for j := range x.Sources {
			page, ok := x.Sources[j].page()
			if !ok {
				continue
			}
			if b == nil {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = append(b, `{"type":"url_citation","url_citation":{"start_index":`...)
			b = strconv.AppendInt(b, int64(start+x.Start), 10)
			b = append(b, `,"end_index":`...)
			b = strconv.AppendInt(b, int64(start+x.End), 10)
			b = append(b, `,"url":`...)
			b = openai.AppendString(b, page.URL)
			b = append(b, `,"title":`...)
			b = append(openai.AppendString(b, page.Title), "}}"...)
		}
	}
	if b != nil {
		a.Member(0, "annotations", append(b, ']'))
	}
}

type page struct{ URL, Title string }

// page is the web page that a source is, if it is one.
func (s *source) page() (page, bool) {
	for _, v := range []jsontext.Value{s.Document, s.Output} {
		var x struct {
			URL   jsontext.Value `json:"url"`
			Title jsontext.Value `json:"title"`
		}
		if v.Kind() != '{' || json.Unmarshal(v, &x, lenient) != nil {
			continue
		}
		p := page{text(x.URL), text(x.Title)}
		if strings.HasPrefix(p.URL, "https://") || strings.HasPrefix(p.URL, "http://") {
			return p, true
		}
	}
	return page{}, false
}

// text is a JSON string's text, empty if v is none.
func text(v jsontext.Value) string {
	var s string
	if v.Kind() != '"' || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}
