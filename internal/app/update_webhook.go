package app

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// UpdateWebhook changes an endpoint: URL, events, status. Enabling it anew forgets its failures.
func (a *App) UpdateWebhook(ctx context.Context, call *checkout.Call, id checkout.WebhookID, in *checkout.WebhookInput) (*checkout.Webhook, error) {
	if in.Secret != nil {
		in.Problems.Add("secret", "can't be changed; rotate it")
	}
	if err := a.checkWebhook(ctx, call, in, false); err != nil {
		return nil, err
	}
	return a.changeWebhook(ctx, call, id, func(w *checkout.Webhook) error {
		if in.URL != nil && *in.URL != w.URL {
			w.URL, w.FailingSince = *in.URL, time.Time{} // another receiver has another record
		}
		if in.Events != nil {
			w.Events = *in.Events
		}
		if in.Status != nil {
			setStatus(w, checkout.WebhookStatus(*in.Status))
		}
		return nil
	})
}

// setStatus enables or disables the endpoint, for the project. Enabling it forgets its failures.
func setStatus(w *checkout.Webhook, status checkout.WebhookStatus) {
	switch {
	case status == w.Status && w.DisabledReason == "" && status == checkout.WebhookEnabled:
	case status == checkout.WebhookEnabled:
		w.Status, w.DisabledReason, w.FailingSince = status, "", time.Time{}
	default:
		w.Status, w.DisabledReason = status, "disabled by the project"
	}
}

func (a *App) changeWebhook(ctx context.Context, call *checkout.Call, id checkout.WebhookID, change func(*checkout.Webhook) error) (*checkout.Webhook, error) {
	w, err := again(ctx, func() (w *checkout.Webhook, err error) {
		err = a.DB.Tx(ctx, func(tx *store.Tx) error {
			row, err := tx.Webhook(ctx, call.Project.ID, id)
			if w, err = found("webhook", row, err); err != nil {
				return err
			}
			if err := change(w); err != nil {
				return err
			}
			w.UpdatedAt = call.Now
			return tx.UpdateWebhook(w)
		})
		return w, err
	})
	a.endpoints.forget(call.Project.ID)
	if err == nil && w.Status == checkout.WebhookDisabled {
		err = a.dropDeliveries(ctx, w.ProjectID, w.ID, call.Now)
	}
	return w, err
}

// dropBatch bounds how long one transaction holds others up.
const dropBatch = 500

// dropDeliveries fails what was still to be delivered to an endpoint that is disabled or gone, a batch at a time. The
// caller may hang up meanwhile; what a crash leaves, DropAbandoned finds.
func (a *App) dropDeliveries(ctx context.Context, project checkout.ProjectID, id checkout.WebhookID, now time.Time) error {
	ctx = context.WithoutCancel(ctx)
	for {
		var n int64
		err := a.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.DropDeliveries(project, id, now, dropBatch)
			return err
		})
		if err != nil || n < dropBatch {
			return err
		}
	}
}

// DropAbandoned fails what is still to be delivered to endpoints that are disabled or gone.
func (a *App) DropAbandoned(ctx context.Context) error {
	now := a.now()
	list, err := a.DB.Abandoned(ctx, now, 100)
	for _, e := range list {
		if err == nil {
			err = a.dropDeliveries(ctx, e.Project, e.ID, now)
		}
	}
	return err
}
