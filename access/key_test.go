package access

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/openai"
)

func TestAuthenticate(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	keys := []*Key{
		{Name: "web", Hash: HashOf("layer_web")},
		{Name: "old", Hash: HashOf("layer_old"), Expires: now},
		{Name: "new", Hash: HashOf("layer_new"), Expires: now.Add(time.Second)},
	}
	guest := &Key{Name: "anonymous"}
	tests := []struct {
		name, header string
		want         string // the key's name, "" is 401
		open         string // the same with anonymous beside the keys
		onlyOpen     string // the same with anonymous and no keys
	}{
		{"right", "Bearer layer_web", "web", "web", "anonymous"},
		{"scheme in lower case", "bearer layer_web", "web", "web", "anonymous"},
		{"missing", "", "", "anonymous", "anonymous"},
		{"wrong", "Bearer layer_wrong", "", "", "anonymous"},
		{"expired", "Bearer layer_old", "", "", "anonymous"},
		{"not yet expired", "Bearer layer_new", "new", "new", "anonymous"},
		{"empty", "Bearer ", "", "", "anonymous"},
		{"two words", "Bearer layer_web layer_web", "", "", "anonymous"},
		{"another scheme", "Basic layer_web", "", "", "anonymous"},
		{"injection", "' OR 1=1--", "", "", "anonymous"},
		{"percent", "%", "", "", "anonymous"},
		{"binary", "Bearer \x00\xff", "", "", "anonymous"},
		{"a megabyte", "Bearer " + strings.Repeat("a", 1<<20), "", "", "anonymous"},
		{"the hash is not the key", "Bearer " + HashOf("layer_web").String(), "", "", "anonymous"},
	}
	for _, set := range []struct {
		name string
		keys []*Key
		anon *Key
	}{{"keys", keys, nil}, {"open", keys, guest}, {"only open", nil, guest}} {
		s, err := NewKeys(set.keys, set.anon, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			want := map[string]string{"keys": test.want, "open": test.open, "only open": test.onlyOpen}[set.name]
			t.Run(set.name+"/"+test.name, func(t *testing.T) {
				h := http.Header{}
				if test.header != "" {
					h.Set("Authorization", test.header)
				}
				k, err := s.Authenticate(h)
				if want == "" {
					var e *openai.Error
					if !errors.As(err, &e) || e.Status != 401 || e.Code != "invalid_api_key" || strings.Contains(e.Message, "layer_w") {
						t.Fatalf("got %v, %v", k, err)
					}
					return
				}
				if err != nil || k.Name != want {
					t.Fatalf("got %v, %v", k, err)
				}
			})
		}
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	s, err := NewKeys([]*Key{{Name: "web", Hash: HashOf("a")}}, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(http.Header{"Authorization": {"Bearer a", "Bearer b"}}); err == nil {
		t.Fatal("two keys were taken")
	}
}

func TestParseKey(t *testing.T) {
	h := HashOf("layer_web")
	for in, ok := range map[string]bool{
		"layer_web": true, h.String(): true, strings.ToUpper(h.String()[7:]): true,
		"": false, "sha256:": false, "sha256:00": false, "sha256:" + strings.Repeat("g", 64): false,
	} {
		if _, err := ParseKey(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
	if got, _ := ParseKey(h.String()); got != h {
		t.Error("a hash is read as something else")
	}
	if _, err := NewKeys([]*Key{{Name: "a", Hash: h}, {Name: "b", Hash: h}}, nil, time.Now); err == nil {
		t.Error("one key twice was taken")
	}
}

func TestMayUse(t *testing.T) {
	k := &Key{Gates: []string{"assistant", "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"}}
	if !k.MayUse("x", "assistant") || !k.MayUse("7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50", "") || k.MayUse("x", "") || k.MayUse("y", "other") {
		t.Error("wrong")
	}
	if !new(Key).MayUse("x", "y") {
		t.Error("a key without list may use all")
	}
}
