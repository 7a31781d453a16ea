package transak

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	quoteServes     = 60 * time.Second // prices are made anew each minute
	maxCryptoPlaces = 8
)

// price is one calculation of Transak's.
type price struct {
	fiat, crypto, fee money.Amount
	fees              []gateway.Fee
	method            string // Transak's id
}

// Quote asks for Transak's price. https://docs.transak.com/guides/get-price-based-on-user-region
func (a *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := a.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	part := a.serving.Of(o.Type)
	on, _ := part.Asset(o.CryptoCurrency, o.Network)
	fiat, _ := part.Fiat(o.FiatCurrency)
	theirs := ""
	if r.PaymentMethod != "" {
		method, ok := fiat.Method(r.PaymentMethod)
		if !ok {
			return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "is not one that Transak has for "+o.FiatCurrency)
		}
		theirs = method.Theirs
	}
	p, err := a.price(ctx, o, on, theirs, r.Address)
	if err != nil {
		return gateway.Quote{}, err
	}
	fees := p.fee.Decimal()
	if o.Type == checkout.Sell {
		fees = fees.Neg()
	}
	rate, err := gateway.RateOf(p.fiat.Decimal(), fees, p.crypto)
	if err != nil {
		return gateway.Quote{}, fmt.Errorf("transak: the price: %w", err)
	}
	method := r.PaymentMethod
	if method == "" && p.method != "" {
		method = methodOf(p.method, "").ID
	}
	return gateway.Quote{
		FiatAmount: p.fiat, CryptoAmount: p.crypto, Rate: rate, Fees: p.fees, PaymentMethod: method, Serves: quoteServes,
	}, nil
}

// price prices the order. A purchase is asked for by its fiat amount. A sale can be asked for by its crypto amount alone, so
// that it is found in steps, as public wallets do (gemwalletcom/core, crates/fiat/src/providers/transak/client.rs): what a
// purchase would bring, what that is sold for, and the share of it that gets the order's fiat amount. Where a part of the
// fees is fixed, the seller gets a little more or less.
func (a *account) price(ctx context.Context, o *checkout.Order, on gateway.ServedAsset, method string, payer netip.Addr) (price, error) {
	if o.Type == checkout.Buy {
		return a.ask(ctx, o, on, "BUY", "fiatAmount", o.FiatAmount, method, payer)
	}
	bought, err := a.ask(ctx, o, on, "BUY", "fiatAmount", o.FiatAmount, "", payer)
	if err != nil {
		return price{}, err
	}
	sold, err := a.ask(ctx, o, on, "SELL", "cryptoAmount", bought.crypto, method, payer)
	if err != nil {
		return price{}, err
	}
	needed := o.FiatAmount.Decimal().Mul(sold.crypto.Decimal()).DivRound(sold.fiat.Decimal(), 2*maxCryptoPlaces)
	amount, err := money.Parse(needed.RoundUp(places(on)).String())
	if err != nil {
		return price{}, fmt.Errorf("transak: the price of a sale: %w", err)
	}
	return a.ask(ctx, o, on, "SELL", "cryptoAmount", amount, method, payer)
}

// places are those that an amount of the asset has here.
func places(on gateway.ServedAsset) int32 {
	coin, _ := asset.LookupAsset(on.Code)
	listing, _ := coin.OnNetwork(on.Network)
	return int32(min(listing.Decimals, maxCryptoPlaces))
}

