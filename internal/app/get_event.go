package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// GetEvent reads an event.
func (a *App) GetEvent(ctx context.Context, call *checkout.Call, id checkout.EventID) (checkout.Event, error) {
	e, err := a.DB.Event(ctx, call.Project.ID, id)
	return found("event", e, err)
}
