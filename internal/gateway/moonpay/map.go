package moonpay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// codes are MoonPay's codes of the assets that its documentation names, as "asset network code", until the list has been
// loaded.
const (
	builtInBuy = `
	BTC bitcoin btc            ETH ethereum eth            ETH base eth_base          ETH arbitrum eth_arbitrum
	ETH optimism eth_optimism  USDC ethereum usdc          USDC polygon usdc_polygon  USDC base usdc_base
	USDC arbitrum usdc_arbitrum                            USDC optimism usdc_optimism
	USDC solana usdc_sol       MATIC polygon matic_polygon`
	builtInSell = `
	BTC bitcoin btc            ETH ethereum eth            USDC ethereum usdc`
)

// builtIn is the same in both worlds.
var builtIn = func() *gateway.Serving {
	s := &gateway.Serving{Buy: gateway.Served{Assets: assetsOf(builtInBuy)}, Sell: gateway.Served{Assets: assetsOf(builtInSell)}}
	for _, currency := range []string{"EUR", "GBP", "USD"} {
		s.Buy.Fiats = append(s.Buy.Fiats, fiatOf(checkout.Buy, currency, gateway.Limit{}, gateway.Limit{}))
		s.Sell.Fiats = append(s.Sell.Fiats, fiatOf(checkout.Sell, currency, gateway.Limit{}, gateway.Limit{}))
	}
	return s.Tidy()
}()

func assetsOf(table string) []gateway.ServedAsset {
	var assets []gateway.ServedAsset
	for words := range slices.Chunk(strings.Fields(table), 3) {
		assets = append(assets, gateway.ServedAsset{Code: words[0], Network: words[1], TheirCode: words[2]})
	}
	return assets
}

// networks are MoonPay's networkCodes where ours differ; hyphens aside, the rest are alike.
var networks = map[string]string{
	"binance_smart_chain": "bsc", "bnb_chain": "bsc", "avalanche_c_chain": "avalanche", "ripple": "xrp",
	"worldchain": "world-chain",
}

// method is a way to pay, or to be paid, with the currency to which it is bound, if any.
type method struct {
	ours, name, theirs, only string
	payout                   bool
}

// methods are the ways for which we have names (platform/guides/pay-with-widget names MoonPay's), the one to prefer first.
var methods = []method{
	{ours: "debit-credit-card", name: "Credit or debit card", theirs: "credit_debit_card", payout: true},
	{ours: "apple-pay", name: "Apple Pay", theirs: "apple_pay"},
	{ours: "google-pay", name: "Google Pay", theirs: "google_pay"},
	{ours: "sepa", name: "SEPA bank transfer", theirs: "sepa_bank_transfer", only: "EUR", payout: true},
	{ours: "bank-transfer", name: "Bank transfer", theirs: "gbp_bank_transfer", only: "GBP", payout: true},
	{ours: "open-banking", name: "Open banking", theirs: "gbp_open_banking_payment", only: "GBP"},
	{ours: "pix", name: "Pix", theirs: "pix_instant_payment", only: "BRL"},
	{ours: "interac", name: "Interac", theirs: "interac", only: "CAD"},
	{ours: "paypal", name: "PayPal", theirs: "paypal", only: "USD"},
	{ours: "venmo", name: "Venmo", theirs: "venmo", only: "USD"},
}

// fiatOf is the currency with its methods and limits.
func fiatOf(kind checkout.OrderType, currency string, least, most gateway.Limit) gateway.ServedFiat {
	f := gateway.ServedFiat{Currency: currency}
	for _, m := range methods {
		if (m.only == "" || m.only == currency) && (kind == checkout.Buy || m.payout) {
			f.Methods = append(f.Methods, gateway.ServedMethod{
				ID: m.ours, Name: m.name, Theirs: m.theirs, Min: least, Max: most,
			})
		}
	}
	return f
}

// ourMethod is our id of MoonPay's method; one that we don't know keeps its name, in our form.
func ourMethod(theirs string) string {
	for _, m := range methods {
		if m.theirs == theirs {
			return m.ours
		}
	}
	return strings.ReplaceAll(strings.ToLower(theirs), "_", "-")
}

// catalogue is what Load gives.
type catalogue struct {
	Sandbox    json.RawMessage `json:"sandbox"`
	Production json.RawMessage `json:"production"`
	Tagged     []string        `json:"tagged"` // the codes of the assets whose addresses may have a tag
}

// parseCatalogue reads what Load gave for the environment, or takes what is built in where that makes no sense. None of the
// assets that are built in has tags.
func parseCatalogue(raw []byte, environment gateway.Environment) (s *gateway.Serving, tagged []string) {
	var c catalogue
	if json.Unmarshal(raw, &c) != nil {
		return builtIn, nil
	}
	world := c.Sandbox
	if environment == gateway.Production {
		world = c.Production
	}
	s, err := gateway.DecodeServing(world)
	if err != nil {
		return builtIn, nil
	}
	return s, c.Tagged
}

