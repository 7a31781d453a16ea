package delivery_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestRetry: after a failure the same event comes again in about 5 s, the same byte for byte, freshly signed; and the
// delivery log tells of both attempts.
func TestRetry(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 0 {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "out of order\x00"+strings.Repeat("é", 5000))
			return
		}
		_, _ = io.WriteString(w, "thanks")
	}).subscribe(t, c, "transaction.pending")
	order := newOrder(t, c)
	event := r.await(t, 1)[0].payload.ID
	d := logged(t, c, event, r.ID, tried)
	a := d.Attempts[0]
	if d.Status != "pending" || d.FinishedAt != nil || len(d.Attempts) != 1 || a.Number != 1 || a.StatusCode == nil || *a.StatusCode != 500 ||
		a.DurationMs < 0 || a.DurationMs > 4000 || a.Error != nil {
		t.Errorf("after the failure: %+v", d)
	}
	if a.Response == nil || len(*a.Response) < 2000 || len(*a.Response) > 2052 || !strings.HasPrefix(*a.Response, "out of order") {
		t.Errorf("the log keeps %s of the answer, want its first 2 KB", must(json.Marshal(a.Response))(t))
	}
	if d.NextAttemptAt == nil {
		t.Fatal("there is no next attempt")
	}
	pause := must(time.Parse(time.RFC3339, *d.NextAttemptAt))(t).Sub(must(time.Parse(time.RFC3339, a.At))(t))
	wantPause(t, "nextAttemptAt", pause)

	got := r.await(t, 2)
	first, second := got[0], got[1]
	wantPause(t, "the second attempt", second.began.Sub(first.began))
	if string(first.body) != string(second.body) {
		t.Errorf("the body has changed from %s to %s", first.body, second.body)
	}
	for name, same := range map[string]bool{
		"Webhook-Id": true, "X-Webhook-Event": true, "X-Webhook-Delivery-Id": true,
		"X-Webhook-Timestamp": false, "Webhook-Timestamp": false, "X-Webhook-Signature": false, "Webhook-Signature": false,
	} {
		if was, is := first.header.Get(name), second.header.Get(name); (was == is) != same || is == "" {
			t.Errorf("%s was %q and is %q", name, was, is)
		}
	}
	d = logged(t, c, event, r.ID, delivered)
	if len(d.Attempts) != 2 || d.NextAttemptAt != nil || d.FinishedAt == nil {
		t.Fatalf("after the success: %+v", d)
	}
	if b := d.Attempts[1]; b.Number != 2 || b.StatusCode == nil || *b.StatusCode != 200 || b.Response == nil || *b.Response != "thanks" || b.Error != nil {
		t.Errorf("the second attempt is %+v", b)
	}
	if d.DeliveryID != second.header.Get("X-Webhook-Delivery-Id") || d.EventID != event || d.EventType != "transaction.pending" {
		t.Errorf("the delivery is %+v", d)
	}
	if paid := move(t, c, order.ID, "completed"); paid.Attributes.Status != "completed" {
		t.Errorf("the order is %s", paid.Attributes.Status)
	}
}

func wantPause(t *testing.T, what string, pause time.Duration) {
	t.Helper()
	if pause < 4*time.Second || pause > 9*time.Second {
		t.Errorf("%s came after %v, want about 5 s", what, pause)
	}
}

// TestFailures: an answer that is not 2xx, and none at all, fail the attempt; a redirect is not followed.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	elsewhere := newReceiver(t, nil)
	var receivers []*receiver
	statuses := []int{301, 302, 303, 307, 308, 304, 400, 401, 404, 429, 503, 0}
	for _, status := range statuses {
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
		})
		r.gate.up.Store(status != 0)
		receivers = append(receivers, r.subscribe(t, c, "transaction.pending"))
	}
	newOrder(t, c)
	event := events(t, c, api.ListEventsParams{Type: "transaction.pending"})[0].ID
	for i, r := range receivers {
		d := logged(t, c, event, r.ID, tried)
		a, status := d.Attempts[0], statuses[i]
		if d.Status != "pending" || d.NextAttemptAt == nil {
			t.Errorf("after %d: %+v", status, d)
		}
		if status == 0 {
			if a.StatusCode != nil || a.Error == nil || *a.Error == "" || a.Response != nil {
				t.Errorf("without an answer: %+v", a)
			}
			continue
		}
		if a.StatusCode == nil || *a.StatusCode != status || a.Error != nil {
			t.Errorf("after %d: %+v", status, a)
		}
		r.await(t, 1)
		if w := must(c.GetWebhook(t.Context(), r.ID))(t); w.Attributes.Status != "enabled" {
			t.Errorf("after %d the endpoint is %s", status, w.Attributes.Status)
		}
	}
	if got := elsewhere.got(); len(got) != 0 {
		t.Errorf("%d redirects were followed", len(got))
	}
}

