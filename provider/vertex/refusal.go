package vertex

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"cloud.google.com/go/auth"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
)

// mend is why there is no token, in words that anybody may read. The cause may
// hold more: it stays inside.
type mend struct {
	words string
	cause error
}

func (m *mend) Error() string { return m.words }
func (m *mend) Unwrap() error { return m.cause }

// refusal is the failure of a provider that has no token: nil if err is.
func refusal(name string, err error) error {
	if err == nil {
		return nil
	}
	return &provider.Error{Kind: provider.Auth, Message: "the provider " + name + " has no access token: " + err.Error(), Err: err}
}

// fetchError says why a token could not be fetched. What a token server
// answered is not repeated but for OAuth's code of the error.
func fetchError(err error) error {
	var answered *auth.Error
	var unreachable *url.Error
	switch {
	case errors.As(err, &answered) && answered.Response != nil:
		code := oauthCode(answered.Body)
		words := fmt.Sprintf("the token server refused its credentials with a %d%s", answered.Response.StatusCode, code)
		return &mend{words + ": check that they are still valid, and the machine's clock", nil}
	case errors.As(err, &unreachable):
		return &mend{"the token server of its credentials can't be reached", err}
	}
	return &mend{"its credentials can't be used: check the file of credentials, or the machine's service account", err}
}

// oauthCode gives the code of an OAuth error in front of which is a space, such
// as " invalid_grant"; nothing if there is none.
func oauthCode(body []byte) string {
	var e struct {
		Code string `json:"error"`
	}
	err := json.Unmarshal(body, &e, jsontext.AllowDuplicateNames(true))
	if err != nil || e.Code == "" || len(e.Code) > 40 || strings.Trim(e.Code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return " " + e.Code
}
