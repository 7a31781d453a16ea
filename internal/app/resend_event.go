package app

import (
	"context"
	"errors"

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
		err := tx.HoldEvent(call.Project.ID, id)
		if errors.Is(err, store.ErrConflict) { // it was old, and has been removed since it was read
			return checkout.NotFound("event")
		}
		if err != nil {
			return err
		}
		endpoints, err := tx.WebhooksOf(ctx, call.Project.ID)
		if err != nil {
			return err
		}
		named := false
		for _, w := range endpoints {
			if in.WebhookID != nil {
				if string(w.ID) != *in.WebhookID {
					continue
				}
				named = true
			} else if !w.Wants(event.Type) {
				continue
			}
			d := newDelivery(call.Seed.DeliveryID(len(made), call.Began), event, w, call.Now)
			if err := tx.InsertDelivery(d); err != nil {
				return err
			}
			made = append(made, d)
			tx.OnCommit(func() { a.wakes.add(endpointKey{w.ProjectID, w.ID}) })
		}
		if in.WebhookID != nil && !named {
			return checkout.FailField(checkout.CodeValidation, "webhookId", "is not an enabled endpoint of this project")
		}
		return nil
	})
	return event, made, err
}
