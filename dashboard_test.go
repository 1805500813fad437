package layergateway

import (
	"net/http"
	"strings"
	"testing"
)

const dashboardBlock = `handle_path /admin* {
	layer_dashboard {
		admin_key an-admin-key-for-the-tests
	}
}
layer_gateway {
	api_key k {
		name web
	}
	provider echo
	gate 7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50 {
		name assistant
		model echo/echo
	}
	gates_store
}
respond site`

// The dashboard below a prefix: who may come in, what it shows of the gateway beside it, and a gate that is tried.
func TestDashboard(t *testing.T) {
	s := start(t, dashboardBlock)
	get := func(method, path, body string, header ...string) answer {
		return s.do(s.client, method, "http://localhost"+path, body, header...)
	}
	admin := []string{"Authorization", "Bearer an-admin-key-for-the-tests"}
	if got := get(http.MethodGet, "/admin/readyz", ""); got.status != http.StatusOK {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	for name, header := range map[string][]string{"no key": nil, "an application's key": {"Authorization", "Bearer k"}} {
		if got := get(http.MethodGet, "/admin/", "", header...); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := s.do(s.client, http.MethodGet, "http://evil.example/admin/", "", admin...); got.status != http.StatusForbidden {
		t.Errorf("a stranger's host: %d", got.status)
	}
	if got := get(http.MethodGet, "/admin/elsewhere", "", admin...); got.body != "site" {
		t.Errorf("what is not the dashboard's: %d %s", got.status, got.body)
	}
	if got := get(http.MethodGet, "/admin/gates", "", admin...); got.status != http.StatusOK || !strings.Contains(got.body, "echo/echo") {
		t.Errorf("gates: %d %s", got.status, got.body)
	}
	if got := get(http.MethodGet, "/admin/requests", "", admin...); got.status != http.StatusOK || !strings.Contains(got.body, `<option value="assistant">`) {
		t.Errorf("no gate to filter by: %d %s", got.status, got.body)
	}
	got := get(http.MethodPost, "/admin/gates/7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50/chat",
		`{"messages":[{"role":"user","content":"hello"}]}`, admin...)
	if got.status != http.StatusOK || !strings.Contains(got.body, "hello") {
		t.Fatalf("tried: %d %s", got.status, got.body)
	}
	row := get(http.MethodGet, "/admin/requests/"+got.header.Get("X-Layer-Request-Id"), "", admin...)
	if row.status != http.StatusOK || !strings.Contains(row.body, dashboardKey) {
		t.Errorf("its row: %d %s", row.status, row.body)
	}
}

// Without a slash at the end of the mount, links would lead beside it.
func TestDashboardMountSlash(t *testing.T) {
	s := start(t, dashboardBlock)
	client := *s.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got := s.do(&client, http.MethodGet, "http://localhost/admin", "")
	if got.status != http.StatusPermanentRedirect || got.header.Get("Location") != "./admin/" {
		t.Errorf("%d to %q", got.status, got.header.Get("Location"))
	}
}

// Who is logged in stays so over a reload, until the key is another one; and so does how often somebody was wrong.
func TestDashboardSessionOverReload(t *testing.T) {
	s := start(t, dashboardBlock)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	client := *s.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	login := func() answer {
		return s.do(&client, http.MethodPost, "http://localhost/admin/login", "key=an-admin-key-for-the-tests", form...)
	}
	cookie, _, _ := strings.Cut(login().header.Get("Set-Cookie"), ";")
	in := func() int {
		return s.do(s.client, http.MethodGet, "http://localhost/admin/keys", "", "Cookie", cookie).status
	}
	if got := in(); got != http.StatusOK {
		t.Fatalf("logged in: %d", got)
	}
	reload := func(block string) {
		t.Helper()
		if err := s.reload(block); err != nil {
			t.Fatal(err)
		}
	}
	reload(dashboardBlock + " 2")
	if got := in(); got != http.StatusOK {
		t.Errorf("after a reload: %d", got)
	}
	for range 100 {
		s.do(s.client, http.MethodPost, "http://localhost/admin/login", "key=wrong", form...)
	}
	reload(dashboardBlock)
	if got := login(); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("who was wrong a hundred times: %d", got.status)
	}
	reload(strings.Replace(dashboardBlock, "an-admin-key-for-the-tests", "another-admin-key-for-the-tests", 1))
	if got := in(); got != http.StatusUnauthorized {
		t.Errorf("with another key: %d", got)
	}
}

// Where the prices come from is shown without what may be secret in it.
func TestShownPrices(t *testing.T) {
	for prices, want := range map[string]string{
		"": "", "lists/prices.json": "lists/prices.json", "https://models.dev/api.json": "https://models.dev/api.json",
		"https://joe:s3cret@prices.example:8443/a%2Fb/list.json?token=s3cret#s3cret": "https://prices.example:8443/a%2Fb/list.json",
		"http://joe:s3cret@prices.example":                                           "http://prices.example",
	} {
		a := &App{Prices: prices}
		if got := a.shownCatalog().Source; got != want {
			t.Errorf("%q is shown as %q, want %q", prices, got, want)
		}
	}
	for _, prices := range []string{"https://joe:s3cret@?token=s3cret", "https://joe:s3cret@prices.example:port?token=s3cret"} {
		if _, err := pricesNow(prices); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", prices, err)
		}
	}
}
