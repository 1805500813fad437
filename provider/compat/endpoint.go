package compat

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// endpoint is where a chat completion is asked for. version is Azure's
// api-version: a date means its classic deployments, where the model is a part
// of the path; a word such as preview belongs to its v1 API.
func endpoint(call *provider.Call, version string) (string, error) {
	path := "/chat/completions"
	if version == "" {
		return call.Provider.BaseURL + path, nil
	}
	if Classic(version) {
		if strings.Trim(call.Model, ".") == "" { // a way up, which no escape hides
			return "", openai.Invalid("model_not_found", "model", "the model %q can't be a deployment's name", call.Model)
		}
		path = "/deployments/" + url.PathEscape(call.Model) + path
	}
	return call.Provider.BaseURL + path + "?api-version=" + url.QueryEscape(version), nil
}

// Classic reports whether an api-version of Azure's is one of its classic
// deployments: they are dates.
func Classic(version string) bool { return strings.HasPrefix(version, "20") }

// authorize puts the key into the header where the server wants it.
func (s *Server) authorize(h http.Header, key string) {
	switch {
	case key == "":
	case s.KeyHeader != "":
		h.Set(s.KeyHeader, key)
	default:
		h.Set("Authorization", "Bearer "+key)
	}
}
