package coinbase

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// quoteServes is how long a price is shown; the API doesn't tell how long it holds.
const quoteServes = time.Minute

// ratePlaces bounds the decimal places of a rate; sellPlaces those of an amount that we ask a price for.
const (
	ratePlaces = 12
	sellPlaces = 8
)

// buyQuoteRequest and sellQuoteRequest are the bodies of POST /v1/buy/quote and /v1/sell/quote
// (https://docs.cdp.coinbase.com/api-reference/rest-api/onramp-offramp/create-buy-quote.md,
// https://docs.cdp.coinbase.com/onramp/offramp/generating-quotes.md).
type buyQuoteRequest struct {
	PurchaseCurrency string `json:"purchase_currency"`
	PurchaseNetwork  string `json:"purchase_network"`
	PaymentAmount    string `json:"payment_amount"`
	PaymentCurrency  string `json:"payment_currency"`
	PaymentMethod    string `json:"payment_method"`
	Country          string `json:"country"`
	Subdivision      string `json:"subdivision,omitempty"`
}

type sellQuoteRequest struct {
	SellCurrency    string `json:"sell_currency"`
	SellNetwork     string `json:"sell_network"`
	SellAmount      string `json:"sell_amount"`
	CashoutCurrency string `json:"cashout_currency"`
	PaymentMethod   string `json:"payment_method"`
	Country         string `json:"country"`
	Subdivision     string `json:"subdivision,omitempty"`
}

// price is an answer of either, with total, subtotal and crypto in members of its own names.
type price struct {
	PaymentTotal    sum `json:"payment_total"`
	PaymentSubtotal sum `json:"payment_subtotal"`
	PurchaseAmount  sum `json:"purchase_amount"`
	CashoutTotal    sum `json:"cashout_total"`
	CashoutSubtotal sum `json:"cashout_subtotal"`
	SellAmount      sum `json:"sell_amount"`
	CoinbaseFee     sum `json:"coinbase_fee"`
	NetworkFee      sum `json:"network_fee"`
}

// Quote asks for the price. To sell, Coinbase has one for an amount of crypto alone, and an order is about fiat: see sellQuote.
func (a *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := a.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	if o.Country == "" {
		return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "country", "is required for a price of Coinbase")
	}
	m, err := a.methodFor(r)
	if err != nil {
		return gateway.Quote{}, err
	}
	if o.Type == checkout.Sell {
		return a.sellQuote(ctx, r, m)
	}
	p, err := a.buyPrice(ctx, r, m)
	if err != nil {
		return gateway.Quote{}, err
	}
	return p.quote(o, m, p.PaymentTotal, p.PaymentSubtotal, p.PurchaseAmount)
}

// methodFor is the method that was asked for, or the first that the currency has in the payer's country.
func (a *account) methodFor(r gateway.QuoteRequest) (method, error) {
	var ids []string
	for _, f := range a.List(r.Order.Type, r.Order.Country).Fiats {
		if f.Currency == r.Order.FiatCurrency {
			ids = f.Methods
		}
	}
	for _, id := range ids {
		if m, known := methodByID(id); known && (id == r.PaymentMethod || r.PaymentMethod == "") {
			return m, nil
		}
	}
	return method{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "must be one that Coinbase has for "+r.Order.FiatCurrency+" there: "+strings.Join(ids, ", "))
}

func (a *account) buyPrice(ctx context.Context, r gateway.QuoteRequest, m method) (price, error) {
	o := r.Order
	symbol, network, err := a.serves.names(o)
	if err != nil {
		return price{}, err
	}
	var p price
	err = a.v1(ctx, r.Now, http.MethodPost, "/onramp/v1/buy/quote", "", buyQuoteRequest{
		PurchaseCurrency: symbol, PurchaseNetwork: network, PaymentAmount: o.FiatAmount.String(), PaymentCurrency: o.FiatCurrency,
		PaymentMethod: m.theirs[0], Country: o.Country, Subdivision: a.subdivision(o.Country),
	}, &p)
	return p, refused(err)
}

func (a *account) sellPrice(ctx context.Context, r gateway.QuoteRequest, m method, crypto decimal.Decimal) (price, error) {
	o := r.Order
	symbol, network, err := a.serves.names(o)
	if err != nil {
		return price{}, err
	}
	var p price
	err = a.v1(ctx, r.Now, http.MethodPost, "/onramp/v1/sell/quote", "", sellQuoteRequest{
		SellCurrency: symbol, SellNetwork: network, SellAmount: crypto.String(), CashoutCurrency: o.FiatCurrency,
		PaymentMethod: m.theirs[0], Country: o.Country, Subdivision: a.subdivision(o.Country),
	}, &p)
	return p, refused(err)
}

// guessAmount is what a purchase is priced for to know a rate: within the limits of every method in all of sellFiats.
const guessAmount = "100"

// guess is the price of a purchase of the asset, by a method that there is for one in the payer's country. Only its rate counts:
// for the amount of a sale there may be none, as to buy has lower limits.
func (a *account) guess(ctx context.Context, r gateway.QuoteRequest) (price, error) {
	o := *r.Order
	var err error
	if o.FiatAmount, err = money.Parse(guessAmount); err != nil {
		return price{}, err
	}
	m := methods[0]
	for _, f := range a.List(checkout.Buy, o.Country).Fiats {
		if f.Currency == o.FiatCurrency && len(f.Methods) > 0 {
			m, _ = methodByID(f.Methods[0])
		}
	}
	r.Order = &o
	return a.buyPrice(ctx, r, m)
}

