package failover_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// rounds is how often each kind of failover happens: once in a run of all tests, more often in `make test-ha`.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TEST_HA_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TEST_HA_ROUNDS is %q, want a number of rounds", text)
	}
	return n
}

const (
	before = 150 // requests acknowledged before something is done, and
	after  = 150 // after it
)

// deliveryLease is how long a delivery stays with a node that died.
const deliveryLease = 60 * time.Second

// stage is three nodes on a PostgreSQL with standbys.
type stage struct {
	*fleet
	ha       *pgtest.HA
	receiver *receiver
	load     *load // of the round
	rounds   int
	records  []*record
}

// TestFailover takes away one server, and then the primary in every way there is, again and again.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := &stage{ha: pgtest.StartHA(t)}
	s.fleet = startFleet(t, s.ha.URL(), 3)
	s.receiver = startReceiver(t, s.fleet)
	for range rounds(t) {
		s.round("a node is killed", s.killNode)
		s.round("the primary is killed", s.killPrimary)
		s.round("planned switchover", s.switchover)
		s.round("zombie", s.zombie)
	}
	s.finish()
}

// TestStandbysLost takes both standbys away, so that commits wait in vain on a primary that lives, and gives them back: what
// had waited is then there, whether anybody was told or not.
func TestStandbysLost(t *testing.T) {
	t.Parallel()
	s := &stage{ha: pgtest.StartHA(t)}
	s.fleet = startFleet(t, s.ha.URL(), 2)
	s.receiver = startReceiver(t, s.fleet)
	for range rounds(t) {
		s.round("both standbys are killed", s.killStandbys)
	}
	s.finish()
}

// round does something to the running whole, waits until it has recovered by itself, and checks what is left.
func (s *stage) round(name string, do func()) {
	t := s.t
	t.Helper()
	s.rounds++
	s.haunted.Store(false)
	l := s.startLoad(fmt.Sprint(s.rounds))
	s.load = l
	l.awaitAcks(before, time.Minute)
	began := time.Now()
	do()
	s.awaitReady(true, 30*time.Second)
	recovered := time.Now()
	l.awaitAcks(after, time.Minute)
	records := l.end()
	l.j.report(t, name, began)
	if failed := l.j.since(recovered); len(failed) > 0 {
		t.Errorf("%s: after the recovery requests failed: %v", name, failed)
	}
	s.settleAll(records, false)
	s.replayAll(records)
	s.records = append(s.records, records...)
	s.check()
	if t.Failed() {
		t.Fatalf("failed in the round: %s", name)
	}
}

// check compares everything that clients and the receiver were told with what is there now.
func (s *stage) check() {
	s.t.Helper()
	told := s.receiver.all()
	w := s.look()
	w.index().check(s.t, s.records)
	w.checkWebhooks(s.t, told)
}

// finish waits for what takes a lease's time, and checks everything once more.
func (s *stage) finish() {
	s.t.Helper()
	w := s.look()
	s.awaitWhole(w)
	if os.Getenv("TEST_HA_ROUNDS") != "" {
		w.awaitTold(s.t, s.receiver, deliveryLease+15*time.Second)
	}
	s.settleAll(s.records, true)
	s.replayAll(s.records)
	s.check()
}

// killNode kills a node with SIGKILL. The others go on, and take over what it has left.
func (s *stage) killNode() {
	s.t.Helper()
	s.kill(s.nodes[1])
	s.awaitReady(true, time.Second)
	s.restart(s.nodes[1])
}

// killPrimary kills the primary with SIGKILL and promotes the better standby, once all nodes have noticed.
func (s *stage) killPrimary() {
	s.t.Helper()
	old := s.ha.Primary()
	s.ha.KillPrimary()
	s.awaitReady(false, 20*time.Second)
	s.load.awaitFaults(2*clients, 30*time.Second)
	s.ha.Promote(s.ha.Candidate())
	s.awaitReady(true, 30*time.Second)
	s.ha.Rejoin(old)
}

func (s *stage) killStandbys() {
	s.t.Helper()
	s.ha.Node(1).Kill()
	s.ha.Node(2).Kill()
	s.awaitReady(false, 20*time.Second)
	s.load.awaitFaults(2*clients, 30*time.Second)
	s.ha.Rejoin(1)
	s.ha.Rejoin(2)
	began := time.Now()
	s.awaitReady(true, 30*time.Second)
	s.t.Logf("ready %v after the standbys were back", time.Since(began).Round(time.Millisecond))
}

func (s *stage) switchover() {
	s.t.Helper()
	s.ha.Switchover((s.ha.Primary() + 1) % 3)
}

// zombie promotes a standby while the old primary goes on.
func (s *stage) zombie() {
	s.t.Helper()
	s.haunted.Store(true)
	s.ha.Zombie()
	s.awaitReady(true, 30*time.Second) // who is ready has committed, and has therefore left it: later failures are counted
	s.ha.RejoinZombie()
}
