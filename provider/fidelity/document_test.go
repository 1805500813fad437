package fidelity

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/fidelity.md anew")

const document = "../../docs/fidelity.md"

func TestDocument(t *testing.T) {
	want := Document()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/fidelity.md is stale: run go generate ./provider/fidelity (-code +file):\n%s", diff)
	}
}
