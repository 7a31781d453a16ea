package httpapi_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/pgtest"
)

// odd is a gateway beside the sandbox that does whatever a test wants of it.
type odd struct {
	*sandbox.Gateway
	check  func(*checkout.Order) error
	create func(context.Context, gateway.Request) (gateway.Checkout, error)
	parse  func(gateway.Notification) ([]gateway.Update, error)
}

func (o *odd) Describe() gateway.Description {
	d := o.Gateway.Describe()
	d.ID = "odd"
	return d
}

func (o *odd) Check(order *checkout.Order) error {
	if o.check != nil {
		return o.check(order)
	}
	return o.Gateway.Check(order)
}

func (o *odd) CreateCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	if o.create != nil {
		return o.create(ctx, r)
	}
	return o.Gateway.CreateCheckout(ctx, r)
}

func (o *odd) ParseNotification(ctx context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if o.parse != nil {
		return o.parse(n)
	}
	return o.Gateway.ParseNotification(ctx, n)
}

// with adds the gateway to a world.
func with(o *odd) func(*parts) {
	return func(p *parts) {
		o.Gateway = p.app.Sandbox
		p.app.Providers = append(p.app.Providers, gateway.Static(o)...)
	}
}

func oddOrder(secret string) string {
	return strings.Replace(orderBody(secret, someone), "{", `{"gateway": "odd", `, 1)
}

// TestPanic: a panic in a handler is a 500 that tells nothing but a request id, by which the log tells all; the server
// lives, and the Idempotency-Key can be used again.
func TestPanic(t *testing.T) {
	t.Parallel()
	panics := true
	o := &odd{
		check: func(*checkout.Order) error {
			if panics {
				panic("the secret inside")
			}
			return nil
		},
		parse: func(n gateway.Notification) ([]gateway.Update, error) {
			return nil, errors.New(string(n.Body[len(n.Body)]))
		},
	}
	var log bytes.Buffer
	var mu sync.Mutex
	w := newWorld(t, with(o), func(p *parts) { p.api.Log = slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil)) })
	id, secret := w.session(t)
	order := func(header ...string) answer {
		return w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret), header...)
	}
	for name, a := range map[string]answer{
		"order":                  order(),
		"order with idempotency": order("Idempotency-Key", "k"),
		"notification":           w.post(t, "/gateways/odd/webhook/"+string(w.project), "", "{}"),
	} {
		a.want(t, 500, string(checkout.CodeInternal))
		requestID := a.header.Get("X-Request-Id")
		for _, inside := range []string{"secret inside", "runtime", ".go:", "index out of range"} {
			if strings.Contains(string(a.raw), inside) {
				t.Errorf("%s: the answer tells of the inside: %s", name, a.raw)
			}
		}
		mu.Lock()
		if told := log.String(); !strings.Contains(told, requestID) || !strings.Contains(told, "failure_test.go") {
			t.Errorf("%s: the log does not tell request id and stack:\n%s", name, told)
		}
		mu.Unlock()
	}
	panics = false
	first := order("Idempotency-Key", "k").want(t, 201)
	if again := order("Idempotency-Key", "k").want(t, 201); again.header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(again.raw, first.raw) {
		t.Errorf("replayed: %v\n%s\n%s", again.header, first.raw, again.raw)
	}
}

type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// TestPanicInsideGateway: a gateway that panics while it makes the checkout must not take the session with it.
func TestPanicInsideGateway(t *testing.T) {
	t.Parallel()
	panics := true
	o := &odd{}
	o.create = func(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
		if panics {
			panic("inside")
		}
		return o.Gateway.CreateCheckout(ctx, r)
	}
	w := newWorld(t, with(o))
	id, secret := w.session(t)
	if a := w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret)); a.status != 500 && a.status != 503 {
		t.Errorf("status %d, want 500 or 503", a.status)
	}
	panics = false
	w.pass(2 * time.Minute) // longer than any lease
	if _, err := w.app.RecoverOrders(t.Context()); err != nil {
		t.Error(err)
	}
	a := w.get(t, "/v1/sessions/"+id, w.sk).want(t, 200)
	if a.attr("status") == "pending" {
		w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret)).want(t, 201)
	} else if a.attr("orderId") == "" {
		t.Errorf("the session is neither usable nor has it an order: %s", a.raw)
	}
}

