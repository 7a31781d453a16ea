// Package sliproadtest runs a whole Sliproad server for a test: the real binary, as a process and on a data directory of its
// own, which can be killed, stopped and started again; and a client that holds every answer to the OpenAPI document.
//
// It is for tests only, and sees of the server what anyone does: HTTP, signals, the command line. Invariant: when a test has
// ended, so has every process that it started, and what they logged is shown if it failed.
package sliproadtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api/apitest"
)

const (
	readyWithin = 15 * time.Second
	stopWithin  = 40 * time.Second // longer than the server gives what it has accepted
	logShown    = 4 << 10          // bytes of the log's end that a failed test shows
)

// Server is a server that a test started. Its exported fields are set anew by every start.
type Server struct {
	URL       string
	ProjectID string // of a development server, as the keys
	SecretKey string
	PublicKey string
	Dir       string // the data directory

	tb      testing.TB
	set     settings
	binary  string
	log     *buffer
	process *process
	web     *http.Client
}

type settings struct {
	dir   string
	env   []string
	tags  []string
	serve bool // `serve` instead of `dev`
}

// Option changes how a server is started.
type Option func(*settings)

// Dir uses the data directory instead of a temporary one.
func Dir(dir string) Option { return func(s *settings) { s.dir = dir } }

// Env sets the environment variables, as "NAME=value", in place of those that an earlier option set.
func Env(env ...string) Option { return func(s *settings) { s.env = env } }

// Tags builds the binary with the build tags.
func Tags(tags ...string) Option { return func(s *settings) { s.tags = tags } }

// Serve runs `sliproad serve --json` instead of a development server, on the same database, brought up to date first, with
// metrics and rate limits off. The keys of the Server stay empty.
func Serve() Option { return func(s *settings) { s.serve = true } }

// Start starts a server and waits until it is ready. The test's end kills it.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := Try(tb, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Try is Start where the server may well refuse.
func Try(tb testing.TB, opts ...Option) (*Server, error) {
	tb.Helper()
	s := &Server{tb: tb, log: newBuffer()}
	for _, o := range opts {
		o(&s.set)
	}
	if s.set.dir == "" {
		s.set.dir = tb.TempDir()
	}
	s.Dir = s.set.dir
	s.binary = Build(tb, s.set.tags...)
	tb.Cleanup(func() {
		s.end()
		if tb.Failed() {
			text := s.log.String()
			tb.Logf("the end of the server's log:\n%s", text[max(0, len(text)-logShown):])
		}
	})
	return s, s.start()
}

// Restart starts the server again on the same directory, killing it first if it runs. Options change how.
func (s *Server) Restart(opts ...Option) {
	s.tb.Helper()
	s.end()
	for _, o := range opts {
		o(&s.set)
	}
	if err := s.start(); err != nil {
		s.tb.Fatal(err)
	}
}

// Database is the path of the server's SQLite file.
func (s *Server) Database() string { return filepath.Join(s.Dir, "sliproad.db") }

