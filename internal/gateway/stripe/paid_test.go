package stripe_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

var digits = cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })

// paidJSON is a session that is done, as https://docs.stripe.com/api/crypto/onramp_sessions/object describes it.
const paidJSON = `{"id":"` + sessionID + `","object":"crypto.onramp_session","livemode":true,"status":"fulfillment_complete","metadata":{"order_id":"` + orderID + `"},
	"transaction_details":{"destination_amount":"95.5","destination_currencies":["usdc"],"destination_currency":"usdc","destination_network":"ethereum","destination_networks":["ethereum"],
	"fees":{"network_fee_amount":"0.17","transaction_fee_amount":"4.04"},"lock_wallet_address":true,"source_amount":"100.00","source_currency":"usd","transaction_id":"0xabc",
	"wallet_address":"` + wallet + `","wallet_addresses":{"ethereum":"` + wallet + `","bitcoin":null,"destination_tags":null}}}`

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

// TestPaid has what a session says was paid, in notifications and in answers. Its source_amount is without the fees, as is the
// one that we send.
func TestPaid(t *testing.T) {
	t.Parallel()
	all := checkout.Paid{FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "USDC", Network: "ethereum", WalletAddress: wallet}
	but := func(change func(p *checkout.Paid)) checkout.Paid {
		p := all
		change(&p)
		return p
	}
	cases := []struct {
		name, session string
		want          checkout.Paid
	}{
		{"all", paidJSON, all},
		{"another amount in another currency", with(t, paidJSON, `"100.00"`, `"50"`, `"usd"`, `"eur"`), but(func(p *checkout.Paid) { p.FiatAmount, p.FiatCurrency = amount("50"), "EUR" })},
		{"in their names", with(t, paidJSON, `"usdc","destination_network":"ethereum"`, `"wld","destination_network":"worldchain"`), but(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "WLD", "world-chain" })},
		{"base", with(t, paidJSON, `"destination_network":"ethereum"`, `"destination_network":"base"`), but(func(p *checkout.Paid) { p.Network = "base" })},
		{"base as a member is named", with(t, paidJSON, `"destination_network":"ethereum"`, `"destination_network":"base_network"`), but(func(p *checkout.Paid) { p.Network = "base" })},
		{"what we don't know", with(t, paidJSON, `"usdc","destination_network":"ethereum"`, `"zzz","destination_network":"tempo"`), but(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		{"what our catalogue doesn't have there", with(t, paidJSON, `"usdc","destination_network"`, `"btc","destination_network"`), but(func(p *checkout.Paid) { p.CryptoCurrency = "" })},
		{"Polygon's own, which has two names", with(t, paidJSON, `"usdc","destination_network":"ethereum"`, `"pol","destination_network":"polygon"`), but(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "polygon" })},
		{"a memo", with(t, paidJSON, `"destination_network":"ethereum"`, `"destination_network":"stellar"`, `"destination_tags":null`, `"destination_tags":{"stellar":"7"}`), but(func(p *checkout.Paid) {
			p.Network, p.WalletTag = "stellar", "7"
		})},
		{"a memo for another network", with(t, paidJSON, `"destination_tags":null`, `"destination_tags":{"stellar":"7"}`), all},
		{"nothing told", with(t, paidJSON, `"100.00"`, `null`, `"usd"`, `null`, `"usdc","destination_network":"ethereum"`, `null,"destination_network":null`, `"wallet_address":"`+wallet+`"`, `"wallet_address":null`), checkout.Paid{}},
		{"in another form: what is only compared costs no status", with(t, paidJSON, `"100.00"`, `["100.00"]`), checkout.Paid{}},
		{"an amount that is none", with(t, paidJSON, `"100.00"`, `"-1e9"`), but(func(p *checkout.Paid) { p.FiatAmount = money.Amount{} })},
		{"an endless address", with(t, paidJSON, `"wallet_address":"`+wallet, `"wallet_address":"`+strings.Repeat("x", 256)), but(func(p *checkout.Paid) { p.WalletAddress = "" })},
	}
	g := open(t, account(settings()), nil)
	for _, tt := range cases {
		updates, err := g.ParseNotification(t.Context(), signed(eventOf("evt_1", tt.session), now))
		if err != nil || len(updates) != 1 || updates[0].Status != checkout.OrderCompleted {
			t.Errorf("%s: %+v, %v; want it completed", tt.name, updates, err)
			continue
		}
		if diff := cmp.Diff(tt.want, updates[0].Paid, digits); diff != "" {
			t.Errorf("%s: paid (-want +got):\n%s", tt.name, diff)
		}
		o := order()
		asked := open(t, account(settings()), gatewaytest.NewWire(gatewaytest.Answer(http.StatusOK, tt.session)))
		updates, err = asked.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: Poll = %+v, %v", tt.name, updates, err)
			continue
		}
		if diff := cmp.Diff(tt.want, updates[0].Paid, digits); diff != "" {
			t.Errorf("%s: asked for, paid (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestPaidInSandbox: Stripe overrides amounts there, which is no discrepancy.
func TestPaidInSandbox(t *testing.T) {
	t.Parallel()
	a := account(settings("secretKey", "sk_test_51Nv0a1B2c3D"))
	a.Mode = checkout.ModeTest
	body := strings.ReplaceAll(eventOf("evt_1", paidJSON), `"livemode":true`, `"livemode":false`)
	updates, err := open(t, a, nil).ParseNotification(t.Context(), signed(body, now))
	if err != nil || len(updates) != 1 || updates[0].Paid.FiatAmount.IsSet() || updates[0].Paid.FiatCurrency != "USD" {
		t.Errorf("%+v, %v; want no amount, but the currency", updates, err)
	}
}

// TestConnectedAccount has an event of an account that is connected to ours, which says of its sessions what it likes.
func TestConnectedAccount(t *testing.T) {
	t.Parallel()
	body := with(t, eventOf("evt_1", paidJSON), `"object":"event"`, `"object":"event","account":"acct_1032D82eZvKYlo2C"`)
	if updates, err := open(t, account(settings()), nil).ParseNotification(t.Context(), signed(body, now)); err != nil || len(updates) != 0 {
		t.Errorf("%+v, %v; want nothing", updates, err)
	}
}

// TestReplayedFailure has a Stripe that failed once, and repeats that for each request of the key, as
// https://docs.stripe.com/api/idempotent_requests says.
func TestReplayedFailure(t *testing.T) {
	t.Parallel()
	broken := ""
	var asked atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if asked.Add(1) == 1 {
			broken = key
		}
		if key == broken {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, `{"error":{"type":"api_error"}}`)
			return
		}
		fmt.Fprintf(w, `{"id":"cos_%d","redirect_url":"https://crypto.link.com?session_hash=%s"}`, asked.Load(), key)
	})
	o := order()
	g := open(t, account(settings()), gatewaytest.NewWire(handler)).(gateway.Opener)
	var urls []string
	for range 2 {
		made, err := g.OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, made.URL)
	}
	if urls[0] != urls[1] || asked.Load() != 4 {
		t.Errorf("the payer is sent to %v after %d requests; want the same session both times", urls, asked.Load())
	}
}

