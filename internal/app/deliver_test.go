package app_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

// house is an App over a database of its own, with one project. In a bubble of synctest its clock is the bubble's.
type house struct {
	t       *testing.T
	app     *app.App
	config  app.Config
	project *checkout.Project
	key     *checkout.Key
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseOn(t, database(t))
}

func newHouseOn(t *testing.T, db *store.DB) *house {
	t.Helper()
	ring, err := vault.Parse(vault.Generate())
	must(t, err)
	countries, err := geoip.Open("")
	must(t, err)
	test := sandbox.New("http://127.0.0.1", ring)
	h := &house{t: t, config: app.Config{
		DB: db, Ring: ring, Countries: countries, Providers: gateway.Static(test), Sandbox: test,
		PublicURL: "http://127.0.0.1", Egress: egress.New(egress.AllowLoopback, time.Second),
	}}
	h.app = app.New(h.config)
	project, keys, err := h.app.CreateProject(t.Context(), checkout.Project{Name: "house", Mode: checkout.ModeTest})
	must(t, err)
	h.project, h.key = project, keys[0].Key
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) call() *checkout.Call {
	call := h.app.NewCall(netip.Addr{})
	call.Caller = checkout.Caller{Project: h.project, Key: h.key}
	return call
}

func (h *house) endpoint(events ...string) *app.NewWebhook {
	h.t.Helper()
	url := "http://127.0.0.1:9/hook"
	made, err := h.app.CreateWebhook(h.t.Context(), h.call(), &checkout.WebhookInput{URL: &url, Events: &events})
	must(h.t, err)
	return made
}

// reread is the endpoint as it is now.
func (h *house) reread(w *checkout.Webhook) *checkout.Webhook {
	h.t.Helper()
	now, err := h.app.GetWebhook(h.t.Context(), h.call(), w.ID)
	must(h.t, err)
	return now
}

// tell queues an event of no order for the endpoint.
func (h *house) tell(w *checkout.Webhook) checkout.Event {
	h.t.Helper()
	e, err := h.app.TestWebhook(h.t.Context(), h.call(), w.ID)
	must(h.t, err)
	return e
}

// log is the delivery log of an event that went to one endpoint.
func (h *house) log(e checkout.Event) app.LoggedDelivery {
	h.t.Helper()
	list, err := h.app.ListDeliveries(h.t.Context(), h.call(), e.ID, checkout.Page{Number: 1, Size: 100})
	must(h.t, err)
	if len(list.Rows) != 1 {
		h.t.Fatalf("event %s has %d deliveries, want 1", e.ID, len(list.Rows))
	}
	return list.Rows[0]
}

func (h *house) claim(w *checkout.Webhook) []app.Outgoing {
	h.t.Helper()
	out, err := h.app.ClaimDeliveries(h.t.Context(), h.reread(w), 16)
	must(h.t, err)
	return out
}

func (h *house) finish(o app.Outgoing, status int) *checkout.Delivery {
	h.t.Helper()
	d, _, err := h.app.FinishDelivery(h.t.Context(), o, checkout.Attempt{
		At: h.app.Now(), StatusCode: status, Took: time.Millisecond, Response: []byte("answer"),
	})
	must(h.t, err)
	return d
}

// next is when the endpoint's next delivery is due; zero: none.
func (h *house) next(w *checkout.Webhook) time.Time {
	h.t.Helper()
	at, err := h.app.NextDelivery(h.t.Context(), w)
	must(h.t, err)
	return at
}

// pump plays a worker: it makes every attempt at the moment it is due, until the endpoint has none left before the
// time given, and answers each with the status. It ends at that time.
func (h *house) pump(w *checkout.Webhook, until time.Time, status int) (attempts int) {
	h.t.Helper()
	for {
		at := h.next(w)
		if at.IsZero() || !at.Before(until) {
			time.Sleep(time.Until(until))
			return attempts
		}
		time.Sleep(time.Until(at))
		for _, o := range h.claim(w) {
			h.finish(o, status)
			attempts++
		}
	}
}

