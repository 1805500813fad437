package bedrock

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// TestSignVectors signs requests of the test suite that Amazon published for
// Signature Version 4: get-vanilla, post-vanilla and get-vanilla-query-unreserved.
func TestSignVectors(t *testing.T) {
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct{ method, url, want string }{
		{"GET", "https://example.amazonaws.com/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"POST", "https://example.amazonaws.com/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"GET", "https://example.amazonaws.com/?" + unreserved + "=" + unreserved, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
		if err := sign(t.Context(), req, credentials, nil, "service", "us-east-1", at); err != nil {
			t.Fatal(err)
		}
		want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + c.want
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("%s %s:\n%s\n%s", c.method, c.url, got, want)
		}
	}
}

// TestSigned computes the signature of a request again, from what is sent, as
// Amazon describes it.
func TestSigned(t *testing.T) {
	for _, c := range []struct{ model, sent, canonical string }{
		{"amazon.nova-lite-v1:0", "/model/amazon.nova-lite-v1%3A0/converse", "/model/amazon.nova-lite-v1%253A0/converse"},
		{"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6",
			"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-6/converse",
			"/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A1%253Ainference-profile%252Fus.anthropic.claude-sonnet-4-6/converse"},
		{"my model/../é?x#y%z", "/model/my%20model%2F..%2F%C3%A9%3Fx%23y%25z/converse", "/model/my%2520model%252F..%252F%25C3%25A9%253Fx%2523y%2525z/converse"},
	} {
		t.Run(c.model, func(t *testing.T) {
			o := Options{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "session", Region: "eu-central-1", Now: fixed}
			req, err := request(t, o, "", c.model, `{"messages":[{"role":"user","content":"hi"}]}`)
			if err != nil {
				t.Fatal(err)
			}
			if req.URL.RequestURI() != c.sent {
				t.Fatalf("path is %s, want %s", req.URL.RequestURI(), c.sent)
			}
			if token := req.Header.Get("X-Amz-Security-Token"); token != "session" {
				t.Errorf("session token is %q", token)
			}
			const signed = "content-length;content-type;host;x-amz-date;x-amz-security-token;x-amzn-bedrock-trace"
			if got, want := req.Header.Get("Authorization"), authorization(t, req, c.canonical, signed); got != want {
				t.Errorf("\n%s\n%s", got, want)
			}
			if req.Header.Get("X-Org") != "" {
				t.Error("a header that the relay sets is signed")
			}
		})
	}
}

func authorization(t *testing.T, req *http.Request, path, signed string) string {
	t.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	sum := func(b []byte) string {
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	canonical := req.Method + "\n" + path + "\n\n"
	for _, name := range strings.Split(signed, ";") {
		value := req.Header.Get(name)
		switch name {
		case "host":
			value = req.URL.Host
		case "content-length":
			value = strconv.Itoa(len(body))
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signed + "\n" + sum(body)
	const day, scope = "20231114", "20231114/eu-central-1/bedrock/aws4_request"
	key := mac(mac(mac(mac([]byte("AWS4secret"), day), "eu-central-1"), "bedrock"), "aws4_request")
	signature := mac(key, "AWS4-HMAC-SHA256\n20231114T221320Z\n"+scope+"\n"+sum([]byte(canonical)))
	return "AWS4-HMAC-SHA256 Credential=AKID/" + scope + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature)
}

func TestCredentials(t *testing.T) {
	const body = `{"messages":[{"role":"user","content":"hi"}]}`
	keys := Options{AccessKeyID: "AKID", SecretAccessKey: "secret", Region: "us-east-1", Now: fixed}
	req, err := request(t, keys, "bedrock-api-key", "m", body)
	if err != nil {
		t.Fatal(err)
	}
	if got := req.Header.Get("Authorization"); got != "Bearer bedrock-api-key" {
		t.Errorf("authorization is %q", got)
	}
	for _, o := range []Options{{}, {AccessKeyID: "AKID", Region: "us-east-1"}, {AccessKeyID: "AKID", SecretAccessKey: "secret"}} {
		_, err := request(t, o, "", "m", body)
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != provider.Auth {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, model := range []string{"", ".", ".."} {
		var refused *openai.Error
		if _, err := request(t, keys, "", model, body); !errors.As(err, &refused) || refused.Param != "model" {
			t.Errorf("model %q: %v", model, err)
		}
	}
}

// request translates a client's request.
func request(t testing.TB, o Options, key, model, body string) (*http.Request, error) {
	t.Helper()
	r, err := openai.ParseChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return New(o)().Request(t.Context(), &provider.Call{
		Provider: &provider.Provider{Name: "bedrock", BaseURL: "https://bedrock-runtime.eu-central-1.amazonaws.com",
			Header: http.Header{"X-Amzn-Bedrock-Trace": {"ENABLED"}, "X-Org": {"acme"}}},
		Key: key, Model: model, Request: r, Edits: new(openai.Edits), Stream: r.Stream,
	})
}

func fixed() time.Time { return time.Unix(1700000000, 0) }
