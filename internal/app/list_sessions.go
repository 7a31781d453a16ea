package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ListSessions reads one page of the project's sessions (contract §2.8).
func (a *App) ListSessions(ctx context.Context, call *checkout.Call, f checkout.SessionFilter, p checkout.Page) (checkout.List[*checkout.Session], error) {
	return a.DB.Sessions(ctx, call.Project.ID, f, p, call.Now)
}
