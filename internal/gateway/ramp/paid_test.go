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

// locked is a session of which nothing may differ.
var locked = &checkout.Session{FieldLocks: checkout.FieldLocks{
	checkout.LockSourceAmount: {Locked: true}, checkout.LockSourceCurrency: {Locked: true}, checkout.LockDestinationCurrency: {Locked: true},
	checkout.LockNetwork: {Locked: true}, checkout.LockDestinationAddress: {Locked: true},
}}

// coinOf is an asset as Ramp tells it.
func coinOf(symbol, chain string, decimals int) map[string]any {
	coin := map[string]any{"symbol": symbol, "decimals": decimals}
	if chain != "" {
		coin["chain"] = chain
	}
	return coin
}

// TestPaid looks at what finished purchases and sales tell of what was paid, in notifications and when asked for. They are
// completed whatever it is; with every lock, what is less or other than was ordered is to be held.
func TestPaid(t *testing.T) {
	t.Parallel()
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: strings.ToLower(wallet)}
	// Whether a sale's fiat amount is with or without its fees is written nowhere, so that it isn't told.
	sold := checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"}
	fiat := func(sum, currency string) checkout.Paid {
		p := bought
		p.FiatAmount, p.FiatCurrency = amount(sum), currency
		return p
	}
	crypto := func(p checkout.Paid, code, network string) checkout.Paid {
		p.CryptoCurrency, p.Network = code, network
		return p
	}
	to := func(address string) checkout.Paid {
		p := bought
		p.WalletAddress = address
		return p
	}
	bridged := coinOf("USDC", "ARBITRUM", 6)
	bridged["address"] = "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8"
	cases := []struct {
		name   string
		o      *checkout.Order
		change func(m map[string]any)
		want   checkout.Paid
		held   bool
	}{
		{"bought", &buy, set(), bought, false},
		{"just less than it is, as floats are", &buy, set("fiatValue", json.Number("99.99999999999999")), bought, false},
		{"a float's noise", &buy, set("fiatValue", json.Number("100.00000000000001")), bought, false},
		{"more", &buy, set("fiatValue", 120), fiat("120", "USD"), false},
		{"less by the fees", &buy, set("fiatValue", json.Number("98.5")), fiat("98.5", "USD"), true},
		{"less by a cent, which rounding may cost", &buy, set("fiatValue", json.Number("99.99")), fiat("99.99", "USD"), false},
		{"less by two cents", &buy, set("fiatValue", json.Number("99.98")), fiat("99.98", "USD"), true},
		{"much less", &buy, set("fiatValue", json.Number("4.34")), fiat("4.34", "USD"), true},
		{"another wallet", &buy, set("receiverAddress", "0xde0b295669a9fd93d5f28d9ec85e40f4cb697bae"), to("0xde0b295669a9fd93d5f28d9ec85e40f4cb697bae"), true},
		{"another currency", &buy, set("fiatCurrency", "eur"), fiat("100", "EUR"), true},
		{"a currency without cents", &buy, set("fiatCurrency", "JPY", "fiatValue", json.Number("15000.4")), fiat("15000", "JPY"), true},
		{"no currency of ours", &buy, set("fiatCurrency", "XQZ", "fiatValue", json.Number("0.125")), fiat("0.125", "XQZ"), true},
		{"another asset", &buy, set("asset", coinOf("USDC", "MATIC", 6)), crypto(bought, "USDC", "polygon"), true},
		{"another network", &buy, set("asset", coinOf("ETH", "BASE", 18)), crypto(bought, "ETH", "base"), true},
		{"by its older name", &buy, set("asset", coinOf("ETH_ETH", "", 18)), bought, false},
		{"another by its older name", &buy, set("asset", coinOf("BASE_ETH", "", 18)), crypto(bought, "ETH", "base"), true},
		{"no chain", &buy, set("asset", coinOf("ETH", "", 18)), crypto(bought, "ETH", ""), false},
		{"another, no chain", &buy, set("asset", coinOf("USDC", "", 6)), crypto(bought, "USDC", ""), true},
		{"no asset of ours", &buy, set("asset", coinOf("RON", "RONIN", 18)), crypto(bought, "RONIN_RON", ""), true},
		{"no asset of ours on a chain that is", &buy, set("asset", coinOf("RON", "ETH", 18)), crypto(bought, "ETH_RON", ""), true},
		{"ours on a chain that isn't", &buy, set("asset", coinOf("ETH", "RONIN", 18)), crypto(bought, "RONIN_ETH", ""), true},
		{"neither chain nor asset of ours", &buy, set("asset", coinOf("RON", "", 18)), crypto(bought, "RON", ""), true},
		{"nothing told", &buy, set("fiatCurrency", nil, "fiatValue", nil, "receiverAddress", nil), crypto(checkout.Paid{}, "ETH", "ethereum"), false},
		{"sold", &sell, set(), sold, false},
		{"sold for euros", &sell, set("fiat", map[string]any{"amount": "98.50", "currencySymbol": "EUR"}), checkout.Paid{FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "ethereum"}, true},
		{"sold something else", &sell, set("crypto", map[string]any{"amount": "1000000", "assetInfo": coinOf("USDC", "MATIC", 6)}), crypto(sold, "USDC", "polygon"), true},
		{"sold what is not listed", &sell, set("crypto", map[string]any{"amount": "1", "assetInfo": coinOf("SOL", "SOLANA", 9)}), crypto(sold, "SOL", "solana"), true},
		{"sold another token of the name", &sell, set("crypto", map[string]any{"amount": "1000000", "assetInfo": bridged}), crypto(sold, "ARBITRUM_USDC", ""), true},
		{"sold no asset of ours", &sell, set("crypto", map[string]any{"amount": "1", "assetInfo": coinOf("RON", "RONIN", 18)}), crypto(sold, "RONIN_RON", ""), true},
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
		asked, err := mustOpen(a, gatewaytest.Answer(200, string(marshal(item)))).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: tt.o, Now: now})
		if err != nil || len(asked) != 1 {
			t.Fatalf("%s: asked: %+v, %v", tt.name, asked, err)
		}
		for how, u := range map[string]gateway.Update{"notified": told[0], "asked": asked[0]} {
			if diff := cmp.Diff(tt.want, u.Paid, byValue); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tt.name, how, diff)
			}
			if u.Status != checkout.OrderCompleted || u.FailureReason != "" || u.Deposit != nil || locked.Forbids(tt.o, &u.Paid) != tt.held {
				t.Errorf("%s, %s: %+v; to be held: %v", tt.name, how, u, tt.held)
			}
		}
	}
	updates, err := mustOpen(accountOf(), nil).ParseNotification(t.Context(), notify(&buy, "CREATED", "1", now))
	if err != nil || len(updates) != 1 || !cmp.Equal(updates[0].Paid, checkout.Paid{}, byValue) {
		t.Errorf("before it is paid: %+v, %v", updates, err)
	}
}

