package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sliproad/sliproad/internal/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_DIE") != "" {
		die()
	}
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

func connect(ctx context.Context, tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec1(ctx context.Context, tb testing.TB, url, statement string) {
	tb.Helper()
	if _, err := connect(ctx, tb, url).Exec(ctx, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func TestDatabasesAreFreshAndIsolated(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			exec1(t.Context(), t, pgtest.URL(t), "create table only_here (n int primary key)")
		})
	}
}

func TestDatabaseIsDroppedThoughConnected(t *testing.T) { //nolint:tparallel // the subtest has to end first
	t.Parallel()
	var url string
	var conn *pgx.Conn
	t.Run("owner", func(t *testing.T) {
		url = pgtest.URL(t)
		conn = connect(context.Background(), t, url)
	})
	if _, err := pgx.Connect(t.Context(), url); err == nil || !strings.Contains(err.Error(), "3D000") {
		t.Errorf("connecting to the database of a test that has ended: got %v, want 3D000", err)
	}
	if !conn.IsClosed() {
		t.Error("the connection is still open")
	}
}

func TestTemplateIsPreparedOnceAndCopied(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("copied_%d", time.Now().UnixNano()) // the test may be run more than once in a process
	var prepared atomic.Int32
	prepare := func(url string) error {
		prepared.Add(1)
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "create table t (n int primary key); insert into t values (1)")
		return errors.Join(err, conn.Close(ctx))
	}
	t.Cleanup(func() {
		if n := prepared.Load(); n != 1 {
			t.Errorf("prepared %d times, want once", n)
		}
	})
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			exec1(t.Context(), t, pgtest.Template(t, name, prepare), "insert into t values (2)")
		})
	}
}

func TestKilledClusterKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, pgtest.Options{Fsync: true})
	want := [][]string{{"1"}}
	check := func() {
		t.Helper()
		if got, err := c.SQL(t.Context(), "select n from t"); err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	if _, err := c.SQL(t.Context(), "create table t (n int primary key); insert into t values (1)"); err != nil {
		t.Fatal(err)
	}
	open := connect(t.Context(), t, c.URL(""))
	c.Kill()
	if _, err := open.Exec(t.Context(), "select 1"); err == nil {
		t.Error("a session outlived the kill")
	}
	c.Restart()
	check()
	c.Stop(pgtest.Immediate)
	c.Restart()
	c.Restart()
	check()

	c.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.SQL(ctx, "select 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused server: got %v, want no answer until the deadline", err)
	}
	c.Resume()
	check()
}

// writer inserts rows until it is stopped, connecting anew after an error, and remembers those that were acknowledged.
type writer struct {
	acked []int
	stop  context.CancelFunc
	done  sync.WaitGroup
	some  chan struct{} // closed once there are a few
}

func startWriter(t *testing.T, url string) *writer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &writer{stop: cancel, some: make(chan struct{})}
	w.done.Go(func() {
		var conn *pgx.Conn
		for n := 0; ctx.Err() == nil; n++ {
			one, cancel := context.WithTimeout(ctx, 5*time.Second)
			var err error
			if conn == nil || conn.IsClosed() {
				conn, err = pgx.Connect(one, url)
			}
			if err == nil {
				_, err = conn.Exec(one, "insert into t values ($1)", n)
			}
			if err == nil {
				w.acked = append(w.acked, n)
			}
			cancel()
			if len(w.acked) == 20 && err == nil {
				close(w.some)
			}
		}
		if conn != nil {
			conn.Close(context.Background())
		}
	})
	return w
}

// missing are the acknowledged rows that the primary lacks.
func (w *writer) missing(t *testing.T, h *pgtest.HA) []int {
	t.Helper()
	w.stop()
	w.done.Wait()
	rows, err := h.Node(h.Primary()).SQL(t.Context(), "select n from t")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, r := range rows {
		there[r[0]] = true
	}
	return slices.DeleteFunc(slices.Clone(w.acked), func(n int) bool { return there[fmt.Sprint(n)] })
}

