package banxa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// quoteServes is short: Banxa says not to keep prices, and no time.
const quoteServes = 60 * time.Second

// Quote asks for Banxa's price, by the way to pay that is preferred where none is named: Banxa has no price without one.
// https://docs.banxa.com/products/hosted-checkout/openapi/other/retrieve-quotes
func (a *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := a.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	part := a.serving.Of(o.Type)
	on, _ := part.Asset(o.CryptoCurrency, o.Network)
	fiat, _ := part.Fiat(o.FiatCurrency)
	method := fiat.Methods[0] // what is served has one
	if r.PaymentMethod != "" {
		var ok bool
		if method, ok = fiat.Method(r.PaymentMethod); !ok {
			return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "is not one that Banxa has for "+o.FiatCurrency)
		}
	}
	query := url.Values{
		"paymentMethodId": {method.Theirs}, "crypto": {on.TheirCode}, "blockchain": {on.TheirNetwork},
		"fiat": {o.FiatCurrency}, "fiatAmount": {o.FiatAmount.String()},
	}
	if r.Address.IsValid() { // for what is available in the payer's region
		query.Set("ipAddress", r.Address.Unmap().WithZone("").String())
	}
	var raw json.RawMessage
	request := gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + "/quotes/" + side(o.Type) + "?" + query.Encode()}
	if err := a.call(ctx, request, &raw); err != nil {
		return gateway.Quote{}, a.refusal(err)
	}
	p, err := readPrice(raw)
	if err != nil {
		return gateway.Quote{}, err
	}
	q, err := p.quote(o.Type)
	q.PaymentMethod = method.ID
	return q, err
}

// price is one calculation of Banxa's.
type price struct {
	fiat, crypto, processing, network money.Amount
}

// readPrice reads a price, or the first of several.
func readPrice(raw json.RawMessage) (price, error) {
	type told struct {
		Fiat       gateway.Digits `json:"fiatAmount"`
		Crypto     gateway.Digits `json:"cryptoAmount"`
		Processing gateway.Digits `json:"processingFee"`
		Network    gateway.Digits `json:"networkFee"`
	}
	list := make([]told, 1)
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		err = json.Unmarshal(raw, &list)
	} else {
		err = json.Unmarshal(raw, &list[0])
	}
	if err != nil {
		return price{}, fmt.Errorf("banxa: the answer has no price: %w", err)
	}
	if len(list) == 0 {
		return price{}, errors.New("banxa: the answer has no price")
	}
	var p price
	for _, one := range []struct {
		text gateway.Digits
		into *money.Amount
	}{{list[0].Fiat, &p.fiat}, {list[0].Crypto, &p.crypto}, {list[0].Processing, &p.processing}, {list[0].Network, &p.network}} {
		if *one.into, err = amountOf(one.text); err != nil {
			return price{}, fmt.Errorf("banxa: an amount of the price %w", err)
		}
	}
	if !p.fiat.IsSet() || !p.crypto.IsSet() {
		return price{}, errors.New("banxa: the answer has no price")
	}
	return p, nil
}

// quote takes the fees for a part of what a buyer pays, and as gone from what a seller gets; the documentation doesn't say.
func (p price) quote(kind checkout.OrderType) (gateway.Quote, error) {
	q := gateway.Quote{FiatAmount: p.fiat, CryptoAmount: p.crypto, Serves: quoteServes}
	q.AddFee(gateway.FeeGateway, p.processing)
	q.AddFee(gateway.FeeNetwork, p.network)
	if err := q.SetRate(kind); err != nil {
		return gateway.Quote{}, fmt.Errorf("banxa: the price: %w", err)
	}
	return q, nil
}
