package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// RoutingRules reads by what rules the project's orders find their gateways.
func (a *App) RoutingRules(ctx context.Context, id checkout.ProjectID) (*checkout.RoutingRules, error) {
	p, err := a.DB.Project(ctx, id)
	if _, err := found("project", p, err); err != nil {
		return nil, err
	}
	return a.DB.RoutingRules(ctx, id)
}

// SetRoutingRules sets the project's rules, in place of those that there are. The error lists whatever is wrong in them.
func (a *App) SetRoutingRules(ctx context.Context, id checkout.ProjectID, text []byte) (*checkout.RoutingRules, error) {
	if _, err := a.RoutingRules(ctx, id); err != nil {
		return nil, err
	}
	known := make([]string, len(a.Providers))
	for i, p := range a.Providers {
		known[i] = p.Describe().ID
	}
	rules, err := checkout.ParseRoutingRules(text, known)
	if err != nil {
		return nil, err
	}
	return rules, a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.PutRoutingRules(id, rules, a.now()) })
}
