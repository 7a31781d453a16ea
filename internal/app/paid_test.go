package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/webhook"
)

// paidFor is a world with an order at its teller, from a session made so.
func (w *world) paidFor(t *testing.T, c checkout.Caller, change func(*checkout.CreateSession), order func(*checkout.CreateOrder)) *checkout.Order {
	t.Helper()
	in := &checkout.CreateSession{ExternalCustomerID: ptr("user")}
	change(in)
	s, err := w.app.CreateSession(t.Context(), w.by(c), in)
	must(t, err)
	out := &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount("100"), FiatCurrency: ptr("USD"), CryptoCurrency: ptr("XRP"), Network: ptr("xrp"), Gateway: ptr("teller"),
	}
	order(out)
	o, err := w.app.CreateOrder(t.Context(), w.by(c), s.Session.ID, out)
	must(t, err)
	return o
}

func (w *world) say(t *testing.T, o *checkout.Order, key string, u gateway.Update) *checkout.Order {
	t.Helper()
	u.DedupKey, u.OrderID = key, o.ID
	w.teller.says = []gateway.Update{u}
	must(t, w.app.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: o.ProjectID, Body: []byte("{}")}))
	row, err := w.app.DB.Order(t.Context(), o.ProjectID, o.ID)
	must(t, err)
	return row
}

func sameAmount(a, b money.Amount) bool { return a.String() == b.String() }

// events are the order's events, the oldest first, each with the discrepancies that it tells.
func (w *world) events(t *testing.T, o *checkout.Order) (list []string) {
	t.Helper()
	rows, err := w.app.DB.Events(t.Context(), o.ProjectID, checkout.EventFilter{OrderID: o.ID}, checkout.Page{Number: 1, Size: 100})
	must(t, err)
	for _, e := range rows.Rows {
		if strings.HasPrefix(string(e.Type), "order.") {
			continue
		}
		text := string(e.Type)
		if strings.Contains(string(e.Body), `"discrepancies":[`) {
			text += " differs"
		}
		list = append([]string{text}, list...)
	}
	return list
}

const (
	classic  = "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"
	xAddress = "XVLhHMPHU98es4dbozjVtdWzVrDjtVoKj3MnFGMXEFMnvJV" // the same, with the tag 276
)

