package app

import (
	"context"
	"errors"
	"net/url"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

// NewWebhook is an endpoint as its creator is told of it: with its secret, once.
type NewWebhook struct {
	Webhook *checkout.Webhook
	Secret  string
}

// CreateWebhook adds an endpoint that events go to (contract §4).
func (a *App) CreateWebhook(ctx context.Context, call *checkout.Call, in *checkout.WebhookInput) (*NewWebhook, error) {
	if err := a.checkWebhook(ctx, call, in, true); err != nil {
		return nil, err
	}
	secret := webhook.Secret(call.Seed.WebhookSecret())
	if in.Secret != nil {
		secret = *in.Secret
	}
	w := &checkout.Webhook{
		ID: call.Seed.WebhookID(call.Began), ProjectID: call.Project.ID, URL: *in.URL, Events: *in.Events,
		Status: checkout.WebhookEnabled, CreatedAt: call.Began, UpdatedAt: call.Began, Version: 1,
	}
	if in.Status != nil {
		setStatus(w, checkout.WebhookStatus(*in.Status))
	}
	w.Secret = a.Ring.Seal([]byte(secret), secretContext(w))
	var there *checkout.Webhook
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		there = nil
		n, err := tx.CountWebhooks(ctx, w.ProjectID)
		if err == nil && n >= checkout.MaxWebhooks { // unless an earlier run of this very call has made the last of them
			there, err = tx.Webhook(ctx, w.ProjectID, w.ID)
			if errors.Is(err, store.ErrNotFound) {
				return checkout.Fail(checkout.CodeValidation, "The project has 100 endpoints already; delete one first.")
			}
			return err
		}
		if err != nil {
			return err
		}
		inserted, err := tx.InsertWebhook(w)
		if err == nil && !inserted {
			there, err = tx.Webhook(ctx, w.ProjectID, w.ID) // an earlier run of this very call got so far, and died
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if there != nil {
		w = there
	}
	a.endpoints.forget(w.ProjectID)
	opened, err := a.Ring.Open(w.Secret, secretContext(w))
	return &NewWebhook{w, string(opened)}, err
}

// checkWebhook checks the request, and where its URL leads.
func (a *App) checkWebhook(ctx context.Context, call *checkout.Call, in *checkout.WebhookInput, create bool) error {
	if err := in.Check(call.Project.Mode, create); err != nil || in.URL == nil {
		return err
	}
	u, err := url.Parse(*in.URL)
	if err != nil {
		return err
	}
	if err := a.Egress.Check(ctx, u.Hostname()); err != nil {
		return checkout.FailField(checkout.CodeValidation, "url", err.Error()+"; webhooks go to public addresses")
	}
	return nil
}
