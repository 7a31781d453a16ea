package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// DeleteWebhook removes an endpoint; what was still to be delivered to it has failed.
func (a *App) DeleteWebhook(ctx context.Context, call *checkout.Call, id checkout.WebhookID) (*checkout.Webhook, error) {
	w, err := again(ctx, func() (*checkout.Webhook, error) {
		w, err := a.GetWebhook(ctx, call, id)
		if err != nil {
			return nil, err
		}
		return w, a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteWebhook(w) })
	})
	a.endpoints.forget(call.Project.ID)
	if err == nil {
		err = a.dropDeliveries(ctx, w.ProjectID, w.ID, call.Now)
	}
	return w, err
}
