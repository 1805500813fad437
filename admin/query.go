package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
)

// query are the parameters of a request's address, of which the first mistake is kept. An empty one is not there.
type query struct {
	values url.Values
	err    *openai.Error
}

// queryOf reads the parameters, of which there may be those that are known: one that is misspelt would filter nothing.
func queryOf(r *http.Request, known ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.wrong("", "the query can't be read: %v", err)
	}
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			q.wrong(name, "unknown parameter: %s", among(known))
		case len(list) > 1:
			q.wrong(name, "is given more than once")
		}
	}
	return q
}

func among(known []string) string {
	if len(known) == 0 {
		return "there is none here"
	}
	return "it can be " + strings.Join(known, ", ")
}

func (q *query) wrong(name, format string, args ...any) {
	if q.err != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	if name != "" {
		text = name + ": " + text
	}
	q.err = problem(http.StatusUnprocessableEntity, "invalid_value", name, "%s", text)
}

// done gives the first mistake.
func (q *query) done() error {
	if q.err != nil {
		return q.err
	}
	return nil
}

func (q *query) text(name string) string { return q.values.Get(name) }

// oneOf is a word that must be one of some.
func (q *query) oneOf(name string, words ...string) string {
	text := q.text(name)
	if text != "" && !slices.Contains(words, text) {
		q.wrong(name, "is unknown: %s", among(words))
	}
	return text
}

// number is a whole number from 1 to the most, 0 if it is not there.
func (q *query) number(name string, most int64) int64 {
	text := q.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		q.wrong(name, "must be a whole number from 1 to %d", most)
	}
	return n
}

func (q *query) amount(name string) cost.Amount {
	text := q.text(name)
	if text == "" {
		return 0
	}
	a, err := cost.ParseAmount(text)
	if err != nil || a < 0 {
		q.wrong(name, "must be US dollars such as 0.01")
	}
	return a
}

// time is a moment, zero if it is not there.
func (q *query) time(name string) time.Time {
	text := q.text(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 && at.Year() < 2200 {
			return at.UTC()
		}
	}
	q.wrong(name, "must be a date such as 2027-01-01, or a time such as 2027-01-01T12:00:00Z")
	return time.Time{}
}

// span is from and to; where they are not there, the time has no such end.
func (q *query) span() (from, to time.Time) {
	from, to = q.time("from"), q.time("to")
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		q.wrong("to", "must be later than from")
	}
	return from, to
}
