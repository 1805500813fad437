package layergateway

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	sites "github.com/layergateway/layergateway/internal/site"
)

// terminal is one that a program runs in.
type terminal struct {
	master *os.File
	mu     sync.Mutex
	text   bytes.Buffer
}

// openTerminal starts a program in a terminal of its own.
func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() }) // the program has ended
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer slave.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{master: master}
	go func() {
		some := make([]byte, 4096)
		for {
			n, err := master.Read(some)
			term.mu.Lock()
			term.text.Write(some[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// sees waits until a text is on the screen, behind what was there, and returns all that is.
func (x *terminal) sees(t *testing.T, want string, times int) {
	t.Helper()
	sites.Eventually(t, fmt.Sprintf("%q is on the screen %d times", want, times), time.Minute, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return strings.Count(x.text.String(), want) >= times
	})
}

func (x *terminal) types(t *testing.T, text string) {
	t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestChatInATerminal(t *testing.T) {
	text, url := gatewayFile(t)
	s := newShell(t, strings.Replace(text, "provider echo\n", "provider echo {\ndelay 50ms\n}\n", 1))
	s.serve(url)

	cmd := s.command("layer", "chat", "hello")
	x := openTerminal(t, cmd)
	x.sees(t, "> ", 1)
	x.types(t, "one two three\n")
	x.sees(t, "one two three", 2) // as it was typed, and the answer
	x.sees(t, "\x1b[2mecho/words", 1)
	x.types(t, "four\n")
	x.sees(t, "\x1b[2mecho/words", 2)
	x.types(t, "five "+strings.Repeat("and so on ", 200)+"\n")
	x.sees(t, "and so on", 200+1)
	x.types(t, "\x03") // the answer alone
	x.sees(t, "> ", 4)
	x.types(t, "six\n")
	x.sees(t, "\x1b[2mecho/words", 3)
	x.types(t, "\x04")
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-D: %v\n%s", err, x.text.String())
	}

	cmd = s.command("layer", "chat", "hello")
	x = openTerminal(t, cmd)
	x.sees(t, "> ", 1)
	x.types(t, "\x03")
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C at the prompt: %v\n%s", err, x.text.String())
	}

	cmd = s.command("layer", "chat", "hello", "word "+strings.Repeat("and another ", 200))
	x = openTerminal(t, cmd)
	x.sees(t, "and another", 1)
	x.types(t, "\x03")
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 {
		t.Errorf("Ctrl-C: %v\n%s", err, x.text.String())
	}
}
