package app_test

import (
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// TestForeignPayment: a payer has references in hand, and puts them where they don't belong. What is paid counts once, for an order
// of its kind.
func TestForeignPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	anyone := func(*checkout.CreateSession) {}
	wallet := func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) }
	first, second, bought := w.paidFor(t, c, anyone, wallet), w.paidFor(t, c, anyone, wallet), w.paidFor(t, c, anyone, wallet)
	done := gateway.Update{Status: checkout.OrderCompleted, ExternalOrderID: "foreign-" + string(first.ID)}
	if got := w.say(t, first, "f1"+string(first.ID), done); got.Status != checkout.OrderCompleted {
		t.Fatalf("the payment's order is %s", got.Status)
	}
	if got := w.say(t, second, "f2"+string(first.ID), done); got.Status != checkout.OrderCreated {
		t.Errorf("by a payment that was another order's, it is %s", got.Status)
	}
	done.ExternalOrderID += "-own"
	if got := w.say(t, second, "f3"+string(first.ID), done); got.Status != checkout.OrderCompleted {
		t.Errorf("by its own payment after that, it is %s", got.Status)
	}
	sale := &checkout.Deposit{Address: classic}
	for i, status := range []checkout.OrderStatus{checkout.OrderPending, checkout.OrderCompleted, checkout.OrderFailed} {
		u := gateway.Update{Status: status, Type: checkout.Sell, ExternalOrderID: "sale-" + string(bought.ID), Deposit: sale}
		if got := w.say(t, bought, "s"+string(rune('0'+i))+string(bought.ID), u); got.Status != checkout.OrderCreated || got.Deposit != nil {
			t.Errorf("a purchase of which a sale is told %s: %s, deposit %+v", status, got.Status, got.Deposit)
		}
	}
}

// TestHeldTwice: what holds an order may be told again, of the same payment.
func TestHeldTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	o := w.paidFor(t, c, func(in *checkout.CreateSession) {
		in.SourceAmount, in.SourceCurrency = amount("100.00"), ptr("USD")
	}, func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) })
	u := gateway.Update{Status: checkout.OrderCompleted, ExternalOrderID: "held-" + string(o.ID), Paid: checkout.Paid{FiatAmount: amount("10")}}
	if got := w.say(t, o, "1"+string(o.ID), u); got.Status != checkout.OrderProcessing {
		t.Fatalf("paid in part, it is %s", got.Status)
	}
	u.Paid.FiatAmount = amount("100")
	if got := w.say(t, o, "2"+string(o.ID), u); got.Status != checkout.OrderCompleted {
		t.Errorf("then in full, it is %s", got.Status)
	}
}

// TestRefundOfAnotherTry: a payer who has paid pays once more, and has that given back.
func TestRefundOfAnotherTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	for _, status := range []checkout.OrderStatus{checkout.OrderProcessing, checkout.OrderCompleted} {
		o := w.paidFor(t, c, func(*checkout.CreateSession) {}, func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) })
		id := string(o.ID)
		w.say(t, o, "1"+id, gateway.Update{Status: status, ExternalOrderID: "one" + id})
		if got := w.say(t, o, "2"+id, gateway.Update{Status: checkout.OrderRefunded, ExternalOrderID: "two" + id}); got.Status != status {
			t.Errorf("%s by one try, of another refund it is %s", status, got.Status)
		}
		if got := w.say(t, o, "3"+id, gateway.Update{Status: checkout.OrderRefunded, ExternalOrderID: "one" + id}); got.Status != checkout.OrderRefunded {
			t.Errorf("%s, and given back, it is %s", status, got.Status)
		}
	}
}

// TestOneClicker: a payer who clicks again and again on what the gateway won't make keeps it out for nobody.
func TestOneClicker(t *testing.T) {
	t.Parallel()
	best, other := sells("best", "0.03"), sells("other", "0.01")
	m := newMarket(t, hopSeller{best}, other)
	best.makes = dead
	_, order := m.begin("best")
	o, err := order()
	must(t, err)
	for range 12 {
		if _, _, err := m.click(opaqueOf(o), "8.8.8.8"); err == nil {
			t.Fatal("a dead gateway made a URL")
		}
	}
	if open := m.app.OpenCircuits(); len(open) != 0 {
		t.Errorf("open circuits: %v", open)
	}
}

// TestAmountOfAnotherCurrency: so much of another currency, or of the payer's own crypto, is not the amount that is locked.
func TestAmountOfAnotherCurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	for i, paid := range []checkout.Paid{{FiatAmount: amount("100"), FiatCurrency: "JPY"}, {FiatCurrency: "USDC"}} {
		o := w.paidFor(t, c, func(in *checkout.CreateSession) { in.SourceAmount = amount("100.00") },
			func(in *checkout.CreateOrder) { in.WalletAddress = ptr(classic) })
		u := gateway.Update{Status: checkout.OrderCompleted, Paid: paid}
		if got := w.say(t, o, string(o.ID), u); got.Status != checkout.OrderProcessing || len(got.Discrepancies) != 1 {
			t.Errorf("%d: %s with %+v", i, got.Status, got.Discrepancies)
		}
	}
}
