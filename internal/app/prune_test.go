package app_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

const day = 24 * time.Hour

// attic is a database of rows of any age, and the same rows in memory, where what must go is found the simplest way.
type attic struct {
	db   *store.DB
	side *sql.DB
	app  *app.App
	now  time.Time

	project       checkout.ProjectID
	seeds         byte
	sessions      []*checkout.Session
	orders        []*checkout.Order
	events        []checkout.Event
	deliveries    []*checkout.Delivery
	notifications []store.Notification
}

func newAttic(t *testing.T) *attic {
	t.Helper()
	path := filepath.Join(t.TempDir(), "attic.db")
	db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	must(t, err)
	side, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { must(t, side.Close()) })
	at := &attic{db: db, side: side}
	at.app = app.New(app.Config{DB: db, Now: func() time.Time { return at.now }})
	return at
}

// anew begins another history, in a project of its own.
func (at *attic) anew(r *rapid.T) {
	*at = attic{db: at.db, side: at.side, app: at.app, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if _, err := at.side.ExecContext(context.Background(), "delete from projects"); err != nil { // the other histories' are not looked at
		r.Fatal(err)
	}
	p, _, err := at.app.CreateProject(context.Background(), checkout.Project{Name: "attic", Mode: checkout.ModeTest})
	if err != nil {
		r.Fatal(err)
	}
	at.project = p.ID
}

func (at *attic) tx(r *rapid.T, fn func(*store.Tx) error) {
	if err := at.db.Tx(context.Background(), fn); err != nil {
		r.Fatal(err)
	}
}

func (at *attic) seed() (s checkout.Seed) {
	at.seeds++
	copy(s[:], string(at.project))
	s[0] = at.seeds
	return s
}

// ago draws a time from after the one given until now, in half days, so that it often is an end of a retention exactly.
func (at *attic) ago(r *rapid.T, what string, from time.Time) time.Time {
	return from.Add(time.Duration(rapid.IntRange(0, int(at.now.Sub(from)/(day/2))).Draw(r, what)) * day / 2)
}

// live adds a session and what hangs on it: an order, events, deliveries with attempts, notifications.
func (at *attic) live(r *rapid.T) {
	seed := at.seed()
	created := at.ago(r, "created", at.now.Add(-100*day))
	s := &checkout.Session{
		ID: seed.SessionID(created), ProjectID: at.project, CustomerID: "c", CreatedAt: created, Version: 1,
		Type:   rapid.SampledFrom([]checkout.SessionType{checkout.Onramp, checkout.Offramp}).Draw(r, "type"),
		Status: rapid.SampledFrom(checkout.SessionStatuses).Draw(r, "status"),
	}
	s.UpdatedAt, s.ExpiresAt = at.ago(r, "changed", created), created.Add(time.Duration(rapid.IntRange(0, 60).Draw(r, "lives"))*day/2)
	changes := []time.Time{created, s.UpdatedAt}
	var o *checkout.Order
	if rapid.Bool().Draw(r, "order") {
		o = &checkout.Order{
			ID: seed.OrderID(created), ProjectID: at.project, SessionID: s.ID, Type: checkout.Buy, Status: checkout.OrderCreating, CreatedAt: created,
			Gateway: rapid.SampledFrom([]string{"sandbox", "other"}).Draw(r, "gateway"), FiatAmount: amount("1"), PriorStatus: checkout.SessionPending, Version: 1,
		}
		s.OrderID = o.ID
	}
	at.tx(r, func(tx *store.Tx) error {
		if _, err := tx.InsertSession(s); err != nil || o == nil {
			return err
		}
		return tx.ReserveOrder(o, store.Lease{})
	})
	at.sessions = append(at.sessions, s)
	if o != nil {
		if status := rapid.SampledFrom(checkout.OrderStatusTable).Draw(r, "order's status").Status; rapid.IntRange(0, 9).Draw(r, "creating") > 0 {
			o.Status, o.UpdatedAt = status, at.ago(r, "order changed", created)
			if changes = append(changes, o.UpdatedAt); rapid.IntRange(0, 4).Draw(r, "late") == 0 {
				o.LatePaymentAt = at.ago(r, "late payment", o.UpdatedAt)
				changes = append(changes, o.LatePaymentAt)
			}
			at.tx(r, func(tx *store.Tx) error { return tx.UpdateOrder(o, checkout.OrderCreating) })
		}
		at.orders = append(at.orders, o)
		at.notify(r, o.ID)
	}
	for i, when := range changes {
		at.tell(r, s, o, seed, i, when)
	}
}

func (at *attic) notify(r *rapid.T, order checkout.OrderID) {
	for range rapid.IntRange(0, 2).Draw(r, "notifications") {
		at.seeds++
		n := store.Notification{
			Project: at.project, Gateway: rapid.SampledFrom([]string{"sandbox", "other"}).Draw(r, "by"), DedupKey: fmt.Sprint(at.seeds), OrderID: order,
			ReceivedAt: at.ago(r, "received", at.now.Add(-100*day)), Sealed: []byte("sealed"),
		}
		at.tx(r, func(tx *store.Tx) error {
			_, err := tx.InsertNotification(n)
			return err
		})
		at.notifications = append(at.notifications, n)
	}
}

func (at *attic) tell(r *rapid.T, s *checkout.Session, o *checkout.Order, seed checkout.Seed, n int, when time.Time) {
	e := checkout.Event{ID: seed.EventID(n, when), ProjectID: at.project, Type: checkout.EventSessionCreated, SessionID: s.ID, CreatedAt: when, Body: []byte("{}")}
	if o != nil && n > 0 {
		e.Type, e.OrderID = rapid.SampledFrom([]checkout.EventType{checkout.EventPending, checkout.EventCompleted}).Draw(r, "event"), o.ID
	}
	at.tx(r, func(tx *store.Tx) error { return tx.InsertEvent(e) })
	at.events = append(at.events, e)
	for i := range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(r, "deliveries") {
		at.deliver(r, e, seed.DeliveryID(10*n+i, when))
	}
}

// deliver adds a delivery of the event, with up to two attempts; it may be pending still.
func (at *attic) deliver(r *rapid.T, e checkout.Event, id checkout.DeliveryID) {
	d := &checkout.Delivery{
		ID: id, ProjectID: at.project, WebhookID: "whk_1", EventID: e.ID, EventType: e.Type, OrderID: e.OrderID,
		Status: checkout.DeliveryPending, DueAt: e.CreatedAt, CreatedAt: e.CreatedAt,
	}
	end := rapid.SampledFrom([]checkout.DeliveryStatus{checkout.DeliveryDelivered, checkout.DeliveryDelivered, checkout.DeliveryFailed, checkout.DeliveryPending}).Draw(r, "delivery")
	at.tx(r, func(tx *store.Tx) error { return tx.InsertDelivery(d) })
	for n := range rapid.IntRange(1, 2).Draw(r, "attempts") {
		lease := store.Lease{Owner: "n", Until: at.now}
		at.tx(r, func(tx *store.Tx) error { return tx.LeaseDelivery(d, lease) })
		if d.Attempts = n + 1; n == 1 || end == checkout.DeliveryFailed {
			d.Status = end
		}
		if d.Status != checkout.DeliveryPending {
			d.FinishedAt = at.ago(r, "finished", e.CreatedAt)
		}
		at.tx(r, func(tx *store.Tx) error {
			return tx.RecordAttempt(d, checkout.Attempt{Number: d.Attempts, At: at.now, StatusCode: 500}, lease)
		})
		if d.Status != checkout.DeliveryPending {
			break
		}
	}
	at.deliveries = append(at.deliveries, d)
}

// forget removes from memory what a pruning has to remove, and counts it.
func (at *attic) forget(keep app.Retention) (gone app.Pruned) {
	sessionsEnd, eventsEnd := at.now.Add(-keep.Sessions), at.now.Add(-keep.Events)
	if keep.Events == 0 {
		eventsEnd = sessionsEnd
	}
	holds := func(d *checkout.Delivery) bool {
		return d.Status == checkout.DeliveryPending || !d.FinishedAt.Before(eventsEnd)
	}
	held := map[checkout.SessionID]bool{}
	at.events = slices.DeleteFunc(at.events, func(e checkout.Event) bool {
		mine := func(d *checkout.Delivery) bool { return d.EventID == e.ID }
		if !e.CreatedAt.Before(eventsEnd) {
			return false
		}
		if slices.ContainsFunc(at.deliveries, func(d *checkout.Delivery) bool { return mine(d) && holds(d) }) {
			held[e.SessionID] = true
			return false
		}
		n := len(at.deliveries)
		at.deliveries = slices.DeleteFunc(at.deliveries, mine)
		gone.Events, gone.Deliveries = gone.Events+1, gone.Deliveries+int64(n-len(at.deliveries))
		return true
	})
	if keep.Sessions == 0 {
		return gone
	}
	at.sessions = slices.DeleteFunc(at.sessions, func(s *checkout.Session) bool {
		if held[s.ID] || s.Status.Open() || s.Status == checkout.SessionProcessing || !s.UpdatedAt.Before(sessionsEnd) || !s.ExpiresAt.Before(sessionsEnd) {
			return false
		}
		i := slices.IndexFunc(at.orders, func(o *checkout.Order) bool { return o.SessionID == s.ID })
		if i >= 0 {
			o := at.orders[i]
			if !o.Status.Final() || !o.UpdatedAt.Before(sessionsEnd) || !o.LatePaymentAt.Before(sessionsEnd) {
				return false
			}
			at.orders = slices.Delete(at.orders, i, i+1)
			gone.Orders++
		}
		gone.Sessions++
		return true
	})
	kept := at.notifications[:0]
	for _, n := range at.notifications {
		known := slices.ContainsFunc(at.orders, func(o *checkout.Order) bool { return o.ID == n.OrderID })
		switch old := n.ReceivedAt.Before(sessionsEnd); {
		case old && !known:
			gone.Notifications++
			continue
		case old && len(n.Sealed) > 0:
			gone.Bodies++
			n.Sealed = nil
		}
		kept = append(kept, n)
	}
	at.notifications = kept
	return gone
}

// prune runs on one node or on two at once, in whatever project there is; what they say they removed is what went.
func (at *attic) prune(r *rapid.T) {
	keep := rapid.SampledFrom([]app.Retention{{Sessions: 60 * day}, {Sessions: 30 * day}, {Events: 40 * day}, {Sessions: 60 * day, Events: 30 * day}}).Draw(r, "retention")
	nodes := rapid.IntRange(1, 2).Draw(r, "nodes")
	dry, err := at.app.Prune(context.Background(), app.PruneInput{Retention: keep, DryRun: true})
	if err != nil {
		r.Fatal(err)
	}
	at.check(r) // nothing has gone
	sums, errs := make([]app.Pruned, nodes), make([]error, nodes)
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() { sums[i], errs[i] = at.app.Prune(context.Background(), app.PruneInput{Retention: keep}) })
	}
	all.Wait()
	var sum app.Pruned
	for _, s := range sums {
		sum = sum.Plus(s)
	}
	if err := errors.Join(errs...); err != nil {
		r.Fatal(err)
	}
	want := at.forget(keep)
	if diff := cmp.Diff(want, sum); diff != "" {
		r.Fatalf("removed, with %+v on %d nodes:\n%s", keep, nodes, diff)
	}
	if want.Notifications, want.Bodies = 0, 0; dry != want {
		r.Fatalf("the dry run told %+v, want %+v", dry, want)
	}
}

