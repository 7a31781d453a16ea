package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
)

// onlyPostgres skips a test of what PostgreSQL alone has: a network, and other writers.
func onlyPostgres(t *testing.T) {
	t.Helper()
	if !onPostgres {
		t.Skip("about PostgreSQL")
	}
}

// TestLostAnswer: whatever becomes of a commit on its way, it takes place once, and Tx tells so.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	for name, c := range map[string]struct {
		fault fault
		runs  int
	}{
		"the answer is lost":    {losesAnswer, 1},
		"the commit is lost":    {losesAsked, 2},
		"the commit comes late": {holdsAsked, 2},
		"nothing is lost":       {passes, 1},
	} {
		for _, asks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, asks %v", name, asks), func(t *testing.T) {
				t.Parallel()
				r, url := newRelay(t, newURL(t))
				db, project := openURL(t, url+"&pool_max_conns=1", store.Options{}), newProject()
				must(t, db, insert(session(newProject(), noon))) // prepares the statements on the one connection
				runs, ended := 0, 0
				var made []*checkout.Session
				must(t, db, func(tx *store.Tx) error {
					runs++
					s := session(project, noon) // another one each time, so that two commits would be seen
					made = append(made, s)
					if asks {
						if _, err := tx.Customer(t.Context(), project, "nobody"); !errors.Is(err, store.ErrNotFound) {
							return fmt.Errorf("a customer that is not there: %w", err)
						}
					}
					if _, err := tx.InsertSession(s); err != nil {
						return err
					}
					tx.OnCommit(func() { ended++ })
					if runs == 1 {
						r.fail(c.fault)
					}
					return nil
				})
				r.release(t)
				if runs != c.runs || ended != 1 {
					t.Errorf("the function ran %d times, want %d, and was told of %d commits", runs, c.runs, ended)
				}
				list, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 5}, noon)
				if err != nil || list.Total != 1 || len(list.Rows) != 1 || list.Rows[0].ID != made[len(made)-1].ID {
					t.Errorf("%d of %d sessions are there, error %v", len(list.Rows), list.Total, err)
				}
			})
		}
	}
}

// TestOthersFail: who fails in a shared transaction, or finds a key taken, takes nothing from the others.
func TestOthersFail(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	db, project := openURL(t, newURL(t), store.Options{}), newProject()
	taken := session(project, noon)
	must(t, db, insert(taken))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ends := []string{"commits", "fails", "is taken", "panics", "unstorable", "commits", "is cancelled"}
	var all sync.WaitGroup
	for i := range 40 * len(ends) {
		all.Go(func() {
			end, mine := ends[i%len(ends)], t.Context()
			if end == "is cancelled" {
				mine = ctx
			}
			raised, err := endAs(mine, db, project, fmt.Sprintf("c%03d", i), end, taken)
			switch {
			case end == "commits" && (err != nil || raised != nil),
				end == "is taken" && (err != nil || raised != nil),
				end == "fails" && !errors.Is(err, errRefused),
				end == "unstorable" && (err == nil || checkout.CodeOf(err) == checkout.CodeDatabaseUnavailable),
				end == "is cancelled" && !errors.Is(err, context.Canceled),
				end == "panics" && raised == nil:
				t.Errorf("one that %s: error %v, panic %v", end, err, raised)
			}
		})
	}
	all.Wait()
	for i := range 40 * len(ends) {
		_, err := db.CustomerByExternalID(t.Context(), project, fmt.Sprintf("c%03d", i))
		end := ends[i%len(ends)]
		if there := err == nil; there != (end == "commits" || end == "is taken") {
			t.Errorf("c%03d, which %s, is there: %v", i, end, there)
		}
	}
	list, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 1}, noon)
	if err != nil || list.Total != 1+2*40 {
		t.Errorf("%d sessions, error %v, want %d", list.Total, err, 1+2*40)
	}
}

