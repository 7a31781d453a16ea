package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// GetWebhook reads an endpoint.
func (a *App) GetWebhook(ctx context.Context, call *checkout.Call, id checkout.WebhookID) (*checkout.Webhook, error) {
	w, err := a.DB.Webhook(ctx, call.Project.ID, id)
	return found("webhook", w, err)
}
