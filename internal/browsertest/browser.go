// Package browsertest drives a real headless Chromium for a test: pages as a payer has them, on a phone or a desktop, dark, in
// any language, without JavaScript or without a network; what they asked for over the network, what they said on the console,
// what axe-core finds on them, and what they look like.
//
// It knows nothing of Sliproad and holds no expectations of it: what a page must be, the tests say. It needs a Chromium that is
// installed, and skips (or fails, if SLIPROAD_REQUIRE_ENGINES is set) without one. Invariant: pages of different tests share
// nothing but the browser's process; and a page that has an error on its console, or that breaks its own Content-Security-
// Policy, fails its test, unless the test allows it.
package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// pagesAtOnce is how many tests of a package use the browser at a time: a page waits more than it computes, and with
	// many more of them on two cores all of them wait.
	pagesAtOnce = 4
	startLimit  = 60 * time.Second
)

// Main runs the tests of a package and returns the exit code. It has as many tests run in parallel as the browser bears,
// unless the command line says how many, and ends the browser.
func Main(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(pagesAtOnce)); err != nil {
			panic(err)
		}
	}
	defer stop()
	return m.Run()
}

// Find is the path of Chromium: what SLIPROAD_TEST_CHROMIUM names, or else the first of its usual names in PATH. The error says
// what to install.
func Find() (string, error) {
	if path := os.Getenv("SLIPROAD_TEST_CHROMIUM"); path != "" {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
		return "", fmt.Errorf("browsertest: SLIPROAD_TEST_CHROMIUM names %q, which is no program", path)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("browsertest: Chromium is not installed: there is no chromium, chromium-browser or google-chrome in " +
		"PATH; on Debian, apt-get install chromium, or name one in SLIPROAD_TEST_CHROMIUM")
}

// missing skips the test for want of a program, or fails it where everything is required.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("SLIPROAD_REQUIRE_ENGINES") != "" {
		tb.Fatalf("%v (SLIPROAD_REQUIRE_ENGINES is set, so this is no reason to skip)", err)
	}
	tb.Skip(err)
}

// process is the one browser of this test process.
var process struct {
	mu   sync.Mutex
	ctx  context.Context // chromedp keeps the browser in a context
	err  error
	ends []context.CancelFunc
}

// browser is the context of the running browser.
func browser(tb testing.TB) context.Context {
	tb.Helper()
	path, err := Find()
	if err != nil {
		missing(tb, err)
	}
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.ctx == nil && process.err == nil {
		process.err = start(path)
	}
	if process.err != nil {
		tb.Fatalf("start %s: %v", path, process.err)
	}
	return process.ctx
}

func start(path string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// Languages are the page's; times of day are not to depend on the machine.
		chromedp.Env("TZ=UTC", "LANG=C.UTF-8"),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-search-engine-choice-screen", true),
		chromedp.Flag("font-render-hinting", "none"),
		// The sandbox page's form leads to a redirect; the browser's own pop-ups would hide what follows it.
		chromedp.Flag("disable-save-password-bubble", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	process.ends = []context.CancelFunc{end, endAllocator}
	// The first call must have the browser's own context, so its limit is a timer.
	timer := time.AfterFunc(startLimit, endAllocator)
	defer timer.Stop()
	if err := chromedp.Do(ctx); err != nil {
		return err
	}
	process.ctx = ctx //nolint:fatcontext // it is set once
	return nil
}

func stop() {
	process.mu.Lock()
	defer process.mu.Unlock()
	for _, end := range process.ends {
		end()
	}
	process.ends, process.err = nil, errors.New("browsertest: the browser is asked for after the end of Main")
}
