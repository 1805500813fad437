package store

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
)

func (p *place) key(t *testing.T, s *Store, text string) (*Key, string) {
	t.Helper()
	k, secret, err := s.CreateKey(t.Context(), ByAdmin, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func testKeys(t *testing.T, p *place) {
	s := p.open(t, seldom)
	ctx := t.Context()
	made, text := p.key(t, s, `{"name":"web","gates":["a"],"expires":"2027-01-01","rateLimit":{"count":5,"window":"1m"},
		"maxConcurrent":{"running":2,"waiting":0},"atGates":{"A":{"spendingLimit":3}}}`)
	if !regexp.MustCompile(`^layer_[0-9a-f]{64}$`).MatchString(text) || made.Hash != access.HashOf(text) || made.Prefix != text[:12] {
		t.Errorf("key %q: %+v", text, made)
	}
	changed, err := s.UpdateKey(ctx, ByDashboard, made.ID, 1, []byte(`{"gates":null,"expires":null,"atGates":{"A":null,"b":{"spendingLimit":4}}}`))
	if err != nil || changed.Gates != nil || changed.Expires != "" || len(changed.AtGates) != 1 || changed.AtGates["b"] == nil || changed.Version != 2 {
		t.Fatalf("changed to %+v, %v", changed, err)
	}
	got, err := s.Key(ctx, made.ID)
	if err != nil || got.Hash != made.Hash || got.Version != 2 || got.MaxConcurrent == nil || *got.MaxConcurrent.Waiting != 0 || len(got.RateLimit) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}

	if served, err := s.Served(ctx); err != nil || len(served) != 1 || served[0].ID != made.ID || served[0].Version != 2 {
		t.Errorf("served %+v, %v", served, err)
	}

	p.clock.advance(time.Hour)
	rotated, next, err := s.RotateKey(ctx, ByAdmin, made.ID, 2, time.Hour)
	if err != nil || next == text || rotated.Hash != access.HashOf(next) || rotated.Previous != made.Hash ||
		!rotated.PreviousUntil.Equal(made.Created.Add(2*time.Hour)) || !rotated.Rotated.Equal(made.Created.Add(time.Hour)) {
		t.Errorf("rotated to %+v, %v", rotated, err)
	}
	third, _, err := s.RotateKey(ctx, ByAdmin, made.ID, 0, 0)
	if err != nil || third.Previous != (access.Hash{}) || !third.PreviousUntil.IsZero() {
		t.Errorf("rotated again to %+v, %v", third, err)
	}
	_, _, err = s.RotateKey(ctx, ByAdmin, made.ID, 0, -1)
	want(t, err, ErrInvalid, "overlap")

	revoked, err := s.RevokeKey(ctx, ByAdmin, made.ID, 0)
	if err != nil || revoked.Revoked.IsZero() {
		t.Errorf("revoked %+v, %v", revoked, err)
	}
	if again, err := s.RevokeKey(ctx, ByAdmin, made.ID, 0); err != nil || again.Version != revoked.Version {
		t.Errorf("revoked again: %+v, %v", again, err)
	}
	_, _, err = s.RotateKey(ctx, ByAdmin, made.ID, 0, 0)
	want(t, err, ErrRevoked, "")
	want(t, s.DeleteKey(ctx, ByAdmin, made.ID, 1), ErrVersion, "")
	if err := s.DeleteKey(ctx, ByAdmin, made.ID, revoked.Version); err != nil {
		t.Fatal(err)
	}
	_, err = s.Key(ctx, made.ID)
	want(t, err, ErrNotFound, "")

	history, _, err := s.History(ctx, HistoryFilter{ID: made.ID})
	if err != nil || len(history) != 6 {
		t.Fatalf("history %+v, %v", history, err)
	}
	for _, c := range history {
		doc := string(c.Before) + string(c.After)
		for _, secret := range []string{text, next, made.Hash.String()[7:], rotated.Hash.String()[7:], third.Hash.String()[7:]} {
			if strings.Contains(doc, secret) {
				t.Errorf("the history has a secret: %s", doc)
			}
		}
	}
}

func testKeyRefusals(t *testing.T, p *place) {
	s := p.open(t, seldom)
	k, _ := p.key(t, s, `{"name":"web"}`)
	p.key(t, s, `{"name":"other"}`)
	for _, c := range []struct {
		text  string
		kind  error
		field string
	}{
		{`{}`, ErrInvalid, "name"},
		{`{"name":"a\nb"}`, ErrInvalid, "name"},
		{`{"name":"` + strings.Repeat("x", 129) + `"}`, ErrInvalid, "name"},
		{`{"name":"x","expires":"soon"}`, ErrInvalid, "expires"},
		{`{"name":"x","hash":"y"}`, ErrInvalid, "hash"},
		{`{"name":"x","prefix":"y"}`, ErrInvalid, "prefix"},
		{`{"name":"x","gates":"a"}`, ErrInvalid, "gates"},
		{`{"name":"x","gates":[""]}`, ErrInvalid, "gates"},
		{`{"name":"x","maxConcurrent":{"running":0}}`, ErrInvalid, "maxConcurrent"},
		{`{"name":"x","spendingLimit":-1}`, ErrInvalid, "spendingLimit"},
		{`{"name":"x","atGates":{"a":{"spendingLimit":-1}}}`, ErrInvalid, "atGates.a.spendingLimit"},
		{`{"name":"web"}`, ErrTaken, "name"},
	} {
		_, text, err := s.CreateKey(t.Context(), ByAdmin, []byte(c.text))
		want(t, err, c.kind, c.field)
		if text != "" {
			t.Errorf("%s: a key was told", c.text)
		}
	}
	_, err := s.UpdateKey(t.Context(), ByAdmin, k.ID, 0, []byte(`{"name":"other"}`))
	want(t, err, ErrTaken, "name")
	_, err = s.UpdateKey(t.Context(), ByAdmin, k.ID, 0, []byte(`{"version":7}`))
	want(t, err, ErrVersion, "")
	_, err = s.UpdateKey(t.Context(), ByAdmin, "none", 0, []byte(`{}`))
	want(t, err, ErrNotFound, "")
}
