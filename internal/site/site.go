package site

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Site is a gateway that runs. Its methods may be called by several goroutines, but for those that start or end the
// process. Those without an error fail the test.
type Site struct {
	// URL and TLSURL are where the site serves, without a slash at the end: HTTP/1.1 at the first, also HTTP/2 and
	// HTTP/3 at the second.
	URL, TLSURL string

	t             testing.TB
	dir           string // short, since a socket's path must be
	addr, tlsAddr string
	trust         *x509.CertPool
	config        Config
	admin         *http.Client

	process *exec.Cmd
	exited  chan struct{} // closed once the process has ended
	asked   bool          // to end
}

// Start runs a site until the test's end, and returns once it serves.
func Start(tb testing.TB, c Config) *Site {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("needs Linux: the process's state is read from /proc")
	}
	dir, err := os.MkdirTemp("", "gw") //nolint:usetesting // a socket's path must be short, and tb.TempDir's has the test's name
	if err != nil {
		tb.Fatal(err)
	}
	s := &Site{t: tb, dir: dir, config: c}
	tb.Cleanup(s.end)
	for _, addr := range []*string{&s.addr, &s.tlsAddr} {
		if *addr, err = FreePort(); err != nil {
			tb.Fatal(err)
		}
	}
	s.URL, s.TLSURL = "http://"+s.addr, "https://"+s.tlsAddr
	if s.trust, err = s.certify(); err != nil {
		tb.Fatal(err)
	}
	s.admin = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.path("admin"))
		},
		DisableKeepAlives: true, // each reload replaces the admin endpoint too
	}}
	s.run()
	return s
}

// run starts the process with the last configuration.
func (s *Site) run() {
	s.t.Helper()
	file, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	caddyfile := s.Write("Caddyfile", s.caddyfile(s.config))
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.Background(), fmt.Sprintf("/proc/self/fd/%d", file.Fd()), "run", "--adapter", "caddyfile", "--config", caddyfile)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = s.dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir,
		"XDG_DATA_HOME=" + s.path("data"), "XDG_CONFIG_HOME=" + s.path("config"),
	}, s.config.Env...)
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start the gateway: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the code is in its state
		close(exited)
	}()
	s.process, s.exited, s.asked = cmd, exited, false
	Eventually(s.t, "the site serves", time.Minute, func() bool {
		select {
		case <-exited:
			s.t.Fatalf("the gateway did not start: %s\n%s", cmd.ProcessState, s.Log())
		default:
		}
		_, _, err := get(s.Client(), s.URL)
		return err == nil
	})
}

// Reload replaces the configuration, as `caddy reload --force` does, and waits until the new one runs. An error is
// what Caddy says of it; then the one before runs on.
func (s *Site) Reload(c Config) error {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://127.0.0.1/load", strings.NewReader(s.caddyfile(c)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	req.Header.Set("Cache-Control", "must-revalidate") // also if nothing has changed
	resp, err := s.admin.Do(req)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(string(text))
	}
	s.config = c
	return nil
}

// Signal sends the process a signal.
func (s *Site) Signal(sig syscall.Signal) {
	s.t.Helper()
	s.asked = true
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v: %v", sig, err)
	}
}

// Wait waits for the process's end, and returns its exit code; -1 is the end by a signal.
func (s *Site) Wait(limit time.Duration) int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(limit):
		s.t.Fatalf("the gateway has not ended within %v\n%s", limit, s.Stacks())
	}
	return s.process.ProcessState.ExitCode()
}

// Kill ends the process as a failure of power does, by SIGKILL, and waits for its end.
func (s *Site) Kill() {
	s.t.Helper()
	s.Signal(syscall.SIGKILL)
	s.Wait(time.Minute)
}

// Restart runs the last configuration again after the process's end, with the same addresses and data.
func (s *Site) Restart() {
	s.t.Helper()
	select {
	case <-s.exited:
	default:
		s.t.Fatal("a restart of what still runs: Kill it first, or Signal and Wait")
	}
	s.run()
}

// end ends the process with the test, and fails it for what must never be in a log.
func (s *Site) end() {
	if s.process != nil {
		select {
		case <-s.exited:
			if !s.asked {
				s.t.Errorf("the gateway ended by itself: %s", s.process.ProcessState)
			}
		default:
			_ = s.process.Process.Kill() // it may just have ended
			<-s.exited
		}
		log := []byte(s.Log())
		for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
			if i := bytes.Index(log, []byte(bad)); i >= 0 {
				s.t.Errorf("in the gateway's log: %s", log[i:min(i+8000, len(log))])
			}
		}
		if s.t.Failed() {
			s.t.Logf("the end of the gateway's log:\n%s", log[max(0, len(log)-4000):])
		}
	}
	_ = os.RemoveAll(s.dir) // what is left over is in the system's own folder for it
}

func (s *Site) path(name string) string { return filepath.Join(s.dir, name) }

// Dir is the site's folder, in which it runs: the log, Caddyfile and key of TLS are here, Caddy's own in data and config.
func (s *Site) Dir() string { return s.dir }

// Write puts a file into the site's folder, at once as a whole, and returns its path.
func (s *Site) Write(name, text string) string {
	s.t.Helper()
	path := s.path(name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Eventually polls until ok, and fails the test if it isn't in time.
func Eventually(tb testing.TB, what string, limit time.Duration, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("not within %v: %s", limit, what)
		}
	}
}
