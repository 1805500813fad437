package vertex

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

const account = "gateway@example-project.iam.gserviceaccount.com"

// rsaKey is the service account's, made once since that takes a while.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// tokenServer exchanges a service account's signed claims for access tokens,
// which it numbers, or answers as it is told.
type tokenServer struct {
	*httptest.Server
	t      testing.TB
	status int    // 0: 200 and a token
	body   string // in place of a token

	mu     sync.Mutex
	issued int
}

func newTokenServer(t testing.TB) *tokenServer {
	s := &tokenServer{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.check(r); err != nil {
		s.t.Errorf("token request: %v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	if s.body != "" || s.status != 0 {
		fmt.Fprint(w, s.body)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued++
	fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600,"token_type":"Bearer"}`, s.issued)
}

// check reads the claims and verifies who signed them.
func (s *tokenServer) check(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if grant := r.Form.Get("grant_type"); grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return fmt.Errorf("grant_type is %q", grant)
	}
	parts := strings.Split(r.Form.Get("assertion"), ".")
	if len(parts) != 3 {
		return fmt.Errorf("the assertion has %d parts", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return err
	}
	if claims.Issuer != account || claims.Scope != scope || claims.Audience != s.URL {
		return fmt.Errorf("claims are %+v", claims)
	}
	return nil
}

// keyFile writes a service account's file whose tokens come from tokenURL; more
// are further members.
func keyFile(t testing.TB, path, tokenURL string, more map[string]string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]string{
		"type": "service_account", "project_id": "example-project", "private_key_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": account, "token_uri": tokenURL,
	}
	for name, value := range more {
		members[name] = value
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, path, string(b))
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
