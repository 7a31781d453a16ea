package ramp_test

import (
	"encoding/json"
	"net/http"
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

func set(pairs ...any) func(m map[string]any) {
	return func(m map[string]any) {
		for i := 0; i < len(pairs); i += 2 {
			name, ok := pairs[i].(string)
			if !ok {
				panic(pairs[i])
			}
			m[name] = pairs[i+1]
		}
	}
}

// TestPaid looks at what purchases and sales tell of what was paid, in notifications and when asked for.
func TestPaid(t *testing.T) {
	t.Parallel()
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	usdc := map[string]any{"symbol": "USDC", "chain": "MATIC", "decimals": 6}
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: strings.ToLower(wallet)}
	// Whether a sale's fiat amount is with or without its fees is written nowhere, so that it isn't told.
	sold := checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"}
	with := func(p checkout.Paid, change func(p *checkout.Paid)) checkout.Paid {
		change(&p)
		return p
	}
	cases := []struct {
		name   string
		o      *checkout.Order
		change func(m map[string]any)
		want   checkout.Paid
	}{
		{"bought", &buy, set(), bought},
		{"just less than it is, as floats are", &buy, set("fiatValue", json.Number("99.99999999999999")), bought},
		{"less", &buy, set("fiatValue", json.Number("4.34")), with(bought, func(p *checkout.Paid) { p.FiatAmount = amount("4.34") })},
		{"a float's noise", &buy, set("fiatValue", json.Number("100.00000000000001")), bought},
		{"another wallet and currency", &buy, set("receiverAddress", "0x1", "fiatCurrency", "eur"), with(bought, func(p *checkout.Paid) { p.WalletAddress, p.FiatCurrency = "0x1", "EUR" })},
		{"another asset", &buy, set("asset", usdc), with(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "USDC", "polygon" })},
		{"no asset of ours", &buy, set("asset", map[string]any{"symbol": "RON", "chain": "RONIN", "decimals": 18}), with(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		{"no chain", &buy, set("asset", map[string]any{"symbol": "ETH", "decimals": 18}), with(bought, func(p *checkout.Paid) { p.Network = "" })},
		{"neither chain nor asset of ours", &buy, set("asset", map[string]any{"symbol": "RON", "decimals": 18}), with(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		{"no currency", &buy, set("fiatCurrency", "XQZ"), with(bought, func(p *checkout.Paid) { p.FiatCurrency, p.FiatAmount = "", money.Amount{} })},
		{"nothing told", &buy, set("fiatCurrency", nil, "fiatValue", nil, "receiverAddress", nil), with(checkout.Paid{}, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "ETH", "ethereum" })},
		{"sold", &sell, set(), sold},
		{"sold for euros", &sell, set("fiat", map[string]any{"amount": "98.50", "currencySymbol": "EUR"}), with(sold, func(p *checkout.Paid) { p.FiatCurrency = "EUR" })},
		{"sold something else", &sell, set("crypto", map[string]any{"amount": "1000000", "assetInfo": usdc}), with(sold, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "USDC", "polygon" })},
	}
	for _, tt := range cases {
		a := accountOf()
		item, member := purchaseOf(tt.o, "RELEASED", "1"), "purchase"
		if tt.o.Type == checkout.Sell {
			item, member = saleOf(tt.o, "x", "1"), "payload"
			item["status"] = "RELEASED"
		}
		tt.change(item)
		var told []gateway.Update
		for _, event := range []string{"CREATED", "RELEASED"} { // the first gives what it takes to ask
			updates, err := mustOpen(a, nil).ParseNotification(t.Context(), signed(tt.o, marshal(map[string]any{"type": event, member: item})))
			if err != nil || len(updates) != 1 {
				t.Fatalf("%s: %+v, %v", tt.name, updates, err)
			}
			told = updates
		}
		if diff := cmp.Diff(tt.want, told[0].Paid, byValue); diff != "" || told[0].Deposit != nil {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		asked, err := mustOpen(a, gatewaytest.Answer(200, string(marshal(item)))).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: tt.o, Now: now})
		if err != nil || len(asked) != 1 {
			t.Fatalf("%s: asked: %+v, %v", tt.name, asked, err)
		}
		if diff := cmp.Diff(tt.want, asked[0].Paid, byValue); diff != "" {
			t.Errorf("%s, asked (-want +got):\n%s", tt.name, diff)
		}
	}
	updates, err := mustOpen(accountOf(), nil).ParseNotification(t.Context(), notify(&buy, "CREATED", "1", now))
	if err != nil || len(updates) != 1 || !cmp.Equal(updates[0].Paid, checkout.Paid{}, byValue) {
		t.Errorf("before it is paid: %+v, %v", updates, err)
	}
}

