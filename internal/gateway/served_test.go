package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

func limit(text string) gateway.Limit {
	a, err := money.Parse(text)
	if err != nil && text != "" {
		panic(err)
	}
	return gateway.Limit{Amount: a}
}

func serving() *gateway.Serving {
	method := func(id, least, most string) gateway.ServedMethod {
		return gateway.ServedMethod{ID: id, Name: id, Theirs: "x_" + id, Min: limit(least), Max: limit(most)}
	}
	return &gateway.Serving{
		Countries: []string{"US", "DE", "US"},
		Buy: gateway.Served{
			Fiats: []gateway.ServedFiat{
				{Currency: "USD", Methods: []gateway.ServedMethod{method("card", "20", "1000"), method("wire", "500", "9000")}},
				{Currency: "EUR", Methods: []gateway.ServedMethod{method("card", "", "1000"), method("sepa", "50", "")}},
				{Currency: "CHF", Methods: []gateway.ServedMethod{method("card", "10", "")}},
				{Currency: "USD", Methods: []gateway.ServedMethod{method("card", "1", "1")}},
				{Currency: "XXX", Methods: []gateway.ServedMethod{method("card", "1", "1")}},
				{Currency: "JPY"},
			},
			Assets: []gateway.ServedAsset{
				{Code: "USDC", Network: "base"},
				{Code: "ETH", Network: "base", Without: []string{"US"}},
				{Code: "USDC", Network: "ethereum", Min: limit("5"), Max: limit("700.5")},
				{Code: "USDC", Network: "base", TheirCode: "again"},
				{Code: "USDC", Network: "bitcoin"},
				{Code: "NOPE", Network: "ethereum"},
			},
		},
	}
}

func TestServing(t *testing.T) {
	t.Parallel()
	raw, err := serving().Encode()
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.DecodeServing(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		fiat, amount, code, network, country, min, max string
		want                                           string
	}{
		{"USD", "20", "USDC", "base", "", "", "", ""},
		{"USD", "19.99", "USDC", "base", "", "", "", "fiatAmount must be at least 20 USD"},
		{"USD", "9000", "USDC", "base", "", "", "", ""},
		{"USD", "9000.01", "USDC", "base", "", "", "", "fiatAmount must be at most 9000 USD"},
		{"USD", "99", "USDC", "base", "", "100", "200", "fiatAmount must be at least 100 USD"},
		{"USD", "99", "USDC", "base", "", "100 EUR", "200 EUR", ""},
		{"USD", "15", "USDC", "base", "", "1", "99999", "fiatAmount must be at least 20 USD"},
		{"EUR", "0.01", "USDC", "base", "", "", "", ""},
		{"EUR", "99999", "USDC", "base", "", "", "", ""},
		{"EUR", "101", "USDC", "base", "", "", "100", "fiatAmount must be at most 100 EUR"},
		{"CHF", "9", "USDC", "base", "", "", "", "fiatAmount must be at least 10 CHF"},
		{"EUR", "", "USDC", "base", "", "", "", "fiatAmount is required"},
		{"GBP", "20", "USDC", "base", "", "", "", "fiatCurrency is not a currency"},
		{"USD", "20", "BTC", "bitcoin", "", "", "", "cryptoCurrency is not an asset"},
		{"USD", "20", "USDC", "bitcoin", "", "", "", "network must be a network on which Ramp serves USDC: ethereum, base"},
		{"USD", "20", "ETH", "base", "DE", "", "", ""},
		{"USD", "20", "ETH", "base", "US", "", "", "cryptoCurrency is not an asset"},
		{"USD", "20", "USDC", "base", "FR", "", "", "gateway Ramp does not serve payers in FR"},
	} {
		limits, err := gateway.Settings{"minAmount": tt.min, "maxAmount": tt.max}.Limits()
		if err != nil {
			t.Fatal(err)
		}
		o := checkout.Order{
			Type: checkout.Buy, FiatAmount: limit(tt.amount).Amount, FiatCurrency: tt.fiat, CryptoCurrency: tt.code, Network: tt.network, Country: tt.country,
		}
		err = s.Check("Ramp", &o, limits)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
		listed := s.List(checkout.Buy, "", limits)
		for _, f := range listed.Fiats { // what is listed is what passes
			if f.Currency == tt.fiat && tt.amount != "" && (strings.HasPrefix(tt.want, "fiatAmount") == (f.Min.Cmp(o.FiatAmount) <= 0 && (!f.Max.IsSet() || f.Max.Cmp(o.FiatAmount) >= 0))) {
				t.Errorf("%+v: listed from %s to %s", tt, f.Min, f.Max)
			}
		}
	}
	sale := checkout.Order{Type: checkout.Sell, FiatAmount: limit("50").Amount, FiatCurrency: "USD", CryptoCurrency: "USDC", Network: "base"}
	if err := s.Check("Ramp", &sale, gateway.Limits{}); checkout.CodeOf(err) != checkout.CodeInvalidCurrency {
		t.Errorf("a sale: %v", err)
	}
}

