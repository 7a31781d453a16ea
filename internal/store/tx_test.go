package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// commits counts the commits in the database's write-ahead log: the frames that say how large the database is after them
// (sqlite.org/fileformat2.html, "WAL Frame Header").
func commits(t *testing.T, path string) int {
	t.Helper()
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) < 32 {
		return 0 // nothing was written since the last checkpoint
	}
	n := 0
	frame := 24 + int(binary.BigEndian.Uint32(log[8:]))
	for at := 32; at+frame <= len(log); at += frame {
		if binary.BigEndian.Uint32(log[at+4:]) != 0 && string(log[at+8:at+16]) == string(log[16:24]) {
			n++
		}
	}
	return n
}

// crashed opens what a process killed at this moment would leave.
func crashed(t *testing.T, path string) *store.DB {
	t.Helper()
	left := newPath(t)
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(left+suffix, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copied, err := store.Open(t.Context(), "sqlite:"+left, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = copied.Close() })
	return copied
}

var errRefused = errors.New("refused by the test")

// attempt adds a customer and then ends as asked; what it panicked with is told.
func attempt(ctx context.Context, db *store.DB, project checkout.ProjectID, name, end string) (raised any, err error) {
	defer func() { raised = recover() }()
	return nil, db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.EnsureCustomer(project, name, newCustomer(), noon); err != nil {
			return err
		}
		switch end {
		case "fails":
			return errRefused
		case "panics":
			panic(name)
		}
		return nil
	})
}

// TestGroupCommit: functions that wait together share one commit; each ends alone; what was acknowledged is in the files.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	onlySQLite(t)
	synctest.Test(t, func(t *testing.T) {
		const callers = 200
		ends := []string{"commits", "fails", "commits", "panics", "is cancelled"}
		path := newPath(t)
		db, project := openAt(t, path, store.Options{}), newProject()
		gate := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { must(t, db, func(*store.Tx) error { <-gate; return nil }) })
		synctest.Wait() // the writer is busy
		before := commits(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range callers {
			all.Go(func() {
				name, end, mine := fmt.Sprintf("c%03d", i), ends[i%len(ends)], t.Context()
				if end == "is cancelled" {
					mine = ctx
				}
				raised, err := attempt(mine, db, project, name, end)
				switch {
				case end == "commits" && (err != nil || raised != nil),
					end == "fails" && (!errors.Is(err, errRefused) || raised != nil),
					end == "panics" && raised != name,
					end == "is cancelled" && (!errors.Is(err, context.Canceled) || raised != nil):
					t.Errorf("%s, which %s: error %v, panic %v", name, end, err, raised)
				}
			})
		}
		synctest.Wait() // all are queued
		cancel()
		close(gate)
		all.Wait()
		if n := commits(t, path) - before; n != 1 {
			t.Errorf("%d commits, want 1 for all", n)
		}
		for where, db := range map[string]*store.DB{"here": db, "after a crash": crashed(t, path)} {
			for i := range callers {
				_, err := db.CustomerByExternalID(t.Context(), project, fmt.Sprintf("c%03d", i))
				if there := err == nil; there != (ends[i%len(ends)] == "commits") {
					t.Errorf("%s: c%03d, which %s, is there: %v", where, i, ends[i%len(ends)], there)
				}
			}
		}
	})
}

// TestCancelledBeforeQueue: with a full queue the caller need not wait for its turn.
func TestCancelledBeforeQueue(t *testing.T) {
	t.Parallel()
	onlySQLite(t)
	synctest.Test(t, func(t *testing.T) {
		db, gate := open(t, store.Options{MaxBatch: 1}), make(chan struct{})
		var all sync.WaitGroup
		for range 2 { // one runs, one fills the queue
			all.Go(func() { must(t, db, func(*store.Tx) error { <-gate; return nil }) })
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error, 1)
		all.Go(func() { told <- db.Tx(ctx, func(*store.Tx) error { t.Error("it ran"); return nil }) })
		synctest.Wait()
		cancel()
		if err := <-told; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		close(gate)
		all.Wait()
	})
}

// TestClose waits for what was accepted; afterwards nothing is.
func TestClose(t *testing.T) {
	t.Parallel()
	onlySQLite(t)
	synctest.Test(t, func(t *testing.T) {
		path := newPath(t)
		db, project, gate := openAt(t, path, store.Options{}), newProject(), make(chan struct{})
		ended := make(chan string, 3)
		var all sync.WaitGroup
		all.Go(func() { must(t, db, func(*store.Tx) error { <-gate; return nil }) })
		synctest.Wait()
		all.Go(func() {
			_, err := attempt(t.Context(), db, project, "accepted", "commits")
			ended <- fmt.Sprint("write: ", err)
		})
		synctest.Wait()
		for range 2 { // a second Close waits too
			all.Go(func() { ended <- fmt.Sprint("close: ", db.Close()) })
		}
		synctest.Wait()
		if len(ended) > 0 {
			t.Errorf("before its turn: %s", <-ended)
		}
		close(gate)
		all.Wait()
		for range cap(ended) {
			if told := <-ended; !strings.HasSuffix(told, "<nil>") {
				t.Error(told)
			}
		}
		if _, err := attempt(t.Context(), db, project, "late", "commits"); err == nil {
			t.Error("a write after Close succeeded")
		}
		if _, err := db.CustomerByExternalID(t.Context(), project, "accepted"); err == nil {
			t.Error("a read after Close succeeded")
		}
		again, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = again.Close() }()
		if _, err := again.CustomerByExternalID(t.Context(), project, "accepted"); err != nil {
			t.Errorf("the write that was accepted is not there: %v", err)
		}
	})
}

// TestReadYourWrites: a read that begins after Tx returned sees its write, whatever connection serves it.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 40 {
				s := session(project, noon)
				must(t, db, insert(s))
				if _, err := db.Session(t.Context(), project, s.ID); err != nil {
					t.Errorf("read after write: %v", err)
				}
			}
		})
	}
	all.Wait()
	list, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 1}, noon)
	if err != nil || list.Total != 8*40 {
		t.Errorf("total %d, error %v", list.Total, err)
	}
}

// TestEnsureCustomerRace: however many create the customer, there is one, and all are told which.
func TestEnsureCustomerRace(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	ids := make([]checkout.CustomerID, 48)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			must(t, db, func(tx *store.Tx) (err error) {
				ids[i], err = tx.EnsureCustomer(project, "one", newCustomer(), noon)
				return err
			})
		})
	}
	all.Wait()
	have, err := db.CustomerByExternalID(t.Context(), project, "one")
	if distinct := slices.Compact(slices.Sorted(slices.Values(ids))); err != nil || len(distinct) != 1 || distinct[0] != have.ID {
		t.Errorf("customers %v, stored %v, error %v", distinct, have, err)
	}
	other := newProject()
	must(t, db, func(tx *store.Tx) error {
		id, err := tx.EnsureCustomer(other, "one", "mine", noon)
		if id != "mine" {
			t.Errorf("another project's customer is shared: %s", id)
		}
		return err
	})
}
