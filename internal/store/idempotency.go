package store

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Idempotent is the record of one Idempotency-Key.
type Idempotent struct {
	Project     checkout.ProjectID
	Key         string
	Fingerprint []byte // of key kind, method, path and body
	Seed        checkout.Seed
	Lease       Lease
	Epoch       int64 // counts the owners
	Status      int   // of the stored answer; 0: still running
	Body        []byte
	CreatedAt   time.Time
}

// IdempotentState is what a claim on a key found.
type IdempotentState int

// The outcomes of ClaimIdempotent.
const (
	IdempotentNew      IdempotentState = iota // the caller runs the request, with the record's seed and time
	IdempotentReplay                          // the record holds the answer
	IdempotentRunning                         // another runs the request
	IdempotentConflict                        // the key was used for another request
)

// ClaimIdempotent claims the key for the request, or finds what became of it. It always writes before it answers: a
// replay too is a committed write, so that a node cut off from the database's majority can't acknowledge what only it
// believes. gone tells of an owner whether its node is known to be gone, so that its lease need not be waited for.
func (tx *Tx) ClaimIdempotent(want *Idempotent, now time.Time, gone func(owner string) bool) (IdempotentState, *Idempotent, error) {
	n, err := tx.exec(`insert into idempotency (project_id, key, fingerprint, seed, owner, lease_until, epoch, status, body, replays, created_at)
		values ($1, $2, $3, $4, $5, $6, 1, 0, null, 0, $7) on conflict (project_id, key) do nothing`,
		string(want.Project), want.Key, want.Fingerprint, want.Seed[:], want.Lease.Owner, micros(want.Lease.Until), micros(now))
	if err != nil {
		return 0, nil, err
	}
	if n == 1 {
		want.Epoch, want.CreatedAt = 1, now
		return IdempotentNew, want, nil
	}
	have, err := tx.idempotent(tx.ctx, want.Project, want.Key)
	if errors.Is(err, ErrNotFound) {
		return 0, nil, ErrConflict // it was given up a moment ago
	}
	if err != nil {
		return 0, nil, err
	}
	switch {
	case now.Sub(have.CreatedAt) >= checkout.IdempotencyWindow:
		want.CreatedAt = now
		return IdempotentNew, want, tx.retakeIdempotent(want, have.Epoch)
	case !bytes.Equal(have.Fingerprint, want.Fingerprint):
		return IdempotentConflict, have, nil
	case have.Status != 0:
		return IdempotentReplay, have, tx.swap(`update idempotency set replays = replays + 1 where project_id = $1 and key = $2 and epoch = $3`,
			string(want.Project), want.Key, have.Epoch)
	case now.Before(have.Lease.Until) && !gone(have.Lease.Owner):
		return IdempotentRunning, have, nil
	}
	have.Lease = want.Lease
	return IdempotentNew, have, tx.retakeIdempotent(have, have.Epoch)
}

// retakeIdempotent makes the record the caller's, whether its first owner died or its time is over.
func (tx *Tx) retakeIdempotent(r *Idempotent, epoch int64) error {
	r.Epoch = epoch + 1
	return tx.swap(`update idempotency set fingerprint = $1, seed = $2, owner = $3, lease_until = $4, epoch = $5, status = 0,
		body = null, created_at = $6 where project_id = $7 and key = $8 and epoch = $9`,
		r.Fingerprint, r.Seed[:], r.Lease.Owner, micros(r.Lease.Until), r.Epoch, micros(r.CreatedAt), string(r.Project), r.Key, epoch)
}

// FinishIdempotent stores the answer. ErrConflict: the record has another owner by now.
func (tx *Tx) FinishIdempotent(r *Idempotent, status int, sealed []byte) error {
	return tx.swap(`update idempotency set status = $1, body = $2 where project_id = $3 and key = $4 and epoch = $5 and status = 0`,
		status, sealed, string(r.Project), r.Key, r.Epoch)
}

// LapseIdempotent ends the lease, for an answer that is not stored. The next request with the key runs again, with the
// same seed: whatever this run had written, it finds. A lease that is not this very one stays.
func (tx *Tx) LapseIdempotent(r *Idempotent) error {
	_, err := tx.exec(`update idempotency set lease_until = 0 where project_id = $1 and key = $2 and epoch = $3 and status = 0
		and owner = $4 and lease_until = $5`,
		string(r.Project), r.Key, r.Epoch, r.Lease.Owner, micros(r.Lease.Until))
	return err
}

func (r Reader) idempotent(ctx context.Context, project checkout.ProjectID, key string) (*Idempotent, error) {
	rec := Idempotent{Project: project, Key: key}
	var seed []byte
	var until, created int64
	err := r.q.queryRow(ctx, `select fingerprint, seed, owner, lease_until, epoch, status, body, created_at from idempotency
		where project_id = $1 and key = $2`, string(project), key).
		Scan(&rec.Fingerprint, &seed, &rec.Lease.Owner, &until, &rec.Epoch, &rec.Status, &rec.Body, &created)
	if err != nil {
		return nil, unavailable(err)
	}
	copy(rec.Seed[:], seed)
	rec.Lease.Until, rec.CreatedAt = fromMicros(until), fromMicros(created)
	return &rec, nil
}
