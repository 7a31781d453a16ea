package app

import (
	"context"
	"errors"
	"slices"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/store"
)

// Supported is what a project's payers can choose from: what its gateways serve, taken together.
type Supported struct {
	Gateways       []SupportedGateway
	Fiats          []gateway.Fiat
	Assets         []gateway.Asset
	Methods        []gateway.PaymentMethod
	DefaultGateway string // of an order that names none; empty: such an order is refused
}

// SupportedGateway is a gateway of the project.
type SupportedGateway struct {
	gateway.Description
	Enabled bool // serves orders of the type asked about, in the country
}

// GetSupported tells what the project's gateways serve (contract §6). Limits are the widest of any gateway. A gateway that
// is no gateway.Lister is named, and adds nothing else.
func (a *App) GetSupported(ctx context.Context, call *checkout.Call, q *checkout.PublicQuery) (*Supported, error) {
	scope, err := q.Scope()
	if err != nil {
		return nil, err
	}
	if err := a.publicProject(ctx, call, scope.ProjectID); err != nil {
		return nil, err
	}
	s := &Supported{}
	gateways, err := a.gatewaysOf(ctx, call.Project.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range gateways {
		d := g.Describe()
		one := SupportedGateway{Description: d, Enabled: scope.Type == checkout.Buy || d.Sell}
		if lister, ok := g.(gateway.Lister); ok && one.Enabled {
			c := lister.List(scope.Type, scope.Country)
			one.Enabled = len(c.Assets) > 0
			s.add(c)
		}
		if one.Enabled && s.DefaultGateway == "" && defaultMayBe(call.Project, d.ID) {
			s.DefaultGateway = d.ID
		}
		s.Gateways = append(s.Gateways, one)
	}
	return s, nil
}

// defaultMayBe tells whether an order that names no gateway may go to this one: see chooseGateway.
func defaultMayBe(p *checkout.Project, id string) bool {
	return p.DefaultGateway == "" || p.DefaultGateway == checkout.GatewayAuto || p.DefaultGateway == id
}

// publicProject makes the project that a request without a key names the call's.
func (a *App) publicProject(ctx context.Context, call *checkout.Call, id checkout.ProjectID) error {
	p, err := a.DB.Project(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return checkout.Fail(checkout.CodeNotFound, "There is no such project.")
	}
	if err != nil {
		return err
	}
	call.Caller = checkout.Caller{Project: p}
	return nil
}

// add takes up a further gateway's catalogue, which it does not change.
func (s *Supported) add(c gateway.Catalogue) {
	merge(&s.Methods, c.Methods, func(m gateway.PaymentMethod) string { return m.ID }, func(*gateway.PaymentMethod, gateway.PaymentMethod) {})
	merge(&s.Fiats, c.Fiats, func(f gateway.Fiat) string { return f.Currency }, func(into *gateway.Fiat, f gateway.Fiat) {
		into.Min, into.Max = widest(into.Min, into.Max, f.Min, f.Max)
		into.Methods = slices.Clone(into.Methods)
		merge(&into.Methods, f.Methods, func(id string) string { return id }, func(*string, string) {})
	})
	merge(&s.Assets, c.Assets, func(one gateway.Asset) string { return one.Code }, func(into *gateway.Asset, one gateway.Asset) {
		into.Networks = slices.Clone(into.Networks)
		merge(&into.Networks, one.Networks, func(on gateway.AssetNetwork) string { return on.Network }, func(into *gateway.AssetNetwork, on gateway.AssetNetwork) {
			into.Min, into.Max = widest(into.Min, into.Max, on.Min, on.Max)
		})
	})
}

// merge adds the rows whose key is new, and joins the others into those that are there.
func merge[T any](into *[]T, rows []T, key func(T) string, join func(*T, T)) {
	index := make(map[string]int, len(*into))
	for i, row := range *into {
		index[key(row)] = i
	}
	for _, row := range rows {
		if i, there := index[key(row)]; there {
			join(&(*into)[i], row)
			continue
		}
		index[key(row)] = len(*into)
		*into = append(*into, row)
	}
}

// widest is the range that holds both; an end that is not set is open.
func widest(aMin, aMax, bMin, bMax money.Amount) (low, high money.Amount) {
	if bMin.Cmp(aMin) < 0 { // one that is not set is less than all
		aMin = bMin
	}
	if !bMax.IsSet() || aMax.IsSet() && bMax.Cmp(aMax) > 0 {
		aMax = bMax
	}
	return aMin, aMax
}
