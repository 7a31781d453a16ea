package coinbase_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

var digits = cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })

// onramp and offramp are notifications with the members that https://docs.cdp.coinbase.com/webhooks/onramp.md and openapi.yaml
// of coinbase/cdp-sdk give them.
const (
	onramp = `{"eventType":"onramp.transaction.success","transactionId":"1f087a54","status":"ONRAMP_TRANSACTION_STATUS_SUCCESS","purchaseCurrency":"USDC",
		"purchaseNetwork":"base","purchaseAmount":{"currency":"USDC","value":"98.5"},"paymentTotal":{"currency":"USD","value":"100"},"paymentTotalUsd":{"currency":"USD","value":"100"},
		"paymentSubtotal":{"currency":"USD","value":"98.5"},"coinbaseFee":{"currency":"USD","value":"1.5"},"networkFee":{"currency":"USD","value":"0"},"txHash":"0xabc",
		"walletAddress":"` + wallet + `","type":"ONRAMP_TRANSACTION_TYPE_BUY_AND_SEND","contractAddress":"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913","partnerUserRef":"` + orderID + `"}`
	offramp = `{"eventType":"offramp.transaction.updated","transactionId":"a1b2","status":"TRANSACTION_STATUS_STARTED","asset":"ETH","network":"base",
		"sellAmount":{"currency":"ETH","value":"0.025"},"total":{"currency":"USD","value":"97.00"},"subtotal":{"currency":"USD","value":"100.00"},"fromAddress":"` + wallet + `",
		"toAddress":"` + deposit + `","createdAt":"2026-03-01T11:55:00Z","txHash":"","partnerUserRef":"sell-` + orderID + `"}`
	deposit = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
)

