package fidelity

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
)

// columns gives the columns of a note.
func (n *Note) columns(t *testing.T) []*Column {
	t.Helper()
	all := Columns()
	var list []*Column
	for _, name := range strings.Split(n.Columns, " | ") {
		i := slices.IndexFunc(all, func(c Column) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("there is no provider %q", name)
		}
		list = append(list, &all[i])
	}
	return list
}

// Every note has an example that shows it.
func TestNotes(t *testing.T) {
	for _, n := range Notes() {
		for _, c := range n.columns(t) {
			t.Run(c.Name+"/"+n.Says, func(t *testing.T) {
				if n.Answer != "" {
					n.answer(t, c)
				} else {
					n.request(t, c)
				}
			})
		}
	}
}

func (n *Note) request(t *testing.T, c *Column) {
	t.Helper()
	if n.Sends == nil && n.Drops == nil && n.Refuses == "" {
		t.Fatal("the example shows nothing")
	}
	body := `{"model":"g",` + n.Request
	if !strings.HasPrefix(n.Request, `"messages"`) {
		body += `,"messages":[{"role":"user","content":"Hello"}]`
	}
	sent, dropped, err := run{c, n.Model, body + "}"}.send(t)
	if n.Refuses != "" {
		var refusal *openai.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || refusal.Param != n.Refuses {
			t.Fatalf("error is %v, want a 400 for %s", err, n.Refuses)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dropped)
	if !slices.Equal(dropped, n.Drops) {
		t.Errorf("dropped %q, want %q", dropped, n.Drops)
	}
	for _, part := range n.Sends {
		if !strings.Contains(sent, part) {
			t.Errorf("%s is not in %s", part, sent)
		}
	}
}

func (n *Note) answer(t *testing.T, c *Column) {
	t.Helper()
	if n.Gives == nil && n.Cached == 0 {
		t.Fatal("the example shows nothing")
	}
	chat, _, err := run{c, n.Model, `{"model":"g","messages":[{"role":"user","content":"Hello"}]}`}.request(t)
	if err != nil {
		t.Fatal(err)
	}
	whole := openai.NewWhole()
	if err := chat.Whole([]byte(n.Answer), whole); err != nil {
		t.Fatal(err)
	}
	out := string(whole.Append(nil, openai.Trailer{}))
	for _, part := range n.Gives {
		if !strings.Contains(out, part) {
			t.Errorf("%s is not in %s", part, out)
		}
	}
	if cached := chat.Usage().CachedInput.N(); n.Cached != 0 && cached != n.Cached {
		t.Errorf("%d cached tokens, want %d", cached, n.Cached)
	}
}

func TestKinds(t *testing.T) {
	columns := Columns()
	for _, k := range Kinds() {
		for i := range columns {
			c := &columns[i]
			t.Run(c.Name+"/"+k.Name, func(t *testing.T) {
				for _, model := range c.models() {
					k.check(t, c, model)
				}
			})
		}
	}
}

func (k *Kind) check(t *testing.T, c *Column, model string) {
	t.Helper()
	body := `{"model":"g","messages":[{"role":"user","content":[` + k.Part + `]}]}`
	sent, dropped, err := run{c, model, body}.send(t)
	if k.Handling(c) == Passed {
		if err != nil || len(dropped) > 0 || !strings.Contains(sent, k.Mark) {
			t.Errorf("%s: sent %s, dropped %q, error %v", model, sent, dropped, err)
		}
		return
	}
	var refusal *openai.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || !strings.HasPrefix(refusal.Param, "messages[0].content[0]") {
		t.Fatalf("%s: error is %v, want a 400 for the part", model, err)
	}
	// The provider of these tests has nothing to fetch with, and says so.
	if fetches := strings.Contains(refusal.Message, "takes bytes alone"); fetches != (k.Handling(c) == Fetched) {
		t.Errorf("%s: %s", model, refusal.Message)
	}
}
