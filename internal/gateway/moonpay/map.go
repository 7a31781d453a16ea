package moonpay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// catalogueVersion is of the form in which Load keeps what MoonPay published; another release may have another.
const catalogueVersion = 1

// catalogue is what MoonPay publishes (api-reference/widget/getcurrencies, …/getcountries), as far as we have names for it.
type catalogue struct {
	Version int      `json:"v"`
	Crypto  []crypto `json:"crypto"`
	Fiat    []fiat   `json:"fiat"`
	Buy     []string `json:"buy,omitempty"`  // the countries whose payers may buy; none: not known
	Sell    []string `json:"sell,omitempty"` // the ones that may sell
}

type crypto struct {
	Code    string   `json:"code"` // MoonPay's
	Asset   string   `json:"asset"`
	Network string   `json:"network"`
	Sell    bool     `json:"sell,omitempty"`
	Test    bool     `json:"test,omitempty"`
	NotIn   []string `json:"notIn,omitempty"`
}

type fiat struct {
	Currency string       `json:"currency"`
	Min      *json.Number `json:"min,omitempty"` // to buy
	Max      *json.Number `json:"max,omitempty"`
	Sell     bool         `json:"sell,omitempty"`
}

// builtIn is what the documentation names, until the list has been loaded.
var builtIn = catalogue{
	Crypto: []crypto{
		{Code: "btc", Asset: "BTC", Network: "bitcoin", Sell: true, Test: true},
		{Code: "eth", Asset: "ETH", Network: "ethereum", Sell: true, Test: true},
		{Code: "eth_base", Asset: "ETH", Network: "base", Test: true},
		{Code: "eth_arbitrum", Asset: "ETH", Network: "arbitrum", Test: true},
		{Code: "eth_optimism", Asset: "ETH", Network: "optimism", Test: true},
		{Code: "usdc", Asset: "USDC", Network: "ethereum", Sell: true, Test: true},
		{Code: "usdc_polygon", Asset: "USDC", Network: "polygon", Test: true},
		{Code: "usdc_base", Asset: "USDC", Network: "base", Test: true},
		{Code: "usdc_arbitrum", Asset: "USDC", Network: "arbitrum", Test: true},
		{Code: "usdc_optimism", Asset: "USDC", Network: "optimism", Test: true},
		{Code: "usdc_sol", Asset: "USDC", Network: "solana", Test: true},
		{Code: "matic_polygon", Asset: "MATIC", Network: "polygon", Test: true},
	},
	Fiat: []fiat{{Currency: "USD", Sell: true}, {Currency: "EUR", Sell: true}, {Currency: "GBP", Sell: true}},
}

// networks are MoonPay's networkCodes where ours differ; hyphens aside, the rest are alike.
var networks = map[string]string{
	"binance_smart_chain": "bsc", "bnb_chain": "bsc", "avalanche_c_chain": "avalanche", "ripple": "xrp",
}

// methods are the payment methods for which we have names (platform/guides/pay-with-widget names MoonPay's).
var methods = []struct{ ours, name, theirs, only string }{
	{ours: "debit-credit-card", name: "Credit or debit card", theirs: "credit_debit_card"},
	{ours: "apple-pay", name: "Apple Pay", theirs: "apple_pay"},
	{ours: "google-pay", name: "Google Pay", theirs: "google_pay"},
	{ours: "sepa", name: "SEPA bank transfer", theirs: "sepa_bank_transfer", only: "EUR"},
	{ours: "bank-transfer", name: "Bank transfer", theirs: "gbp_bank_transfer", only: "GBP"},
	{ours: "open-banking", name: "Open banking", theirs: "gbp_open_banking_payment", only: "GBP"},
	{ours: "pix", name: "Pix", theirs: "pix_instant_payment", only: "BRL"},
	{ours: "interac", name: "Interac", theirs: "interac", only: "CAD"},
	{ours: "paypal", name: "PayPal", theirs: "paypal", only: "USD"},
	{ours: "venmo", name: "Venmo", theirs: "venmo", only: "USD"},
}

// payouts are the ids of methods by which a seller is paid.
var payouts = []string{"debit-credit-card", "sepa", "bank-transfer"}

