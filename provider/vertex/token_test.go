package vertex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// header makes the request of a call without a key, and gives its header.
func header(t testing.TB, o Options, model string) (http.Header, error) {
	t.Helper()
	o.Project = "p"
	req, err := New(o)().Request(context.Background(), newCall(t, BaseURL(""), "", model, hello))
	if err != nil {
		return nil, err
	}
	return req.Header, nil
}

// alone leaves the test without credentials of the machine's own: what asks for
// those of Google's machines is sent to metadata.
func alone(t *testing.T, metadata http.HandlerFunc) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("APPDATA", home)
	t.Setenv(adcVariable, "")
	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "")
	s := httptest.NewServer(metadata)
	t.Cleanup(s.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(s.URL, "http://"))
}

// Where credentials may be, and the header that is sent with them. Each works
// for both protocols.
func TestCredentials(t *testing.T) {
	server := newTokenServer(t)
	gcloud := filepath.Join(".config", "gcloud", "application_default_credentials.json")
	tests := map[string]struct {
		set   func(t *testing.T, o *Options)
		value string
		payer string
	}{
		"a file": {func(t *testing.T, o *Options) {
			o.Credentials = keyFile(t, filepath.Join(t.TempDir(), "key.json"), server.URL, nil)
		}, "token-", ""},
		"a file before the environment": {func(t *testing.T, o *Options) {
			o.Credentials = keyFile(t, filepath.Join(t.TempDir(), "key.json"), server.URL, nil)
			t.Setenv(adcVariable, "/no/such/file")
		}, "token-", ""},
		"the environment": {func(t *testing.T, _ *Options) {
			t.Setenv(adcVariable, keyFile(t, filepath.Join(t.TempDir(), "key.json"), server.URL, nil))
		}, "token-", ""},
		"gcloud's file, with who pays": {func(t *testing.T, _ *Options) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			keyFile(t, filepath.Join(home, gcloud), server.URL, map[string]string{"quota_project_id": "payer"})
		}, "token-", "payer"},
		"the machine's service account": {func(*testing.T, *Options) {}, "of-the-machine", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			alone(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/token" {
					t.Errorf("metadata: %s %v", r.URL, r.Header)
				}
				w.Header().Set("Metadata-Flavor", "Google")
				fmt.Fprint(w, `{"access_token":"of-the-machine","expires_in":3600,"token_type":"Bearer"}`)
			})
			var o Options
			test.set(t, &o)
			for _, model := range []string{"gemini-2.5-flash", "claude-sonnet-4-5"} {
				h, err := header(t, o, model)
				if err != nil {
					t.Fatal(err)
				}
				if got := h.Get("Authorization"); !strings.HasPrefix(got, "Bearer "+test.value) {
					t.Errorf("%s: Authorization is %q, want a Bearer %s", model, got, test.value)
				}
				if got := h.Get("X-Goog-User-Project"); got != test.payer {
					t.Errorf("%s: X-Goog-User-Project is %q, want %q", model, got, test.payer)
				}
			}
		})
	}
}

// All chats of a provider use one token; what the caller did wrong needs none.
func TestTokenIsShared(t *testing.T) {
	server := newTokenServer(t)
	file := keyFile(t, filepath.Join(t.TempDir(), "key.json"), server.URL, nil)
	chats := New(Options{Project: "p", Credentials: file})
	wrong := newCall(t, BaseURL(""), "", "gemini-2.5-flash", `{"model":"m","messages":[{"role":"tool","content":"x","tool_call_id":"none"}]}`)
	var refused *openai.Error
	if _, err := chats().Request(context.Background(), wrong); !errors.As(err, &refused) || server.issued != 0 {
		t.Errorf("a wrong request: %v, and %d tokens", err, server.issued)
	}
	for _, model := range []string{"gemini-2.5-flash", "claude-sonnet-4-5", "gemini-2.5-pro"} {
		req, err := chats().Request(context.Background(), newCall(t, BaseURL(""), "", model, hello))
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); got != "Bearer token-1" {
			t.Errorf("%s: Authorization is %q, want the first token", model, got)
		}
	}
}

