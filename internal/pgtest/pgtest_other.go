//go:build !linux

package pgtest

import "testing"

// Shared is a server for all tests of a package.
type Shared struct{}

// DSN skips the test, as Start does.
func (s *Shared) DSN(t testing.TB) string {
	t.Helper()
	Start(t)
	return ""
}

// Stop ends the server, if there is one.
func (s *Shared) Stop() error { return nil }

// Server is a running PostgreSQL.
type Server struct{}

// Start skips the test: the server is only started on Linux.
func Start(t testing.TB) *Server {
	t.Helper()
	t.Skip("PostgreSQL is started for tests on Linux alone")
	return nil
}

// Restart starts the server again after Stop.
func (s *Server) Restart(testing.TB) {}

// Stop ends the server at once.
func (s *Server) Stop() {}

// DSN connects to a new, empty database.
func (s *Server) DSN(testing.TB) string { return "" }