// endAs adds a customer and a session, and then ends as asked; what it panicked with is told.
func endAs(ctx context.Context, db *store.DB, project checkout.ProjectID, name, end string, taken *checkout.Session) (raised any, err error) {
	defer func() { raised = recover() }()
	fresh := session(project, noon)
	return nil, db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.EnsureCustomer(project, name, newCustomer(), noon); err != nil {
			return err
		}
		s := *fresh
		switch end {
		case "is taken":
			s = *taken
		case "unstorable":
			s.Country = "\x00"
		}
		if _, err := tx.InsertSession(&s); err != nil {
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

// TestNoDeadlock: transactions that take the same rows in opposite orders all end, each of them once.
func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	nodes := []*store.DB{openURL(t, url, store.Options{}), openURL(t, url, store.Options{})}
	project := newProject()
	var rows []*checkout.Session
	for range 6 {
		s := session(project, noon)
		must(t, nodes[0], insert(s))
		rows = append(rows, s)
	}
	const callers, each = 4, 2 // PostgreSQL takes a second to see a deadlock
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for done := 0; done < each; {
				err := nodes[i%2].Tx(t.Context(), func(tx *store.Tx) error { return touch(tx, rows, i/2%2 == 0) })
				switch {
				case err == nil:
					done++
				case checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable: // one that gives up has changed nothing
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, s := range rows {
		have, err := nodes[0].Session(t.Context(), project, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(have.DestinationAddress, touched); n != callers*each {
			t.Errorf("%d changes were kept of %d", n, callers*each)
		}
	}
}

// touched is what each change adds to an address.
const touched = "+"

// touch changes every session, whatever its version.
func touch(tx *store.Tx, rows []*checkout.Session, forwards bool) error {
	for i := range rows {
		s := rows[i]
		if !forwards {
			s = rows[len(rows)-1-i]
		}
		for {
			have, err := tx.Session(context.Background(), s.ProjectID, s.ID)
			if err == nil {
				have.DestinationAddress += touched
				err = tx.UpdateSession(have, have.Status)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// TestServerCrash: what was acknowledged survives a crash of the server, writes and reads go on after it by themselves, and
// what comes in the meantime is told that the database is away.
func TestServerCrash(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	cluster := pgtest.Start(t, pgtest.Options{Fsync: true})
	db, project := openURL(t, cluster.URL(""), store.Options{}), newProject()
	var mu sync.Mutex
	var kept []checkout.SessionID
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := session(project, noon)
				switch err := db.Tx(t.Context(), insert(s)); {
				case err == nil:
					mu.Lock()
					kept = append(kept, s.ID)
					mu.Unlock()
				case checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable:
					t.Errorf("while the server is away: %v", err)
				}
			}
		})
	}
	acknowledged := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(kept)
	}
	for range 3 {
		for n := acknowledged(); acknowledged() < n+200; {
			must(t, db, func(*store.Tx) error { return nil })
		}
		cluster.Kill()
		cluster.Restart()
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("after the last restart: %v", err)
	}
	close(stop)
	all.Wait()
	for _, id := range kept {
		if _, err := db.Session(t.Context(), project, id); err != nil {
			t.Fatalf("an acknowledged session: %v", err)
		}
	}
	list, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 1}, noon)
	if err != nil || list.Total < int64(len(kept)) {
		t.Errorf("total %d, error %v; %d were acknowledged", list.Total, err, len(kept))
	}
}

// TestAway: without a server, calls are told so, within the patience that the store has.
func TestAway(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	db, err := store.Open(t.Context(), "postgres://u:secret@127.0.0.1:1/d", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all sync.WaitGroup
	for what, call := range map[string]func() error{
		"read": func() error {
			_, err := db.Session(t.Context(), newProject(), "sess_x")
			return err
		},
		"list": func() error {
			_, err := db.Sessions(t.Context(), newProject(), checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 1}, noon)
			return err
		},
		"ping":  func() error { return db.Ping(t.Context()) },
		"write": func() error { return db.Tx(t.Context(), insert(session(newProject(), noon))) },
	} {
		all.Go(func() {
			err := call()
			if checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable {
				t.Errorf("%s: %v", what, err)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), "secret") {
				t.Errorf("%s tells the password: %v", what, err)
			}
		})
	}
	all.Wait()
}
