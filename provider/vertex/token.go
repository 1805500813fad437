package vertex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
)

const (
	// scope of the tokens, which what the account may do narrows down.
	scope = "https://www.googleapis.com/auth/cloud-platform"
	// fetchTime bounds the fetch of a token, which ends with none of the requests
	// that wait for it.
	fetchTime = 30 * time.Second
	// adcVariable is the environment's name of a credentials file.
	adcVariable = "GOOGLE_APPLICATION_CREDENTIALS"
)

// tokens are the access tokens of one account. Google's library keeps a token,
// and renews it in the background minutes before it ends. Only where there is
// none is a request kept waiting: all of them wait for one fetch, each no longer
// than its own context.
type tokens struct {
	file   string       // empty: the machine's own credentials
	client *http.Client // nil: the library's own

	mu          sync.Mutex
	credentials *auth.Credentials // nil until they have been read
	last        *auth.Token       // the newest, may have ended
	pending     *fetch            // nil if nobody waits
}

// token is an access token, and who pays for what it is used for if that is not
// the project that is called.
type token struct{ value, quotaProject string }

// fetch is a token that is on its way.
type fetch struct {
	done  chan struct{} // closed once the others are set
	token token
	err   error
}

// get gives a token that is valid. The error is a *provider.Error that tells how
// to mend it; name is the provider's.
func (t *tokens) get(ctx context.Context, name string) (token, error) {
	t.mu.Lock()
	if t.last != nil && (t.last.Expiry.IsZero() || time.Now().Before(t.last.Expiry)) {
		t.mu.Unlock()
		got, err := t.obtain(ctx) // the library has it at hand
		return got, refusal(name, err)
	}
	f := t.pending
	if f == nil {
		f = &fetch{done: make(chan struct{})}
		t.pending = f
		go t.fetch(context.WithoutCancel(ctx), f)
	}
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.token, refusal(name, f.err)
	case <-ctx.Done():
		return token{}, &provider.Error{Kind: provider.TimedOut, Message: "the provider " + name + " got no access token in time", Err: context.Cause(ctx)}
	}
}

func (t *tokens) fetch(ctx context.Context, f *fetch) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	f.token, f.err = t.obtain(ctx)
	t.mu.Lock()
	t.pending = nil
	t.mu.Unlock()
	close(f.done)
}

// obtain reads the credentials, unless that is done, and has the library give a
// token.
func (t *tokens) obtain(ctx context.Context) (token, error) {
	t.mu.Lock()
	c := t.credentials
	t.mu.Unlock()
	if c == nil {
		var err error
		if c, err = t.read(); err != nil {
			return token{}, err
		}
	}
	got, err := c.Token(ctx)
	if err != nil {
		return token{}, fetchError(err)
	}
	if got.Value == "" {
		return token{}, &mend{"the token server of its credentials gave none", nil}
	}
	quota, err := c.QuotaProjectID(ctx)
	if err != nil {
		return token{}, fetchError(err)
	}
	t.mu.Lock()
	t.credentials, t.last = c, got
	t.mu.Unlock()
	return token{got.Value, quota}, nil
}

// read reads the credentials, and finds them where they are the machine's own.
func (t *tokens) read() (*auth.Credentials, error) {
	o := &credentials.DetectOptions{Scopes: []string{scope}, Client: t.client}
	path, what := t.file, "the file of credentials"
	if path == "" {
		path, what = os.Getenv(adcVariable), "the file of "+adcVariable
	}
	if path == "" {
		c, err := credentials.DetectDefault(o)
		if err != nil {
			return nil, &mend{"this machine has no application default credentials that can be used: set credentials or api_key, or run where it has", err}
		}
		return c, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err // the path is the machine's business
		}
		return nil, &mend{fmt.Sprintf("%s can't be read: %v", what, err), err}
	}
	var head struct {
		Type credentials.CredType `json:"type"`
	}
	if err := json.Unmarshal(data, &head, jsontext.AllowDuplicateNames(true)); err != nil || head.Type == "" {
		return nil, &mend{what + " has no credentials of Google's: it must be a JSON file such as a service account's key", nil}
	}
	c, err := credentials.NewCredentialsFromJSON(head.Type, data, o)
	if err != nil {
		return nil, &mend{what + " has credentials that can't be used: download a new one", err}
	}
	return c, nil
}
