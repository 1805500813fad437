package gate

import "testing"

func TestWritten(t *testing.T) {
	const id, made = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50", "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f51"
	table, err := NewTable(Options{
		Inline:  []*Config{{ID: id, Name: "assistant", Model: "openai/gpt-4o", Temperature: "0.70"}},
		Resolve: func(model string) (string, string, error) { return "openai", model, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	table.SetStored([][]byte{[]byte(`{"id":"` + made + `","model":"x"}`), []byte(`{"id":"` + id + `","model":"left out"}`)})
	assistant := `{"id":"` + id + `","name":"assistant","model":"openai/gpt-4o","temperature":0.70}`
	for ref, want := range map[string]string{
		"assistant": assistant, id: assistant, " {7B4B2F0E-6A1C-4C1E-9A55-1F0C2D3E4F50} ": assistant,
		made: `{"id":"` + made + `","model":"x"}`, "": "", "nobody": "",
	} {
		got, ok := table.Written(ref)
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q: %s, %t; want %s", ref, got, ok, want)
		}
		if ok {
			got[0] = 'x' // the caller's own
		}
	}
}
