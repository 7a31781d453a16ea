package app

import (
	"context"
	"errors"

	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

const masterKeyCheck = "master key check"

// CheckMasterKeys refuses a ring that lacks the key which was the newest at the last start: with it, everything that is
// sealed would be unreadable and every open session's client secret void. With forget, the old key is known to be lost.
func (a *App) CheckMasterKeys(ctx context.Context, forget bool) error {
	sealed, err := a.DB.MasterKeyCheck(ctx)
	if err == nil && !forget {
		if !OpensMasterKeyCheck(a.Ring, sealed) {
			return errors.New("the master keys are not those of this database: put the key of the last start behind the new one (NEW,OLD); if it is lost, start once with --forget-master-key")
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	fresh := a.Ring.Seal([]byte(masterKeyCheck), masterKeyCheck)
	return a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.SetMasterKeyCheck(fresh) })
}

// RequireMasterKeys refuses a ring that can't be the servers': for a command that seals something for them. On a database
// that no server has run on yet, the ring becomes the one that they need.
func (a *App) RequireMasterKeys(ctx context.Context) error {
	sealed, err := a.DB.MasterKeyCheck(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return a.CheckMasterKeys(ctx, false)
	case err == nil && !OpensMasterKeyCheck(a.Ring, sealed):
		return errors.New("the master keys are not those of this database's servers; give the same ones as to sliproad serve")
	}
	return err
}

// OpensMasterKeyCheck tells whether the ring has the key that was the newest at the last start on the database that the
// text is from.
func OpensMasterKeyCheck(ring *vault.Ring, sealed []byte) bool {
	_, err := ring.Open(sealed, masterKeyCheck)
	return err == nil
}
