package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Database is the name of the empty database that every cluster begins with, User that of its superuser, who needs no password.
const (
	Database = "sliproad"
	User     = "sliproad"
)

// Options are what differs between clusters.
type Options struct {
	Fsync    bool     // for tests in which what is on the disk matters; off is faster
	Settings []string // lines of postgresql.conf, which win over those of the package
}

// Cluster is one server with a life of its own. Its port stays the same when it is started again.
type Cluster struct {
	tb    testing.TB // nil for the one that the process shares, and for one that is nobody's test's
	in    *folder
	dir   string
	name  string // cluster_name, and thereby the application_name of its WAL receiver
	port  int
	fixed bool // the port has been used
	run   *process
	apart bool // a standby that was told to follow nobody, and follows nobody
}

// Mode is how a server is stopped.
type Mode syscall.Signal

// Fast ends the sessions, writes a checkpoint and lets the standbys have everything; Immediate does none of it, and leaves
// recovery to the next start.
const (
	Fast      = Mode(syscall.SIGINT)
	Immediate = Mode(syscall.SIGQUIT)
)

// startLimit is how long a server may take for its start, recovery included, and for its stop.
const startLimit = time.Minute

// Start makes a cluster for this test alone and starts its server. The test's end stops and removes it.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	requirePostgres(tb)
	f, err := openFolder()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := newCluster(f, "cluster", o)
	if c != nil {
		c.belongTo(tb)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Open is Start for a program that is not a test: it makes a cluster in a new folder in dir, which the servers' user must be
// able to pass into, and starts it. Close ends it, and so does the end of the process. What works without a test are URL and
// SQL.
func Open(dir string, o Options) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // the watchdog knows processes by their directories
	}
	if err != nil {
		return nil, err
	}
	f, err := newFolder([]string{dir})
	if err != nil {
		return nil, err
	}
	c, err := newCluster(f, "cluster", o)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return c, nil
}

// Close stops a cluster that Open made, and removes it.
func (c *Cluster) Close() error { return c.in.close() }

// belongTo ties the cluster to a test.
func (c *Cluster) belongTo(tb testing.TB) {
	tb.Helper()
	c.tb = tb
	tb.Cleanup(func() {
		if tb.Failed() && c.run != nil {
			tb.Logf("the end of the log of the server %s:\n%s", c.name, c.run.tail())
		}
		if err := c.in.sweep(c.dir); err != nil {
			tb.Error(err)
		}
	})
}

// newCluster makes a cluster that runs; one with an error besides has to be removed.
func newCluster(f *folder, name string, o Options) (*Cluster, error) {
	c, err := emptyCluster(f, name)
	if err != nil {
		return nil, err
	}
	if _, err := f.run("initdb", "--pgdata", c.data(), "--username", User, "--auth=trust", "--no-sync", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-instructions"); err != nil {
		return c, err
	}
	settings := []string{
		"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''",
		"shared_buffers = 64MB", "max_connections = 300", "wal_init_zero = off", "wal_recycle = off",
		"log_line_prefix = '%m [%p] %a '",
	}
	if !o.Fsync {
		settings = append(settings, "fsync = off", "full_page_writes = off")
	}
	if err := c.appendTo("postgresql.conf", append(settings, o.Settings...)...); err != nil {
		return c, err
	}
	if err := c.start(); err != nil {
		return c, err
	}
	// A primary that waits for standbys has none yet.
	local := c.URL("postgres") + "&options=-csynchronous_commit%3Dlocal"
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	_, err = query(ctx, local, "create database "+Database)
	return c, err
}

