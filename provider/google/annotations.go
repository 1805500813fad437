package google

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// grounding is what an answer rests on: sources, and which of them support which
// segment of the text.
type grounding struct {
	Chunks []struct {
		Web     source `json:"web"`
		Context source `json:"retrievedContext"`
		Maps    source `json:"maps"`
	} `json:"groundingChunks"`
	Supports []struct {
		Segment segment `json:"segment"`
		Chunks  []int   `json:"groundingChunkIndices"`
	} `json:"groundingSupports"`
}

type source struct {
	URI   string `json:"uri"`
	Title string `json:"title"`
}

// segment is a place in the text, counted in bytes of UTF-8.
type segment struct {
	Start int `json:"startIndex"`
	End   int `json:"endIndex"`
}

// citations are the sources that an answer quotes. The Gemini API and Vertex AI
// name the list differently.
type citations struct {
	Vertex []cited `json:"citations"`
	Gemini []cited `json:"citationSources"`
}

type cited struct {
	segment `json:",embed"`
	source  `json:",embed"`
}

// annotations gives the answer's sources as OpenAI's url_citations, nil if there
// are none. What can't be read is left out: it is not worth the answer.
func (x *choice) annotations() jsontext.Value {
	var b []byte
	add := func(at segment, s source) {
		if s.URI == "" {
			return
		}
		if b == nil {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"type":"url_citation","url_citation":{"start_index":`...)
		b = strconv.AppendInt(b, int64(x.text.characters(at.Start)), 10)
		b = append(b, `,"end_index":`...)
		b = strconv.AppendInt(b, int64(x.text.characters(at.End)), 10)
		b = append(b, `,"url":`...)
		b = openai.AppendString(b, s.URI)
		b = append(b, `,"title":`...)
		b = append(openai.AppendString(b, s.Title), "}}"...)
	}
	lenient := jsontext.AllowDuplicateNames(true)
	var g grounding
	if x.grounding != nil && json.Unmarshal(x.grounding, &g, lenient) == nil {
		g.each(add)
	}
	var c citations
	if x.citation != nil && json.Unmarshal(x.citation, &c, lenient) == nil {
		for _, q := range append(c.Vertex, c.Gemini...) {
			add(q.segment, q.source)
		}
	}
	if b == nil {
		return nil
	}
	return append(b, ']')
}

// each gives every source of every segment; sources without segments stand for
// the answer as a whole, at its beginning.
func (g *grounding) each(add func(segment, source)) {
	at := func(i int) source {
		if i < 0 || i >= len(g.Chunks) {
			return source{}
		}
		for _, s := range []source{g.Chunks[i].Web, g.Chunks[i].Context, g.Chunks[i].Maps} {
			if s.URI != "" {
				return s
			}
		}
		return source{}
	}
	for _, s := range g.Supports {
		for _, i := range s.Chunks {
			add(s.Segment, at(i))
		}
	}
	if len(g.Supports) == 0 {
		for i := range g.Chunks {
			add(segment{}, at(i))
		}
	}
}
