package admin

import (
	_ "embed"
	"net/http"
)

// document describes the API, as OpenAPI 3.1.
//
//go:embed openapi.json
var document []byte

func (*Handler) openAPI(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document) // a client that is gone is nobody's loss here
	return nil
}
