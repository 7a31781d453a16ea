package pgtest

import (
	"flag"
	"fmt"
	"os"
)

var second bool

// Second tells whether Twice has come to its second run, in which tests use PostgreSQL.
func Second() bool { return second }

// Twice calls run, which runs the tests of a package, a second time, for PostgreSQL, and returns the exit code. It has no second
// run where nothing is to be run or fuzzing goes on, which a process does once.
func Twice(run func() int) (code int) {
	flag.Parse()
	code = run()
	for _, name := range []string{"test.list", "test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return code
		}
	}
	second = true
	defer Stop()
	if again := run(); again != 0 {
		fmt.Fprintln(os.Stderr, "that was on PostgreSQL")
		code = again
	}
	return code
}
