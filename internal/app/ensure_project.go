package app

import (
	"context"
	"errors"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// EnsureProject adds the project with the keys given, unless it is there. The development server uses it, whose keys
// stay the same when its database is deleted.
func (a *App) EnsureProject(ctx context.Context, p checkout.Project, secretKey, publicKey string) error {
	_, err := a.DB.Project(ctx, p.ID)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now, seed := a.now(), newSeed()
	p.CreatedAt = now
	var keys []NewKey
	for i, text := range []string{secretKey, publicKey} {
		kind := []checkout.KeyKind{checkout.KeySecret, checkout.KeyPublic}[i]
		if !checkout.LooksLikeKey(text) {
			return errors.New("the project's " + string(kind) + " key is not a key")
		}
		keys = append(keys, NewKey{Text: text, Key: &checkout.Key{
			ID: seed.KeyID(i, now), ProjectID: p.ID, Kind: kind, Hint: text[len(text)-4:], CreatedAt: now,
		}})
	}
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertProject(&p); err != nil {
			return err
		}
		return insertKeys(tx, keys)
	})
}
