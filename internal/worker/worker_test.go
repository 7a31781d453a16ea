package worker_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
	"github.com/sliproad/sliproad/internal/worker"
)

// flaky is a sandbox whose look-ups fail as long as it is down.
type flaky struct {
	*sandbox.Gateway
	mu   sync.Mutex
	down bool
}

func (f *flaky) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *flaky) FindCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return gateway.Checkout{}, errors.New("down")
	}
	return f.Gateway.FindCheckout(ctx, r)
}

// world is an app over a real database inside a bubble of synctest, where time passes when all have nothing to do. The database
// is SQLite: a bubble's clock stands still while something in it waits for the network. What the loops do on PostgreSQL, the
// black-box suites of internal/delivery and internal/contract see.
type world struct {
	app     *app.App
	gateway *flaky
	side    *sql.DB
	call    *checkout.Call // of the project's backend

	metrics   *prometheus.Registry
	retention app.Retention // set before the workers begin
}

// inBubble runs the test in a bubble, with the workers running, and stops them at its end.
func inBubble(t *testing.T, before, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		before(t, w)
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() {
			worker.Run(ctx, worker.Config{
				App: w.app, Client: egress.New(egress.PublicOnly, time.Second), Log: slog.New(slog.DiscardHandler), Metrics: w.metrics, Retention: w.retention,
			})
		})
		test(t, w)
		stop()
		work.Wait()
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{ReadConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	side, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	ring, err1 := vault.Parse(vault.Generate())
	countries, err2 := geoip.Open("")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	g := &flaky{Gateway: sandbox.New("http://127.0.0.1", ring)}
	w := &world{gateway: g, side: side, metrics: prometheus.NewRegistry(), app: app.New(app.Config{
		DB: db, Ring: ring, Countries: countries, Providers: gateway.Static(g), Sandbox: g.Gateway, PublicURL: "http://127.0.0.1",
	})}
	project, keys, err := w.app.CreateProject(t.Context(), checkout.Project{Name: "Test", Mode: checkout.ModeTest})
	if err != nil {
		t.Fatal(err)
	}
	w.call = &checkout.Call{Caller: checkout.Caller{Project: project, Key: keys[0].Key}}
	return w
}

// now is a new call of the project's backend.
func (w *world) now() *checkout.Call {
	call := w.app.NewCall(w.call.Address)
	call.Caller = w.call.Caller
	return call
}

func (w *world) session(t *testing.T, seconds int64) *app.NewSession {
	t.Helper()
	user, wallet := "user-1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	s, err := w.app.CreateSession(t.Context(), w.now(), &checkout.CreateSession{
		ExternalCustomerID: &user, DestinationAddress: &wallet, ExpiresInSeconds: &seconds,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) order(s *app.NewSession, email string) (*checkout.Order, error) {
	amount, _ := money.Parse("100")
	fiat, crypto, network := "USD", "ETH", "ethereum"
	return w.app.CreateOrder(context.Background(), w.now(), s.Session.ID, &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount, FiatCurrency: &fiat, CryptoCurrency: &crypto, Network: &network, Email: &email,
	})
}

