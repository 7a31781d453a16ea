package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

func TestCatalogueCheck(t *testing.T) {
	t.Parallel()
	parse := func(text string) money.Amount {
		a, err := money.Parse(text)
		if err != nil && text != "" {
			t.Fatal(err)
		}
		return a
	}
	listed := gateway.Catalogue{
		Fiats:  []gateway.Fiat{{Currency: "USD", Min: parse("20"), Max: parse("1000")}, {Currency: "EUR"}},
		Assets: []gateway.Asset{{Code: "ETH", Networks: []gateway.AssetNetwork{{Network: "ethereum"}, {Network: "base"}}}},
	}
	cases := []struct {
		name                                   string
		settings                               gateway.Settings
		crypto, network, fiat, amount, country string
		code                                   checkout.Code
		fields                                 string
	}{
		{"served", nil, "ETH", "base", "USD", "20", "DE", "", ""},
		{"the most", nil, "ETH", "base", "USD", "1000.00", "", "", ""},
		{"too much", nil, "ETH", "base", "USD", "1000.01", "", checkout.CodeInvalidAmount, "fiatAmount"},
		{"no limits", nil, "ETH", "base", "EUR", "0.01", "", "", ""},
		{"no amount", nil, "ETH", "base", "EUR", "", "", checkout.CodeInvalidAmount, "fiatAmount"},
		{"all wrong", nil, "XXX", "base", "JPY", "", "", checkout.CodeInvalidCurrency, "cryptoCurrency fiatCurrency fiatAmount"},
		{"network", nil, "ETH", "linea", "USD", "5", "", checkout.CodeInvalidNetwork, "network fiatAmount"},
		{"operator's least", gateway.Settings{"minAmount": "50"}, "ETH", "base", "EUR", "49", "", checkout.CodeInvalidAmount, "fiatAmount"},
		{"operator's most", gateway.Settings{"maxAmount": "500 USD"}, "ETH", "base", "USD", "501", "", checkout.CodeInvalidAmount, "fiatAmount"},
		{"in another currency", gateway.Settings{"maxAmount": "500 USD"}, "ETH", "base", "EUR", "501", "", "", ""},
		{"looser than the gateway", gateway.Settings{"minAmount": "1", "maxAmount": "9999"}, "ETH", "base", "USD", "1001", "", checkout.CodeInvalidAmount, "fiatAmount"},
		{"operator's country", gateway.Settings{"countries": "DE"}, "ETH", "base", "USD", "20", "DE", "", ""},
		{"another country", gateway.Settings{"countries": "DE"}, "XXX", "base", "USD", "20", "FR", checkout.CodeInvalidGateway, "gateway"},
		{"unknown country", gateway.Settings{"countries": "DE"}, "ETH", "base", "USD", "20", "", "", ""},
	}
	for _, tt := range cases {
		limits, err := tt.settings.Limits()
		if err != nil {
			t.Fatal(err)
		}
		o := checkout.Order{CryptoCurrency: tt.crypto, Network: tt.network, FiatCurrency: tt.fiat, FiatAmount: parse(tt.amount), Country: tt.country}
		err = listed.Check(&o, "Teller", limits)
		var e *checkout.Error
		if !errors.As(err, &e) {
			if err != nil || tt.code != "" {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
			}
			continue
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
		if e.Code != tt.code || strings.Join(fields, " ") != tt.fields {
			t.Errorf("%s: %v on %v, want %s on %s", tt.name, e, fields, tt.code, tt.fields)
		}
	}
}
