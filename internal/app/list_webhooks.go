package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ListWebhooks reads one page of the project's endpoints.
func (a *App) ListWebhooks(ctx context.Context, call *checkout.Call, p checkout.Page) (checkout.List[*checkout.Webhook], error) {
	return a.DB.Webhooks(ctx, call.Project.ID, p)
}
