package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// shelf is a session that ended at noon, with its order, an event of it and a delivery that is done.
type shelf struct {
	db       *store.DB
	session  *checkout.Session
	order    *checkout.Order
	event    checkout.Event
	delivery *checkout.Delivery
	before   time.Time
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := session(newProject(), noon)
	s.Status, s.ExpiresAt = checkout.SessionExpired, noon
	f := &shelf{db: open(t, store.Options{}), session: s, order: orderOf(s, noon), before: noon.Add(time.Hour)}
	f.event = checkout.Event{ID: seed().EventID(0, noon), ProjectID: s.ProjectID, Type: checkout.EventExpired, SessionID: s.ID, OrderID: f.order.ID, CreatedAt: noon, Body: []byte("{}")}
	f.delivery = &checkout.Delivery{
		ID: seed().DeliveryID(0, noon), ProjectID: s.ProjectID, WebhookID: "whk_1", EventID: f.event.ID, EventType: f.event.Type, OrderID: f.order.ID,
		Status: checkout.DeliveryDelivered, DueAt: noon, CreatedAt: noon, FinishedAt: noon, Attempts: 1,
	}
	must(t, f.db, func(tx *store.Tx) error {
		_, err := tx.InsertSession(s)
		if err = errors.Join(err, tx.ReserveOrder(f.order, store.Lease{})); err != nil {
			return err
		}
		f.order.Status = checkout.OrderExpired
		return errors.Join(tx.UpdateOrder(f.order, checkout.OrderCreating), tx.InsertEvent(f.event), tx.InsertDelivery(f.delivery))
	})
	order, err := f.db.Order(t.Context(), s.ProjectID, f.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.order.Version = order.Version // which an update draws by lot
	return f
}

func (f *shelf) events(t *testing.T) []*store.OldEvent {
	t.Helper()
	list, err := f.db.OldEvents(t.Context(), f.session.ProjectID, f.before, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (f *shelf) sessions(t *testing.T) []*store.OldSession {
	t.Helper()
	list, err := f.db.OldSessions(t.Context(), f.session.ProjectID, f.session.Status, f.before, checkout.Cursor{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// counts are the totals that the lists show.
func (f *shelf) counts(t *testing.T) (n [3]int64) {
	t.Helper()
	p := checkout.Page{Number: 1, Size: 1}
	sessions, err1 := f.db.Sessions(t.Context(), f.session.ProjectID, checkout.SessionFilter{}, p, noon)
	orders, err2 := f.db.Orders(t.Context(), f.session.ProjectID, checkout.OrderFilter{}, p)
	events, err3 := f.db.Events(t.Context(), f.session.ProjectID, checkout.EventFilter{}, p)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return [3]int64{sessions.Total, orders.Total, events.Total}
}

// TestPruneRechecks: what changed between being found and being removed stays, all of it; and what another has removed
// lowers no total a second time.
func TestPruneRechecks(t *testing.T) {
	t.Parallel()
	late := noon.Add(2 * time.Hour)
	for name, change := range map[string]func(f *shelf) func(*store.Tx) error{
		"a late payment": func(f *shelf) func(*store.Tx) error {
			f.order.LatePaymentAt = late
			return func(tx *store.Tx) error { return tx.UpdateOrder(f.order, f.order.Status) }
		},
		"a refund": func(f *shelf) func(*store.Tx) error {
			f.order.Status, f.order.UpdatedAt = checkout.OrderRefunded, late
			return func(tx *store.Tx) error { return tx.UpdateOrder(f.order, checkout.OrderExpired) }
		},
		"a change of the session": func(f *shelf) func(*store.Tx) error {
			f.session.UpdatedAt = late
			return func(tx *store.Tx) error { return tx.UpdateSession(f.session, f.session.Status) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newShelf(t)
			found := f.sessions(t)
			if len(found) != 1 || found[0].Held || found[0].Order != f.order.ID {
				t.Fatalf("found %+v", found)
			}
			must(t, f.db, change(f))
			prune := func(tx *store.Tx) error { return tx.PruneSessions(f.session.ProjectID, found, f.before) }
			if err := f.db.Tx(t.Context(), prune); !errors.Is(err, store.ErrConflict) {
				t.Errorf("pruned: %v", err)
			}
			if n := f.counts(t); n != [3]int64{1, 1, 1} {
				t.Errorf("totals %v", n)
			}
			if again := f.sessions(t); len(again) > 0 && !again[0].Held {
				t.Errorf("found again: %+v", again[0])
			}
		})
	}
}

// TestPruneTwice: a second pruning by the same keys removes nothing and lowers no total.
func TestPruneTwice(t *testing.T) {
	t.Parallel()
	f := newShelf(t)
	project, events, sessions := f.session.ProjectID, f.events(t), f.sessions(t)
	if len(events) != 1 || events[0].Held || events[0].Rows != 3 || len(sessions) != 1 {
		t.Fatalf("found %+v, %+v", events, sessions)
	}
	for _, want := range []int64{1, 0} {
		must(t, f.db, func(tx *store.Tx) error {
			n, deliveries, err := tx.PruneEvents(project, events, f.before)
			if n != want || deliveries != want {
				t.Errorf("%d events, %d deliveries, want %d", n, deliveries, want)
			}
			return err
		})
		err := f.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.PruneSessions(project, sessions, f.before) })
		if (err == nil) != (want == 1) {
			t.Errorf("sessions: %v", err)
		}
		if n := f.counts(t); n != [3]int64{} {
			t.Errorf("totals %v", n)
		}
	}
}

// TestPruneAgainstResend: a delivery made after an event was found keeps the event; and of an event that is gone there is
// none to be made.
func TestPruneAgainstResend(t *testing.T) {
	t.Parallel()
	f := newShelf(t)
	project, found := f.session.ProjectID, f.events(t)
	again := *f.delivery
	again.ID, again.Status, again.FinishedAt = seed().DeliveryID(1, noon), checkout.DeliveryPending, time.Time{}
	must(t, f.db, func(tx *store.Tx) error {
		return errors.Join(tx.HoldEvent(project, f.event.ID), tx.InsertDelivery(&again))
	})
	prune := func(tx *store.Tx) error {
		_, _, err := tx.PruneEvents(project, found, f.before)
		return err
	}
	if err := f.db.Tx(t.Context(), prune); !errors.Is(err, store.ErrConflict) {
		t.Errorf("pruned: %v", err)
	}
	deliveries, err := f.db.DeliveriesOf(t.Context(), project, f.event.ID)
	if err != nil || len(deliveries) != 2 || f.counts(t)[2] != 1 || !f.events(t)[0].Held {
		t.Errorf("left: %d deliveries (%v), totals %v", len(deliveries), err, f.counts(t))
	}
	lease := store.Lease{Owner: "n", Until: noon.Add(time.Minute)}
	done := again
	done.Status, done.Attempts, done.FinishedAt = checkout.DeliveryDelivered, 1, f.before
	must(t, f.db, func(tx *store.Tx) error {
		return errors.Join(tx.LeaseDelivery(&again, lease), tx.RecordAttempt(&done, checkout.Attempt{Number: 1, At: noon}, lease))
	})
	if !f.events(t)[0].Held {
		t.Error("an event that was sent again a moment ago may go")
	}
	f.before = f.before.Add(time.Microsecond)
	found = f.events(t)
	must(t, f.db, prune)
	if attempts, err := f.db.Attempts(context.Background(), &done); err != nil || len(attempts) > 0 {
		t.Errorf("attempts: %v, %v", attempts, err)
	}
	if err := f.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.HoldEvent(project, f.event.ID) }); !errors.Is(err, store.ErrConflict) {
		t.Errorf("held, although it is gone: %v", err)
	}
}

// TestPruneManyKeys: more keys than a statement takes.
func TestPruneManyKeys(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	many := 700
	must(t, db, func(tx *store.Tx) error {
		for range many {
			if err := insert(session(project, noon))(tx); err != nil {
				return err
			}
			err := tx.InsertEvent(checkout.Event{ID: seed().EventID(0, noon), ProjectID: project, Type: checkout.EventTest, CreatedAt: noon, Body: []byte("{}")})
			if err != nil {
				return err
			}
		}
		return nil
	})
	list, err := db.OldEvents(t.Context(), project, noon.Add(1), "", many)
	if err != nil || len(list) != 0 {
		t.Errorf("of noon and before, a nanosecond later: %d (%v)", len(list), err)
	}
	list, err = db.OldEvents(t.Context(), project, noon.Add(time.Microsecond), "", many)
	if err != nil || len(list) != many {
		t.Fatalf("%d events are old: %v", len(list), err)
	}
	must(t, db, func(tx *store.Tx) error {
		n, _, err := tx.PruneEvents(project, list, noon.Add(time.Microsecond))
		if n != int64(many) {
			t.Errorf("%d are removed", n)
		}
		return err
	})
}
