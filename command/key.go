package command

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/access"
)

// KeyOptions say which key is made.
type KeyOptions struct {
	Name string // what the log will call it; "" is up to the gateway
	JSON bool
}

// Key makes a client key and prints it with its hash, which is all that the configuration needs.
func Key(s Streams, o KeyOptions) error {
	if strings.ContainsFunc(o.Name, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune("\"\\`{}", r) }) {
		return errors.New("--name: it can't have quotes, backslashes, braces or control characters")
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	key := "layer_" + hex.EncodeToString(random)
	hash := access.HashOf(key).String()
	out := &printer{w: s.Out}
	if o.JSON {
		text, err := json.Marshal(struct {
			Key  string `json:"key"`
			Hash string `json:"hash"`
			Name string `json:"name,omitzero"`
		}{key, hash, o.Name}, jsontext.Multiline(true))
		if err != nil {
			return err
		}
		out.printf("%s\n", text)
		return out.err
	}
	out.printf("%s\n\n", key)
	out.printf("This is the only time that the key is shown: give it to the client. The Caddyfile needs its hash alone:\n\n")
	out.printf("\tapi_key %s", hash)
	if o.Name != "" {
		out.printf(" {\n\t\tname %s\n\t}", quoted(o.Name))
	}
	out.printf("\n")
	return out.err
}

// quoted is a word as the Caddyfile takes it.
func quoted(word string) string {
	if strings.ContainsAny(word, " #") {
		return `"` + word + `"`
	}
	return word
}
