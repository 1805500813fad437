package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/internal/pgtest"
	"github.com/layergateway/layergateway/ledger"
)

// serving is a configuration that serves a store.
type serving struct {
	check func(*gate.Config) error
	has   func(string) bool

	mu   sync.Mutex
	last *Snapshot
	told chan struct{} // closed, and made anew, with each snapshot
}

func serve(t *testing.T, s *Store) *serving {
	c := &serving{
		check: func(*gate.Config) error { return nil }, has: func(string) bool { return true },
		told: make(chan struct{}),
	}
	t.Cleanup(s.Attach(c))
	return c
}

func (c *serving) CheckGate(g *gate.Config) error { return c.check(g) }
func (c *serving) HasGate(ref string) bool        { return c.has(ref) }

func (c *serving) Apply(s *Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && c.last.Revision >= s.Revision {
		panic("an old snapshot follows a new one")
	}
	c.last = s
	close(c.told)
	c.told = make(chan struct{})
}

// until waits for a snapshot.
func (c *serving) until(t *testing.T, what string, is func(*Snapshot) bool) *Snapshot {
	t.Helper()
	for {
		c.mu.Lock()
		last, told := c.last, c.told
		c.mu.Unlock()
		if last != nil && is(last) {
			return last
		}
		select {
		case <-told:
		case <-t.Context().Done():
			t.Fatalf("%s: it does not come", what)
		case <-time.After(time.Minute):
			t.Fatalf("%s: it does not come", what)
		}
	}
}

func (c *serving) now() *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// A change is in force at once where it is made, and soon in every other instance.
func testTwoInstances(t *testing.T, p *place) {
	one, two := p.open(t, seldom), p.open(t, time.Millisecond)
	here, there := serve(t, one), serve(t, two)
	g := p.gate(t, one, `{"name":"a","model":"echo/one"}`)
	if now := here.now(); len(now.Gates) != 1 || now.Gates[0].ID != g.ID {
		t.Errorf("here: %+v", now)
	}
	there.until(t, "the gate", func(s *Snapshot) bool { return len(s.Gates) == 1 && s.Gates[0].ID == g.ID })

	k, text := p.key(t, one, `{"name":"web"}`)
	now := there.until(t, "the key", func(s *Snapshot) bool { return len(s.Keys) == 1 })
	if now.Keys[0].Hash != access.HashOf(text) || now.Keys[0].Live == nil {
		t.Errorf("there: %+v", now.Keys[0])
	}
	if _, err := one.RevokeKey(t.Context(), ByAdmin, k.ID, 0); err != nil {
		t.Fatal(err)
	}
	after := there.until(t, "the end of the key", func(s *Snapshot) bool { return !s.Keys[0].Revoked.IsZero() })
	if after.Keys[0].Live != now.Keys[0].Live {
		t.Error("what a key has running does not outlive a change of it")
	}
	if err := one.DeleteGate(t.Context(), ByAdmin, g.ID, 0); err != nil {
		t.Fatal(err)
	}
	there.until(t, "the end of the gate", func(s *Snapshot) bool { return len(s.Gates) == 0 })
	if late := serve(t, two); late.now() == nil {
		t.Error("who comes later is told nothing")
	}
}

