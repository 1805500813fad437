package survival

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
	"github.com/layergateway/layergateway/ledger"
)

// pid is the site's process: the one that runs in its folder.
func (o *office) pid() int {
	o.t.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, cwd := range all {
		if dir, err := os.Readlink(cwd); err == nil && dir == o.s.Dir() {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(cwd))); err == nil {
				return pid
			}
		}
	}
	o.t.Fatal("no process runs in the site's folder")
	return 0
}

// fileLimit bounds how long any file of a process may become, as a full disk
// does; 0 lifts it.
func fileLimit(t *testing.T, pid int, size uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: size, Max: ^uint64(0)}
	if size == 0 {
		limit.Cur = limit.Max
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
}

// TestFullDisk (D84, I11): where the ledger can't write, keys with a budget are
// refused with a 503 and all others go on; it is told, and once there is room
// again, nothing is missing.
func TestFullDisk(t *testing.T) {
	o := &office{up: faultd.New(t, faultd.Options{}), quiet: true, keys: "api_key rich\napi_key k {\nbudget 1 total\n}\n", gates: desk(1, "healthy", "openai", "")}
	o.up.On("healthy", faultd.Script{faultd.Healthy(5)})
	o.open(t)
	body := asked("healthy", `"max_tokens":10`)
	if r := o.ask(t.Context(), "k", body); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	fileLimit(t, o.pid(), 128<<10)
	got := map[string]int{}
	served := map[string]bool{}
	for i := 0; got["k 503"] == 0; i++ {
		if i == 5000 {
			t.Fatalf("nothing was refused: %v", got)
		}
		for _, key := range []string{"rich", "k"} {
			r := o.ask(t.Context(), key, body)
			got[fmt.Sprint(key, " ", r.status)]++
			served[r.id] = true
			if r.status == 503 && (key == "rich" || r.code() != "ledger_unavailable" && r.code() != "limits_unavailable") {
				t.Fatalf("%s: %d %s", key, r.status, r.body)
			}
		}
	}
	if o.s.Metric("layer_gateway_ledger_ok", "") != 0 {
		t.Error("the metric does not know")
	}
	if n := len(o.s.Lines("the ledger can't write; rows are kept as long as there is room")); n == 0 || n > 3 {
		t.Errorf("%d alarms in the log", n)
	}
	fileLimit(t, o.pid(), 0)
	site.Eventually(t, "the budget serves again", time.Minute, func() bool {
		r := o.ask(t.Context(), "k", body)
		served[r.id] = true
		return r.status == 200
	})
	rows := o.rows(o.books(ledger.Config{Dir: o.data()}), len(served)+1)
	for id := range served {
		if _, ok := rows[id]; !ok {
			t.Errorf("no row of %s", id)
		}
	}
	site.Eventually(t, "the ledger is well again", time.Minute, func() bool { return o.s.Metric("layer_gateway_ledger_ok", "") == 1 })
	if n := o.s.Metric("layer_gateway_ledger_dropped_total", ""); n != 0 {
		t.Errorf("%v rows were dropped", n)
	}
	t.Logf("%v, %d rows", got, len(rows))
}
