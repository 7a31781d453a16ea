// Package sliproadtest runs a whole Sliproad for a test: the real binary, as one process on a data directory of its own or as
// several nodes on one PostgreSQL database, which can be killed, stopped and started again; and a client that holds every
// answer to the OpenAPI document. A suite whose TestMain calls Main runs on both.
//
// It is for tests only, and sees of the server what anyone does: HTTP, signals, the command line. Invariant: when a test has
// ended, so has every process that it started, and what they logged is shown if it failed.
package sliproadtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api/apitest"
	"github.com/sliproad/sliproad/internal/pgtest"
)

const (
	readyWithin = 15 * time.Second
	stopWithin  = 40 * time.Second // longer than the server gives what it has accepted
	logShown    = 4 << 10          // bytes of the log's end that a failed test shows
)

// Server is what a test started: one process, or several nodes on one database with a balancer in front of them. Its exported
// fields are set by every start; on PostgreSQL all of them stay the same.
type Server struct {
	URL       string
	ProjectID string // of the development project, as the keys
	SecretKey string
	PublicKey string
	Dir       string // the data directory

	tb        testing.TB
	set       settings
	binary    string
	nodes     []*Node
	balancer  *balancer // nil: one process
	masterKey string    // on PostgreSQL
	web       *http.Client
}

type settings struct {
	dir      string
	env      []string
	tags     []string
	serve    bool // `serve` instead of `dev`, or of what stands for it on PostgreSQL
	postgres bool
	url      string // of PostgreSQL
	nodes    int
}

// Option changes how a server is started.
type Option func(*settings)

// Dir uses the data directory instead of a temporary one.
func Dir(dir string) Option { return func(s *settings) { s.dir = dir } }

// Env sets the environment variables, as "NAME=value", in place of those that an earlier option set.
func Env(env ...string) Option { return func(s *settings) { s.env = env } }

// Tags builds the binary with the build tags.
func Tags(tags ...string) Option { return func(s *settings) { s.tags = tags } }

// Serve runs `sliproad serve --json` with what a production server has by default, on the same database, brought up to date
// first; metrics and rate limits are off. Where the server was started so, the keys stay empty.
func Serve() Option { return func(s *settings) { s.serve = true } }

// SQLite runs one process on a file, whatever Main says.
func SQLite() Option { return func(s *settings) { s.postgres = false } }

// Postgres runs so many nodes on the PostgreSQL database of the URL, or on a fresh one if it is empty, whatever Main says.
// They are `sliproad serve` with the same master key and settings, and, unless Serve is given too, with what a development
// server has: a project and its keys, no rate limits, webhooks to loopback. The Server's URL is that of a balancer, which
// leads each connection to the next node; its clients make a connection for each request.
func Postgres(url string, nodes int) Option {
	return func(s *settings) { s.postgres, s.url, s.nodes = true, url, nodes }
}

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
	s := &Server{tb: tb, set: settings{postgres: OnPostgres(), nodes: nodesOfSuite}}
	for _, o := range opts {
		o(&s.set)
	}
	if s.set.dir == "" {
		s.set.dir = tb.TempDir()
	}
	s.Dir = s.set.dir
	s.binary = Build(tb, s.set.tags...)
	if !s.set.postgres {
		s.set.nodes = 1
	} else {
		if s.set.url == "" {
			s.set.url = pgtest.URL(tb)
		}
		var err error
		if s.balancer, err = newBalancer(); err != nil {
			return s, err
		}
		tb.Cleanup(s.balancer.close)
		s.URL, s.masterKey = s.balancer.url(), newMasterKey()
	}
	for i := range s.set.nodes {
		s.nodes = append(s.nodes, &Node{server: s, number: i, log: newBuffer()})
	}
	tb.Cleanup(func() {
		s.end()
		if tb.Failed() {
			for i, n := range s.nodes {
				text := n.Log()
				tb.Logf("the end of the log of node %d:\n%s", i, text[max(0, len(text)-logShown):])
			}
		}
	})
	return s, s.start()
}

// Restart starts the server again on the same database, killing it first if it runs. Options change how.
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

