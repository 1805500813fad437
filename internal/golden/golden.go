// Package golden compares what tests make with files that say what it should be.
// Run with -update, the tests write the files anew.
package golden

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Compare checks what a test got against a file. Nothing is no file.
func Compare(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := write(path, got); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && (len(got) > 0 || !errors.Is(err, fs.ErrNotExist)) {
		t.Fatalf("%v (make it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (- want, + got; make it anew with -update):\n%s", path, diff)
	}
}

func write(path string, b []byte) error {
	if len(b) > 0 {
		return os.WriteFile(path, b, 0o644)
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Read reads one of a case's files.
func Read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Indent lays JSON out to be read, a value a line, without touching its strings
// and numbers.
func Indent(t testing.TB, b []byte) []byte {
	t.Helper()
	v := jsontext.Value(b)
	if err := v.Indent(jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true)); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return append(v, '\n')
}
