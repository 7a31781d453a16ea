package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// RecoverOrders resolves reservations whose node died between asking the gateway and recording its answer: it looks the
// order up at the gateway by our reference, and records it or gives the session back. It returns how many it resolved.
func (a *App) RecoverOrders(ctx context.Context) (int, error) {
	now := a.now()
	stale, err := a.DB.StaleReservations(ctx, now, a.node, a.DB.Exclusive(), 100)
	if err != nil {
		return 0, err
	}
	resolved := 0
	var errs []error
	for _, r := range stale {
		err := a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.TakeReservation(r.Order, r.Lease, a.lease(now)) })
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			err = a.recoverOrder(ctx, r.Order)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		resolved++
	}
	return resolved, errors.Join(errs...)
}

func (a *App) recoverOrder(ctx context.Context, o *checkout.Order) error {
	g, err := a.gateway(ctx, o.ProjectID, o.Gateway)
	if err != nil {
		return fmt.Errorf("order %s waits for gateway %s: %w", o.ID, o.Gateway, err)
	}
	ask, cancel := context.WithTimeout(ctx, a.GatewayTimeout)
	defer cancel()
	made, err := guarded(func() (gateway.Checkout, error) {
		return g.FindCheckout(ask, gateway.Request{Order: o.ForGateway(), Now: a.now()})
	})
	if err == nil {
		if wrong := checkMade(g, made); wrong != nil { // nobody was told of it, and nobody can get there
			err = errors.Join(gateway.ErrNotFound, wrong)
		}
	}
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		if err := a.releaseOrder(ctx, o, err); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
			return err
		}
		return nil
	case err != nil:
		return err // the lease is ours; it is tried again when that lapses
	}
	_, err = again(ctx, func() (*checkout.Order, error) { return a.recordOrder(ctx, o, made) })
	if checkout.CodeOf(err) == checkout.CodeGatewayUnavailable { // given back by another node
		return nil
	}
	return err
}
