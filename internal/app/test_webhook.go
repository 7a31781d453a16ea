package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

// TestWebhook sends an event of type webhook.test to one endpoint, with a sample order, and returns it.
func (a *App) TestWebhook(ctx context.Context, call *checkout.Call, id checkout.WebhookID) (checkout.Event, error) {
	w, err := a.GetWebhook(ctx, call, id)
	if err != nil {
		return checkout.Event{}, err
	}
	if w.Status != checkout.WebhookEnabled {
		return checkout.Event{}, disabledWebhook(w)
	}
	event, err := webhook.TestEvent(call.Seed.EventID(0, call.Began), call.Project.ID, call.Now)
	if err != nil {
		return event, err
	}
	return event, a.DB.Tx(ctx, func(tx *store.Tx) error {
		row, err := tx.Webhook(ctx, call.Project.ID, id)
		if w, err = found("webhook", row, err); err != nil {
			return err
		}
		if w.Status != checkout.WebhookEnabled {
			return disabledWebhook(w)
		}
		if err := tx.InsertEvent(event); err != nil {
			return err
		}
		tx.OnCommit(func() { a.wakes.add(endpointKey{w.ProjectID, w.ID}) })
		return tx.InsertDelivery(newDelivery(call.Seed.DeliveryID(0, call.Began), event, w, call.Now))
	})
}

func disabledWebhook(w *checkout.Webhook) error {
	return checkout.Fail(checkout.CodeValidation, "The endpoint is disabled: "+w.DisabledReason+". Enable it first.")
}
