package failover_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// fleet is some servers on one database, behind a load balancer that gives every request to any of those that run.
type fleet struct {
	*sliproadtest.Server
	t       *testing.T
	nodes   []*node
	haunted atomic.Bool // a zombie lives, and a node may still read from it what it believes
}

// node is one server of the fleet. Its clients change with every start.
type node struct {
	*sliproadtest.Node
	name string

	mu     sync.RWMutex
	secret *sliproadtest.Client
	public *sliproadtest.Client
	up     bool
}

// gatewayTimeout is short, because an order whose server died is taken over 20 s after it.
const gatewayTimeout = "SLIPROAD_GATEWAY_TIMEOUT=100ms"

// startFleet starts the servers on the database, whose schema is brought up to date first.
func startFleet(t *testing.T, url string, size int, env ...string) *fleet {
	t.Helper()
	env = append(env, gatewayTimeout, "SLIPROAD_LOG_REQUESTS=no")
	f := &fleet{Server: sliproadtest.Start(t, sliproadtest.Postgres(url, size), sliproadtest.Env(env...)), t: t}
	for i := range size {
		f.nodes = append(f.nodes, &node{Node: f.Node(i), name: fmt.Sprint("node ", i)})
		f.join(f.nodes[i])
	}
	return f
}

// join has the load balancer send requests to the node, which has just been started.
func (f *fleet) join(n *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.secret, n.public, n.up = n.Client(f.SecretKey), n.Client(f.PublicKey), true
}

// hold has the load balancer send nothing to the node.
func (n *node) hold() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = false
}

// kill kills the node with SIGKILL. Requests under way lose their connection.
func (f *fleet) kill(n *node) {
	f.t.Helper()
	n.hold()
	n.Kill()
}

// restart starts a node that was killed.
func (f *fleet) restart(n *node) {
	f.t.Helper()
	n.Restart()
	f.join(n)
}

// client is the node's client with the secret or the public key, and whether the node runs.
func (n *node) client(public bool) (*sliproadtest.Client, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if public {
		return n.public, n.up
	}
	return n.secret, n.up
}

// any is a node that runs.
func (f *fleet) any(random *rand.Rand) *node {
	for {
		n := f.nodes[random.IntN(len(f.nodes))]
		if _, up := n.client(false); up {
			return n
		}
	}
}

// ready asks a node whether it is ready. It has to answer within the time that probes give.
func (n *node) ready(t *testing.T) bool {
	t.Helper()
	c, up := n.client(false)
	if !up {
		return false
	}
	began := time.Now()
	a, err := c.Do(context.Background(), http.MethodGet, "/readyz", nil)
	if took := time.Since(began); took > probeTimeout {
		t.Errorf("%s: /readyz took %v", n.name, took)
	}
	return err == nil && a.Status == http.StatusOK
}

// probeTimeout is generous to a busy machine: /readyz promises an answer within 2 s.
const probeTimeout = 4 * time.Second

// await polls until the condition holds; it tells whether it came to hold.
func await(most time.Duration, holds func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); ; <-tick.C {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// awaitReady waits until every node that runs says that it is ready, or that it is not.
func (f *fleet) awaitReady(want bool, most time.Duration) {
	f.t.Helper()
	var all sync.WaitGroup
	for _, n := range f.nodes {
		if _, up := n.client(false); !up {
			continue
		}
		all.Go(func() {
			if !await(most, func() bool { return n.ready(f.t) == want }) {
				f.t.Errorf("%s: /readyz has not come to tell %v within %v", n.name, want, most)
			}
		})
	}
	all.Wait()
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// journal is what the load met: when something was acknowledged, and what went wrong.
type journal struct {
	mu      sync.Mutex
	acks    []time.Time
	faults  []fault
	slowest time.Duration
}

// fault is a request that failed as it may while something is down.
type fault struct {
	began time.Time
	node  string
	kind  string
	lease bool // it is told to wait for what a killed node had begun
}

func (j *journal) ack(began time.Time) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acks = append(j.acks, now)
	j.slowest = max(j.slowest, now.Sub(began))
}

func (j *journal) fail(f fault) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = append(j.faults, f)
	j.slowest = max(j.slowest, time.Since(f.began))
}

func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.acks)
}

// since counts the failures of requests that began after the moment, by kind, without those that wait for a lease.
//
// A key whose request ended while the database was away may be in progress a little longer: its node frees it as soon as it
// can write again, which takes it a try or two.
func (j *journal) since(moment time.Time) map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	kinds := map[string]int{}
	for _, f := range j.faults {
		if f.lease || (strings.Contains(f.kind, api.CodeIdempotencyInProgress) && f.began.Before(moment.Add(freed))) {
			continue
		}
		if f.began.After(moment) {
			kinds[f.node+": "+f.kind]++
		}
	}
	return kinds
}

const freed = 5 * time.Second

// report tells of one event: how long nothing was acknowledged, how long there were errors, and how many.
func (j *journal) report(t *testing.T, what string, began time.Time) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	slices.SortFunc(j.acks, time.Time.Compare)
	silence, last := time.Duration(0), began
	for _, at := range j.acks {
		if at.After(last) {
			silence, last = max(silence, at.Sub(last)), at
		}
	}
	kinds := map[string]int{}
	var firstError, lastError time.Time
	for _, f := range j.faults {
		kinds[f.kind]++
		if firstError.IsZero() || f.began.Before(firstError) {
			firstError = f.began
		}
		if f.began.After(lastError) {
			lastError = f.began
		}
	}
	t.Logf("%s: nothing acknowledged for %v at most; failed requests began over %v: %v; the slowest request took %v; %d acknowledged",
		what, silence.Round(time.Millisecond), lastError.Sub(firstError).Round(time.Millisecond), kinds, j.slowest.Round(time.Millisecond), len(j.acks))
}
