package store_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sliproad/sliproad/internal/store"
)

// manyRows fills the tables with 40 000 rows of one project, and as many of others, from before the time that the tests
// live in. Few of them wait for anything.
const manyRows = `
insert into customers (project_id, id, external_id, created_at)
	select p, 'c' || i, 'x' || i, i from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into sessions (project_id, id, bucket, customer_id, external_customer_id, type, status, source_amount, source_currency,
	destination_currency, network, destination_address, redirect_url, country, country_source, metadata, field_locks, warnings,
	expires_at, created_at, updated_at, order_id, secret_key_id, version)
	select p, 'sess_' || i, 0, 'c' || i % 9000, '', (array['onramp', 'offramp'])[i % 2 + 1],
		(array['expired', 'completed', 'expired', 'cancelled', 'processing'])[i % 5 + 1], '', '', '', '', '', '', '', '', '', '', '',
		i + 1000, i, i, '', '', 1 from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into orders (project_id, id, bucket, session_id, type, status, gateway, external_order_id, fiat_amount, fiat_currency,
	crypto_currency, crypto_amount, network, wallet_address, email, customer_id, external_customer_id, redirect_url, country,
	transaction_hash, failure_reason, checkout_url, checkout_seconds, metadata, created_at, updated_at, completed_at, late_payment_at,
	late_crypto_amount, late_transaction_hash, prior_status, lease_owner, lease_until, version)
	select p, 'ord_' || i, 0, 'sess_' || i, 'buy', (array['completed', 'failed', 'created'])[i % 3 + 1], (array['sandbox', 'g2'])[i % 2 + 1], '',
		'', '', '', '', '', '', '', 'c' || i % 9000, '', '', '', '', '', '', 0, '', i, i, i, 0, '', '', '', '', 0, 1
		from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into events (project_id, id, bucket, type, session_id, order_id, created_at, body)
	select p, 'evt_' || lpad(i::text, 8, '0'), 0, 'x', 'sess_' || i, 'ord_' || i, i, '' from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into deliveries (project_id, id, bucket, webhook_id, event_id, event_type, order_id, status, attempts, due_at, created_at, finished_at, lease_owner, lease_until)
	select p, 'dlv_' || lpad(i::text, 8, '0'), 0, 'w', 'evt_' || lpad(i::text, 8, '0'), 'x', '', 'delivered', 1, i, i, i, '', 0
		from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into attempts (project_id, delivery_id, number, at, status_code, took, response, error)
	select p, 'dlv_' || lpad(i::text, 8, '0'), 1, i, 200, 1, '', '' from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into notifications (project_id, gateway, dedup_key, order_id, received_at, body)
	select p, 'g', 'k' || i, 'ord_' || i, i, '' from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into idempotency (project_id, key, fingerprint, seed, owner, lease_until, epoch, status, body, replays, created_at)
	select p, 'k' || i, '', '', '', 0, 1, 200, '', 0, 2000000000000000 + i from generate_series(1, 40000) i, unnest(array[$PROJECT, 'other-' || i % 500]) p;
insert into api_keys (hash, id, project_id, kind, hint, created_at, expires_at, revoked_at)
	select convert_to('h' || i, 'UTF8'), 'k' || i, 'other-' || i, 'secret', '', i, 0, 0 from generate_series(1, 20000) i;
insert into gateway_accounts (project_id, gateway, settings, enabled, updated_at, version)
	select 'other-' || i, 'g2', '', true, i, 1 from generate_series(1, 40) i;
insert into projects (id, name, mode, default_gateway, allowed_origins, strict_address, created_at)
	select 'other-' || i, '', 'test', '', '[]', false, i from generate_series(1, 20000) i;
`

// mostPages is what a statement may read of tables that have thousands of pages each. A page of a list may be a union of
// two, of which each row is a look into the table.
const mostPages = 300

// TestPostgresPlans: the cost of a read does not grow with the tables on PostgreSQL either, whether the plan knows the
// arguments or not.
func TestPostgresPlans(t *testing.T) {
	t.Parallel()
	onlyPostgres(t)
	var ran recorder
	url := newURL(t)
	db := openURL(t, url, store.Options{Trace: ran.trace})
	seedPlans(t, db)
	side, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = side.Close(context.Background()) }()
	for _, statement := range strings.Split(strings.ReplaceAll(manyRows, "$PROJECT", "'"+string(planProject)+"'"), ";\n") {
		if _, err := side.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if _, err := side.Exec(t.Context(), "vacuum analyze"); err != nil {
		t.Fatal(err)
	}
	for _, p := range reads() {
		ran.take()
		_ = p.call(t.Context(), db) // a single row may be absent
		for _, s := range ran.take() {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				pages, plan := explain(t, side, mode, s)
				if pages > mostPages {
					t.Errorf("%s reads %d pages with %s: %s\n%s", p.name, pages, mode, s.query, plan)
				}
			}
		}
	}
}

// explain runs the statement and takes it back, and tells how many pages it read.
func explain(t *testing.T, db *pgx.Conn, mode string, s statement) (pages int, plan string) {
	t.Helper()
	literals := make([]string, len(s.args))
	for i, arg := range s.args {
		switch v := arg.(type) {
		case string:
			literals[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case []byte:
			literals[i] = `'\x` + hex.EncodeToString(v) + "'"
		default:
			literals[i] = fmt.Sprint(v)
		}
	}
	execute := "execute p"
	if len(literals) > 0 {
		execute += " (" + strings.Join(literals, ", ") + ")"
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, statement := range []string{"set local plan_cache_mode = " + mode, "prepare p as " + s.query} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	defer func() { _, _ = db.Exec(context.Background(), "deallocate p") }() // outlives the transaction
	var text []byte
	if err := tx.QueryRow(t.Context(), "explain (analyze, buffers, format json) "+execute, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		t.Fatalf("%s: %v", s.query, err)
	}
	var told []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(text, &told); err != nil || len(told) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	return told[0].Plan.Hit + told[0].Plan.Read, string(text)
}