// TestOperatorLimits holds lists and prices to what the operator allows.
func TestOperatorLimits(t *testing.T) {
	t.Parallel()
	g := open(t, account(settings("minAmount", "50 USD", "maxAmount", "99 USD", "countries", "US")), gatewaytest.NewWire(server(t)))
	for name, tt := range map[string]struct {
		change func(o *checkout.Order)
		want   checkout.Code // empty: a price
	}{
		"too much":        {func(*checkout.Order) {}, checkout.CodeInvalidAmount},
		"too little":      {func(o *checkout.Order) { o.FiatAmount = amount("49.99") }, checkout.CodeInvalidAmount},
		"another country": {func(o *checkout.Order) { o.FiatAmount, o.Country = amount("60"), "DE" }, checkout.CodeInvalidGateway},
		"within":          {func(o *checkout.Order) { o.FiatAmount = amount("60") }, ""},
	} {
		o := order()
		tt.change(&o)
		_, err := g.(gateway.Quoter).Quote(t.Context(), gateway.QuoteRequest{Order: &o, Now: now})
		if tt.want == "" && err != nil || tt.want != "" && checkout.CodeOf(err) != tt.want {
			t.Errorf("%s: Quote = %v, want %q", name, err, tt.want)
		}
		if err := g.Check(&o); tt.want == "" && err != nil || tt.want != "" && checkout.CodeOf(err) != tt.want {
			t.Errorf("%s: Check = %v, want %q", name, err, tt.want)
		}
	}
	fiats := g.(gateway.Lister).List(checkout.Buy, "US").Fiats
	if usd := fiats[1]; usd.Currency != "USD" || usd.Min.String() != "50" || usd.Max.String() != "99" {
		t.Errorf("listed: %+v", fiats)
	}
}

