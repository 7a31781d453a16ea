package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// model is what the lists must say, kept the simplest way: every row, in memory, filtered and sorted at each question.
type model struct {
	db        *store.DB
	project   checkout.ProjectID
	customers []store.Customer // the last has no external id
	now       time.Time
	sessions  []*checkout.Session
	orders    []*checkout.Order
	gateways  []string
}

func newModel(t *testing.T, db *store.DB) *model {
	t.Helper()
	m := &model{db: db, project: newProject(), now: noon, gateways: []string{"sandbox", "other"}}
	for _, external := range []string{"ann", "bob", ""} {
		m.customers = append(m.customers, store.Customer{ID: newCustomer(), ExternalID: external})
	}
	must(t, db, func(tx *store.Tx) error {
		for _, c := range m.customers[:2] {
			if _, err := tx.EnsureCustomer(m.project, c.ExternalID, c.ID, noon); err != nil {
				return err
			}
		}
		return nil
	})
	return m
}

var errUndone = errors.New("undone on purpose")

// write runs the function in a transaction that, now and then, fails at its end: then nothing may have happened.
func (m *model) write(r *rapid.T, fn func(*store.Tx) error) (happened bool) {
	fails := rapid.IntRange(0, 9).Draw(r, "fails") == 0
	err := m.db.Tx(context.Background(), func(tx *store.Tx) error {
		if err := fn(tx); err != nil || !fails {
			return err
		}
		return errUndone
	})
	if fails != errors.Is(err, errUndone) || (!fails && err != nil) {
		r.Fatalf("write: %v", err)
	}
	return !fails
}

func (m *model) insertSessions(r *rapid.T) {
	var made []*checkout.Session
	for range rapid.IntRange(1, 4).Draw(r, "n") {
		// Few instants, so that many rows tie and the id decides.
		s := session(m.project, noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(r, "created"))*time.Second))
		s.Type = rapid.SampledFrom([]checkout.SessionType{checkout.Onramp, checkout.Offramp}).Draw(r, "type")
		c := rapid.SampledFrom(m.customers).Draw(r, "customer")
		s.CustomerID, s.ExternalCustomerID = c.ID, c.ExternalID
		s.ExpiresAt = s.CreatedAt.Add(time.Duration(rapid.IntRange(1, 20).Draw(r, "ttl")) * time.Second)
		made = append(made, s)
	}
	twice := false // as the run tells that is kept: one before it may have presumed too much
	if m.write(r, func(tx *store.Tx) error {
		twice = false
		for _, s := range made {
			if fresh, err := tx.InsertSession(s); err != nil || !fresh {
				return fmt.Errorf("fresh %v: %w", fresh, err)
			}
			fresh, err := tx.InsertSession(s)
			if err != nil {
				return err
			}
			twice = twice || fresh
		}
		return nil
	}) {
		if twice {
			r.Fatal("a session was inserted twice")
		}
		m.sessions = append(m.sessions, made...)
	}
}

// moveSession takes one session along some arrow of its state machine.
func (m *model) moveSession(r *rapid.T) {
	if len(m.sessions) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.sessions)-1).Draw(r, "which")
	moved := *m.sessions[i]
	was := moved.Status
	moved.Status = rapid.SampledFrom(checkout.SessionStatuses).Draw(r, "to")
	if m.write(r, func(tx *store.Tx) error {
		if err := tx.UpdateSession(&moved, was); err != nil {
			return err
		}
		if err := tx.UpdateSession(&moved, was); !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("an update of an old version: %w", err)
		}
		return nil
	}) {
		moved.Version = m.sessionVersion(r, moved.ID)
		m.sessions[i] = &moved
	}
}

// sessionVersion is the version that the last update has drawn by lot.
func (m *model) sessionVersion(r *rapid.T, id checkout.SessionID) int64 {
	s, err := m.db.Session(context.Background(), m.project, id)
	if err != nil {
		r.Fatal(err)
	}
	return s.Version
}

// sweep records what is overdue, as the worker does.
func (m *model) sweep(r *rapid.T) {
	overdue, err := m.db.OverdueSessions(context.Background(), m.now, 1000)
	if err != nil {
		r.Fatal(err)
	}
	for _, s := range overdue {
		if s.ProjectID != m.project {
			continue // another check's
		}
		i := slices.IndexFunc(m.sessions, func(have *checkout.Session) bool { return have.ID == s.ID })
		if i < 0 || m.sessions[i].StatusAt(m.now) != checkout.SessionExpired || !m.sessions[i].Status.Open() {
			r.Fatalf("%s is not overdue", s.ID)
		}
		was := s.Status
		s.Status = checkout.SessionExpired
		if m.write(r, func(tx *store.Tx) error { return tx.UpdateSession(s, was) }) {
			s.Version = m.sessionVersion(r, s.ID)
			m.sessions[i] = s
		}
	}
}

