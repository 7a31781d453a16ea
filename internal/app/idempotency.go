package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// Replay is a stored answer.
type Replay struct {
	Status int
	Body   []byte
}

// idempotencyLease is how long a node may take for a request with an Idempotency-Key before another takes it over. It
// is longer than any request may take.
const idempotencyLease = time.Minute

// BeginIdempotent claims an Idempotency-Key for the call (contract §1). With a Replay, that is the answer. Otherwise
// the call goes ahead, with the seed and the time of the key's first run, so that a run that takes over from a dead
// node makes the same ids; the record is given to FinishIdempotent.
func (a *App) BeginIdempotent(ctx context.Context, call *checkout.Call, key string, fingerprint [32]byte) (*store.Idempotent, *Replay, error) {
	type claim struct {
		state store.IdempotentState
		rec   *store.Idempotent
	}
	c, err := again(ctx, func() (c claim, err error) {
		err = a.DB.Tx(ctx, func(tx *store.Tx) error {
			c.state, c.rec, err = tx.ClaimIdempotent(&store.Idempotent{
				Project: call.Project.ID, Key: key, Fingerprint: fingerprint[:], Seed: call.Seed,
				Lease: store.Lease{Owner: a.node, Until: call.Now.Add(idempotencyLease)},
			}, call.Now, a.gone)
			return err
		})
		return c, err
	})
	if err != nil {
		return nil, nil, err
	}
	switch c.state {
	case store.IdempotentConflict:
		return nil, nil, checkout.FailField(checkout.CodeIdempotencyConflict, "Idempotency-Key", "was used for a request with another method, path or body")
	case store.IdempotentRunning:
		return nil, nil, checkout.Fail(checkout.CodeIdempotencyInProgress, "The first request with this Idempotency-Key is still running; repeat it in a moment.")
	case store.IdempotentReplay:
		body, err := a.Ring.Open(c.rec.Body, idempotencyContext(c.rec))
		return nil, &Replay{c.rec.Status, body}, err
	case store.IdempotentNew:
		call.Seed, call.Began = c.rec.Seed, c.rec.CreatedAt
	}
	return c.rec, nil, nil
}

// gone tells whether the owner of a lease is known to be dead. A SQLite database has one server at a time, so any other
// owner is; on PostgreSQL another node may be at work, so that only its lease tells.
func (a *App) gone(owner string) bool { return owner != a.node && a.DB.Exclusive() }

func idempotencyContext(r *store.Idempotent) string {
	return "idempotency/" + string(r.Project) + "/" + r.Key
}

// FinishIdempotent stores the answer for replays, or lets the key's next request run again where the answer is not one
// to keep: 401, 429 and 5xx (contract §1).
func (a *App) FinishIdempotent(ctx context.Context, rec *store.Idempotent, status int, body []byte) error {
	sealed := a.Ring.Seal(body, idempotencyContext(rec))
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		if status == 401 || status == 429 || status >= 500 {
			return tx.LapseIdempotent(rec)
		}
		return tx.FinishIdempotent(rec, status, sealed)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil // taken over; the other's answer is the one that is kept
	}
	return err
}

// PruneIdempotent removes records older than their window, one batch, a transaction for each project, and returns how many.
func (a *App) PruneIdempotent(ctx context.Context) (n int64, err error) {
	before := a.now().Add(-checkout.IdempotencyWindow)
	stale, err := a.DB.StaleIdempotent(ctx, before, 500)
	if err != nil {
		return 0, err
	}
	for project, keys := range stale {
		var removed int64
		err := a.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			removed, err = tx.PruneIdempotent(project, keys, before)
			return err
		})
		if err != nil {
			return n, err
		}
		n += removed
	}
	return n, nil
}