// TestPaid: what was paid is compared with what was ordered. What a lock forbids is held and told; what is free is completed, and
// told.
func TestPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	all := func(in *checkout.CreateSession) {
		in.SourceAmount, in.SourceCurrency, in.DestinationCurrency, in.Network = amount("100.00"), ptr("USD"), ptr("XRP"), ptr("xrp")
		in.DestinationAddress, in.DestinationTag = ptr(classic), ptr("276")
	}
	free := func(*checkout.CreateSession) {}
	ranged := func(in *checkout.CreateSession) {
		in.FieldLocks = []checkout.LockInput{{Member: checkout.LockSourceAmount, Min: amount("50"), Max: amount("200")}}
	}
	loose := func(in *checkout.CreateSession) {
		ranged(in)
		in.FieldLocks[0].Locked = ptr(false)
	}
	inSession := func(*checkout.CreateOrder) {}
	own := func(in *checkout.CreateOrder) { in.WalletAddress, in.WalletTag = ptr(classic), ptr("276") }
	byX := func(in *checkout.CreateOrder) { in.WalletAddress = ptr(xAddress) }
	whole := checkout.Paid{FiatAmount: amount("100.0"), FiatCurrency: "USD", CryptoCurrency: "XRP", Network: "xrp", WalletAddress: classic, WalletTag: "276"}
	with := func(change func(*checkout.Paid)) checkout.Paid {
		p := whole
		change(&p)
		return p
	}
	for _, tc := range []struct {
		name    string
		session func(*checkout.CreateSession)
		order   func(*checkout.CreateOrder)
		paid    checkout.Paid
		status  checkout.OrderStatus
		differs string // field ordered paid; …
	}{
		{"as ordered", all, inSession, whole, "completed", ""},
		{"nothing told", all, inSession, checkout.Paid{}, "completed", ""},
		{"by an X-address", free, byX, whole, "completed", ""},
		{"less", all, inSession, with(func(p *checkout.Paid) { p.FiatAmount = amount("10") }), "processing", "fiatAmount 100 10"},
		{"more", all, inSession, with(func(p *checkout.Paid) { p.FiatAmount = amount("100.01") }), "completed", "fiatAmount 100 100.01"},
		{"less, and free", free, own, with(func(p *checkout.Paid) { p.FiatAmount = amount("10") }), "completed", "fiatAmount 100 10"},
		{"less, in the range", ranged, own, with(func(p *checkout.Paid) { p.FiatAmount = amount("50") }), "completed", "fiatAmount 100 50"},
		{"a cent less", all, inSession, with(func(p *checkout.Paid) { p.FiatAmount = amount("99.99") }), "completed", "fiatAmount 100 99.99"},
		{"two cents less", all, inSession, with(func(p *checkout.Paid) { p.FiatAmount = amount("99.98") }), "processing", "fiatAmount 100 99.98"},
		{"less than the range", ranged, own, with(func(p *checkout.Paid) { p.FiatAmount = amount("49.98") }), "processing", "fiatAmount 100 49.98"},
		{"another currency", all, inSession, with(func(p *checkout.Paid) { p.FiatCurrency = "EUR" }), "processing", "fiatCurrency USD EUR"},
		{"another asset", all, inSession, with(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "XLM", "stellar" }), "processing", "cryptoCurrency XRP XLM; network xrp stellar"},
		{"another wallet", all, inSession, with(func(p *checkout.Paid) { p.WalletAddress = "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9" }), "processing", "walletAddress " + classic + " rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9"},
		{"another tag", all, inSession, with(func(p *checkout.Paid) { p.WalletTag = "7" }), "processing", "walletTag 276 7"},
		{"in other letters", all, inSession, with(func(p *checkout.Paid) { p.FiatCurrency, p.CryptoCurrency, p.Network = "usd", "xrp", "XRP" }), "completed", ""},
		{"to an X-address", all, inSession, with(func(p *checkout.Paid) { p.WalletAddress, p.WalletTag = xAddress, "" }), "completed", ""},
		{"to the X-address of another tag", all, inSession, with(func(p *checkout.Paid) {
			p.WalletAddress, p.WalletTag = "XVLhHMPHU98es4dbozjVtdWzVrDjtV8xvjGQTYPiAx6gwDC", ""
		}), "processing", "walletTag 276 1"},
		{"less than a range that isn't locked", loose, own, with(func(p *checkout.Paid) { p.FiatAmount = amount("49.98") }), "processing", "fiatAmount 100 49.98"},
		{"another wallet, and free", free, own, with(func(p *checkout.Paid) { p.WalletAddress = "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9" }), "completed", "walletAddress " + classic + " rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9"},
	} {
		o := w.paidFor(t, c, tc.session, tc.order)
		u := gateway.Update{Status: checkout.OrderCompleted, Paid: tc.paid, TransactionHash: "hash", CryptoAmount: amount("41.5")}
		got := w.say(t, o, tc.name, u)
		var list []string
		for _, d := range got.Discrepancies {
			list = append(list, d.Field+" "+d.Ordered+" "+d.Paid)
		}
		if got.Status != tc.status || strings.Join(list, "; ") != tc.differs || got.TransactionHash != "hash" || got.FiatAmount.String() != "100" {
			t.Errorf("%s: %s, %q, want %s, %q", tc.name, got.Status, list, tc.status, tc.differs)
		}
		event := "transaction." + string(tc.status)
		if tc.differs != "" {
			event += " differs"
		}
		if diff := cmp.Diff([]string{"transaction.pending", event}, w.events(t, o)); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		s, err := w.app.DB.Session(t.Context(), o.ProjectID, o.SessionID)
		must(t, err)
		if held := tc.status == checkout.OrderProcessing; held != (s.Status == checkout.SessionProcessing) || held != (got.FailureReason != "") || held != got.CompletedAt.IsZero() {
			t.Errorf("%s: the session is %s, %+v", tc.name, s.Status, got)
		}
		again := w.say(t, o, tc.name+" again", u)
		if diff := cmp.Diff(got, again, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.Comparer(sameAmount)); diff != "" {
			t.Errorf("%s, told again: %s", tc.name, diff)
		}
		if refunded := w.say(t, o, tc.name+" back", gateway.Update{Status: checkout.OrderRefunded}); refunded.Status != checkout.OrderRefunded {
			t.Errorf("%s: given back, it is %s", tc.name, refunded.Status)
		}
	}
}

