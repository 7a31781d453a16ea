package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// How long a catalogue serves, how long a gateway may take for it, and how long it is left alone when it has failed: that
// doubles with each failure. The pause is longer than an attempt, so that no two nodes are at it at once.
const (
	catalogueServes   = 6 * time.Hour
	catalogueTimeout  = time.Minute
	cataloguePause    = 2 * time.Minute
	catalogueMaxPause = time.Hour
)

// LoadCatalogues loads what the gateways of all projects publish, where that is older than six hours, and tells how many it
// has loaded. What was loaded last stays while a gateway fails. Nodes may do so at the same time: each attempt is one node's.
func (a *App) LoadCatalogues(ctx context.Context) (int, error) {
	rows, err := a.DB.AllGatewayAccounts(ctx)
	if err != nil {
		return 0, err
	}
	due := make([]*store.GatewayAccount, 0, len(rows))
	now := a.now()
	for _, row := range rows {
		if row.Enabled && !now.Before(row.CatalogueAt.Add(catalogueServes)) {
			due = append(due, row)
		}
	}
	return eachAccount(due, func(row *store.GatewayAccount) (int, error) {
		g, err := a.gateway(ctx, row.ProjectID, row.Gateway)
		loader, ok := g.(gateway.Loader)
		if !ok {
			if errors.Is(err, errNoGateway) { // another version's
				err = nil
			}
			return 0, err
		}
		done, err := a.loadCatalogue(ctx, row, loader)
		if err != nil {
			err = fmt.Errorf("the catalogue of %s for project %s: %w", row.Gateway, row.ProjectID, err)
		}
		if done {
			return 1, err
		}
		return 0, err
	})
}

func (a *App) loadCatalogue(ctx context.Context, row *store.GatewayAccount, loader gateway.Loader) (done bool, err error) {
	now := a.now()
	c, err := a.DB.GatewayCatalogue(ctx, row.ProjectID, row.Gateway)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil || now.Before(c.AttemptedAt.Add(pauseAfter(c.Attempts))) || now.Before(c.LoadedAt.Add(catalogueServes)) {
		return false, err
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.AttemptCatalogue(c, now) })
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ask, cancel := context.WithTimeout(ctx, catalogueTimeout)
	defer cancel()
	c.Body, err = loader.Load(ask)
	if err == nil && len(c.Body) == 0 {
		err = errors.New("the gateway publishes nothing")
	}
	if err != nil {
		return false, err
	}
	c.LoadedAt = a.now()
	if err := a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.PutCatalogue(c, now) }); err != nil {
		return false, err
	}
	a.accounts.forget(row.ProjectID)
	return true, nil
}

// pauseAfter is how long a gateway is left alone after so many attempts that have failed.
func pauseAfter(attempts int64) time.Duration {
	if attempts == 0 {
		return 0
	}
	return min(catalogueMaxPause, cataloguePause<<min(attempts-1, 10))
}