// TestGatewayUnavailable: a gateway that fails or is too slow leaves the session as it was, for another try.
func TestGatewayUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *parts) { p.app.GatewayTimeout = 50 * time.Millisecond })
	for _, confirmed := range []bool{false, true} {
		id, secret := w.session(t)
		session, status := "/v1/sessions/"+id, "pending"
		if confirmed {
			w.post(t, session+"/confirm", w.pk, orderBody(secret, "")).want(t, 200)
			status = "confirmed"
		}
		for _, email := range []string{sandbox.EmailUnavailable, sandbox.EmailSlow, sandbox.EmailLost} {
			a := w.post(t, session+"/order", w.pk, orderBody(secret, email), "Idempotency-Key", id+email).want(t, 503, string(checkout.CodeGatewayUnavailable))
			if a.header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", email)
			}
			if s := w.get(t, session, w.sk).want(t, 200); s.attr("status") != status || s.attr("orderId") != "" {
				t.Errorf("%s: the session is %s", email, s.raw)
			}
		}
		order := w.post(t, session+"/order", w.pk, orderBody(secret, someone), "Idempotency-Key", id).want(t, 201).attr("orderId")
		list := w.get(t, "/v1/orders?sessionId="+id, w.sk).want(t, 200)
		if !bytes.Contains(list.raw, []byte(`"total":1,`)) || !bytes.Contains(list.raw, []byte(order)) {
			t.Errorf("orders of the session: %s", list.raw)
		}
		w.post(t, session+"/order", w.pk, orderBody(secret, someone)).want(t, 409, string(checkout.CodeSessionAlreadyUsed))
	}
}

// TestRetryAfterFailure: the same request with the same key runs again after a 503, and only its success is replayed.
func TestRetryAfterFailure(t *testing.T) {
	t.Parallel()
	failures := 2
	o := &odd{}
	o.create = func(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
		if failures--; failures >= 0 {
			return gateway.Checkout{}, errors.New("no answer")
		}
		return o.Gateway.CreateCheckout(ctx, r)
	}
	w := newWorld(t, with(o))
	id, secret := w.session(t)
	order := func() answer {
		return w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret), "Idempotency-Key", "k")
	}
	for range 2 {
		order().want(t, 503, string(checkout.CodeGatewayUnavailable))
		w.pass(time.Second)
	}
	first := order().want(t, 201)
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first success is told to be a replay")
	}
	w.pass(checkout.IdempotencyWindow - 3*time.Second)
	if again := order().want(t, 201); again.header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(again.raw, first.raw) {
		t.Errorf("replayed %v\n%s\nwant\n%s", again.header, again.raw, first.raw)
	}
}

// TestDatabaseUnavailable: while another holds the database's write lock, writes end in 503, and reads go on; nothing is
// remembered of it afterwards.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	if pgtest.Second() {
		t.Skip("about SQLite: another program can't keep all of PostgreSQL locked")
	}
	const longest = 8 * time.Second // SQLite is given 5 s to get its lock
	for _, c := range []struct {
		name   string
		call   func(t *testing.T, w *world) answer
		within time.Duration
		after  int // status, once the lock is gone
	}{
		{"create", func(t *testing.T, w *world) answer {
			t.Helper()
			return w.post(t, "/v1/sessions", w.sk, `{"externalCustomerId": "u"}`, "Idempotency-Key", "k")
		}, longest, 201},
		{"readiness", func(t *testing.T, w *world) answer {
			t.Helper()
			return w.get(t, "/readyz", "")
		}, 4 * time.Second, 200}, // its deadline is 2 s
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id, _ := w.session(t)
			unlock := lockWrites(t, w.path())
			began := time.Now()
			a := c.call(t, w).want(t, 503, string(checkout.CodeDatabaseUnavailable))
			if took := time.Since(began); took > c.within {
				t.Errorf("it took %v, want at most %v", took, c.within)
			}
			if a.header.Get("Retry-After") == "" || bytes.Contains(a.raw, []byte("locked")) || bytes.Contains(a.raw, []byte("SQLITE")) {
				t.Errorf("Retry-After %q, %s", a.header.Get("Retry-After"), a.raw)
			}
			w.get(t, "/v1/sessions/"+id, w.sk).want(t, 200)
			w.get(t, "/v1/sessions", w.sk).want(t, 200)
			w.get(t, "/healthz", "").want(t, 200)
			unlock()
			if a := c.call(t, w).want(t, c.after); a.header.Get("Idempotent-Replayed") != "" {
				t.Error("a 503 was kept")
			}
		})
	}
}

