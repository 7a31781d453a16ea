package coinbase

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// published is what Coinbase says it serves, in its own names. It is what Load stores: read anew by each version of ours.
type published struct {
	Buy  publishedSide `json:"buy"`
	Sell publishedSide `json:"sell"`
}

type publishedSide struct {
	Countries map[string][]string `json:"countries,omitempty"` // with their payment methods; nil: not known
	Fiats     []publishedFiat     `json:"fiats"`
	Assets    []publishedAsset    `json:"assets"`
}

type publishedFiat struct {
	Code   string           `json:"code"`
	Limits []publishedLimit `json:"limits"`
}

type publishedLimit struct {
	Method string `json:"method"`
	Min    string `json:"min,omitempty"`
	Max    string `json:"max,omitempty"`
}

type publishedAsset struct {
	Symbol   string   `json:"symbol"`
	Networks []string `json:"networks"`
}

// catalogue is what is served, in our names.
type catalogue struct {
	buy, sell side
	allowed   []string // the operator's countries; nil: all
}

type side struct {
	assets    map[string]listed
	fiats     map[string]gateway.Fiat
	countries map[string][]string // with the ids of their payment methods; nil: not known
	listing   gateway.Catalogue
}

type listed struct {
	symbol   string
	networks map[string]string // ours to theirs
}

// newCatalogue reads what Load stored. What is missing there, or can't be read, is taken from the built-in lists.
func newCatalogue(stored []byte, limits gateway.Limits) catalogue {
	var p published
	if json.Unmarshal(stored, &p) != nil {
		p = published{}
	}
	if !newSide(checkout.Buy, p.Buy, limits).sound() {
		p.Buy = builtIn.Buy
	}
	if !newSide(checkout.Sell, p.Sell, limits).sound() {
		p.Sell = builtIn.Sell
	}
	return catalogue{newSide(checkout.Buy, p.Buy, limits), newSide(checkout.Sell, p.Sell, limits), limits.Countries}
}

// newSide keeps what both Coinbase and our catalogue of assets have. So a wrapped token under the name of the original, such as
// BTC on base, is left out.
func newSide(kind checkout.OrderType, p publishedSide, limits gateway.Limits) side {
	s := side{assets: map[string]listed{}, fiats: map[string]gateway.Fiat{}}
	for _, a := range p.Assets {
		code := a.Symbol
		if ours, other := assetNames[code]; other {
			code = ours
		}
		coin, known := asset.LookupAsset(code)
		networks := map[string]string{}
		for _, theirs := range a.Networks {
			ours := networkOf(theirs)
			_, on := coin.OnNetwork(ours)
			if known && on && (kind == checkout.Buy || !slices.Contains(memoNetworks, ours)) {
				networks[ours] = theirs
			}
		}
		if len(networks) > 0 {
			s.assets[code] = listed{a.Symbol, networks}
		}
	}
	for _, f := range p.Fiats {
		currency, known := money.LookupCurrency(f.Code)
		if known && (kind == checkout.Buy || slices.Contains(sellFiats, currency.Code)) {
			s.fiats[currency.Code] = newFiat(currency.Code, f.Limits, limits)
		}
	}
	for country, names := range p.Countries {
		if s.countries == nil {
			s.countries = map[string][]string{}
		}
		s.countries[country] = methodIDs(names)
	}
	s.listing = s.list()
	return s
}

func (s side) sound() bool { return len(s.assets) > 0 && len(s.fiats) > 0 }

// newFiat takes the widest of the limits of all methods, and narrows it to the operator's.
func newFiat(currency string, list []publishedLimit, limits gateway.Limits) gateway.Fiat {
	f := gateway.Fiat{Currency: currency}
	var names []string
	boundless := false
	for _, l := range list {
		names = append(names, l.Method)
		least, errLeast := money.Parse(l.Min)
		most, errMost := money.Parse(l.Max)
		if errLeast != nil || errMost != nil {
			boundless = true
			continue
		}
		if !f.Min.IsSet() || least.Cmp(f.Min) < 0 {
			f.Min = least
		}
		if most.Cmp(f.Max) > 0 {
			f.Max = most
		}
	}
	if boundless {
		f.Min, f.Max = money.Amount{}, money.Amount{}
	}
	if limits.Currency == "" || limits.Currency == currency {
		if limits.Min.Cmp(f.Min) > 0 {
			f.Min = limits.Min
		}
		if limits.Max.IsSet() && (!f.Max.IsSet() || limits.Max.Cmp(f.Max) < 0) {
			f.Max = limits.Max
		}
	}
	f.Methods = methodIDs(names)
	return f
}

