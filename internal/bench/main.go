// Command bench measures the real server against a bare echo, and on PostgreSQL against pgbench, on loopback, and prints one
// table.
//
// It builds cmd/sliproad, runs it as child processes on databases of its own, a PostgreSQL cluster among them, in a
// temporary directory, and loads it from this process. It is not a test: it has an opinion on no number. Invariant: echo and server get the same requests
// from the same load generator in the same run, in turns, so that what the machine does besides hits both; so do pgbench
// and a server on PostgreSQL with the same rows in the same cluster; and an answer with an unexpected status ends the run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	seconds    float64
	warmup     float64
	rounds     int
	quick      bool
	rows       int
	dir        string
	legs       *regexp.Regexp
	cpuprofile string
}

// window is how long a leg runs.
type window struct{ warm, measure time.Duration }

func (o options) window() window {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return window{seconds(o.warmup), seconds(o.seconds)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == echoFlag {
		if err := serveEcho(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench echo:", err)
			os.Exit(1)
		}
		return
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	var legs string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), "bench runs the server and a load generator on loopback and prints one table; see docs/performance.md.\n\n")
		f.PrintDefaults()
	}
	f.Float64Var(&o.seconds, "seconds", 5, "measured `seconds` of a leg")
	f.Float64Var(&o.warmup, "warmup", 1, "`seconds` before them that are not measured")
	f.IntVar(&o.rounds, "rounds", 3, "how often every leg runs, in turns; the table has the medians")
	f.BoolVar(&o.quick, "quick", false, "1 measured second and 0.3 before it, whatever -seconds and -warmup say")
	f.IntVar(&o.rows, "rows", 1_000_000, "sessions of the large project that is listed; the small one has a hundredth")
	f.StringVar(&o.dir, "dir", "", "`directory` for the databases, whose file system is measured; default: the temporary one")
	f.StringVar(&legs, "legs", "", "only the legs whose name begins as this `regexp` says, such as 'echo@64|create@64'; names: echo, create, known, naive, get, shell, checkout, order, list, "+
		"pg-create, pg-known, pg-nodes, pg-get, pg-order, pg-list, pgbench-create, pgbench-totals, pgbench-get, each with @CONNECTIONS, and webhooks")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "after the measured rounds, run create, get, order and list once more and keep the server's CPU profiles in this `directory`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.seconds, o.warmup = 1, 0.3
	}
	if f.NArg() > 0 || o.seconds <= 0 || o.seconds > 600 || o.warmup < 0 || o.warmup > 600 || o.rounds < 1 || o.rounds > 100 || o.rows < 1000 {
		return o, errors.New("want no arguments, -seconds and -warmup up to 600, -rounds from 1 to 100, -rows from 1000; see -h")
	}
	var err error
	o.legs, err = regexp.Compile("^(?:" + legs + ")")
	return o, err
}

// run prepares everything, runs all legs in turns and prints the table.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "sliproad-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m, err := describeMachine(dir)
	if err != nil {
		return err
	}
	b := &bench{options: o, dir: dir}
	legs := b.plan()
	if len(legs) == 0 && !o.legs.MatchString("webhooks") {
		return errors.New("-legs matches no leg; see -h")
	}
	limit := time.Duration(len(legs)*(o.rounds+1))*(2*o.window().warm+2*o.window().measure+10*time.Second) + 10*time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %v", limit))
	defer cancel()
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.prepare(ctx, legs); err != nil {
		return err
	}
	began := time.Now()
	for round := range o.rounds {
		for _, l := range legs {
			if err := b.measure(ctx, l); err != nil {
				return fmt.Errorf("%s: %w", l.id(), err)
			}
			last := l.samples[len(l.samples)-1]
			fmt.Fprintf(os.Stderr, "round %d of %d  %-17s %8.0f/s\n", round+1, o.rounds, l.id(), last.rate)
		}
	}
	m.took = time.Since(began)
	if err := b.profile(ctx, legs); err != nil {
		return err
	}
	if err := report(out, m, o, legs); err != nil || !o.legs.MatchString("webhooks") {
		return err
	}
	return b.webhooks(ctx, out)
}

// goVersion is the compiler's, which is also that of the server built beside.
func goVersion() string { return runtime.Version() }
