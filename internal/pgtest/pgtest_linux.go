// Package pgtest starts PostgreSQL for tests.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a running PostgreSQL that listens on a Unix socket alone.
type Server struct {
	dir  string
	bin  string // the folder of its programs
	as   *syscall.SysProcAttr
	proc *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
}

// Shared is a server for all tests of a package, started for the first that asks
// for it. Stop is to be called when they have run.
type Shared struct {
	once   sync.Once
	server *Server
}

// DSN connects to a new, empty database.
func (s *Shared) DSN(t testing.TB) string {
	t.Helper()
	s.once.Do(func() { s.server = start(t) })
	if s.server == nil {
		t.Skip("PostgreSQL could not be started for another test")
	}
	return s.server.DSN(t)
}

// Stop ends the server, if there is one.
func (s *Shared) Stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.end()
}

// Start starts a server that ends with the test. Without the programs the test
// is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	s := start(t)
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// end stops the server and removes its folder.
func (s *Server) end() error {
	s.Stop()
	return os.RemoveAll(s.dir)
}

func start(t testing.TB) *Server {
	t.Helper()
	bin := programs()
	if bin == "" {
		t.Skip("PostgreSQL's programs initdb and postgres are not installed")
	}
	// Not t.TempDir: its path may be too long for a socket, and closed to another user.
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir, bin: bin}
	s.as = s.owner(t)
	s.run(t, "initdb", "--pgdata="+s.data(), "--auth=trust", "--username=test", "--encoding=UTF8", "--no-sync", "--locale=C")
	s.Restart(t)
	return s
}

// programs is the folder with the newest initdb and postgres.
func programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int {
		version := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return n
		}
		return version(b) - version(a)
	})
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	for _, path := range found {
		bin := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(bin, "initdb")); err == nil {
			return bin
		}
	}
	return ""
}

// owner gives the folder to somebody else if we are root, as whom PostgreSQL
// refuses to run, and returns how to become that one.
func (s *Server) owner(t testing.TB) *syscall.SysProcAttr {
	t.Helper()
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return as
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(s.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return as
	}
	t.Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...) // it outlives the test's context
	cmd.Dir = s.dir
	cmd.SysProcAttr = s.as
	return cmd
}

func (s *Server) run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Restart starts the server again after Stop.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	var log bytes.Buffer
	s.proc = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "max_connections=50", "-c", "shared_buffers=16MB")
	s.proc.Stdout, s.proc.Stderr = &log, &log
	// The system kills the server with the thread that started it, so that thread stays.
	started, ended := make(chan error), make(chan struct{})
	proc := s.proc
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := proc.Start()
		started <- err
		if err == nil {
			_ = proc.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	s.ended = ended
	for range 600 {
		if s.command("pg_isready", "-q", "-h", s.dir, "-d", "postgres", "-U", "test").Run() == nil {
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("postgres ended:\n%s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("postgres does not answer")
}

// Stop ends the server at once, as a crash would. It may be called more than once.
func (s *Server) Stop() {
	if s.proc == nil {
		return
	}
	_ = s.proc.Process.Signal(syscall.SIGQUIT)
	<-s.ended
	s.proc = nil
}

// DSN connects to a new, empty database.
func (s *Server) DSN(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", time.Now().UnixNano())
	s.run(t, "createdb", "-h", s.dir, "-U", "test", name)
	return strings.Join([]string{"host=" + s.dir, "user=test", "dbname=" + name, "sslmode=disable"}, " ")
}