// emptyCluster has a folder and a port, and no data.
func emptyCluster(f *folder, name string) (*Cluster, error) {
	dir, err := f.dir(name)
	if err != nil {
		return nil, err
	}
	port, err := f.port()
	return &Cluster{in: f, dir: dir, name: name, port: port}, err
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// appendTo adds lines to a file of settings; of two lines for one setting the later one counts.
func (c *Cluster) appendTo(name string, lines ...string) error {
	path := filepath.Join(c.data(), name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, file.Close(), c.in.give(path))
}

// errPortTaken means that another process was faster.
var errPortTaken = errors.New("pgtest: the port is in use")

// start starts the server and waits until it accepts connections. A cluster's first start may choose another port; later ones
// wait a while for theirs.
func (c *Cluster) start() error {
	return until(2*startLimit, "a start with a free port", func() (bool, error) {
		err := c.launch()
		if err == nil {
			c.fixed = true
			return true, nil
		}
		if !errors.Is(err, errPortTaken) {
			return false, fatalError{err}
		}
		if !c.fixed {
			c.port, err = c.in.port()
		}
		return false, err
	})
}

func (c *Cluster) launch() error {
	cmd := c.in.command("postgres", "-D", c.data(), "-p", strconv.Itoa(c.port), "-c", "cluster_name="+c.name)
	p, err := startProcess(cmd, filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	c.run = p
	err = until(startLimit, "the server to accept connections", func() (bool, error) {
		if !p.running() {
			return false, fatalError{errors.New("pgtest: the server has ended")}
		}
		return c.ready(), nil
	})
	if err == nil {
		return nil
	}
	if strings.Contains(p.said(), "Address already in use") {
		return errPortTaken
	}
	return fmt.Errorf("%w; its log:\n%s", err, p.tail())
}

// ready reads the server's own word for it. A connection could be answered by another server on the port.
func (c *Cluster) ready() bool {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) > 7 && lines[0] == strconv.Itoa(c.run.pid()) && strings.TrimSpace(lines[7]) == "ready"
}

func (c *Cluster) running() bool { return c.run != nil && c.run.running() }

func (c *Cluster) must(err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatalf("%s: %v", c.name, err)
	}
}

// Kill kills the server and all its children with SIGKILL, as a crash would, and returns when they are gone. One that doesn't
// run is left alone.
func (c *Cluster) Kill() {
	c.tb.Helper()
	c.must(c.kill())
}

func (c *Cluster) kill() error {
	if !c.running() {
		return nil
	}
	return c.run.kill()
}

// Stop stops the server and returns when it has ended.
func (c *Cluster) Stop(how Mode) {
	c.tb.Helper()
	c.must(c.stop(how))
}

func (c *Cluster) stop(how Mode) error {
	if !c.running() {
		return nil
	}
	if err := errors.Join(c.run.thaw(), signal(c.run.pid(), syscall.Signal(how))); err != nil {
		return err
	}
	return c.run.wait(startLimit)
}

// Restart starts a server that was killed or stopped, and stops one that runs before (Fast). It returns when the server
// accepts connections, on the port that it had.
func (c *Cluster) Restart() {
	c.tb.Helper()
	c.must(c.stop(Fast))
	c.must(c.start())
}

// Pause stops the server and its children with SIGSTOP: connections stay open, and the kernel accepts new ones, but nobody
// answers.
func (c *Cluster) Pause() {
	c.tb.Helper()
	_, err := c.run.freeze()
	c.must(err)
}

// Resume ends a pause.
func (c *Cluster) Resume() {
	c.tb.Helper()
	c.must(c.run.thaw())
}

// URL is that of a database of the cluster; an empty name is Database. That it exists is the caller's business.
func (c *Cluster) URL(db string) string {
	if db == "" {
		db = Database
	}
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", User, c.port, db)
}

// SQL runs statements, as one transaction unless they say otherwise, in Database through a connection of its own, and returns
// the rows of the last one as text, null as an empty one.
func (c *Cluster) SQL(ctx context.Context, statements string) ([][]string, error) {
	return query(ctx, c.URL(""), statements)
}

// do runs one statement for the package itself, outside the database that belongs to the test.
func (c *Cluster) do(sql string) error {
	_, err := c.rows(sql)
	return err
}

func (c *Cluster) rows(sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	rows, err := query(ctx, c.URL("postgres"), sql)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %s: %s: %w", c.name, sql, err)
	}
	return rows, nil
}

// value is the only value that a query returns.
func (c *Cluster) value(sql string) (string, error) {
	rows, err := c.rows(sql)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("pgtest: %s: %s: got %v, want one value", c.name, sql, rows)
	}
	return rows[0][0], nil
}

// query runs statements over the simple protocol.
func query(ctx context.Context, url, statements string) ([][]string, error) {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, statements).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var rows [][]string
	for _, row := range results[len(results)-1].Rows {
		texts := make([]string, len(row))
		for i, value := range row {
			texts[i] = string(value)
		}
		rows = append(rows, texts)
	}
	return rows, nil
}
