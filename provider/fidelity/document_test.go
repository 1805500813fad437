package fidelity

import (
	"testing"

	"github.com/layergateway/layergateway/internal/golden"
)

func TestDocument(t *testing.T) {
	golden.Compare(t, "../../docs/fidelity.md", []byte(Document()))
}