// Node is the i-th process, counted from 0.
func (s *Server) Node(i int) *Node { return s.nodes[i] }

// Nodes is how many processes there are.
func (s *Server) Nodes() int { return len(s.nodes) }

// Database is the path of the server's SQLite file.
func (s *Server) Database() string { return filepath.Join(s.Dir, "sliproad.db") }

// DatabaseURL is what SLIPROAD_DATABASE_URL names.
func (s *Server) DatabaseURL() string {
	if s.set.postgres {
		return s.set.url
	}
	return "sqlite:" + s.Database()
}

// MasterKey is that of a development server, or of nodes that were told no other.
func (s *Server) MasterKey() string {
	s.tb.Helper()
	if s.set.postgres {
		return s.masterKey
	}
	var keys struct{ MasterKey string }
	text, err := os.ReadFile(filepath.Join(s.Dir, "dev.json"))
	if err == nil {
		err = json.Unmarshal(text, &keys)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	return keys.MasterKey
}

// start starts all nodes at once and waits until they are ready.
func (s *Server) start() error {
	if s.set.postgres || s.set.serve {
		if up := s.Command("migrate", "up"); up.Code != 0 {
			return fmt.Errorf("sliproad migrate up: %+v", up)
		}
	}
	if s.set.postgres && !s.set.serve && s.SecretKey == "" {
		made := s.Command("project", "create", "--name", "Development", "--mode", "test", "--json")
		if made.Code != 0 || json.Unmarshal([]byte(made.Stdout), s) != nil {
			return fmt.Errorf("sliproad project create: %+v", made)
		}
	}
	var errs []error
	for _, n := range s.nodes {
		errs = append(errs, n.launch())
	}
	for i, n := range s.nodes {
		if errs[i] == nil {
			errs[i] = n.ready()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if s.web != nil {
		s.web.CloseIdleConnections()
	}
	s.web = s.newWeb(s.balancer != nil)
	return nil
}

func (s *Server) newWeb(connectEachTime bool) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: apitest.NewTransport(&http.Transport{MaxIdleConnsPerHost: 256, DisableKeepAlives: connectEachTime},
			func(problem string) { s.tb.Errorf("not as in the OpenAPI document: %s", problem) }),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// end kills every process that runs, and waits for its end.
func (s *Server) end() {
	for _, n := range s.nodes {
		n.end()
	}
	if s.web != nil {
		s.web.CloseIdleConnections()
	}
}

// Kill ends every node as by kill -9.
func (s *Server) Kill() {
	s.tb.Helper()
	for _, n := range s.nodes {
		n.Kill()
	}
}

// AwaitKilled waits for a node to end by SIGKILL of its own doing.
func (s *Server) AwaitKilled() {
	s.tb.Helper()
	ended := make(chan *Node, len(s.nodes))
	for _, n := range s.nodes {
		go func() {
			<-n.process.ended
			ended <- n
		}()
	}
	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case n := <-ended:
		n.AwaitKilled()
	case <-timer.C:
		s.tb.Fatalf("the server still runs after %v", readyWithin)
	}
}

// Signal sends SIGTERM to every node and returns at once; Stopped waits for what follows.
func (s *Server) Signal() {
	s.tb.Helper()
	for _, n := range s.nodes {
		n.Signal()
	}
}

// Stopped waits for the end of every node, which must be a clean one: exit code 0, and nothing on stdout but the ready line.
func (s *Server) Stopped() {
	s.tb.Helper()
	for _, n := range s.nodes {
		n.Stopped()
	}
}

// Stop ends every node with SIGTERM and waits for its clean end.
func (s *Server) Stop() {
	s.tb.Helper()
	s.Signal()
	s.Stopped()
}

// Log is what all runs of all nodes have written to stderr.
func (s *Server) Log() string {
	var all strings.Builder
	for _, n := range s.nodes {
		all.WriteString(n.Log())
	}
	return all.String()
}

// Command runs a command of the binary on the server's database, whether the server runs or not.
func (s *Server) Command(args ...string) Output {
	s.tb.Helper()
	env := slices.Concat(s.set.env, []string{"SLIPROAD_DATABASE_URL=" + s.DatabaseURL()})
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
