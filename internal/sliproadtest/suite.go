package sliproadtest

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// nodesOfSuite is how many nodes a suite has on PostgreSQL.
const nodesOfSuite = 2

// OnPostgres tells whether the tests are run on PostgreSQL.
func OnPostgres() bool { return pgtest.Second() }

// OnlySQLite skips the test on PostgreSQL; why says what it is about that only one process on a file has.
func OnlySQLite(tb testing.TB, why string) {
	tb.Helper()
	if OnPostgres() {
		tb.Skip("SQLite only: " + why)
	}
}

// Main runs the tests of a package twice: on a development server with SQLite, and on two nodes with one PostgreSQL database;
// where that is missing, it is skipped or fails, as pgtest says. Before each run it calls prepare, unless that is nil, to start
// what the tests share; the run's end cleans it up. It returns the exit code.
func Main(m *testing.M, prepare func(tb testing.TB)) int {
	return pgtest.Twice(func() int { return runSuite(m, prepare) })
}

func runSuite(m *testing.M, prepare func(tb testing.TB)) (code int) {
	if prepare == nil {
		return m.Run()
	}
	tb := &suiteTB{}
	if prepared := tb.run(func() { prepare(tb) }); prepared {
		code = m.Run()
	}
	tb.run(tb.cleanUp)
	if tb.failed {
		code = max(code, 1)
	}
	return code
}

// suiteTB is the testing.TB of what the tests of a package share.
type suiteTB struct {
	testing.TB // nil: what is not below has no meaning outside a test

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// run tells whether the function came to its end, rather than to a Fatal or a Skip.
func (tb *suiteTB) run(fn func()) (ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
		ended = true
	}()
	<-done
	return ended
}

func (tb *suiteTB) cleanUp() {
	for i := len(tb.cleanups) - 1; i >= 0; i-- {
		tb.run(tb.cleanups[i])
	}
}

func (tb *suiteTB) say(text string) { fmt.Fprintln(os.Stderr, text) }

func (tb *suiteTB) fail() {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.failed = true
}

func (tb *suiteTB) Helper()                           {}
func (tb *suiteTB) Name() string                      { return "shared" }
func (tb *suiteTB) Cleanup(fn func())                 { tb.cleanups = append(tb.cleanups, fn) }
func (tb *suiteTB) Log(args ...any)                   { tb.say(fmt.Sprint(args...)) }
func (tb *suiteTB) Logf(format string, args ...any)   { tb.say(fmt.Sprintf(format, args...)) }
func (tb *suiteTB) Error(args ...any)                 { tb.fail(); tb.Log(args...) }
func (tb *suiteTB) Errorf(format string, args ...any) { tb.fail(); tb.Logf(format, args...) }
func (tb *suiteTB) Fatal(args ...any)                 { tb.Error(args...); runtime.Goexit() }
func (tb *suiteTB) Fatalf(format string, args ...any) { tb.Errorf(format, args...); runtime.Goexit() }
func (tb *suiteTB) Skip(args ...any)                  { tb.Log(args...); runtime.Goexit() }

func (tb *suiteTB) Failed() bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.failed
}

func (tb *suiteTB) TempDir() string {
	dir, err := os.MkdirTemp("", "sliproadtest-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}