// published is a currency of MoonPay's list (api-reference/widget/getcurrencies). A currency's limits are of its own amounts.
type published struct {
	Type             string       `json:"type"`
	Code             string       `json:"code"`
	MinBuyAmount     *json.Number `json:"minBuyAmount"`
	MaxBuyAmount     *json.Number `json:"maxBuyAmount"`
	MinSellAmount    *json.Number `json:"minSellAmount"`
	MaxSellAmount    *json.Number `json:"maxSellAmount"`
	IsSellSupported  bool         `json:"isSellSupported"`
	HasTag           bool         `json:"supportsAddressTag"`
	SupportsTestMode bool         `json:"supportsTestMode"`
	SupportsLiveMode *bool        `json:"supportsLiveMode"`
	IsSuspended      bool         `json:"isSuspended"`
	IsSupportedInUS  *bool        `json:"isSupportedInUS"`
	NotIn            []string     `json:"notAllowedCountries"`
	Metadata         struct {
		NetworkCode     string `json:"networkCode"`
		ContractAddress any    `json:"contractAddress"` // a text, or the number 0
	} `json:"metadata"`
}

// country is one of MoonPay's list.
type country struct {
	Alpha2        string `json:"alpha2"`
	IsBuyAllowed  bool   `json:"isBuyAllowed"`
	IsSellAllowed bool   `json:"isSellAllowed"`
}

// Load asks for the currencies and the countries. The two worlds differ in the assets: not all can be tested.
func (g *account) Load(ctx context.Context) ([]byte, error) {
	var currencies []published
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/v3/currencies"}, &currencies); err != nil {
		return nil, fmt.Errorf("moonpay: %w", err)
	}
	var countries []country
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/v3/countries"}, &countries); err != nil {
		return nil, fmt.Errorf("moonpay: %w", err)
	}
	var c catalogue
	for environment, world := range map[gateway.Environment]*json.RawMessage{gateway.Sandbox: &c.Sandbox, gateway.Production: &c.Production} {
		encoded, err := servingOf(environment, currencies, countries).Encode()
		if err != nil {
			return nil, fmt.Errorf("moonpay: lists of %d currencies and %d countries: %w", len(currencies), len(countries), err)
		}
		*world = encoded
	}
	for _, p := range currencies {
		if p.HasTag {
			c.Tagged = append(c.Tagged, p.Code)
		}
	}
	return json.Marshal(c)
}

// servingOf is what the lists come to in the environment. Where payers of a country may buy only, or sell only, the assets of
// the other kind are without it.
func servingOf(environment gateway.Environment, currencies []published, countries []country) *gateway.Serving {
	var s gateway.Serving
	var noBuy, noSell []string
	for _, c := range countries {
		alpha2, known := checkout.LookupCountry(c.Alpha2)
		if !known || !c.IsBuyAllowed && !c.IsSellAllowed {
			continue
		}
		s.Countries = append(s.Countries, alpha2)
		if !c.IsBuyAllowed {
			noBuy = append(noBuy, alpha2)
		}
		if !c.IsSellAllowed {
			noSell = append(noSell, alpha2)
		}
	}
	if len(s.Countries) == 0 {
		return &gateway.Serving{} // which nobody takes for a list
	}
	for _, p := range currencies {
		if p.Type == "fiat" {
			p.addFiat(&s)
			continue
		}
		a, ok := p.asset()
		if !ok || !p.in(environment) {
			continue
		}
		buy, sell := a, a
		buy.Min, buy.Max = limitOf(p.MinBuyAmount), limitOf(p.MaxBuyAmount)
		sell.Min, sell.Max = limitOf(p.MinSellAmount), limitOf(p.MaxSellAmount)
		buy.Without, sell.Without = slices.Concat(p.NotIn, noBuy), slices.Concat(p.NotIn, noSell)
		if p.IsSupportedInUS != nil && !*p.IsSupportedInUS { // which is said of purchases
			buy.Without = append(buy.Without, "US")
		}
		s.Buy.Assets = append(s.Buy.Assets, buy)
		if p.IsSellSupported {
			s.Sell.Assets = append(s.Sell.Assets, sell)
		}
	}
	return &s
}

// in tells whether the currency is in the environment. That one is not in live mode, older lists don't say.
func (p *published) in(environment gateway.Environment) bool {
	if environment == gateway.Sandbox {
		return p.SupportsTestMode
	}
	return p.SupportsLiveMode == nil || *p.SupportsLiveMode
}

// limitOf is a limit; one that can't be read is none.
func limitOf(n *json.Number) (l gateway.Limit) {
	if n != nil {
		l.Amount, _ = gateway.Number(*n)
	}
	return l
}

// addFiat adds a fiat currency. Its limits are those to buy.
func (p *published) addFiat(s *gateway.Serving) {
	currency := strings.ToUpper(p.Code)
	s.Buy.Fiats = append(s.Buy.Fiats, fiatOf(checkout.Buy, currency, limitOf(p.MinBuyAmount), limitOf(p.MaxBuyAmount)))
	if p.IsSellSupported {
		s.Sell.Fiats = append(s.Sell.Fiats, fiatOf(checkout.Sell, currency, gateway.Limit{}, gateway.Limit{}))
	}
}

// asset is the currency by our names, where we have some. A code is that of the asset, and mostly an underscore and something
// of the network; which network it is, metadata tells.
func (p *published) asset() (gateway.ServedAsset, bool) {
	ticker, _, _ := strings.Cut(strings.ToUpper(p.Code), "_")
	network, ok := networks[p.Metadata.NetworkCode]
	if !ok {
		network = strings.ReplaceAll(p.Metadata.NetworkCode, "_", "-")
	}
	coin, known := asset.LookupAsset(ticker)
	contract, _ := p.Metadata.ContractAddress.(string)
	if _, lives := coin.OnNetwork(network); !known || !lives || p.IsSuspended || gateway.OtherToken(ticker, network, contract) {
		return gateway.ServedAsset{}, false
	}
	return gateway.ServedAsset{Code: ticker, Network: network, TheirCode: p.Code}, true
}
