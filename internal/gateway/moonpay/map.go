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
	"github.com/sliproad/sliproad/internal/money"
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
		s.Buy.Fiats = append(s.Buy.Fiats, fiatOf(checkout.Buy, currency, money.Amount{}, money.Amount{}))
		s.Sell.Fiats = append(s.Sell.Fiats, fiatOf(checkout.Sell, currency, money.Amount{}, money.Amount{}))
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
func fiatOf(kind checkout.OrderType, currency string, least, most money.Amount) gateway.ServedFiat {
	f := gateway.ServedFiat{Currency: currency}
	for _, m := range methods {
		if (m.only == "" || m.only == currency) && (kind == checkout.Buy || m.payout) {
			f.Methods = append(f.Methods, gateway.ServedMethod{
				ID: m.ours, Name: m.name, Theirs: m.theirs, Min: gateway.Limit{Amount: least}, Max: gateway.Limit{Amount: most},
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

// parseCatalogue reads what Load gave for the environment, or takes what is built in where that makes no sense.
func parseCatalogue(raw []byte, environment gateway.Environment) *gateway.Serving {
	var worlds map[gateway.Environment]json.RawMessage
	if json.Unmarshal(raw, &worlds) != nil {
		return builtIn
	}
	s, err := gateway.DecodeServing(worlds[environment])
	if err != nil {
		return builtIn
	}
	return s
}

// published is a currency of MoonPay's list.
type published struct {
	Type             string       `json:"type"`
	Code             string       `json:"code"`
	MinBuyAmount     *json.Number `json:"minBuyAmount"`
	MaxBuyAmount     *json.Number `json:"maxBuyAmount"`
	IsSellSupported  bool         `json:"isSellSupported"`
	SupportsTestMode bool         `json:"supportsTestMode"`
	IsSuspended      bool         `json:"isSuspended"`
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
	worlds := map[gateway.Environment]json.RawMessage{}
	for _, environment := range []gateway.Environment{gateway.Sandbox, gateway.Production} {
		encoded, err := servingOf(environment, currencies, countries).Encode()
		if err != nil {
			return nil, fmt.Errorf("moonpay: lists of %d currencies and %d countries: %w", len(currencies), len(countries), err)
		}
		worlds[environment] = encoded
	}
	return json.Marshal(worlds)
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
		if !ok || !p.SupportsTestMode && environment == gateway.Sandbox {
			continue
		}
		buy, sell := a, a
		buy.Without, sell.Without = slices.Concat(p.NotIn, noBuy), slices.Concat(p.NotIn, noSell)
		s.Buy.Assets = append(s.Buy.Assets, buy)
		if p.IsSellSupported {
			s.Sell.Assets = append(s.Sell.Assets, sell)
		}
	}
	return &s
}

// addFiat adds a fiat currency. Its limits are those to buy; one that can't be read is none.
func (p *published) addFiat(s *gateway.Serving) {
	limit := func(n *json.Number) (a money.Amount) {
		if n != nil {
			a, _ = gateway.Number(*n)
		}
		return a
	}
	currency := strings.ToUpper(p.Code)
	s.Buy.Fiats = append(s.Buy.Fiats, fiatOf(checkout.Buy, currency, limit(p.MinBuyAmount), limit(p.MaxBuyAmount)))
	if p.IsSellSupported {
		s.Sell.Fiats = append(s.Sell.Fiats, fiatOf(checkout.Sell, currency, money.Amount{}, money.Amount{}))
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