// ask makes one question. Its side may be the other than the order's.
func (a *account) ask(ctx context.Context, o *checkout.Order, on gateway.ServedAsset, side, member string, amount money.Amount, method string, payer netip.Addr) (price, error) {
	query := url.Values{
		"partnerApiKey": {a.apiKey}, "isBuyOrSell": {side}, "fiatCurrency": {o.FiatCurrency},
		"cryptoCurrency": {on.TheirCode}, "network": {on.TheirNetwork}, member: {amount.String()},
	}
	if method != "" {
		query.Set("paymentMethod", method)
	}
	if o.Country != "" {
		query.Set("quoteCountryCode", o.Country)
	}
	var answer struct {
		Response *struct {
			FiatAmount    json.Number `json:"fiatAmount"`
			CryptoAmount  json.Number `json:"cryptoAmount"`
			TotalFee      json.Number `json:"totalFee"`
			FeeBreakdown  []told      `json:"feeBreakdown"`
			PaymentMethod string      `json:"paymentMethod"`
		} `json:"response"`
		Error failure `json:"error"`
	}
	err := a.public(ctx, gatewaycall.Request{
		Method: http.MethodGet, URL: a.apiURL + "/api/v1/pricing/public/quotes?" + query.Encode(), Header: a.header(payer),
	}, &answer)
	if err != nil {
		return price{}, a.refusal(err)
	}
	if answer.Response == nil {
		if refused := a.refused(answer.Error.Message); refused != nil {
			return price{}, refused
		}
		return price{}, errors.New("transak: the answer has no price")
	}
	p := price{method: answer.Response.PaymentMethod}
	for text, into := range map[*json.Number]*money.Amount{
		&answer.Response.FiatAmount: &p.fiat, &answer.Response.CryptoAmount: &p.crypto, &answer.Response.TotalFee: &p.fee,
	} {
		if *into, err = gateway.Number(*text); err != nil {
			return price{}, fmt.Errorf("transak: an amount of the price %w", err)
		}
	}
	if !p.fiat.IsSet() || !p.crypto.IsSet() {
		return price{}, errors.New("transak: the price has no amounts")
	}
	p.fees, err = feesOf(answer.Response.FeeBreakdown, p.fee)
	return p, err
}

// told is a part of the fees.
type told struct {
	ID    string      `json:"id"`
	Value json.Number `json:"value"`
}

// feesOf sorts the parts of the fees by who gets them. Parts that don't add up to the whole are left aside.
func feesOf(parts []told, whole money.Amount) ([]gateway.Fee, error) {
	sums := map[gateway.FeeType]decimal.Decimal{}
	total := decimal.Zero
	for _, part := range parts {
		amount, err := gateway.Number(part.Value)
		if err != nil {
			return nil, fmt.Errorf("transak: a fee of the price %w", err)
		}
		kind := gateway.FeeGateway
		switch {
		case strings.Contains(part.ID, "network"):
			kind = gateway.FeeNetwork
		case strings.Contains(part.ID, "partner"):
			kind = gateway.FeePartner
		}
		sums[kind] = sums[kind].Add(amount.Decimal())
		total = total.Add(amount.Decimal())
	}
	if !total.Equal(whole.Decimal()) {
		sums = map[gateway.FeeType]decimal.Decimal{gateway.FeeGateway: whole.Decimal()}
	}
	var fees []gateway.Fee
	for _, kind := range []gateway.FeeType{gateway.FeeGateway, gateway.FeeNetwork, gateway.FeePartner} {
		if sums[kind].IsZero() {
			continue
		}
		amount, err := money.Parse(sums[kind].String())
		if err != nil {
			return nil, fmt.Errorf("transak: a fee of the price %w", err)
		}
		fees = append(fees, gateway.Fee{Type: kind, Amount: amount})
	}
	return fees, nil
}

// failure is how Transak says no.
type failure struct {
	Message string `json:"message"`
}

// refusal is the error for the payer, where the answer is a refusal of what was asked.
func (a *account) refusal(err error) error {
	var answer *gatewaycall.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
	default:
		return err
	}
	var body struct {
		Error   failure `json:"error"`
		Message string  `json:"message"`
	}
	if json.Unmarshal(answer.Body, &body) != nil {
		return err
	}
	if refused := a.refused(cmp.Or(body.Error.Message, body.Message)); refused != nil {
		return refused
	}
	return err
}

// refused makes of Transak's words the error for the payer; nil where they are about nothing that the payer could change.
// There are no codes: the words are all there is.
func (a *account) refused(words string) error {
	if words == "" || strings.Contains(words, a.apiSecret) {
		return nil
	}
	return gateway.Refusal(name, "", words)
}