// with replaces parts of a text, each of which must be there.
func with(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s is not in %s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func heard(t *testing.T, body string) gateway.Update {
	t.Helper()
	updates, err := open(t, account(settings()), nil).ParseNotification(t.Context(), signed(body))
	if err != nil || len(updates) != 1 {
		t.Fatalf("ParseNotification(%s) = %+v, %v; want one update", body, updates, err)
	}
	return updates[0]
}

// TestPaid has what a transaction says was paid. FiatAmount is the total, which is what the session was asked for.
func TestPaid(t *testing.T) {
	t.Parallel()
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "USDC", Network: "base", WalletAddress: wallet}
	sold := checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "base", WalletAddress: wallet}
	but := func(p checkout.Paid, change func(p *checkout.Paid)) checkout.Paid {
		change(&p)
		return p
	}
	cases := []struct {
		name, body string
		want       checkout.Paid
	}{
		{"bought", onramp, bought},
		{"in their names", with(t, onramp, `"USDC"`, `"cgld"`, `"base"`, `"celo"`, `"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"`, `""`), but(bought, func(p *checkout.Paid) {
			p.CryptoCurrency, p.Network = "CELO", "celo"
		})},
		{"a network by another name", with(t, onramp, `"base"`, `"ethereum-mainnet"`, `"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"`, `""`), but(bought, func(p *checkout.Paid) { p.Network = "ethereum" })},
		{"wrapped under the original's name", with(t, onramp, `"USDC"`, `"BTC"`), but(bought, func(p *checkout.Paid) { p.CryptoCurrency = "BTC" })},
		{"another token of the ticker", with(t, onramp, `"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"`, `"0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA"`), bought},
		{"what we don't know", with(t, onramp, `"USDC"`, `"ZZZ"`, `"base"`, `"zzz"`), but(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "ZZZ", "" })},
		{"an id in the ticker's place", with(t, onramp, `"USDC"`, `"2b92315d-eab7-5bef-84fa-089a131333f5"`), but(bought, func(p *checkout.Paid) { p.CryptoCurrency = "" })},
		{"their own crypto, which costs nothing", with(t, onramp, "BUY_AND_SEND", "SEND"), but(bought, func(p *checkout.Paid) { p.FiatAmount, p.FiatCurrency = money.Amount{}, "USDC" })},
		{"nothing paid", with(t, onramp, `"paymentTotal":{"currency":"USD","value":"100"}`, `"paymentTotal":{"currency":"USD","value":"0"}`), but(bought, func(p *checkout.Paid) {
			p.FiatAmount, p.FiatCurrency = money.Amount{}, ""
		})},
		{"in another form: what is only compared costs no status", with(t, onramp, `"paymentTotal":{"currency":"USD","value":"100"}`, `"paymentTotal":["100"]`, `"base"`, `7`, `"`+wallet+`"`, `{}`), checkout.Paid{CryptoCurrency: "USDC"}},
		{"a wallet with more than one form", with(t, onramp, `"USDC"`, `"XRP"`, `"base"`, `"ripple"`), but(bought, func(p *checkout.Paid) { p.CryptoCurrency, p.Network, p.WalletAddress = "XRP", "xrp", "" })},
		{"headless", `{"eventType":"onramp.transaction.success","orderId":"123e4567","status":"ONRAMP_ORDER_STATUS_COMPLETED","paymentTotal":"100.75","paymentCurrency":"EUR",
			"purchaseAmount":"100.000000","purchaseCurrency":"USDC","destinationAddress":"` + wallet + `","destinationNetwork":"base","partnerUserRef":"` + orderID + `"}`, but(bought, func(p *checkout.Paid) {
			p.FiatAmount, p.FiatCurrency = amount("100.75"), "EUR"
		})},
		{"sold: what the total is of isn't certain", offramp, sold},
		{"sold for crypto", with(t, offramp, `"total":{"currency":"USD","value":"97.00"}`, `"total":null`), but(sold, func(p *checkout.Paid) { p.FiatCurrency = "" })},
		{"bitcoin comes from a new address each time", with(t, offramp, `"ETH","network":"base"`, `"BTC","network":"bitcoin"`), but(sold, func(p *checkout.Paid) {
			p.CryptoCurrency, p.Network, p.WalletAddress = "BTC", "bitcoin", ""
		})},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, heard(t, tt.body).Paid, digits); diff != "" {
				t.Errorf("paid (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeposit has where a seller sends the crypto: Coinbase tells us alone, and only while it waits for it.
func TestDeposit(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 3, 1, 12, 25, 0, 0, time.UTC) // 30 minutes after "Cash out now"
	want := &checkout.Deposit{Address: deposit, Amount: amount("0.025"), Until: until}
	cases := []struct {
		name, body string
		want       *checkout.Deposit
	}{
		{"waiting", offramp, want},
		{"just made", with(t, offramp, "STARTED", "CREATED"), want},
		{"with an empty hash", with(t, offramp, `"txHash":""`, `"txHash":"0x"`), want},
		{"an amount in dollars", with(t, offramp, `{"currency":"ETH","value":"0.025"}`, `{"currency":"USD","value":"100"}`), &checkout.Deposit{Address: deposit, Until: until}},
		{"an amount of nothing said", with(t, offramp, `{"currency":"ETH","value":"0.025"}`, `{"value":"0.025"}`), &checkout.Deposit{Address: deposit, Until: until}},
		{"no time", with(t, offramp, `"2026-03-01T11:55:00Z"`, `"0001-01-01T00:00:00Z"`), &checkout.Deposit{Address: deposit, Amount: amount("0.025")}},
		{"too late", with(t, offramp, "11:55:00Z", "11:30:00Z"), nil},
		{"sent", with(t, offramp, `"txHash":""`, `"txHash":"0xabc"`), nil},
		{"done", with(t, offramp, "STARTED", "SUCCESS"), nil},
		{"failed", with(t, offramp, "STARTED", "FAILED"), nil},
		{"expired", with(t, offramp, "STARTED", "EXPIRED"), nil},
		{"a status unheard of", with(t, offramp, "STARTED", "IN_PROGRESS"), nil},
		{"no address", with(t, offramp, `"`+deposit+`"`, `""`), nil},
		{"an address of another kind", with(t, offramp, `"`+deposit+`"`, `"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"`), nil},
		{"an asset that we can't name", with(t, offramp, `"ETH","network"`, `"ZZZ","network"`), nil},
		{"where a memo may be needed", with(t, offramp, `"ETH","network":"base"`, `"XRP","network":"ripple"`, deposit, "rvYAfWj5gh67oV6fW32ZzP3Aw4Eubs59B"), nil},
		{"bought", with(t, onramp, `"walletAddress"`, `"toAddress"`), nil},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := heard(t, tt.body)
			if diff := cmp.Diff(tt.want, got.Deposit, digits); diff != "" {
				t.Errorf("deposit (-want +got):\n%s", diff)
			}
			if got.Deposit != nil && got.Status != checkout.OrderPending {
				t.Errorf("the payer has to send, but the order is %s", got.Status)
			}
			var o checkout.Order // which takes up a deposit as long as it waits
			if o.Status = checkout.OrderCreated; got.Deposit != nil {
				o.Apply(checkout.OrderUpdate{Status: got.Status, ExternalOrderID: got.ExternalOrderID, Deposit: got.Deposit}, now)
			}
			if diff := cmp.Diff(tt.want, o.Deposit, digits); diff != "" {
				t.Errorf("the order's deposit (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPollSale asks for a sale, which tells the deposit as soon as there is one, and is news each time that this changes.
func TestPollSale(t *testing.T) {
	t.Parallel()
	const transaction = `{"transaction_id":"a1b2","status":"TRANSACTION_STATUS_STARTED","asset":"ETH","network":"base","sell_amount":{"value":"0.025","currency":"ETH","cbrn":"x"},
		"total":{"value":"97","currency":"USD"},"from_address":"` + wallet + `","to_address":"` + deposit + `","created_at":"2026-03-01T11:55:00.5Z","updated_at":"","tx_hash":""}`
	poll := func(answer string) gateway.Update {
		t.Helper()
		g := open(t, account(settings()), gatewaytest.Answer(http.StatusOK, `{"transactions":[`+answer+`]}`))
		updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: sellOrder(), Now: now})
		if err != nil || len(updates) != 1 {
			t.Fatalf("Poll of %s = %+v, %v; want one update", answer, updates, err)
		}
		return updates[0]
	}
	got := poll(transaction)
	want := gateway.Update{
		DedupKey: got.DedupKey, OrderID: orderID, Type: checkout.Sell, Status: checkout.OrderPending, ExternalOrderID: "a1b2", CryptoAmount: amount("0.025"),
		Paid:    checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "base", WalletAddress: wallet},
		Deposit: &checkout.Deposit{Address: deposit, Amount: amount("0.025"), Until: time.Date(2026, 3, 1, 12, 25, 0, 5e8, time.UTC)},
	}
	if diff := cmp.Diff(want, got, digits); diff != "" {
		t.Errorf("polled (-want +got):\n%s", diff)
	}
	for name, other := range map[string]string{
		"no address yet": with(t, transaction, deposit, ""), "another address": with(t, transaction, deposit, wallet), "sent": with(t, transaction, `"tx_hash":""`, `"tx_hash":"0x31"`),
	} {
		if u := poll(other); u.DedupKey == got.DedupKey {
			t.Errorf("%s: the answer has the same key as the other, and would be taken for a replay", name)
		}
	}
	if u := poll(with(t, transaction, `"tx_hash":""`, `"tx_hash":"0x31"`)); u.Status != checkout.OrderProcessing || u.Deposit != nil {
		t.Errorf("once the crypto is seen: %s, %+v; want it processing, with nothing to send", u.Status, u.Deposit)
	}
	if again := poll(transaction); again.DedupKey != got.DedupKey {
		t.Error("the same answer has another key")
	}
	if u := poll(with(t, transaction, `"base"`, `"ethereum"`)); u.Deposit != nil || u.Paid.Network != "ethereum" {
		t.Errorf("on another network than the order's: %+v, %+v", u.Deposit, u.Paid)
	}
	if u := poll(with(t, transaction, `"ETH","network"`, `"USDC","network"`)); u.Deposit != nil {
		t.Errorf("in another asset than the order's: %+v", u.Deposit)
	}
}

// TestReferences has sales and purchases under each other's references, which payers can alter in the page's URL.
func TestReferences(t *testing.T) {
	t.Parallel()
	g := open(t, account(settings()), nil)
	back := `"redirectUrl":"https://shop.example/ok?a=1&partnerUserRef=sell-` + orderID + `"`
	ref := `"partnerUserRef":"sell-` + orderID + `"`
	for name, tt := range map[string]struct {
		body string
		ours bool
	}{
		"sale":                            {offramp, true},
		"sale of a purchase":              {with(t, offramp, "sell-", ""), false},
		"purchase of a sale":              {with(t, onramp, `"partnerUserRef":"`, `"partnerUserRef":"sell-`), false},
		"sale that names its way back":    {with(t, offramp, ref, back), true}, // as they come: coinbase/onramp-v2-mobile-demo, server/src/app.ts
		"with an empty reference":         {with(t, offramp, ref, `"partnerUserRef":"",`+back), true},
		"with another reference":          {with(t, offramp, ref, `"partnerUserRef":"somebody",`+back), false},
		"back to a purchase":              {with(t, offramp, ref, strings.Replace(back, "sell-", "", 1)), false},
		"a way back without any":          {with(t, offramp, ref, `"redirectUrl":"https://shop.example/ok"`), false},
		"a way back that is none":         {with(t, offramp, ref, `"redirectUrl":"://%"`), false},
		"a purchase has no way back":      {with(t, onramp, `"partnerUserRef":"`+orderID+`"`, `"redirectUrl":"https://shop.example/?partnerUserRef=`+orderID+`"`), false},
		"a sale in the sandbox's clothes": {with(t, offramp, "sell-", "sandbox-sell-"), false},
	} {
		updates, err := g.ParseNotification(t.Context(), signed(tt.body))
		if err != nil || len(updates) > 0 != tt.ours || tt.ours && updates[0].OrderID != orderID {
			t.Errorf("%s: %+v, %v; want an update: %v", name, updates, err, tt.ours)
		}
	}
}

// TestWayBack appends the reference to the redirectUrl of a sale, as its notifications name no other.
func TestWayBack(t *testing.T) {
	t.Parallel()
	for back, want := range map[string]string{
		"https://shop.example/ok":                  "https://shop.example/ok?partnerUserRef=sell-" + orderID,
		"https://shop.example/ok?b=2&a=%20#paid":   "https://shop.example/ok?b=2&a=%20&partnerUserRef=sell-" + orderID + "#paid",
		"shop-app://sold?":                         "shop-app://sold?partnerUserRef=sell-" + orderID,
		"https://shop.example/ok?partnerUserRef=x": "https://shop.example/ok?partnerUserRef=x", // the shop's own
	} {
		o := sellOrder()
		o.RedirectURL = back
		made, err := open(t, account(settings()), newCDP(t)).(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: o, Address: gatewaytest.Payer, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		page, err := url.Parse(made.URL)
		if err != nil || page.Query().Get("redirectUrl") != want || page.Query().Get("partnerUserRef") != "sell-"+orderID {
			t.Errorf("%s: the page is %s (%v), want it to lead back to %s", back, made.URL, err, want)
		}
	}
}

// TestPrivateAddress: Coinbase refuses addresses that say nothing of where the payer is.
func TestPrivateAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"192.168.1.7", "10.0.0.1", "127.0.0.1", "::1", "fe80::1", "fd00::1", "0.0.0.0", "::ffff:10.0.0.1"} {
		o := order()
		wire := gatewaytest.NewWire(newCDP(t))
		g := openWire(t, account(settings()), wire).(gateway.Opener)
		if _, err := g.OpenCheckout(t.Context(), gateway.Request{Order: &o, Address: netip.MustParseAddr(address), Now: now}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if calls := wire.Calls(); len(calls) != 1 || strings.Contains(calls[0].Body, "clientIp") {
			t.Errorf("%s: %+v was sent", address, calls)
		}
		made, err := g.OpenCheckout(t.Context(), gateway.Request{Order: sellOrder(), Address: netip.MustParseAddr(address), Now: now})
		if err == nil || !strings.Contains(err.Error(), "trusted proxies") {
			t.Errorf("a sale from %s: %+v, %v", address, made, err)
		}
	}
}

// TestOperatorLimits holds lists and prices to what the operator allows.
func TestOperatorLimits(t *testing.T) {
	t.Parallel()
	g, _ := loaded(t, newCDP(t), settings("minAmount", "50 USD", "maxAmount", "99 USD", "countries", "US"))
	quote := func(change func(o *checkout.Order)) error {
		o := order()
		change(&o)
		_, err := g.(gateway.Quoter).Quote(t.Context(), gateway.QuoteRequest{Order: &o, Now: now})
		return err
	}
	for want, change := range map[checkout.Code]func(o *checkout.Order){
		checkout.CodeInvalidAmount:  func(*checkout.Order) {},
		checkout.CodeInvalidGateway: func(o *checkout.Order) { o.FiatAmount, o.Country = amount("60"), "DE" },
	} {
		if err := quote(change); checkout.CodeOf(err) != want {
			t.Errorf("Quote = %v, want %s", err, want)
		}
	}
	if err := quote(func(o *checkout.Order) { o.FiatAmount = amount("60") }); err != nil {
		t.Errorf("within the limits: %v", err)
	}
	for _, kind := range []checkout.OrderType{checkout.Buy, checkout.Sell} {
		fiats := g.(gateway.Lister).List(kind, "US").Fiats
		if usd := fiats[len(fiats)-1]; usd.Currency != "USD" || usd.Min.String() != "50" || usd.Max.String() != "99" {
			t.Errorf("to %s: %+v", kind, usd)
		}
		if there := g.(gateway.Lister).List(kind, "DE"); len(there.Fiats)+len(there.Assets) > 0 {
			t.Errorf("to %s in a country that the operator leaves out: %+v", kind, there)
		}
	}
	// Where nothing is left between the limits, nothing is listed.
	g, _ = loaded(t, newCDP(t), settings("minAmount", "30000 USD"))
	for _, f := range g.(gateway.Lister).List(checkout.Buy, "").Fiats {
		if f.Currency == "USD" {
			t.Errorf("listed from %s to %s", f.Min, f.Max)
		}
	}
}