// TestPaidEarlier has a payer who came from two addresses, for whom there are two sessions, and who paid in the first.
func TestPaidEarlier(t *testing.T) {
	t.Parallel()
	o := order()
	o.CreatedAt, o.CheckoutSeconds = now.Add(-time.Hour), 1800
	last := strings.ReplaceAll(with(t, paidJSON, "fulfillment_complete", "requires_payment"), "cos_1NamBL2eZvKYlo2CP38sZVEW", "cos_last")
	o.ExternalOrderID = "cos_last"
	somebody := with(t, paidJSON, orderID, "ord_another")
	for name, tt := range map[string]struct {
		last, list string
		status     int
		want       checkout.OrderStatus
		id         string
		asked      int
	}{
		"in the first":                {last, `{"data":[` + somebody + `,` + paidJSON + `]}`, 200, checkout.OrderCompleted, sessionID, 2},
		"the last was rejected":       {with(t, last, "requires_payment", "rejected"), `{"data":[` + paidJSON + `]}`, 200, checkout.OrderCompleted, sessionID, 2},
		"in none":                     {last, `{"data":[` + somebody + `]}`, 200, checkout.OrderPending, "cos_last", 2},
		"in the last":                 {with(t, last, "requires_payment", "fulfillment_processing"), "", 500, checkout.OrderProcessing, "cos_last", 1},
		"a list that may not be seen": {last, `{"error":{}}`, 403, checkout.OrderPending, "cos_last", 2},
	} {
		wire := gatewaytest.NewWire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/crypto/onramp_sessions/cos_last" {
				io.WriteString(w, tt.last)
				return
			}
			gatewaytest.Answer(tt.status, tt.list).ServeHTTP(w, r)
		}))
		updates, err := open(t, account(settings()), wire).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		calls := wire.Calls()
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want || updates[0].ExternalOrderID != tt.id || len(calls) != tt.asked {
			t.Errorf("%s: Poll = %+v, %v after %+v; want %s by %s", name, updates, err, calls, tt.want, tt.id)
			continue
		}
		if len(calls) == 1 {
			continue
		}
		query := "created%5Bgte%5D=1772362740&created%5Blte%5D=1772364660&destination_currency=eth&destination_network=ethereum&limit=100&status=fulfillment_complete"
		if want := "https://api.stripe.com/v1/crypto/onramp_sessions?" + query; calls[1].URL != want {
			t.Errorf("%s: %s was asked, want %s", name, calls[1].URL, want)
		}
	}
	wire := gatewaytest.NewWire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, last)
	}))
	if updates, err := open(t, account(settings()), wire).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now}); err == nil {
		t.Errorf("Stripe can't say whether an earlier session was paid: %+v", updates)
	}
}