func TestFailover(t *testing.T) {
	t.Parallel()
	h := pgtest.StartHA(t)
	exec1(t.Context(), t, h.URL(), "create table t (n int primary key)")

	w := startWriter(t, h.URL())
	<-w.some
	h.KillPrimary()
	h.Promote(h.Candidate())
	if h.Primary() == 0 {
		t.Fatal("the killed node is the primary")
	}
	h.Rejoin(0)
	h.Switchover(0)
	exec1(t.Context(), t, h.URL(), "insert into t values (-1)")
	for i := range 3 {
		readOnly, err := h.Node(i).SQL(t.Context(), "show transaction_read_only")
		if want := map[bool]string{true: "off", false: "on"}[i == 0]; err != nil || readOnly[0][0] != want {
			t.Errorf("node %d after the switchover to node 0: read-only is %v, %v, want %s", i, readOnly, err, want)
		}
	}
	if lost := w.missing(t, h); len(lost) > 0 {
		t.Errorf("of %d acknowledged rows these are missing: %v", len(w.acked), lost)
	}
}

func TestZombie(t *testing.T) {
	t.Parallel()
	h := pgtest.StartHA(t)
	exec1(t.Context(), t, h.URL(), "create table t (n int primary key)")
	old := h.Zombie()

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := old.SQL(ctx, "insert into t values (1)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a commit on the old primary: got %v, want it to hang", err)
	}
	// The cancelled commit is visible there, as soon as the server has heard of the cancellation, and nowhere else.
	for rows := [][]string(nil); len(rows) == 0; {
		var err error
		if rows, err = old.SQL(t.Context(), "select n from t"); err != nil {
			t.Fatal(err)
		}
	}
	if rows, err := h.Node(h.Primary()).SQL(t.Context(), "insert into t values (2); select n from t"); err != nil || len(rows) != 1 {
		t.Errorf("the new primary: got %v, %v, want its own row alone", rows, err)
	}
	h.RejoinZombie()
	h.Switchover(0)
	if rows, err := old.SQL(t.Context(), "select n from t"); err != nil || len(rows) != 1 || rows[0][0] != "2" {
		t.Errorf("the old primary, primary again: got %v, %v, want the new one's row alone", rows, err)
	}
}

func TestBouncerPoolsTransactions(t *testing.T) {
	t.Parallel()
	url := pgtest.Bouncer(t, pgtest.URL(t))
	exec1(t.Context(), t, url+"&default_query_exec_mode=exec", "create table t (n int primary key)")

	// Outside a transaction two clients share one connection of the server's.
	var pids []int
	for range 2 {
		var pid int
		conn := connect(t.Context(), t, url+"&default_query_exec_mode=exec")
		if err := conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if pids[0] != pids[1] {
		t.Errorf("two idle clients have the server's processes %v, want one", pids)
	}
}

func TestOpenedClusterIsGoneWhenClosed(t *testing.T) {
	t.Parallel()
	pgtest.URL(t)                                // skips without PostgreSQL
	dir, err := os.MkdirTemp("", "pgtest-open-") //nolint:usetesting // the servers' user must pass through it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	c, err := pgtest.Open(dir, pgtest.Options{Fsync: true})
	if err != nil {
		t.Fatal(err)
	}
	rows, sqlErr := c.SQL(t.Context(), "show fsync")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if sqlErr != nil || len(rows) != 1 || rows[0][0] != "on" {
		t.Errorf("fsync is %v, %v, want on", rows, sqlErr)
	}
	if _, err := c.SQL(t.Context(), "select 1"); err == nil {
		t.Error("the closed cluster answers")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left in the folder of the closed cluster", left, err)
	}
}

// die is a test process that starts a server, says where, and never ends by itself.
func die() {
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "Die", F: func(t *testing.T) { //nolint:thelper // a test
		fmt.Println(pgtest.URL(t))
		select {}
	}}}, nil, nil)
}

func TestKilledTestProcessLeavesNoServer(t *testing.T) {
	t.Parallel()
	pgtest.URL(t)                                  // skips without PostgreSQL
	tmp, err := os.MkdirTemp("", "pgtest-parent-") //nolint:usetesting // the servers' user must pass through it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGTEST_DIE=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		t.Fatal(err)
	}
	connect(t.Context(), t, url)
	cmd.Process.Kill()
	cmd.Wait()
	for end := time.Now().Add(time.Minute); ; {
		left, err := os.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.Connect(t.Context(), url); err != nil && len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a minute after the test process was killed its server still answers, or %v are left", left)
		}
	}
}