// reserved leaves an order as a node leaves it that dies before it has the gateway's answer. The other node's lease runs
// on for an hour.
func (w *world) reserved(t *testing.T, s *app.NewSession, email string) checkout.OrderID {
	t.Helper()
	now := time.Now()
	var seed checkout.Seed
	_, _ = rand.Read(seed[:])
	amount, _ := money.Parse("100")
	row, err := w.app.DB.Session(t.Context(), s.Session.ProjectID, s.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	o := &checkout.Order{
		ID: seed.OrderID(now), ProjectID: row.ProjectID, SessionID: row.ID, Type: checkout.Buy, Status: checkout.OrderCreating,
		Gateway: sandbox.ID, FiatAmount: amount, FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", Email: email,
		CustomerID: row.CustomerID, CreatedAt: now, UpdatedAt: now, PriorStatus: row.Status, Version: 1,
	}
	was := row.Status
	row.Status = checkout.SessionProcessing
	err = w.app.DB.Tx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.UpdateSession(row, was), tx.ReserveOrder(o, store.Lease{Owner: "dead", Until: now.Add(time.Hour)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return o.ID
}

// recorded is the session's status as it is stored.
func (w *world) recorded(t *testing.T, s *app.NewSession) checkout.SessionStatus {
	t.Helper()
	row, err := w.app.DB.Session(t.Context(), s.Session.ProjectID, s.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	return row.Status
}

func (w *world) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := w.side.QueryRowContext(t.Context(), "select count(*) from "+query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) expiries(t *testing.T) int {
	t.Helper()
	return w.count(t, "events where type = 'session.expired'")
}

func nothing(*testing.T, *world) {}

// TestExpiry: the end of a session is recorded on time, with its event, once, however many end together; one with an order
// is left alone.
func TestExpiry(t *testing.T) {
	t.Parallel()
	var left, ordered *app.NewSession
	inBubble(t, func(t *testing.T, w *world) {
		t.Helper()
		left = w.session(t, 1) // from before the workers began
		ordered = w.session(t, 1)
		if _, err := w.order(ordered, "payer@example.com"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}, func(t *testing.T, w *world) {
		t.Helper()
		synctest.Wait()
		if got := w.recorded(t, left); got != checkout.SessionExpired || w.expiries(t) != 1 {
			t.Errorf("what had been left: %s, %d events", got, w.expiries(t))
		}
		time.Sleep(1234 * time.Millisecond)
		var many []*app.NewSession
		for range 5 {
			many = append(many, w.session(t, 3))
		}
		later := w.session(t, 4)
		time.Sleep(3*time.Second - time.Microsecond)
		synctest.Wait()
		if got := w.recorded(t, many[0]); got != checkout.SessionPending {
			t.Errorf("a microsecond before its end: %s", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		for _, s := range many {
			if got := w.recorded(t, s); got != checkout.SessionExpired {
				t.Errorf("a millisecond after its end: %s", got)
			}
		}
		if got := w.recorded(t, later); got != checkout.SessionPending {
			t.Errorf("another, with a second left: %s", got)
		}
		short := w.session(t, 1) // shorter than the worker's sleep
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := w.recorded(t, short); got != checkout.SessionExpired {
			t.Errorf("a session of one second, a second after its end: %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := w.recorded(t, ordered); got != checkout.SessionProcessing || w.expiries(t) != 8 {
			t.Errorf("at last: the ordered one is %s, and there are %d events of expiry, want 8", got, w.expiries(t))
		}
	})
}

// TestRecovery: what a dead node left is resolved within a second, by what the gateway knows: the order is recorded, or the
// session is given back as it was.
func TestRecovery(t *testing.T) {
	t.Parallel()
	inBubble(t, nothing, func(t *testing.T, w *world) {
		t.Helper()
		found, lost, confirmed := w.session(t, 600), w.session(t, 600), w.session(t, 600)
		if _, err := w.app.ConfirmSession(t.Context(), w.now(), confirmed.Session.ID, &checkout.ConfirmSession{ClientSecret: &confirmed.ClientSecret}); err != nil {
			t.Fatal(err)
		}
		made := w.reserved(t, found, "payer@example.com")
		none := w.reserved(t, lost, sandbox.EmailLost)
		noneEither := w.reserved(t, confirmed, strings.ToUpper(sandbox.EmailLost))
		time.Sleep(time.Second)
		synctest.Wait()
		o, err := w.app.GetOrder(t.Context(), w.now(), made)
		if err != nil || o.Status != checkout.OrderCreated || o.CheckoutURL == "" {
			t.Errorf("the order that the gateway knows: %+v, %v", o, err)
		}
		if s, _ := w.app.GetSession(t.Context(), w.now(), found.Session.ID); s.OrderID != made || s.Status != checkout.SessionProcessing {
			t.Errorf("its session: %+v", s)
		}
		for id, s := range map[checkout.OrderID]*app.NewSession{none: lost, noneEither: confirmed} {
			if _, err := w.app.GetOrder(t.Context(), w.now(), id); checkout.CodeOf(err) != checkout.CodeNotFound {
				t.Errorf("the order that the gateway does not know: %v", err)
			}
			want := checkout.SessionPending
			if s == confirmed {
				want = checkout.SessionConfirmed
			}
			if got := w.recorded(t, s); got != want {
				t.Errorf("the session is %s, want %s again", got, want)
			}
			if _, err := w.order(s, "payer@example.com"); err != nil {
				t.Errorf("an order after all: %v", err)
			}
		}
		if n := w.count(t, "events where type = 'transaction.pending'"); n != 3 {
			t.Errorf("%d orders were told, want 3", n)
		}
	})
}

// TestRecoveryWaits: a gateway that is down is asked again when the lease lapses, and the session stays taken until then.
func TestRecoveryWaits(t *testing.T) {
	t.Parallel()
	inBubble(t, func(_ *testing.T, w *world) { w.gateway.set(true) }, func(t *testing.T, w *world) {
		t.Helper()
		s := w.session(t, 600)
		id := w.reserved(t, s, "payer@example.com")
		time.Sleep(20 * time.Second)
		w.gateway.set(false)
		if _, err := w.order(s, "payer@example.com"); checkout.CodeOf(err) != checkout.CodeSessionAlreadyUsed {
			t.Errorf("a second order while the first is in doubt: %v", err)
		}
		if _, err := w.app.GetOrder(t.Context(), w.now(), id); checkout.CodeOf(err) != checkout.CodeNotFound {
			t.Errorf("an order in doubt is shown: %v", err)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if o, err := w.app.GetOrder(t.Context(), w.now(), id); err != nil || o.Status != checkout.OrderCreated {
			t.Errorf("after the lease: %+v, %v", o, err)
		}
	})
}

// TestRecoveryLeavesTheLiving: an order whose own node still waits for the gateway is not taken from it.
func TestRecoveryLeavesTheLiving(t *testing.T) {
	t.Parallel()
	inBubble(t, nothing, func(t *testing.T, w *world) {
		t.Helper()
		s := w.session(t, 1) // ends while the gateway is asked
		began := time.Now()
		o, err := w.order(s, sandbox.EmailSlow)
		if err != nil || o.Status != checkout.OrderCreated || time.Since(began) < sandbox.SlowDelay {
			t.Errorf("after %v: %+v, %v", time.Since(began), o, err)
		}
		if n := w.count(t, "orders"); n != 1 || w.expiries(t) != 0 {
			t.Errorf("%d orders, %d expiries", n, w.expiries(t))
		}
	})
}

// TestPrune: records of idempotency go when their window is over, all of them.
func TestPrune(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		t.Helper()
		for i := range 1201 {
			key := string(rune('a'+i%26)) + time.Duration(i).String()
			if _, _, err := w.app.BeginIdempotent(t.Context(), w.now(), key, [32]byte{}); err != nil {
				t.Fatal(err)
			}
			if i == 1199 {
				time.Sleep(time.Hour)
			}
		}
		time.Sleep(checkout.IdempotencyWindow - time.Minute)
	}, func(t *testing.T, w *world) {
		t.Helper()
		synctest.Wait()
		if n := w.count(t, "idempotency"); n != 1 {
			t.Errorf("%d records are left, want 1", n)
		}
	})
}