// lockWrites takes the database's write lock, as another program would.
func lockWrites(t *testing.T, path string) (unlock func()) {
	t.Helper()
	side, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	side.SetMaxOpenConns(1)
	if _, err := side.ExecContext(t.Context(), "begin immediate"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := side.ExecContext(t.Context(), "rollback"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEarlyNotification: a gateway that notifies before its checkout is recorded is asked to send again, and nothing is
// kept of the first attempt that would make the second a repetition.
func TestEarlyNotification(t *testing.T) {
	t.Parallel()
	o := &odd{}
	w := newWorld(t, with(o))
	var n gateway.Notification
	post := func() answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/gateways/odd/webhook/"+string(w.project), bytes.NewReader(n.Body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.RemoteAddr = n.Header, inUS+":1"
		return w.answer(t, r)
	}
	o.create = func(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
		n = w.sandbox.Notify(r.Order, checkout.OrderCompleted, "evt-1", w.clock())
		if a := post(); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("while the order is made: %d %s", a.status, a.raw)
		}
		return o.Gateway.CreateCheckout(ctx, r)
	}
	id, secret := w.session(t)
	order := w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret)).want(t, 201).attr("orderId")
	for range 2 { // the second is a repetition
		post().want(t, 200)
		if got := w.get(t, "/v1/orders/"+order, w.sk).want(t, 200).attr("status"); got != "completed" {
			t.Errorf("the order is %s", got)
		}
	}
	if got := w.get(t, "/v1/sessions/"+id, w.sk).attr("status"); got != "completed" {
		t.Errorf("the session is %s", got)
	}
}

// TestIdempotencyAcrossRestart: a stored answer is replayed by the next process, byte for byte.
func TestIdempotencyAcrossRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func() answer {
		return w.post(t, "/v1/sessions", w.sk, `{"externalCustomerId": "u"}`, "Idempotency-Key", "k")
	}
	wrong := func() answer { return w.post(t, "/v1/sessions", w.sk, `{}`, "Idempotency-Key", "w") }
	first, refused := create().want(t, 201), wrong().want(t, 400)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	for i, a := range []answer{create().want(t, 201), wrong().want(t, 400)} {
		want := []answer{first, refused}[i]
		if !bytes.Equal(a.raw, want.raw) || a.header.Get("Idempotent-Replayed") != "true" || a.header.Get("X-Request-Id") != want.header.Get("X-Request-Id") {
			t.Errorf("replayed %v\n%s\nwant\n%s", a.header, a.raw, want.raw)
		}
	}
	w.post(t, "/v1/sessions/"+first.attr("sessionId")+"/confirm", w.pk, orderBody(create().attr("clientSecret"), "")).want(t, 200)
}

// copyFiles copies what kill -9 would leave of the database.
func copyFiles(t *testing.T, from, to *world) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(from.path() + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(to.dir, filepath.Base(from.path())+suffix), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTakeOver: a process dies while it asks the gateway; the same request, sent to the next one, gets the very order.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	asked, dead := make(chan checkout.OrderID, 1), make(chan struct{})
	o := &odd{}
	o.create = func(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
		asked <- r.Order.ID
		<-dead
		return gateway.Checkout{}, context.Canceled
	}
	w := newWorld(t, with(o))
	id, secret := w.session(t)
	order := func(w *world) answer {
		return w.post(t, "/v1/sessions/"+id+"/order", w.pk, oddOrder(secret), "Idempotency-Key", "k")
	}
	gone := make(chan struct{})
	go func() { defer close(gone); order(w) }()
	reserved := <-asked
	next := &world{dir: t.TempDir(), ring: w.ring, project: w.project, sk: w.sk, pk: w.pk, now: w.clock().Add(5 * time.Second)}
	if pgtest.Second() { // the next node can't know that this one is dead: it waits for its leases
		next.url, next.now = w.url, w.clock().Add(2*time.Minute)
		defer func() {
			close(dead)
			<-gone // it was alive after all, and its failure takes nothing back
			next.get(t, "/v1/orders/"+string(reserved), w.sk).want(t, 200)
		}()
	} else {
		copyFiles(t, w, next)
		close(dead)
		<-gone
	}
	next.start(t, with(&odd{}))
	next.get(t, "/v1/orders/"+string(reserved), w.sk).want(t, 404) // not shown before it is made
	a := order(next).want(t, 201)
	if a.attr("orderId") != string(reserved) {
		t.Errorf("another order: %s, want %s", a.attr("orderId"), reserved)
	}
	if again := order(next).want(t, 201); !bytes.Equal(again.raw, a.raw) {
		t.Errorf("replayed %s\nwant %s", again.raw, a.raw)
	}
	if n, err := next.app.RecoverOrders(t.Context()); n != 0 || err != nil {
		t.Errorf("%d orders still to recover, error %v", n, err)
	}
}
