package app_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

// teller is a gateway that says in each notification what the test wants it to.
type teller struct {
	*sandbox.Gateway
	says []gateway.Update
}

func (g *teller) Describe() gateway.Description {
	return gateway.Description{ID: "teller", Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive}, Sell: true}
}

func (g *teller) ParseNotification(context.Context, gateway.Notification) ([]gateway.Update, error) {
	if g.says == nil {
		return nil, gateway.ErrMalformed
	}
	return g.says, nil
}

// TestMain runs every test on SQLite, and then on PostgreSQL those that are not in a bubble.
func TestMain(m *testing.M) { os.Exit(pgtest.Twice(m.Run)) }

// onSQLite has a test that is in a bubble of synctest run on SQLite alone: a bubble's clock stands still while something in it
// waits for the network.
func onSQLite(t *testing.T) {
	t.Helper()
	if pgtest.Second() {
		t.Skip("a bubble can't wait for the network")
	}
}

// database is a fresh one with the whole schema, closed at the test's end.
func database(t *testing.T) *store.DB {
	t.Helper()
	if pgtest.Second() {
		return openAt(t, pgtest.URL(t))
	}
	return openAt(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
}

func openAt(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{ReadConns: 2})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	must(t, err)
	return db
}

type world struct {
	app    *app.App
	teller *teller
	ring   *vault.Ring
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := database(t)
	ring, err1 := vault.Parse(vault.Generate())
	countries, err2 := geoip.Open("")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	box := sandbox.New("http://127.0.0.1", ring)
	w := &world{teller: &teller{Gateway: box}, ring: ring}
	w.app = app.New(app.Config{
		DB: db, Ring: ring, Countries: countries, Providers: gateway.Static(box, w.teller), Sandbox: box, PublicURL: "http://127.0.0.1",
	})
	return w
}