// Failures say what to mend, and neither paths nor what a token server said.
func TestNoToken(t *testing.T) {
	dir := t.TempDir()
	const secret = "secret-of-the-server"
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refuse := func(status int, body string) string {
		s := newTokenServer(t)
		s.status, s.body = status, body
		return s.URL
	}
	file := func(name, tokenURL string, more map[string]string) Options {
		return Options{Credentials: keyFile(t, filepath.Join(dir, name+".json"), tokenURL, more)}
	}
	tests := map[string]struct {
		options Options
		adc     string
		want    string
	}{
		"no file": {options: Options{Credentials: filepath.Join(dir, "none.json")},
			want: "the file of credentials can't be read: no such file or directory"},
		"no file in the environment": {adc: filepath.Join(dir, "none.json"),
			want: "the file of GOOGLE_APPLICATION_CREDENTIALS can't be read: no such file or directory"},
		"no JSON": {options: Options{Credentials: write(t, filepath.Join(dir, "text.json"), secret)},
			want: "the file of credentials has no credentials of Google's: it must be a JSON file such as a service account's key"},
		"no type": {options: Options{Credentials: write(t, filepath.Join(dir, "empty.json"), `{"private_key":"`+secret+`"}`)},
			want: "the file of credentials has no credentials of Google's: it must be a JSON file such as a service account's key"},
		"unknown type": {adc: write(t, filepath.Join(dir, "other.json"), `{"type":"`+secret+`"}`),
			want: "the file of GOOGLE_APPLICATION_CREDENTIALS has credentials that can't be used: download a new one"},
		"broken key": {options: file("broken", closed.URL, map[string]string{"private_key": secret}),
			want: "its credentials can't be used: check the file of credentials, or the machine's service account"},
		"revoked": {options: file("revoked", refuse(http.StatusBadRequest, `{"error":"invalid_grant","error_description":"`+secret+`"}`), nil),
			want: "the token server refused its credentials with a 400 invalid_grant: check that they are still valid, and the machine's clock"},
		"refused in other words": {options: file("refused", refuse(http.StatusForbidden, secret), nil),
			want: "the token server refused its credentials with a 403: check that they are still valid, and the machine's clock"},
		"an answer without a token": {options: file("nothing", refuse(http.StatusOK, `{"scope":"`+secret+`"}`), nil),
			want: "the token server of its credentials gave none"},
		"unreachable": {options: file("unreachable", closed.URL, nil),
			want: "the token server of its credentials can't be reached"},
		"a machine without a service account": {
			want: "its credentials can't be used: check the file of credentials, or the machine's service account"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			alone(t, http.NotFound)
			t.Setenv(adcVariable, test.adc)
			_, err := header(t, test.options, "gemini-2.5-flash")
			var failed *provider.Error
			if !errors.As(err, &failed) || failed.Kind != provider.Auth || failed.Status != 0 {
				t.Fatalf("error is %#v, want one of the credential without a status", err)
			}
			if want := "the provider vertex has no access token: " + test.want; failed.Message != want {
				t.Errorf("message is\n%s\nwant\n%s", failed.Message, want)
			}
			if text := failed.Error(); strings.Contains(text, secret) || strings.Contains(text, dir) {
				t.Errorf("the error tells too much: %s", text)
			}
		})
	}
}

// answers are a token server in memory.
type answers func(n int) (*http.Response, error)

type memory struct {
	mu    sync.Mutex
	asked int
	next  answers
}

func (m *memory) RoundTrip(*http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.asked++
	n := m.asked
	m.mu.Unlock()
	return m.next(n)
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

func issue(n int) (*http.Response, error) {
	body := fmt.Sprintf(`{"access_token":"token-%d","expires_in":3600}`, n)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// inMemory gives tokens whose server is m.
func inMemory(t *testing.T, m *memory) *tokens {
	return &tokens{file: keyFile(t, filepath.Join(t.TempDir(), "key.json"), "https://tokens.test", nil), client: &http.Client{Transport: m}}
}

// A token is renewed behind the requests' back; only one that has ended is
// waited for.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		m := &memory{next: func(n int) (*http.Response, error) {
			if down {
				return nil, errors.New("down")
			}
			return issue(n)
		}}
		tokens := inMemory(t, m)
		want := func(at, value string, asked int) {
			t.Helper()
			got, err := tokens.get(t.Context(), "vertex")
			if err != nil || got.value == "" || !strings.Contains(value, got.value) {
				t.Fatalf("%s: %q, %v, want %s", at, got.value, err, value)
			}
			synctest.Wait()
			if n := m.count(); n != asked {
				t.Fatalf("%s: the token server was asked %d times, want %d", at, n, asked)
			}
		}
		want("at first", "token-1", 1)
		time.Sleep(55 * time.Minute)
		want("while it is good", "token-1", 1)
		time.Sleep(2 * time.Minute)
		// The renewal runs beside the request, which may get either.
		want("shortly before its end", "token-1 or token-2", 2)
		want("renewed", "token-2", 2)
		time.Sleep(58 * time.Minute)
		down = true
		want("the renewal fails", "token-2", 3)
		want("and is not repeated", "token-2", 3)
		time.Sleep(5 * time.Minute)
		var failed *provider.Error
		if _, err := tokens.get(t.Context(), "vertex"); !errors.As(err, &failed) || failed.Kind != provider.Auth {
			t.Fatalf("ended and not to be had: %v", err)
		}
		down = false
		want("to be had again", "token-5", 5)
	})
}

// However many wait, one asks; who can't wait any longer does not end it for the
// others, not even if it was the first.
func TestOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		m := &memory{next: func(n int) (*http.Response, error) {
			<-open
			return issue(n)
		}}
		tokens := inMemory(t, m)
		errLimit := errors.New("first token")
		ctx, cancel := context.WithCancelCause(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := tokens.get(ctx, "vertex")
			first <- err
		}()
		synctest.Wait()
		others := make(chan string, 9)
		for range cap(others) {
			go func() {
				got, err := tokens.get(t.Context(), "vertex")
				others <- fmt.Sprint(got.value, " ", err)
			}()
		}
		synctest.Wait()
		cancel(errLimit)
		var failed *provider.Error
		if err := <-first; !errors.As(err, &failed) || failed.Kind != provider.TimedOut || !errors.Is(err, errLimit) {
			t.Errorf("who was cancelled got %v", err)
		}
		close(open)
		for range cap(others) {
			if got := <-others; got != "token-1 <nil>" {
				t.Errorf("a waiting request got %s", got)
			}
		}
		if n := m.count(); n != 1 {
			t.Errorf("the token server was asked %d times", n)
		}
	})
}

// A token server that never answers is given up.
func TestFetchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		tokens := inMemory(t, nil)
		tokens.client = silent
		start := time.Now()
		_, err := tokens.get(t.Context(), "vertex")
		var failed *provider.Error
		if took := time.Since(start); !errors.As(err, &failed) || failed.Kind != provider.Auth || took != fetchTime {
			t.Errorf("%v after %v", err, took)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
