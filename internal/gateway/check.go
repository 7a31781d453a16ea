package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Check tells whether an order is within what a gateway of that name lists for orders of its type and for its country, and
// within what the operator allows: nil, or a *checkout.Error with the code of the first member that fails and the fields of
// all. A payer whose country isn't known may be of any.
func (c *Catalogue) Check(o *checkout.Order, name string, l Limits) error {
	var failure *checkout.Error
	fail := func(code checkout.Code, field, message string) {
		f := checkout.FailField(code, field, message)
		if failure == nil {
			failure = f
			return
		}
		failure.Message += " " + f.Message
		failure.Fields = append(failure.Fields, f.Fields...)
	}
	if o.Country != "" && (l.Countries != nil && !slices.Contains(l.Countries, o.Country) || len(c.Assets) == 0) {
		fail(checkout.CodeInvalidGateway, "gateway", name+" does not serve payers in "+o.Country)
		return failure
	}
	coin := slices.IndexFunc(c.Assets, func(a Asset) bool { return a.Code == o.CryptoCurrency })
	if coin < 0 {
		fail(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not an asset that "+name+" serves: "+o.CryptoCurrency)
	}
	fiat := slices.IndexFunc(c.Fiats, func(f Fiat) bool { return f.Currency == o.FiatCurrency })
	if fiat < 0 {
		fail(checkout.CodeInvalidCurrency, "fiatCurrency", "is not a currency that "+name+" serves: "+o.FiatCurrency)
	}
	if coin >= 0 && !slices.ContainsFunc(c.Assets[coin].Networks, func(on AssetNetwork) bool { return on.Network == o.Network }) {
		fail(checkout.CodeInvalidNetwork, "network", "must be a network on which "+name+" serves "+o.CryptoCurrency+": "+strings.Join(c.Assets[coin].ids(), ", "))
	}
	listed := Fiat{Currency: o.FiatCurrency}
	if fiat >= 0 {
		listed = c.Fiats[fiat]
	}
	if message := listed.refuses(o, l); message != "" {
		fail(checkout.CodeInvalidAmount, "fiatAmount", message)
	}
	if failure == nil {
		return nil // not failure itself, which would be an error that isn't nil
	}
	return failure
}

// refuses says what is wrong with the order's fiat amount; empty: nothing.
func (f *Fiat) refuses(o *checkout.Order, l Limits) string {
	bounded := *f
	bounded.Narrow(l)
	least, most := bounded.Min, bounded.Max
	switch {
	case !o.FiatAmount.IsSet():
		return "is required"
	case o.FiatAmount.Cmp(least) < 0:
		return fmt.Sprintf("must be at least %s %s", least, o.FiatCurrency)
	case most.IsSet() && o.FiatAmount.Cmp(most) > 0:
		return fmt.Sprintf("must be at most %s %s", most, o.FiatCurrency)
	}
	return ""
}

func (a *Asset) ids() []string {
	ids := make([]string, len(a.Networks))
	for i, on := range a.Networks {
		ids[i] = on.Network
	}
	return ids
}
