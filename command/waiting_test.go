package command

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits is told so after a while, and the line is empty again when the answer comes.
func TestShowWaiting(t *testing.T) {
	for waited, want := range map[time.Duration]string{
		0: "", patience - time.Millisecond: "", patience + time.Millisecond: "after 2 s", 5*time.Second + time.Millisecond: "after 5 s",
	} {
		synctest.Test(t, func(t *testing.T) {
			var terminal bytes.Buffer
			stop := showWaiting(&terminal)
			time.Sleep(waited)
			stop()
			stop()
			text := terminal.String()
			if want == "" && text != "" || !strings.Contains(text, want) || want != "" && !strings.HasSuffix(text, "\r\x1b[K") {
				t.Errorf("after %v: %q", waited, text)
			}
		})
	}
}
