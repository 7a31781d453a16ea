package contract_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"

	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// grown are the tables that every kind of later migration is tried on.
var grown = []string{
	"projects", "api_keys", "customers", "sessions", "orders", "events", "idempotency", "notifications", "webhooks", "deliveries",
	"attempts", "counts", "writers", "brands", "gateway_accounts", "gateway_tokens", "gateway_catalogues", "routing_rules",
}

// nextSchema is what a later version's migrations may do: each statement adds, and stands for itself.
func nextSchema() (statements []string) {
	for _, table := range grown {
		statements = append(statements,
			"alter table "+table+" add column next_text text not null default ''",
			"alter table "+table+" add column next_number bigint",
		)
	}
	index := "create index "
	if sliproadtest.OnPostgres() {
		index += "concurrently "
	}
	return append(
		statements, "create table next_things (project_id text not null, id text not null, primary key (project_id, id))",
		index+"next_sessions on sessions (project_id, updated_at)",
		index+"next_orders on orders (project_id, next_number) where next_number is not null",
		"insert into goose_db_version (version_id, is_applied) select max(version_id) + 1, true from goose_db_version",
	)
}

// TestNextSchema: this version serves while the next version's migration runs beside it, and after it, and starts again on the
// schema that it left (version N runs on schema N and N+1).
func TestNextSchema(t *testing.T) {
	t.Parallel()
	s := launch(t)
	_, before := s.ordered(t, nil)
	stop := make(chan struct{})
	var load sync.WaitGroup
	rounds := make(chan struct{}, 1<<16)
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					wholeLife(t, s)
					rounds <- struct{}{}
				}
			}
		})
	}
	await := func(n int) {
		timer := time.NewTimer(time.Minute)
		defer timer.Stop()
		for range n {
			select {
			case <-rounds:
			case <-timer.C:
				t.Error("the load stands still")
				return
			}
		}
	}
	await(1)
	migrateOn(t, s.DatabaseURL())
	await(8)
	close(stop)
	load.Wait()
	s.Restart()
	s.project = s.announced(t)
	wholeLife(t, s)
	if got := text(s.readOrder(t, before)["status"]); got == "" {
		t.Errorf("the order of before has no status")
	}
	if out := s.Command("migrate", "status"); out.Code != 0 {
		t.Errorf("migrate status: %+v", out)
	}
}

// wholeLife takes a session through its life.
func wholeLife(t *testing.T, s *server) {
	t.Helper()
	one, order := s.ordered(t, nil)
	s.simulate(t, order, "completed").ok(t, 200)
	one.await(t, "completed")
	two := s.session(t, nil)
	two.confirm(t, nil).ok(t, 200)
	two.cancel(t).ok(t, 200)
	if items, _ := s.list(t, "/v1/sessions", "status", "completed"); len(items) == 0 {
		t.Error("no completed session is listed")
	}
	if items, _ := s.list(t, "/v1/events", "type", "transaction.completed"); len(items) == 0 {
		t.Error("no event of a completed order is listed")
	}
}

// migrateOn runs the next schema's statements on the database that a server is using.
func migrateOn(t *testing.T, url string) {
	t.Helper()
	driver := "pgx"
	if path, found := strings.CutPrefix(url, "sqlite:"); found {
		driver, url = "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, statement := range nextSchema() {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
