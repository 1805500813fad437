// Package redistest runs real Redis servers for tests: one, or a cluster of
// three. They can be killed and started again. A test that needs them skips where
// redis-server is not installed.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start on a busy machine.
const patience = 30 * time.Second

// Server is a running Redis, which ends with its test.
type Server struct {
	t    testing.TB
	dir  string
	port int
	args []string
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

// Start runs a server. It writes each change to disk before it answers, so that
// it forgets nothing when it is killed.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
}

// StartForgetful runs a server that is empty whenever it starts.
func StartForgetful(t testing.TB) *Server {
	t.Helper()
	return start(t, "--save", "", "--appendonly", "no")
}

func start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	// A free port can be taken by another process before the server has it.
	for try := 1; ; try++ {
		s.port = freePort(t)
		if s.run() {
			return s
		}
		if try == 5 {
			t.Fatalf("redis-server does not start:\n%s", s.log)
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run starts the process, and reports whether it answers and has read what it had
// on disk.
func (s *Server) run() bool {
	args := slices.Concat(s.args, []string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--daemonize", "no"})
	s.log = &bytes.Buffer{}
	s.cmd = exec.CommandContext(context.Background(), "redis-server", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended shows in its log
		close(ended)
	}(s.cmd)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			return false
		default:
		}
		// The process answers itself, not whoever has its port.
		answer, err := s.command("INFO")
		if err == nil && strings.Contains(answer, fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)) &&
			!strings.Contains(answer, "\r\nloading:1\r\n") {
			return true
		}
	}
	return false
}

// command sends one inline command and reads the beginning of its answer.
func (s *Server) command(line string) (string, error) {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", s.Addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "", err
	}
	// The server answers what it has read, and then closes too.
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	var answer bytes.Buffer
	_, err = answer.ReadFrom(c)
	return answer.String(), err
}

// Do runs a command without spaces in its arguments, and gives its answer as it
// comes over the wire.
func (s *Server) Do(words ...string) string {
	s.t.Helper()
	answer, err := s.command(strings.Join(words, " "))
	if err != nil || strings.HasPrefix(answer, "-") {
		s.t.Fatalf("redis: %v: %s %v", words, answer, err)
	}
	return answer
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's, as clients take it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended already
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
	}
	s.cmd = nil
}

// Restart starts a killed server again, at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	for try := 1; !s.run(); try++ {
		if try == 5 {
			s.t.Fatalf("redis-server does not start again:\n%s", s.log)
		}
	}
}

// Pause stops the server in the middle of whatever it does: connections stay
// open and nothing is answered, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// StartSentinel runs a sentinel that watches the server by the name of main, and
// gives its address.
func StartSentinel(t testing.TB, master *Server) string {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1\n", master.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, conf, "--sentinel").Addr()
}

// Cluster is three servers that share the slots.
type Cluster struct {
	Nodes [3]*Server
}

// StartCluster runs a cluster without replicas.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{}
	var firstBus string
	for i := range c.Nodes {
		bus := strconv.Itoa(freePort(t))
		c.Nodes[i] = start(t, "--save", "", "--cluster-enabled", "yes", "--cluster-port", bus,
			"--cluster-config-file", "nodes.conf", "--appendonly", "yes", "--appendfsync", "always")
		first := i * 16384 / 3
		last := (i+1)*16384/3 - 1
		c.Nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		c.Nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i == 0 {
			firstBus = bus
		} else {
			c.Nodes[i].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(c.Nodes[0].port), firstBus)
		}
	}
	c.Wait()
	return c
}

// Wait returns when each node knows that all slots are served.
func (c *Cluster) Wait() {
	c.Nodes[0].t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		well := 0
		for _, n := range c.Nodes {
			info, err := n.command("CLUSTER INFO")
			if err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") {
				well++
			}
		}
		if well == len(c.Nodes) {
			return
		}
		if time.Now().After(end) {
			c.Nodes[0].t.Fatal("the cluster does not come together")
		}
	}
}

// URL has all nodes of the cluster.
func (c *Cluster) URL() string {
	return "redis://" + c.Nodes[0].Addr() + "," + c.Nodes[1].Addr() + "," + c.Nodes[2].Addr()
}
