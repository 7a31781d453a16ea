package cli_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/sliproad/sliproad/internal/cli"
)

// TestMain makes this test binary the program too: tests find it on the path, as sliproad.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sliproad": func() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script. Besides the usual commands there are:
//
//	exits CODE COMMAND ARG…   runs the command, which must end with the code
//	field NAME KEY [INDEX]    sets the variable to a member of the JSON object, or list of objects, on the last stdout
//	sql FILE STATEMENT        runs the statement on the SQLite file
//	mode OCTAL FILE           wants the file to have the mode
//	damage FILE               overwrites the second half of the file
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"field": field,
			"sql":   statement,
			"mode":  mode, "damage": damage,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if want, err := strconv.Atoi(args[0]); err != nil || code != want {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: field NAME KEY [INDEX]")
	}
	text := ts.ReadFile("stdout")
	var object map[string]any
	if len(args) == 3 {
		var list []map[string]any
		i, err := strconv.Atoi(args[2])
		if err = errors.Join(err, json.Unmarshal([]byte(text), &list)); err != nil || i >= len(list) {
			ts.Fatalf("no object %s in %q: %v", args[2], text, err)
		}
		object = list[i]
	} else if err := json.Unmarshal([]byte(text), &object); err != nil {
		ts.Fatalf("%q: %v", text, err)
	}
	value, ok := object[args[1]].(string)
	if !ok || value == "" {
		ts.Fatalf("no %s in %q", args[1], text)
	}
	ts.Setenv(args[0], value)
}

func statement(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for i := len(text) / 2; i < len(text); i++ {
		text[i] ^= 0x5a
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// server is a running sliproad and its ready line.
type server struct {
	URL, ProjectID, SecretKey, PublicKey, MetricsURL string

	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr *output
	over   chan error
}

// output gathers what a process writes while a test may read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// launch starts the program, with no SLIPROAD_ variable but those given, and waits for its ready line.
func launch(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	s := &server{stderr: &output{}, over: make(chan error, 1)}
	s.cmd = command(env, args...)
	s.cmd.Stderr = s.stderr
	pipe, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	kill := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	s.stdout = bufio.NewReader(pipe)
	line, err := s.stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		t.Fatalf("%v: ready line %q: %v\n%s", args, line, err, s.stderr)
	}
	return s
}

func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("sliproad", args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SLIPROAD_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// stop ends the server in order: exit code 0, and nothing on stdout but the ready line.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	rest, _ := io.ReadAll(s.stdout)
	if err := s.cmd.Wait(); err != nil || len(rest) > 0 {
		t.Errorf("the end: %v, stdout %q\n%s", err, rest, s.stderr)
	}
}

// call makes a request with the key and returns status and body.
func call(t *testing.T, method, url, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
