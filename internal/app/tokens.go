package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// tokenEndsSoon is how long before its end a token is renewed.
const tokenEndsSoon = time.Minute

// tokenLookEvery is how often a call looks whether another has renewed the token.
const tokenLookEvery = 50 * time.Millisecond

// tokens are the credentials that a gateway gave for an account, the same for all nodes.
//
// Of a name each has a number. Whoever gets the row of the next number in, without its value, holds the lease on getting it;
// everyone else waits for the value, or for the lease to be over.
type tokens struct {
	app     *App
	project checkout.ProjectID
	gateway string

	settings gateway.Settings // of the account that asks, which may just have changed elsewhere
}

func (k *tokens) read(ctx context.Context, name string) ([]*store.GatewayToken, error) {
	return k.app.DB.GatewayTokens(ctx, k.project, k.gateway, name)
}

func (k *tokens) context(name string) string {
	return "gateway token/" + string(k.project) + "/" + k.gateway + "/" + name
}

// value is the token itself; false of a claim, and where the master key has left the ring.
func (k *tokens) value(t *store.GatewayToken) (string, bool) {
	if t.Sealed == nil {
		return "", false
	}
	plain, err := k.app.Ring.Open(t.Sealed, k.context(t.Name))
	return string(plain), err == nil
}

// serves gives the token's value, if the gateway takes it for that long yet.
func (k *tokens) serves(t *store.GatewayToken, until time.Time) (string, bool) {
	if t.Rejected || !t.ExpiresAt.IsZero() && !until.Before(t.ExpiresAt) {
		return "", false
	}
	return k.value(t)
}

// Current implements gateway.Tokens.
func (k *tokens) Current(ctx context.Context, name string, renew func(context.Context) (gateway.Token, error)) (string, error) {
	for look := 0; ; look++ {
		rows, err := k.read(ctx, name)
		if err != nil {
			return "", err
		}
		newest := &store.GatewayToken{ProjectID: k.project, Gateway: k.gateway, Name: name}
		if len(rows) > 0 {
			newest = rows[0]
		}
		now := k.app.now()
		soon := now.Add(tokenEndsSoon)
		if look > 0 { // another has renewed it, or tried to: better than this one there is none
			soon = now
		}
		if value, ok := k.serves(newest, soon); ok {
			return value, nil
		}
		claim, err := k.claim(ctx, newest, now)
		if err == nil {
			return k.renew(ctx, claim, rows, renew)
		}
		if !errors.Is(err, store.ErrConflict) {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(tokenLookEvery):
		}
	}
}

// claim claims the next token. ErrConflict: another holds it.
func (k *tokens) claim(ctx context.Context, newest *store.GatewayToken, now time.Time) (*store.GatewayToken, error) {
	claim := &store.GatewayToken{ProjectID: k.project, Gateway: k.gateway, Name: newest.Name, Seq: newest.Seq + 1, Lease: k.app.lease(now)}
	held := newest.Seq > 0 && newest.Sealed == nil
	if held && now.Before(newest.Lease.Until) {
		return nil, store.ErrConflict
	}
	if held {
		claim.Seq = newest.Seq
	}
	return claim, k.app.DB.Tx(ctx, func(tx *store.Tx) error {
		if held {
			return tx.TakeToken(newest, claim.Lease)
		}
		return tx.ClaimToken(claim)
	})
}

// renew gets the token that is claimed, even if the caller leaves: with many gateways it ends the one before. While the
// gateway fails, a token that is about to end serves.
func (k *tokens) renew(ctx context.Context, claim *store.GatewayToken, rows []*store.GatewayToken, renew func(context.Context) (gateway.Token, error)) (string, error) {
	ctx = context.WithoutCancel(ctx)
	ask, cancel := context.WithTimeout(ctx, k.app.GatewayTimeout)
	defer cancel()
	token, err := guarded(func() (gateway.Token, error) { return renew(ask) })
	if err == nil && token.Value == "" {
		err = errors.New("the gateway gave an empty token")
	}
	if err == nil {
		claim.Sealed, claim.ExpiresAt = k.app.Ring.Seal([]byte(token.Value), k.context(claim.Name)), token.Expires
		err = k.app.DB.Tx(ctx, func(tx *store.Tx) error { return k.put(ctx, tx, claim) })
		if errors.Is(err, store.ErrConflict) {
			err = errors.New("getting a token took so long that another began to")
		}
		return token.Value, err
	}
	dropped := k.app.DB.Tx(ctx, func(tx *store.Tx) error { return tx.DropClaim(claim) })
	for _, t := range rows {
		if t.Sealed == nil {
			continue
		}
		if value, ok := k.serves(t, k.app.now()); ok {
			return value, nil
		}
		break // those before it were ended by it
	}
	return "", errors.Join(err, dropped)
}

// put stores the token. One by settings that have changed since is the caller's alone, and serves to verify what it signed.
func (k *tokens) put(ctx context.Context, tx *store.Tx, claim *store.GatewayToken) error {
	if err := tx.PutToken(claim); err != nil {
		return err
	}
	void, _, err := k.app.void(ctx, tx, k.project, k.gateway, k.settings)
	if err != nil || !void {
		return err
	}
	return tx.RejectToken(claim)
}

// Known implements gateway.Tokens.
func (k *tokens) Known(ctx context.Context, name string) ([]string, error) {
	rows, err := k.read(ctx, name)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, t := range rows {
		if value, ok := k.value(t); ok {
			known = append(known, value)
		}
	}
	return known, nil
}

// Reject implements gateway.Tokens.
func (k *tokens) Reject(ctx context.Context, name, value string) error {
	rows, err := k.read(ctx, name)
	if err != nil {
		return err
	}
	for _, t := range rows {
		if known, ok := k.value(t); ok && known == value && !t.Rejected {
			return k.app.DB.Tx(ctx, func(tx *store.Tx) error { return tx.RejectToken(t) })
		}
	}
	return nil
}
