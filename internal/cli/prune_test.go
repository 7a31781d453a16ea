package cli_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPruneBesideServer: a pruning beside a server that is written to disturbs neither, and the server's totals stay exact.
func TestPruneBesideServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
	db, err := sql.Open("sqlite", filepath.Join(dir, "sliproad.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, query := range []string{
		`with recursive n(i) as (select 1 union all select i + 1 from n where i < 600)
			insert into sessions select project.id, 'sess_' || i, 0, '', '', 'onramp', 'cancelled', '', '', '', '', '', '', '', '', '', '', '',
			40000000000000, 40000000000000 + i, 40000000000000 + i, '', '', 1, '' from projects as project, n`,
		`insert into counts select id, 'session', 'onramp', 'cancelled', 0, 600 from projects`,
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	created := make([]int, 2)
	var writers sync.WaitGroup
	for i := range created {
		writers.Go(func() {
			for ctx.Err() == nil {
				if status, body := call(t, "POST", s.URL+"/v1/sessions", s.SecretKey, session); status != 201 {
					t.Errorf("create: %d %s", status, body)
					return
				}
				created[i]++
			}
		})
	}
	out, err := command(nil, "prune", "--older-than", "30d", "--data", dir).CombinedOutput()
	stop()
	writers.Wait()
	if err != nil || !strings.Contains(string(out), "removed: 600 sessions, 0 orders, 0 events") {
		t.Errorf("prune: %v\n%s", err, out)
	}
	n, total := 0, 0
	for _, c := range created {
		n += c
	}
	err = errors.Join(
		db.QueryRowContext(t.Context(), "select sum(n) from counts where resource = 'session'").Scan(&total),
		db.QueryRowContext(t.Context(), "select count(*) from sessions").Scan(&created[0]),
	)
	if err != nil || n == 0 || total != n || created[0] != n {
		t.Errorf("%d were created: %d rows, total %d (%v)", n, created[0], total, err)
	}
	s.stop(t)
}

// TestServerPrunes: a server with a retention removes what is older by itself, counts it, and tells.
func TestServerPrunes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sliproad.db")
	first := launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
	first.stop(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), `insert into sessions select id, 'sess_old', 0, '', '', 'onramp', 'cancelled', '', '', '', '', '', '', '', '', '', '', '',
		40000000000000, 40000000000000, 40000000000000, '', '', 1, '' from projects`)
	if err != nil {
		t.Fatal(err)
	}
	s := launch(t, []string{"SLIPROAD_RETENTION=30d"}, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, metrics := call(t, "GET", s.MetricsURL, "", "")
		if strings.Contains(metrics, `sliproad_pruned_rows_total{table="sessions"} 1`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was removed:\n%s", s.stderr)
		}
	}
	s.stop(t)
	if !strings.Contains(s.stderr.String(), "removed what is older than the retention") {
		t.Errorf("the log does not tell:\n%s", s.stderr)
	}
}
