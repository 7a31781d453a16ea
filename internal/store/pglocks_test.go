package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// aside is a connection of the test's own, as another node has it.
func aside(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func do(t *testing.T, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// awaitWaiters waits until so many backends of the database wait for a lock.
func awaitWaiters(t *testing.T, url string, n int) {
	t.Helper()
	c := aside(t, url)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 {
		var waiting int
		err := c.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting >= n {
			return
		}
		<-tick.C
	}
	t.Fatalf("there were never %d that wait for a lock", n)
}

// TestStalledConnections: connections through which nothing goes any more, as behind a firewall that has forgotten them, are
// given up, and what was asked on them is asked again.
func TestStalledConnections(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	r, url := newRelay(t, newURL(t))
	db, project := openURL(t, url, store.Options{}), newProject()
	s := session(project, noon)
	must(t, db, insert(s))
	if _, err := db.Session(t.Context(), project, s.ID); err != nil {
		t.Fatal(err)
	}
	r.fail(stalls)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := db.Session(t.Context(), project, s.ID); err != nil {
				t.Errorf("read: %v", err)
			}
		})
		all.Go(func() { must(t, db, insert(session(project, noon))) })
	}
	all.Wait()
}

// TestLockedTable: while somebody holds a table, as a migration may, what needs it is told that the database is away; what
// does not goes on.
func TestLockedTable(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	db, project := openURL(t, url, store.Options{}), newProject()
	s := session(project, noon)
	must(t, db, insert(s))
	other := aside(t, url)
	do(t, other, "begin", "lock table sessions in access exclusive mode")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := db.Session(t.Context(), project, s.ID); checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable {
				t.Errorf("a read of it: %v", err)
			}
		})
		all.Go(func() {
			if _, err := db.Customer(t.Context(), project, "nobody"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a read of another table: %v", err)
			}
		})
		all.Go(func() {
			if err := db.Tx(t.Context(), insert(session(project, noon))); checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable {
				t.Errorf("a write to it: %v", err)
			}
		})
	}
	all.Wait()
	do(t, other, "rollback")
	if _, err := db.Session(t.Context(), project, s.ID); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	must(t, db, insert(session(project, noon)))
}

// TestSlowLocks: a transaction that waits long for one row after the other says nothing against the server.
func TestSlowLocks(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	at := strings.Index(url, "@127.0.0.1:")
	host := url[at+1 : at+strings.Index(url[at:], "/")]
	db, project := openURL(t, strings.Replace(url, host, host+",127.0.0.1:1", 1), store.Options{}), newProject()
	rows := []*checkout.Session{session(project, noon), session(project, noon)}
	holders := []*pgx.Conn{aside(t, url), aside(t, url)}
	for i, s := range rows {
		must(t, db, insert(s))
		do(t, holders[i], "begin", fmt.Sprintf("update sessions set bucket = bucket where id = '%s'", s.ID))
	}
	ended := make(chan error, 1)
	go func() { ended <- db.Tx(t.Context(), func(tx *store.Tx) error { return touch(tx, rows, true) }) }()
	awaitWaiters(t, url, 1)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for waits := true; waits; { // until it gives up, which is longer than a round trip may take
		select {
		case err := <-ended:
			waits = false
			if checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable {
				t.Errorf("a write to rows that others hold: %v", err)
			}
		case <-tick.C:
			if _, err := db.Session(t.Context(), project, rows[0].ID); err != nil {
				t.Errorf("a read meanwhile: %v", err)
			}
		}
	}
	do(t, holders[0], "rollback")
	do(t, holders[1], "rollback")
	must(t, db, insert(session(project, noon)))
}

// TestWarnings: what the server warns of besides says nothing of a commit.
func TestWarnings(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	db, project := openURL(t, url, store.Options{}), newProject()
	do(t, aside(t, url),
		`create function warn() returns trigger language plpgsql as $$ begin raise warning 'vacuum this database'; return new; end $$`,
		`create trigger warn before insert on sessions for each row execute function warn()`,
		`create trigger warn before insert or update on writers for each row execute function warn()`)
	must(t, db, insert(session(project, noon)))
	if s := db.Stats(); s.FoundOut != 0 || s.Unknown != 0 {
		t.Errorf("a commit was doubted: %+v", s)
	}
}

