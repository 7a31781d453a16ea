package transak

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// The lists that Transak publishes. Their members are as public wallets read them (gemwalletcom/core,
// crates/fiat/src/providers/transak/models); those that aren't named here are of no interest.
type (
	listedFiat struct {
		Symbol          string         `json:"symbol"`
		IsAllowed       bool           `json:"isAllowed"`
		IsPayOutAllowed bool           `json:"isPayOutAllowed"`
		PaymentOptions  []listedMethod `json:"paymentOptions"`
	}
	listedMethod struct {
		ID              string      `json:"id"`
		Name            string      `json:"name"`
		IsActive        bool        `json:"isActive"`
		IsPayOutAllowed bool        `json:"isPayOutAllowed"`
		LimitCurrency   string      `json:"limitCurrency"`
		Min             json.Number `json:"minAmount"`
		Max             json.Number `json:"maxAmount"`
		MinPayOut       json.Number `json:"minAmountForPayOut"`
		MaxPayOut       json.Number `json:"maxAmountForPayOut"`
	}
	listedCrypto struct {
		Symbol  string `json:"symbol"`
		CoinID  string `json:"coinId"`
		Network struct {
			Name string `json:"name"`
		} `json:"network"`
		Address        string   `json:"address"` // of the token's contract
		Tag            any      `json:"addressAdditionalData"`
		IsAllowed      bool     `json:"isAllowed"`
		IsSuspended    bool     `json:"isSuspended"`
		IsPayInAllowed bool     `json:"isPayInAllowed"`
		Without        []string `json:"kycCountriesNotSupported"`
	}
	listedCountry struct {
		Alpha2    string `json:"alpha2"`
		IsAllowed bool   `json:"isAllowed"`
	}
)

// Load asks for the lists of currencies and countries.
func (a *account) Load(ctx context.Context) ([]byte, error) {
	var fiats []listedFiat
	var cryptos []listedCrypto
	var countries []listedCountry
	for _, list := range []struct {
		path string
		into any
	}{
		{"/api/v2/currencies/fiat-currencies?apiKey=" + url.QueryEscape(a.apiKey), &fiats},
		{"/api/v2/currencies/crypto-currencies", &cryptos},
		{"/api/v2/countries", &countries},
	} {
		answer := struct {
			Response any `json:"response"`
		}{list.into}
		r := gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + list.path, Header: a.header(netip.Addr{})}
		if err := a.public(ctx, r, &answer); err != nil {
			return nil, err
		}
	}
	var s gateway.Serving
	for _, c := range countries {
		if c.IsAllowed {
			s.Countries = append(s.Countries, c.Alpha2)
		}
	}
	if len(s.Countries) == 0 {
		return nil, fmt.Errorf("transak: of %d countries none is served", len(countries))
	}
	for _, f := range fiats {
		if err := f.add(&s); err != nil {
			return nil, err
		}
	}
	for _, c := range cryptos {
		c.add(&s)
	}
	encoded, err := s.Encode()
	if err != nil {
		return nil, fmt.Errorf("transak: lists of %d fiat and %d crypto currencies: %w", len(fiats), len(cryptos), err)
	}
	return encoded, nil
}

// add adds the currency to what is served. Limits in another currency say nothing.
func (f *listedFiat) add(s *gateway.Serving) error {
	buy, sell := gateway.ServedFiat{Currency: f.Symbol}, gateway.ServedFiat{Currency: f.Symbol}
	for _, m := range f.PaymentOptions {
		method := methodOf(m.ID, m.Name)
		if !m.IsActive || !f.IsAllowed || method.ID == "" {
			continue
		}
		payOut := method
		if m.LimitCurrency == "" || m.LimitCurrency == f.Symbol {
			for text, into := range map[*json.Number]*gateway.Limit{
				&m.Min: &method.Min, &m.Max: &method.Max, &m.MinPayOut: &payOut.Min, &m.MaxPayOut: &payOut.Max,
			} {
				amount, err := gateway.Number(*text)
				if err != nil {
					return fmt.Errorf("transak: a limit of %s by %s %w", f.Symbol, m.ID, err)
				}
				into.Amount = amount
			}
		}
		buy.Methods = append(buy.Methods, method)
		if f.IsPayOutAllowed && m.IsPayOutAllowed {
			sell.Methods = append(sell.Methods, payOut)
		}
	}
	s.Buy.Fiats, s.Sell.Fiats = append(s.Buy.Fiats, buy), append(s.Sell.Fiats, sell)
	return nil
}

func (c *listedCrypto) add(s *gateway.Serving) {
	network := networkOf(c.Network.Name, c.CoinID)
	if !c.IsAllowed || c.IsSuspended || gateway.OtherToken(c.Symbol, network, c.Address) {
		return
	}
	a := gateway.ServedAsset{
		Code: c.Symbol, Network: network, TheirCode: c.Symbol, TheirNetwork: c.Network.Name, Without: c.Without,
		Tag: c.Tag != nil && c.Tag != false && c.Tag != "", // as public code reads it, it is true or false
	}
	s.Buy.Assets = append(s.Buy.Assets, a)
	if c.IsPayInAllowed {
		s.Sell.Assets = append(s.Sell.Assets, a)
	}
}