// sellQuote finds the crypto amount that comes to the order's fiat amount: it asks what a purchase costs, then what as much as
// the fiat amount buys at that rate sells for, and then for the amount that stands to it as the order's fiat amount to the
// proceeds. The last answer is the quote, so that its fiat amount may be some cents off.
func (a *account) sellQuote(ctx context.Context, r gateway.QuoteRequest, m method) (gateway.Quote, error) {
	o := r.Order
	guess, err := a.guess(ctx, r)
	if err != nil {
		return gateway.Quote{}, err
	}
	subtotal, errFiat := exact(guess.PaymentSubtotal.value)
	bought, errCrypto := exact(guess.PurchaseAmount.value)
	if err := errors.Join(errFiat, errCrypto); err != nil || subtotal.Sign() <= 0 || bought.Sign() <= 0 {
		return gateway.Quote{}, errors.New("coinbase: the price has no subtotal or no crypto amount")
	}
	places := int32(sellPlaces)
	coin, _ := asset.LookupAsset(o.CryptoCurrency)
	if on, ok := coin.OnNetwork(o.Network); ok {
		places = int32(min(on.Decimals, sellPlaces))
	}
	wanted := o.FiatAmount.Decimal()
	crypto := wanted.Mul(bought).DivRound(subtotal, places)
	p, err := a.sellPrice(ctx, r, m, crypto)
	if err != nil {
		return gateway.Quote{}, err
	}
	proceeds, err := exact(p.CashoutTotal.value)
	if err != nil || proceeds.Sign() <= 0 {
		return gateway.Quote{}, errors.New("coinbase: the price has no proceeds")
	}
	if !proceeds.Equal(wanted) {
		if p, err = a.sellPrice(ctx, r, m, crypto.Mul(wanted).DivRound(proceeds, places)); err != nil {
			return gateway.Quote{}, err
		}
	}
	return p.quote(o, m, p.CashoutTotal, p.CashoutSubtotal, p.SellAmount)
}

// quote makes ours of theirs: total with and subtotal without the fees, and the crypto amount.
func (p *price) quote(o *checkout.Order, m method, total, subtotal, crypto sum) (gateway.Quote, error) {
	q := gateway.Quote{PaymentMethod: m.ID, Serves: quoteServes}
	var errTotal, errCrypto error
	q.FiatAmount, errTotal = total.amount()
	q.CryptoAmount, errCrypto = crypto.amount()
	before, errSubtotal := subtotal.amount()
	if err := errors.Join(errTotal, errCrypto, errSubtotal); err != nil {
		return gateway.Quote{}, fmt.Errorf("coinbase: the price can't be read: %w", err)
	}
	if !q.FiatAmount.IsSet() || !q.CryptoAmount.IsSet() || !before.IsSet() {
		return gateway.Quote{}, errors.New("coinbase: the price lacks its total, subtotal or crypto amount")
	}
	if total.currency != o.FiatCurrency { // a currency that isn't served falls back to dollars
		return gateway.Quote{}, checkout.FailField(checkout.CodeInvalidCurrency, "fiatCurrency", "is not one that Coinbase prices in: "+o.FiatCurrency)
	}
	rate, err := money.Parse(before.Decimal().DivRound(q.CryptoAmount.Decimal(), ratePlaces).String())
	if err != nil {
		return gateway.Quote{}, fmt.Errorf("coinbase: the price comes to no rate: %w", err)
	}
	q.Rate = rate
	for _, f := range []struct {
		kind gateway.FeeType
		sum  sum
	}{{gateway.FeeGateway, p.CoinbaseFee}, {gateway.FeeNetwork, p.NetworkFee}} {
		fee, err := f.sum.amount()
		if err != nil {
			return gateway.Quote{}, fmt.Errorf("coinbase: a fee can't be read: %w", err)
		}
		if fee.IsSet() {
			q.Fees = append(q.Fees, gateway.Fee{Type: f.kind, Amount: fee})
		}
	}
	return q, nil
}

// refusals are words of a refusal and what they mean for the payer. The API's own codes don't tell one from the other: all
// are invalid_request. The order matters: a payment method has limits, and a network has assets.
var refusals = []struct {
	word, field, message string
	code                 checkout.Code
}{
	{"amount", "fiatAmount", "is outside what Coinbase takes", checkout.CodeInvalidAmount},
	{"minimum", "fiatAmount", "is outside what Coinbase takes", checkout.CodeInvalidAmount},
	{"maximum", "fiatAmount", "is outside what Coinbase takes", checkout.CodeInvalidAmount},
	{"payment method", "paymentMethod", "is not one that Coinbase has for this", checkout.CodeValidation},
	{"payment_method", "paymentMethod", "is not one that Coinbase has for this", checkout.CodeValidation},
	{"country", "gateway", "does not serve payers there", checkout.CodeInvalidGateway},
	{"subdivision", "gateway", "does not serve payers there", checkout.CodeInvalidGateway},
	{"network", "network", "is not one that Coinbase serves for this asset", checkout.CodeInvalidNetwork},
	{"currency", "cryptoCurrency", "is not one that Coinbase serves there", checkout.CodeInvalidCurrency},
	{"asset", "cryptoCurrency", "is not one that Coinbase serves there", checkout.CodeInvalidCurrency},
}

// refused makes of a refusal what the payer may be told; another error stays what it is.
func refused(err error) error {
	var answer *gatewaycall.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		return err
	}
	body := strings.ToLower(string(answer.Body))
	for _, r := range refusals {
		if strings.Contains(body, r.word) {
			return checkout.FailField(r.code, r.field, r.message).Because(err)
		}
	}
	return err
}
