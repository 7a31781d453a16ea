package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
)

// fresh is the URL of a database that nobody has used: on SQLite or PostgreSQL, or on PostgreSQL behind a pooler.
func fresh(t *testing.T, engine string) string {
	t.Helper()
	switch engine {
	case "sqlite":
		return "sqlite:" + filepath.Join(t.TempDir(), "fresh.db")
	case "pooler":
		return pgtest.Bouncer(t, pgtest.URL(t)) + "&default_query_exec_mode=exec"
	}
	return pgtest.URL(t)
}

// direct connects to the database beside the store.
func direct(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, url string, statements ...string) {
	t.Helper()
	db := direct(t, url)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// bare opens a database without a schema, or as another left it.
func bare(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// here is the engine that the test runs on.
func here() string {
	if onPostgres {
		return "postgres"
	}
	return "sqlite"
}

// TestCopiedColumns: a copy knows every table and column of the schema, and its keys. Who adds one adds it to copyTables.
func TestCopiedColumns(t *testing.T) {
	t.Parallel()
	query := `select m.name, p.name || ' ' || lower(p.type) || case p.pk when 0 then '' else ' #' || p.pk end
		from sqlite_schema m, pragma_table_info(m.name) p where m.type = 'table'`
	if onPostgres {
		query = `select c.table_name, c.column_name || ' ' || c.data_type || coalesce(' #' || k.ordinal_position, '')
			from information_schema.columns c left join information_schema.key_column_usage k
			on k.table_schema = c.table_schema and k.table_name = c.table_name and k.column_name = c.column_name
			where c.table_schema = current_schema()`
	}
	url := fresh(t, here())
	openURL(t, url, store.Options{})
	rows, err := direct(t, url).QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	got := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		got[table] = append(got[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, notCopied := range []string{"writers", "goose_db_version", "goose_lock", "sqlite_sequence"} {
		delete(got, notCopied)
	}
	sorted := cmp.Transformer("sorted", func(s []string) []string { return slices.Sorted(slices.Values(s)) })
	sorted = cmp.FilterPath(func(p cmp.Path) bool { _, in := p.Last().(cmp.MapIndex); return in }, sorted)
	if diff := cmp.Diff(got, store.CopiedColumns(), sorted); diff != "" {
		t.Errorf("what the schema has, and what is copied (+):\n%s", diff)
	}
}

// many are customers for several pages, in an order that depends on the engine's idea of letters.
const many = 12000

// fill makes a source that has what differs between engines, and returns a session that it holds.
func fill(t *testing.T, url string) *checkout.Session {
	t.Helper()
	db := openURL(t, url, store.Options{})
	s := fullSession(newProject())
	must(t, db, func(tx *store.Tx) error {
		if err := tx.InsertProject(&checkout.Project{ID: s.ProjectID, Name: "Zoë", Mode: checkout.ModeTest, StrictAddress: true, CreatedAt: noon}); err != nil {
			return err
		}
		_, err := tx.InsertSession(s)
		return err
	})
	empty, bytes := "x''", "x'00ff80'"
	if !strings.HasPrefix(url, "sqlite:") {
		empty, bytes = `'\x'`, `'\x00ff80'`
	}
	exec(t, url,
		`insert into projects values ('prj_2', '', 'test', '', '[]', false, 9223372036854775807)`,
		`insert into api_keys values (`+bytes+`, '1', 'p', 'secret', '', -1, 0, 0)`, `insert into api_keys values (`+empty+`, '2', 'p', 'secret', '', 1, 2, 3)`,
		`insert into idempotency values ('p', 'null', `+bytes+`, `+bytes+`, '', 0, 1, 201, null, 0, 1)`,
		`insert into idempotency values ('p', 'empty', `+empty+`, `+empty+`, '', 0, 1, 201, `+empty+`, 0, 1)`,
		`insert into attempts values ('p', 'd', 1, 2, 200, 3, `+empty+`, 'Zoë "quoted" \ '), ('p', 'd', 2, 2, 200, 3, `+bytes+`, '')`,
		`insert into customers (project_id, id, external_id, created_at) with recursive n (i) as (select 1 union all select i + 1 from n where i < 6000)
			select 'p', 'cus_' || i, null, i from n union all select 'P', 'CUS-' || i, 'external ' || i, i from n`,
		`insert into brands values ('p', '', '', '', '', null, 0), ('P', '', '', '', '', `+empty+`, 1), ('prj_2', 'Zoë', '#0b5c4a', 'image/png', '00ff', `+bytes+`, 2)`,
		`insert into writers values ('', 'w', 1, 0)`,
	)
	return s
}

// wantSame wants all tables to be the same, and the customers to have been seen.
func wantSame(t *testing.T, sums []store.Compared, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	seen := int64(0)
	for _, s := range sums {
		if !s.Same() {
			t.Errorf("%s differs: %+v", s.Table, s)
		}
		if s.Table == "customers" {
			seen = s.To.Rows
		}
	}
	if len(sums) != len(store.CopiedColumns()) || seen != many {
		t.Errorf("%d tables, %d customers: want %d and %d", len(sums), seen, len(store.CopiedColumns()), many)
	}
}

// TestTransfer copies from each engine to each, stopped after every page and resumed; the comparison finds a single
// changed value.
func TestTransfer(t *testing.T) {
	t.Parallel()
	targets := []string{"sqlite"}
	if onPostgres {
		targets = []string{"sqlite", "postgres", "pooler"}
	}
	sources := map[string][]string{here(): targets}
	if onPostgres {
		sources["sqlite"] = []string{"postgres", "pooler"}
	}
	for source, targets := range sources {
		for _, target := range targets {
			t.Run(source+" to "+target, func(t *testing.T) {
				t.Parallel()
				transfer(t, fresh(t, source), fresh(t, target))
			})
		}
	}
}

func transfer(t *testing.T, fromURL, toURL string) {
	t.Helper()
	session := fill(t, fromURL)
	from, to := bare(t, fromURL), bare(t, toURL)
	var last, stops int64
	for {
		ctx, stop := context.WithCancel(t.Context())
		first := true
		sums, err := store.Transfer(ctx, from, to, func(p store.TransferProgress) {
			if first && p.Done < last {
				t.Errorf("resumed at %d of %d rows, after %d", p.Done, p.Total, last)
			}
			if !first && p.Done >= last+4000 && !p.Comparing {
				last = p.Done
				stop()
			}
			first = false
		})
		stop()
		if err == nil {
			wantSame(t, sums, err)
			break
		}
		if stops++; !errors.Is(err, context.Canceled) || stops > 10 {
			t.Fatal(err)
		}
		if err := to.CheckSchema(t.Context()); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("an unfinished copy may be served: %v", err)
		}
		if _, err := store.Compare(t.Context(), from, to, quiet); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("an unfinished copy is compared: %v", err)
		}
	}
	if stops < 2 {
		t.Errorf("stopped %d times, want 2 at least", stops)
	}
	if err := to.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	got, err := to.Session(t.Context(), session.ProjectID, session.ID)
	if diff := cmp.Diff(session, got, sameDigits); err != nil || diff != "" {
		t.Errorf("session: %v\n%s", err, diff)
	}
	sums, err := store.Compare(t.Context(), from, to, quiet)
	wantSame(t, sums, err)
	if _, err := store.Transfer(t.Context(), from, to, quiet); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("a copy into a finished one: %v", err)
	}
	for _, change := range [][2]string{
		{`update customers set external_id = '' where project_id = 'p' and id = 'cus_77'`, `update customers set external_id = null where project_id = 'p' and id = 'cus_77'`},
		{`update idempotency set body = seed where key = 'null'`, `update idempotency set body = null where key = 'null'`},
		{`update brands set logo = '' where project_id = 'p'`, `update brands set logo = null where project_id = 'p'`},
		{`update projects set strict_address = true where id = 'prj_2'`, `update projects set strict_address = false where id = 'prj_2'`},
		{`delete from projects where id = 'prj_2'`, ""},
	} {
		exec(t, toURL, change[0])
		table := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(change[0], "update "), "delete from "))[0]
		sums, err := store.Compare(t.Context(), from, to, quiet)
		differs := slices.ContainsFunc(sums, func(s store.Compared) bool { return s.Table == table && !s.Same() })
		if !errors.Is(err, store.ErrDiffer) || !differs || !strings.HasSuffix(err.Error(), " in "+table) {
			t.Errorf("after %s: %v", change[0], err)
		}
		if change[1] != "" {
			exec(t, toURL, change[1])
		}
	}
}

