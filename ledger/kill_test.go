package ledger

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The test binary runs as the process to be killed where this is set.
const (
	childDir = "LEDGER_TEST_DIR"
	childDSN = "LEDGER_TEST_DSN"
)

// child is a gateway under load: it says on its standard output what it has been
// promised, each with one write.
func child(dir, dsn string) {
	l, err := Open(context.Background(), Config{Dir: dir, Postgres: dsn})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	for range 8 {
		go func() {
			for {
				r := row(uuid.NewString(), t0, 7)
				if err := l.Begin(r); err != nil {
					fmt.Println("failed", err)
					return
				}
				fmt.Fprintln(os.Stdout, "begun", r.ID)
				if err := l.Settle(r); err != nil {
					fmt.Println("failed", err)
					return
				}
				fmt.Fprintln(os.Stdout, "settled", r.ID)
			}
		}()
	}
	time.Sleep(time.Minute) // it is killed long before
}

// TestKilled kills processes under load and looks whether all is there that they
// had said so of.
func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		rounds := 25
		if testing.Short() {
			rounds = 3
		}
		promised := map[string]string{}
		random := rand.New(rand.NewPCG(1, 2))
		for range rounds {
			runChild(t, c, 1+random.IntN(3000), promised)
		}
		l := open(t, c)
		mustFlush(t, l)
		abandoned := 0
		var n, settled int64
		for r, err := range l.All(t.Context(), Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			switch said := promised[r.ID]; {
			case r.Outcome == Abandoned && said == "settled":
				t.Errorf("%s was settled and is abandoned", r.ID)
			case r.Outcome == Abandoned:
				abandoned++
			case r.Bill.Total != 7:
				t.Errorf("%s cost %v", r.ID, r.Bill.Total)
			default:
				settled++
			}
			delete(promised, r.ID)
		}
		for id, said := range promised {
			t.Errorf("%s was %s and has no row", id, said)
		}
		sums, err := l.Summary(t.Context(), ByAll, time.Time{}, time.Time{})
		if err != nil || len(sums) != 1 || sums[0].Requests != n || int64(sums[0].Cost) != 7*settled {
			t.Errorf("%d rows, %d settled, but %+v, %v", n, settled, sums, err)
		}
		t.Logf("%d rows, of them %d abandoned", n, abandoned)
		left, err := deadJournals(c.Dir)
		if err != nil || len(left) != 0 {
			t.Errorf("journals of the dead are left: %v, %v", left, err)
		}
	})
}

// runChild runs a child until it has said so many things, and kills it.
func runChild(t *testing.T, c Config, lines int, promised map[string]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+c.Dir, childDSN+"="+c.Postgres)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for said.Scan() {
		what, id, _ := strings.Cut(said.Text(), " ")
		if what == "failed" {
			t.Errorf("child: %s", said.Text())
		} else if len(id) == 36 {
			promised[id] = what
		}
		if lines--; lines == 0 {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if lines > 0 {
		t.Fatalf("the child ended before it was killed")
	}
}
