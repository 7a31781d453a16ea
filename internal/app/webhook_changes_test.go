package app_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// update changes the endpoint as its project would.
func (h *house) update(w *checkout.Webhook, in *checkout.WebhookInput) *checkout.Webhook {
	h.t.Helper()
	changed, err := h.app.UpdateWebhook(h.t.Context(), h.call(), w.ID, in)
	must(h.t, err)
	return changed
}

func (h *house) enable(w *checkout.Webhook, yes bool) {
	h.t.Helper()
	status := string(checkout.WebhookDisabled)
	if yes {
		status = string(checkout.WebhookEnabled)
	}
	h.update(w, &checkout.WebhookInput{Status: &status})
}

// TestEnabledAnew: what waited when an endpoint was disabled has failed; what comes once it is enabled again goes out,
// and an attempt that was under way is still recorded.
func TestEnabledAnew(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		underWay := h.tell(w)
		sent := h.claim(w)
		time.Sleep(time.Second)
		waiting := h.tell(w)
		time.Sleep(time.Second)
		h.enable(w, false)
		disabled := h.app.Now()
		if l := h.log(waiting); l.Delivery.Status != checkout.DeliveryFailed {
			t.Errorf("what waited for a disabled endpoint is %s, want failed", l.Delivery.Status)
		}
		h.finish(sent[0], 200)
		if l := h.log(underWay); l.Delivery.Status != checkout.DeliveryDelivered || len(l.Attempts) != 1 {
			t.Errorf("what was under way is %s after %d attempts, want delivered after 1", l.Delivery.Status, len(l.Attempts))
		}
		h.enable(w, true)
		time.Sleep(time.Second)
		fresh := h.tell(w)
		must(t, h.app.DropAbandoned(t.Context()))
		must(t, h.config.DB.Tx(t.Context(), func(tx *store.Tx) error { // as a drop that is still going on would
			_, err := tx.DropDeliveries(w.ProjectID, w.ID, disabled, 100)
			return err
		}))
		out := h.claim(w)
		if len(out) != 1 || out[0].Delivery.EventID != fresh.ID {
			t.Fatalf("%d are due once enabled anew, want the fresh one alone", len(out))
		}
	})
}

// TestAbandonedDeliveriesAreDropped: what a crash left pending for an endpoint that is gone fails in time, and nothing of
// an endpoint that is there.
func TestAbandonedDeliveriesAreDropped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	gone, there := h.endpoint("*").Webhook, h.endpoint("*").Webhook
	lost, kept := h.tell(gone), h.tell(there)
	must(t, h.config.DB.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteWebhook(gone) })) // and then it died
	must(t, h.app.DropAbandoned(t.Context()))
	if l := h.log(lost); l.Delivery.Status != checkout.DeliveryFailed || l.Delivery.FinishedAt.IsZero() {
		t.Errorf("a delivery to an endpoint that is gone is %s, want failed", l.Delivery.Status)
	}
	if l := h.log(kept); l.Delivery.Status != checkout.DeliveryPending {
		t.Errorf("a delivery to an endpoint that is there is %s, want pending", l.Delivery.Status)
	}
}

// TestAnotherURLHasAnotherRecord: neither what the old URL answers late, nor how long it had been failing, counts for the
// new one.
func TestAnotherURLHasAnotherRecord(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		first := h.tell(w)
		h.pump(w, time.Now().Add(5*24*time.Hour), 500)
		h.tell(w)
		slow := h.claim(w)
		url := "http://127.0.0.1:9/another"
		h.update(w, &checkout.WebhookInput{URL: &url})
		h.finish(slow[0], 410)
		if now := h.reread(w); now.Status != checkout.WebhookEnabled || !now.FailingSince.IsZero() {
			t.Errorf("after the old URL's 410 the new one is %s (%s), failing since %v", now.Status, now.DisabledReason, now.FailingSince)
		}
		h.tell(w)
		for _, o := range h.claim(w) {
			h.finish(o, 503)
		}
		if now := h.reread(w); now.Status != checkout.WebhookEnabled {
			t.Errorf("the new URL's first failure disabled it: %s", now.DisabledReason)
		}
		if l := h.log(first); l.Delivery.Status != checkout.DeliveryFailed {
			t.Errorf("the first event is %s, want failed", l.Delivery.Status)
		}
	})
}

// TestStaleClaim: a delivery that was attempted and put off since it was read can't be leased by what was read.
func TestStaleClaim(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		h.tell(w)
		read, err := h.config.DB.DueDeliveries(t.Context(), w, h.app.Now(), 1)
		must(t, err)
		h.finish(h.claim(w)[0], 503)
		err = h.config.DB.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.LeaseDelivery(read[0], store.Lease{Owner: "late", Until: h.app.Now().Add(time.Minute)})
		})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("the stale read was leased: %v", err)
		}
	})
}