func (s *Server) start() error {
	args, env := []string{"dev", "--json", "--addr", "127.0.0.1:0", "--data", s.Dir}, s.set.env
	if s.set.serve {
		if up := s.Command("migrate", "up"); up.Code != 0 {
			return fmt.Errorf("sliproad migrate up: %+v", up)
		}
		args = []string{"serve", "--json"}
		env = slices.Concat([]string{
			"SLIPROAD_ADDR=127.0.0.1:0", "SLIPROAD_DATABASE_URL=sqlite:" + s.Database(), "SLIPROAD_METRICS_ADDR=off",
			"SLIPROAD_RATE_LIMIT=0", "SLIPROAD_PUBLIC_RATE_LIMIT=0",
		}, env)
	}
	p, err := startProcess(s.binary, env, args, s.log)
	if err != nil {
		return err
	}
	s.process = p
	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case <-p.stdout.line:
	case <-p.ended:
		return fmt.Errorf("sliproad %s ended before it was ready: %v", strings.Join(args, " "), p.cmd.ProcessState)
	case <-timer.C:
		return fmt.Errorf("sliproad %s: not ready within %v", strings.Join(args, " "), readyWithin)
	}
	var ready struct{ URL, ProjectID, SecretKey, PublicKey string }
	line, _ := p.stdout.firstLine()
	if json.Unmarshal([]byte(line), &ready) != nil || ready.URL == "" {
		return fmt.Errorf("sliproad %s: the ready line %q is not JSON with a url", strings.Join(args, " "), line)
	}
	s.URL, s.ProjectID, s.SecretKey, s.PublicKey = ready.URL, ready.ProjectID, ready.SecretKey, ready.PublicKey
	if s.web != nil {
		s.web.CloseIdleConnections()
	}
	s.web = &http.Client{
		Timeout: 30 * time.Second,
		Transport: apitest.NewTransport(&http.Transport{MaxIdleConnsPerHost: 256},
			func(problem string) { s.tb.Errorf("not as in the OpenAPI document: %s", problem) }),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// end kills the process if it runs, and waits for its end.
func (s *Server) end() {
	if s.process == nil {
		return
	}
	_ = s.process.cmd.Process.Kill() // of one that has ended it says so
	<-s.process.ended
	if s.web != nil {
		s.web.CloseIdleConnections()
	}
}

// Kill ends the server as by kill -9.
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.process.cmd.Process.Kill(); err != nil {
		s.tb.Errorf("kill: %v", err)
	}
	<-s.process.ended
}

// AwaitKilled waits for the server to end by SIGKILL of its own doing.
func (s *Server) AwaitKilled() {
	s.tb.Helper()
	s.await(readyWithin)
	status, ok := s.process.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		s.tb.Fatalf("the server ended with %v, want SIGKILL", s.process.cmd.ProcessState)
	}
}

// Signal sends SIGTERM and returns at once; Stopped waits for what follows.
func (s *Server) Signal() {
	s.tb.Helper()
	if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Errorf("SIGTERM: %v", err)
	}
}

// Stopped waits for the server's end, which must be a clean one: exit code 0, and nothing on stdout but the ready line.
func (s *Server) Stopped() {
	s.tb.Helper()
	s.await(stopWithin)
	if s.process.err != nil {
		s.tb.Errorf("the server's end after SIGTERM: %v", s.process.err)
	}
	if _, rest := s.process.stdout.firstLine(); rest != "" {
		s.tb.Errorf("stdout held more than the ready line: %q", rest)
	}
}

// Stop ends the server with SIGTERM and waits for its clean end.
func (s *Server) Stop() {
	s.tb.Helper()
	s.Signal()
	s.Stopped()
}

func (s *Server) await(most time.Duration) {
	s.tb.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-s.process.ended:
	case <-timer.C:
		s.tb.Fatalf("the server still runs after %v", most)
	}
}

// Log is what all runs of the server have written to stderr.
func (s *Server) Log() string { return s.log.String() }

// Command runs a command of the binary on the server's database, whether the server runs or not.
func (s *Server) Command(args ...string) Output {
	s.tb.Helper()
	env := slices.Concat(s.set.env, []string{"SLIPROAD_DATABASE_URL=sqlite:" + s.Database()})
	return Run(s.tb, s.binary, env, args...)
}

// Output is what a command left.
type Output struct {
	Code   int
	Stdout string
	Stderr string
}

// Run runs a command of the binary to its end, with no setting of Sliproad in its environment but the given ones. One that
// goes on for longer than a start may take fails the test.
func Run(tb testing.TB, binary string, env []string, args ...string) Output {
	tb.Helper()
	stderr := newBuffer()
	p, err := startProcess(binary, env, args, stderr)
	if err != nil {
		tb.Fatal(err)
	}
	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		tb.Errorf("sliproad %s did not end within %v", strings.Join(args, " "), readyWithin)
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		tb.Errorf("sliproad %s: %v", strings.Join(args, " "), p.err)
	}
	return Output{p.cmd.ProcessState.ExitCode(), p.stdout.String(), stderr.String()}
}

// RunUntil starts a command of the binary and kills it at the moment given, unless it ends before.
func RunUntil(tb testing.TB, binary string, moment <-chan time.Time, args ...string) {
	tb.Helper()
	p, err := startProcess(binary, nil, args, newBuffer())
	if err != nil {
		tb.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-moment:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}
