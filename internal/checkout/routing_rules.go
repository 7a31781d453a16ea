package checkout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/money"
)

// Limits of a project's routing rules.
const (
	MaxRoutingRulesBytes = 64 << 10
	MaxRoutingRules      = 100
)

// GatewayAuto stands in place of a gateway's id and leaves the choice to the server (contract §2.6).
const GatewayAuto = "auto"

// RoutingRules say which gateways a project's orders may go to that leave the choice to the server. The first rule that
// matches counts. An order that none matches may go to any gateway of the project, where the payer gets most.
type RoutingRules struct {
	Rules []RoutingRule `json:"rules"`
}

// RoutingRule is one rule.
type RoutingRule struct {
	Name     string       `json:"name"` // told with the orders that it routed
	When     RoutingMatch `json:"when"`
	Gateways []string     `json:"gateways,omitempty"` // only these; none: all of the project
	Exclude  []string     `json:"exclude,omitempty"`  // not these
	RankBy   RankBy       `json:"rankBy,omitempty"`   // empty: by price
}

// RoutingMatch is what an order must be for a rule to count. A member that is left out matches any; a list matches each of its
// values.
type RoutingMatch struct {
	OrderType        OrderType    `json:"orderType,omitempty"`
	CryptoCurrencies []string     `json:"cryptoCurrencies,omitempty"`
	Networks         []string     `json:"networks,omitempty"`
	FiatCurrencies   []string     `json:"fiatCurrencies,omitempty"`
	Countries        []string     `json:"countries,omitempty"` // ISO 3166-1 alpha-2; a payer whose country isn't known is in none
	MinAmount        money.Amount `json:"minAmount,omitzero"`  // of the fiat amount, ends included; with one fiat currency
	MaxAmount        money.Amount `json:"maxAmount,omitzero"`
}

// For is the rule that counts for the order, nil where none does.
func (r *RoutingRules) For(o *Order) *RoutingRule {
	i := slices.IndexFunc(r.Rules, func(rule RoutingRule) bool { return rule.When.matches(o) })
	if i < 0 {
		return nil
	}
	return &r.Rules[i]
}

func (m *RoutingMatch) matches(o *Order) bool {
	among := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return (m.OrderType == "" || m.OrderType == o.Type) &&
		among(m.CryptoCurrencies, o.CryptoCurrency) && among(m.Networks, o.Network) &&
		among(m.FiatCurrencies, o.FiatCurrency) && among(m.Countries, o.Country) &&
		(!m.MinAmount.IsSet() || o.FiatAmount.Cmp(m.MinAmount) >= 0) &&
		(!m.MaxAmount.IsSet() || o.FiatAmount.Cmp(m.MaxAmount) <= 0)
}

// Allows tells whether an order may go to the gateway by the rule.
func (r *RoutingRule) Allows(gateway string) bool {
	return (len(r.Gateways) == 0 || slices.Contains(r.Gateways, gateway)) && !slices.Contains(r.Exclude, gateway)
}

// ParseRoutingRules reads rules from JSON, folds the case of codes, and holds them to the gateways, assets and networks that there
// are: a rule with a misspelt one would match nothing, and say nothing. The error lists whatever is wrong, with the place of each.
func ParseRoutingRules(text []byte, gateways []string) (*RoutingRules, error) {
	if len(text) > MaxRoutingRulesBytes {
		return nil, fmt.Errorf("the rules have %d bytes, of at most %d", len(text), MaxRoutingRulesBytes)
	}
	var r RoutingRules
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf(`expected JSON such as {"rules": [{"name": "…", "when": {"countries": ["DE"]}, "gateways": ["banxa"]}]}: %w`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the JSON object")
	}
	if r.Rules == nil {
		return nil, errors.New(`it has no rules: for none, give {"rules": []}`)
	}
	if len(r.Rules) > MaxRoutingRules {
		return nil, fmt.Errorf("there are %d rules, of at most %d", len(r.Rules), MaxRoutingRules)
	}
	var errs []error
	names := map[string]bool{}
	for i := range r.Rules {
		rule := &r.Rules[i]
		wrong := func(member, message string) {
			errs = append(errs, fmt.Errorf("  - rules[%d].%s %s", i, member, message))
		}
		if rule.Name == "" || len(rule.Name) > MaxExternalIDChars || !Storable(rule.Name) || names[rule.Name] {
			wrong("name", "must be a text of 1 to 255 bytes that no other rule has")
		}
		names[rule.Name] = true
		rule.checkGateways(gateways, wrong)
		rule.When.check(wrong)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("these rules are wrong, and nothing was changed:\n%w", errors.Join(errs...))
	}
	return &r, nil
}

func (r *RoutingRule) checkGateways(known []string, wrong func(member, message string)) {
	for member, list := range map[string][]string{"gateways": r.Gateways, "exclude": r.Exclude} {
		for _, id := range list {
			if !slices.Contains(known, id) {
				wrong(member, fmt.Sprintf("has %q, which is no gateway; there are: %s", id, strings.Join(known, ", ")))
			}
		}
	}
	switch {
	case r.RankBy == "":
		r.RankBy = RankByPrice
	case r.RankBy != RankByPrice && r.RankBy != RankByOrder:
		wrong("rankBy", `must be "price" or "order"`)
	case r.RankBy == RankByOrder && len(r.Gateways) == 0:
		wrong("rankBy", "is order, but there is no list of gateways, whose order it would be")
	}
}

func (m *RoutingMatch) check(wrong func(member, message string)) {
	if m.OrderType != "" && m.OrderType != Buy && m.OrderType != Sell {
		wrong("when.orderType", `must be "buy" or "sell"`)
	}
	fold := func(member string, list []string, fold func(string) (string, string)) {
		for i, value := range list {
			folded, problem := fold(value)
			if problem != "" {
				wrong(fmt.Sprintf("when.%s[%d]", member, i), problem)
			}
			list[i] = folded
		}
	}
	fold("cryptoCurrencies", m.CryptoCurrencies, func(v string) (string, string) {
		code, problem := foldCrypto(v)
		if _, ok := asset.LookupAsset(code); problem == "" && !ok {
			problem = "is not an asset that any gateway serves: " + code
		}
		return code, problem
	})
	fold("networks", m.Networks, func(v string) (string, string) {
		id, problem := foldNetwork(v)
		if _, ok := asset.LookupNetwork(id); problem == "" && !ok {
			problem = "is not a network that there is: " + id
		}
		return id, problem
	})
	fold("fiatCurrencies", m.FiatCurrencies, func(v string) (string, string) {
		if c, ok := money.LookupCurrency(v); ok {
			return c.Code, ""
		}
		return "", "must be an ISO 4217 currency code, such as USD"
	})
	fold("countries", m.Countries, func(v string) (string, string) {
		if alpha2, ok := LookupCountry(v); ok {
			return alpha2, ""
		}
		return "", "must be an ISO 3166-1 alpha-2 code, such as DE"
	})
	if (m.MinAmount.IsSet() || m.MaxAmount.IsSet()) && len(m.FiatCurrencies) != 1 {
		wrong("when.minAmount", "and maxAmount need exactly one of fiatCurrencies, whose amounts they are")
	}
	if m.MinAmount.IsSet() && m.MaxAmount.IsSet() && m.MinAmount.Cmp(m.MaxAmount) > 0 {
		wrong("when.minAmount", "is greater than maxAmount")
	}
}
