package coinbase_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

// loaded is the account with what its Load gave.
func loaded(t *testing.T, server *cdp, s gateway.Settings) (gateway.Gateway, []byte) {
	t.Helper()
	a := account(s)
	data, err := open(t, a, server).(gateway.Loader).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.Catalogue = data
	return open(t, a, server), data
}

func TestLoad(t *testing.T) {
	t.Parallel()
	server := newCDP(t)
	g, data := loaded(t, server, settings())
	if _, again := loaded(t, newCDP(t), settings()); !bytes.Equal(data, again) {
		t.Errorf("the same lists are stored as\n%s\nand as\n%s", data, again)
	}
	slices.Sort(server.paths)
	want := []string{
		"/onramp/v1/buy/config", "/onramp/v1/buy/options?country=DE", "/onramp/v1/buy/options?country=US&subdivision=CA",
		"/onramp/v1/sell/config", "/onramp/v1/sell/options?country=DE", "/onramp/v1/sell/options?country=US&subdivision=CA",
	}
	if diff := cmp.Diff(want, server.paths); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	digits := cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })
	usd := gateway.Fiat{Currency: "USD", Min: amount("1"), Max: amount("25000"), Methods: []string{"debit-credit-card", "ach"}}
	eur := gateway.Fiat{Currency: "EUR", Min: amount("1.5"), Max: amount("10000"), Methods: []string{"debit-credit-card"}} // as in Germany
	chf := gateway.Fiat{Currency: "CHF", Methods: []string{"debit-credit-card", "ach"}}                                    // cards without limits
	cad := gateway.Fiat{Currency: "CAD", Min: amount("1"), Max: amount("5"), Methods: []string{"ach"}}
	on := func(code string, networks ...string) gateway.Asset {
		a := gateway.Asset{Code: code}
		for _, n := range networks {
			a.Networks = append(a.Networks, gateway.AssetNetwork{Network: n})
		}
		return a
	}
	card, ach := gateway.PaymentMethod{ID: "debit-credit-card", Name: "Credit or debit card"}, gateway.PaymentMethod{ID: "ach", Name: "US bank transfer (ACH)"}
	buy := gateway.Catalogue{
		Fiats: []gateway.Fiat{cad, chf, eur, usd}, Methods: []gateway.PaymentMethod{card, ach},
		// BTC on base and ETH on polygon are wrapped, USDC on polygon is another; what we don't know is left out.
		Assets: []gateway.Asset{on("BTC", "bitcoin"), on("ETH", "ethereum", "base"), on("USDC", "base"), on("XRP", "xrp"), on("AVAX", "avalanche"), on("CELO", "celo")},
	}
	list := g.(gateway.Lister).List
	if diff := cmp.Diff(buy, list(checkout.Buy, ""), digits); diff != "" {
		t.Errorf("to buy (-want +got):\n%s", diff)
	}
	sell := buy
	sell.Fiats = []gateway.Fiat{cad, eur, usd}                                                                       // in francs the page takes no amount
	sell.Assets = slices.DeleteFunc(slices.Clone(buy.Assets), func(a gateway.Asset) bool { return a.Code == "XRP" }) // may need a memo
	if diff := cmp.Diff(sell, list(checkout.Sell, ""), digits); diff != "" {
		t.Errorf("to sell (-want +got):\n%s", diff)
	}
	germany := list(checkout.Buy, "DE")
	if len(germany.Methods) != 1 || len(germany.Fiats) != 3 || !slices.Equal(germany.Fiats[2].Methods, []string{"debit-credit-card"}) || !slices.Equal(list(checkout.Buy, "").Fiats[3].Methods, usd.Methods) {
		t.Errorf("to buy in Germany, where there is no ACH: %+v", germany)
	}
	if singapore := list(checkout.Buy, "SG"); len(singapore.Assets) > 0 {
		t.Errorf("in Singapore nothing is bought: %+v", singapore)
	}
	if france := list(checkout.Buy, "FR"); len(france.Assets)+len(france.Fiats) > 0 {
		t.Errorf("France is not in the list, but has %+v", france)
	}
}

