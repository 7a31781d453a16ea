package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// NewKey is an API key as its maker is told of it, once.
type NewKey struct {
	Key  *checkout.Key
	Text string
}

// CreateProject makes a project with a secret and a public key.
func (a *App) CreateProject(ctx context.Context, p checkout.Project) (*checkout.Project, []NewKey, error) {
	now, seed := a.now(), newSeed()
	p.ID, p.CreatedAt = seed.ProjectID(now), now
	keys := []NewKey{makeKey(seed, 0, &p, checkout.KeySecret, now), makeKey(seed, 1, &p, checkout.KeyPublic, now)}
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertProject(&p); err != nil {
			return err
		}
		return insertKeys(tx, keys)
	})
	return &p, keys, err
}

func makeKey(seed checkout.Seed, n int, p *checkout.Project, kind checkout.KeyKind, now time.Time) NewKey {
	text := seed.APIKey(n, kind, p.Mode)
	return NewKey{Text: text, Key: &checkout.Key{
		ID: seed.KeyID(n, now), ProjectID: p.ID, Kind: kind, Hint: text[len(text)-4:], CreatedAt: now,
	}}
}

func insertKeys(tx *store.Tx, keys []NewKey) error {
	for _, k := range keys {
		if err := tx.InsertKey(k.Key, checkout.HashKey(k.Text)); err != nil {
			return err
		}
	}
	return nil
}

// CreateKey makes a further key for the project.
func (a *App) CreateKey(ctx context.Context, id checkout.ProjectID, kind checkout.KeyKind) (NewKey, error) {
	p, err := a.DB.Project(ctx, id)
	if _, err = found("project", p, err); err != nil {
		return NewKey{}, err
	}
	key := makeKey(newSeed(), 0, p, kind, a.now())
	return key, a.DB.Tx(ctx, func(tx *store.Tx) error { return insertKeys(tx, []NewKey{key}) })
}

// RotateKey makes a key of the same kind; the old one works on for the grace period.
func (a *App) RotateKey(ctx context.Context, project checkout.ProjectID, id checkout.KeyID, grace time.Duration) (NewKey, error) {
	now := a.now()
	old, err := a.usableKey(ctx, project, id, now)
	if err != nil {
		return NewKey{}, err
	}
	p, err := a.DB.Project(ctx, project)
	if err != nil {
		return NewKey{}, err
	}
	key := makeKey(newSeed(), 0, p, old.Kind, now)
	if end := now.Add(grace); old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
		old.ExpiresAt = end
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.ExpireKey(old); err != nil {
			return err
		}
		return insertKeys(tx, []NewKey{key})
	})
	return key, keyGone(id, err)
}

// RevokeKey ends a key, everywhere within a second.
func (a *App) RevokeKey(ctx context.Context, project checkout.ProjectID, id checkout.KeyID) (*checkout.Key, error) {
	now := a.now()
	key, err := a.usableKey(ctx, project, id, now)
	if err != nil {
		return nil, err
	}
	key.RevokedAt = now
	return key, keyGone(id, a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.RevokeKey(key) }))
}

func keyGone(id checkout.KeyID, err error) error {
	if errors.Is(err, store.ErrConflict) {
		return errors.New("the key " + string(id) + " is already revoked or expired")
	}
	return err
}

func (a *App) usableKey(ctx context.Context, project checkout.ProjectID, id checkout.KeyID, now time.Time) (*checkout.Key, error) {
	key, err := a.DB.Key(ctx, project, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errors.New("the project has no key " + string(id) + "; see: sliproad key list")
	}
	if err != nil {
		return nil, err
	}
	if !key.Usable(now) {
		return nil, keyGone(id, store.ErrConflict)
	}
	return key, nil
}
