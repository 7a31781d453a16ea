package sandbox_test

import (
	"slices"
	"testing"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/money"
)

var (
	_ gateway.Quoter = (*sandbox.Gateway)(nil)
	_ gateway.Lister = (*sandbox.Gateway)(nil)
)

func TestQuote(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	cases := []struct {
		kind                            checkout.OrderType
		fiat, currency, crypto, network string
		method                          string
		wantCrypto, wantRate, wantFee   string
		wantMethod                      string
	}{
		{checkout.Buy, "100.00", "USD", "ETH", "ethereum", "", "0.02475", "4000", "1", sandbox.MethodCard},
		{checkout.Sell, "100.00", "USD", "ETH", "ethereum", "", "0.02525", "4000", "1", sandbox.MethodCard},
		{checkout.Buy, "100", "EUR", "USDC", "ethereum", sandbox.MethodBank, "118.8", "0.833333333333", "1", sandbox.MethodBank},
		{checkout.Buy, "1.01", "USD", "BTC", "bitcoin", sandbox.MethodCard, "0.00000999", "100000", "0.0101", sandbox.MethodCard},
		{checkout.Buy, "1", "VND", "BTC", "bitcoin", "", "0.00000001", "2500000000", "0.01", sandbox.MethodCard},
		{checkout.Buy, "50000", "KWD", "PEPE", "ethereum", "", "15840000000", "0.000003125", "500", sandbox.MethodCard},
		{checkout.Sell, "100", "XOF", "USDT", "tron", "", "101", "1", "1", sandbox.MethodCard}, // not in the table: a dollar
	}
	for _, tt := range cases {
		o := order()
		o.Type, o.FiatAmount, o.FiatCurrency, o.CryptoCurrency, o.Network = tt.kind, amount(tt.fiat), tt.currency, tt.crypto, tt.network
		q, err := g.Quote(t.Context(), gateway.QuoteRequest{Order: &o, PaymentMethod: tt.method})
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if q.CryptoAmount.String() != tt.wantCrypto || q.Rate.String() != tt.wantRate || q.TotalFees().String() != tt.wantFee ||
			q.PaymentMethod != tt.wantMethod || q.FiatAmount.String() != tt.fiat || q.Serves != sandbox.QuoteTTL {
			t.Errorf("%+v: %+v", tt, q)
		}
		if got := update(t, g, &o, checkout.OrderCompleted).CryptoAmount; !got.Equal(q.CryptoAmount) {
			t.Errorf("%+v: quoted %s, the order gets %s", tt, q.CryptoAmount, got)
		}
	}
}

func TestQuoteRefusals(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	cases := []struct {
		name   string
		change func(o *checkout.Order)
		method string
		code   checkout.Code
	}{
		{"crypto", func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "", checkout.CodeInvalidCurrency},
		{"network", func(o *checkout.Order) { o.Network = "bitcoin" }, "", checkout.CodeInvalidNetwork},
		{"amount", func(o *checkout.Order) { o.FiatAmount = amount("50000.01") }, "", checkout.CodeInvalidAmount},
		{"no amount", func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "", checkout.CodeInvalidAmount},
		{"payment method", func(*checkout.Order) {}, "cheque", checkout.CodeValidation},
	}
	for _, tt := range cases {
		o := order()
		tt.change(&o)
		if q, err := g.Quote(t.Context(), gateway.QuoteRequest{Order: &o, PaymentMethod: tt.method}); checkout.CodeOf(err) != tt.code {
			t.Errorf("%s: %+v, %v; want %s", tt.name, q, err, tt.code)
		}
	}
}

// TestEveryAssetHasItsQuote: what Check lets pass has a quote whose figures add up, within the limits that List tells.
func TestEveryAssetHasItsQuote(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	for _, kind := range []checkout.OrderType{checkout.Buy, checkout.Sell} {
		limits := map[string]gateway.AssetNetwork{}
		for _, a := range g.List(kind, "").Assets {
			for _, on := range a.Networks {
				limits[a.Code+" "+on.Network] = on
			}
		}
		for _, coin := range asset.Assets() {
			for _, on := range coin.Networks {
				lim, listed := limits[coin.Code+" "+on.Network]
				if !listed || !lim.Min.IsSet() || lim.Max.Cmp(lim.Min) <= 0 {
					t.Errorf("%s on %s is listed as %+v", coin.Code, on.Network, lim)
				}
				for _, currency := range money.Currencies() {
					for _, fiat := range []string{"1", "50000"} {
						o := order()
						o.Type, o.FiatAmount, o.FiatCurrency, o.CryptoCurrency, o.Network = kind, amount(fiat), currency.Code, coin.Code, on.Network
						q, err := g.Quote(t.Context(), gateway.QuoteRequest{Order: &o})
						if err != nil || !q.CryptoAmount.IsSet() || !q.Rate.IsSet() || q.CryptoAmount.Cmp(lim.Min) < 0 || q.CryptoAmount.Cmp(lim.Max) > 0 {
							t.Errorf("%s %s %s of %s on %s: %+v, %v; limits %+v", kind, fiat, currency.Code, coin.Code, on.Network, q, err, lim)
						}
					}
				}
			}
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	c := g.List(checkout.Buy, "DE")
	if len(c.Fiats) != len(money.Currencies()) || len(c.Assets) != len(asset.Assets()) || len(c.Methods) != 2 {
		t.Fatalf("%d fiats, %d assets, %d methods", len(c.Fiats), len(c.Assets), len(c.Methods))
	}
	for _, f := range c.Fiats {
		if f.Min.String() != sandbox.MinFiat || f.Max.String() != sandbox.MaxFiat || !slices.Equal(f.Methods, []string{sandbox.MethodCard, sandbox.MethodBank}) {
			t.Errorf("%+v", f)
		}
	}
	first := c.Assets[0] // BTC: what 1 VND and 50000 KWD come to, less the fee
	if first.Code != "BTC" || first.Networks[0].Min.String() != "0.00000001" || first.Networks[0].Max.String() != "1.584" {
		t.Errorf("%+v", first)
	}
	if sell := g.List(checkout.Sell, "").Assets[0].Networks[0].Max.String(); sell != "1.616" {
		t.Errorf("to sell at most %s BTC", sell)
	}
}
