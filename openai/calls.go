package openai

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// maxCalls bounds the tool calls of a choice.
const maxCalls = 1024

var errCalls = errors.New("the answer has too many tool calls")

// calls are the tool calls of one choice as the client knows them, whatever
// numbers and ids the upstream gives them.
type calls []callState

type callState struct {
	upstream int // the index that the upstream gave it
	id       string
	named    bool // its name has come
}

// place says which call a delta belongs to, and whether it begins it. index is
// the delta's own, -1 if it has none; id and name are empty where it has none.
//
// Some servers number every parallel call 0, some give no index or no id at all,
// and some a new id with every delta: so a call is known by its id, else by its
// index; and it is a new one where it brings another name.
func place[S ~string | ~[]byte](c *calls, index int, id, name S) (at int, begins bool, err error) {
	at = -1
	for i := len(*c) - 1; i >= 0; i-- {
		x := &(*c)[i]
		if index >= 0 && x.upstream != index {
			continue
		}
		if len(id) > 0 && x.id == string(id) {
			return i, false, nil
		}
		if at = max(at, i); len(id) == 0 {
			break
		}
	}
	switch {
	case at >= 0 && (len(name) == 0 || !(*c)[at].named):
		return at, false, nil
	case len(id) == 0 && len(name) == 0:
		return 0, false, errors.New("a tool call's delta has neither id nor name, and no call has begun")
	case len(*c) >= maxCalls:
		return 0, false, errCalls
	}
	at = len(*c)
	x := callState{upstream: index, id: string(id)}
	if index < 0 {
		x.upstream = at
	}
	if x.id == "" {
		x.id = NewCallID()
	}
	*c = append(*c, x)
	return at, true, nil
}

// NewCallID makes an id for a tool call whose provider gave none.
func NewCallID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "call_" + hex.EncodeToString(b[:])
}
