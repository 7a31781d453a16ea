package sliproad_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/sliproad/sliproad/internal/cli" // what the binary is built of: a cached result would be stale
)

// TestREADMEExample runs the worked example of the README, as written, against the real binary.
func TestREADMEExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## A purchase, from session to completed")
	if !ok {
		t.Fatal("the README has lost its worked example")
	}
	_, script, _ := strings.Cut(section, "```sh\n")
	script, _, _ = strings.Cut(script, "```")

	dir := t.TempDir()
	binary, data := filepath.Join(dir, "sliproad"), filepath.Join(dir, "data")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/sliproad").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	server := exec.CommandContext(t.Context(), binary, "dev", "--json", "--addr", "127.0.0.1:0", "--data", data)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("the server did not stop cleanly: %v", err)
		}
	}()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
	shell.Env = append(os.Environ(), "URL="+ready.URL, "KEYS="+filepath.Join(data, "dev.json"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the example failed: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), `"status":"completed"`); n != 2 {
		t.Errorf("the example shows completed %d times, want for session and order:\n%s", n, out)
	}
	if !strings.Contains(string(out), ready.URL+"/sandbox/pay/") {
		t.Errorf("the example shows no payment page:\n%s", out)
	}
}
