package survival

import (
	"net/http"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// A key that was refused is left out, and serves again once a probe has shown that it is well.
func TestKeyComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute: a refused key is not probed before")
	}
	t.Parallel()
	v := &venue{up: faultd.New(t, faultd.Options{})}
	v.up.On("m", faultd.Script{faultd.Fail(401)}, faultd.Script{faultd.Healthy(4)})
	v.site = site.Start(t, site.Config{Block: "layer_gateway {\napi_key {env.TEST_CLIENT_KEY}\nprovider p openai {\nbase_url " + v.up.URL +
		"/v1\napi_key {env.TEST_KEY_1}\napi_key {env.TEST_KEY_2}\n}\ngate 00000000-0000-4000-8000-000000000001 {\nname g\nmodel p/m\n}\n}\n",
		Env: []string{"TEST_CLIENT_KEY=" + clientKey, "TEST_KEY_1=one", "TEST_KEY_2=two"}})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() {
		t.Helper()
		r, err := v.ask(t.Context(), client, `{"model":"g","messages":[{"role":"user","content":"hi"}]}`, func(int) {})
		if err != nil || r.status != http.StatusOK {
			t.Fatalf("%v %+v", err, r)
		}
	}
	ask()
	all := v.up.Entries("m")
	if len(all) != 2 || all[0].Header.Get("Authorization") == all[1].Header.Get("Authorization") {
		t.Fatalf("the first request: %s", v.up)
	}
	refused := all[0]
	site.Eventually(t, "the key serves again", 3*time.Minute, func() bool {
		ask()
		all = v.up.Entries("m")
		last := all[len(all)-1]
		if last.Header.Get("Authorization") != refused.Header.Get("Authorization") {
			time.Sleep(100 * time.Millisecond) // it has to be waited for
			return false
		}
		if waited := last.Time.Sub(refused.Time); waited < 29*time.Second {
			t.Fatalf("it was asked again after %v", waited)
		}
		return true
	})
	ask()
	ask()
	if again := v.up.Entries("m"); again[len(again)-1].Header.Get("Authorization") == again[len(again)-2].Header.Get("Authorization") {
		t.Errorf("the keys do not take turns again: %s", v.up)
	}
}
