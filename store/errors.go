package store

import (
	"errors"
	"fmt"

	"github.com/layergateway/layergateway/gate"
)

// Why the store refuses something; errors.Is tells which it is.
var (
	// ErrNotFound says that there is no such gate or key in the store.
	ErrNotFound = errors.New("not found")
	// ErrTaken says that another gate or key has the id or name; Fields says which of them.
	ErrTaken = errors.New("taken")
	// ErrVersion says that somebody else has made a change since the version that was given.
	ErrVersion = errors.New("changed meanwhile")
	// ErrRevoked says that the key has been revoked, which is for good.
	ErrRevoked = errors.New("revoked")
	// ErrInvalid says that what was given is wrong; Fields says where.
	ErrInvalid = errors.New("invalid")
)

// refusal is one of those errors, with its own words.
type refusal struct{ kind, err error }

func (r *refusal) Error() string   { return r.err.Error() }
func (r *refusal) Unwrap() []error { return []error{r.kind, r.err} }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Errorf(format, args...)}
}

// wrong is a mistake in one field.
func wrong(kind error, field, format string, args ...any) error {
	return &refusal{kind, &gate.FieldError{Field: field, Err: fmt.Errorf(format, args...)}}
}

// Fields are the mistakes in an error, field by field.
func Fields(err error) []*gate.FieldError {
	if field, ok := err.(*gate.FieldError); ok { //nolint:errorlint // the tree is walked here, for all of them
		return []*gate.FieldError{field}
	}
	var found []*gate.FieldError
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			found = append(found, Fields(one)...)
		}
	case interface{ Unwrap() error }:
		found = Fields(e.Unwrap())
	}
	return found
}