// project is a caller with the secret key of a new project.
func (w *world) project(t *testing.T, mode checkout.Mode) checkout.Caller {
	t.Helper()
	p, keys, err := w.app.CreateProject(t.Context(), checkout.Project{Name: string(mode), Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	return checkout.Caller{Project: p, Key: keys[0].Key}
}

func (w *world) by(c checkout.Caller) *checkout.Call {
	call := w.app.NewCall(netip.Addr{})
	call.Caller = c
	return call
}

func (w *world) order(t *testing.T, c checkout.Caller, gatewayID string) *checkout.Order {
	t.Helper()
	user, wallet, fiat, crypto, network := "user", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "USD", "ETH", "ethereum"
	amount, err := money.Parse("100")
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.app.CreateSession(t.Context(), w.by(c), &checkout.CreateSession{ExternalCustomerID: &user, DestinationAddress: &wallet})
	if err != nil {
		t.Fatal(err)
	}
	o, err := w.app.CreateOrder(t.Context(), w.by(c), s.Session.ID, &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount, FiatCurrency: &fiat, CryptoCurrency: &crypto, Network: &network, Gateway: &gatewayID,
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestReceiveNotification: a gateway moves its own orders in its own projects, each notification once, forward only; what
// it says of anything else is kept and changes nothing.
func TestReceiveNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, others, live := w.project(t, checkout.ModeTest), w.project(t, checkout.ModeTest), w.project(t, checkout.ModeLive)
	told, boxed, foreign := w.order(t, mine, "teller"), w.order(t, mine, sandbox.ID), w.order(t, others, "teller")
	say := func(key string, o *checkout.Order, status checkout.OrderStatus) gateway.Update {
		return gateway.Update{DedupKey: key, OrderID: o.ID, Status: status}
	}
	for _, c := range []struct {
		name    string
		gateway string
		project checkout.ProjectID
		says    []gateway.Update
		code    checkout.Code
		want    checkout.OrderStatus // of the order told, afterwards
	}{
		{"unreadable", "teller", mine.Project.ID, nil, checkout.CodeValidation, checkout.OrderCreated},
		{"forged", sandbox.ID, mine.Project.ID, nil, checkout.CodeInvalidSignature, checkout.OrderCreated},
		{"unknown gateway", "nobody", mine.Project.ID, nil, checkout.CodeNotFound, checkout.OrderCreated},
		{"unknown project", "teller", "x", nil, checkout.CodeNotFound, checkout.OrderCreated},
		{"a gateway that is not for live projects", sandbox.ID, live.Project.ID, nil, checkout.CodeNotFound, checkout.OrderCreated},
		{"nothing to say", "teller", mine.Project.ID, []gateway.Update{}, "", checkout.OrderCreated},
		{"unknown order", "teller", mine.Project.ID, []gateway.Update{{DedupKey: "u", OrderID: "ord_x", Status: checkout.OrderCompleted}}, "", checkout.OrderCreated},
		{"another gateway's order", "teller", mine.Project.ID, []gateway.Update{say("b", boxed, checkout.OrderCompleted)}, "", checkout.OrderCreated},
		{"another project's order", "teller", mine.Project.ID, []gateway.Update{say("f", foreign, checkout.OrderCompleted)}, "", checkout.OrderCreated},
		{"forward", "teller", mine.Project.ID, []gateway.Update{say("1", told, checkout.OrderProcessing)}, "", checkout.OrderProcessing},
		{"out of order", "teller", mine.Project.ID, []gateway.Update{say("2", told, checkout.OrderPending)}, "", checkout.OrderProcessing},
		{"the same notification, with another status", "teller", mine.Project.ID, []gateway.Update{say("1", told, checkout.OrderFailed)}, "", checkout.OrderProcessing},
		{"two at once", "teller", mine.Project.ID, []gateway.Update{say("3", told, checkout.OrderCompleted), say("4", told, checkout.OrderRefunded)}, "", checkout.OrderRefunded},
		{"after the end", "teller", mine.Project.ID, []gateway.Update{say("5", told, checkout.OrderFailed)}, "", checkout.OrderRefunded},
	} {
		w.teller.says = c.says
		err := w.app.ReceiveNotification(t.Context(), c.gateway, gateway.Notification{ProjectID: c.project, Body: []byte("{}")})
		if (err == nil) != (c.code == "") || err != nil && checkout.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
		if o, err := w.app.GetOrder(t.Context(), w.by(mine), told.ID); err != nil || o.Status != c.want {
			t.Errorf("%s: the order is %s, want %s (%v)", c.name, o.Status, c.want, err)
		}
	}
	for _, o := range []*checkout.Order{boxed, foreign} {
		if row, err := w.app.DB.Order(t.Context(), o.ProjectID, o.ID); err != nil || row.Status != checkout.OrderCreated {
			t.Errorf("an order that is not the gateway's is %+v, %v", row, err)
		}
	}
	s, err := w.app.GetSession(t.Context(), w.by(mine), told.SessionID)
	if err != nil || s.Status != checkout.SessionCompleted {
		t.Errorf("after a refund that followed completion the session is %+v, %v", s, err)
	}
}

// TestUnstorableNotification: texts of a gateway that an engine can't keep stop neither its notification nor the order.
func TestUnstorableNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	o := w.order(t, c, "teller")
	bad := "a\x00b\xff"
	w.teller.says = []gateway.Update{
		{DedupKey: "1" + bad, OrderID: checkout.OrderID(bad), Status: checkout.OrderCompleted},
		{DedupKey: "2" + bad, OrderID: o.ID, Status: checkout.OrderCompleted, ExternalOrderID: bad, TransactionHash: bad, FailureReason: bad},
	}
	if err := w.app.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: c.Project.ID}); err != nil {
		t.Fatal(err)
	}
	w.teller.says = []gateway.Update{{DedupKey: strings.Repeat("k", 1<<18), OrderID: o.ID, Status: checkout.OrderPending}}
	for range 2 {
		if err := w.app.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: c.Project.ID}); err != nil {
			t.Errorf("a key of 256 KiB: %v", err)
		}
	}
	got, err := w.app.GetOrder(t.Context(), w.by(c), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\ufffdb\ufffd"; got.Status != checkout.OrderCompleted || got.TransactionHash != want {
		t.Errorf("the order is %s, with the transaction %q, want %q", got.Status, got.TransactionHash, want)
	}
}

// TestCheckMasterKeys: a ring without the last start's newest key is refused, unless that key is told to be lost.
func TestCheckMasterKeys(t *testing.T) {
	t.Parallel()
	first := newWorld(t)
	other, err := vault.Parse(vault.Generate())
	if err != nil {
		t.Fatal(err)
	}
	second := app.New(app.Config{DB: first.app.DB, Ring: other})
	for i, c := range []struct {
		app    *app.App
		forget bool
		ok     bool
	}{
		{first.app, false, true},
		{first.app, false, true},
		{second, false, false},
		{first.app, false, true},
		{second, true, true},
		{second, false, true},
		{first.app, false, false},
	} {
		if err := c.app.CheckMasterKeys(t.Context(), c.forget); (err == nil) != c.ok {
			t.Errorf("start %d: %v, want ok %v", i, err, c.ok)
		}
	}
}
