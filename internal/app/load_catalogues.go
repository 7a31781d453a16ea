package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// How long a catalogue serves, how long a gateway may take for it, and how long it is left alone when it has failed: that
// doubles with each failure. The pause is longer than an attempt, so that no two nodes are at it at once. A run begins no more
// attempts after its time: what it leaves, the next one does.
const (
	catalogueServes   = 6 * time.Hour
	catalogueTimeout  = time.Minute
	cataloguePause    = 2 * time.Minute
	catalogueMaxPause = time.Hour
	catalogueRun      = 30 * time.Second
	cataloguesAtOnce  = 4       // of one gateway
	maxCatalogueBytes = 8 << 20 // each account keeps its own in memory
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
		p, ok := a.provider(row.Gateway) // else another version's
		if !ok || p.Describe().NoAccount || !row.Enabled {
			continue
		}
		if !now.Before(row.CatalogueAt.Add(catalogueServes)) && !now.Before(row.CatalogueAttempt.Add(pauseAfter(row.CatalogueAttempts))) {
			due = append(due, row)
		}
	}
	slices.SortStableFunc(due, func(a, b *store.GatewayAccount) int { return a.CatalogueAt.Compare(b.CatalogueAt) })
	return a.eachAccount(due, cataloguesAtOnce, catalogueRun, func(row *store.GatewayAccount) (int, error) {
		one, err := a.account(ctx, row.ProjectID, row.Gateway)
		loader, ok := one.gateway.(gateway.Loader)
		if !ok {
			if errors.Is(err, errNoGateway) { // its mode is not the project's any more
				err = nil
			}
			return 0, err
		}
		done, err := a.loadCatalogue(ctx, row, one.opening, loader)
		if err != nil {
			err = fmt.Errorf("the catalogue of %s for project %s: %w", row.Gateway, row.ProjectID, err)
		}
		if done {
			return 1, err
		}
		return 0, err
	})
}

func (a *App) loadCatalogue(ctx context.Context, row *store.GatewayAccount, opening gateway.Account, loader gateway.Loader) (done bool, err error) {
	now := a.now()
	c := &store.GatewayCatalogue{ProjectID: row.ProjectID, Gateway: row.Gateway, LoadedAt: row.CatalogueAt, AttemptedAt: row.CatalogueAttempt}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.AttemptCatalogue(c, now) })
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ask, cancel := context.WithTimeout(ctx, catalogueTimeout)
	defer cancel()
	if c.Body, err = loader.Load(ask); err != nil {
		return false, err
	}
	if err := a.usable(row.Gateway, opening, c.Body); err != nil {
		return false, err
	}
	c.LoadedAt = a.now()
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		var void bool
		_, void, err := a.void(ctx, tx, row.ProjectID, row.Gateway, opening.Settings)
		if done = err == nil && !void; done {
			return tx.PutCatalogue(c, now)
		}
		if err != nil {
			return err
		}
		return tx.DropAttempt(c, now) // it was for the account as it was before
	})
	if err != nil {
		return false, err
	}
	a.accounts.forget(row.ProjectID)
	return done, nil
}

// usable says what is wrong with a list that was loaded: the last good one then stays.
func (a *App) usable(id string, opening gateway.Account, list []byte) error {
	switch {
	case len(list) == 0:
		return errors.New("the gateway publishes nothing")
	case len(list) > maxCatalogueBytes:
		return fmt.Errorf("what the gateway publishes is larger than %d bytes", maxCatalogueBytes)
	}
	p, _ := a.provider(id)
	opening.Catalogue = list
	if _, err := safeOpen(p, opening); err != nil {
		return fmt.Errorf("the account can't be opened with it: %w", err)
	}
	return nil
}

// pauseAfter is how long a gateway is left alone after so many attempts that have failed.
func pauseAfter(attempts int64) time.Duration {
	if attempts == 0 {
		return 0
	}
	return min(catalogueMaxPause, cataloguePause<<min(attempts-1, 10))
}
