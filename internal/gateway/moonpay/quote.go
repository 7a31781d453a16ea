package moonpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// quoteServes is how long a quote holds that says nothing of it, maxQuoteServes how long one may say so.
const (
	quoteServes    = 60 * time.Second
	maxQuoteServes = 10 * time.Minute
)

// quote is MoonPay's (api-reference/widget/getbuyquote, …/getsellquote).
type quote struct {
	BaseCurrencyAmount  json.Number `json:"baseCurrencyAmount"`
	QuoteCurrencyAmount json.Number `json:"quoteCurrencyAmount"`
	BaseCurrencyPrice   json.Number `json:"baseCurrencyPrice"`  // of a quote to sell
	QuoteCurrencyPrice  json.Number `json:"quoteCurrencyPrice"` // of a quote to buy
	TotalAmount         json.Number `json:"totalAmount"`
	FeeAmount           json.Number `json:"feeAmount"`
	ExtraFeeAmount      json.Number `json:"extraFeeAmount"`
	NetworkFeeAmount    json.Number `json:"networkFeeAmount"`
	PaymentMethod       string      `json:"paymentMethod"`
	PayoutMethod        string      `json:"payoutMethod"`
	ExpiresAt           string      `json:"expiresAt"`
}

// Quote asks what the order comes to; the publishable key is all that it takes.
func (g *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := g.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	part := g.serving.Of(o.Type)
	currency, _ := part.Fiat(o.FiatCurrency)
	method, ok := currency.Method(r.PaymentMethod)
	if !ok && r.PaymentMethod != "" {
		return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "is not one that MoonPay serves for "+o.FiatCurrency+": "+r.PaymentMethod)
	}
	coin, _ := part.Asset(o.CryptoCurrency, o.Network)
	q := url.Values{"apiKey": {g.a.Settings["apiKey"]}}
	kind, fiat, amount, methodName := "buy_quote", "baseCurrencyCode", "baseCurrencyAmount", "paymentMethod"
	if o.Type == checkout.Sell {
		kind, fiat, amount, methodName = "sell_quote", "quoteCurrencyCode", "quoteCurrencyAmount", "payoutMethod"
	} else {
		q.Set("areFeesIncluded", "true")
	}
	q.Set(fiat, strings.ToLower(o.FiatCurrency))
	q.Set(amount, o.FiatAmount.String())
	if ok {
		q.Set(methodName, method.Theirs)
	}
	var answer quote
	err := g.call.JSON(ctx, gatewaycall.Request{
		Method: http.MethodGet, URL: g.api + "/v3/currencies/" + url.PathEscape(coin.TheirCode) + "/" + kind + "?" + q.Encode(),
	}, &answer)
	if err != nil {
		return gateway.Quote{}, refusal(o, err)
	}
	told, err := answer.told(o.Type, r.Now)
	if err != nil {
		return gateway.Quote{}, fmt.Errorf("moonpay: the quote can't be read: %w", err)
	}
	return told, nil
}

// refusal tells a payer's error from others. The codes of MoonPay's errors are stable, but those of quotes are in no list; the
// text is all there is to tell an amount by (api-reference/widget/errors).
func refusal(o *checkout.Order, err error) error {
	var answer *gatewaycall.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("moonpay: %w", err)
	}
	var body struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(answer.Body, &body) // what is no JSON has no message
	text := strings.ToLower(body.Message)
	switch {
	case answer.Status == http.StatusBadRequest && (strings.Contains(text, "amount") || strings.Contains(text, "minimum") || strings.Contains(text, "maximum")):
		return checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is less or more than MoonPay takes for "+o.CryptoCurrency).Because(err)
	case answer.Status == http.StatusNotFound:
		return checkout.FailField(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not served by MoonPay at the moment: "+o.CryptoCurrency).Because(err)
	}
	return fmt.Errorf("moonpay: %w", err)
}

// told is the quote in our terms.
func (q *quote) told(kind checkout.OrderType, now time.Time) (gateway.Quote, error) {
	told := gateway.Quote{PaymentMethod: ourMethod(q.PaymentMethod), Serves: quoteServes}
	fiat, crypto, price := q.TotalAmount, q.QuoteCurrencyAmount, q.QuoteCurrencyPrice
	if kind == checkout.Sell {
		fiat, crypto, price = q.QuoteCurrencyAmount, q.BaseCurrencyAmount, q.BaseCurrencyPrice
		told.PaymentMethod = ourMethod(q.PayoutMethod)
	}
	for _, f := range []struct {
		fee    gateway.FeeType
		amount json.Number
	}{{gateway.FeeGateway, q.FeeAmount}, {gateway.FeeNetwork, q.NetworkFeeAmount}, {gateway.FeePartner, q.ExtraFeeAmount}} {
		amount, err := gateway.Number(f.amount)
		if err != nil {
			return gateway.Quote{}, err
		}
		told.AddFee(f.fee, amount)
	}
	for _, n := range []struct {
		from json.Number
		into *money.Amount
	}{{fiat, &told.FiatAmount}, {crypto, &told.CryptoAmount}, {price, &told.Rate}} {
		amount, err := gateway.Number(n.from)
		if err != nil {
			return gateway.Quote{}, err
		}
		*n.into = amount
	}
	if !told.FiatAmount.IsSet() || !told.CryptoAmount.IsSet() {
		return gateway.Quote{}, errors.New("it has no amounts")
	}
	if !told.Rate.IsSet() {
		if err := told.SetRate(kind); err != nil {
			return gateway.Quote{}, err
		}
	}
	if until, err := time.Parse(time.RFC3339, q.ExpiresAt); err == nil && until.After(now) {
		told.Serves = min(until.Sub(now), maxQuoteServes)
	}
	return told, nil
}

// Probe asks for limits, which takes the publishable key. Nothing can be asked with the other two without making something.
func (g *account) Probe(ctx context.Context) error {
	err := g.call.JSON(ctx, gatewaycall.Request{
		Method: http.MethodGet, URL: g.api + "/v3/currencies/btc/limits?" + url.Values{"apiKey": {g.a.Settings["apiKey"]}, "baseCurrencyCode": {"usd"}}.Encode(),
	}, &struct{}{})
	if status := gatewaycall.Status(err); status > 0 && status < 500 && status != http.StatusTooManyRequests {
		return fmt.Errorf("moonpay: the apiKey was not taken; copy the publishable key from Developers > API keys: %w", err)
	}
	if err != nil {
		return fmt.Errorf("moonpay: %w", err)
	}
	return nil
}
