package app

import (
	"context"
	"encoding/json"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/webhook"
)

// RotateWebhookSecret gives the endpoint a fresh secret; the old one signs too for 24 h (contract §4).
func (a *App) RotateWebhookSecret(ctx context.Context, call *checkout.Call, id checkout.WebhookID) (*NewWebhook, error) {
	secret := webhook.Secret(call.Seed.WebhookSecret())
	w, err := a.changeWebhook(ctx, call, id, func(w *checkout.Webhook) error {
		have, err := a.secretsOf(w, call.Now)
		if err != nil || have[0].Text == secret { // an earlier run of this very call got so far, and died
			return err
		}
		have[0].Until = call.Now.Add(checkout.SecretOverlap)
		old, err := json.Marshal(have)
		if err != nil {
			return err
		}
		w.OldSecrets = a.Ring.Seal(old, secretContext(w))
		w.Secret = a.Ring.Seal([]byte(secret), secretContext(w))
		return nil
	})
	return &NewWebhook{w, secret}, err
}
