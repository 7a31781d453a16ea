package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// The reference and the guide on upgrading have the first path (https://docs.stripe.com/api/crypto/onramp_quotes), the
// embedded guide still has the second, which is asked where the first is not found.
var quotesPaths = []string{"/v1/crypto/onramp_quotes", "/v1/crypto/onramp/quotes"}

// quoteServes is how long a price is shown: it is an estimate, and Stripe doesn't tell how long it holds.
const quoteServes = time.Minute

type quotes struct {
	Networks map[string][]offer `json:"destination_network_quotes"`
}

type offer struct {
	Currency string         `json:"destination_currency"`
	Amount   gateway.Digits `json:"destination_amount"`
	Total    gateway.Digits `json:"source_total_amount"`
	Fees     struct {
		Network     gateway.Digits `json:"network_fee_monetary"`
		Transaction gateway.Digits `json:"transaction_fee_monetary"`
	} `json:"fees"`
}

// askQuotes asks at the first path that there is.
func (a *account) askQuotes(ctx context.Context, form url.Values) (quotes, error) {
	var err error
	for _, path := range quotesPaths {
		var q quotes
		err = a.ask(ctx, http.MethodGet, path, form, "", &q)
		if gatewaycall.Status(err) != http.StatusNotFound {
			return q, err
		}
	}
	return quotes{}, err
}

// Quote asks for the price. The fees come on top of the order's amount, so that the payer pays more than that, as the quote
// says. It is the same for all payment methods.
func (a *account) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	o := r.Order
	if err := a.Check(o); err != nil {
		return gateway.Quote{}, err
	}
	method := r.PaymentMethod
	if served := methodsOf(o.FiatCurrency); method == "" {
		method = served[0]
	} else if !slices.Contains(served, method) {
		return gateway.Quote{}, checkout.FailField(checkout.CodeValidation, "paymentMethod", "must be one that Stripe has for "+o.FiatCurrency+": "+strings.Join(served, ", "))
	}
	p := pair{o.CryptoCurrency, o.Network}
	answer, err := a.askQuotes(ctx, url.Values{
		"source_currency": {strings.ToLower(o.FiatCurrency)}, "source_amount": {o.FiatAmount.String()},
		"destination_currencies[]": {p.currency()}, "destination_networks[]": {networkName(p.network)},
	})
	if err != nil {
		return gateway.Quote{}, refused(err)
	}
	for network, offers := range answer.Networks {
		for _, one := range offers {
			if networkOf(network) == p.network && strings.EqualFold(one.Currency, p.asset) {
				q, err := one.quote()
				q.PaymentMethod, q.Serves = method, quoteServes
				return q, err
			}
		}
	}
	return gateway.Quote{}, errors.New("stripe: the answer has no price for " + p.asset + " on " + p.network)
}

func (o *offer) quote() (gateway.Quote, error) {
	var q gateway.Quote
	var errTotal, errCrypto error
	q.FiatAmount, errTotal = o.Total.Amount()
	q.CryptoAmount, errCrypto = o.Amount.Amount()
	gatewayFee, errGateway := o.Fees.Transaction.Amount()
	networkFee, errNetwork := o.Fees.Network.Amount()
	if err := errors.Join(errTotal, errCrypto, errGateway, errNetwork); err != nil {
		return gateway.Quote{}, fmt.Errorf("stripe: the price can't be read: %w", err)
	}
	if !q.FiatAmount.IsSet() || !q.CryptoAmount.IsSet() {
		return gateway.Quote{}, errors.New("stripe: the price lacks its total or crypto amount")
	}
	q.AddFee(gateway.FeeGateway, gatewayFee)
	q.AddFee(gateway.FeeNetwork, networkFee)
	if err := q.SetRate(checkout.Buy); err != nil {
		return gateway.Quote{}, fmt.Errorf("stripe: the price comes to no rate: %w", err)
	}
	return q, nil
}

// Load asks for prices of everything, which tells what there is.
func (a *account) Load(ctx context.Context) ([]byte, error) {
	answer, err := a.askQuotes(ctx, url.Values{"source_currency": {"usd"}, "source_amount": {"100.00"}})
	if err != nil {
		return nil, err
	}
	var s stored
	for _, network := range slices.Sorted(maps.Keys(answer.Networks)) {
		for _, one := range answer.Networks[network] {
			code := strings.ToUpper(one.Currency)
			coin, known := asset.LookupAsset(code)
			on, lives := coin.OnNetwork(networkOf(network))
			if known && lives {
				s.Pairs = append(s.Pairs, [2]string{code, on.Network})
			}
		}
	}
	if len(s.Pairs) == 0 {
		return nil, errors.New("stripe: the prices name nothing that we know")
	}
	return json.Marshal(s)
}
