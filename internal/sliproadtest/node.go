package sliproadtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sliproad/sliproad/api"
)

// Node is one process of a Server.
type Node struct {
	URL string // its own, behind the balancer; each start changes it

	server  *Server
	number  int
	log     *buffer
	process *process
	web     *http.Client
}

// arguments are how the node is run: as a development server, which has its own database, or as one of production.
func (n *Node) arguments() (args, env []string) {
	s := n.server
	if !s.set.postgres && !s.set.serve {
		return []string{"dev", "--json", "--addr", "127.0.0.1:0", "--data", s.Dir}, s.set.env
	}
	env = []string{
		"SLIPROAD_ADDR=127.0.0.1:0", "SLIPROAD_DATABASE_URL=" + s.DatabaseURL(), "SLIPROAD_METRICS_ADDR=off",
		"SLIPROAD_RATE_LIMIT=0", "SLIPROAD_PUBLIC_RATE_LIMIT=0",
	}
	if s.set.postgres {
		env = append(env, "SLIPROAD_PUBLIC_URL="+s.URL, "SLIPROAD_MASTER_KEY="+s.masterKey)
		if !s.set.serve {
			env = append(env, "SLIPROAD_ALLOW_PRIVATE_WEBHOOKS=yes", "SLIPROAD_LOG_REQUESTS=yes")
		}
	}
	return []string{"serve", "--json"}, slices.Concat(env, s.set.env)
}

// launch starts the process; ready waits for it.
func (n *Node) launch() (err error) {
	args, env := n.arguments()
	n.process, err = startProcess(n.server.binary, env, args, n.log)
	return err
}

func (n *Node) ready() error {
	s, p := n.server, n.process
	name := strings.Join(p.cmd.Args[1:], " ")
	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case <-p.stdout.line:
	case <-p.ended:
		return fmt.Errorf("sliproad %s ended before it was ready: %v", name, p.cmd.ProcessState)
	case <-timer.C:
		return fmt.Errorf("sliproad %s: not ready within %v", name, readyWithin)
	}
	var ready struct{ URL, ProjectID, SecretKey, PublicKey string }
	line, _ := p.stdout.firstLine()
	if json.Unmarshal([]byte(line), &ready) != nil || ready.URL == "" {
		return fmt.Errorf("sliproad %s: the ready line %q is not JSON with a url", name, line)
	}
	n.URL = strings.TrimSuffix(ready.URL, "/")
	n.web = s.newWeb(false)
	if s.balancer != nil {
		s.balancer.lead(n.number, strings.TrimPrefix(n.URL, "http://"))
		return nil
	}
	s.URL, s.ProjectID, s.SecretKey, s.PublicKey = n.URL, ready.ProjectID, ready.SecretKey, ready.PublicKey
	return nil
}

// gone takes the ended process from behind the balancer, since another may get its port.
func (n *Node) gone() {
	if n.server.balancer != nil {
		n.server.balancer.lead(n.number, "")
	}
	if n.web != nil {
		n.web.CloseIdleConnections()
	}
}

// end kills the process if it runs, and waits for its end.
func (n *Node) end() {
	if n.process == nil {
		return
	}
	_ = n.process.cmd.Process.Kill() // of one that has ended it says so
	<-n.process.ended
	n.gone()
}

// Client makes a client of this node alone; it serves until the node's next start.
func (n *Node) Client(key string) *Client {
	return &Client{
		Client: api.New(n.URL, key, api.WithHTTPClient(n.web), api.WithRetries(0, 0)),
		base:   n.URL, key: key, web: n.web,
	}
}

// Restart starts the node again, killing it first if it runs. Options change how this node and later ones are started.
func (n *Node) Restart(opts ...Option) {
	tb := n.server.tb
	tb.Helper()
	n.end()
	for _, o := range opts {
		o(&n.server.set)
	}
	err := n.launch()
	if err == nil {
		err = n.ready()
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Kill ends the node as by kill -9.
func (n *Node) Kill() {
	tb := n.server.tb
	tb.Helper()
	if err := n.process.cmd.Process.Kill(); err != nil {
		tb.Errorf("kill: %v", err)
	}
	<-n.process.ended
	n.gone()
}

// AwaitKilled waits for the node to end by SIGKILL of its own doing.
func (n *Node) AwaitKilled() {
	tb := n.server.tb
	tb.Helper()
	n.await(readyWithin)
	status, ok := n.process.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		tb.Fatalf("the server ended with %v, want SIGKILL", n.process.cmd.ProcessState)
	}
}

// Pause has the node stand still as by SIGSTOP, as one on a frozen machine does; Resume has it go on.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

// Signal sends SIGTERM and returns at once; Stopped waits for what follows.
func (n *Node) Signal() { n.signal(syscall.SIGTERM) }

func (n *Node) signal(sig syscall.Signal) {
	n.server.tb.Helper()
	if err := n.process.cmd.Process.Signal(sig); err != nil {
		n.server.tb.Errorf("%v: %v", sig, err)
	}
}

// Stopped waits for the node's end, which must be a clean one: exit code 0, and nothing on stdout but the ready line.
func (n *Node) Stopped() {
	tb := n.server.tb
	tb.Helper()
	n.await(stopWithin)
	if n.process.err != nil {
		tb.Errorf("the server's end after SIGTERM: %v", n.process.err)
	}
	if _, rest := n.process.stdout.firstLine(); rest != "" {
		tb.Errorf("stdout held more than the ready line: %q", rest)
	}
}

// Stop ends the node with SIGTERM and waits for its clean end.
func (n *Node) Stop() {
	n.server.tb.Helper()
	n.Signal()
	n.Stopped()
}

func (n *Node) await(most time.Duration) {
	n.server.tb.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-n.process.ended:
		n.gone()
	case <-timer.C:
		n.server.tb.Fatalf("the server still runs after %v", most)
	}
}

// Log is what all runs of the node have written to stderr.
func (n *Node) Log() string { return n.log.String() }

func newMasterKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}
