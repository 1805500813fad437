package compat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// messages edits a request's messages as the server wants them. Messages that
// no habit concerns keep their bytes. Of the members that the server refuses, a
// name is the client's own and reported; the others came with an earlier answer.
func (s *habits) messages(ctx context.Context, call *provider.Call, e *openai.Edits) (dropped []string, err error) {
	if slices.Contains(call.Request.DropMessageMembers(e, s.refused...), "name") {
		dropped = append(dropped, "messages.name")
	}
	return dropped, s.mendMessages(ctx, call, e)
}

func (s *habits) mendMessages(ctx context.Context, call *provider.Call, e *openai.Edits) error {
	v, there := call.Request.Value(e, "messages")
	if !there || !s.concerned(v) {
		return nil
	}
	var last *object
	images := inliner{ctx: ctx, from: call.Provider.Fetch, left: maxInline}
	v, changed, err := each(v, func(i int, m *object) error {
		last = m
		return s.message(&images, i, m)
	})
	if err != nil {
		return err
	}
	if s.Prefix && last.text("role") == "assistant" && last.get("tool_calls") == nil && last.get("prefix") == nil {
		v = append(v[:bytes.LastIndexByte(v, '}'):bytes.LastIndexByte(v, '}')], `,"prefix":true}]`...)
		changed = true
	}
	if changed {
		e.Set("messages", v)
	}
	return nil
}

// concerned reports whether messages may have anything that the server wants
// otherwise: most have nothing.
func (s *Server) concerned(messages []byte) bool {
	has := func(name string) bool { return bytes.Contains(messages, []byte(`"`+name+`"`)) }
	for from, to := range s.Members {
		if to != "" && has(from) {
			return true
		}
	}
	for role := range s.Roles {
		if has(role) {
			return true
		}
	}
	return s.CallID != nil && (has("tool_calls") || has("tool_call_id")) || s.Prefix && has("assistant") ||
		s.InlineImages && has("image_url")
}

// message edits one message.
func (s *Server) message(images *inliner, i int, m *object) error {
	for from, to := range s.Members {
		if to == "" || m.get(from) == nil {
			continue
		}
		if m.get(to) != nil { // the server's own word for it counts
			to = ""
		}
		m.rename(from, to)
	}
	if role, other := s.Roles[m.text("role")]; other {
		m.set("role", quoted(role))
	}
	if s.CallID != nil {
		if err := s.callIDs(m); err != nil {
			return err
		}
	}
	if !s.InlineImages {
		return nil
	}
	parts, changed, err := each(m.get("content"), func(j int, part *object) error {
		return images.inline(part, fmt.Sprintf("messages[%d].content[%d].image_url", i, j))
	})
	m.settle("content", parts, changed)
	return err
}

// callIDs makes the ids of tool calls, and of their answers, what the server
// takes.
func (s *Server) callIDs(m *object) error {
	fix := func(o *object, name string) {
		if id := o.text(name); id != "" && s.CallID(id) != id {
			o.set(name, quoted(s.CallID(id)))
		}
	}
	fix(m, "tool_call_id")
	calls, changed, err := each(m.get("tool_calls"), func(_ int, call *object) error {
		fix(call, "id")
		return nil
	})
	m.settle("tool_calls", calls, changed)
	return err
}

// nineLetters is an id as Mistral wants it: nine letters and digits. Equal ids
// stay equal, and Mistral's own stay as they are.
func nineLetters(id string) string {
	if len(id) == 9 && strings.IndexFunc(id, notAlphanumeric) < 0 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 9)
	for i := range b {
		// 62 in 256 is uneven, but only a little.
		b[i] = digits[sum[i]%62]
	}
	return string(b)
}

func notAlphanumeric(r rune) bool {
	return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
}
