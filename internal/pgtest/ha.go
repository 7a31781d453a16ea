package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// HA is a primary and two standbys. A commit is acknowledged when it is on the primary's disk and on that of either standby:
// synchronous_standby_names is ANY 1 of the two others on every node from its first start on, so that a promoted standby
// acknowledges nothing alone, not even its first commit.
//
// Either standby means that one of them may lack the last commit. The one that has received more has all that was acknowledged,
// because WAL is one sequence: Candidate finds it, and Promote refuses the other. This holds as long as no standby has been
// lost before the primary; then the one that is left may lack what only the lost one had.
type HA struct {
	tb      testing.TB
	nodes   []*Cluster
	primary int
	zombie  int // a former primary that still runs, or -1
}

// limit is how long a step of a failover may take on a busy machine.
const limit = time.Minute

// StartHA makes the three nodes, with fsync, and returns when both standbys stream. Node 0 is the primary. The test's end stops
// and removes them.
func StartHA(tb testing.TB) *HA {
	tb.Helper()
	requirePostgres(tb)
	f, err := openFolder()
	if err != nil {
		tb.Fatal(err)
	}
	h := &HA{tb: tb, zombie: -1}
	first, err := newCluster(f, "s0", Options{Fsync: true, Settings: []string{
		"wal_log_hints = on", // pg_rewind wants them
		"wal_keep_size = 1GB",
		"wal_retrieve_retry_interval = 100ms",
		"wal_receiver_status_interval = 1s",
		"synchronous_standby_names = '" + others(0) + "'",
	}})
	if first != nil {
		first.belongTo(tb)
		h.nodes = append(h.nodes, first)
	}
	h.must(err)
	for i := 1; i <= 2; i++ {
		node, err := emptyCluster(f, name(i))
		if node != nil {
			node.belongTo(tb)
			h.nodes = append(h.nodes, node)
		}
		h.must(err)
	}
	made := make(chan error)
	for i := 1; i <= 2; i++ {
		go func() { made <- errors.Join(h.copyPrimary(i), h.nodes[i].start()) }()
	}
	h.must(errors.Join(<-made, <-made))
	h.must(errors.Join(h.streams(1, limit), h.streams(2, limit)))
	return h
}

func name(i int) string { return "s" + strconv.Itoa(i) }

// others is the value of synchronous_standby_names on node i.
func others(i int) string {
	var names []string
	for j := range 3 {
		if j != i {
			names = append(names, name(j))
		}
	}
	return "ANY 1 (" + strings.Join(names, ", ") + ")"
}