// TestScheduleOfAFailingEndpoint: 8 attempts at about 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h after one another, then
// the delivery is failed (contract §4).
func TestScheduleOfAFailingEndpoint(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		e := h.tell(w)
		started := time.Now()
		about := []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
		}
		for i := 0; ; i++ {
			out := h.claim(w)
			if len(out) != 1 {
				t.Fatalf("attempt %d: %d are due, want 1", i+1, len(out))
			}
			d := h.finish(out[0], 500)
			if i == len(about) {
				if d.Status != checkout.DeliveryFailed {
					t.Errorf("after attempt %d the delivery is %s, want failed", i+1, d.Status)
				}
				break
			}
			pause := time.Until(h.next(w))
			if pause < about[i]*8/10 || pause > about[i]*12/10 {
				t.Errorf("pause after attempt %d: %v, want about %v", i+1, pause, about[i])
			}
			time.Sleep(pause - time.Microsecond)
			if early := h.claim(w); len(early) != 0 {
				t.Fatalf("attempt %d comes before its time", i+2)
			}
			time.Sleep(time.Microsecond)
		}
		if !h.next(w).IsZero() {
			t.Error("a failed delivery is still due")
		}
		l := h.log(e)
		if l.Delivery.Status != checkout.DeliveryFailed || l.Delivery.FinishedAt.IsZero() || len(l.Attempts) != 8 {
			t.Errorf("the log has a delivery %s with %d attempts, want failed with 8", l.Delivery.Status, len(l.Attempts))
		}
		for i, a := range l.Attempts {
			if a.Number != i+1 || a.StatusCode != http.StatusInternalServerError || string(a.Response) != "answer" || a.Took != time.Millisecond {
				t.Errorf("attempt %d is logged as %+v", i+1, a)
			}
		}
		// 27 h 35 min 5 s, a tenth less or more at each step.
		if all := time.Since(started); all < 24*time.Hour+49*time.Minute || all > 30*time.Hour+21*time.Minute {
			t.Errorf("the schedule took %v", all)
		}
		if h.reread(w).Status != checkout.WebhookEnabled {
			t.Error("one failed delivery, within 5 days, disabled the endpoint")
		}
	})
}

// TestNoAnswerIsLogged: an attempt that got no answer at all has no status and no response, and is retried.
func TestNoAnswerIsLogged(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		e := h.tell(w)
		out := h.claim(w)
		_, _, err := h.app.FinishDelivery(t.Context(), out[0], checkout.Attempt{At: time.Now(), Error: "connection refused"})
		must(t, err)
		l := h.log(e)
		if len(l.Attempts) != 1 || l.Attempts[0].StatusCode != 0 || l.Attempts[0].Error != "connection refused" || l.Delivery.Status != checkout.DeliveryPending {
			t.Errorf("logged: %+v of %+v", l.Attempts, l.Delivery)
		}
	})
}

// TestGoneDisablesAtOnce: 410 disables the endpoint at once (contract §4), and what was queued for it is dropped.
func TestGoneDisablesAtOnce(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w, bystander := h.endpoint("*").Webhook, h.endpoint("*").Webhook
		first := h.tell(w)
		out := h.claim(w)
		time.Sleep(time.Millisecond)
		queued := h.tell(w)
		spared := h.tell(bystander)
		if d := h.finish(out[0], 410); d.Status != checkout.DeliveryFailed {
			t.Errorf("the delivery answered with 410 is %s, want failed", d.Status)
		}
		now := h.reread(w)
		if now.Status != checkout.WebhookDisabled || now.DisabledReason == "" {
			t.Errorf("after 410 the endpoint is %s, reason %q", now.Status, now.DisabledReason)
		}
		for _, e := range []checkout.Event{first, queued} {
			if l := h.log(e); l.Delivery.Status != checkout.DeliveryFailed {
				t.Errorf("delivery of %s is %s, want failed", e.ID, l.Delivery.Status)
			}
		}
		if l := h.log(spared); l.Delivery.Status != checkout.DeliveryPending {
			t.Errorf("410 of one endpoint made another's delivery %s", l.Delivery.Status)
		}
		if out := h.claim(w); len(out) != 0 {
			t.Errorf("a disabled endpoint has %d due deliveries", len(out))
		}
		if _, err := h.app.TestWebhook(t.Context(), h.call(), w.ID); err == nil {
			t.Error("a disabled endpoint can be tested")
		}
		enabled := string(checkout.WebhookEnabled)
		again, err := h.app.UpdateWebhook(t.Context(), h.call(), w.ID, &checkout.WebhookInput{Status: &enabled})
		must(t, err)
		if again.Status != checkout.WebhookEnabled || again.DisabledReason != "" || !again.FailingSince.IsZero() {
			t.Errorf("enabled anew: %+v", again)
		}
		if !h.next(w).IsZero() {
			t.Error("enabling the endpoint brought dropped deliveries back")
		}
		h.tell(w)
		if out := h.claim(w); len(out) != 1 {
			t.Errorf("enabled anew, %d are due, want 1", len(out))
		}
	})
}

