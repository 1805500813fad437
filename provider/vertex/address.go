package vertex

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/google"
)

const globalLocation = "global"

// BaseURL is where the models of a location are served, in front of the project.
// Two locations are of several regions each, and have addresses of another form.
func BaseURL(location string) string {
	switch location {
	case "", globalLocation:
		return "https://aiplatform.googleapis.com/v1"
	case "us", "eu":
		return "https://aiplatform." + location + ".rep.googleapis.com/v1"
	}
	return "https://" + location + "-aiplatform.googleapis.com/v1"
}

// model is a publisher's model.
type model struct{ publisher, name string }

func (m model) isClaude() bool { return m.publisher == "anthropic" }

// modelOf reads publishers/<publisher>/models/<name>, or a name alone, whose
// publisher is Anthropic for Claude and else Google.
func modelOf(text string) model {
	if rest, ok := strings.CutPrefix(text, "publishers/"); ok {
		publisher, name, _ := strings.Cut(rest, "/models/")
		if name != "" && publisher != "" && strings.Trim(publisher, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" {
			return model{publisher, name}
		}
	}
	name := strings.TrimPrefix(text, "models/")
	if strings.HasPrefix(name, "claude-") {
		return model{"anthropic", name}
	}
	return model{"google", name}
}

// address gives the URL of a call's method, and adds the credential to h.
func (c *chat) address(ctx context.Context, call *provider.Call, h http.Header) (string, error) {
	if call.Key != "" {
		h.Set("X-Goog-Api-Key", call.Key)
	} else {
		t, err := c.tokens.get(ctx, call.Provider.Name)
		if err != nil {
			return "", err
		}
		h.Set("Authorization", "Bearer "+t.value)
		if t.quotaProject != "" {
			h.Set("X-Goog-User-Project", t.quotaProject)
		}
	}
	u := call.Provider.BaseURL
	if o := c.options; o.Project != "" {
		u += "/projects/" + url.PathEscape(o.Project) + "/locations/" + url.PathEscape(o.Location)
	}
	u += "/publishers/" + url.PathEscape(c.model.publisher) + "/models/"
	method := google.Method
	if c.model.isClaude() {
		method = claudeMethod
	}
	return u + method(c.model.name, call.Stream), nil
}

// claudeMethod is the end of the URL of a Claude model's method, see
// google.Method.
func claudeMethod(model string, stream bool) string {
	segment := strings.ReplaceAll(url.PathEscape(model), ":", "%3A")
	if stream {
		return segment + ":streamRawPredict"
	}
	return segment + ":rawPredict"
}
