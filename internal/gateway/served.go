package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// servedVersion is that of the form in which Encode writes. Another release may understand another.
const servedVersion = 1

// Serving is what a gateway serves, to buyers and to sellers: its built-in minimum, or what its Load has found.
type Serving struct {
	Version   int      `json:"v"`
	Countries []string `json:"countries,omitempty"` // of its payers, ISO 3166-1 alpha-2; nil: all
	Buy       Served   `json:"buy"`
	Sell      Served   `json:"sell"`
}

// Served is what a gateway serves in one kind of orders, in our names and in its own.
type Served struct {
	Fiats  []ServedFiat  `json:"fiats"`
	Assets []ServedAsset `json:"assets"`
}

// ServedFiat is a fiat currency and the ways to pay in it, or to be paid, the one to prefer first.
type ServedFiat struct {
	Currency string         `json:"currency"`
	Methods  []ServedMethod `json:"methods"`
}

// ServedMethod is a way to pay. Theirs is the gateway's id of it; the limits are of the fiat amount, ends included.
type ServedMethod struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Theirs string `json:"theirs"`
	Min    Limit  `json:"min"`
	Max    Limit  `json:"max"`
}

// ServedAsset is an asset on a network. The limits are of the crypto amount, ends included.
type ServedAsset struct {
	Code         string   `json:"code"`
	Network      string   `json:"network"`
	TheirCode    string   `json:"theirCode"`
	TheirNetwork string   `json:"theirNetwork"`
	Min          Limit    `json:"min"`
	Max          Limit    `json:"max"`
	Tag          bool     `json:"tag,omitempty"`     // the gateway hands on the memo or destination tag of a wallet
	Without      []string `json:"without,omitempty"` // the countries whose payers don't get it
}

// Limit is an amount, or none, that can be read back from JSON.
type Limit struct{ money.Amount }

// UnmarshalJSON reads an amount; null is none.
func (l *Limit) UnmarshalJSON(raw []byte) (err error) {
	if string(raw) != "null" {
		l.Amount, err = money.ParseJSON(raw)
	}
	return err
}

// Of is the part for the kind of orders.
func (s *Serving) Of(kind checkout.OrderType) *Served {
	if kind == checkout.Sell {
		return &s.Sell
	}
	return &s.Buy
}

// Tidy leaves out what our own catalogues don't know or is there twice, puts the rest into our order, and returns it.
func (s *Serving) Tidy() *Serving {
	s.Version = servedVersion
	s.Countries = slices.Compact(slices.Sorted(slices.Values(s.Countries)))
	s.Buy.tidy()
	s.Sell.tidy()
	return s
}

