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
				Lease: store.Lease{Owner: a.node, Until: a.now().Add(idempotencyLease)},
			}, call.Now, a.gone)
			return err
		})
		return c, err
	})
	if err != nil {
		if c.rec != nil && c.state == store.IdempotentNew { // the claim may have been committed, though nobody can tell
			a.unfinished.later(func(ctx context.Context) error { return a.lapseIdempotent(ctx, c.rec) })
		}
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
// to keep: 401, 429 and 5xx (contract §1). If the database is not there, that is done as soon as it is: otherwise the key
// would be in progress until its lease is over, though nobody works on it.
func (a *App) FinishIdempotent(ctx context.Context, rec *store.Idempotent, status int, body []byte) error {
	if status == 401 || status == 429 || status >= 500 {
		soon, cancel := context.WithTimeout(ctx, lapseSoon)
		defer cancel()
		if a.lapseIdempotent(soon, rec) != nil {
			a.unfinished.later(func(ctx context.Context) error { return a.lapseIdempotent(ctx, rec) })
		}
		return nil // the answer is that the request failed, whatever became of its key
	}
	sealed := a.Ring.Seal(body, idempotencyContext(rec))
	finish := func(ctx context.Context) error {
		err := a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.FinishIdempotent(rec, status, sealed) })
		if errors.Is(err, store.ErrConflict) {
			return nil // taken over; the other's answer is the one that is kept
		}
		return err
	}
	err := finish(ctx)
	if checkout.CodeOf(err) == checkout.CodeDatabaseUnavailable {
		a.unfinished.later(finish)
	}
	return err
}

// lapseSoon is how long a request that has failed is held up in order to free its key.
const lapseSoon = time.Second

func (a *App) lapseIdempotent(ctx context.Context, rec *store.Idempotent) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.LapseIdempotent(rec) })
}

// unfinished is what remains to be written for keys whose requests ended while the database was not there.
type unfinished struct{ places chan struct{} }

// maxUnfinished bounds it. What finds no place waits for its lease's end.
const maxUnfinished = 1024

func newUnfinished() unfinished { return unfinished{make(chan struct{}, maxUnfinished)} }

// later tries the write until it succeeds or the lease is over by any means.
func (u unfinished) later(write func(context.Context) error) {
	select {
	case u.places <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-u.places }()
		ctx, cancel := context.WithTimeout(context.Background(), idempotencyLease)
		defer cancel()
		for checkout.CodeOf(write(ctx)) == checkout.CodeDatabaseUnavailable {
			timer := time.NewTimer(unfinishedPause)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}()
}

const unfinishedPause = 100 * time.Millisecond

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
