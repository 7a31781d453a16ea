package worker_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
	"github.com/sliproad/sliproad/internal/worker"
)

// receiver is an endpoint outside the bubble: real sockets, and no connection kept alive, because a goroutine that waits
// for one would stop the bubble's clock for good.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	calls  int
	taken  map[string]int // how often each event was answered with 2xx
}

func receive(t *testing.T, status int) *receiver {
	t.Helper()
	r := &receiver{status: status, taken: map[string]int{}}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.answer))
	r.Config.SetKeepAlivesEnabled(false)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(out http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.status < 300 {
		r.taken[req.Header.Get("webhook-id")]++
	}
	out.WriteHeader(r.status)
}

// turn makes the receiver answer with the status from now on.
func (r *receiver) turn(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) seen() (calls, taken int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls, len(r.taken)
}

// plant is a database, a project and the worker's loops, which run until the test's end.
type plant struct {
	t       *testing.T
	app     *app.App
	caller  checkout.Caller
	metrics *prometheus.Registry
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "plant.db"), store.Options{ReadConns: 2})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	must(t, err)
	ring, err := vault.Parse(vault.Generate())
	must(t, err)
	countries, err := geoip.Open("")
	must(t, err)
	client := egress.New(egress.AllowLoopback, checkout.DeliveryTimeout)
	p := &plant{t: t, metrics: prometheus.NewRegistry()}
	p.app = app.New(app.Config{DB: db, Ring: ring, Countries: countries, PublicURL: "http://127.0.0.1", Egress: client})
	project, keys, err := p.app.CreateProject(t.Context(), checkout.Project{Name: "plant", Mode: checkout.ModeTest})
	must(t, err)
	p.caller = checkout.Caller{Project: project, Key: keys[0].Key}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		worker.Run(ctx, worker.Config{App: p.app, Client: client, Log: slog.New(slog.DiscardHandler), Metrics: p.metrics})
		close(stopped)
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
	})
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *plant) call() *checkout.Call {
	call := p.app.NewCall(netip.Addr{})
	call.Caller = p.caller
	return call
}

func (p *plant) endpoint(url string) *checkout.Webhook {
	p.t.Helper()
	events := []string{"*"}
	made, err := p.app.CreateWebhook(p.t.Context(), p.call(), &checkout.WebhookInput{URL: &url, Events: &events})
	must(p.t, err)
	return made.Webhook
}

func (p *plant) tell(w *checkout.Webhook, n int) (told []checkout.Event) {
	p.t.Helper()
	for range n {
		e, err := p.app.TestWebhook(p.t.Context(), p.call(), w.ID)
		must(p.t, err)
		told = append(told, e)
	}
	return told
}

func (p *plant) log(e checkout.Event) app.LoggedDelivery {
	p.t.Helper()
	list, err := p.app.ListDeliveries(p.t.Context(), p.call(), e.ID, checkout.Page{Number: 1, Size: 10})
	must(p.t, err)
	if len(list.Rows) != 1 {
		p.t.Fatalf("event %s has %d deliveries, want 1", e.ID, len(list.Rows))
	}
	return list.Rows[0]
}

func (p *plant) attempts(events []checkout.Event) (n int) {
	p.t.Helper()
	for _, e := range events {
		n += len(p.log(e).Attempts)
	}
	return n
}

// gauge reads one metric.
func (p *plant) gauge(name string) float64 {
	p.t.Helper()
	families, err := p.metrics.Gather()
	must(p.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	p.t.Fatalf("there is no metric %s", name)
	return 0
}

// bubble runs the test with the worker's clock in the test's hand.
func bubble(t *testing.T, test func(t *testing.T, p *plant)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newPlant(t)) })
}

// TestFirstRetries: at once, about 5 s later, about 5 min after that; on each the loop is up in time.
func TestFirstRetries(t *testing.T) {
	t.Parallel()
	r := receive(t, 500)
	bubble(t, func(t *testing.T, p *plant) {
		e := p.tell(p.endpoint(r.URL), 1)[0]
		time.Sleep(time.Minute)
		if n, _ := r.seen(); n != 2 {
			t.Fatalf("%d attempts within a minute, want 2", n)
		}
		r.turn(204)
		time.Sleep(5 * time.Minute)
		l := p.log(e)
		if l.Delivery.Status != checkout.DeliveryDelivered || len(l.Attempts) != 3 {
			t.Fatalf("the delivery is %s after %d attempts, want delivered after 3", l.Delivery.Status, len(l.Attempts))
		}
		began := l.Delivery.CreatedAt
		for i, about := range []time.Duration{0, 5 * time.Second, 5 * time.Minute} {
			if off := l.Attempts[i].At.Sub(began) - about; off < -about/5 || off > about/5+20*time.Millisecond {
				t.Errorf("attempt %d came %v off its time, %v after the one before", i+1, off, about)
			}
			began = l.Attempts[i].At
		}
	})
}

