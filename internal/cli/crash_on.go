//go:build crashtest

package cli

import (
	"os"
	"syscall"
)

// crashStep kills the process, as if by kill -9, at the step that SLIPROAD_CRASH_AT names.
func crashStep(step string) {
	if step == os.Getenv("SLIPROAD_CRASH_AT") {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}
