package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ListEvents reads one page of the project's events.
func (a *App) ListEvents(ctx context.Context, call *checkout.Call, f checkout.EventFilter, p checkout.Page) (checkout.List[checkout.Event], error) {
	return a.DB.Events(ctx, call.Project.ID, f, p)
}