// TestRefusedConnectionIsAnAttempt: an endpoint that is down has its attempts recorded and counted like any other.
func TestRefusedConnectionIsAnAttempt(t *testing.T) {
	t.Parallel()
	down := receive(t, 200)
	down.Close()
	bubble(t, func(t *testing.T, p *plant) {
		e := p.tell(p.endpoint(down.URL), 1)[0]
		time.Sleep(10 * time.Second)
		l := p.log(e)
		if len(l.Attempts) != 2 || l.Delivery.Attempts != 2 {
			t.Fatalf("%d attempts are logged after 10 s, want 2", len(l.Attempts))
		}
		if a := l.Attempts[0]; a.StatusCode != 0 || a.Error == "" {
			t.Errorf("the first is logged as %+v", a)
		}
	})
}

// TestShortOutageUnderLoad: deliveries that fail together, because the endpoint was away for a moment, are all made when
// it is back: about 5 s later by the contract's schedule, and not when a circuit sees fit.
func TestShortOutageUnderLoad(t *testing.T) {
	t.Parallel()
	r := receive(t, 500)
	bubble(t, func(t *testing.T, p *plant) {
		events := p.tell(p.endpoint(r.URL), 64)
		time.Sleep(3 * time.Second)
		r.turn(200)
		time.Sleep(17 * time.Second)
		if _, taken := r.seen(); taken != len(events) {
			t.Errorf("20 s after an outage of 3 s %d of %d events have been taken", taken, len(events))
		}
	})
}

// TestOpenCircuitUsesUpNoAttempts: an endpoint that takes nothing is probed, one attempt at a time, and what waits behind
// the probe keeps its attempts.
func TestOpenCircuitUsesUpNoAttempts(t *testing.T) {
	t.Parallel()
	r := receive(t, 500)
	bubble(t, func(t *testing.T, p *plant) {
		events := p.tell(p.endpoint(r.URL), 64)
		time.Sleep(2 * time.Second)
		burst := p.attempts(events)
		if burst > 40 {
			t.Errorf("%d attempts before the circuit opened", burst)
		}
		if open := p.gauge("sliproad_webhook_circuits_open"); open != 1 {
			t.Errorf("%v circuits are open, want 1", open)
		}
		time.Sleep(5 * time.Minute)
		if probes := p.attempts(events) - burst; probes < 1 || probes > 12 {
			t.Errorf("%d probes in five minutes, want a few", probes)
		}
		if lag := p.gauge("sliproad_webhook_lag_seconds"); lag != 0 {
			t.Errorf("the lag is %v s, want 0: what waits for a dead endpoint is not the server's delay", lag)
		}
		r.turn(200)
		time.Sleep(7 * time.Minute) // the longest pause of a circuit, and what is due later
		if _, taken := r.seen(); taken != len(events) {
			t.Errorf("after the endpoint came back %d of %d events have been taken", taken, len(events))
		}
		if open := p.gauge("sliproad_webhook_circuits_open"); open != 0 {
			t.Errorf("%v circuits are open, want 0", open)
		}
	})
}

// TestDeadEndpointDelaysNoOther: while one endpoint takes nothing, another gets its events in the same instant.
func TestDeadEndpointDelaysNoOther(t *testing.T) {
	t.Parallel()
	dead, alive := receive(t, 500), receive(t, 200)
	bubble(t, func(t *testing.T, p *plant) {
		w := p.endpoint(alive.URL)
		p.tell(p.endpoint(dead.URL), 64)
		time.Sleep(30 * time.Second)
		for i := range 10 {
			e := p.tell(w, 1)[0]
			time.Sleep(time.Millisecond)
			if _, taken := alive.seen(); taken != i+1 {
				t.Fatalf("%d of %d taken after a millisecond", taken, i+1)
			}
			if l := p.log(e); l.Delivery.Status != checkout.DeliveryDelivered {
				t.Fatalf("the delivery is %s", l.Delivery.Status)
			}
		}
	})
}

// TestGoneStopsTheLoop: after 410 nothing more is sent.
func TestGoneStopsTheLoop(t *testing.T) {
	t.Parallel()
	r := receive(t, 410)
	bubble(t, func(t *testing.T, p *plant) {
		w := p.endpoint(r.URL)
		p.tell(w, 1)
		time.Sleep(time.Second)
		if now, err := p.app.GetWebhook(t.Context(), p.call(), w.ID); err != nil || now.Status != checkout.WebhookDisabled {
			t.Fatalf("after 410: %+v, %v", now, err)
		}
		r.turn(200)
		time.Sleep(10 * time.Minute)
		if n, _ := r.seen(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// TestChangesReachTheBacklog: what is told after an endpoint's URL was changed goes to the new one only, however much
// is being delivered meanwhile.
func TestChangesReachTheBacklog(t *testing.T) {
	t.Parallel()
	before, after := receive(t, 200), receive(t, 200)
	bubble(t, func(t *testing.T, p *plant) {
		w := p.endpoint(before.URL)
		p.tell(w, 200)
		_, err := p.app.UpdateWebhook(t.Context(), p.call(), w.ID, &checkout.WebhookInput{URL: &after.URL})
		must(t, err)
		later := p.tell(w, 200)
		time.Sleep(10 * time.Second)
		astray := 0
		for _, e := range later {
			before.mu.Lock()
			astray += before.taken[string(e.ID)]
			before.mu.Unlock()
		}
		if astray > 0 {
			t.Errorf("%d of %d events told after the change went to the old URL", astray, len(later))
		}
	})
}