// TestHeldStays: an order that is held is completed by what puts right what was wrong, and not by an update that tells nothing of it.
func TestHeldStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	done := func(p checkout.Paid) gateway.Update {
		return gateway.Update{Status: checkout.OrderCompleted, Paid: p}
	}
	for name, tc := range map[string]struct{ wrong, less, right checkout.Paid }{
		"amount":   {checkout.Paid{FiatAmount: amount("10")}, checkout.Paid{FiatCurrency: "USD"}, checkout.Paid{FiatAmount: amount("100")}},
		"currency": {checkout.Paid{FiatCurrency: "EUR"}, checkout.Paid{FiatAmount: amount("100")}, checkout.Paid{FiatCurrency: "USD"}},
		"asset":    {checkout.Paid{CryptoCurrency: "XLM"}, checkout.Paid{Network: "xrp"}, checkout.Paid{CryptoCurrency: "XRP"}},
		"network":  {checkout.Paid{Network: "stellar"}, checkout.Paid{CryptoCurrency: "XRP"}, checkout.Paid{Network: "xrp"}},
		"wallet":   {checkout.Paid{WalletAddress: "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9"}, checkout.Paid{WalletTag: "276"}, checkout.Paid{WalletAddress: classic}},
		"tag":      {checkout.Paid{WalletTag: "7"}, checkout.Paid{WalletAddress: classic}, checkout.Paid{WalletTag: "276"}},
	} {
		o := w.paidFor(t, c, func(in *checkout.CreateSession) {
			in.SourceAmount, in.SourceCurrency, in.DestinationCurrency, in.Network = amount("100.00"), ptr("USD"), ptr("XRP"), ptr("xrp")
			in.DestinationAddress, in.DestinationTag = ptr(classic), ptr("276")
		}, func(*checkout.CreateOrder) {})
		held := w.say(t, o, name, done(tc.wrong))
		for i, p := range []checkout.Paid{{}, tc.less} {
			if got := w.say(t, o, name+strings.Repeat("'", i+1), done(p)); got.Status != checkout.OrderProcessing || len(got.Discrepancies) != 1 || got.Version != held.Version {
				t.Errorf("%s: told less, it is %s, with %+v", name, got.Status, got.Discrepancies)
			}
		}
		if got := w.say(t, o, name+" right", done(tc.right)); got.Status != checkout.OrderCompleted || len(got.Discrepancies) != 0 || got.FailureReason != "" {
			t.Errorf("%s: put right, it is %s, with %+v, %q", name, got.Status, got.Discrepancies, got.FailureReason)
		}
	}
}

// TestSaleBroughtLess: what a sale brings moves with the rate until the crypto has come; that it is less is told, and holds up nothing.
func TestSaleBroughtLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.paidFor(t, w.project(t, checkout.ModeTest), func(in *checkout.CreateSession) {
		in.Type, in.SourceAmount, in.SourceCurrency = ptr("offramp"), amount("100.00"), ptr("USD")
	}, func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) })
	got := w.say(t, o, "1", gateway.Update{Status: checkout.OrderCompleted, Paid: checkout.Paid{FiatAmount: amount("99.7"), FiatCurrency: "USD"}})
	if got.Status != checkout.OrderCompleted || len(got.Discrepancies) != 1 || got.Discrepancies[0].Paid != "99.7" {
		t.Errorf("%s, %+v", got.Status, got.Discrepancies)
	}
}

