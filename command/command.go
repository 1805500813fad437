// Package command is what the commands `caddy layer …` do. It knows nothing of Caddy: the root package gives it what a
// configuration says.
//
// What is asked for goes to the standard output, all else to the standard error, so that both are fit for pipes.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Streams are a command's input and outputs, and which of them are terminals.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	InTerminal, OutTerminal, ErrTerminal bool
}

// Codes with which a command ends. What could not be done at all ends with CodeFailed.
const (
	CodeNo          = 1   // it was done, and the answer is bad: a difference, a mistake, a refusal
	CodeFailed      = 2   // it could not be done
	CodeInterrupted = 130 // by the user, as shells have it
)

// Exit is an end with a code of its own.
type Exit struct {
	Code int
	Err  error // nil: all has been said
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// no is the bad answer of a command; a nil error has been told already.
func no(err error) error { return &Exit{CodeNo, err} }

// interrupted is the end by the user's wish.
func interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Exit{CodeInterrupted, nil}
	}
	return ctx.Err()
}

// ExitCode is the code of how a command ended, and whether its error has still to be told.
func ExitCode(err error) (code int, tell bool) {
	if err == nil {
		return 0, false
	}
	if e, ok := errors.AsType[*Exit](err); ok {
		return e.Code, e.Err != nil
	}
	return CodeFailed, true
}

// harmless is a text that others wrote as a terminal may show it: without the control characters that would move the
// cursor, or do worse.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// oneLine is such a text in one line, in which nothing changes the direction either.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// printer writes to one stream and remembers the first failure, such as a pipe that nobody reads any more.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
