package durability_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// inspect opens the server's database, on either engine. On SQLite the server should have ended.
func inspect(t *testing.T, s *sliproadtest.Server) *sql.DB {
	t.Helper()
	if !sliproadtest.OnPostgres() {
		return openDatabase(t, s.Database(), "rw")
	}
	db, err := sql.Open("pgx", s.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openDatabase opens a server's SQLite file for reading, or with "rw" for writing. The server should have ended.
func openDatabase(t *testing.T, path, mode string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode="+mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// count is the one number that the query gives.
func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// wantCount demands the number.
func wantCount(t *testing.T, db *sql.DB, want int, query string, args ...any) {
	t.Helper()
	if got := count(t, db, query, args...); got != want {
		t.Errorf("%s %v: got %d, want %d", query, args, got, want)
	}
}

// counts are the numbers that a query of names and numbers gives.
func counts(t *testing.T, db *sql.DB, query string, args ...any) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		all[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func integrity(t *testing.T, db *sql.DB) {
	t.Helper()
	if sliproadtest.OnPostgres() {
		return // it has no such pragma
	}
	var verdict string
	if err := db.QueryRowContext(context.Background(), "pragma integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %q, %v", verdict, err)
	}
}

// autopsy checks a copy of the files that a killed server left, so that SQLite itself, not the next start, recovers it.
func autopsy(t *testing.T, path string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(copied+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	db := openDatabase(t, copied, "rw")
	integrity(t, db)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// wantSound holds a stopped server's database to what must always be true in it.
func wantSound(t *testing.T, db *sql.DB) {
	t.Helper()
	integrity(t, db)
	for _, breach := range []string{
		`select count(*) from orders where status = 'creating'`,
		`select count(*) from (select 1 from orders group by project_id, session_id having count(*) > 1) twice`,
		`select count(*) from orders o left join sessions s on s.project_id = o.project_id and s.id = o.session_id
			where s.order_id is null or s.order_id <> o.id`,
		`select count(*) from sessions s left join orders o on o.project_id = s.project_id and o.id = s.order_id
			where s.order_id <> '' and o.id is null`,
		`select count(*) from sessions where order_id = '' and status in ('processing', 'completed')`,
		`select count(*) from sessions where order_id <> '' and status in ('pending', 'confirmed')`,
		// Each change is told once: what must have been told, against what was.
		`with told as (select session_id, order_id, type, count(*) as n from events group by 1, 2, 3),
			due as (
				select id as session_id, '' as order_id, 'session.created' as type from sessions
				union select id, '', 'session.' || status from sessions where order_id = '' and status <> 'pending'
				union select session_id, id, 'transaction.pending' from orders
				union select session_id, id, 'transaction.' || status from orders where status not in ('created', 'pending'))
			select count(*) from due left join told using (session_id, order_id, type) where told.n is null or told.n <> 1`,
		`select count(*) from (select 1 from events group by session_id, order_id, type having count(*) > 1) twice`,
		`select count(*) from events e left join sessions s on s.project_id = e.project_id and s.id = e.session_id where s.id is null`,
		// The counts that totals are told from, against the rows.
		`select count(*) from (
			select project_id, 'session' as resource, type as facet, status, count(*) as n from sessions group by 1, 3, 4
			union all select project_id, 'order', gateway, status, count(*) from orders group by 1, 3, 4
			union all select project_id, 'event', type, '', count(*) from events group by 1, 3) r
			full join (select project_id, resource, facet, status, sum(n) as n from counts group by 1, 2, 3, 4) c
			using (project_id, resource, facet, status) where coalesce(r.n, 0) <> coalesce(c.n, 0)`,
	} {
		wantCount(t, db, 0, breach)
	}
}
