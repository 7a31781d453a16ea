package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Bouncer starts pgbouncer with transaction pooling in front of the database at the URL, which must have one host, and returns
// the URL of the same database through it. pgx needs default_query_exec_mode=exec (or another mode without prepared statements
// that outlive a transaction) there. The test's end stops it.
func Bouncer(tb testing.TB, target string) string {
	tb.Helper()
	requirePostgres(tb) // whose user and folder are used
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // which isn't in everybody's PATH
	}
	if !fileExists(program) {
		missing(tb, errors.New("pgtest: pgbouncer is not installed; on Debian, apt-get install pgbouncer"))
	}
	f, err := openFolder()
	if err != nil {
		tb.Fatal(err)
	}
	to, err := pgconn.ParseConfig(target)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := f.dir("pgbouncer")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.sweep(dir); err != nil {
			tb.Error(err)
		}
	})
	var url string
	if err := until(startLimit, "a start of pgbouncer with a free port", func() (bool, error) {
		url, err = startBouncer(f, program, dir, to)
		if err != nil && !errors.Is(err, errPortTaken) {
			err = fatalError{err}
		}
		return err == nil, err
	}); err != nil {
		tb.Fatal(err)
	}
	return url
}

func startBouncer(f *folder, program, dir string, to *pgconn.Config) (string, error) {
	port, err := f.port()
	if err != nil {
		return "", err
	}
	// auth_type=any lets everybody in as the user of the database's line.
	config := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]d dbname=%[1]s user=%[4]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[5]d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
server_login_retry = 1
`, to.Database, to.Host, to.Port, to.User, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := errors.Join(os.WriteFile(file, []byte(config), 0o600), f.give(dir)); err != nil {
		return "", err
	}
	cmd := f.command(program, file)
	cmd.Dir = dir
	p, err := startProcess(cmd, filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	url := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", to.User, port, to.Database)
	err = until(startLimit, "pgbouncer to answer", func() (bool, error) {
		if !p.running() {
			return false, fatalError{errors.New("pgtest: pgbouncer has ended")}
		}
		// Another server on the port would answer too, but then this one would have said that it is taken.
		if !strings.Contains(p.said(), "process up:") {
			return false, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := query(ctx, url, "select 1")
		return err == nil, err
	})
	switch {
	case err == nil:
		return url, nil
	case strings.Contains(p.said(), "in use"):
		return "", errPortTaken
	default:
		return "", fmt.Errorf("%w; its log:\n%s", err, p.tail())
	}
}
