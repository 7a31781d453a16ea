package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

// ConfirmSession confirms a session and takes up its unlocked members (contract §2.5).
func (a *App) ConfirmSession(ctx context.Context, call *checkout.Call, id checkout.SessionID, in *checkout.ConfirmSession) (*checkout.Session, error) {
	if err := in.Check(); err != nil {
		return nil, err
	}
	return again(ctx, func() (*checkout.Session, error) {
		s, err := a.payerSession(ctx, call, id, *in.ClientSecret)
		if err != nil {
			return nil, err
		}
		was := s.Status
		a.payerCountry(call, s)
		if err := in.Apply(s, call.Now, call.Project.StrictAddress); err != nil {
			return nil, err
		}
		return s, a.changeSession(ctx, call, s, was, checkout.EventSessionConfirmed)
	})
}

// changeSession stores a session's change and, if its status changed, the event.
func (a *App) changeSession(ctx context.Context, call *checkout.Call, s *checkout.Session, was checkout.SessionStatus, kind checkout.EventType) error {
	event, err := webhook.SessionEvent(call.Seed.EventID(0, call.Began), kind, s, call.Now)
	if err != nil {
		return err
	}
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateSession(s, was); err != nil || s.Status == was {
			return err
		}
		return tx.InsertEvent(event)
	})
}