func TestServedNamed(t *testing.T) {
	t.Parallel()
	s := gateway.Served{Assets: []gateway.ServedAsset{
		{Code: "ETH", Network: "ethereum", TheirCode: "eth"},
		{Code: "USDC", Network: "base", TheirCode: "USDC", TheirNetwork: "base"},
		{Code: "USDC", Network: "polygon", TheirCode: "USDC", TheirNetwork: "matic"},
		{Code: "BTC", Network: "bitcoin"},
	}}
	for _, tt := range []struct{ code, network, want string }{
		{"eth", "", "ETH/ethereum"},
		{"ETH", "", "ETH/ethereum"},
		{"usdc", "MATIC", "USDC/polygon"},
		{"USDC", "base", "USDC/base"},
		{"USDC", "", ""},
		{"eth", "ethereum", ""},
		{"", "", ""},
	} {
		got, ok := s.Named(tt.code, tt.network)
		if ok != (tt.want != "") || ok && got.Code+"/"+got.Network != tt.want {
			t.Errorf("Named(%q, %q) = %+v, %v; want %s", tt.code, tt.network, got, ok, tt.want)
		}
	}
}

func TestServingLists(t *testing.T) {
	t.Parallel()
	s := serving().Tidy()
	got := s.List(checkout.Buy, "US", gateway.Limits{Currency: "CHF", Max: limit("5").Amount})
	want := gateway.Catalogue{
		Fiats: []gateway.Fiat{ // no francs: the least is more than the most
			{Currency: "EUR", Methods: []string{"card", "sepa"}},
			{Currency: "USD", Min: limit("20").Amount, Max: limit("9000").Amount, Methods: []string{"card", "wire"}},
		},
		Assets: []gateway.Asset{{Code: "USDC", Networks: []gateway.AssetNetwork{
			{Network: "ethereum", Min: limit("5").Amount, Max: limit("700.5").Amount}, {Network: "base"},
		}}},
		Methods: []gateway.PaymentMethod{{ID: "card", Name: "card"}, {ID: "sepa", Name: "sepa"}, {ID: "wire", Name: "wire"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for name, listed := range map[string]gateway.Catalogue{
		"another country":     s.List(checkout.Buy, "FR", gateway.Limits{}),
		"one left out":        s.List(checkout.Buy, "US", gateway.Limits{Countries: []string{"DE"}}),
		"what nobody can buy": s.List(checkout.Sell, "US", gateway.Limits{}),
	} {
		if len(listed.Fiats)+len(listed.Assets)+len(listed.Methods) > 0 {
			t.Errorf("%s: %+v", name, listed)
		}
	}
	if all := s.List(checkout.Buy, "", gateway.Limits{Countries: []string{"DE"}}); len(all.Fiats) != 3 || len(all.Assets) != 2 {
		t.Errorf("for any country: %+v", all)
	}
}

func TestDecodeServing(t *testing.T) {
	t.Parallel()
	raw, err := serving().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "null", "{}", "[]", `{"v":1}`, string(raw[:len(raw)-1]), strings.Replace(string(raw), `"v":1`, `"v":2`, 1), strings.Replace(string(raw), `"20"`, `"-20"`, 1)} {
		if s, err := gateway.DecodeServing([]byte(bad)); err == nil {
			t.Errorf("%s is understood as %+v", bad, s)
		}
	}
	empty := gateway.Serving{Sell: serving().Buy}
	if _, err := empty.Encode(); err == nil {
		t.Error("what serves no buyer is encoded")
	}
}

func TestServingTags(t *testing.T) {
	t.Parallel()
	s := gateway.Serving{Buy: gateway.Served{Assets: []gateway.ServedAsset{
		{Code: "BTC", Network: "bitcoin"},
		{Code: "XRP", Network: "xrp", Tag: true},
	}}}
	for name, tt := range map[string]struct {
		o    checkout.Order
		pass bool
	}{
		"handed on":       {checkout.Order{Type: checkout.Buy, CryptoCurrency: "XRP", Network: "xrp", WalletTag: "1"}, true},
		"none":            {checkout.Order{Type: checkout.Buy, CryptoCurrency: "BTC", Network: "bitcoin"}, true},
		"not handed on":   {checkout.Order{Type: checkout.Buy, CryptoCurrency: "BTC", Network: "bitcoin", WalletTag: "1"}, false},
		"not served":      {checkout.Order{Type: checkout.Sell, CryptoCurrency: "XRP", Network: "xrp", WalletTag: "1"}, false},
		"none, no served": {checkout.Order{Type: checkout.Sell, CryptoCurrency: "XRP", Network: "xrp"}, true},
	} {
		err := s.CheckTag("Ramp", &tt.o)
		if (err == nil) != tt.pass || err != nil && (checkout.CodeOf(err) != checkout.CodeInvalidGateway || !strings.Contains(err.Error(), "walletTag")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
