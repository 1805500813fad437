// Package access decides who may come in: client keys.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/openai"
)

// hashPrefix marks a key that is configured by its hash.
const hashPrefix = "sha256:"

// Hash is the SHA-256 of a client key: all that is kept of it.
type Hash [sha256.Size]byte

// HashOf hashes a key.
func HashOf(key string) Hash { return sha256.Sum256([]byte(key)) }

// String is the hash as a configuration has it: sha256:<64 hex digits>.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseKey reads a key as it is configured: sha256:<hex>, or the key itself. An
// empty one is an error, since it would let everybody in.
func ParseKey(s string) (Hash, error) {
	digits, hashed := strings.CutPrefix(s, hashPrefix)
	switch {
	case s == "":
		return Hash{}, errors.New("the key is empty")
	case !hashed:
		return HashOf(s), nil
	}
	var h Hash
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%s is followed by %d characters: it takes the 64 hex digits of a SHA-256", hashPrefix, len(digits))
	}
	return Hash(b), nil
}

// Key is a client key and what it may do.
type Key struct {
	Name string // for logs; never the key itself
	Hash Hash
	// Gates are the ids and names of the gates that the key may use; nil is all.
	Gates []string
	// Expires is when the key stops working; zero is never.
	Expires time.Time
	// Concurrency bounds how many of the key's requests run at once.
	Concurrency Concurrency
	// Limits are the key's own, nil if it has none; AtGates those at one gate, by
	// the gate's id or name.
	Limits  *limit.Subject
	AtGates map[string]*AtGate

	// Stored is the id of a key that was made at run time; it stays when the key
	// gets another text. It is empty for a key of the configuration.
	Stored string
	// Revoked keys let nobody in.
	Revoked bool
	// LastUse is told that somebody came with the key; nil for a key of which
	// that is not kept.
	LastUse *LastUse
}

// ID stands for the key where the key itself must not be: the id of one that was
// made at run time, or else a beginning of its hash; empty for what needs no key.
func (k *Key) ID() string {
	if k.Stored != "" {
		return k.Stored
	}
	if k.Hash == (Hash{}) {
		return ""
	}
	return hex.EncodeToString(k.Hash[:8])
}

// MayUse reports whether the key may use the gate.
func (k *Key) MayUse(id, name string) bool {
	return k.Gates == nil || slices.Contains(k.Gates, id) || name != "" && slices.Contains(k.Gates, name)
}

// Keys are all keys of a handler.
type Keys struct {
	// byStart finds a key by the first bytes of its hash, so that the whole hash
	// is compared in constant time with those of very few.
	byStart   index
	anonymous *Key
	now       func() time.Time

	stored atomic.Pointer[stored]
}

// index has keys by the first bytes of their hashes.
type index map[uint64][]*Key

// stored are the keys that were made at run time.
type stored struct {
	byStart index
	known   bool // whether these are all of them
}

// NewKeys makes a set. anonymous, if not nil, stands for requests without a
// key; now is the clock.
func NewKeys(keys []*Key, anonymous *Key, now func() time.Time) (*Keys, error) {
	s := &Keys{byStart: make(index, len(keys)), anonymous: anonymous, now: now}
	s.stored.Store(&stored{known: true})
	for _, k := range keys {
		if other := s.byStart.find(k.Hash); other != nil {
			return nil, fmt.Errorf("the keys %q and %q are the same key: give each its own", other.Name, k.Name)
		}
		s.byStart.add(k)
	}
	return s, nil
}

// AwaitStored says that there will be keys made at run time: until SetStored has
// brought them, nobody can say that a key is not valid.
func (s *Keys) AwaitStored() { s.stored.Store(new(stored)) }

// SetStored replaces the keys that were made at run time, all at once. A key of
// the configuration goes before one with the same text.
func (s *Keys) SetStored(keys []*Key) {
	next := &stored{byStart: make(index, len(keys)), known: true}
	for _, k := range keys {
		next.byStart.add(k)
	}
	s.stored.Store(next)
}

func (h Hash) start() uint64 { return binary.BigEndian.Uint64(h[:8]) }

func (x index) add(k *Key) { x[k.Hash.start()] = append(x[k.Hash.start()], k) }

func (x index) find(h Hash) *Key {
	var found *Key
	for _, k := range x[h.start()] {
		if subtle.ConstantTimeCompare(k.Hash[:], h[:]) == 1 {
			found = k
		}
	}
	return found
}

// maxKey is longer than any key that is given out: longer ones are not hashed.
const maxKey = 1024

// Authenticate gives the key of a request. The error is a 401 in OpenAI's
// shape that says nothing of the key.
func (s *Keys) Authenticate(h http.Header) (*Key, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		if s.anonymous != nil {
			return s.anonymous, nil
		}
		return nil, unauthorized("no API key was given: send it as 'Authorization: Bearer <key>'")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxKey {
		return s.fallback(s.stored.Load())
	}
	made := s.stored.Load()
	hash := HashOf(token)
	k := s.byStart.find(hash)
	if k == nil {
		k = made.byStart.find(hash)
	}
	if k == nil {
		return s.fallback(made)
	}
	now := s.now()
	if k.Revoked {
		return nil, unauthorized("the API key has been revoked")
	}
	if !k.Expires.IsZero() && !now.Before(k.Expires) {
		return nil, unauthorized("the API key has expired")
	}
	k.LastUse.note(now)
	return k, nil
}

// fallback is for a key that is nobody's: without keys of their own, clients
// that must send some key are let in.
func (s *Keys) fallback(made *stored) (*Key, error) {
	if !made.known {
		return nil, &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "gateway_error",
			Message: "the API key can't be looked up just now: send the request again later", RetryAfter: time.Second}
	}
	if s.anonymous != nil && len(s.byStart) == 0 && len(made.byStart) == 0 {
		return s.anonymous, nil
	}
	return nil, unauthorized("the API key is not valid")
}

func unauthorized(msg string) *openai.Error {
	return &openai.Error{Status: http.StatusUnauthorized, Type: openai.TypeInvalidRequest, Code: "invalid_api_key", Message: msg}
}