// Encode writes it, tidy, for DecodeServing. One that serves no buyer is refused.
func (s *Serving) Encode() ([]byte, error) {
	if err := s.Tidy().check(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// DecodeServing reads what Encode of this release wrote.
func DecodeServing(raw []byte) (*Serving, error) {
	var s Serving
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return &s, s.check()
}

func (s *Serving) check() error {
	switch {
	case s.Version != servedVersion:
		return errors.New("gateway: what is served is written in the form of another release")
	case len(s.Buy.Fiats) == 0 || len(s.Buy.Assets) == 0:
		return errors.New("gateway: nothing is served that our catalogue knows")
	}
	return nil
}

func (s *Served) tidy() {
	seen := map[string]bool{}
	s.Fiats = slices.DeleteFunc(s.Fiats, func(f ServedFiat) bool {
		_, known := money.LookupCurrency(f.Currency)
		drop := !known || len(f.Methods) == 0 || seen[f.Currency]
		seen[f.Currency] = true
		return drop
	})
	slices.SortStableFunc(s.Fiats, func(a, b ServedFiat) int { return cmp.Compare(a.Currency, b.Currency) })
	place := map[[2]string]int{}
	for _, coin := range asset.Assets() {
		for _, on := range coin.Networks {
			place[[2]string{coin.Code, on.Network}] = len(place) + 1
		}
	}
	at := func(a ServedAsset) int { return place[[2]string{a.Code, a.Network}] }
	s.Assets = slices.DeleteFunc(s.Assets, func(a ServedAsset) bool { return at(a) == 0 })
	slices.SortStableFunc(s.Assets, func(a, b ServedAsset) int { return cmp.Compare(at(a), at(b)) })
	s.Assets = slices.CompactFunc(s.Assets, func(a, b ServedAsset) bool { return at(a) == at(b) })
}

// Asset finds the asset on the network, by our names.
func (s *Served) Asset(code, network string) (ServedAsset, bool) {
	i := slices.IndexFunc(s.Assets, func(a ServedAsset) bool { return a.Code == code && a.Network == network })
	if i < 0 {
		return ServedAsset{}, false
	}
	return s.Assets[i], true
}

// Named finds the asset by the gateway's names, whatever their letter case. A gateway that has one name for both gives it as
// the code, and no network.
func (s *Served) Named(theirCode, theirNetwork string) (ServedAsset, bool) {
	i := slices.IndexFunc(s.Assets, func(a ServedAsset) bool {
		return strings.EqualFold(a.TheirCode, theirCode) && strings.EqualFold(a.TheirNetwork, theirNetwork)
	})
	if i < 0 || theirCode == "" {
		return ServedAsset{}, false
	}
	return s.Assets[i], true
}

// Fiat finds the currency.
func (s *Served) Fiat(currency string) (ServedFiat, bool) {
	i := slices.IndexFunc(s.Fiats, func(f ServedFiat) bool { return f.Currency == currency })
	if i < 0 {
		return ServedFiat{}, false
	}
	return s.Fiats[i], true
}

// Method finds a way to pay by our id.
func (f ServedFiat) Method(id string) (ServedMethod, bool) {
	i := slices.IndexFunc(f.Methods, func(m ServedMethod) bool { return m.ID == id })
	if i < 0 {
		return ServedMethod{}, false
	}
	return f.Methods[i], true
}

// Check tells whether the order is served by the gateway of the name, within what its operator allows.
func (s *Serving) Check(name string, o *checkout.Order, l Limits) error {
	c := s.List(o.Type, o.Country, Limits{Countries: l.Countries})
	return c.Check(o, name, l)
}

// CheckTag refuses an order of which the gateway of the name would not hand on the wallet's tag, where its assets tell.
func (s *Serving) CheckTag(name string, o *checkout.Order) error {
	if o.WalletTag == "" {
		return nil
	}
	if on, ok := s.Of(o.Type).Asset(o.CryptoCurrency, o.Network); ok && on.Tag {
		return nil
	}
	return checkout.FailField(checkout.CodeInvalidGateway, "walletTag", "is not handed on by "+name+" for "+o.CryptoCurrency+" on "+o.Network+", and without it the crypto would be lost")
}

func allows(countries []string, country string) bool {
	return countries == nil || slices.Contains(countries, country)
}

// limits are the widest of the methods: an order outside can't be paid by any. One that is not set is none.
func (f ServedFiat) limits() (least, most money.Amount) {
	for i, m := range f.Methods {
		if i == 0 || m.Min.Cmp(least) < 0 {
			least = m.Min.Amount
		}
		if i == 0 || most.IsSet() && (!m.Max.IsSet() || m.Max.Cmp(most) > 0) {
			most = m.Max.Amount
		}
	}
	return least, most
}

// narrow makes of the gateway's limits the operator's, where these allow less.
func (f *Fiat) narrow(l Limits) {
	if l.Currency != "" && l.Currency != f.Currency {
		return
	}
	if l.Min.Cmp(f.Min) > 0 {
		f.Min = l.Min
	}
	if l.Max.IsSet() && (!f.Max.IsSet() || l.Max.Cmp(f.Max) < 0) {
		f.Max = l.Max
	}
}

// List is what Check lets pass of payers in the country, or in any where it is empty.
func (s *Serving) List(kind checkout.OrderType, country string, l Limits) Catalogue {
	var c Catalogue
	if country != "" && (!allows(s.Countries, country) || !allows(l.Countries, country)) {
		return c
	}
	part := s.Of(kind)
	for _, f := range part.Fiats {
		listed := Fiat{Currency: f.Currency}
		listed.Min, listed.Max = f.limits()
		listed.narrow(l)
		if listed.Max.IsSet() && listed.Min.Cmp(listed.Max) > 0 {
			continue
		}
		for _, m := range f.Methods {
			if !slices.ContainsFunc(c.Methods, func(there PaymentMethod) bool { return there.ID == m.ID }) {
				c.Methods = append(c.Methods, PaymentMethod{ID: m.ID, Name: m.Name})
			}
			listed.Methods = append(listed.Methods, m.ID)
		}
		c.Fiats = append(c.Fiats, listed)
	}
	for _, a := range part.Assets {
		if slices.Contains(a.Without, country) {
			continue
		}
		if n := len(c.Assets); n == 0 || c.Assets[n-1].Code != a.Code {
			c.Assets = append(c.Assets, Asset{Code: a.Code})
		}
		last := &c.Assets[len(c.Assets)-1]
		last.Networks = append(last.Networks, AssetNetwork{Network: a.Network, Min: a.Min.Amount, Max: a.Max.Amount})
	}
	return c
}
