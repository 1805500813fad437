package main

import (
	"fmt"
	"strconv"
	"strings"
)

// number is a number with the digits it was written with, as JSON has them.
type number string

// literal reads one JavaScript literal (the subset that minifiers write data
// in) at the start of src: objects as map[string]any, arrays as []any,
// strings, numbers, booleans and null.
func literal(src string) (v any, err error) {
	p := &parser{src: src}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case syntaxError:
			err = e
		default:
			panic(e)
		}
	}()
	return p.value(), nil
}

type parser struct {
	src string
	pos int
}

type syntaxError struct {
	pos  int
	near string
}

func (e syntaxError) Error() string {
	return fmt.Sprintf("at byte %d of the data: not a literal: %q", e.pos, e.near)
}

// fail ends the parse; literal turns it into an error.
func (p *parser) fail() {
	panic(syntaxError{p.pos, p.src[p.pos:min(p.pos+30, len(p.src))]})
}

func (p *parser) has(prefix string) bool {
	if strings.HasPrefix(p.src[p.pos:], prefix) {
		p.pos += len(prefix)
		return true
	}
	return false
}

func (p *parser) want(prefix string) {
	if !p.has(prefix) {
		p.fail()
	}
}

// while takes bytes for as long as ok.
func (p *parser) while(ok func(c byte) bool) string {
	start := p.pos
	for p.pos < len(p.src) && ok(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

// peek is the next byte, without taking it.
func (p *parser) peek() byte {
	if p.pos == len(p.src) {
		p.fail()
	}
	return p.src[p.pos]
}

func (p *parser) value() any {
	switch c := p.peek(); {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case strings.IndexByte("\"'`", c) >= 0:
		return p.text()
	case p.has("!0"):
		return true
	case p.has("!1"):
		return false
	case p.has("null"):
		return nil
	default:
		return p.number()
	}
}

func (p *parser) object() map[string]any {
	p.want("{")
	object := map[string]any{}
	for !p.has("}") {
		if len(object) > 0 {
			p.want(",")
		}
		var key string
		if c := p.peek(); c == '"' || c == '\'' {
			key = p.text()
		} else {
			key = p.while(func(c byte) bool {
				return c == '_' || c == '$' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
			})
		}
		p.want(":")
		if _, twice := object[key]; twice || key == "" {
			p.fail()
		}
		object[key] = p.value()
	}
	return object
}

func (p *parser) array() []any {
	p.want("[")
	array := []any{}
	for !p.has("]") {
		if len(array) > 0 {
			p.want(",")
		}
		array = append(array, p.value())
	}
	return array
}

// number makes JSON of ".8" and "2e5", and refuses anything else unusual.
func (p *parser) number() number {
	s := p.while(func(c byte) bool { return c == '.' || c == 'e' || c == '-' || c >= '0' && c <= '9' })
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		p.fail()
	}
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	return number(s)
}

// text reads a string of any of the three kinds of quotes; a template must not
// have substitutions.
func (p *parser) text() string {
	quote := p.src[p.pos]
	p.pos++
	var b strings.Builder
	for {
		if p.pos+1 >= len(p.src) || (quote == '`' && strings.HasPrefix(p.src[p.pos:], "${")) {
			p.fail()
		}
		c := p.src[p.pos]
		p.pos++
		if c == quote {
			return b.String()
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		c = p.src[p.pos]
		p.pos++
		switch c {
		case 'n':
			b.WriteByte('\n')
		case '\\', '"', '\'', '`', '$', '/':
			b.WriteByte(c)
		default:
			p.fail()
		}
	}
}
