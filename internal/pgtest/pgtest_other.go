//go:build !linux

package pgtest

import "testing"

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