// TestFiveDaysOfFailuresDisable: an endpoint that has failed for 5 days is disabled, at its next failure (contract §4).
func TestFiveDaysOfFailuresDisable(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		start := time.Now()
		for day := range 5 {
			h.tell(w)
			h.pump(w, start.Add(time.Duration(day+1)*24*time.Hour-time.Second), 503)
			if h.reread(w).Status != checkout.WebhookEnabled {
				t.Fatalf("disabled within day %d", day+1)
			}
			time.Sleep(time.Second)
		}
		last := h.tell(w)
		h.pump(w, time.Now().Add(time.Second), 503)
		if now := h.reread(w); now.Status != checkout.WebhookDisabled || now.DisabledReason == "" {
			t.Errorf("after five days of failures the endpoint is %s, reason %q", now.Status, now.DisabledReason)
		}
		if l := h.log(last); l.Delivery.Status != checkout.DeliveryFailed {
			t.Errorf("what was pending at a disabled endpoint is %s, want failed", l.Delivery.Status)
		}
		if !h.next(w).IsZero() {
			t.Error("a disabled endpoint has something due")
		}
	})
}

// TestOneSuccessResetsTheFiveDays: the five days are of nothing but failures.
func TestOneSuccessResetsTheFiveDays(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		const day = 24 * time.Hour
		fail := func(days int) {
			for range days {
				h.tell(w)
				h.pump(w, time.Now().Add(day), 500)
			}
		}
		fail(4)
		h.tell(w)
		h.pump(w, time.Now().Add(time.Second), 200)
		if since := h.reread(w).FailingSince; !since.IsZero() {
			t.Errorf("after a success the endpoint still counts as failing since %v", since)
		}
		fail(4)
		h.tell(w)
		h.pump(w, time.Now().Add(day-time.Hour), 500)
		if now := h.reread(w); now.Status != checkout.WebhookEnabled {
			t.Fatalf("disabled 4 days 23 h after a success: %s", now.DisabledReason)
		}
		time.Sleep(2 * time.Hour)
		h.tell(w)
		h.pump(w, time.Now().Add(time.Second), 500)
		if now := h.reread(w); now.Status != checkout.WebhookDisabled {
			t.Error("still enabled more than 5 days after the last success")
		}
	})
}

// TestRotationSignsWithBothFor24h: the old secret signs too for 24 h, then only the new one does (contract §4).
func TestRotationSignsWithBothFor24h(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		made := h.endpoint("*")
		w := made.Webhook
		signers := func() []string {
			h.tell(w)
			out := h.claim(w)
			if len(out) != 1 {
				t.Fatalf("%d are due, want 1", len(out))
			}
			h.finish(out[0], 200)
			return out[0].Message.Secrets
		}
		rotate := func() string {
			fresh, err := h.app.RotateWebhookSecret(t.Context(), h.call(), w.ID)
			must(t, err)
			return fresh.Secret
		}
		check := func(when string, want ...string) {
			t.Helper()
			if got := signers(); !slices.Equal(got, want) {
				t.Errorf("%s: %d secrets sign, want %d, the newest first", when, len(got), len(want))
			}
		}
		check("before", made.Secret)
		second := rotate()
		check("just rotated", second, made.Secret)
		time.Sleep(24*time.Hour - time.Second)
		check("a second before the end", second, made.Secret)
		time.Sleep(time.Second)
		check("after 24 h", second)
		third := rotate()
		time.Sleep(time.Hour)
		fourth := rotate()
		check("rotated twice within 24 h", fourth, third, second)
	})
}

// TestLeases: what one node has claimed no other sends; a dead node's lease lapses, and an earlier process's is void.
func TestLeases(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		e := h.tell(w)
		held := h.claim(w)
		if len(held) != 1 || len(h.claim(w)) != 0 {
			t.Fatal("a delivery under way was claimed again")
		}
		time.Sleep(30 * time.Second) // as long as an attempt may take
		if len(h.claim(w)) != 0 {
			t.Fatal("the lease does not outlive an attempt")
		}
		time.Sleep(5 * time.Minute)
		retaken := h.claim(w)
		if len(retaken) != 1 {
			t.Fatal("a lapsed lease is not taken over")
		}
		h.finish(held[0], 500) // the first holder comes back late; the delivery is no longer its own
		if l := h.log(e); l.Delivery.Attempts != 0 || len(l.Attempts) != 0 {
			t.Errorf("an attempt under a lapsed lease was recorded: %+v", l)
		}
		next := *h
		next.app = app.New(h.config) // the server was killed and started again
		after := next.claim(w)
		if len(after) != 1 {
			t.Fatal("a new process waits for the leases of a dead one")
		}
		next.finish(after[0], 204)
		if l := h.log(e); l.Delivery.Status != checkout.DeliveryDelivered || len(l.Attempts) != 1 {
			t.Errorf("delivered by the new process: %+v", l)
		}
	})
}

