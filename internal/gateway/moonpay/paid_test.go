package moonpay_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

// byValue compares amounts.
var byValue = cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })

// loadedAccount is a live account that has the lists.
func loadedAccount(t *testing.T) gateway.Account {
	t.Helper()
	loaded, err := open(t, accountOf(), fake(t)).(gateway.Loader).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := accountOf("apiKey", "pk_live_key", "secretKey", "sk_live_key")
	a.Mode, a.Catalogue = checkout.ModeLive, loaded
	return a
}

// TestPaid looks at what a transaction tells of what was paid, in notifications and when asked for. The amounts are those of
// the documentation's examples, and of transactions that wallets publish in their tests.
func TestPaid(t *testing.T) {
	t.Parallel()
	a := loadedAccount(t)
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	set := func(pairs ...any) func(d map[string]any) {
		return func(d map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				name, ok := pairs[i].(string)
				if !ok {
					t.Errorf("%v is no name", pairs[i])
				}
				d[name] = pairs[i+1]
			}
		}
	}
	code := func(code string) map[string]any { return map[string]any{"code": code} }
	n := func(text string) json.Number { return json.Number(text) }
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: wallet}
	sold := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"}
	with := func(p checkout.Paid, change func(p *checkout.Paid)) checkout.Paid {
		change(&p)
		return p
	}
	cases := []struct {
		name   string
		o      *checkout.Order
		change func(d map[string]any)
		want   checkout.Paid
	}{
		{"bought", &buy, set(), bought},
		{"fees on top", &buy, set("areFeesIncluded", false, "baseCurrencyAmount", 100), bought},
		{"fees who knows where", &buy, set("areFeesIncluded", nil), with(bought, func(p *checkout.Paid) { p.FiatAmount = money.Amount{} })},
		{"of getbuytransaction", &buy, set("baseCurrencyAmount", n("45.5"), "feeAmount", n("1.7"), "extraFeeAmount", n("0.43"), "networkFeeAmount", n("2.37")), with(bought, func(p *checkout.Paid) { p.FiatAmount = amount("50") })},
		{"of a wallet", &buy, set("baseCurrencyAmount", n("66.53"), "feeAmount", n("3.99"), "extraFeeAmount", n("0.67"), "networkFeeAmount", n("0.81")), with(bought, func(p *checkout.Paid) { p.FiatAmount = amount("72") })},
		{"a float's noise", &buy, set("networkFeeAmount", n("0.56000000000000005")), bought},
		{"no fees", &buy, set("feeAmount", nil, "extraFeeAmount", nil, "networkFeeAmount", nil), with(bought, func(p *checkout.Paid) { p.FiatAmount = amount("95.45") })},
		{"a discount", &buy, set("feeAmountDiscount", n("0.5")), with(bought, func(p *checkout.Paid) { p.FiatAmount = money.Amount{} })},
		{"less than no fee", &buy, set("feeAmount", n("-1")), with(bought, func(p *checkout.Paid) { p.FiatAmount = money.Amount{} })},
		{"no discount", &buy, set("feeAmountDiscount", 0, "extraFeeAmountDiscount", nil), bought},
		{"nothing told", &buy, set("baseCurrencyAmount", nil, "baseCurrency", nil, "currency", nil, "walletAddress", nil), checkout.Paid{}},
		{"another network", &buy, set("currency", code("usdc_polygon"), "baseCurrency", code("EUR")), with(bought, func(p *checkout.Paid) { p.FiatCurrency, p.CryptoCurrency, p.Network = "EUR", "USDC", "polygon" })},
		{"by its newer name", &buy, set("currency", nil, "quoteCurrency", code("USDC_polygon")), with(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "USDC", "polygon" })},
		{"tag", &buy, set("currency", code("xlm"), "walletAddressTag", "12"), with(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network, p.WalletTag = "XLM", "stellar", "12" })},
		{"no asset of ours", &buy, set("currency", code("unheard"), "baseCurrency", code("xqz")), checkout.Paid{CryptoCurrency: "UNHEARD", WalletAddress: wallet}},
		{"yen", &buy, set("baseCurrency", code("jpy"), "baseCurrencyAmount", n("9500.4"), "feeAmount", n("499.6"), "networkFeeAmount", 0), with(bought, func(p *checkout.Paid) { p.FiatAmount, p.FiatCurrency = amount("10000"), "JPY" })},
		{"sold", &sell, set(), sold},
		{"sold for euros", &sell, set("quoteCurrency", code("eur"), "baseCurrency", code("btc")), with(sold, func(p *checkout.Paid) { p.FiatCurrency, p.CryptoCurrency, p.Network = "EUR", "BTC", "bitcoin" })},
		{"sold, nothing told", &sell, set("quoteCurrency", nil, "baseCurrency", nil, "quoteCurrencyAmount", nil), checkout.Paid{}},
	}
	for _, tt := range cases {
		d := data(tt.o, "completed", "1")
		tt.change(d)
		kind := map[checkout.OrderType]string{checkout.Buy: "transaction_updated", checkout.Sell: "sell_transaction_updated"}[tt.o.Type]
		updates, err := open(t, a, nil).ParseNotification(t.Context(), signed(marshal(map[string]any{"type": kind, "data": d}), now))
		if err != nil || len(updates) != 1 {
			t.Fatalf("%s: %+v, %v", tt.name, updates, err)
		}
		if diff := cmp.Diff(tt.want, updates[0].Paid, byValue); diff != "" || updates[0].Deposit != nil {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		polled, err := open(t, a, gatewaytest.Answer(200, string(marshal([]any{d})))).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: tt.o, Now: now})
		if err != nil || len(polled) != 1 {
			t.Fatalf("%s: asked: %+v, %v", tt.name, polled, err)
		}
		if diff := cmp.Diff(tt.want, polled[0].Paid, byValue); diff != "" {
			t.Errorf("%s, asked (-want +got):\n%s", tt.name, diff)
		}
	}
	updates, err := open(t, a, nil).ParseNotification(t.Context(), notify(&buy, "pending", "1", now))
	if err != nil || len(updates) != 1 || !cmp.Equal(updates[0].Paid, checkout.Paid{}, byValue) {
		t.Errorf("before it is paid: %+v, %v", updates, err)
	}
}