// TestWallets looks at forms of an address: it is told as Ramp has it, and compared as what it is.
func TestWallets(t *testing.T) {
	t.Parallel()
	const cash = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
	for _, tt := range []struct {
		ordered, paid string
		held          bool
	}{
		{"bitcoincash:" + cash, cash, false},
		{cash, "bitcoincash:" + cash, false},
		{"bitcoincash:" + cash, "qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy", true},
	} {
		o := order()
		o.CryptoCurrency, o.Network, o.WalletAddress = "BCH", "bitcoin-cash", tt.ordered
		item := purchaseOf(&o, "RELEASED", "1")
		item["receiverAddress"], item["asset"] = tt.paid, coinOf("BCH", "BCH", 8)
		ordered := order() // for the URL's sake: what is built in has no BCH
		updates, err := mustOpen(accountOf(), nil).ParseNotification(t.Context(), signed(&ordered, marshal(map[string]any{"type": "RELEASED", "purchase": item})))
		if err != nil || len(updates) != 1 || updates[0].Status != checkout.OrderCompleted || updates[0].Paid.WalletAddress != tt.paid {
			t.Fatalf("%q to %q: %+v, %v", tt.ordered, tt.paid, updates, err)
		}
		if locked.Forbids(&o, &updates[0].Paid) != tt.held {
			t.Errorf("%q to %q: %+v; to be held: %v", tt.ordered, tt.paid, updates[0].Paid, tt.held)
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