// reserve begins an order for a session that has none.
func (m *model) reserve(r *rapid.T) {
	if len(m.sessions) == 0 {
		return
	}
	s := rapid.SampledFrom(m.sessions).Draw(r, "of")
	o := orderOf(s, noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(r, "created"))*time.Second))
	o.Gateway = rapid.SampledFrom(m.gateways).Draw(r, "gateway")
	o.ExternalCustomerID = s.ExternalCustomerID
	if slices.ContainsFunc(m.orders, func(have *checkout.Order) bool { return have.SessionID == s.ID }) {
		err := m.db.Tx(context.Background(), func(tx *store.Tx) error { return tx.ReserveOrder(o, store.Lease{}) })
		if !errors.Is(err, store.ErrConflict) {
			r.Fatalf("a second order of one session: %v", err)
		}
		return
	}
	if m.write(r, func(tx *store.Tx) error { return tx.ReserveOrder(o, store.Lease{}) }) {
		m.orders = append(m.orders, o)
	}
}

// moveOrder records, moves or drops an order.
func (m *model) moveOrder(r *rapid.T) {
	if len(m.orders) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.orders)-1).Draw(r, "which")
	moved := *m.orders[i]
	if rapid.IntRange(0, 3).Draw(r, "drop") == 0 {
		err := m.db.Tx(context.Background(), func(tx *store.Tx) error { return tx.DropReservation(&moved) })
		switch {
		case (err == nil) != (moved.Status == checkout.OrderCreating):
			r.Fatalf("drop of one %s: %v", moved.Status, err)
		case err == nil:
			m.orders = slices.Delete(m.orders, i, i+1)
		}
		return
	}
	was := moved.Status
	moved.Status = rapid.SampledFrom(checkout.OrderStatusTable).Draw(r, "to").Status
	if m.write(r, func(tx *store.Tx) error { return tx.UpdateOrder(&moved, was) }) {
		fresh, err := m.db.Order(context.Background(), m.project, moved.ID)
		if err != nil {
			r.Fatal(err)
		}
		moved.Version = fresh.Version // which an update draws by lot
		m.orders[i] = &moved
	}
}

func newestFirst[T any](rows []T, key func(T) checkout.Cursor) []string {
	slices.SortFunc(rows, func(a, b T) int {
		return cmp.Or(key(b).CreatedAt.Compare(key(a).CreatedAt), cmp.Compare(key(b).ID, key(a).ID))
	})
	ids := []string{}
	for _, row := range rows {
		ids = append(ids, key(row).ID)
	}
	return ids
}

func keyOfSession(s *checkout.Session) checkout.Cursor {
	return checkout.Cursor{CreatedAt: s.CreatedAt, ID: string(s.ID)}
}

func keyOfOrder(o *checkout.Order) checkout.Cursor {
	return checkout.Cursor{CreatedAt: o.CreatedAt, ID: string(o.ID)}
}

// passes tells whether the customer passes a filter by id, by external id, or both.
func (m *model) passes(id, want checkout.CustomerID, external string) bool {
	if want != "" && want != id {
		return false
	}
	return external == "" || slices.ContainsFunc(m.customers, func(c store.Customer) bool { return c.ID == id && c.ExternalID == external })
}

func (m *model) wantSessions(f checkout.SessionFilter) []string {
	var rows []*checkout.Session
	for _, s := range m.sessions {
		if m.passes(s.CustomerID, f.CustomerID, f.ExternalCustomerID) &&
			(f.Status == "" || s.StatusAt(m.now) == f.Status) && (f.Type == "" || s.Type == f.Type) &&
			(f.CreatedAfter.IsZero() || !s.CreatedAt.Before(f.CreatedAfter)) &&
			(f.CreatedBefore.IsZero() || s.CreatedAt.Before(f.CreatedBefore)) {
			rows = append(rows, s)
		}
	}
	return newestFirst(rows, keyOfSession)
}

func (m *model) wantOrders(f checkout.OrderFilter) []string {
	var rows []*checkout.Order
	for _, o := range m.orders {
		if o.Status != checkout.OrderCreating && m.passes(o.CustomerID, f.CustomerID, f.ExternalCustomerID) &&
			(f.Status == "" || o.Status == f.Status) && (f.Gateway == "" || o.Gateway == f.Gateway) &&
			(f.SessionID == "" || o.SessionID == f.SessionID) {
			rows = append(rows, o)
		}
	}
	return newestFirst(rows, keyOfOrder)
}