// URL names all three nodes, node 0 first, and asks for the one that takes writes. While there are two of these (see Zombie),
// a client that begins at the front gets the first in this order, as it would in life.
func (h *HA) URL() string {
	hosts := make([]string, 0, len(h.nodes))
	for _, n := range h.nodes {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", n.port))
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&target_session_attrs=read-write", User, strings.Join(hosts, ","), Database)
}

// Node is the server of node i, 0 to 2, in order to ask or hurt it alone.
func (h *HA) Node(i int) *Cluster { return h.nodes[i] }

// Primary is the node that is the primary now, or was the last one.
func (h *HA) Primary() int { return h.primary }

// KillPrimary kills the primary with SIGKILL. Nothing takes its place before Promote.
func (h *HA) KillPrimary() {
	h.tb.Helper()
	h.must(h.nodes[h.primary].kill())
}

// Candidate cuts the standbys off from the primary, as one that fails over does first, and returns the one that has received
// most WAL.
func (h *HA) Candidate() int {
	h.tb.Helper()
	best, err := h.candidate()
	h.must(err)
	return best
}

func (h *HA) candidate() (int, error) {
	if err := h.cut(); err != nil {
		return 0, err
	}
	best, most := -1, uint64(0)
	for _, i := range h.standbys() {
		got, err := h.received(i)
		if err != nil {
			return 0, err
		}
		if best < 0 || got > most {
			best, most = i, got
		}
	}
	if best < 0 {
		return 0, errors.New("pgtest: no standby runs that could be promoted")
	}
	return best, nil
}

// Promote makes a standby the primary, points the other standby to it, and returns when it accepts writes and, if the other
// runs, when that streams from it, so that commits don't hang. A standby that lacks what the other has is refused: it would
// lose acknowledged commits. Promote(h.Candidate()) is always right.
func (h *HA) Promote(i int) {
	h.tb.Helper()
	h.must(h.promote(i))
}

func (h *HA) promote(i int) error {
	if !slices.Contains(h.standbys(), i) {
		return fmt.Errorf("pgtest: %s is no standby that runs", name(i))
	}
	best, err := h.candidate()
	if err != nil {
		return err
	}
	got, err := h.received(i)
	if err != nil {
		return err
	}
	if most, err := h.received(best); err != nil || got < most {
		return errors.Join(err, fmt.Errorf("pgtest: %s has less than %s and may lack acknowledged commits: promote that one", name(i), name(best)))
	}
	if err := h.nodes[i].do("select pg_promote(true, 60)"); err != nil {
		return err
	}
	if err := until(limit, name(i)+" to accept writes", func() (bool, error) {
		v, err := h.nodes[i].value("show transaction_read_only")
		return v == "off", err
	}); err != nil {
		return err
	}
	h.primary = i
	for _, other := range h.standbys() {
		if err := errors.Join(h.follow(other), h.streams(other, limit)); err != nil {
			return err
		}
	}
	return nil
}

// Rejoin starts a node that doesn't run as a standby of the primary, and returns when it streams. A former primary has history
// of its own, which pg_rewind takes back; what that can't do, a fresh pg_basebackup does.
func (h *HA) Rejoin(i int) {
	h.tb.Helper()
	h.must(h.rejoin(i))
}

func (h *HA) rejoin(i int) error {
	n := h.nodes[i]
	if i == h.primary || n.running() {
		return fmt.Errorf("pgtest: %s can't rejoin: it is the primary, or still runs", name(i))
	}
	var ways []func() error
	if fileExists(filepath.Join(n.data(), "standby.signal")) {
		ways = append(ways, func() error { return h.standby(i) })
	}
	ways = append(ways, func() error { return h.rewind(i) }, func() error { return h.copyPrimary(i) })
	var failures error
	for k, way := range ways {
		patience := 15 * time.Second // a node with history that the primary lacks never streams, and then there is another way
		if k == len(ways)-1 {
			patience = limit
		}
		err := n.stop(Immediate)
		if err == nil {
			err = way()
		}
		if err == nil {
			err = n.start()
		}
		if err == nil {
			err = h.streams(i, patience)
		}
		if err == nil {
			if h.zombie == i {
				h.zombie = -1
			}
			if failures != nil {
				h.tb.Logf("%s rejoined another way, after: %v", name(i), failures)
			}
			return nil
		}
		failures = errors.Join(failures, err)
	}
	return failures
}

// Switchover is the planned one: the primary stops in the Fast way, which hands its standbys all it has; the standby is checked
// to have it and promoted; the old primary becomes a standby.
func (h *HA) Switchover(to int) {
	h.tb.Helper()
	h.must(h.switchover(to))
}

func (h *HA) switchover(to int) error {
	from := h.primary
	if !slices.Contains(h.standbys(), to) {
		return fmt.Errorf("pgtest: %s is no standby that runs", name(to))
	}
	if err := h.nodes[from].stop(Fast); err != nil {
		return err
	}
	last, err := h.shutdownLSN(from)
	if err != nil {
		return err
	}
	if err := until(limit, name(to)+" to have all WAL of "+name(from), func() (bool, error) {
		got, err := h.received(to)
		return got > last, err
	}); err != nil {
		return err
	}
	if err := errors.Join(h.promote(to), h.standby(from)); err != nil {
		return err // as a standby it needs no pg_rewind: it has nothing that the new primary lacks
	}
	return h.rejoin(from)
}

// Zombie is the failover that the old primary doesn't notice: a standby is promoted, both standbys have left the old one, and
// that one goes on accepting connections, reads and writes. Its commits hang for want of a standby, and a commit whose wait is
// cancelled, for example by the client's deadline, is visible there from then on and nowhere else. Zombie returns the old
// primary; Primary is the new one.
func (h *HA) Zombie() *Cluster {
	h.tb.Helper()
	old := h.primary
	if h.zombie >= 0 || !h.nodes[old].running() {
		h.must(errors.New("pgtest: a zombie is made of a primary that runs, one at a time"))
	}
	best := h.Candidate()
	h.must(until(limit, "the old primary to be without standbys", func() (bool, error) {
		n, err := h.nodes[old].value("select count(*) from pg_stat_replication")
		return n == "0", err
	}))
	h.zombie = old
	h.must(h.promote(best))
	return h.nodes[old]
}

// KillZombie kills the old primary with SIGKILL.
func (h *HA) KillZombie() {
	h.tb.Helper()
	if h.zombie < 0 {
		h.must(errors.New("pgtest: there is no zombie"))
	}
	h.must(h.nodes[h.zombie].kill())
}

// RejoinZombie makes the old primary a standby of the new one; it is killed first if it still runs. What it alone had is gone.
func (h *HA) RejoinZombie() {
	h.tb.Helper()
	h.KillZombie()
	h.must(h.rejoin(h.zombie))
}

func (h *HA) must(err error) {
	h.tb.Helper()
	if err != nil {
		h.tb.Fatal(err)
	}
}

// standbys are the nodes that run and are neither the primary nor a zombie.
func (h *HA) standbys() []int {
	var is []int
	for i, n := range h.nodes {
		if i != h.primary && i != h.zombie && n.running() {
			is = append(is, i)
		}
	}
	return is
}

func (h *HA) conninfo(i int) string {
	n := h.nodes[h.primary]
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=%s sslmode=disable connect_timeout=5", n.port, User, name(i))
}

// standby makes a node that is stopped follow the primary from its next start on.
func (h *HA) standby(i int) error {
	h.nodes[i].apart = false
	return errors.Join(h.nodes[i].appendTo("standby.signal"), h.nodes[i].appendTo("postgresql.auto.conf",
		"primary_conninfo = "+literal(h.conninfo(i)),
		"synchronous_standby_names = "+literal(others(i)),
	))
}

// copyPrimary fills a node that is stopped with a copy of the primary.
func (h *HA) copyPrimary(i int) error {
	n, p := h.nodes[i], h.nodes[h.primary]
	if err := os.RemoveAll(n.data()); err != nil {
		return err
	}
	_, err := n.in.run("pg_basebackup", "--pgdata", n.data(), "--dbname", h.conninfo(i), "--wal-method=stream",
		"--checkpoint=fast", "--no-sync", "--write-recovery-conf")
	if err != nil {
		return fmt.Errorf("%w; the primary's log:\n%s", err, p.run.tail())
	}
	return h.standby(i)
}

// rewind takes back what a node that is stopped has and the primary has not. It takes the primary's history from its last
// checkpoint, so there has to be one since the promotion; and it copies the primary's settings, so ours are written after it.
func (h *HA) rewind(i int) error {
	n, p := h.nodes[i], h.nodes[h.primary]
	if err := p.do("checkpoint"); err != nil {
		return err
	}
	_, err := n.in.run("pg_rewind", "--target-pgdata", n.data(), "--source-server", h.conninfo(i)+" dbname=postgres", "--no-sync")
	if err != nil {
		return err
	}
	return h.standby(i)
}

// follow points a standby that runs to the primary.
func (h *HA) follow(i int) error {
	h.nodes[i].apart = false
	return h.receiveFrom(i, h.conninfo(i))
}

func (h *HA) receiveFrom(i int, conninfo string) error {
	return errors.Join(
		h.nodes[i].do("alter system set primary_conninfo = "+literal(conninfo)),
		h.nodes[i].do("select pg_reload_conf()"),
	)
}

// cut ends the streams of all standbys and waits until they have ended, since only then what these have received stands still.
// For a moment there may be no stream that begins again, from a primary that lives, so it has to stay away for longer than a
// retry takes.
func (h *HA) cut() error {
	var with []int
	for _, i := range h.standbys() {
		if !h.nodes[i].apart {
			with = append(with, i)
		}
	}
	for _, i := range with {
		if err := h.receiveFrom(i, ""); err != nil {
			return err
		}
	}
	hold := time.Duration(0)
	if h.nodes[h.primary].running() {
		hold = 300 * time.Millisecond
	}
	since := time.Now()
	for _, i := range with {
		if err := until(limit, name(i)+" to leave the primary", func() (bool, error) {
			n, err := h.nodes[i].value("select count(*) from pg_stat_wal_receiver")
			if n != "0" {
				since = time.Now()
			}
			return n == "0" && time.Since(since) >= hold, err
		}); err != nil {
			return err
		}
		h.nodes[i].apart = true
	}
	return nil
}

// streams waits until the node streams from the primary and counts for its commits.
func (h *HA) streams(i int, limit time.Duration) error {
	return until(limit, name(i)+" to stream from "+name(h.primary), func() (bool, error) {
		if !h.nodes[i].running() {
			return false, fatalError{fmt.Errorf("pgtest: %s has ended; its log:\n%s", name(i), h.nodes[i].run.tail())}
		}
		n, err := h.nodes[h.primary].value("select count(*) from pg_stat_replication where state = 'streaming'" +
			" and sync_state = 'quorum' and application_name = " + literal(name(i)))
		return n == "1", err
	})
}

// received is up to where the standby has WAL on its disk. A receiver that has just been restarted tells less than what was
// replayed.
func (h *HA) received(i int) (uint64, error) {
	lsn, err := h.nodes[i].value("select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())")
	if err != nil {
		return 0, err
	}
	return parseLSN(lsn)
}

// shutdownLSN is where the checkpoint begins that a node in the Fast way has ended with.
func (h *HA) shutdownLSN(i int) (uint64, error) {
	out, err := h.nodes[i].in.run("pg_controldata", h.nodes[i].data())
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		if lsn, ok := strings.CutPrefix(line, "Latest checkpoint location:"); ok {
			return parseLSN(strings.TrimSpace(lsn))
		}
	}
	return 0, fmt.Errorf("pgtest: pg_controldata names no latest checkpoint:\n%s", out)
}

func parseLSN(text string) (uint64, error) {
	high, low, _ := strings.Cut(text, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("pgtest: %q is no WAL location: %w", text, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	return h<<32 | l, err
}