func quiet(store.TransferProgress) {}

// stopped leaves an unfinished copy.
func stopped(t *testing.T, from, to *store.DB) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if _, err := store.Transfer(ctx, from, to, func(p store.TransferProgress) {
		if p.Done > 0 {
			stop()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("want it stopped, got %v", err)
	}
}

// TestTransferRefuses: what can't become the same is refused, and told why; the target keeps what it has.
func TestTransferRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source     string // statement on the source, as the next on the target, which gets the schema before it
		target     string
		another    bool // the target is half a copy of another source
		onPostgres bool // about PostgreSQL as the target
		want       []string
	}{
		"rows of its own": {
			target: `insert into master_key_check values (1, 'x')`,
			want:   []string{"the target: ", store.ErrNotEmpty.Error(), "master_key_check"},
		},
		"the copy of another": {
			another: true,
			want:    []string{"the target: ", store.ErrUnfinished.Error(), "another database"},
		},
		"a newer target": {
			target: `insert into goose_db_version (version_id, is_applied) values (9999, true)`,
			want:   []string{"the target: ", "version 9999", "install the sliproad that it is of"},
		},
		"a source without a schema": {
			source: `drop table goose_db_version`,
			want:   []string{"the source: ", "not a Sliproad database"},
		},
		"an older source": {
			source: `delete from goose_db_version where version_id > 2`,
			want:   []string{"the source: ", "version 2", "sliproad migrate up"},
		},
		"an unfinished source": {
			source: `create table copy_progress (x text)`,
			want:   []string{"the source: ", store.ErrUnfinished.Error()},
		},
		"a zero byte": {
			source:     `insert into customers values ('p', 'cus_zero', 'a' || char(0) || 'b', 1)`,
			onPostgres: true,
			want:       []string{"the source: ", `table customers, the row with project_id "p", id "cus_zero": external_id`, "zero byte"},
		},
		"a number too large": {
			source:     `insert into counts values ('p', 'r', '', '', 99999, 1)`,
			onPostgres: true,
			want:       []string{"the source: ", `table counts, the row with project_id "p", resource "r"`, "slot is 99999"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.onPostgres && !onPostgres {
				t.Skip("about PostgreSQL")
			}
			fromURL, toURL := fresh(t, "sqlite"), fresh(t, here())
			fill(t, fromURL)
			if c.source != "" {
				exec(t, fromURL, c.source)
			}
			if c.target != "" {
				openURL(t, toURL, store.Options{})
				exec(t, toURL, c.target)
			}
			if c.another {
				other := fresh(t, "sqlite")
				fill(t, other)
				stopped(t, bare(t, other), bare(t, toURL))
			}
			from, to := bare(t, fromURL), bare(t, toURL)
			for range 2 {
				_, err := store.Transfer(t.Context(), from, to, quiet)
				for _, part := range c.want {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("got %v, want %q", err, part)
					}
				}
			}
			if err := to.CheckSchema(t.Context()); err == nil && name != "rows of its own" {
				t.Error("a server would start on the target")
			}
		})
	}
}

