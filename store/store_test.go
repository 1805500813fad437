package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/internal/pgtest"
	"github.com/layergateway/layergateway/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// t0 is when everything in the tests happens, unless they move their clock.
var t0 = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

// clock is a time that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return t0.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// place is a database with which instances can be opened.
type place struct {
	clock  clock
	config ledger.Config
}

// TestStore runs the tests over both kinds of database, each time a new, empty one.
func TestStore(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, *place)
	}{
		{"Gates", testGates},
		{"GateRefusals", testGateRefusals},
		{"ManyAtOnce", testManyAtOnce},
		{"Keys", testKeys},
		{"KeyRefusals", testKeyRefusals},
		{"TwoInstances", testTwoInstances},
		{"InstancesAgree", testInstancesAgree},
		{"LastUse", testLastUse},
	}
	t.Run("sqlite", func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				test.run(t, &place{config: ledger.Config{Dir: t.TempDir()}})
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		server := pgtest.Start(t)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				test.run(t, &place{config: ledger.Config{Dir: t.TempDir(), Postgres: server.DSN(t)}})
			})
		}
	})
}

// open opens one more instance, with a ledger of its own on the same database.
func (p *place) open(t *testing.T, every time.Duration) *Store {
	t.Helper()
	s, closeAll := p.opened(t, every)
	t.Cleanup(closeAll)
	return s
}

