package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

const sweepBatch = 200

// ExpireSessions records the expiry of sessions whose time is over, one batch, and tells how many it found and when
// the next is due. Readers never wait for it: they see the expiry at once (contract §2.4).
func (a *App) ExpireSessions(ctx context.Context) (n int, next time.Time, err error) {
	now := a.now()
	overdue, err := a.DB.OverdueSessions(ctx, now, sweepBatch)
	if err != nil {
		return 0, now, err
	}
	if len(overdue) == 0 {
		next, err = a.DB.NextExpiry(ctx)
		return 0, next, err
	}
	err = a.expire(ctx, overdue, now)
	if errors.Is(err, store.ErrConflict) {
		err = nil // someone was faster; the rest is found again
	}
	return len(overdue), now, err
}

// expire records that the sessions' time is over, and tells of it. ErrConflict: one of them has changed; the others are
// recorded.
func (a *App) expire(ctx context.Context, sessions []*checkout.Session, now time.Time) (err error) {
	seeds := make([]checkout.Seed, len(sessions))
	events := make([]checkout.Event, len(sessions))
	was := make([]checkout.SessionStatus, len(sessions))
	for i, s := range sessions {
		was[i], seeds[i] = s.Status, newSeed()
		s.Status, s.UpdatedAt = checkout.SessionExpired, now
		if events[i], err = webhook.SessionEvent(seeds[i].EventID(0, now), checkout.EventSessionExpired, s, now); err != nil {
			return err
		}
	}
	conflict := false
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		conflict = false
		for i, s := range sessions {
			err := tx.UpdateSession(s, was[i])
			if errors.Is(err, store.ErrConflict) {
				conflict = true
				continue
			}
			if err == nil {
				err = a.tellSession(ctx, tx, seeds[i], events[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && conflict {
		return store.ErrConflict
	}
	return err
}
