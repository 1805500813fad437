package bedrock

import (
	"testing"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

func TestRecorded(t *testing.T) {
	recorded.Play(t, recorded.Load(t, "bedrock"), func(recorded.Case) provider.Chat { return New(Options{})() })
}
