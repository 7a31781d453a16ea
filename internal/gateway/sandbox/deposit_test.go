package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
)

// TestDeposit: the sale of one who asks for it tells where to send the crypto, and no other order does.
func TestDeposit(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	o := order()
	o.Type, o.Email, o.CryptoCurrency, o.Network = checkout.Sell, "DEPOSIT@sandbox.test", "XRP", "xrp"
	if !g.TellsDeposit(&o) {
		t.Error("nothing is to be told")
	}
	d := update(t, g, &o, checkout.OrderPending).Deposit
	xrp, _ := asset.LookupNetwork("xrp")
	if d == nil || !d.Amount.Equal(amount("40.4")) || !d.Until.Equal(now.Add(sandbox.DepositTime).Truncate(time.Millisecond)) || xrp.CheckTag(d.Tag) != nil {
		t.Fatalf("%+v", d)
	}
	for _, n := range asset.Networks() {
		if result, err := n.CheckAddress(d.Address); err == nil {
			t.Errorf("a wallet takes %s on %s: %+v", d.Address, n.ID, result)
		}
	}
	if again := update(t, g, &o, checkout.OrderPending).Deposit; again.Address != d.Address || again.Tag != d.Tag {
		t.Errorf("told again: %+v", again)
	}
	o.Deposit = d
	if g.TellsDeposit(&o) {
		t.Error("it is to be told again")
	}
	o.CryptoCurrency, o.Network = "ETH", "ethereum"
	if d := update(t, g, &o, checkout.OrderPending).Deposit; d == nil || d.Tag != "" {
		t.Errorf("where there are no tags: %+v", d)
	}
	for _, status := range []checkout.OrderStatus{checkout.OrderProcessing, checkout.OrderCompleted, checkout.OrderFailed} {
		if d := update(t, g, &o, status).Deposit; d != nil {
			t.Errorf("%s: %+v", status, d)
		}
	}
	other, buy := o, o
	other.Email, other.Deposit = "payer@example.com", nil
	buy.Type, buy.Deposit = checkout.Buy, nil
	for _, o := range []*checkout.Order{&other, &buy} {
		if update(t, g, o, checkout.OrderPending).Deposit != nil || g.TellsDeposit(o) {
			t.Errorf("%s of %s has a deposit", o.Type, o.Email)
		}
	}
}

// TestMalformedDeposit: what is signed and can't be a deposit is refused as a whole.
func TestMalformedDeposit(t *testing.T) {
	t.Parallel()
	ring := ringOf(t, masterKey)
	g, o := sandbox.New("", ring), order()
	for deposit, taken := range map[string]bool{
		`{"address": "a", "amount": "1", "until": "2026-03-01T12:00:00.000Z"}`: true,
		`null`: true,
		`{"address": "a", "amount": "1", "until": "soon"}`:                                                                false,
		`{"address": "a", "amount": "much", "until": "2026-03-01T12:00:00.000Z"}`:                                         false,
		`{"address": "a", "until": "2026-03-01T12:00:00.000Z"}`:                                                           false,
		`{"amount": "1", "until": "2026-03-01T12:00:00.000Z"}`:                                                            false,
		`{"address": "a\u0000", "amount": "1", "until": "2026-03-01T12:00:00.000Z"}`:                                      false,
		`{"address": "a", "tag": "` + strings.Repeat("x", 256) + `", "amount": "1", "until": "2026-03-01T12:00:00.000Z"}`: false,
		`"a"`: false,
	} {
		_, err := g.ParseNotification(t.Context(), signed(ring, &o, `{"id": "1", "orderId": "ord_01", "status": "pending", "deposit": `+deposit+`}`))
		if (err == nil) != taken {
			t.Errorf("%.80s: %v", deposit, err)
		}
	}
}
