package checkout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// FuzzQuoteQuery: whatever is asked, there is either an order whose members are folded and known, or an error that names
// parameters of the query, each once.
func FuzzQuoteQuery(f *testing.F) {
	const project = "7b0f6c1e-3d1c-4f0e-9f57-2f9a1a4f6f10"
	f.Add(project, "buy", "de", "100.00", "usd", "eth", "Ethereum", "debit-credit-card")
	f.Add(project, "sell", "", "1", "KWD", "BTC", "", "")
	f.Add("", "Buy", "XX", "1e2", "XXX", "", "a b", "A")
	parameters := []string{"projectId", "orderType", "country", "fiatAmount", "fiatCurrency", "cryptoCurrency", "network", "paymentMethod"}
	f.Fuzz(func(t *testing.T, project, kind, country, amount, fiat, crypto, network, method string) {
		given := func(text string) *string {
			if text == "" {
				return nil
			}
			return &text
		}
		q := &checkout.QuoteQuery{
			PublicQuery: checkout.PublicQuery{ProjectID: given(project), OrderType: given(kind), Country: given(country)},
			FiatAmount:  given(amount), FiatCurrency: given(fiat), CryptoCurrency: given(crypto), Network: given(network), PaymentMethod: given(method),
		}
		o, err := q.Order()
		var e *checkout.Error
		if errors.As(err, &e) {
			seen := []string{}
			for _, field := range e.Fields {
				if !slices.Contains(parameters, field.Field) || slices.Contains(seen, field.Field) {
					t.Errorf("%v names %s", e, field.Field)
				}
				seen = append(seen, field.Field)
			}
			if e.Code != checkout.CodeValidation || len(seen) == 0 {
				t.Errorf("%v", e)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		currency, ok := money.LookupCurrency(o.FiatCurrency)
		if !ok || currency.Code != o.FiatCurrency || o.FiatAmount.String() != amount || currency.Check(o.FiatAmount) != nil {
			t.Errorf("%s %s", o.FiatAmount, o.FiatCurrency)
		}
		if o.CryptoCurrency != strings.ToUpper(crypto) || o.Network == "" || o.Network != strings.ToLower(o.Network) ||
			o.Country != strings.ToUpper(country) || o.Type != checkout.Buy && o.Type != checkout.Sell || string(o.ProjectID) != strings.ToLower(project) {
			t.Errorf("%+v", o)
		}
	})
}