// TestDropLeased: a delivery that another node leases meanwhile is not dropped under it.
func TestDropLeased(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	db, project := openURL(t, url, store.Options{}), newProject()
	d := &checkout.Delivery{
		ID: "dlv_1", ProjectID: project, WebhookID: "whk_1", EventID: "evt_1", EventType: checkout.EventExpired,
		Status: checkout.DeliveryPending, DueAt: noon, CreatedAt: noon,
	}
	must(t, db, func(tx *store.Tx) error { return tx.InsertDelivery(d) })
	other := aside(t, url)
	do(t, other, "begin", "update deliveries set lease_owner = 'other', lease_until = 9999999999999999 where id = 'dlv_1'")
	var all sync.WaitGroup
	var dropped int64
	all.Go(func() {
		must(t, db, func(tx *store.Tx) (err error) {
			dropped, err = tx.DropDeliveries(project, "whk_1", noon.Add(time.Second), 500)
			return err
		})
	})
	awaitWaiters(t, url, 1)
	do(t, other, "commit")
	all.Wait()
	list, err := db.DeliveriesOf(t.Context(), project, "evt_1")
	if err != nil || dropped != 0 || list[0].Status != checkout.DeliveryPending {
		t.Errorf("%d dropped, the delivery is %s, error %v", dropped, list[0].Status, err)
	}
}

// TestPruneWaits: whoever removes an event waits for one who holds it, although both are on one node.
func TestPruneWaits(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	url := newURL(t)
	db, project := openURL(t, url+"&pool_max_conns=6", store.Options{}), newProject()
	event := checkout.Event{ID: seed().EventID(0, noon), ProjectID: project, Type: checkout.EventExpired, OrderID: "ord_1", CreatedAt: noon, Body: []byte("{}")}
	d := &checkout.Delivery{
		ID: "dlv_1", ProjectID: project, WebhookID: "whk_1", EventID: event.ID, EventType: event.Type, OrderID: event.OrderID,
		Status: checkout.DeliveryPending, DueAt: noon, CreatedAt: noon,
	}
	must(t, db, func(tx *store.Tx) error { return tx.InsertEvent(event) })
	old, err := db.OldEvents(t.Context(), project, noon.Add(time.Hour), "evt_", 10)
	if err != nil || len(old) != 1 {
		t.Fatalf("old events: %v, %v", old, err)
	}
	var all sync.WaitGroup
	pruned := make(chan error, 1)
	var once sync.Once
	must(t, db, func(tx *store.Tx) error {
		if err := tx.HoldEvent(project, event.ID); err != nil {
			return err
		}
		once.Do(func() {
			all.Go(func() {
				pruned <- db.TxAlone(t.Context(), func(tx *store.Tx) error {
					_, _, err := tx.PruneEvents(project, old, noon.Add(time.Hour))
					return err
				})
			})
			awaitWaiters(t, url, 1)
		})
		return tx.InsertDelivery(d)
	})
	all.Wait()
	if err := <-pruned; !errors.Is(err, store.ErrConflict) {
		t.Errorf("the removal: %v, want that it finds the delivery", err)
	}
	list, err := db.DeliveriesOf(t.Context(), project, event.ID)
	if _, e := db.Event(t.Context(), project, event.ID); e != nil || err != nil || len(list) != 1 {
		t.Errorf("event: %v, deliveries %v, error %v", e, list, err)
	}
}

// TestMaxConns: the URL's number of connections holds, whatever it is.
func TestMaxConns(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	for _, most := range []int{1, 2, 4, 7} {
		db, project := openURL(t, fmt.Sprintf("%s&pool_max_conns=%d", newURL(t), most), store.Options{}), newProject()
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				s := session(project, noon)
				must(t, db, insert(s))
				if _, err := db.Session(t.Context(), project, s.ID); err != nil {
					t.Error(err)
				}
				if _, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 5}, noon); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if s := db.Stats(); s.Conns > int64(most) {
			t.Errorf("%d connections, at most %d were asked for", s.Conns, most)
		}
	}
}