func theirMethod(ours string) (theirs string, ok bool) {
	for _, m := range methods {
		if m.ours == ours {
			return m.theirs, true
		}
	}
	return "", ours == ""
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

// on is an asset on a network, by our names.
type on struct{ asset, network string }

// market is what MoonPay serves to buyers, or to sellers.
type market struct {
	all       gateway.Catalogue
	codes     map[on]string
	notIn     map[on][]string
	countries []string
}

// in is the market for payers of the country.
func (m *market) in(country string) gateway.Catalogue {
	if country == "" {
		return m.all
	}
	if len(m.countries) > 0 && !slices.Contains(m.countries, country) {
		return gateway.Catalogue{}
	}
	if !slices.ContainsFunc(m.all.Assets, func(a gateway.Asset) bool { return slices.ContainsFunc(a.Networks, m.barred(a.Code, country)) }) {
		return m.all
	}
	here := gateway.Catalogue{Fiats: m.all.Fiats, Methods: m.all.Methods}
	for _, a := range m.all.Assets {
		a.Networks = slices.DeleteFunc(slices.Clone(a.Networks), m.barred(a.Code, country))
		if len(a.Networks) > 0 {
			here.Assets = append(here.Assets, a)
		}
	}
	return here
}

func (m *market) barred(code, country string) func(gateway.AssetNetwork) bool {
	return func(n gateway.AssetNetwork) bool { return slices.Contains(m.notIn[on{code, n.Network}], country) }
}

// market is what of the catalogue is for orders of the kind. In MoonPay's sandbox not every asset can be had.
func (c *catalogue) market(kind checkout.OrderType, environment gateway.Environment) *market {
	m := &market{codes: map[on]string{}, notIn: map[on][]string{}, countries: c.Buy}
	if kind == checkout.Sell {
		m.countries = c.Sell
	}
	for _, listed := range asset.Assets() {
		a := gateway.Asset{Code: listed.Code}
		for _, l := range listed.Networks {
			at := on{listed.Code, l.Network}
			i := slices.IndexFunc(c.Crypto, func(x crypto) bool {
				return on{x.Asset, x.Network} == at && (x.Sell || kind == checkout.Buy) && (x.Test || environment == gateway.Production)
			})
			if i < 0 {
				continue
			}
			a.Networks = append(a.Networks, gateway.AssetNetwork{Network: l.Network})
			m.codes[at], m.notIn[at] = c.Crypto[i].Code, c.Crypto[i].NotIn
		}
		if len(a.Networks) > 0 {
			m.all.Assets = append(m.all.Assets, a)
		}
	}
	for _, f := range c.Fiat {
		if kind == checkout.Buy || f.Sell {
			m.all.Fiats = append(m.all.Fiats, f.listed(kind))
		}
	}
	for _, method := range methods {
		if slices.ContainsFunc(m.all.Fiats, func(f gateway.Fiat) bool { return slices.Contains(f.Methods, method.ours) }) {
			m.all.Methods = append(m.all.Methods, gateway.PaymentMethod{ID: method.ours, Name: method.name})
		}
	}
	return m
}

func (f *fiat) listed(kind checkout.OrderType) gateway.Fiat {
	listed := gateway.Fiat{Currency: f.Currency}
	for _, method := range methods {
		if (method.only == "" || method.only == f.Currency) && (kind == checkout.Buy || slices.Contains(payouts, method.ours)) {
			listed.Methods = append(listed.Methods, method.ours)
		}
	}
	if kind == checkout.Buy {
		listed.Min, listed.Max = amount(f.Min), amount(f.Max)
	}
	return listed
}

// amount is a limit; one that can't be read is none.
func amount(n *json.Number) money.Amount {
	if n == nil {
		return money.Amount{}
	}
	a, _ := gateway.Number(*n)
	return a
}

// parseCatalogue reads what Load gave, or takes what is built in where that makes no sense.
func parseCatalogue(raw []byte) *catalogue {
	var c catalogue
	if json.Unmarshal(raw, &c) != nil || c.Version != catalogueVersion || c.check() != nil {
		return &builtIn
	}
	return &c
}

func (c *catalogue) check() error {
	if len(c.Crypto) == 0 || len(c.Fiat) == 0 || len(c.Buy) == 0 {
		return errors.New("moonpay: the published lists have no crypto currency, no fiat currency or no country that we know")
	}
	return nil
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

// Load asks for the currencies and the countries.
func (g *account) Load(ctx context.Context) ([]byte, error) {
	var currencies []published
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/v3/currencies"}, &currencies); err != nil {
		return nil, fmt.Errorf("moonpay: %w", err)
	}
	var countries []struct {
		Alpha2        string `json:"alpha2"`
		IsBuyAllowed  bool   `json:"isBuyAllowed"`
		IsSellAllowed bool   `json:"isSellAllowed"`
	}
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/v3/countries"}, &countries); err != nil {
		return nil, fmt.Errorf("moonpay: %w", err)
	}
	c := catalogue{Version: catalogueVersion}
	for _, p := range currencies {
		c.add(&p)
	}
	for _, country := range countries {
		code, known := checkout.LookupCountry(country.Alpha2)
		if known && country.IsBuyAllowed {
			c.Buy = append(c.Buy, code)
		}
		if known && country.IsSellAllowed {
			c.Sell = append(c.Sell, code)
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	slices.SortFunc(c.Crypto, func(a, b crypto) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortFunc(c.Fiat, func(a, b fiat) int { return cmp.Compare(a.Currency, b.Currency) })
	return json.Marshal(c)
}

// add takes a currency up for which we have names. A code is that of the asset, and mostly an underscore and something of the
// network; which network it is, metadata tells.
func (c *catalogue) add(p *published) {
	if p.Type == "fiat" {
		if currency, known := money.LookupCurrency(strings.ToUpper(p.Code)); known {
			c.Fiat = append(c.Fiat, fiat{Currency: currency.Code, Min: p.MinBuyAmount, Max: p.MaxBuyAmount, Sell: p.IsSellSupported})
		}
		return
	}
	ticker, _, _ := strings.Cut(strings.ToUpper(p.Code), "_")
	network, ok := networks[p.Metadata.NetworkCode]
	if !ok {
		network = strings.ReplaceAll(p.Metadata.NetworkCode, "_", "-")
	}
	coin, known := asset.LookupAsset(ticker)
	contract, _ := p.Metadata.ContractAddress.(string)
	if _, lives := coin.OnNetwork(network); !known || !lives || p.IsSuspended || gateway.OtherToken(ticker, network, contract) {
		return
	}
	c.Crypto = append(c.Crypto, crypto{
		Code: p.Code, Asset: ticker, Network: network, Sell: p.IsSellSupported, Test: p.SupportsTestMode, NotIn: p.NotIn,
	})
}
