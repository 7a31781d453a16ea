package sandbox

import (
	"context"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// QuoteTTL is how long a quote holds. Its price would hold for ever; gateways that ask a market don't go much further.
const QuoteTTL = 60 * time.Second

// The payment methods of the sandbox. All cost the same; the first is its choice.
const (
	MethodCard = "debit-credit-card"
	MethodBank = "bank-transfer"
)

var methods = []gateway.PaymentMethod{{ID: MethodCard, Name: "Credit or debit card"}, {ID: MethodBank, Name: "Bank transfer"}}

// feeShare is of the fiat amount; buyShare and sellShare have it in them.
var feeShare = decimal.New(1, -2)

// ratePlaces bounds the decimal places of a rate, which is rounded to the nearest.
const ratePlaces = 12

// Quote prices the order by the table: the crypto amount is the one that the order would have once it is completed.
func (g *Gateway) Quote(_ context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := g.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	method := r.PaymentMethod
	switch method {
	case "":
		method = MethodCard
	case MethodCard, MethodBank:
	default:
		return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "must be "+MethodCard+" or "+MethodBank)
	}
	rate, err := money.Parse(rateOf(o).String())
	if err != nil {
		return gateway.Quote{}, err
	}
	fee, err := money.Parse(o.FiatAmount.Decimal().Mul(feeShare).String())
	if err != nil {
		return gateway.Quote{}, err // more digits than an amount has, which Check and the minor units rule out
	}
	return gateway.Quote{
		FiatAmount: o.FiatAmount, CryptoAmount: cryptoAmount(o), Rate: rate,
		Fees:          []gateway.Fee{{Type: gateway.FeeGateway, Amount: fee}},
		PaymentMethod: method, Serves: QuoteTTL,
	}, nil
}

// rateOf is the price of one unit of the order's asset in its fiat currency. Check has let the order pass.
func rateOf(o *checkout.Order) decimal.Decimal {
	price := usdPerAsset[o.CryptoCurrency]
	if usd, listed := usdPerFiat[o.FiatCurrency]; listed {
		return price.DivRound(usd, ratePlaces)
	}
	return price
}

// List tells what Check lets pass, the same for all countries.
func (g *Gateway) List(kind checkout.OrderType, _ string) gateway.Catalogue {
	if kind == checkout.Sell {
		return sellCatalogue()
	}
	return buyCatalogue()
}

var (
	buyCatalogue  = sync.OnceValue(func() gateway.Catalogue { return catalogue(checkout.Buy) })
	sellCatalogue = sync.OnceValue(func() gateway.Catalogue { return catalogue(checkout.Sell) })
)

// catalogue has as limits of the crypto amounts what the limits of the fiat amount come to in the cheapest and in the
// dearest currency: no order lies outside.
func catalogue(kind checkout.OrderType) gateway.Catalogue {
	least, _ := money.Parse(MinFiat)
	most, _ := money.Parse(MaxFiat)
	c := gateway.Catalogue{Methods: methods}
	ids := []string{MethodCard, MethodBank}
	for _, currency := range money.Currencies() {
		c.Fiats = append(c.Fiats, gateway.Fiat{Currency: currency.Code, Min: least, Max: most, Methods: ids})
	}
	cheapest, dearest := extremes()
	for _, coin := range asset.Assets() {
		listed := gateway.Asset{Code: coin.Code}
		for _, on := range coin.Networks {
			o := checkout.Order{Type: kind, CryptoCurrency: coin.Code, Network: on.Network}
			o.FiatAmount, o.FiatCurrency = least, cheapest
			low := cryptoAmount(&o)
			o.FiatAmount, o.FiatCurrency = most, dearest
			listed.Networks = append(listed.Networks, gateway.AssetNetwork{Network: on.Network, Min: low, Max: cryptoAmount(&o)})
		}
		c.Assets = append(c.Assets, listed)
	}
	return c
}

// extremes are the currencies of the table that are worth least and most.
func extremes() (cheapest, dearest string) {
	for code, usd := range usdPerFiat {
		if cheapest == "" || usd.Cmp(usdPerFiat[cheapest]) < 0 {
			cheapest = code
		}
		if dearest == "" || usd.Cmp(usdPerFiat[dearest]) > 0 {
			dearest = code
		}
	}
	return cheapest, dearest
}
