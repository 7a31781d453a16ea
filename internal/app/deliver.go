package app

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

// Outgoing is a delivery that this node has leased, ready to be sent.
type Outgoing struct {
	Webhook  *checkout.Webhook
	Delivery *checkout.Delivery
	Message  webhook.Message // without its time
	lease    store.Lease
}

// deliveryLease outlives an attempt, so that only a dead node's is taken over.
const deliveryLease = checkout.DeliveryTimeout + 30*time.Second

// DeliverySignal signals that this node has written something to deliver; see WokenWebhooks.
func (a *App) DeliverySignal() <-chan struct{} { return a.wakes.signal }

// WokenWebhooks reads the enabled endpoints for which this node has written something since the last call.
func (a *App) WokenWebhooks(ctx context.Context) ([]*checkout.Webhook, error) {
	var list []*checkout.Webhook
	for k := range a.wakes.take() {
		w, err := a.DB.Webhook(ctx, k.project, k.id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return list, err
		}
		if w.Status == checkout.WebhookEnabled {
			list = append(list, w)
		}
	}
	return list, nil
}

// ClaimDeliveries leases deliveries of the endpoint that are due, at most the limit, and commits the lease before
// anything is sent. Of one order only the first one goes; the next follows when that has been answered.
func (a *App) ClaimDeliveries(ctx context.Context, w *checkout.Webhook, limit int) ([]Outgoing, error) {
	now := a.now()
	due, err := a.DB.DueDeliveries(ctx, w, now, 2*limit+16)
	if err != nil {
		return nil, err
	}
	var chosen []*checkout.Delivery
	busy := map[checkout.OrderID]bool{}
	for _, d := range due {
		free := now.After(d.LeaseUntil) || a.gone(d.LeaseOwner)
		if free && !busy[d.OrderID] && len(chosen) < limit {
			chosen = append(chosen, d)
		}
		if d.OrderID != "" {
			busy[d.OrderID] = true
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	if _, err := a.secretsOf(w, now); err != nil {
		return nil, err // nothing is leased that can't be signed
	}
	lease := store.Lease{Owner: a.node, Until: now.Add(deliveryLease)}
	var claimed []*checkout.Delivery
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		claimed = claimed[:0]
		fresh, err := tx.Webhook(ctx, w.ProjectID, w.ID) // its URL, secret or status may have changed since it was read
		if errors.Is(err, store.ErrNotFound) || (err == nil && fresh.Status != checkout.WebhookEnabled) {
			return nil
		}
		if err != nil {
			return err
		}
		w = fresh
		for _, d := range chosen {
			err := tx.LeaseDelivery(d, lease)
			if errors.Is(err, store.ErrConflict) {
				continue // another node was faster
			}
			if err != nil {
				return err
			}
			claimed = append(claimed, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.outgoing(w, claimed, lease, now)
}

func (a *App) outgoing(w *checkout.Webhook, claimed []*checkout.Delivery, lease store.Lease, now time.Time) ([]Outgoing, error) {
	signing, err := a.secretsOf(w, now)
	if err != nil {
		return nil, err
	}
	var secrets []string
	for _, s := range signing {
		secrets = append(secrets, s.Text)
	}
	var out []Outgoing
	for _, d := range claimed {
		out = append(out, Outgoing{Webhook: w, Delivery: d, lease: lease, Message: webhook.Message{
			EventID: d.EventID, Type: d.EventType, DeliveryID: d.ID, Body: d.Body, Secrets: secrets,
		}})
	}
	return out, nil
}

// FinishDelivery records an attempt: delivered, or due again on the schedule, or failed when that is used up. It keeps
// the endpoint's record: 410 disables it at once, five days of nothing but failures do too (contract §4); disabled says
// why, if this attempt did.
func (a *App) FinishDelivery(ctx context.Context, o Outgoing, attempt checkout.Attempt) (_ *checkout.Delivery, disabled string, _ error) {
	now := a.now()
	d := *o.Delivery
	d.Attempts++
	attempt.Number = d.Attempts
	switch pause, more := webhook.RetryAfter(d.Attempts, rand.Uint32()); { //nolint:gosec // spreads retries; nobody gains by guessing it
	case attempt.Succeeded():
		d.Status, d.FinishedAt = checkout.DeliveryDelivered, now
	case more && attempt.StatusCode != http.StatusGone:
		d.DueAt = now.Add(pause)
	default:
		d.Status, d.FinishedAt = checkout.DeliveryFailed, now
	}
	endpoint := *o.Webhook
	_, err := again(ctx, func() (none struct{}, err error) {
		return none, a.DB.Tx(ctx, func(tx *store.Tx) error {
			endpoint = *o.Webhook
			err := tx.RecordAttempt(&d, attempt, o.lease)
			if errors.Is(err, store.ErrConflict) {
				return nil // the lease had lapsed, or the endpoint is gone
			}
			if err != nil {
				return err
			}
			switch {
			case attempt.Succeeded() && o.Webhook.FailingSince.IsZero():
				return nil // a failure since the claim is forgotten by the next success
			case attempt.Succeeded():
				return tx.WebhookSucceeded(o.Webhook)
			}
			return recordFailure(ctx, tx, &endpoint, attempt, now)
		})
	})
	if !attempt.Succeeded() {
		a.endpoints.forget(d.ProjectID) // it may have been disabled
	}
	if err == nil && endpoint.Status == checkout.WebhookDisabled {
		err = a.dropDeliveries(ctx, d.ProjectID, d.WebhookID, now)
	}
	return &d, endpoint.DisabledReason, err
}

// recordFailure keeps since when an endpoint has been failing, and disables it where the contract says so.
func recordFailure(ctx context.Context, tx *store.Tx, seen *checkout.Webhook, attempt checkout.Attempt, now time.Time) error {
	w, err := tx.Webhook(ctx, seen.ProjectID, seen.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || w.Status != checkout.WebhookEnabled || w.URL != seen.URL {
		return err // it has been changed since; what the old URL answered says nothing of the new one
	}
	switch {
	case attempt.StatusCode == http.StatusGone:
		w.Status, w.DisabledReason = checkout.WebhookDisabled, "the endpoint answered 410 Gone"
	case w.FailingSince.IsZero():
		w.FailingSince = now
	case now.Sub(w.FailingSince) >= checkout.DisableAfter:
		w.Status, w.DisabledReason = checkout.WebhookDisabled, "every attempt has failed for five days"
	default:
		return nil
	}
	if w.Status == checkout.WebhookDisabled {
		w.UpdatedAt = now
	}
	seen.Status, seen.DisabledReason = w.Status, w.DisabledReason
	return tx.UpdateWebhook(w)
}

// NextDelivery is when the endpoint's next delivery is due; zero where none is.
func (a *App) NextDelivery(ctx context.Context, w *checkout.Webhook) (time.Time, error) {
	return a.DB.NextDelivery(ctx, w)
}

func secretContext(w *checkout.Webhook) string {
	return "webhook/" + string(w.ProjectID) + "/" + string(w.ID)
}

// signingSecret is a secret that signs; Until is zero for the endpoint's own.
type signingSecret struct {
	Text  string
	Until time.Time
}

// secretsOf opens the endpoint's secrets that sign at the time given, the newest first.
func (a *App) secretsOf(w *checkout.Webhook, now time.Time) ([]signingSecret, error) {
	secret, err := a.Ring.Open(w.Secret, secretContext(w))
	if err != nil {
		return nil, err
	}
	secrets := []signingSecret{{Text: string(secret)}}
	if w.OldSecrets == nil {
		return secrets, nil
	}
	sealed, err := a.Ring.Open(w.OldSecrets, secretContext(w))
	if err != nil {
		return nil, err
	}
	var old []signingSecret
	if err := json.Unmarshal(sealed, &old); err != nil {
		return nil, err
	}
	for _, s := range old {
		if now.Before(s.Until) && len(secrets) < maxSigningSecrets {
			secrets = append(secrets, s)
		}
	}
	return secrets, nil
}

// maxSigningSecrets bounds the signatures of a message, however often its secret is rotated.
const maxSigningSecrets = 25
