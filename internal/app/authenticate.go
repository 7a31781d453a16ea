package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// keyTTL is how long a key's row is believed: a revocation works everywhere within a second.
const keyTTL = 500 * time.Millisecond

type keyCache struct {
	mu   sync.RWMutex
	rows map[[32]byte]cachedKey
}

type cachedKey struct {
	caller checkout.Caller
	until  time.Time
}

// Authenticate finds the caller whose API key this is (contract §1).
func (a *App) Authenticate(ctx context.Context, call *checkout.Call, key string) error {
	if key == "" {
		return checkout.Fail(checkout.CodeMissingAPIKey, "There is no API key; send it as Authorization: Bearer KEY, or as X-API-Key: KEY.")
	}
	invalid := checkout.Fail(checkout.CodeInvalidAPIKey, "The API key is unknown, revoked or expired.")
	if !checkout.LooksLikeKey(key) {
		return invalid
	}
	hash := checkout.HashKey(key)
	a.keys.mu.RLock()
	cached, ok := a.keys.rows[hash]
	a.keys.mu.RUnlock()
	if !ok || !call.Now.Before(cached.until) {
		caller, err := a.readKey(ctx, hash)
		if errors.Is(err, store.ErrNotFound) {
			return invalid
		}
		if err != nil {
			return err
		}
		cached = cachedKey{caller, call.Now.Add(keyTTL)}
		a.keys.put(hash, cached)
	}
	if !cached.caller.Key.Usable(call.Now) {
		return invalid
	}
	call.Caller = cached.caller
	return nil
}

func (a *App) readKey(ctx context.Context, hash [32]byte) (checkout.Caller, error) {
	key, err := a.DB.KeyByHash(ctx, hash)
	if err != nil {
		return checkout.Caller{}, err
	}
	project, err := a.DB.Project(ctx, key.ProjectID)
	return checkout.Caller{Project: project, Key: key}, err
}

func (c *keyCache) put(hash [32]byte, k cachedKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil {
		c.rows = map[[32]byte]cachedKey{}
	}
	c.rows[hash] = k
}

// RequireSecret refuses callers without the project's secret key or, with test, whose project is not a test one.
func RequireSecret(call *checkout.Call, test bool) error {
	if !call.Secret() {
		return checkout.Fail(checkout.CodeForbidden, "This route needs the project's secret key (sk_…); call it from your backend.")
	}
	if test && call.Project.Mode != checkout.ModeTest {
		return checkout.Fail(checkout.CodeForbidden, "This route needs the secret key of a test project (sk_test_…).")
	}
	return nil
}
