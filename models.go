package layergateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/cost"
)

// models finds the provider of a model.
type models struct {
	types   map[string]string // of the configured providers, by name
	catalog *cost.Catalog
}

// resolve reads "<provider>/<model>", where the provider's name ends at the first slash, or the id of a model
// that the catalog knows and one configured provider serves.
func (m models) resolve(model string) (provider, name string, err error) {
	provider, name, qualified := strings.Cut(model, "/")
	if !qualified {
		return m.bare(model)
	}
	if _, ok := m.types[provider]; !ok {
		return "", "", fmt.Errorf("unknown provider %q in %q%s", provider, model, m.hint(provider))
	}
	if name == "" {
		return "", "", fmt.Errorf("%q ends at the provider's name: write <provider>/<model>", model)
	}
	return provider, name, nil
}

// bare finds the provider of a model that is named without one. Of several providers of a type, that with the
// type's own name is meant.
func (m models) bare(model string) (provider, name string, err error) {
	if model == "" {
		return "", "", errors.New("it is empty: write <provider>/<model>")
	}
	types := m.catalog.Providers(model)
	var found []string
	for _, t := range types {
		if m.types[t] == t {
			found = append(found, t)
			continue
		}
		for _, name := range m.names() {
			if m.types[name] == t {
				found = append(found, name)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], model, nil
	case len(found) > 1:
		return "", "", fmt.Errorf("%q could be of several providers: write %s/%s", model, strings.Join(found, "/"+model+" or "), model)
	case len(types) > 0:
		return "", "", fmt.Errorf("%q is a model of %s: configure such a provider%s", model, strings.Join(types, ", "), m.hint(""))
	}
	return "", "", fmt.Errorf("unknown model %q: write it as <provider>/<model>%s", model, m.hint(""))
}

func (m models) names() []string { return slices.Sorted(maps.Keys(m.types)) }

// hint says which provider may be meant, or which there are.
func (m models) hint(name string) string {
	names := m.names()
	switch near := suggest(name, names); {
	case near != "":
		return near
	case len(names) == 0:
		return "; no provider is configured"
	}
	return "; configured are " + strings.Join(names, ", ")
}

// suggest names the one of the words that was probably meant, if there is one.
func suggest(word string, words []string) string {
	best, limit := "", min(2, len(word)/2)+1
	for _, w := range words {
		if d := distance(word, w); d < limit {
			best, limit = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is the number of bytes to insert, delete or change between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