// TestNames sends Coinbase its own names, as it listed them.
func TestNames(t *testing.T) {
	t.Parallel()
	server := newCDP(t)
	g, _ := loaded(t, server, settings())
	for code, want := range map[string]string{
		"AVAX avalanche": `"destinationNetwork":"avacchain","purchaseCurrency":"AVAX"`,
		"CELO celo":      `"destinationNetwork":"celo","purchaseCurrency":"CGLD"`,
		"ETH ethereum":   `"destinationNetwork":"ethereum-mainnet","purchaseCurrency":"ETH"`,
	} {
		wire := gatewaytest.NewWire(server)
		a := account(settings())
		a.Catalogue, _ = g.(gateway.Loader).Load(t.Context())
		o := order()
		o.CryptoCurrency, o.Network, _ = strings.Cut(code, " ")
		client := openWire(t, a, wire)
		if err := client.Check(&o); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		if _, err := client.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		if calls := wire.Calls(); len(calls) != 1 || !strings.Contains(calls[0].Body, want) {
			t.Errorf("%s: %+v was sent, want %s in it", code, calls, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[string]string{
		"no countries":       {"GET /onramp/v1/buy/config": `{"countries":[]}`},
		"no countries known": {"GET /onramp/v1/sell/config": `{"countries":[{"id":"ZZ"}]}`},
		"no assets":          {"GET /onramp/v1/buy/options": `{"payment_currencies":[{"id":"USD"}],"purchase_currencies":[]}`},
		"no fiats":           {"GET /onramp/v1/buy/options": `{"payment_currencies":[],"purchase_currencies":[{"symbol":"BTC","networks":[{"name":"bitcoin"}]}]}`},
		"nothing known":      {"GET /onramp/v1/buy/options": `{"payment_currencies":[{"id":"USD"}],"purchase_currencies":[{"symbol":"ZZZ","networks":[{"name":"bitcoin"}]}]}`},
		"an error":           {"GET /onramp/v1/sell/options": `[]`},
	} {
		server := newCDP(t)
		server.answer = answers
		if data, err := open(t, account(settings()), server).(gateway.Loader).Load(t.Context()); err == nil {
			t.Errorf("%s: Load = %s", name, data)
		}
	}
	// The sale's lists may be empty: then the built-in ones are left.
	server := newCDP(t)
	server.answer = map[string]string{"GET /onramp/v1/sell/options": `{"cashout_currencies":[],"sell_currencies":[]}`}
	g, _ := loaded(t, server, settings())
	if err := g.Check(sellOrder()); err != nil {
		t.Error(err)
	}
}

// TestLimits narrows the lists by what the operator allows.
func TestLimits(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		settings gateway.Settings
		change   func(o *checkout.Order)
		want     checkout.Code // empty: served
	}{
		{"least", settings("minAmount", "100"), func(*checkout.Order) {}, ""},
		{"less", settings("minAmount", "100.01 USD"), func(*checkout.Order) {}, checkout.CodeInvalidAmount},
		{"less of another currency", settings("minAmount", "100.01 EUR"), func(*checkout.Order) {}, ""},
		{"most", settings("maxAmount", "100"), func(*checkout.Order) {}, ""},
		{"more", settings("maxAmount", "99.99"), func(*checkout.Order) {}, checkout.CodeInvalidAmount},
		{"more than listed", settings("maxAmount", "99999"), func(o *checkout.Order) { o.FiatAmount = amount("25000.01") }, checkout.CodeInvalidAmount},
		{"less than listed", settings("minAmount", "0.5", "maxAmount", "99999"), func(o *checkout.Order) { o.FiatAmount = amount("0.99") }, checkout.CodeInvalidAmount},
		{"country", settings("countries", "us, de"), func(*checkout.Order) {}, ""},
		{"another country", settings("countries", "DE"), func(*checkout.Order) {}, checkout.CodeInvalidGateway},
		{"a country that isn't listed", settings(), func(o *checkout.Order) { o.Country = "FR" }, checkout.CodeInvalidGateway},
		{"no country", settings("countries", "DE"), func(o *checkout.Order) { o.Country = "" }, ""},
	}
	for _, tt := range cases {
		g, _ := loaded(t, newCDP(t), tt.settings)
		o := order()
		tt.change(&o)
		if err := g.Check(&o); tt.want == "" && err != nil || tt.want != "" && checkout.CodeOf(err) != tt.want {
			t.Errorf("%s: Check = %v, want %q", tt.name, err, tt.want)
		}
	}
	// The operator's countries are the ones asked about, as far as they are served, and the state is theirs.
	server := newCDP(t)
	loaded(t, server, settings("countries", "FR US", "subdivision", "NY"))
	if !slices.Contains(server.paths, "/onramp/v1/sell/options?country=US&subdivision=NY") || len(server.paths) != 4 {
		t.Errorf("asked %v", server.paths)
	}
}

// TestManyCountries bounds the questions of one Load.
func TestManyCountries(t *testing.T) {
	t.Parallel()
	server := newCDP(t)
	many := strings.Fields("AT BE DE ES FI FR IE IT NL PT")
	config := `{"countries":[{"id":"` + strings.Join(many, `"},{"id":"`) + `"}]}`
	server.answer = map[string]string{"GET /onramp/v1/buy/config": config, "GET /onramp/v1/sell/config": config}
	loaded(t, server, settings("countries", strings.Join(many, ",")))
	if len(server.paths) != 18 {
		t.Errorf("%d questions were asked: %v", len(server.paths), server.paths)
	}
}

// TestSellRefines asks a second time where the first price is not what the order is about.
func TestSellRefines(t *testing.T) {
	t.Parallel()
	var asked []string
	server := newCDP(t)
	proceeds := []string{"96.00", "99.98"}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/sell/quote") {
			server.ServeHTTP(w, r)
			return
		}
		asked = append(asked, r.URL.Path)
		gatewaytest.Answer(http.StatusOK, `{"cashout_total":{"value":"`+proceeds[len(asked)-1]+`","currency":"USD"},"cashout_subtotal":{"value":"100.98","currency":"USD"},
			"sell_amount":{"value":"0.026","currency":"ETH"},"coinbase_fee":{"value":"1.00","currency":"USD"}}`).ServeHTTP(w, r)
	})
	wire := gatewaytest.NewWire(handler)
	q, err := openWire(t, account(settings()), wire).(gateway.Quoter).Quote(t.Context(), gateway.QuoteRequest{Order: sellOrder(), Now: now})
	if err != nil || q.FiatAmount.String() != "99.98" || q.CryptoAmount.String() != "0.026" || len(asked) != 2 {
		t.Fatalf("Quote = %+v, %v after %d prices", q, err, len(asked))
	}
	// 0.02495958 × 100 ÷ 96, to 8 places.
	if calls := wire.Calls(); !strings.Contains(calls[2].Body, `"sell_amount":"0.0259995625"`) && !strings.Contains(calls[2].Body, `"sell_amount":"0.02599956"`) {
		t.Errorf("the second price was asked for %s", calls[2].Body)
	}
}

