package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// notInstalled says what the legs on PostgreSQL need and is not there.
func notInstalled() error {
	for _, program := range []string{"postgres", "pgbench"} {
		if _, err := pgtest.Program(program); err != nil {
			return err
		}
	}
	return nil
}

// TestBenchRuns runs every leg for a moment: a benchmark that no longer fits the server's contract fails here, not on the
// day it is needed. It looks at no number.
func TestBenchRuns(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the server and runs it on four databases")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // root's PostgreSQL runs as another user, who passes through
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-seconds", "0.1", "-warmup", "0.05", "-rounds", "1", "-rows", "10000", "-dir", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	rows := []string{
		"(a) bare echo", "(b) POST /v1/sessions", "(b) POST, customer known", "(c) the same, a commit each", "(d) GET /v1/sessions/{id}",
		"(e) POST …/{id}/order", "(m) order, which names its gateway", "(m) order, routed among three", "(f) list, first page of 100 ", "(f) list, deep cursor in 10 k", "aim: get at 64 connections",
	}
	if missing := notInstalled(); missing == nil || os.Getenv("SLIPROAD_REQUIRE_ENGINES") != "" {
		rows = append(
			rows, "(g) POST on PostgreSQL", "(g) POST, customer known", "(g) POST, two nodes", "(h) pgbench, the same inserts",
			"(h) pgbench, and the exact totals", "(i) GET on PostgreSQL", "(i) pgbench, one select", "(j) order on PostgreSQL",
			"(k) list on PostgreSQL, first page of 100 ", "aim: pg-create at 64 connections", "aim: pg-get at 64 connections",
		)
	} else if !strings.Contains(stderr.String(), missing.Error()) {
		t.Errorf("stderr does not say %q:\n%s", missing, &stderr)
	}
	for _, want := range rows {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
