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

// bounds are what an order in the currency may come to: the widest of its methods, within what the operator allows. One that
// is not set is none.
func (f ServedFiat) bounds(l Limits) (least, most money.Amount) {
	for i, m := range f.Methods {
		if i == 0 || m.Min.Cmp(least) < 0 {
			least = m.Min.Amount
		}
		if i == 0 || most.IsSet() && (!m.Max.IsSet() || m.Max.Cmp(most) > 0) {
			most = m.Max.Amount
		}
	}
	if l.Currency != "" && l.Currency != f.Currency {
		return least, most
	}
	if l.Min.Cmp(least) > 0 {
		least = l.Min
	}
	if l.Max.IsSet() && (!most.IsSet() || l.Max.Cmp(most) < 0) {
		most = l.Max
	}
	return least, most
}

// Check tells whether the order is served, by the gateway of the name, within what its operator allows: nil, or a
// *checkout.Error that has the code of the first failing member and lists them all.
func (s *Serving) Check(name string, o *checkout.Order, l Limits) error {
	var failure *checkout.Error
	fail := func(code checkout.Code, field, message string) {
		f := checkout.FailField(code, field, message)
		if failure == nil {
			failure = f
			return
		}
		failure.Message += " " + f.Message
		failure.Fields = append(failure.Fields, f.Fields...)
	}
	part := s.Of(o.Type)
	on, served := part.Asset(o.CryptoCurrency, o.Network)
	networks := part.networks(o.CryptoCurrency)
	if len(networks) == 0 {
		fail(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not an asset that "+name+" serves here: "+o.CryptoCurrency)
	}
	fiat, known := part.Fiat(o.FiatCurrency)
	if !known {
		fail(checkout.CodeInvalidCurrency, "fiatCurrency", "is not a currency that "+name+" serves here: "+o.FiatCurrency)
	}
	if !served && len(networks) > 0 {
		fail(checkout.CodeInvalidNetwork, "network", "must be one on which "+name+" serves "+o.CryptoCurrency+": "+strings.Join(networks, ", "))
	}
	if message := outside(o, fiat, l); message != "" {
		fail(checkout.CodeInvalidAmount, "fiatAmount", message)
	}
	if o.Country != "" && (!allows(s.Countries, o.Country) || !allows(l.Countries, o.Country) || slices.Contains(on.Without, o.Country)) {
		fail(checkout.CodeInvalidGateway, "gateway", "does not serve this to payers in "+o.Country+": "+name)
	}
	if failure == nil {
		return nil // not failure itself, which would be an error that isn't nil
	}
	return failure
}

func allows(countries []string, country string) bool {
	return countries == nil || slices.Contains(countries, country)
}

// outside says what the order's fiat amount must be, where it isn't.
func outside(o *checkout.Order, fiat ServedFiat, l Limits) string {
	least, most := fiat.bounds(l)
	switch a := o.FiatAmount; {
	case a.IsSet() && a.Cmp(least) >= 0 && (!most.IsSet() || a.Cmp(most) <= 0):
		return ""
	case least.IsSet() && most.IsSet():
		return "must be from " + least.String() + " to " + most.String() + " " + o.FiatCurrency
	case most.IsSet():
		return "must be at most " + most.String() + " " + o.FiatCurrency
	case least.IsSet():
		return "must be at least " + least.String() + " " + o.FiatCurrency
	}
	return "is required"
}

// networks are those on which the asset is served.
func (s *Served) networks(code string) []string {
	var ids []string
	for _, a := range s.Assets {
		if a.Code == code {
			ids = append(ids, a.Network)
		}
	}
	return ids
}

// List is what Check lets pass of payers in the country, or in any where it is empty.
func (s *Serving) List(kind checkout.OrderType, country string, l Limits) Catalogue {
	var c Catalogue
	if country != "" && (!allows(s.Countries, country) || !allows(l.Countries, country)) {
		return c
	}
	part := s.Of(kind)
	for _, f := range part.Fiats {
		least, most := f.bounds(l)
		if most.IsSet() && least.Cmp(most) > 0 {
			continue
		}
		listed := Fiat{Currency: f.Currency, Min: least, Max: most}
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