// TestSellMuch prices a sale of more than a card may buy, in a country without cards: only the rate of a purchase counts.
func TestSellMuch(t *testing.T) {
	t.Parallel()
	server := newCDP(t)
	server.answer = map[string]string{"GET /onramp/v1/buy/config": `{"countries":[{"id":"US","payment_methods":[{"id":"ACH_BANK_ACCOUNT"}]}]}`}
	a := account(settings())
	var err error
	if a.Catalogue, err = open(t, a, server).(gateway.Loader).Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	wire := gatewaytest.NewWire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/sell/quote") {
			gatewaytest.Answer(http.StatusOK, `{"cashout_total":{"value":"20000","currency":"USD"},"cashout_subtotal":{"value":"20100","currency":"USD"},
				"sell_amount":{"value":"4.99191592","currency":"ETH"},"coinbase_fee":{"value":"100","currency":"USD"}}`).ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r)
	}))
	o := sellOrder()
	o.FiatAmount = amount("20000")
	q, err := openWire(t, a, wire).(gateway.Quoter).Quote(t.Context(), gateway.QuoteRequest{Order: o, Now: now})
	if err != nil || q.FiatAmount.String() != "20000" {
		t.Fatalf("Quote = %+v, %v", q, err)
	}
	calls := wire.Calls()
	// 100 USD buy 0.0247 ETH at 98.96: 20000 × 0.0247 ÷ 98.96.
	if !strings.Contains(calls[0].Body, `"payment_amount":"100"`) || !strings.Contains(calls[0].Body, `"payment_method":"ACH_BANK_ACCOUNT"`) || !strings.Contains(calls[1].Body, `"sell_amount":"4.99191593"`) {
		t.Errorf("asked %s and %s", calls[0].Body, calls[1].Body)
	}
}