// What many change at once in several instances, all of them have in the end.
func testInstancesAgree(t *testing.T, p *place) {
	stores := []*Store{p.open(t, time.Millisecond), p.open(t, time.Millisecond)}
	var servings []*serving
	for _, s := range stores {
		servings = append(servings, serve(t, s))
	}
	const each = 10
	var all sync.WaitGroup
	for n, s := range stores {
		all.Go(func() {
			for i := range each {
				g := p.gate(t, s, fmt.Sprintf(`{"name":"gate-%d-%d","model":"echo/x"}`, n, i))
				if i%2 == 0 {
					if err := s.DeleteGate(t.Context(), ByAdmin, g.ID, 1); err != nil {
						t.Error(err)
					}
				}
			}
		})
		all.Go(func() {
			for i := range each {
				k, _ := p.key(t, s, fmt.Sprintf(`{"name":"key-%d-%d"}`, n, i))
				if _, _, err := s.RotateKey(t.Context(), ByAdmin, k.ID, 1, time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, c := range servings {
		c.until(t, "all changes", func(s *Snapshot) bool { return s.Revision == 2*(each+each/2+each+each) })
		if now := c.now(); len(now.Gates) != each || len(now.Keys) != 2*each {
			t.Errorf("%d gates and %d keys", len(now.Gates), len(now.Keys))
		}
	}
}

func TestConsumersAreAsked(t *testing.T) {
	p := &place{config: ledger.Config{Dir: t.TempDir()}}
	s := p.open(t, seldom)
	one, two := serve(t, s), serve(t, s)
	wrongModel := &gate.FieldError{Field: "model", Err: errors.New("unknown provider")}
	taken := &gate.FieldError{Field: "name", Err: gate.ErrTaken}
	one.check = func(*gate.Config) error { return wrongModel }
	p.gate(t, s, `{"name":"a","model":"p/m"}`) // the other one can serve it
	two.check = one.check
	_, err := s.CreateGate(t.Context(), ByAdmin, []byte(`{"model":"p/m"}`))
	want(t, err, ErrInvalid, "model")
	_, err = s.UpdateGate(t.Context(), ByAdmin, "a", 0, []byte(`{"model":"p/n"}`))
	want(t, err, ErrInvalid, "model")
	one.check = func(*gate.Config) error { return nil }
	two.check = func(*gate.Config) error { return taken }
	_, err = s.CreateGate(t.Context(), ByAdmin, []byte(`{"model":"p/m"}`))
	want(t, err, ErrTaken, "name")

	one.has = func(ref string) bool { return ref == "a" }
	two.has = one.has
	k, _ := p.key(t, s, `{"name":"web","gates":["a"]}`)
	for patch, field := range map[string]string{`{"gates":["a","b"]}`: "gates", `{"atGates":{"b":{}}}`: "atGates"} {
		_, err = s.UpdateKey(t.Context(), ByAdmin, k.ID, 0, []byte(patch))
		want(t, err, ErrInvalid, field)
	}
	one.has = func(string) bool { return false }
	two.has = one.has
	if _, err = s.UpdateKey(t.Context(), ByAdmin, k.ID, 0, []byte(`{"name":"renamed"}`)); err != nil {
		t.Errorf("a key whose gate is gone can't be changed: %v", err)
	}
}

func testLastUse(t *testing.T, p *place) {
	s, closeAll := p.opened(t, seldom)
	defer closeAll()
	c := serve(t, s)
	k, text := p.key(t, s, `{"name":"web"}`)
	p.key(t, s, `{"name":"unused"}`)
	keys, err := access.NewKeys(nil, nil, p.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	live := c.now().Keys[1]
	keys.SetStored([]*access.Key{{Hash: live.Hash, LastUse: &live.Live.LastUse}})
	if _, err := keys.Authenticate(map[string][]string{"Authorization": {"Bearer " + text}}); err != nil {
		t.Fatal(err)
	}
	minute := t0.Truncate(time.Minute)
	if got, err := s.Key(t.Context(), k.ID); err != nil || !got.LastUsed.Equal(minute) || got.Version != 1 {
		t.Errorf("before it is written: %+v, %v", got, err)
	}
	other := p.open(t, seldom)
	if got, err := other.Key(t.Context(), k.ID); err != nil || !got.LastUsed.IsZero() {
		t.Errorf("elsewhere, before it is written: %+v, %v", got, err)
	}
	closeAll()
	all, err := other.Keys(t.Context())
	if err != nil || len(all) != 2 || !all[0].LastUsed.IsZero() || !all[1].LastUsed.Equal(minute) {
		t.Errorf("after it was written: %+v, %v", all, err)
	}
}

// A server that is away at the start or later keeps nothing from coming back.
func TestServerAway(t *testing.T) {
	server := pgtest.Start(t)
	p := &place{config: ledger.Config{Dir: t.TempDir(), Postgres: server.DSN(t)}}
	server.Stop()
	s := p.open(t, time.Millisecond)
	c := serve(t, s)
	if s.Loaded() || c.now() != nil {
		t.Error("what can't be read is there")
	}
	_, err := s.CreateGate(t.Context(), ByAdmin, []byte(`{"model":"echo/x"}`))
	if err == nil || errors.Is(err, ErrInvalid) || errors.Is(err, ErrTaken) {
		t.Errorf("a gate is made nowhere: %v", err)
	}
	server.Restart(t)
	c.until(t, "the empty store", func(*Snapshot) bool { return true })
	p.gate(t, s, `{"name":"a","model":"echo/x"}`)
	server.Stop()
	if _, err := s.Gates(t.Context()); err == nil {
		t.Error("gates of nowhere")
	}
	if now := c.now(); len(now.Gates) != 1 {
		t.Error("what was read before is gone")
	}
	server.Restart(t)
	for {
		if _, err = s.CreateGate(t.Context(), ByAdmin, []byte(`{"name":"b","model":"echo/x"}`)); err == nil || errors.Is(err, ErrTaken) {
			break
		}
	}
	c.until(t, "the next gate", func(s *Snapshot) bool { return len(s.Gates) == 2 })
}

// A key or gate that another version has written takes nothing else with it.
func TestOtherVersion(t *testing.T) {
	p := &place{config: ledger.Config{Dir: t.TempDir()}}
	s := p.open(t, seldom)
	c := serve(t, s)
	k, _ := p.key(t, s, `{"name":"web"}`)
	p.key(t, s, `{"name":"other"}`)
	err := s.change(t.Context(), ByAdmin, func(tx *tx) (*Change, error) {
		return &Change{What: WhatKey, ID: k.ID, Action: Updated}, tx.exec(t.Context(), "UPDATE store_keys SET doc = $1 WHERE id = $2", `{"later":1}`, k.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := c.now(); len(now.Keys) != 1 || now.Keys[0].Name != "other" {
		t.Errorf("keys %+v", now.Keys)
	}
	if keys, err := s.Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("keys %+v, %v", keys, err)
	}
}

func TestOpenWithoutALedger(t *testing.T) {
	if _, err := Open(context.Background(), Options{}); !errors.Is(err, ledger.ErrOff) {
		t.Errorf("error %v", err)
	}
}