// TestDeposit: a sale's order tells where the payer must send the crypto, while that is to be done, and no second sale is begun.
func TestDeposit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.app.Now = func() time.Time { return now }
	c := w.project(t, checkout.ModeTest)
	o := w.paidFor(t, c, func(in *checkout.CreateSession) { in.Type = ptr("offramp") }, func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) })
	to := func(address string) *checkout.Deposit {
		return &checkout.Deposit{Address: address, Tag: "9", Amount: amount("12.5"), Until: now.Add(30 * time.Minute)}
	}
	if got := w.say(t, o, "0", gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "one"}); got.Deposit != nil {
		t.Errorf("%+v", got.Deposit)
	}
	first := to("rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9")
	got := w.say(t, o, "1", gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "one", Deposit: first})
	if diff := cmp.Diff(first, got.Deposit, cmp.Comparer(sameAmount)); diff != "" || got.Status != checkout.OrderPending {
		t.Errorf("with the same status: %s", diff)
	}
	for _, u := range []gateway.Update{
		{Status: checkout.OrderPending, ExternalOrderID: "two", Deposit: to("a second sale")},
		{Status: checkout.OrderPending, ExternalOrderID: "one", Deposit: to("other crypto"), Paid: checkout.Paid{CryptoCurrency: "XLM"}},
		{Status: checkout.OrderPending, ExternalOrderID: "one", Deposit: to("another network"), Paid: checkout.Paid{Network: "stellar"}},
	} {
		if got := w.say(t, o, u.Deposit.Address, u); got.Deposit.Address != first.Address {
			t.Errorf("%s takes its place", u.Deposit.Address)
		}
	}
	now = now.Add(31 * time.Minute)
	if got := w.say(t, o, "2", gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "two", Deposit: to("a later sale")}); got.Deposit.Address != "a later sale" || got.ExternalOrderID != "two" {
		t.Errorf("after the first is over: %+v", got.Deposit)
	}
	got = w.say(t, o, "3", gateway.Update{Status: checkout.OrderProcessing, ExternalOrderID: "two", Deposit: to("too late")})
	if got.Status != checkout.OrderProcessing || got.Deposit.Address != "a later sale" {
		t.Errorf("%+v", got)
	}
	e, err := webhook.OrderEvent("evt_1", checkout.EventProcessing, got, now)
	if err != nil || strings.Contains(string(e.Body), "discrepancies") {
		t.Errorf("%s, %v", e.Body, err)
	}
}

// TestTagForGateway: the gateway is told the tag beside the address, wherever it was; one that would lose it is not asked.
func TestTagForGateway(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	var seen *brandedAccount
	b.config.Providers = append(b.config.Providers, watching{&branded{id: "three"}, func(a *brandedAccount) { seen = a }})
	b.app = app.New(b.config)
	b.mustSet("three", "key=1", "secret=s-1")
	user := "user"
	s, err := b.app.CreateSession(t.Context(), b.call(), &checkout.CreateSession{ExternalCustomerID: &user, DestinationAddress: ptr(xAddress), Network: ptr("xrp")})
	must(t, err)
	o, err := b.app.CreateOrder(context.Background(), b.call(), s.Session.ID, &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount("100"), FiatCurrency: ptr("USD"), CryptoCurrency: ptr("XRP"), Network: ptr("xrp"), Gateway: ptr("three"),
	})
	must(t, err)
	if o.WalletAddress != xAddress || o.WalletTag != "" {
		t.Errorf("the order has %s and %q", o.WalletAddress, o.WalletTag)
	}
	told := seen.requests
	if len(told) != 1 || told[0].Order.WalletAddress != classic || told[0].Order.WalletTag != "276" {
		t.Errorf("the gateway was told %+v", told)
	}
}
