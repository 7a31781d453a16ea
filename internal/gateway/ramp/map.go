package ramp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// The codes that documentation and public code name, as "asset network code", until the lists have been loaded.
const (
	builtInBuy  = `BTC bitcoin BTC_BTC  ETH ethereum ETH_ETH  USDC polygon MATIC_USDC  USDC base BASE_USDC  USDC arbitrum ARBITRUM_USDC`
	builtInSell = `BTC bitcoin BTC_BTC  ETH ethereum ETH_ETH  USDC polygon MATIC_USDC`
)

// mostAsked are the currencies that are built in, and of which the limits are loaded.
var mostAsked = []string{"EUR", "GBP", "USD"}

var builtIn = func() *gateway.Serving {
	s := &gateway.Serving{Buy: gateway.Served{Assets: gateway.ServedTable(builtInBuy)}, Sell: gateway.Served{Assets: gateway.ServedTable(builtInSell)}}
	for _, currency := range mostAsked {
		s.Buy.Fiats = append(s.Buy.Fiats, fiatOf(payments, currency, published{}))
		s.Sell.Fiats = append(s.Sell.Fiats, fiatOf(payouts, currency, published{}))
	}
	return s.Tidy()
}()

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

// fiatOf is the currency with its methods and limits. A limit that can't be read, or is less than 0, is none.
func fiatOf(methods []method, currency string, p published) gateway.ServedFiat {
	f := gateway.ServedFiat{Currency: currency}
	least, _ := gateway.Number(p.Min)
	most, _ := gateway.Number(p.Max)
	for _, m := range methods {
		if m.only == "" || m.only == currency {
			f.Methods = append(f.Methods, gateway.ServedMethod{
				ID: m.ours, Name: m.name, Theirs: m.theirs, Min: least, Max: most,
			})
		}
	}
	return f
}

// parseCatalogue reads what Load gave, or takes what is built in where that makes no sense.
func parseCatalogue(raw []byte) *gateway.Serving {
	s, err := gateway.DecodeServing(raw)
	if err != nil {
		return builtIn
	}
	return s
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

// Load asks for the currencies, the assets to buy and to sell, and the limits in the currencies that are asked for most; in
// others Ramp's own page tells them.
func (g *account) Load(ctx context.Context) ([]byte, error) {
	var currencies []struct {
		Currency string `json:"fiatCurrency"`
		Onramp   bool   `json:"onrampAvailable"`
		Offramp  bool   `json:"offrampAvailable"`
	}
	if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + "/host-api/v3/currencies"}, &currencies); err != nil {
		return nil, fmt.Errorf("ramp: %w", err)
	}
	var s gateway.Serving
	for _, one := range currencies {
		if one.Onramp {
			if err := g.load(ctx, &s.Buy, one.Currency, "", payments); err != nil {
				return nil, err
			}
		}
		if one.Offramp {
			if err := g.load(ctx, &s.Sell, one.Currency, "/offramp", payouts); err != nil {
				return nil, err
			}
		}
	}
	encoded, err := s.Encode()
	if err != nil {
		return nil, fmt.Errorf("ramp: a list of %d currencies: %w", len(currencies), err)
	}
	return encoded, nil
}

// load adds the currency, its limits and, with them, the assets.
func (g *account) load(ctx context.Context, to *gateway.Served, currency, flow string, methods []method) error {
	var p published
	if slices.Contains(mostAsked, currency) {
		if err := g.call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.assetsURL(flow, currency)}, &p); err != nil {
			return fmt.Errorf("ramp: %w", err)
		}
	}
	to.Fiats = append(to.Fiats, fiatOf(methods, currency, p))
	for _, a := range p.Assets {
		network, known := chains[a.Chain]
		if !known || a.Hidden || a.Enabled != nil && !*a.Enabled || gateway.OtherToken(a.Symbol, network, a.Address) {
			continue
		}
		to.Assets = append(to.Assets, gateway.ServedAsset{Code: a.Symbol, Network: network, TheirCode: a.Chain + "_" + a.Symbol})
	}
	return nil
}
