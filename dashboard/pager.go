package dashboard

import (
	"net/url"
	"strconv"
)

// pager is where a page of a list is in it.
type pager struct {
	// First and Last are the numbers of the page's rows, of Found that were looked for among All.
	First, Last, Found, All int
	// Next and Previous are the queries of the pages beside this one; "" is none.
	Next, Previous string
}

// paged is the page that a URL asks for by how many rows it skips. Names are the parameters that its neighbours keep.
func paged(q url.Values, found, all, rows int, names ...string) pager {
	skip, err := strconv.Atoi(q.Get("skip"))
	if err != nil || skip < 0 || skip >= found {
		skip = 0
	}
	page := func(skip int) string {
		pairs := []string{"skip", strconv.Itoa(skip)}
		for _, name := range names {
			pairs = append(pairs, name, q.Get(name))
		}
		return query(pairs...)
	}
	p := pager{First: skip + 1, Last: min(skip+rows, found), Found: found, All: all}
	if skip > 0 {
		p.Previous = page(max(skip-rows, 0))
	}
	if p.Last < found {
		p.Next = page(p.Last)
	}
	return p
}

// onPage is the page's part of what was found.
func onPage[T any](p pager, found []T) []T { return found[min(p.First-1, p.Last):p.Last] }