// TestKinds polls with the other kind's reference: a sale must not stand for a purchase.
func TestKinds(t *testing.T) {
	t.Parallel()
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	for _, tt := range []struct{ asked, told *checkout.Order }{{&buy, &sell}, {&sell, &buy}} {
		server := gatewaytest.Answer(200, string(marshal([]any{data(tt.told, "completed", "1")})))
		updates, err := open(t, accountOf(), server).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: tt.asked, Now: now})
		if err == nil || len(updates) != 0 {
			t.Errorf("%s: %+v, %v; want an error", tt.asked.Type, updates, err)
		}
	}
}

// TestFailures looks at failures of which more than one member tells.
func TestFailures(t *testing.T) {
	t.Parallel()
	sell := order()
	sell.Type = checkout.Sell
	cases := []struct {
		name, status string
		member       string
		value        any
		want         checkout.OrderStatus
	}{
		{"rejected", "failed/rejected_other", "failureReason", nil, checkout.OrderFailed},
		{"rejected and refunded", "failed/rejected_other", "failureReason", "refund", checkout.OrderRefunded},
		{"sent back", "failed/rejected_other", "refundHash", "0xback", checkout.OrderRefunded},
		{"late", "failed", "failureReason", "Deposit timeout", checkout.OrderExpired},
	}
	for _, tt := range cases {
		d := data(&sell, tt.status, "1")
		d[tt.member] = tt.value
		updates, err := open(t, accountOf(), nil).ParseNotification(t.Context(), signed(marshal(map[string]any{"type": "sell_transaction_failed", "data": d}), now))
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want {
			t.Errorf("%s: %+v, %v; want %s", tt.name, updates, err, tt.want)
		}
	}
}

