package app

import (
	"context"
	"errors"
	"slices"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// ResendEvent is the body of POST /v1/events/{id}/resend.
type ResendEvent struct {
	Problems  checkout.Problems
	WebhookID *string
}

// ResendEvent delivers an event again, on a fresh schedule: to the endpoint named, or to every one that subscribes to it
// now. It tells to how many.
func (a *App) ResendEvent(ctx context.Context, call *checkout.Call, id checkout.EventID, in *ResendEvent) (checkout.Event, []*checkout.Delivery, error) {
	if err := in.Problems.Err(); err != nil {
		return checkout.Event{}, nil, err
	}
	event, err := a.GetEvent(ctx, call, id)
	if err != nil {
		return event, nil, err
	}
	var made []*checkout.Delivery
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		made = nil
		endpoints, err := tx.WebhooksOf(ctx, call.Project.ID)
		if err != nil {
			return err
		}
		endpoints = slices.DeleteFunc(endpoints, func(w *checkout.Webhook) bool {
			if in.WebhookID != nil {
				return string(w.ID) != *in.WebhookID
			}
			return !w.Wants(event.Type)
		})
		if in.WebhookID != nil && len(endpoints) == 0 {
			return checkout.FailField(checkout.CodeValidation, "webhookId", "is not an enabled endpoint of this project")
		}
		err = tx.HoldEvent(call.Project.ID, id)
		if errors.Is(err, store.ErrConflict) { // it was old, and has been removed since it was read
			return checkout.NotFound("event")
		}
		if err != nil {
			return err
		}
		for _, w := range endpoints {
			d := newDelivery(call.Seed.DeliveryID(len(made), call.Began), event, w, call.Now)
			if err := tx.InsertDelivery(d); err != nil {
				return err
			}
			made = append(made, d)
			tx.OnCommit(func() { a.wakes.add(endpointKey{w.ProjectID, w.ID}) })
		}
		return nil
	})
	return event, made, err
}