// walk reads a whole list, by page numbers or by cursors, and holds it, with every total, to what is wanted.
func walk[T any](r *rapid.T, what any, want []string, size int, byCursor bool, key func(T) checkout.Cursor, read func(checkout.Page) (checkout.List[T], error)) {
	got := []string{}
	p := checkout.Page{Number: 1, Size: size}
	for range len(want) + 3 {
		list, err := read(p)
		if err != nil {
			r.Fatalf("%+v: %v", what, err)
		}
		if list.Total != int64(len(want)) {
			r.Fatalf("%+v, page %+v: total %d, want %d", what, p, list.Total, len(want))
		}
		if full := len(list.Rows) == size; len(list.Rows) > size || (list.Next != nil && !full) {
			r.Fatalf("%+v, page %+v: %d rows of %d, next %v", what, p, len(list.Rows), size, list.Next)
		}
		for _, row := range list.Rows {
			got = append(got, key(row).ID)
		}
		if done := len(got) >= len(want); done != (list.Next == nil) {
			r.Fatalf("%+v, page %+v: %d rows of %d so far, next %v", what, p, len(got), len(want), list.Next)
		}
		if byCursor && list.Next == nil || !byCursor && len(list.Rows) == 0 {
			break
		}
		if p.Number++; byCursor {
			p.Number, p.After = 1, list.Next
		}
	}
	if !slices.Equal(got, want) {
		r.Fatalf("%+v, by cursor %v, size %d:\n got %v\nwant %v", what, byCursor, size, got, want)
	}
}

// ask draws a filter and compares the database's answer with the model's.
func (m *model) ask(r *rapid.T) {
	size := rapid.IntRange(1, 7).Draw(r, "size")
	byCursor := rapid.Bool().Draw(r, "by cursor")
	var customer checkout.CustomerID
	external := rapid.SampledFrom([]string{"", "", "", "ann", "bob", "nobody"}).Draw(r, "external")
	if rapid.IntRange(0, 2).Draw(r, "by customer") == 0 {
		customer = rapid.SampledFrom(m.customers).Draw(r, "customer").ID
	}
	if rapid.Bool().Draw(r, "orders") {
		f := checkout.OrderFilter{CustomerID: customer, ExternalCustomerID: external}
		f.Gateway = rapid.SampledFrom(append([]string{"", "none"}, m.gateways...)).Draw(r, "gateway")
		if i := rapid.IntRange(0, 2*len(checkout.OrderStatusTable)).Draw(r, "status"); i < len(checkout.OrderStatusTable) {
			f.Status = checkout.OrderStatusTable[i].Status
		}
		if len(m.sessions) > 0 && rapid.IntRange(0, 4).Draw(r, "by session") == 0 {
			f.SessionID = rapid.SampledFrom(m.sessions).Draw(r, "session").ID
		}
		walk(r, f, m.wantOrders(f), size, byCursor, keyOfOrder, func(p checkout.Page) (checkout.List[*checkout.Order], error) {
			return m.db.Orders(context.Background(), m.project, f, p)
		})
		return
	}
	f := checkout.SessionFilter{CustomerID: customer, ExternalCustomerID: external}
	f.Type = rapid.SampledFrom([]checkout.SessionType{"", "", checkout.Onramp, checkout.Offramp}).Draw(r, "type")
	f.Status = rapid.SampledFrom(append([]checkout.SessionStatus{"", ""}, checkout.SessionStatuses...)).Draw(r, "status")
	for _, bound := range []*time.Time{&f.CreatedAfter, &f.CreatedBefore} {
		if n := rapid.IntRange(-12, 6).Draw(r, "bound"); n >= 0 {
			*bound = noon.Add(time.Duration(n) * time.Second)
		}
	}
	walk(r, f, m.wantSessions(f), size, byCursor, keyOfSession, func(p checkout.Page) (checkout.List[*checkout.Session], error) {
		return m.db.Sessions(context.Background(), m.project, f, p, m.now)
	})
}

// TestListsAgainstModel: after any history, every list has exactly its rows in their order, and its exact total, however
// it is walked; and a transaction that failed has left no trace, in the totals either.
func TestListsAgainstModel(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	rapid.Check(t, func(r *rapid.T) {
		m := newModel(t, db)
		m.insertSessions(r)
		r.Repeat(map[string]func(*rapid.T){
			"insert sessions": m.insertSessions,
			"insert more":     m.insertSessions,
			"move a session":  m.moveSession,
			"sweep":           m.sweep,
			"reserve":         m.reserve,
			"move an order":   m.moveOrder,
			"time passes": func(r *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 8).Draw(r, "seconds")) * time.Second)
			},
			"": m.ask,
		})
	})
}

// TestCursorWalkWhileRowsCome: rows that come during a walk by cursor neither repeat nor hide one that was there.
func TestCursorWalkWhileRowsCome(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	want := []*checkout.Session{}
	add := func(at time.Time) *checkout.Session {
		s := session(project, at)
		must(t, db, insert(s))
		return s
	}
	for i := range 30 {
		want = append(want, add(noon.Add(time.Duration(i/4)*time.Second)))
	}
	var got []string
	p := checkout.Page{Number: 1, Size: 4}
	for {
		list, err := db.Sessions(t.Context(), project, checkout.SessionFilter{}, p, noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list.Rows {
			got = append(got, string(s.ID))
		}
		if p.After = list.Next; p.After == nil {
			break
		}
		add(noon.Add(time.Minute))
	}
	if ids := newestFirst(want, keyOfSession); !slices.Equal(got, ids) {
		t.Errorf("got %v\nwant %v", got, ids)
	}
}