// TestGone: 410 disables the endpoint at once; enabled again, it gets events again.
func TestGone(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 0 {
			w.WriteHeader(http.StatusGone)
		}
	}).subscribe(t, c, "*")
	order := newOrder(t, c)
	event := r.await(t, 1)[0].payload.ID
	d := logged(t, c, event, r.ID, func(d api.DeliveryAttributes) bool { return d.Status != "pending" })
	if d.Status != "failed" || d.NextAttemptAt != nil || d.FinishedAt == nil || len(d.Attempts) != 1 {
		t.Errorf("the delivery is %+v", d)
	}
	w := must(c.GetWebhook(t.Context(), r.ID))(t).Attributes
	if w.Status != "disabled" || w.DisabledReason == nil || !strings.Contains(*w.DisabledReason, "410") {
		t.Errorf("the endpoint is %+v", w)
	}
	move(t, c, order.ID, "completed")
	completed := events(t, c, api.ListEventsParams{Type: "transaction.completed"})
	if len(completed) != 1 || len(deliveries(t, c, completed[0].ID)) != 0 {
		t.Errorf("a disabled endpoint is still delivered to")
	}
	if a := c.Post(t, "/v1/webhooks/"+r.ID+"/test", nil); a.OK() {
		t.Errorf("a disabled endpoint is tested: %v", a)
	}
	w = must(c.UpdateWebhook(t.Context(), r.ID, api.UpdateWebhookRequest{Status: "enabled"}))(t).Attributes
	if w.Status != "enabled" || w.DisabledReason != nil {
		t.Errorf("the endpoint is %+v", w)
	}
	must(c.ResendEvent(t.Context(), event, api.ResendEventRequest{}))(t)
	if again := r.await(t, 2)[1]; again.payload.ID != event {
		t.Errorf("got %s", again.body)
	}
}

// TestSlowEndpoint: one that takes 3 s delays no other, and is delivered to all the same.
func TestSlowEndpoint(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	slow := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done(): // the test has ended
		}
	}).subscribe(t, c, "transaction.pending")
	fast := newReceiver(t, nil).subscribe(t, c, "transaction.pending")
	const orders = 30
	for range orders {
		newOrder(t, c)
	}
	for _, m := range fast.await(t, orders) {
		told := must(time.Parse(time.RFC3339, m.payload.Timestamp))(t)
		if delay := m.began.Sub(told); delay > 2*time.Second {
			t.Errorf("an event came %v late", delay)
		}
	}
	got := slow.await(t, 1)
	if len(got) == orders {
		t.Errorf("all %d events are at the slow endpoint at once", orders)
	}
	d := logged(t, c, got[0].payload.ID, slow.ID, delivered)
	if len(d.Attempts) != 1 || d.Attempts[0].DurationMs < 3000 || d.Attempts[0].DurationMs > 9000 {
		t.Errorf("the slow delivery is %+v", d)
	}
}

// TestOrderOfEvents: the events of one order come one after the other where the receiver answers, those of several at once.
func TestOrderOfEvents(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
		}
	}).subscribe(t, c, "*")
	statuses := []string{"processing", "completed", "refunded"}
	const orders = 5
	var moving sync.WaitGroup
	for range orders {
		moving.Go(func() {
			order := newOrder(t, c)
			for _, status := range statuses {
				move(t, c, order.ID, status)
			}
		})
	}
	moving.Wait()
	want := []string{"transaction.pending", "transaction.processing", "transaction.completed", "transaction.refunded"}
	r.await(t, orders*len(want))
	await(func() bool { got := r.got(); return !got[len(got)-1].ended.IsZero() })
	byOrder := map[string][]message{}
	for _, m := range r.got() {
		if m.payload.Data.Order == nil {
			t.Fatalf("got %s", m.body)
		}
		byOrder[m.payload.Data.Order.ID] = append(byOrder[m.payload.Data.Order.ID], m)
	}
	overlaps := 0
	for id, list := range byOrder {
		var types []string
		for i, m := range list {
			types = append(types, m.payload.Type)
			if i > 0 && m.began.Before(list[i-1].ended) {
				t.Errorf("%s of %s came before %s was answered", m.payload.Type, id, list[i-1].payload.Type)
			}
		}
		if diff := cmp.Diff(want, types); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", id, diff)
		}
		for other, theirs := range byOrder {
			if other > id && list[0].began.Before(theirs[0].ended) && theirs[0].began.Before(list[0].ended) {
				overlaps++
			}
		}
	}
	if len(byOrder) != orders || overlaps == 0 {
		t.Errorf("%d orders, of which none were told at once: %s", len(byOrder), fmt.Sprint(overlaps))
	}
}
