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
	seed := newSeed()
	events := make([]checkout.Event, len(overdue))
	was := make([]checkout.SessionStatus, len(overdue))
	for i, s := range overdue {
		was[i] = s.Status
		s.Status, s.UpdatedAt = checkout.SessionExpired, now
		if events[i], err = webhook.SessionEvent(seed.EventID(i, now), checkout.EventSessionExpired, s, now); err != nil {
			return 0, now, err
		}
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		for i, s := range overdue {
			err := tx.UpdateSession(s, was[i])
			if errors.Is(err, store.ErrConflict) {
				continue // someone was faster
			}
			if err == nil {
				err = tx.InsertEvent(events[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return len(overdue), now, err
}
