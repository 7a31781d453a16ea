package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/sliproad/sliproad/internal/store"
)

// newFilled makes a database of some MiB, and a second connection to it, as another process has one.
func newFilled(t *testing.T) (path string, other *sql.DB) {
	t.Helper()
	path = newPath(t)
	openAt(t, path, store.Options{})
	other, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	execute(t, other, `create table filler (n integer, text blob)`)
	execute(t, other, `with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) insert into filler select n, randomblob(3000) from c`)
	return path, other
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestCopyBesideWriter has another connection write at each step of a copy: it must neither begin anew nor have any of that.
func TestCopyBesideWriter(t *testing.T) {
	t.Parallel()
	path, other := newFilled(t)
	last, steps := int64(0), 0
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	held, err := store.Copy(ctx, path, filepath.Join(t.TempDir(), "copy.db"), func(done, total int64) {
		if done <= last || done > total {
			t.Errorf("%d of %d done, %d before", done, total, last)
			giveUp()
		}
		last = done
		steps++
		execute(t, other, `insert into filler values (0, randomblob(100000))`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if steps < 4 || last != held.Bytes {
		t.Errorf("%d steps, at the end %d bytes of %d", steps, last, held.Bytes)
	}
	for _, table := range held.Rows {
		if table.Table == "filler" && table.Rows != 2000 {
			t.Errorf("the copy has %d rows, 2000 were there when it began", table.Rows)
		}
	}
}

func TestCopyCancelled(t *testing.T) {
	t.Parallel()
	path, _ := newFilled(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := store.Copy(ctx, path, filepath.Join(dir, "copy.db"), func(int64, int64) {
		steps++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("%v after %d steps", err, steps)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReplaceRefuses: nothing is replaced for which there is no name to keep it under, nor under another's connection.
func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	path, other := newFilled(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	if _, err := store.Copy(t.Context(), path, file, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if err := store.Replace(t.Context(), file, path, ""); err == nil {
		t.Error("a database was replaced without a name to keep it under")
	}
	if err := store.Replace(t.Context(), file, path, path+".old"); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a database in use: %v", err)
	}
	execute(t, other, `insert into filler values (0, '')`)
}
