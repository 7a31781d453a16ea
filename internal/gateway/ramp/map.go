package ramp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// catalogueVersion is of the form in which Load keeps what Ramp published; another release may have another.
const catalogueVersion = 1

// catalogue is what Ramp publishes, as far as we have names for it.
type catalogue struct {
	Version int      `json:"v"`
	Crypto  []crypto `json:"crypto"`
	Fiat    []fiat   `json:"fiat"`
}

type crypto struct {
	Code    string `json:"code"` // Ramp's
	Asset   string `json:"asset"`
	Network string `json:"network"`
	Buy     bool   `json:"buy,omitempty"`
	Sell    bool   `json:"sell,omitempty"`
}

// fiat is served to buy or to sell where there are limits, though they may be empty.
type fiat struct {
	Currency string  `json:"currency"`
	Buy      *limits `json:"buy,omitempty"`
	Sell     *limits `json:"sell,omitempty"`
}

// limits are of the fiat amount; nothing is none.
type limits struct {
	Min json.Number `json:"min,omitempty"`
	Max json.Number `json:"max,omitempty"`
}

// builtIn is what documentation and public code name, until the lists have been loaded.
var builtIn = catalogue{
	Crypto: []crypto{
		{Code: "BTC_BTC", Asset: "BTC", Network: "bitcoin", Buy: true, Sell: true},
		{Code: "ETH_ETH", Asset: "ETH", Network: "ethereum", Buy: true, Sell: true},
		{Code: "MATIC_USDC", Asset: "USDC", Network: "polygon", Buy: true, Sell: true},
		{Code: "BASE_USDC", Asset: "USDC", Network: "base", Buy: true},
		{Code: "ARBITRUM_USDC", Asset: "USDC", Network: "arbitrum", Buy: true},
	},
	Fiat: []fiat{
		{Currency: "EUR", Buy: &limits{}, Sell: &limits{}},
		{Currency: "USD", Buy: &limits{}, Sell: &limits{}},
		{Currency: "GBP", Buy: &limits{}, Sell: &limits{}},
	},
}

// chains are Ramp's, as wallets map them (https://github.com/gemwalletcom/core).
var chains = map[string]string{
	"ARBITRUM": "arbitrum", "AVAX": "avalanche", "BASE": "base", "BCH": "bitcoin-cash", "BSC": "bsc", "BTC": "bitcoin",
	"CARDANO": "cardano", "CELO": "celo", "COSMOS": "cosmos", "DOGE": "dogecoin", "DOT": "polkadot", "ETH": "ethereum",
	"LINEA": "linea", "LTC": "litecoin", "MATIC": "polygon", "NEAR": "near", "OPTIMISM": "optimism", "POLKADOT": "polkadot",
	"SOLANA": "solana", "TON": "ton", "TRON": "tron", "WORLDCHAIN": "world-chain", "XRP": "xrp", "ZKSYNCERA": "zksync",
}

// method is a payment or payout method, with the currency to which it is bound, if any.
type method struct{ ours, name, theirs, only string }

// payments and payouts are Ramp's methods (rest-api-v3-reference), the one to prefer first.
var (
	payments = []method{
		{ours: "debit-credit-card", name: "Credit or debit card", theirs: "CARD_PAYMENT"},
		{ours: "apple-pay", name: "Apple Pay", theirs: "APPLE_PAY"},
		{ours: "google-pay", name: "Google Pay", theirs: "GOOGLE_PAY"},
		{ours: "bank-transfer", name: "Bank transfer", theirs: "MANUAL_BANK_TRANSFER"},
		{ours: "open-banking", name: "Open banking", theirs: "AUTO_BANK_TRANSFER"},
		{ours: "pix", name: "Pix", theirs: "PIX", only: "BRL"},
	}
	payouts = []method{
		{ours: "sepa", name: "SEPA bank transfer", theirs: "SEPA", only: "EUR"},
		{ours: "debit-credit-card", name: "Credit or debit card", theirs: "CARD"},
		{ours: "ach", name: "US bank transfer", theirs: "AMERICAN_BANK_TRANSFER", only: "USD"},
		{ours: "spei", name: "SPEI", theirs: "SPEI", only: "MXN"},
		{ours: "pix", name: "Pix", theirs: "PIX", only: "BRL"},
	}
)

func methodsOf(kind checkout.OrderType) []method {
	if kind == checkout.Sell {
		return payouts
	}
	return payments
}

func byID(methods []method, id string) []method {
	i := slices.IndexFunc(methods, func(m method) bool { return m.ours == id })
	if i < 0 {
		return nil
	}
	return methods[i : i+1]
}

// on is an asset on a network, by our names.
type on struct{ asset, network string }

// market is what Ramp serves to buyers, or to sellers.
type market struct {
	all   gateway.Catalogue
	codes map[on]string
}

