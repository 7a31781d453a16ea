package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/store"
)

// back takes the database back to an earlier version: what the newest migration has added to tables is gone, and so is what the
// statements say.
func back(t *testing.T, url string, statements ...string) {
	t.Helper()
	exec(t, url, append([]string{
		`drop table routing_rules`, `alter table sessions drop column destination_tag`, `alter table orders drop column wallet_tag`,
		`alter table orders drop column details`,
	}, statements...)...)
}

// TestMigrate: up is complete, and nothing when repeated; status tells which steps were taken.
func TestMigrate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "er", "new ?#%.db")
	db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
	pending := func() (n, all int) {
		t.Helper()
		list, err := db.Migrations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.AppliedAt.IsZero() {
				n++
			}
		}
		return n, len(list)
	}
	if n, all := pending(); n != all || all == 0 {
		t.Errorf("new: %d of %d pending", n, all)
	}
	if err := db.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "sliproad migrate up") {
		t.Errorf("new: %v, want the command to run", err)
	}
	_, all := pending()
	for i, want := range []int{all, 0, 0} {
		done, err := db.Migrate(t.Context())
		if err != nil || len(done) != want {
			t.Errorf("run %d: %d steps, want %d, error %v", i, len(done), want, err)
		}
		if err := db.CheckSchema(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n, _ := pending(); n != 0 {
		t.Errorf("%d still pending", n)
	}
}

// TestCheckSchema: version N of the program runs on schema N and N+1, and says what to do on others.
func TestCheckSchema(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	db := openAt(t, path, store.Options{})
	side, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = side.Close() }()
	var newest int
	if err := side.QueryRowContext(t.Context(), "select max(version_id) from goose_db_version").Scan(&newest); err != nil {
		t.Fatal(err)
	}
	for ahead, want := range []string{"", "", "install a newer sliproad"} {
		if ahead > 0 {
			if _, err := side.ExecContext(t.Context(), "insert into goose_db_version (version_id, is_applied) values ($1, true)", newest+ahead); err != nil {
				t.Fatal(err)
			}
		}
		err := db.CheckSchema(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d ahead: %v, want %q", ahead, err, want)
		}
	}
}

// TestOpenErrors: a wrong setting is told with the right form.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	notADirectory := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADirectory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"":                                  "sqlite:PATH",
		"sqlite:":                           "sqlite:PATH",
		"/var/lib/x.db":                     "sqlite:PATH",
		"mysql://x":                         "sqlite:PATH",
		"postgres://u:secret@h:port/d":      "postgres://",
		"sqlite:" + notADirectory + "/x.db": notADirectory,
	} {
		db, err := store.Open(t.Context(), setting, store.Options{})
		if err == nil {
			_ = db.Close()
			t.Errorf("%q opens", setting)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", setting, err, want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// TestMigrateBesideOrders: on PostgreSQL, a migration that waits for one table holds no other, so that it and the servers don't wait
// for each other.
func TestMigrateBesideOrders(t *testing.T) {
	t.Parallel()
	if !onPostgres {
		t.Skip("SQLite has one writer")
	}
	url := fresh(t, here())
	db := openURL(t, url, store.Options{})
	back(t, url, `delete from goose_db_version where version_id > 6`)
	beside := direct(t, url)
	tx, err := beside.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `lock table orders in row exclusive mode`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() {
		_, err := db.Migrate(context.WithoutCancel(t.Context()))
		migrated <- err
	}()
	waits := false
	for end := time.Now().Add(20 * time.Second); !waits; {
		err := beside.QueryRowContext(t.Context(), `select exists (select 1 from pg_locks where relation = 'orders'::regclass and not granted)`).Scan(&waits)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the migration does not wait: %v", err)
		}
	}
	if _, err := tx.ExecContext(t.Context(), `lock table sessions in row exclusive mode`); err != nil {
		t.Errorf("a server: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

// TestMigrateAgain: a migration that broke off is taken up again: on PostgreSQL where it was, on SQLite from its beginning.
func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	url := fresh(t, here())
	db := openURL(t, url, store.Options{})
	back(t, url, `delete from goose_db_version where version_id > 6`, `alter table orders add column wallet_tag text not null default ''`)
	if !onPostgres {
		if _, err := db.Migrate(t.Context()); err == nil {
			t.Error("a column was made twice")
		}
		exec(t, url, `alter table orders drop column wallet_tag`)
	}
	if done, err := db.Migrate(t.Context()); err != nil || len(done) != 1 {
		t.Errorf("%d steps, %v", len(done), err)
	}
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}
