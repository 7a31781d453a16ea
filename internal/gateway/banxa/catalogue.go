package banxa

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// The lists that Banxa publishes to its partners, by the members that its own SDK has (BanxaOfficial/ios-payment-sdk).
type (
	listedFiat struct {
		ID      string `json:"id"`
		Methods []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			Min  figure `json:"minimum"`
			Max  figure `json:"maximum"`
		} `json:"supportedPaymentMethods"`
	}
	listedCrypto struct {
		ID          string `json:"id"`
		Blockchains []struct {
			ID      string          `json:"id"`
			Address string          `json:"address"` // of the token's contract
			Without json.RawMessage `json:"unsupportedCountries"`
		} `json:"blockchains"`
	}
	listedCountry struct {
		ID   string `json:"id"`
		Code string `json:"code"`
	}
)

// Load asks for the lists of currencies, to buy and to sell, and of countries.
func (a *account) Load(ctx context.Context) ([]byte, error) {
	var s gateway.Serving
	var countries []listedCountry
	if err := a.list(ctx, "/countries", &countries); err != nil {
		return nil, err
	}
	for _, c := range countries {
		if code := cmp.Or(c.ID, c.Code); code != "" {
			s.Countries = append(s.Countries, code)
		}
	}
	if len(s.Countries) == 0 {
		return nil, errors.New("banxa: no country is served")
	}
	for _, kind := range []checkout.OrderType{checkout.Buy, checkout.Sell} {
		var fiats []listedFiat
		var cryptos []listedCrypto
		err := a.list(ctx, "/fiats/"+side(kind), &fiats)
		if err == nil {
			err = a.list(ctx, "/crypto/"+side(kind), &cryptos)
		}
		var answer *gatewaycall.Error
		if kind == checkout.Sell && errors.As(err, &answer) && answer.Status == http.StatusBadRequest {
			continue // selling is not enabled for the account (error 4005)
		}
		if err != nil {
			return nil, err
		}
		if err := add(s.Of(kind), fiats, cryptos); err != nil {
			return nil, err
		}
	}
	encoded, err := s.Encode()
	if err != nil {
		return nil, fmt.Errorf("banxa: its lists: %w", err)
	}
	return encoded, nil
}

// list asks for a list, which null is not.
func (a *account) list(ctx context.Context, path string, into any) error {
	var raw json.RawMessage
	if err := a.call(ctx, gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + path}, &raw); err != nil {
		return err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return fmt.Errorf("banxa: %s is not a list", path)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("banxa: %s is not what was expected: %w", path, err)
	}
	return nil
}

func add(part *gateway.Served, fiats []listedFiat, cryptos []listedCrypto) error {
	for _, f := range fiats {
		served := gateway.ServedFiat{Currency: f.ID}
		for _, m := range f.Methods {
			method := methodOf(m.ID, m.Name)
			if method.ID == "" {
				continue
			}
			var wrong [2]error
			method.Min.Amount, wrong[0] = m.Min.amount()
			method.Max.Amount, wrong[1] = m.Max.amount()
			if err := errors.Join(wrong[:]...); err != nil {
				return fmt.Errorf("banxa: a limit of %s by %s %w", f.ID, m.ID, err)
			}
			served.Methods = append(served.Methods, method)
		}
		slices.SortStableFunc(served.Methods, func(a, b gateway.ServedMethod) int { // the card is in most hands
			return cmp.Compare(rank(a.Theirs), rank(b.Theirs))
		})
		part.Fiats = append(part.Fiats, served)
	}
	for _, c := range cryptos {
		for _, b := range c.Blockchains {
			if gateway.OtherToken(c.ID, networks[b.ID], b.Address) {
				continue
			}
			a := servedAsset(c.ID, b.ID)
			a.Without = without(b.Without)
			part.Assets = append(part.Assets, a)
		}
	}
	return nil
}

func rank(method string) int {
	if method == card {
		return 0
	}
	return 1
}

// without are the countries that don't get the asset at all. Those of which only some states don't are served as far as we
// can tell, because we don't know a payer's state. An empty list stands for none.
func without(raw json.RawMessage) []string {
	var states map[string][]string
	if json.Unmarshal(raw, &states) != nil {
		return nil
	}
	var countries []string
	for country, some := range states {
		if len(some) == 0 {
			countries = append(countries, country)
		}
	}
	slices.Sort(countries)
	return countries
}