// check holds every table, and every total, to the rows in memory.
func (at *attic) check(r *rapid.T) {
	var sessions, orders, events, deliveries, attempts, notifications []string
	totals := map[string]int64{}
	for _, s := range at.sessions {
		sessions = append(sessions, string(s.ID))
		totals["session "+string(s.Type)+" "+string(s.Status)]++
	}
	for _, o := range at.orders {
		orders = append(orders, string(o.ID))
		if o.Status != checkout.OrderCreating {
			totals["order "+o.Gateway+" "+string(o.Status)]++
		}
	}
	for _, e := range at.events {
		events = append(events, string(e.ID))
		totals["event "+string(e.Type)+" "]++
	}
	for _, d := range at.deliveries {
		deliveries = append(deliveries, string(d.ID))
		for n := range d.Attempts {
			attempts = append(attempts, fmt.Sprint(d.ID, " ", n+1))
		}
	}
	for _, n := range at.notifications {
		notifications = append(notifications, fmt.Sprint(n.Gateway, " ", n.DedupKey, " ", len(n.Sealed)))
	}
	for query, want := range map[string][]string{
		"id from sessions": sessions, "id from orders": orders, "id from events": events, "id from deliveries": deliveries,
		"delivery_id || ' ' || number from attempts":                             attempts,
		"gateway || ' ' || dedup_key || ' ' || length(body) from notifications":  notifications,
		"resource || ' ' || facet || ' ' || status || ' ' || sum(n) from counts": nil,
	} {
		tail := ""
		if strings.HasSuffix(query, "counts") {
			tail = " group by resource, facet, status having sum(n) <> 0"
			for cell, n := range totals {
				want = append(want, fmt.Sprint(cell, " ", n))
			}
		}
		got := at.strings(r, "select "+query+" where project_id = $1"+tail)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			r.Fatalf("%s:\n%s", query, cmp.Diff(want, got))
		}
	}
}

