package contract_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/sliproad/sliproad/internal/cli" // what the binary is built of: a cached result would be stale
)

// binary is the program under test, built once by TestMain.
var binary string

// The projects of the shared server. All have the same base URL.
var (
	dev   project // the one `sliproad dev` makes
	other project // a second test project
	live  project // a project in live mode
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	// The cases wait for the server far more than they compute.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	var err error
	if binary, err = build(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "contract-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Loopback is a trusted proxy here, so that a case can come from any address.
	srv, err := start(dir, []string{"SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8,::1/128"})
	if err != nil {
		return 1, err
	}
	dev = srv.project
	other, err = srv.newProject("other", "test")
	if err == nil {
		live, err = srv.newProject("live", "live")
	}
	code := 1
	if err == nil {
		code = m.Run()
	}
	return code, errors.Join(err, srv.stop(), srv.leaks())
}

// build compiles the command beside its final name and renames it, so that
// another package's tests never execute a half-written file.
func build() (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	final := filepath.Join(root, "tmp", "sliproad")
	fresh := fmt.Sprintf("%s.%d", final, os.Getpid())
	cmd := exec.Command("go", "build", "-o", fresh, "./cmd/sliproad")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/sliproad: %w\n%s", err, out)
	}
	return final, os.Rename(fresh, final)
}

// server is a running `sliproad dev` and the project it announced.
type server struct {
	project
	dir    string
	cmd    *exec.Cmd
	stderr *buffer
	extra  chan []byte // what stdout held after the ready line
}

// start runs `sliproad dev` on a free port and waits for its one ready line.
func start(dir string, env []string, args ...string) (*server, error) {
	args = append([]string{"dev", "--json", "--addr", "127.0.0.1:0", "--data", dir}, args...)
	s := &server{dir: dir, cmd: command(env, args...), stderr: &buffer{}, extra: make(chan []byte, 1)}
	s.cmd.Stderr = s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &s.project)
		}
		ready <- err
		rest, _ := io.ReadAll(lines)
		s.extra <- rest
	}()
	select {
	case err = <-ready:
	case <-time.After(30 * time.Second):
		err = errors.New("no ready line within 30 s")
	}
	if err == nil && (s.Base == "" || s.ID == "" || s.SK == "" || s.PK == "") {
		err = fmt.Errorf("ready line lacks url, projectId, secretKey or publicKey: %+v", s.project)
	}
	if err != nil {
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("sliproad %s: %w\n%s", strings.Join(args, " "), err, s.stderr)
	}
	s.Base = strings.TrimSuffix(s.Base, "/")
	return s, nil
}

// launch is start for one test: its own data directory, stopped at the end.
func launch(t *testing.T, args ...string) *server {
	t.Helper()
	s, err := start(t.TempDir(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// stop asks for a graceful end: exit code 0, and nothing more on stdout.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	extra := <-s.extra
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("exit after SIGTERM: %w\n%s", err, s.stderr)
	}
	if len(extra) != 0 {
		return fmt.Errorf("stdout held more than one line: %q", extra)
	}
	return nil
}

// leaks holds §2.1 to the finished run: clientSecret and keys are never logged,
// and no clientSecret is in the clear in any file of the data directory.
func (s *server) leaks() error {
	var found []error
	logs := s.stderr.Bytes()
	for _, secret := range []string{"sess_secret_", dev.SK, dev.PK, other.SK, other.PK, live.SK} {
		if secret != "" && bytes.Contains(logs, []byte(secret)) {
			found = append(found, fmt.Errorf("§2.1 never logged: the log holds %.16s…", secret))
		}
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, secret := range []string{"sess_secret_", other.SK, live.SK} {
			if secret != "" && bytes.Contains(b, []byte(secret)) {
				found = append(found, fmt.Errorf("§2.1 never stored in the clear: %s holds %.16s…", d.Name(), secret))
			}
		}
		return nil
	})
	return errors.Join(append(found, err)...)
}

// newProject makes a project with the command line against the running data.
func (s *server) newProject(name, mode string) (project, error) {
	cmd := command(nil, "project", "create", "--name", name, "--mode", mode, "--data", s.dir, "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return project{}, fmt.Errorf("project create: %w\n%s", err, &stderr)
	}
	p := project{}
	if err := json.Unmarshal(out, &p); err != nil {
		return project{}, fmt.Errorf("project create printed %q: %w", out, err)
	}
	p.Base = s.Base
	return p, nil
}

// command runs the binary with no SLIPROAD_ setting but the given ones.
func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SLIPROAD_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// buffer is a bytes.Buffer that a process may fill while a test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// Bytes is a copy of what was written so far.
func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}

func (b *buffer) String() string { return string(b.Bytes()) }
