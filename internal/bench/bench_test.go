package main_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchRuns runs every leg for a moment: a benchmark that no longer fits the server's contract fails here, not on the
// day it is needed. It looks at no number.
func TestBenchRuns(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the server and runs it four times")
	}
	binary := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-seconds", "0.1", "-warmup", "0.05", "-rounds", "1", "-rows", "10000", "-dir", t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	for _, want := range []string{
		"(a) bare echo", "(b) POST /v1/sessions", "(b) POST, customer known", "(c) the same, a commit each", "(d) GET /v1/sessions/{id}",
		"(e) POST …/{id}/order", "(f) list, first page of 100 ", "(f) list, deep cursor in 10 k", "aim: get at 64 connections",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
