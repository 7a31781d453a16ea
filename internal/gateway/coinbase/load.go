package coinbase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// The Options API answers for one country at a time. These are asked where the operator names none, or too many.
var askedCountries = []string{"US", "GB", "DE", "CA"}

// maxAskedCountries bounds the calls of one Load: two for each country, and two more.
const maxAskedCountries = 8

// v1 makes a call to version 1 of the API. Its documentation wraps answers in "data", the live API doesn't.
func (a *account) v1(ctx context.Context, at time.Time, method, path, query string, body, into any) error {
	var raw json.RawMessage
	if err := a.ask(ctx, at, method, developerHost, path, query, body, &raw); err != nil {
		return err
	}
	var wrapped struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &wrapped); err == nil && len(wrapped.Data) > 0 && wrapped.Data[0] == '{' {
		raw = wrapped.Data
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("coinbase: %s: the answer is not what was expected: %w", path, err)
	}
	return nil
}

// configAnswer is that of GET /v1/{buy,sell}/config
// (https://docs.cdp.coinbase.com/onramp/coinbase-hosted-onramp/countries-&-currencies).
type configAnswer struct {
	Countries []struct {
		ID      string    `json:"id"`
		Methods []idOrObj `json:"payment_methods"`
	} `json:"countries"`
}

// idOrObj is an id, or an object that has one.
type idOrObj string

func (id *idOrObj) UnmarshalJSON(raw []byte) error {
	var object struct {
		ID string `json:"id"`
	}
	if len(raw) > 0 && raw[0] == '{' {
		err := json.Unmarshal(raw, &object)
		*id = idOrObj(object.ID)
		return err
	}
	return json.Unmarshal(raw, (*string)(id))
}

type currencyAnswer struct {
	ID     string        `json:"id"`
	Limits []limitAnswer `json:"limits"`
	Older  []limitAnswer `json:"payment_method_limits"` // as the documentation's example has it
}

type limitAnswer struct {
	ID  string         `json:"id"`
	Min gateway.Digits `json:"min"`
	Max gateway.Digits `json:"max"`
}

type assetAnswer struct {
	Symbol   string `json:"symbol"`
	Networks []struct {
		Name     string `json:"name"`
		Contract string `json:"contract_address"`
	} `json:"networks"`
}

// optionsAnswer is that of GET /v1/{buy,sell}/options, which differ in the names of their two lists.
type optionsAnswer struct {
	Payment  []currencyAnswer `json:"payment_currencies"`
	Purchase []assetAnswer    `json:"purchase_currencies"`
	Cashout  []currencyAnswer `json:"cashout_currencies"`
	Sell     []assetAnswer    `json:"sell_currencies"`
}

// Load asks for the countries, and for the currencies, assets and limits of some of them: the operator's, where they are few.
func (a *account) Load(ctx context.Context) ([]byte, error) {
	at, err := a.clock()
	if err != nil {
		return nil, err
	}
	var p published
	if p.Buy, err = a.loadSide(ctx, at, "buy"); err != nil {
		return nil, err
	}
	if p.Sell, err = a.loadSide(ctx, at, "sell"); err != nil {
		return nil, err
	}
	if !newSide(checkout.Buy, p.Buy, a.limits).sound() {
		return nil, errors.New("coinbase: the lists of what can be bought name nothing that we know")
	}
	return json.Marshal(p)
}

func (a *account) loadSide(ctx context.Context, at time.Time, kind string) (publishedSide, error) {
	var config configAnswer
	if err := a.v1(ctx, at, http.MethodGet, "/onramp/v1/"+kind+"/config", "", nil, &config); err != nil {
		return publishedSide{}, err
	}
	s := publishedSide{Countries: map[string][]string{}}
	for _, c := range config.Countries {
		country, known := checkout.LookupCountry(c.ID)
		if !known {
			continue
		}
		names := []string{}
		for _, m := range c.Methods {
			names = append(names, string(m))
		}
		s.Countries[country] = names
	}
	if len(s.Countries) == 0 {
		return publishedSide{}, errors.New("coinbase: the list of countries for " + kind + " is empty")
	}
	fiats, assets := map[string]map[string]publishedLimit{}, map[string]map[string]bool{}
	for _, country := range a.countriesToAsk(s.Countries) {
		var options optionsAnswer
		if err := a.v1(ctx, at, http.MethodGet, "/onramp/v1/"+kind+"/options", a.optionsQuery(country), nil, &options); err != nil {
			return publishedSide{}, err
		}
		mergeFiats(fiats, append(options.Payment, options.Cashout...))
		mergeAssets(assets, append(options.Purchase, options.Sell...))
	}
	for code, limits := range fiats {
		s.Fiats = append(s.Fiats, publishedFiat{code, slices.Collect(maps.Values(limits))})
	}
	for symbol, networks := range assets {
		s.Assets = append(s.Assets, publishedAsset{symbol, slices.Collect(maps.Keys(networks))})
	}
	sortPublished(&s)
	return s, nil
}

func (a *account) countriesToAsk(served map[string][]string) []string {
	wanted := a.limits.Countries
	if len(wanted) == 0 {
		wanted = askedCountries
	}
	var ask []string
	for _, country := range wanted {
		if _, there := served[country]; there && len(ask) < maxAskedCountries {
			ask = append(ask, country)
		}
	}
	return ask
}

func (a *account) optionsQuery(country string) string {
	query := url.Values{"country": {country}}
	if s := a.subdivision(country); s != "" {
		query.Set("subdivision", s)
	}
	return query.Encode()
}

// subdivision is what the API wants to know of payers in the US; empty of others.
func (a *account) subdivision(country string) string {
	switch {
	case country != "US":
		return ""
	case a.Settings["subdivision"] != "":
		return a.Settings["subdivision"]
	}
	return defaultSubdivision
}

// mergeAssets leaves out tokens that only have the ticker of another.
func mergeAssets(into map[string]map[string]bool, list []assetAnswer) {
	for _, one := range list {
		for _, n := range one.Networks {
			if gateway.OtherToken(one.Symbol, networkOf(n.Name), n.Contract) {
				continue
			}
			if into[one.Symbol] == nil {
				into[one.Symbol] = map[string]bool{}
			}
			into[one.Symbol][n.Name] = true
		}
	}
}

// mergeFiats keeps the widest limits that any country has.
func mergeFiats(into map[string]map[string]publishedLimit, list []currencyAnswer) {
	for _, currency := range list {
		limits := into[currency.ID]
		if limits == nil {
			limits = map[string]publishedLimit{}
			into[currency.ID] = limits
		}
		for _, l := range append(currency.Limits, currency.Older...) {
			fresh := publishedLimit{l.ID, string(l.Min), string(l.Max)}
			have, seen := limits[l.ID]
			least, errLeast := gateway.Digits(fresh.Min).Decimal()
			most, errMost := gateway.Digits(fresh.Max).Decimal()
			if seen && errLeast == nil && errMost == nil {
				if was, err := gateway.Digits(have.Min).Decimal(); err != nil || was.Cmp(least) < 0 {
					fresh.Min = have.Min
				}
				if was, err := gateway.Digits(have.Max).Decimal(); err != nil || was.Cmp(most) > 0 {
					fresh.Max = have.Max
				}
			}
			limits[l.ID] = fresh
		}
	}
}