// methodIDs are our ids of those that we know, in our order.
func methodIDs(theirs []string) []string {
	var ids []string
	for _, m := range methods {
		if slices.ContainsFunc(theirs, func(name string) bool { return slices.Contains(m.theirs, strings.ToUpper(name)) }) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (c *catalogue) side(kind checkout.OrderType) *side {
	if kind == checkout.Sell {
		return &c.sell
	}
	return &c.buy
}

// country tells whether payers there are served.
func (c *catalogue) country(kind checkout.OrderType, country string) bool {
	if c.allowed != nil && !slices.Contains(c.allowed, country) || slices.Contains(notServed, country) {
		return false
	}
	known := c.side(kind).countries
	_, served := known[country]
	return served || known == nil
}

// names are Coinbase's names of the order's asset and network.
func (c *catalogue) names(o *checkout.Order) (symbol, network string, err error) {
	l, ok := c.side(o.Type).assets[o.CryptoCurrency]
	if !ok || l.networks[o.Network] == "" {
		// The lists have changed since the order was made.
		return "", "", checkout.FailField(checkout.CodeInvalidNetwork, "network", "is no longer served by Coinbase: "+o.CryptoCurrency+" on "+o.Network)
	}
	return l.symbol, l.networks[o.Network], nil
}

// networkIDs are the networks in the order of our catalogue, the asset's default first.
func (l listed) networkIDs(code string) []string {
	coin, _ := asset.LookupAsset(code)
	var ids []string
	for _, on := range coin.Networks {
		if l.networks[on.Network] != "" {
			ids = append(ids, on.Network)
		}
	}
	return ids
}

func (s *side) list() gateway.Catalogue {
	var c gateway.Catalogue
	for _, code := range slices.Sorted(maps.Keys(s.fiats)) {
		if f := s.fiats[code]; !f.Max.IsSet() || f.Min.Cmp(f.Max) <= 0 { // else no amount is left
			c.Fiats = append(c.Fiats, f)
		}
	}
	for _, coin := range asset.Assets() {
		l, served := s.assets[coin.Code]
		if !served {
			continue
		}
		entry := gateway.Asset{Code: coin.Code}
		for _, network := range l.networkIDs(coin.Code) {
			entry.Networks = append(entry.Networks, gateway.AssetNetwork{Network: network})
		}
		c.Assets = append(c.Assets, entry)
	}
	for _, m := range methods {
		if slices.ContainsFunc(c.Fiats, func(f gateway.Fiat) bool { return slices.Contains(f.Methods, m.ID) }) {
			c.Methods = append(c.Methods, m.PaymentMethod)
		}
	}
	return c
}

// List tells what the lists and the operator's limits leave. Of a country whose payment methods are known it has only those.
func (a *account) List(kind checkout.OrderType, country string) gateway.Catalogue {
	if kind == checkout.Sell && a.sandbox {
		return gateway.Catalogue{}
	}
	s := a.serves.side(kind)
	if country == "" {
		return s.listing
	}
	if !a.serves.country(kind, country) {
		return gateway.Catalogue{}
	}
	there, known := s.countries[country]
	switch {
	case !known:
		return s.listing
	case len(there) == 0: // such as where payers can send crypto that they have, and buy none
		return gateway.Catalogue{}
	}
	c := gateway.Catalogue{Assets: s.listing.Assets}
	absent := func(id string) bool { return !slices.Contains(there, id) }
	for _, f := range s.listing.Fiats {
		left := slices.DeleteFunc(slices.Clone(f.Methods), absent)
		if len(left) > 0 || len(f.Methods) == 0 {
			f.Methods = left
			c.Fiats = append(c.Fiats, f)
		}
	}
	c.Methods = slices.DeleteFunc(slices.Clone(s.listing.Methods), func(m gateway.PaymentMethod) bool { return absent(m.ID) })
	return c
}

// sortPublished gives the lists one order, so that the same lists are the same bytes.
func sortPublished(s *publishedSide) {
	slices.SortFunc(s.Fiats, func(x, y publishedFiat) int { return cmp.Compare(x.Code, y.Code) })
	slices.SortFunc(s.Assets, func(x, y publishedAsset) int { return cmp.Compare(x.Symbol, y.Symbol) })
	for _, f := range s.Fiats {
		slices.SortFunc(f.Limits, func(x, y publishedLimit) int { return cmp.Compare(x.Method, y.Method) })
	}
	for _, a := range s.Assets {
		slices.Sort(a.Networks)
	}
	for _, names := range s.Countries {
		slices.Sort(names)
	}
}