// order makes a session and its order, which tells of both.
func (h *house) order() *checkout.Order {
	h.t.Helper()
	ctx, customer := h.t.Context(), "customer"
	s, err := h.app.CreateSession(ctx, h.call(), &checkout.CreateSession{ExternalCustomerID: &customer})
	must(h.t, err)
	amount, err := money.Parse("100")
	must(h.t, err)
	fiat, coin, network, wallet := "USD", "ETH", "ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	o, err := h.app.CreateOrder(ctx, h.call(), s.Session.ID, &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount, FiatCurrency: &fiat, CryptoCurrency: &coin, Network: &network, WalletAddress: &wallet,
	})
	must(h.t, err)
	return o
}

func (h *house) simulate(ctx context.Context, o *checkout.Order, statuses ...string) {
	h.t.Helper()
	for _, status := range statuses {
		time.Sleep(time.Millisecond)
		_, err := h.app.SimulateOrder(ctx, h.call(), o.ID, &app.SimulateOrder{Status: &status})
		must(h.t, err)
	}
}

// TestOrderIsKeptWithinAnOrder: of one order only one delivery goes at a time, in the order of what happened; other
// orders don't wait for it; a failed one lets the next pass.
func TestOrderIsKeptWithinAnOrder(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		w := h.endpoint("*").Webhook
		a := h.order()
		h.simulate(t.Context(), a, "processing", "completed")
		time.Sleep(time.Millisecond)
		b := h.order()
		out := h.claim(w)
		if len(out) != 2 || out[0].Delivery.OrderID != a.ID || out[0].Delivery.EventType != checkout.EventPending || out[1].Delivery.OrderID != b.ID {
			t.Fatalf("claimed %d, want the first event of each of the two orders", len(out))
		}
		if more := h.claim(w); len(more) != 0 {
			t.Fatalf("%d more go while the first of their order is under way", len(more))
		}
		h.finish(out[1], 200)
		if more := h.claim(w); len(more) != 0 {
			t.Fatal("another order's answer let the next event of this one go")
		}
		var told []checkout.EventType
		for h.finish(out[0], 200); ; h.finish(out[0], 200) {
			if out = h.claim(w); len(out) == 0 {
				break
			}
			if len(out) != 1 {
				t.Fatalf("%d of one order go at once", len(out))
			}
			told = append(told, out[0].Delivery.EventType)
		}
		if want := []checkout.EventType{checkout.EventProcessing, checkout.EventCompleted}; !slices.Equal(told, want) {
			t.Errorf("then came %v, want %v", told, want)
		}
		c := h.order()
		h.simulate(t.Context(), c, "processing")
		h.finish(h.claim(w)[0], 500)
		if out = h.claim(w); len(out) != 1 || out[0].Delivery.EventType != checkout.EventProcessing {
			t.Errorf("after a failure %d go, want the next event: order is kept where the receiver answers", len(out))
		}
	})
}

// TestDeliveryLogIsOfOneMoment: whoever reads the log while an attempt is recorded sees either all of it or nothing.
func TestDeliveryLogIsOfOneMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.endpoint("*").Webhook
	for range 60 {
		e := h.tell(w)
		done := make(chan struct{})
		var reading sync.WaitGroup
		for range 2 {
			reading.Go(func() {
				for ended := false; !ended; {
					select {
					case <-done:
						ended = true // and once more
					default:
					}
					list, err := h.app.ListDeliveries(t.Context(), h.call(), e.ID, checkout.Page{Number: 1, Size: 10})
					if err != nil || len(list.Rows) != 1 {
						t.Errorf("%d deliveries, error %v", len(list.Rows), err)
						return
					}
					if l := list.Rows[0]; len(l.Attempts) != l.Delivery.Attempts {
						t.Errorf("the log has %d attempts of a delivery of %d", len(l.Attempts), l.Delivery.Attempts)
						return
					}
				}
			})
		}
		h.finish(h.claim(w)[0], 200)
		close(done)
		reading.Wait()
	}
}

// TestEventsOfOneKindAreListed: a list filtered by type has the rows that its total counts.
func TestEventsOfOneKindAreListed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.endpoint("*", "order.created", "session.created").Webhook
	h.order()
	h.tell(w)
	for _, kind := range []checkout.EventType{checkout.EventTest, checkout.EventPending, checkout.EventOrderCreated, checkout.EventSessionCreated} {
		list, err := h.app.ListEvents(t.Context(), h.call(), checkout.EventFilter{Type: kind}, checkout.Page{Number: 1, Size: 10})
		must(t, err)
		if list.Total != 1 || len(list.Rows) != 1 || list.Rows[0].Type != kind {
			t.Errorf("type=%s: total %d, %d rows, want 1 and 1", kind, list.Total, len(list.Rows))
		}
	}
}
