package store_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// plan asks the engine how it would run a statement.
func plan(t *testing.T, db *sql.DB, s statement) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "explain query plan "+s.query, s.args...)
	if err != nil {
		t.Fatalf("%s: %v", s.query, err)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// planned is a call of the store and the index that has to serve each of its statements, in order. A list counts first and
// then reads its page.
type planned struct {
	name    string
	call    func(ctx context.Context, db *store.DB) error
	indexes []string
	sorts   bool // a union of two short lists is sorted: at most two pages' rows
}

func sessionsPlan(name string, f checkout.SessionFilter, after bool, indexes ...string) planned {
	return planned{name: "sessions " + name, indexes: indexes, sorts: strings.Contains(indexes[len(indexes)-1], " "), call: func(ctx context.Context, db *store.DB) error {
		_, err := db.Sessions(ctx, planProject, f, planPage(after), noon.Add(time.Minute))
		return err
	}}
}

func ordersPlan(name string, f checkout.OrderFilter, after bool, indexes ...string) planned {
	return planned{name: "orders " + name, indexes: indexes, call: func(ctx context.Context, db *store.DB) error {
		_, err := db.Orders(ctx, planProject, f, planPage(after))
		return err
	}}
}

func planPage(after bool) checkout.Page {
	p := checkout.Page{Number: 1, Size: 25}
	if after {
		p.After = &checkout.Cursor{CreatedAt: noon.Add(time.Hour), ID: "z"}
	}
	return p
}

const (
	planProject  = checkout.ProjectID("7b0f6c1e-3d1c-4f0e-9f57-2f9a1a4f6f10")
	planCustomer = checkout.CustomerID("2c1d7e54-8a44-4f43-8a0c-1f6a5b7d9e02")
	totals       = "sqlite_autoindex_counts_1"
	bySessionID  = "sqlite_autoindex_sessions_1"
	byOrderID    = "sqlite_autoindex_orders_1"
)

func reads() []planned {
	type sf = checkout.SessionFilter
	type of = checkout.OrderFilter
	byCustomer, byName := "sessions_by_customer", "customers_by_external_id"
	byType, byTypes := "sessions_by_type", "sessions_by_type sessions_by_type"
	list := []planned{
		sessionsPlan("first page", sf{}, false, totals, byTypes),
		sessionsPlan("cursor", sf{}, true, totals, byTypes),
		sessionsPlan("type", sf{Type: checkout.Onramp}, false, totals, byType),
		sessionsPlan("completed", sf{Status: checkout.SessionCompleted}, true, totals, "sessions_by_status"),
		sessionsPlan("pending", sf{Status: checkout.SessionPending}, true, totals, "sessions_open_by_expiry", "sessions_by_status"),
		sessionsPlan("expired", sf{Status: checkout.SessionExpired}, true, totals, "sessions_open_by_expiry", "sessions_by_status sessions_open_by_expiry"),
		sessionsPlan("customer", sf{CustomerID: planCustomer}, false, byCustomer, byCustomer),
		sessionsPlan("customer cursor", sf{CustomerID: planCustomer}, true, byCustomer, byCustomer),
		sessionsPlan("external customer", sf{ExternalCustomerID: "ann"}, true, byName, byCustomer, byCustomer),
		sessionsPlan("created after", sf{CreatedAfter: noon}, true, byType, byType, byTypes),
		sessionsPlan("created between", sf{CreatedAfter: noon, CreatedBefore: noon.Add(time.Hour)}, false, byType, byType, byTypes),
		sessionsPlan("completed after", sf{Status: checkout.SessionCompleted, CreatedAfter: noon}, false, "sessions_by_status", "sessions_by_status"),
		sessionsPlan("customer's completed", sf{CustomerID: planCustomer, Status: checkout.SessionCompleted}, true, byCustomer, byCustomer),
		ordersPlan("first page", of{}, false, totals, "orders_by_created"),
		ordersPlan("cursor", of{}, true, totals, "orders_by_created"),
		ordersPlan("gateway", of{Gateway: "sandbox"}, true, totals, "orders_by_gateway"),
		ordersPlan("completed", of{Status: checkout.OrderCompleted}, true, totals, "orders_by_status"),
		ordersPlan("session", of{SessionID: "sess_0"}, false, "orders_by_session", "orders_by_session"),
		ordersPlan("customer", of{CustomerID: planCustomer}, true, "orders_by_customer", "orders_by_customer"),
		ordersPlan("external customer", of{ExternalCustomerID: "ann"}, true, byName, "orders_by_customer", "orders_by_customer"),
	}
	one := func(name, index string, call func(context.Context, *store.DB) error) {
		list = append(list, planned{name: name, indexes: []string{index}, call: call})
	}
	one("session", bySessionID, func(ctx context.Context, db *store.DB) error {
		_, err := db.Session(ctx, planProject, "sess_0")
		return err
	})
	one("order", byOrderID, func(ctx context.Context, db *store.DB) error {
		_, err := db.Order(ctx, planProject, "ord_0")
		return err
	})
	one("overdue", "sessions_open_by_expiry", func(ctx context.Context, db *store.DB) error {
		_, err := db.OverdueSessions(ctx, noon, 200)
		return err
	})
	one("next expiry", "sessions_open_by_expiry", func(ctx context.Context, db *store.DB) error { _, err := db.NextExpiry(ctx); return err })
	one("reservations", "orders_creating", func(ctx context.Context, db *store.DB) error {
		_, err := db.StaleReservations(ctx, noon, "me", true, 100)
		return err
	})
	one("orders to ask", "orders_asked", func(ctx context.Context, db *store.DB) error {
		_, err := db.OrdersToAsk(ctx, planProject, "g", noon, 20)
		return err
	})
	one("accounts to ask", "sqlite_autoindex_gateway_accounts_1 orders_asked", func(ctx context.Context, db *store.DB) error {
		_, err := db.AccountsToAsk(ctx, noon)
		return err
	})
	one("tokens", "sqlite_autoindex_gateway_tokens_1", func(ctx context.Context, db *store.DB) error {
		_, err := db.GatewayTokens(ctx, planProject, "g", "n")
		return err
	})
	one("accounts", "sqlite_autoindex_gateway_accounts_1 sqlite_autoindex_gateway_catalogues_1", func(ctx context.Context, db *store.DB) error {
		_, err := db.GatewayAccounts(ctx, planProject)
		return err
	})
	one("key by hash", "sqlite_autoindex_api_keys_1", func(ctx context.Context, db *store.DB) error { _, err := db.KeyByHash(ctx, [32]byte{}); return err })
	one("project", "sqlite_autoindex_projects_1", func(ctx context.Context, db *store.DB) error { _, err := db.Project(ctx, planProject); return err })
	one("customer", "sqlite_autoindex_customers_1", func(ctx context.Context, db *store.DB) error {
		_, err := db.Customer(ctx, planProject, planCustomer)
		return err
	})
	return append(list, prunes()...)
}

// prunes are what retention reads, and what it removes by key.
func prunes() []planned {
	const byEventID, byNotification = "sqlite_autoindex_events_1", "sqlite_autoindex_notifications_1"
	old := noon.Add(time.Hour)
	tx := func(fn func(*store.Tx) error) func(context.Context, *store.DB) error {
		return func(ctx context.Context, db *store.DB) error { return db.Tx(ctx, fn) }
	}
	sessions := []*store.OldSession{{ID: "sess_none", Type: "onramp", Status: "completed", Order: "ord_none", Gateway: "g", OrderStatus: "completed"}}
	return []planned{
		{name: "old events", indexes: []string{byEventID, "deliveries_by_event"}, call: func(ctx context.Context, db *store.DB) error {
			_, err := db.OldEvents(ctx, planProject, old, "evt_", 10)
			return err
		}},
		{name: "old sessions", indexes: []string{"sessions_by_status orders_by_session"}, call: func(ctx context.Context, db *store.DB) error {
			_, err := db.OldSessions(ctx, planProject, checkout.SessionCompleted, old, checkout.Cursor{}, 10)
			return err
		}},
		{name: "old notifications", indexes: []string{"notifications_by_age " + byOrderID}, call: func(ctx context.Context, db *store.DB) error {
			_, err := db.OldNotifications(ctx, planProject, old, store.OldNotification{}, 10)
			return err
		}},
		{name: "stale idempotency", indexes: []string{"idempotency_by_age"}, call: func(ctx context.Context, db *store.DB) error {
			_, err := db.StaleIdempotent(ctx, old, 10)
			return err
		}},
		{name: "prune events", indexes: []string{byEventID, "deliveries_by_event", "sqlite_autoindex_attempts_1", "deliveries_by_event"}, call: tx(func(tx *store.Tx) error {
			_, _, err := tx.PruneEvents(planProject, []*store.OldEvent{{ID: "evt_none", Type: "x", Deliveries: []checkout.DeliveryID{"dlv_none"}}}, old)
			return err
		})},
		{name: "prune orders", indexes: []string{byOrderID}, call: tx(func(tx *store.Tx) error { return tx.PruneSessions(planProject, sessions, old) })},
		{name: "prune sessions", indexes: []string{bySessionID}, call: tx(func(tx *store.Tx) error {
			return tx.PruneSessions(planProject, []*store.OldSession{{ID: "sess_none", Type: "onramp", Status: "completed"}}, old)
		})},
		{name: "prune notifications", indexes: []string{byNotification, byNotification}, call: tx(func(tx *store.Tx) error {
			_, _, err := tx.PruneNotifications(planProject, []store.OldNotification{{Gateway: "g", DedupKey: "a", OrderGone: true}, {Gateway: "g", DedupKey: "b"}}, old)
			return err
		})},
		{name: "prune idempotency", indexes: []string{"sqlite_autoindex_idempotency_1"}, call: tx(func(tx *store.Tx) error {
			_, err := tx.PruneIdempotent(planProject, []string{"k"}, old)
			return err
		})},
	}
}

// seedPlans makes a row for each list, so that none is cut short by a total of zero.
func seedPlans(t *testing.T, db *store.DB) {
	t.Helper()
	must(t, db, func(tx *store.Tx) error {
		if _, err := tx.EnsureCustomer(planProject, "ann", planCustomer, noon); err != nil {
			return err
		}
		for _, status := range []checkout.SessionStatus{checkout.SessionPending, checkout.SessionCompleted, checkout.SessionExpired} {
			s := session(planProject, noon)
			s.CustomerID, s.Status = planCustomer, status
			if _, err := tx.InsertSession(s); err != nil {
				return err
			}
			o := orderOf(s, noon)
			if status == checkout.SessionPending {
				o.SessionID = "sess_0"
			}
			if err := tx.ReserveOrder(o, store.Lease{}); err != nil {
				return err
			}
			o.Status = checkout.OrderCompleted
			if err := tx.UpdateOrder(o, checkout.OrderCreating); err != nil {
				return err
			}
			if err := tx.InsertEvent(checkout.Event{ID: seed().EventID(0, noon), ProjectID: planProject, Type: "x", CreatedAt: noon, Body: []byte("{}")}); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestQueryPlans: the cost of a read does not grow with the tables, since each is a search in an index and none sorts what
// it finds, but for one union of two short lists.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	var ran recorder
	path := newPath(t)
	db := openAt(t, path, store.Options{Trace: ran.trace})
	seedPlans(t, db)
	side, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = side.Close() }()
	for _, p := range reads() {
		ran.take()
		_ = p.call(t.Context(), db) // a single row may be absent
		statements := ran.take()
		if len(statements) != len(p.indexes) {
			t.Errorf("%s: %d statements, want %d: %v", p.name, len(statements), len(p.indexes), statements)
			continue
		}
		for i, s := range statements {
			isPage := strings.Contains(s.query, "limit")
			checkPlan(t, p, p.indexes[i], plan(t, side, s), p.sorts && isPage)
		}
	}
}

func checkPlan(t *testing.T, p planned, indexes string, steps []string, sorts bool) {
	t.Helper()
	told := strings.Join(steps, "\n  ")
	var used []string
	for _, step := range steps {
		table, isScan := strings.CutPrefix(step, "SCAN ")
		index, found := usedIndex(step)
		switch {
		case isScan && found && p.name == "next expiry", isScan && found && p.name == "reservations", isScan && found && p.name == "accounts to ask": // the partial index is what waits, and no more
			used = append(used, index)
		case isScan && !(sorts && strings.HasPrefix(table, "(")) && !(sorts && (table == "a" || table == "rows")):
			t.Errorf("%s scans:\n  %s", p.name, told)
		case strings.Contains(step, "TEMP B-TREE") && !sorts:
			t.Errorf("%s sorts:\n  %s", p.name, told)
		case strings.HasPrefix(step, "SEARCH ") && !found:
			t.Errorf("%s searches without an index:\n  %s", p.name, told)
		case found:
			used = append(used, index)
		}
	}
	if got := strings.Join(used, " "); got != indexes {
		t.Errorf("%s uses %q, want %q:\n  %s", p.name, got, indexes, told)
	}
}

func usedIndex(step string) (string, bool) {
	_, rest, found := strings.Cut(step, "INDEX ")
	name, _, _ := strings.Cut(rest, " ")
	return name, found
}
