package store_test

import (
	"crypto/rand"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
)

// TestMain halves the histories that rapid tries, unless told otherwise: each step of one is a commit with its sync.
func TestMain(m *testing.M) {
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("50"); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	code := m.Run()
	onPostgres = true
	code = max(code, m.Run())
	pgtest.Stop()
	os.Exit(code)
}

// onPostgres has every test run a second time, on PostgreSQL.
var onPostgres bool

// onlySQLite skips a test of what SQLite alone has: files, and one writer.
func onlySQLite(t *testing.T) {
	t.Helper()
	if onPostgres {
		t.Skip("about SQLite")
	}
}

// noon is when the tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open makes a database with the whole schema, closed at the test's end.
func open(t *testing.T, opts store.Options) *store.DB {
	t.Helper()
	if onPostgres {
		return openURL(t, newURL(t), opts)
	}
	return openAt(t, newPath(t), opts)
}

// newURL is the URL of a database with the whole schema on PostgreSQL.
func newURL(t *testing.T) string {
	t.Helper()
	return pgtest.Template(t, "store", func(url string) error {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			return err
		}
		_, err = db.Migrate(t.Context())
		return errors.Join(err, db.Close())
	})
}

func newPath(t *testing.T) string {
	t.Helper()
	onlySQLite(t)
	return filepath.Join(t.TempDir(), "test.db")
}

func openAt(t *testing.T, path string, opts store.Options) *store.DB {
	t.Helper()
	return openURL(t, "sqlite:"+path, opts)
}

func openURL(t *testing.T, url string, opts store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func seed() (s checkout.Seed) {
	_, _ = rand.Read(s[:])
	return s
}

func newProject() checkout.ProjectID { return checkout.ProjectID(rand.Text()) }

func newCustomer() checkout.CustomerID { return checkout.CustomerID(rand.Text()) }

// must runs a transaction that has to succeed.
func must(tb testing.TB, db *store.DB, fn func(*store.Tx) error) {
	tb.Helper()
	if err := db.Tx(tb.Context(), fn); err != nil {
		tb.Fatal(err)
	}
}

func insert(s *checkout.Session) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.InsertSession(s)
		return err
	}
}

// amount parses digits that are known to be one.
func amount(digits string) money.Amount {
	a, err := money.Parse(digits)
	if err != nil {
		panic(err)
	}
	return a
}

// session is a pending one of half an hour.
func session(project checkout.ProjectID, at time.Time) *checkout.Session {
	s := seed()
	return &checkout.Session{
		ID: s.SessionID(at), ProjectID: project, CustomerID: newCustomer(), Type: checkout.Onramp, Status: checkout.SessionPending,
		CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(30 * time.Minute), Version: 1,
	}
}

// orderOf is the session's, in creation at the sandbox.
func orderOf(s *checkout.Session, at time.Time) *checkout.Order {
	return &checkout.Order{
		ID: seed().OrderID(at), ProjectID: s.ProjectID, SessionID: s.ID, CustomerID: s.CustomerID, Type: checkout.Buy,
		Status: checkout.OrderCreating, Gateway: "sandbox", FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH",
		Network: "ethereum", CreatedAt: at, UpdatedAt: at, PriorStatus: s.Status, Version: 1,
	}
}

// statement is one that the store ran.
type statement struct {
	query string
	args  []any
}

// recorder keeps the statements that a database runs.
type recorder struct {
	mu  sync.Mutex
	all []statement
}

func (r *recorder) trace(query string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, statement{query, args})
}

// take returns what was run since the last take.
func (r *recorder) take() []statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.all
	r.all = nil
	return taken
}
