package ramp

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

// quoteServes is how long a quote is good for; Ramp says nothing of it.
const quoteServes = 60 * time.Second

// offer is the price by one payment method.
type offer struct {
	CryptoAmount string      `json:"cryptoAmount"` // in the smallest units
	FiatValue    json.Number `json:"fiatValue"`
	AppliedFee   json.Number `json:"appliedFee"`
	HostFeeCut   json.Number `json:"hostFeeCut"`
}

// Quote asks what the order comes to (rest-api-v3-reference, quotes for all payment methods).
func (g *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := g.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	kind := "onramp"
	if o.Type == checkout.Sell {
		kind = "offramp"
	}
	part := g.serving.Of(o.Type)
	currency, _ := part.Fiat(o.FiatCurrency)
	wanted := currency.Methods
	if r.PaymentMethod != "" {
		m, ok := currency.Method(r.PaymentMethod)
		if !ok {
			return gateway.Quote{}, notByMethod(r)
		}
		wanted = []gateway.ServedMethod{m}
	}
	listed, _ := part.Asset(o.CryptoCurrency, o.Network)
	var answer map[string]json.RawMessage
	err := g.call.JSON(ctx, gatewaycall.Request{
		Method: http.MethodPost, URL: g.api + "/host-api/v3/" + kind + "/quote/all?hostApiKey=" + url.QueryEscape(g.a.Settings["hostApiKey"]),
		Body: map[string]any{
			"cryptoAssetSymbol": listed.TheirCode, "fiatCurrency": o.FiatCurrency,
			"fiatValue": json.Number(o.FiatAmount.String()),
		},
	}, &answer)
	if err != nil {
		return gateway.Quote{}, refusal(o, err)
	}
	var coin listedAsset
	if err := json.Unmarshal(answer["asset"], &coin); err != nil || coin.Decimals == nil {
		return gateway.Quote{}, errors.New("ramp: the quote has no asset")
	}
	for _, m := range wanted {
		raw, ok := answer[m.Theirs]
		if !ok || string(raw) == "null" {
			continue
		}
		told, err := tell(raw, *coin.Decimals, o.Type)
		if err != nil {
			return gateway.Quote{}, fmt.Errorf("ramp: the quote can't be read: %w", err)
		}
		told.PaymentMethod = m.ID
		return told, nil
	}
	if r.PaymentMethod != "" {
		return gateway.Quote{}, notByMethod(r)
	}
	return gateway.Quote{}, errors.New("ramp: the quote has no payment method that we know")
}

func notByMethod(r gateway.QuoteRequest) error {
	return checkout.FailField(checkout.CodeValidation, "paymentMethod", "is not one that Ramp serves for "+r.Order.FiatCurrency+": "+r.PaymentMethod)
}

// refusal tells a payer's error from others by the code's words, as there is no list of the codes.
func refusal(o *checkout.Order, err error) error {
	var answer *gatewaycall.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		return fmt.Errorf("ramp: %w", err)
	}
	var body struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(answer.Body, &body) // what is no JSON has no code
	switch {
	case strings.Contains(body.Code, "UNSUPPORTED_CURRENCY"), strings.Contains(body.Code, "FIAT_CURRENCY_NOT_SUPPORTED"):
		return checkout.FailField(checkout.CodeInvalidCurrency, "fiatCurrency", "is not served by Ramp: "+o.FiatCurrency).Because(err)
	case strings.Contains(body.Code, "AMOUNT"), strings.Contains(body.Code, "LIMIT"):
		return checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is less or more than Ramp takes for "+o.CryptoCurrency).Because(err)
	case strings.Contains(body.Code, "ASSET"):
		return checkout.FailField(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not served by Ramp at the moment: "+o.CryptoCurrency).Because(err)
	}
	return fmt.Errorf("ramp: %w", err)
}

// tell is the offer in our terms.
func tell(raw []byte, decimals int, kind checkout.OrderType) (gateway.Quote, error) {
	var from offer
	if err := json.Unmarshal(raw, &from); err != nil {
		return gateway.Quote{}, err
	}
	crypto, cryptoErr := gateway.BaseUnits(from.CryptoAmount, decimals)
	fiat, fiatErr := gateway.Number(from.FiatValue)
	applied, appliedErr := gateway.Number(from.AppliedFee)
	cut, cutErr := gateway.Number(from.HostFeeCut)
	if err := errors.Join(cryptoErr, fiatErr, appliedErr, cutErr); err != nil {
		return gateway.Quote{}, err
	}
	if !crypto.IsSet() || !fiat.IsSet() {
		return gateway.Quote{}, errors.New("it has no amounts")
	}
	told := gateway.Quote{FiatAmount: fiat, CryptoAmount: crypto, Serves: quoteServes}
	// The cut of the host, which is the project, is a part of the fee that is applied.
	if own := applied.Decimal().Sub(cut.Decimal()); own.Sign() > 0 {
		amount, err := money.Parse(own.String())
		if err != nil {
			return gateway.Quote{}, err
		}
		told.AddFee(gateway.FeeGateway, amount)
	}
	told.AddFee(gateway.FeePartner, cut)
	return told, told.SetRate(kind)
}

// Probe asks for the assets by the key. That the signing key is the one whose public half Ramp has, only a payer's visit shows.
func (g *account) Probe(ctx context.Context) error {
	var answer published
	err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.assetsURL("", "EUR")}, &answer)
	if status := gatewaycall.Status(err); status > 0 && status < 500 && status != http.StatusTooManyRequests {
		return fmt.Errorf("ramp: the hostApiKey was not taken; it is of one environment only, and Ramp gives it on request: %w", err)
	}
	if err != nil {
		return fmt.Errorf("ramp: %w", err)
	}
	return nil
}
