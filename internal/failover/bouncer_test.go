package failover_test

import (
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// TestBouncer has pgbouncer between a node and PostgreSQL, which is restarted, as for an update, and crashes.
func TestBouncer(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Fsync: true})
	s := &stage{fleet: startFleet(t, pgtest.Bouncer(t, cluster.URL(""))+"&default_query_exec_mode=exec", 1)}
	s.receiver = startReceiver(t, s.fleet)
	s.round("PostgreSQL behind pgbouncer is restarted", func() {
		cluster.Restart()
		s.awaitReady(true, 30*time.Second)
	})
	s.round("PostgreSQL behind pgbouncer is killed", func() {
		cluster.Kill()
		s.awaitReady(false, 20*time.Second)
		s.load.awaitFaults(clients/2, 30*time.Second)
		cluster.Restart()
		s.awaitReady(true, 30*time.Second)
	})
	s.finish()
}

// TestCrash crashes a PostgreSQL without standbys under two nodes, again and again.
func TestCrash(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Fsync: true})
	s := &stage{fleet: startFleet(t, cluster.URL(""), 2)}
	s.receiver = startReceiver(t, s.fleet)
	for range 1 + 2*rounds(t) {
		s.round("PostgreSQL is killed and restarted", func() {
			cluster.Kill()
			cluster.Restart()
			s.awaitReady(true, 30*time.Second)
		})
	}
	s.finish()
}
