package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// CancelSession cancels a session that has no order; a cancelled one stays as it is (contract §2.7).
func (a *App) CancelSession(ctx context.Context, call *checkout.Call, id checkout.SessionID) (*checkout.Session, error) {
	return a.changeSession(ctx, call, id, checkout.EventSessionCancelled, func(s *checkout.Session) error {
		if s.Status == checkout.SessionCancelled && s.OrderID == "" {
			return nil
		}
		if err := s.Usable(call.Now); err != nil {
			return err
		}
		s.Status, s.UpdatedAt = checkout.SessionCancelled, call.Now
		return nil
	})
}