// TestWallets looks at forms of an address that are the same, and at an order that leaves it to Ramp's page.
func TestWallets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ordered, paid string
		want          checkout.OrderStatus
	}{
		{"", wallet, checkout.OrderCompleted},
		{"bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", checkout.OrderCompleted},
		{"bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy", checkout.OrderProcessing},
		{"9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM", "9wzdxwbbmkg8ztbnmquxvqrayrzzdsgydlvl9zytawwm", checkout.OrderProcessing},
	} {
		o := order()
		o.WalletAddress = tt.ordered
		item := purchaseOf(&o, "RELEASED", "1")
		item["receiverAddress"] = tt.paid
		updates, err := mustOpen(accountOf(), nil).ParseNotification(t.Context(), signed(&o, marshal(map[string]any{"type": "RELEASED", "purchase": item})))
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want || updates[0].Paid.WalletAddress != tt.paid {
			t.Errorf("%q to %q: %+v, %v", tt.ordered, tt.paid, updates, err)
		}
	}
}

// TestBegun looks at news of a beginning that come when there is more: the payer must not be sent to pay again.
func TestBegun(t *testing.T) {
	t.Parallel()
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	crypto := func(status any) map[string]any {
		return map[string]any{"amount": "25000000000000000", "status": status, "assetInfo": map[string]any{"symbol": "ETH", "chain": "ETH", "decimals": 18}}
	}
	for _, tt := range []struct {
		name   string
		o      *checkout.Order
		change func(m map[string]any)
		want   checkout.OrderStatus
	}{
		{"bought, begun", &buy, set("status", "INITIALIZED"), checkout.OrderPending},
		{"bought, no status", &buy, set("status", nil), checkout.OrderPending},
		{"bought, tried in vain", &buy, set("status", "PAYMENT_FAILED"), checkout.OrderPending},
		{"bought, paid", &buy, set("status", "PAYMENT_EXECUTED"), checkout.OrderProcessing},
		{"bought, done", &buy, set("status", "RELEASED"), checkout.OrderProcessing},
		{"bought, who knows", &buy, set("status", "NEW_STATUS"), checkout.OrderProcessing},
		{"sold, begun", &sell, set("fiat", map[string]any{"status": "not-started"}), checkout.OrderPending},
		{"sold, begun, in capitals", &sell, set("fiat", map[string]any{"status": "NOT_STARTED"}, "crypto", crypto("NOT_STARTED")), checkout.OrderPending},
		{"sold, nothing told", &sell, set("fiat", nil, "crypto", nil), checkout.OrderPending},
		{"sold, crypto on its way", &sell, set("crypto", crypto("pending")), checkout.OrderProcessing},
		{"sold, fiat on its way", &sell, set("fiat", map[string]any{"status": "initiated"}), checkout.OrderProcessing},
	} {
		item, member := purchaseOf(tt.o, "INITIALIZED", "1"), "purchase"
		if tt.o.Type == checkout.Sell {
			item, member = saleOf(tt.o, "not-started", "1"), "payload"
		}
		tt.change(item)
		a := accountOf()
		updates, err := mustOpen(a, nil).ParseNotification(t.Context(), signed(tt.o, marshal(map[string]any{"type": "CREATED", member: item})))
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want {
			t.Errorf("%s: %+v, %v; want %s", tt.name, updates, err, tt.want)
		}
		if tt.o.Type != checkout.Sell {
			continue
		}
		updates, err = mustOpen(a, gatewaytest.Answer(200, string(marshal(item)))).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: tt.o, Now: now})
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want {
			t.Errorf("%s, asked: %+v, %v; want %s", tt.name, updates, err, tt.want)
		}
	}
}

// TestPollSale asks for a sale where there is but one of the two paths that are known.
func TestPollSale(t *testing.T) {
	t.Parallel()
	sell := order()
	sell.Type = checkout.Sell
	for _, path := range []string{"GET /api/host-api/offramp/sale/p-ord_01", "GET /api/host-api/v3/offramp/sale/p-ord_01"} {
		a := accountOf()
		if _, err := mustOpen(a, nil).ParseNotification(t.Context(), notify(&sell, "CREATED", "1", now)); err != nil {
			t.Fatal(err)
		}
		item := saleOf(&sell, "sent", "1")
		item["status"] = "EXPIRED"
		mux := http.NewServeMux()
		mux.Handle(path, gatewaytest.Answer(200, string(marshal(item))))
		updates, err := mustOpen(a, mux).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &sell, Now: now})
		if err != nil || len(updates) != 1 || updates[0].Status != checkout.OrderExpired {
			t.Errorf("%s: %+v, %v", path, updates, err)
		}
	}
}

// TestLimits holds lists and prices to what the operator allows.
func TestLimits(t *testing.T) {
	t.Parallel()
	g := mustOpen(accountOf("minAmount", "20 USD", "maxAmount", "5000 USD", "countries", "DE"), nil)
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
}