func (at *attic) strings(r *rapid.T, query string) (list []string) {
	rows, err := at.side.QueryContext(context.Background(), query, string(at.project))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			r.Fatal(err)
		}
		list = append(list, one)
	}
	slices.Sort(list)
	if err := rows.Err(); err != nil {
		r.Fatal(err)
	}
	return list
}

// TestPruneAgainstModel: after any history, exactly what has ended and is old goes, with all that hangs on it, whoever
// else removes it at the same time; and every total is the number of rows that are left.
func TestPruneAgainstModel(t *testing.T) {
	t.Parallel()
	at := newAttic(t)
	rapid.Check(t, func(r *rapid.T) {
		at.anew(r)
		for range rapid.IntRange(1, 8).Draw(r, "sessions") {
			at.live(r)
		}
		at.notify(r, "ord_unknown")
		at.check(r)
		for range rapid.IntRange(1, 3).Draw(r, "prunings") {
			at.prune(r)
			at.check(r)
			at.now = at.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(r, "days")) * day)
		}
	})
}

// TestAfterPrune: what a gateway, a payer or a partner still says of an order that was removed finds nothing, is no error to
// the gateway, and brings nothing back.
func TestAfterPrune(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.project(t, checkout.ModeTest)
	o := w.order(t, mine, "teller")
	say := func(a *app.App, key string, status checkout.OrderStatus) {
		t.Helper()
		w.teller.says = []gateway.Update{{DedupKey: key, OrderID: o.ID, Status: status}}
		must(t, a.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: mine.Project.ID, Body: []byte("{}")}))
	}
	say(w.app, "1", checkout.OrderExpired)
	list, err := w.app.ListEvents(t.Context(), w.by(mine), checkout.EventFilter{}, checkout.Page{Number: 1, Size: 10})
	if err != nil || list.Total == 0 {
		t.Fatalf("events: %+v, %v", list, err)
	}
	config := w.app.Config
	later := func(days int) *app.App {
		config.Now = func() time.Time { return time.Now().Add(time.Duration(days) * day) }
		return app.New(config)
	}
	keep := app.PruneInput{Retention: app.Retention{Sessions: 30 * day}}
	prune := func(days int, want app.Pruned) {
		t.Helper()
		if got, err := later(days).Prune(t.Context(), keep); err != nil || got != want {
			t.Fatalf("after %d days: removed %+v (%v), want %+v", days, got, err, want)
		}
	}
	prune(29, app.Pruned{})
	prune(31, app.Pruned{Sessions: 1, Orders: 1, Events: list.Total, Notifications: 1})
	a := later(31)
	say(a, "1", checkout.OrderExpired)   // repeated
	say(a, "2", checkout.OrderCompleted) // money, very late
	call := w.by(mine)
	_, err1 := a.GetOrder(t.Context(), call, o.ID)
	_, err2 := a.GetSession(t.Context(), call, o.SessionID)
	_, _, err3 := a.ResendEvent(t.Context(), call, list.Rows[0].ID, &app.ResendEvent{})
	for _, err := range []error{err1, err2, err3} {
		if checkout.CodeOf(err) != checkout.CodeNotFound {
			t.Errorf("of what was removed: %v", err)
		}
	}
	prune(31, app.Pruned{})
	prune(62, app.Pruned{Notifications: 2})
}