// market is what of the catalogue is for orders of the kind.
func (c *catalogue) market(kind checkout.OrderType) *market {
	m := &market{codes: map[on]string{}}
	for _, listed := range asset.Assets() {
		a := gateway.Asset{Code: listed.Code}
		for _, l := range listed.Networks {
			at := on{listed.Code, l.Network}
			i := slices.IndexFunc(c.Crypto, func(x crypto) bool {
				return on{x.Asset, x.Network} == at && (kind == checkout.Buy && x.Buy || kind == checkout.Sell && x.Sell)
			})
			if i >= 0 {
				a.Networks = append(a.Networks, gateway.AssetNetwork{Network: l.Network})
				m.codes[at] = c.Crypto[i].Code
			}
		}
		if len(a.Networks) > 0 {
			m.all.Assets = append(m.all.Assets, a)
		}
	}
	for _, f := range c.Fiat {
		within := f.Buy
		if kind == checkout.Sell {
			within = f.Sell
		}
		if within == nil {
			continue
		}
		listed := gateway.Fiat{Currency: f.Currency}
		listed.Min, _ = gateway.Number(within.Min) // one that can't be read is none
		listed.Max, _ = gateway.Number(within.Max)
		for _, way := range methodsOf(kind) {
			if way.only == "" || way.only == f.Currency {
				listed.Methods = append(listed.Methods, way.ours)
			}
		}
		m.all.Fiats = append(m.all.Fiats, listed)
	}
	for _, way := range methodsOf(kind) {
		if slices.ContainsFunc(m.all.Fiats, func(f gateway.Fiat) bool { return slices.Contains(f.Methods, way.ours) }) {
			m.all.Methods = append(m.all.Methods, gateway.PaymentMethod{ID: way.ours, Name: way.name})
		}
	}
	return m
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
	if len(c.Crypto) == 0 || len(c.Fiat) == 0 {
		return errors.New("ramp: the published lists have no crypto currency or no fiat currency that we know")
	}
	return nil
}

// published is a HostAssetsConfig (rest-api-v3-reference): the assets, and the limits in the currency that was asked for, less
// than 0 for none.
type published struct {
	Assets []struct {
		Symbol  string `json:"symbol"`
		Chain   string `json:"chain"`
		Address string `json:"address"`
		Enabled *bool  `json:"enabled"`
		Hidden  bool   `json:"hidden"`
	} `json:"assets"`
	Min json.Number `json:"minPurchaseAmount"`
	Max json.Number `json:"maxPurchaseAmount"`
}

func (g *account) assetsURL(flow, currency string) string {
	return g.api + "/host-api/v3" + flow + "/assets?" + url.Values{
		"currencyCode": {currency}, "hostApiKey": {g.a.Settings["hostApiKey"]}, "withDisabled": {"false"}, "withHidden": {"false"},
	}.Encode()
}

// offramp is the part of a path that is for sellers.
const offramp = "/offramp"

// Load asks for the currencies, the assets of both flows, and the limits in the currencies that most are asked for; in others
// Ramp's own page tells them.
func (g *account) Load(ctx context.Context) ([]byte, error) {
	var currencies []struct {
		Currency string `json:"fiatCurrency"`
		Onramp   bool   `json:"onrampAvailable"`
		Offramp  bool   `json:"offrampAvailable"`
	}
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/host-api/v3/currencies"}, &currencies); err != nil {
		return nil, fmt.Errorf("ramp: %w", err)
	}
	c := catalogue{Version: catalogueVersion}
	for _, one := range currencies {
		f := fiat{Currency: one.Currency}
		if _, known := money.LookupCurrency(one.Currency); !known || !one.Onramp && !one.Offramp {
			continue
		}
		for flow, served := range map[string]bool{"": one.Onramp, offramp: one.Offramp} {
			if err := g.loadFlow(ctx, &c, &f, flow, served); err != nil {
				return nil, err
			}
		}
		c.Fiat = append(c.Fiat, f)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	slices.SortFunc(c.Crypto, func(a, b crypto) int { return cmp.Compare(a.Code, b.Code) })
	return json.Marshal(c)
}

// loadFlow adds the limits of the currency in the flow and, with them, assets that aren't there yet.
func (g *account) loadFlow(ctx context.Context, c *catalogue, f *fiat, flow string, served bool) error {
	if !served {
		return nil
	}
	within := &limits{}
	if flow == offramp {
		f.Sell = within
	} else {
		f.Buy = within
	}
	if !slices.ContainsFunc(builtIn.Fiat, func(most fiat) bool { return most.Currency == f.Currency }) {
		return nil
	}
	var p published
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.assetsURL(flow, f.Currency)}, &p); err != nil {
		return fmt.Errorf("ramp: %w", err)
	}
	for into, n := range map[*json.Number]json.Number{&within.Min: p.Min, &within.Max: p.Max} {
		if amount, err := gateway.Number(n); err == nil && amount.IsSet() {
			*into = n
		}
	}
	for _, a := range p.Assets {
		if a.Enabled != nil && !*a.Enabled || a.Hidden {
			continue
		}
		c.add(a.Chain, a.Symbol, a.Address, flow)
	}
	return nil
}

// add takes an asset up for which we have names.
func (c *catalogue) add(chain, symbol, address, flow string) {
	network := chains[chain]
	coin, known := asset.LookupAsset(symbol)
	if _, lives := coin.OnNetwork(network); !known || !lives || gateway.OtherToken(symbol, network, address) {
		return
	}
	code := chain + "_" + symbol
	i := slices.IndexFunc(c.Crypto, func(x crypto) bool { return x.Code == code })
	if i < 0 {
		i = len(c.Crypto)
		c.Crypto = append(c.Crypto, crypto{Code: code, Asset: symbol, Network: network})
	}
	if flow == offramp {
		c.Crypto[i].Sell = true
	} else {
		c.Crypto[i].Buy = true
	}
}
