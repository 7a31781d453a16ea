package cli_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/cli"
)

// TestMeter: a bar that is drawn over itself, up to ten times a second, on a terminal; elsewhere a line in 5 seconds. The
// rate and the time left count from the phase's first call, not from what an earlier run had done.
func TestMeter(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	run := func(terminal bool) string {
		var out bytes.Buffer
		synctest.Test(t, func(*testing.T) {
			show, end := cli.Meter(&out, terminal)
			show("copying", "sessions", 40*mib, 100*mib)
			time.Sleep(50 * time.Millisecond)
			show("copying", "sessions", 45*mib, 100*mib)
			time.Sleep(4950 * time.Millisecond)
			show("copying", "orders", 50*mib, 100*mib)
			show("checking", "", 0, 0)
			end()
		})
		return out.String()
	}
	const line = "copying [############............]  50%  50.0 MiB of 100.0 MiB  2.0 MiB/s  25s left  orders"
	for terminal, want := range map[bool]string{
		false: line + "\n",
		true: "\r\x1b[Kcopying [#########...............]  40%  40.0 MiB of 100.0 MiB  sessions\r\x1b[K" + line +
			"\r\x1b[Kchecking [########################] 100%  0.0 MiB of 0.0 MiB\r\x1b[K",
	} {
		if diff := cmp.Diff(want, run(terminal)); diff != "" {
			t.Errorf("terminal %v:\n%s", terminal, diff)
		}
	}
}
