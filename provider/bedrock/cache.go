package bedrock

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// cachePoint reads a cache_control mark; nil if there is none, or if the model
// has no cache.
func (t *translation) cachePoint(mark jsontext.Value, param string) (*cachePoint, error) {
	switch mark.Kind() {
	case '{':
	case 'n', jsontext.KindInvalid:
		return nil, nil
	default:
		return nil, openai.Invalid("invalid_type", param+".cache_control", "'%s.cache_control' must be an object", param)
	}
	if t.model.cache == noCache {
		t.drop("cache_control")
		return nil, nil
	}
	var given struct {
		TTL string `json:"ttl"`
	}
	if err := json.Unmarshal(mark, &given); err != nil {
		return nil, openai.Invalid("invalid_type", param+".cache_control.ttl", "'%s.cache_control.ttl' must be a string", param)
	}
	if given.TTL == "5m" {
		given.TTL = "" // which is what it is anyway
	}
	return &cachePoint{Type: "default", TTL: given.TTL}, nil
}

// mark ends what is to be cached behind the blocks, or in front of documents and
// videos at their end, behind which Bedrock refuses it.
func (t *translation) mark(blocks []block, mark jsontext.Value, param string) ([]block, error) {
	point, err := t.cachePoint(mark, param)
	if point == nil || err != nil {
		return blocks, err
	}
	at := len(blocks)
	for at > 0 && (blocks[at-1].Document != nil || blocks[at-1].Video != nil || blocks[at-1].Reasoning != nil) {
		at--
	}
	switch {
	case at == 0:
		t.drop("cache_control")
	case blocks[at-1].CachePoint == nil: // else it is there
		blocks = slices.Insert(blocks, at, block{CachePoint: point})
	}
	return blocks, nil
}