func (p *place) opened(t *testing.T, every time.Duration) (s *Store, closeAll func()) {
	t.Helper()
	config := p.config
	config.Log = zaptest.NewLogger(t)
	l, err := ledger.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), Options{Ledger: l, Every: every, Now: p.clock.now, Log: config.Log})
	if err != nil {
		t.Fatal(err)
	}
	return s, sync.OnceFunc(func() {
		s.Close()
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// seldom is for instances that are to see the changes of others only when they are told to look.
const seldom = time.Hour

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func (p *place) gate(t *testing.T, s *Store, text string) *Gate {
	t.Helper()
	g, err := s.CreateGate(t.Context(), ByAdmin, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// want checks the kind of an error and the field that it names.
func want(t *testing.T, err, kind error, field string) {
	t.Helper()
	var fields []string
	for _, f := range Fields(err) {
		fields = append(fields, f.Field)
	}
	if !errors.Is(err, kind) || strings.Join(fields, " ") != field {
		t.Errorf("error %v (fields %q), want %v (%s)", err, fields, kind, field)
	}
}

func testGates(t *testing.T, p *place) {
	s := p.open(t, seldom)
	ctx := t.Context()
	made := p.gate(t, s, `{"name":"a","model":"echo/one","temperature":0.70,"timeouts":{"idle":"9s","total":"1m0s"},"createdAt":"x"}`)
	if !gate.IsUUID(made.ID) || made.Version != 1 || !made.Created.Equal(t0.Truncate(time.Millisecond)) {
		t.Errorf("made %+v", made)
	}
	upper := p.gate(t, s, `{"id":"{`+strings.ToUpper("abcdefab-0000-4000-8000-000000000001")+`}","model":"echo/two"}`)
	if upper.ID != "abcdefab-0000-4000-8000-000000000001" {
		t.Errorf("id %q", upper.ID)
	}
	p.clock.advance(time.Minute)
	changed, err := s.UpdateGate(ctx, ByDashboard, "a", 1, []byte(`{"temperature":null,"timeouts":{"idle":null},"description":"d"}`))
	if err != nil {
		t.Fatal(err)
	}
	const doc = `{"id":"%s","name":"a","description":"d","model":"echo/one","timeouts":{"total":"1m0s"}}`
	if string(changed.JSON) != fmt.Sprintf(doc, made.ID) || changed.Version != 2 || !changed.Updated.Equal(made.Created.Add(time.Minute)) {
		t.Errorf("changed to %s, %+v", changed.JSON, changed)
	}
	if same, err := s.UpdateGate(ctx, ByAdmin, made.ID, 0, []byte(`{"description":"d","version":2}`)); err != nil || same.Version != 2 {
		t.Errorf("without a change: %+v, %v", same, err)
	}
	got, err := s.Gate(ctx, "urn:uuid:"+made.ID)
	if err != nil || string(got.JSON) != string(changed.JSON) || got.Version != 2 || !got.Created.Equal(made.Created) {
		t.Errorf("got %+v, %v", got, err)
	}
	gates, err := s.Gates(ctx)
	if err != nil || len(gates) != 2 || gates[0].ID != upper.ID || gates[1].ID != made.ID {
		t.Errorf("gates %v, %v", gates, err)
	}
	if err := s.DeleteGate(ctx, ByCommand, "a", 2); err != nil {
		t.Fatal(err)
	}
	_, err = s.Gate(ctx, "a")
	want(t, err, ErrNotFound, "")
	want(t, s.DeleteGate(ctx, ByCommand, "a", 0), ErrNotFound, "")

	history, more, err := s.History(ctx, HistoryFilter{ID: made.ID, Limit: 3})
	if err != nil || len(history) != 3 || more {
		t.Fatalf("history %v, more: %v, %v", history, more, err)
	}
	for i, h := range []struct {
		who           Who
		action        string
		before, after string
	}{
		{ByCommand, Deleted, string(changed.JSON), ""},
		{ByDashboard, Updated, string(made.JSON), string(changed.JSON)},
		{ByAdmin, Created, "", string(made.JSON)},
	} {
		c := history[i]
		if c.Who != h.who || c.Action != h.action || c.What != WhatGate || string(c.Before) != h.before || string(c.After) != h.after {
			t.Errorf("change %d is %+v", i, c)
		}
	}
	older, more, err := s.History(ctx, HistoryFilter{Before: history[1].Revision, Limit: 1})
	if err != nil || len(older) != 1 || older[0].ID != upper.ID || !more {
		t.Errorf("older changes %v, more: %v, %v", older, more, err)
	}
}

func testGateRefusals(t *testing.T, p *place) {
	s := p.open(t, seldom)
	g := p.gate(t, s, `{"id":"`+id(1)+`","name":"a","model":"echo/one"}`)
	p.gate(t, s, `{"id":"`+id(2)+`","name":"b","model":"echo/one"}`)
	for _, c := range []struct {
		text  string
		kind  error
		field string
	}{
		{`{"name":"c"}`, ErrInvalid, "model"},
		{`{"model":"echo/x","temperature":3,"topP":-1}`, ErrInvalid, "temperature topP"},
		{`{"model":"echo/x","colour":1}`, ErrInvalid, "colour"},
		{`{"model":"echo/x","model":"echo/y"}`, ErrInvalid, "model"},
		{`{"model":"echo/x","id":"one"}`, ErrInvalid, "id"},
		{`{"model":"echo/x","version":1}`, ErrInvalid, "version"},
		{`{"model":"echo/x","rateLimit":{"count":1}}`, ErrInvalid, "rateLimit.window"},
		{`{`, ErrInvalid, ""},
		{`null`, ErrInvalid, ""},
		{`[]`, ErrInvalid, ""},
		{`{"model":"echo/x","description":"` + strings.Repeat("x", maxDoc) + `"}`, ErrInvalid, ""},
		{`{"model":"echo/x","id":"` + id(1) + `"}`, ErrTaken, "id"},
		{`{"model":"echo/x","name":"a"}`, ErrTaken, "name"},
	} {
		_, err := s.CreateGate(t.Context(), ByAdmin, []byte(c.text))
		want(t, err, c.kind, c.field)
	}
	for _, c := range []struct {
		version int64
		patch   string
		kind    error
		field   string
	}{
		{2, `{}`, ErrVersion, ""},
		{0, `{"version":2}`, ErrVersion, ""},
		{1, `{"model":null}`, ErrInvalid, "model"},
		{1, `{"id":"` + id(3) + `"}`, ErrInvalid, "id"},
		{1, `{"name":"b"}`, ErrTaken, "name"},
		{1, `3`, ErrInvalid, ""},
	} {
		_, err := s.UpdateGate(t.Context(), ByAdmin, "a", c.version, []byte(c.patch))
		want(t, err, c.kind, c.field)
	}
	_, err := s.UpdateGate(t.Context(), ByAdmin, id(9), 0, []byte(`{}`))
	want(t, err, ErrNotFound, "")
	if got, err := s.Gate(t.Context(), g.ID); err != nil || got.Version != 1 {
		t.Errorf("after refusals %+v, %v", got, err)
	}
	if h, _, err := s.History(t.Context(), HistoryFilter{}); err != nil || len(h) != 2 {
		t.Errorf("history has refusals: %v, %v", h, err)
	}
}

// Many change the same gate in two instances: none is lost, and of those that name the version one wins.
func testManyAtOnce(t *testing.T, p *place) {
	stores := []*Store{p.open(t, 5*time.Millisecond), p.open(t, 5*time.Millisecond)}
	p.gate(t, stores[0], `{"name":"a","model":"echo/one"}`)
	const many = 8
	var won, refused atomic.Int64
	var all sync.WaitGroup
	for i := range many {
		s := stores[i%2]
		all.Go(func() {
			if _, err := s.UpdateGate(t.Context(), ByAdmin, "a", 1, []byte(fmt.Sprintf(`{"description":"%d"}`, i))); err == nil {
				won.Add(1)
			} else if errors.Is(err, ErrVersion) {
				refused.Add(1)
			} else {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := s.CreateGate(t.Context(), ByAdmin, []byte(`{"name":"same","model":"echo/x"}`)); err != nil && !errors.Is(err, ErrTaken) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || refused.Load() != many-1 {
		t.Errorf("%d won and %d were refused", won.Load(), refused.Load())
	}
	gates, err := stores[1].Gates(t.Context())
	if err != nil || len(gates) != 2 {
		t.Errorf("gates %v, %v", gates, err)
	}
	h, _, err := stores[0].History(t.Context(), HistoryFilter{})
	if err != nil || len(h) != 3 || !slices.IsSortedFunc(h, func(a, b Change) int { return int(b.Revision - a.Revision) }) {
		t.Errorf("history %v, %v", h, err)
	}
}
