package layergateway

import (
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/provider/fidelity"
)

// Each provider type has its place in the table of what becomes of parameters.
func TestFidelityHasEveryType(t *testing.T) {
	types := caddy.GetModules(providerNamespace)
	columns := fidelity.Columns()
	for _, m := range types {
		if !slices.ContainsFunc(columns, func(c fidelity.Column) bool { return c.Type == m.ID.Name() }) {
			t.Errorf("provider/fidelity has no column of the type %s", m.ID.Name())
		}
	}
	for _, c := range columns {
		if !slices.ContainsFunc(types, func(m caddy.ModuleInfo) bool { return m.ID.Name() == c.Type }) {
			t.Errorf("provider/fidelity has a column of %s, which is no provider type", c.Type)
		}
	}
}
