package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestKilledBeforeDelivery kills the server between an event and its delivery: the event comes after the start.
func TestKilledBeforeDelivery(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	r := newReceiver(t, nil)
	r.gate.up.Store(false)
	r.subscribe(t, s.Secret(), "*")
	order := newOrder(t, s.Secret())
	s.Kill()
	r.gate.up.Store(true)
	s.Restart()
	m := r.await(t, 1)[0]
	if m.payload.Type != "transaction.pending" || m.payload.Data.Order == nil || m.payload.Data.Order.ID != order.ID {
		t.Errorf("got %s", m.body)
	}
	logged(t, s.Secret(), m.payload.ID, r.ID, delivered)
}

// TestKilledDuringDelivery kills the server while the receiver has the event, but has not answered: it comes again, as it was.
func TestKilledDuringDelivery(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, n int) {
		if n == 0 {
			<-r.Context().Done() // the server has died
		}
	}).subscribe(t, s.Secret(), "*")
	newOrder(t, s.Secret())
	r.await(t, 1)
	s.Kill()
	s.Restart()
	got := r.await(t, 2)
	if string(got[0].body) != string(got[1].body) || got[0].header.Get("X-Webhook-Delivery-Id") != got[1].header.Get("X-Webhook-Delivery-Id") {
		t.Errorf("the event came as %s and again as %s", got[0].body, got[1].body)
	}
	logged(t, s.Secret(), got[0].payload.ID, r.ID, delivered)
}

// TestKilledAfterAnswer kills the server right after it has answered, again and again: each order that was acknowledged is told.
func TestKilledAfterAnswer(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	r := newReceiver(t, nil).subscribe(t, s.Secret(), "*")
	want := map[string]bool{}
	for range 4 {
		want[newOrder(t, s.Secret()).ID] = true
		s.Kill()
		s.Restart()
	}
	if !await(func() bool {
		for _, m := range r.got() {
			delete(want, m.payload.Data.Order.ID)
		}
		return len(want) == 0
	}) {
		t.Errorf("of 4 orders, %d were never told", len(want))
	}
	for _, m := range r.got() {
		verify(t, m, r.Secret)
	}
}

// TestConnectionIsChecked: where webhooks may not go to loopback, an address that was allowed once gets nothing any more.
func TestConnectionIsChecked(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil)
	r.gate.up.Store(false)
	r.subscribe(t, c, "*")
	newOrder(t, c)
	event := events(t, c, api.ListEventsParams{Type: "transaction.pending"})[0].ID
	logged(t, c, event, r.ID, tried)
	key := s.SecretKey
	r.gate.up.Store(true)
	s.Restart(sliproadtest.Serve(), sliproadtest.Env("SLIPROAD_MASTER_KEY="+s.MasterKey()))
	c = s.Client(key)
	d := logged(t, c, event, r.ID, func(d api.DeliveryAttributes) bool { return len(d.Attempts) > 1 })
	if a := d.Attempts[1]; a.StatusCode != nil || a.Error == nil {
		t.Errorf("the second attempt is %+v", a)
	}
	refused(t, c.Post(t, "/v1/webhooks", api.CreateWebhookRequest{URL: r.URL, Events: []string{"*"}}), 400, api.CodeValidation, "url")
	if got := r.got(); len(got) != 0 {
		t.Errorf("%d messages went to a loopback address", len(got))
	}
}

// TestBacklog queues events for a receiver that is down; once it is up, it gets every one.
func TestBacklog(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil)
	r.gate.up.Store(false)
	r.subscribe(t, c, "session.created")
	const sessions, clients = 3000, 10
	var mu sync.Mutex
	missing := map[string]bool{} // ids of sessions
	var making sync.WaitGroup
	for i := range clients {
		making.Go(func() {
			for n := range sessions / clients {
				session, err := c.CreateSession(context.Background(), api.CreateSessionRequest{ExternalCustomerID: fmt.Sprint(i, n%10)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				missing[session.ID] = true
				mu.Unlock()
			}
		})
	}
	making.Wait()
	if len(missing) != sessions {
		t.Fatalf("only %d sessions were made", len(missing))
	}
	r.gate.up.Store(true)
	await(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.arrived) >= sessions
	})
	ids := map[string]int{}
	for i, m := range r.got() {
		ids[m.payload.ID]++
		delete(missing, m.payload.Data.Session.ID)
		if i%50 == 0 {
			verify(t, m, r.Secret)
		}
	}
	if len(missing) != 0 || len(ids) != sessions {
		t.Errorf("of %d events %d came, of %d messages; %d sessions were never told", sessions, len(ids), len(r.got()), len(missing))
	}
	if total := must(c.ListEvents(t.Context(), api.ListEventsParams{Type: "session.created", PageSize: 1}))(t).Pagination.Total; total != sessions {
		t.Errorf("the log has %d events, want %d", total, sessions)
	}
}