// TestPruneStops: a run ends with its context, after the transaction that is under way, and the next one goes on.
func TestPruneStops(t *testing.T) {
	t.Parallel()
	at := newAttic(t)
	at.now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p, _, err := at.app.CreateProject(t.Context(), checkout.Project{Name: "attic", Mode: checkout.ModeTest})
	must(t, err)
	const events = 1201
	must(t, at.db.Tx(t.Context(), func(tx *store.Tx) error {
		for n := range events {
			e := checkout.Event{ID: checkout.Seed{}.EventID(n, at.now), ProjectID: p.ID, Type: checkout.EventTest, CreatedAt: at.now, Body: []byte("{}")}
			if err := tx.InsertEvent(e); err != nil {
				return err
			}
		}
		return nil
	}))
	at.now = at.now.Add(31 * day)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	in := app.PruneInput{Retention: app.Retention{Events: 30 * day}, Progress: func(app.Pruned) { stop() }}
	first, err := at.app.Prune(ctx, in)
	if !errors.Is(err, context.Canceled) || first.Events == 0 || first.Events > 500 {
		t.Errorf("stopped after %+v: %v", first, err)
	}
	rest, err := at.app.Prune(t.Context(), in)
	if err != nil || first.Events+rest.Events != events {
		t.Errorf("then %+v: %v", rest, err)
	}
}
