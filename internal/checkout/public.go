package checkout

import (
	"regexp"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/money"
)

// methodForm is what the id of a payment method may look like.
var methodForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// PublicQuery is what every question without a key may name (contract §6). Nil is absent.
type PublicQuery struct {
	Problems  Problems
	ProjectID *string // required
	OrderType *string // nil: buy
	Country   *string
}

// PublicScope is what a question without a key is about. Country is empty where none was named.
type PublicScope struct {
	ProjectID ProjectID
	Type      OrderType
	Country   string
}

// Scope checks the query, of which all failing parameters are told at once, and folds it.
func (q *PublicQuery) Scope() (PublicScope, error) {
	s := q.scope()
	return s, q.Problems.Err()
}

func (q *PublicQuery) scope() PublicScope {
	p := &q.Problems
	s := PublicScope{Type: Buy}
	if q.ProjectID == nil {
		requireText(p, "projectId", nil)
	} else if id, ok := ParseUUID(*q.ProjectID); ok {
		s.ProjectID = ProjectID(id)
	} else {
		p.Add("projectId", "must be a UUID")
	}
	if q.OrderType != nil {
		if s.Type = OrderType(*q.OrderType); s.Type != Buy && s.Type != Sell {
			p.Add("orderType", "must be one of buy, sell")
		}
	}
	if q.Country != nil {
		alpha2, ok := LookupCountry(*q.Country)
		if !ok {
			p.Add("country", "must be an ISO 3166-1 alpha-2 code, such as DE")
		}
		s.Country = alpha2
	}
	return s
}

// QuoteQuery is a question for prices (contract §6).
type QuoteQuery struct {
	PublicQuery
	FiatAmount     *string // required
	FiatCurrency   *string // required
	CryptoCurrency *string // required
	Network        *string // nil: the catalogue's default for the asset
	PaymentMethod  *string // nil: each gateway's choice
}

// Order checks the query, of which all failing parameters are told at once, and makes of it the order that gateways are
// asked about. It has no id, and is nobody's.
func (q *QuoteQuery) Order() (*Order, error) {
	s, p := q.scope(), &q.Problems
	o := &Order{ProjectID: s.ProjectID, Type: s.Type, Country: s.Country}
	if q.FiatAmount == nil {
		requireText(p, "fiatAmount", nil)
	} else {
		amount, err := money.Parse(*q.FiatAmount)
		p.AddError("fiatAmount", err)
		o.FiatAmount = amount
	}
	if q.FiatCurrency == nil {
		requireText(p, "fiatCurrency", nil)
	} else if currency, ok := money.LookupCurrency(*q.FiatCurrency); ok {
		o.FiatCurrency = currency.Code
		p.AddError("fiatAmount", currency.Check(o.FiatAmount))
	} else {
		p.Add("fiatCurrency", "must be an ISO 4217 currency code, such as USD")
	}
	if crypto := checkRequired(p, "cryptoCurrency", q.CryptoCurrency, foldCrypto); crypto != nil {
		o.CryptoCurrency = *crypto
	}
	o.Network = checkForm(p, "network", q.Network, foldNetwork)
	if q.Network == nil && !p.Has("cryptoCurrency") {
		coin, _ := asset.LookupAsset(o.CryptoCurrency)
		if o.Network = coin.DefaultNetwork(); o.Network == "" {
			p.Add("network", "is required, because "+o.CryptoCurrency+" is not an asset with a default network")
		}
	}
	if q.PaymentMethod != nil && !methodForm.MatchString(*q.PaymentMethod) {
		p.Add("paymentMethod", "must be the id of a payment method, such as debit-credit-card")
	}
	return o, p.Err()
}