// TestTransferOfAChangedSource: a source that was written to between two runs can't become the same, and the target does
// not go into service.
func TestTransferOfAChangedSource(t *testing.T) {
	t.Parallel()
	fromURL := fresh(t, "sqlite")
	fill(t, fromURL)
	from, to := bare(t, fromURL), bare(t, fresh(t, here()))
	stopped(t, from, to)
	exec(t, fromURL, `update projects set name = 'changed'`, `insert into customers values ('A', 'before all others', null, 1)`)
	for range 2 {
		_, err := store.Transfer(t.Context(), from, to, quiet)
		if !errors.Is(err, store.ErrDiffer) || !strings.HasSuffix(err.Error(), " in projects") {
			t.Errorf("got %v, want the projects to differ", err)
		}
		if err := to.CheckSchema(t.Context()); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("a server would start on the target: %v", err)
		}
	}
}

// TestTransferIntoAnOlderSchema: an empty database whose migration was broken off is as good as a new one.
func TestTransferIntoAnOlderSchema(t *testing.T) {
	t.Parallel()
	fromURL, toURL := fresh(t, "sqlite"), fresh(t, here())
	fill(t, fromURL)
	openURL(t, toURL, store.Options{})
	back(t, toURL, `drop table writers`, `delete from goose_db_version where version_id > 2`)
	sums, err := store.Transfer(t.Context(), bare(t, fromURL), bare(t, toURL), quiet)
	wantSame(t, sums, err)
}

// TestTransferBesideAServer: a server that runs on the source, if only to check its health, is found out.
func TestTransferBesideAServer(t *testing.T) {
	t.Parallel()
	if !onPostgres {
		t.Skip("SQLite's source is locked by the command")
	}
	fromURL := fresh(t, "postgres")
	fill(t, fromURL)
	from, to, server := bare(t, fromURL), bare(t, fresh(t, "sqlite")), bare(t, fromURL)
	_, err := store.Transfer(t.Context(), from, to, func(p store.TransferProgress) {
		if p.Table == "gateway_catalogues" && p.Comparing { // the last one: nothing is read again
			if err := server.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("got %v, want %v", err, store.ErrBusy)
	}
	if err := to.CheckSchema(t.Context()); !errors.Is(err, store.ErrUnfinished) {
		t.Errorf("a server would start on the target: %v", err)
	}
	sums, err := store.Transfer(t.Context(), from, to, quiet)
	wantSame(t, sums, err)
}

// TestTransferTwiceAtOnce: of two copies into one target, the one that is behind ends; nothing is there twice.
func TestTransferTwiceAtOnce(t *testing.T) {
	t.Parallel()
	fromURL, toURL := fresh(t, "sqlite"), fresh(t, here())
	fill(t, fromURL)
	from, to := bare(t, fromURL), bare(t, toURL)
	other, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := store.Transfer(t.Context(), from, to, func(p store.TransferProgress) {
		if p.Done == 0 || other.Err() != nil {
			return
		}
		calls := 0
		_, err := store.Transfer(other, bare(t, fromURL), bare(t, toURL), func(store.TransferProgress) {
			if calls++; calls == 2 {
				stop()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the other copy: %v", err)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "the target: another copy to this database is under way") {
		t.Errorf("got %v, want to be told of the other copy", err)
	}
	sums, err := store.Transfer(t.Context(), from, to, quiet)
	wantSame(t, sums, err)
}
