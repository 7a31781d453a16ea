package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// CancelSession cancels a session that has no order; a cancelled one stays as it is (contract §2.7).
func (a *App) CancelSession(ctx context.Context, call *checkout.Call, id checkout.SessionID) (*checkout.Session, error) {
	return again(ctx, func() (*checkout.Session, error) {
		s, err := a.session(ctx, call, id)
		if err != nil || (s.Status == checkout.SessionCancelled && s.OrderID == "") {
			return s, err
		}
		if err := s.Usable(call.Now); err != nil {
			return nil, err
		}
		was := s.Status
		s.Status, s.UpdatedAt = checkout.SessionCancelled, call.Now
		return s, a.changeSession(ctx, call, s, was, checkout.EventSessionCancelled)
	})
}
