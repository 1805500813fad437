package admin

import (
	"strings"
	"testing"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/store"
)

type keyShape struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Gates         []string `json:"gates"`
	Source        string   `json:"source"`
	ReadOnly      bool     `json:"readOnly"`
	KeyPrefix     string   `json:"keyPrefix"`
	Key           string   `json:"key"`
	Version       int64    `json:"version"`
	RevokedAt     string   `json:"revokedAt"`
	PreviousUntil string   `json:"previousUntil"`
	SpendingLimit *float64 `json:"spendingLimit"`
}

func TestKeys(t *testing.T) {
	d := newDesk(t)
	var made keyShape
	a := d.want(201, &made, "POST", "/v1/keys", `{"name":"app","gates":["hello"],"spendingLimit":5}`)
	if len(made.Key) != len("layer_")+64 || !strings.HasPrefix(made.Key, made.KeyPrefix) || made.Version != 1 || made.Source != "store" {
		t.Errorf("made: %s", a.body)
	}
	if a.header.Get("Location") != "keys/"+made.ID || a.header.Get("ETag") != `"1"` {
		t.Errorf("made: %v", a.header)
	}
	at := "/v1/keys/" + made.ID
	var k keyShape
	for _, path := range []string{at, "/v1/keys"} {
		a := d.want(200, nil, "GET", path, "")
		for _, secret := range []string{made.Key, access.HashOf(made.Key).String()[len("sha256:"):]} {
			if strings.Contains(a.body, secret) {
				t.Errorf("%s tells a secret: %s", path, a.body)
			}
		}
	}
	var list []keyShape
	d.want(200, &list, "GET", "/v1/keys", "")
	if len(list) != 2 || list[0].Name != "web" || !list[0].ReadOnly || list[0].Source != "config" || list[1].ID != made.ID {
		t.Errorf("list: %+v", list)
	}
	d.want(200, &k, "PATCH", at, `{"spendingLimit":null,"gates":null,"name":"other"}`, "If-Match", `"1"`)
	if k.SpendingLimit != nil || k.Gates != nil || k.Name != "other" || k.Version != 2 {
		t.Errorf("changed: %+v", k)
	}
	var next keyShape
	d.want(200, &next, "POST", at+"/rotate", `{"overlap":"24h","version":2}`)
	if next.Key == "" || next.Key == made.Key || next.PreviousUntil != "2026-03-15T12:30:00Z" {
		t.Errorf("rotated: %+v", next)
	}
	d.want(200, &next, "POST", at+"/rotate", `{"overlap":"0s"}`)
	k = keyShape{}
	d.want(200, &k, "POST", at+"/revoke", "")
	if k.RevokedAt == "" || k.Key != "" {
		t.Errorf("revoked: %+v", k)
	}
	d.refused(409, "key_revoked", "", "POST", at+"/rotate", `{"overlap":"1h"}`)
	d.want(204, nil, "DELETE", at, "", "If-Match", `"5"`)
	var history []store.Change
	a = d.want(200, &history, "GET", at+"/history?limit=2", "")
	if len(history) != 2 || history[0].Action != "deleted" || history[1].Action != "revoked" {
		t.Errorf("history: %s", a.body)
	}
	b := d.want(200, &history, "GET", at+"/history?cursor="+a.header.Get("X-Next-Cursor"), "")
	if len(history) != 4 || history[2].Action != "updated" || !strings.Contains(string(history[2].Before), `"spendingLimit":5`) || b.header.Get("X-Next-Cursor") != "" {
		t.Errorf("the rest of it: %s", b.body)
	}
	for _, secret := range []string{made.Key, next.Key, access.HashOf(made.Key).String()[len("sha256:"):], access.HashOf(next.Key).String()[len("sha256:"):]} {
		if strings.Contains(a.body+b.body, secret) {
			t.Errorf("the history tells a secret: %s %s", a.body, b.body)
		}
	}
	var g gateShape
	d.want(201, &g, "POST", "/v1/gates", `{"model":"echo/one"}`)
	for _, nobody := range []string{g.ID, "x"} {
		d.refused(404, "not_found", "", "GET", "/v1/keys/"+nobody+"/history", "")
	}
	d.refused(404, "not_found", "", "GET", "/v1/gates/"+made.ID+"/history", "")
	d.want(200, &history, "GET", "/v1/keys/"+d.keys[0].ID+"/history", "")
	if len(history) != 0 {
		t.Errorf("of a key of the configuration: %+v", history)
	}
	for _, ask := range [][3]string{{"GET", at, ""}, {"PATCH", at, "{}"}, {"DELETE", at, ""}, {"POST", at + "/rotate", `{"overlap":"1h"}`}, {"POST", at + "/revoke", ""}} {
		d.refused(404, "not_found", "", ask[0], ask[1], ask[2])
	}
}

func TestKeyRefusals(t *testing.T) {
	d := newDesk(t)
	var made keyShape
	d.want(201, &made, "POST", "/v1/keys", `{"name":"app"}`)
	at := "/v1/keys/" + made.ID
	for _, test := range []struct {
		status                          int
		code, param, method, path, body string
	}{
		{422, "invalid_value", "name", "POST", "/v1/keys", `{}`},
		{409, "taken", "name", "POST", "/v1/keys", `{"name":"app"}`},
		{422, "invalid_value", "gates", "POST", "/v1/keys", `{"name":"x","gates":["typo"]}`},
		{422, "invalid_value", "expires", "POST", "/v1/keys", `{"name":"x","expires":"soon"}`},
		{422, "invalid_value", "key", "POST", "/v1/keys", `{"name":"x","key":"layer_mine"}`},
		{422, "invalid_value", "atGates.hello.rateLimit.count", "PATCH", at, `{"atGates":{"hello":{"rateLimit":{"count":0,"window":"1m"}}}}`},
		{422, "invalid_value", "revokedAt", "PATCH", at, `{"revokedAt":"2026-01-01T00:00:00Z"}`},
		{409, "version_conflict", "", "PATCH", at, `{"name":"x","version":7}`},
		{409, "version_conflict", "", "POST", at + "/revoke", `{"version":7}`},
		{422, "invalid_value", "overlap", "POST", at + "/rotate", ``},
		{422, "invalid_value", "overlap", "POST", at + "/rotate", `{"overlap":"a day"}`},
		{422, "invalid_value", "overlap", "POST", at + "/rotate", `{"overlap":"10000h"}`},
		{422, "invalid_value", "overlap", "POST", at + "/rotate", `{"overlap":5}`},
		{409, "read_only", "", "PATCH", "/v1/keys/" + d.keys[0].ID, `{"name":"x"}`},
		{409, "read_only", "", "DELETE", "/v1/keys/" + d.keys[0].ID, ``},
		{409, "read_only", "", "POST", "/v1/keys/" + d.keys[0].ID + "/revoke", ``},
	} {
		d.refused(test.status, test.code, test.param, test.method, test.path, test.body)
	}
	d.refused(412, "version_conflict", "If-Match", "POST", at+"/revoke", "", "If-Match", `"7"`)
	d.refused(422, "invalid_value", "version", "POST", at+"/revoke", `{"version":1}`, "If-Match", `"2"`)
	d.bare = true
	d.refused(409, "no_store", "", "POST", "/v1/keys", `{"name":"x"}`)
	d.refused(404, "not_found", "", "POST", at+"/revoke", "")
	var k keyShape
	if d.want(200, &k, "GET", "/v1/keys/"+d.keys[0].ID, ""); k.Name != "web" || k.ID != d.keys[0].ID {
		t.Errorf("configured: %+v", k)
	}
}
