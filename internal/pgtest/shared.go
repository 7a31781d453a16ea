// Package pgtest starts real PostgreSQL for tests: one cluster that the databases of a test process share, clusters that a
// test kills and restarts, a primary with two standbys that a test fails over, and pgbouncer in front of any of them. It runs
// the binaries that are installed, needs Linux for /proc, and skips (or fails, if SLIPROAD_REQUIRE_ENGINES is set) without them.
//
// It knows nothing of Sliproad, so that every package's tests can use it: no schema, no migrations. It does not find failures
// or elect a primary by itself either; a test says what happens, and when. Invariant: no server outlives the test process,
// however that ends: a watchdog in a session of its own waits for it, and stops and removes what it has left.
//
// What fails ends the test, so functions without an error result are to be called from the test's own goroutine.
package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared is the cluster behind URL and Template.
type shared struct {
	cluster *Cluster
	mu      sync.Mutex
	next    int
	made    map[string]func() error // name of a template → makes it once
}

var theShared = sync.OnceValues(func() (*shared, error) {
	f, err := openFolder()
	if err != nil {
		return nil, err
	}
	c, err := newCluster(f, "shared", Options{Settings: []string{"wal_level = minimal", "max_wal_senders = 0"}})
	return &shared{cluster: c, made: map[string]func() error{}}, err
})

// URL is that of a fresh, empty database in the cluster that the test process shares, which the first call starts. The test's
// end drops the database, whoever is still connected to it; the process's end stops the cluster.
//
// SLIPROAD_TEST_DATABASE_COMMAND names another way to a database, for engines that tests can't start, such as Citus: a shell
// command whose last line is the URL of a fresh one, which may have Sliproad's schema already.
func URL(tb testing.TB) string {
	tb.Helper()
	if command := os.Getenv(databaseCommand); command != "" {
		return commanded(tb, command)
	}
	return sharedFor(tb).database(tb, "template0")
}

// Template is the URL of a fresh copy of a database that prepare has filled, for example with migrations. The first call with
// a name calls its prepare, once in a test process, with the URL of an empty database; prepare must close its connections, as
// nobody may be connected to what is being copied. Its error fails every test that asks for the name.
func Template(tb testing.TB, name string, prepare func(url string) error) string {
	tb.Helper()
	if command := os.Getenv(databaseCommand); command != "" {
		url := commanded(tb, command)
		if err := prepare(url); err != nil {
			tb.Fatalf("pgtest: %s: %v", name, err)
		}
		return url
	}
	s := sharedFor(tb)
	template := "template_" + name
	if err := s.template(template, prepare); err != nil {
		tb.Fatalf("pgtest: the template %s: %v", name, err)
	}
	return s.database(tb, template)
}

const databaseCommand = "SLIPROAD_TEST_DATABASE_COMMAND"

func commanded(tb testing.TB, command string) string {
	tb.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("pgtest: %s: %v", command, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// Stop stops every server of this process and removes its files. To call it is optional, as the end of the process does the
// same; a TestMain may call it after m.Run in order to return only when nothing runs any more. Nothing of the package works
// afterwards.
func Stop() { closeFolder() }

func sharedFor(tb testing.TB) *shared {
	tb.Helper()
	requirePostgres(tb)
	s, err := theShared()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *shared) database(tb testing.TB, template string) string {
	tb.Helper()
	s.mu.Lock()
	s.next++
	name := fmt.Sprintf("test_%d", s.next)
	s.mu.Unlock()
	if err := s.admin("create database " + quote(name) + " template " + quote(template)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.admin("drop database " + quote(name) + " with (force)"); err != nil {
			tb.Error(err)
		}
	})
	return s.cluster.URL(name)
}

func (s *shared) template(name string, prepare func(url string) error) error {
	s.mu.Lock()
	once, known := s.made[name]
	if !known {
		once = sync.OnceValue(func() error {
			if err := s.admin("create database " + quote(name) + " template template0"); err != nil {
				return err
			}
			if err := prepare(s.cluster.URL(name)); err != nil {
				return err
			}
			return s.admin("alter database " + quote(name) + " allow_connections false")
		})
		s.made[name] = once
	}
	s.mu.Unlock()
	return once()
}

// admin runs a statement on a database that is never copied. A copy of a template waits 5 seconds, inside the server, for its
// last connections to go; longer than that means that somebody keeps one.
func (s *shared) admin(statement string) error {
	return s.cluster.do(statement)
}

func quote(identifier string) string { return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// until asks every 10 ms whether it is so, and gives up after the limit with the last error, or with what was waited for.
func until(limit time.Duration, what string, so func() (bool, error)) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := so()
		if yes {
			return nil
		}
		if stop := (fatalError{}); errors.As(err, &stop) {
			return err
		}
		select {
		case <-tick.C:
		case <-end.C:
			if err != nil {
				return fmt.Errorf("pgtest: waited %s for %s: %w", limit, what, err)
			}
			return fmt.Errorf("pgtest: waited %s for %s", limit, what)
		}
	}
}

// fatalError is one that waiting doesn't help against.
type fatalError struct{ error }

func (e fatalError) Unwrap() error { return e.error }