// TestTags looks at orders with a tag, where MoonPay's list says that the asset takes one.
func TestTags(t *testing.T) {
	t.Parallel()
	g := open(t, loadedAccount(t), nil)
	for _, tt := range []struct {
		code, network string
		kind          checkout.OrderType
		want          checkout.Code
	}{
		{"XLM", "stellar", checkout.Buy, ""},
		{"XRP", "xrp", checkout.Buy, ""},
		{"ETH", "ethereum", checkout.Buy, checkout.CodeInvalidGateway},
		{"XRP", "xrp", checkout.Sell, checkout.CodeInvalidGateway},
	} {
		o := order()
		o.Type, o.CryptoCurrency, o.Network, o.WalletTag = tt.kind, tt.code, tt.network, "12 &"
		err := g.Check(&o)
		if (err != nil) != (tt.want != "") || err != nil && (checkout.CodeOf(err) != tt.want || !strings.Contains(err.Error(), "walletTag")) {
			t.Errorf("%s %s: %v, want %q", tt.kind, tt.code, err, tt.want)
		}
		if err != nil {
			continue
		}
		c, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Address: gatewaytest.Payer, Now: now})
		if err != nil || !strings.Contains(c.URL, "&walletAddressTag=12%20%26&") {
			t.Errorf("%s: %s, %v; want the tag", tt.code, c.URL, err)
		}
	}
	old := loadedAccount(t)
	var worlds map[string]json.RawMessage
	if err := json.Unmarshal(old.Catalogue, &worlds); err != nil {
		t.Fatal(err)
	}
	delete(worlds, "tagged")
	old.Catalogue = marshal(worlds)
	o := order()
	o.CryptoCurrency, o.Network = "XLM", "stellar"
	if err := open(t, old, nil).Check(&o); err != nil {
		t.Errorf("a list of before: %v", err)
	}
	o.WalletTag = "12"
	if err := open(t, old, nil).Check(&o); err == nil {
		t.Error("a list of before takes a tag")
	}
}

// TestLimits holds lists and prices to what the operator allows.
func TestLimits(t *testing.T) {
	t.Parallel()
	g := open(t, accountOf("minAmount", "20 USD", "maxAmount", "5000 USD", "countries", "DE"), nil)
	for _, kind := range []checkout.OrderType{checkout.Buy, checkout.Sell} {
		for _, f := range g.(gateway.Lister).List(kind, "DE").Fiats {
			want := map[string]string{"USD": "20 5000"}[f.Currency]
			if got := strings.TrimSpace(f.Min.String() + " " + f.Max.String()); got != want {
				t.Errorf("%s %s: %s, want %s", kind, f.Currency, got, want)
			}
		}
		if listed := g.(gateway.Lister).List(kind, "FR"); len(listed.Fiats)+len(listed.Assets) > 0 {
			t.Errorf("%s in France: %+v", kind, listed)
		}
		for _, change := range []func(o *checkout.Order){
			func(o *checkout.Order) { o.FiatAmount = amount("19.99") },
			func(o *checkout.Order) { o.FiatAmount = amount("5000.01") },
			func(o *checkout.Order) { o.Country = "FR" },
		} {
			o := order()
			o.Type = kind
			change(&o)
			if q, err := g.(gateway.Quoter).Quote(t.Context(), gateway.QuoteRequest{Order: &o, Now: now}); err == nil || checkout.CodeOf(err) == checkout.CodeInternal {
				t.Errorf("%s %s in %s: %+v, %v", kind, o.FiatAmount, o.Country, q, err)
			}
		}
	}
	listed := open(t, loadedAccount(t), nil).(gateway.Lister)
	for kind, want := range map[checkout.OrderType]string{checkout.Buy: "1.5 900", checkout.Sell: "2 "} {
		for _, a := range listed.List(kind, "").Assets {
			if n := a.Networks[0]; a.Code == "WLD" && n.Min.String()+" "+n.Max.String() != want {
				t.Errorf("%s: from %s to %s, want %s", kind, n.Min, n.Max, want)
			}
		}
	}
}
