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
	return a.changeSession(ctx, call, id, checkout.EventSessionConfirmed, func(s *checkout.Session) error {
		if err := a.holdsSecret(s, *in.ClientSecret); err != nil {
			return err
		}
		if err := s.Usable(call.Now); err != nil {
			return err
		}
		a.payerCountry(call, s)
		once := *in // problems are of this run alone
		return once.Apply(s, call.Now, call.Project.StrictAddress)
	})
}

// changeSession reads the session, changes it and, if its status changed, tells of it, in one transaction: however many
// calls race, each is decided on what the one before it left.
func (a *App) changeSession(ctx context.Context, call *checkout.Call, id checkout.SessionID, kind checkout.EventType, change func(*checkout.Session) error) (*checkout.Session, error) {
	s, err := again(ctx, func() (s *checkout.Session, err error) {
		err = a.DB.Tx(ctx, func(tx *store.Tx) error {
			row, err := tx.Session(ctx, call.Project.ID, id)
			if s, err = found("session", row, err); err != nil {
				return err
			}
			was := *s
			if err := change(s); err != nil {
				return err
			}
			if s.Status == was.Status && s.UpdatedAt.Equal(was.UpdatedAt) {
				return nil
			}
			if err := tx.UpdateSession(s, was.Status); err != nil || s.Status == was.Status {
				return err
			}
			event, err := webhook.SessionEvent(call.Seed.EventID(0, call.Began), kind, s, call.Now)
			if err != nil {
				return err
			}
			return a.tellSession(ctx, tx, call.Seed, event)
		})
		return s, err
	})
	if checkout.CodeOf(err) == checkout.CodeSessionExpired {
		if _, e := a.session(ctx, call, id); e != nil { // recorded before it is told
			return nil, e
		}
	}
	return s, err
}
