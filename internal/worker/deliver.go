package worker

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
)

// Bounds of the deliveries under way on a node.
const (
	maxInFlight         = 2048 // in all
	maxInFlightEndpoint = 16   // to one endpoint that answers well
	maxInFlightProject  = 512  // to the endpoints of one project
	firstInFlight       = 4    // to one that has not answered yet: it may be one that hangs
	claimsAtOnce        = 8    // endpoints that are claimed for at the same time; their claims share commits
)

// stopGrace is how long attempts under way may take when the server stops. What is cut off counts as no attempt, and is
// sent again after the start.
const stopGrace = 5 * time.Second

// deliverer sends what is due to the endpoints. Each endpoint has its own share and its own circuit, so that none delays
// another.
type deliverer struct {
	app    *app.App
	client *egress.Client
	log    *slog.Logger
	m      *deliveryMetrics

	mu        sync.Mutex
	endpoints map[checkout.WebhookID]*lane
	inFlight  int
	projects  map[checkout.ProjectID]int               // of which in flight
	again     map[checkout.WebhookID]*checkout.Webhook // that have more than was claimed
	nudge     chan struct{}
	sending   sync.WaitGroup
	sends     context.Context //nolint:containedctx // of all attempts: it outlives the loop's by stopGrace
}

// lane is what this node knows of an endpoint.
type lane struct {
	inFlight int
	limit    int       // grows with each success, and is halved by each failure
	changed  time.Time // when the endpoint was last changed: what was learnt of it before does not count
	circuit  circuit
}

func newDeliverer(a *app.App, client *egress.Client, log *slog.Logger, metrics prometheus.Registerer) *deliverer {
	return &deliverer{
		app: a, client: client, log: log, m: newDeliveryMetrics(metrics), endpoints: map[checkout.WebhookID]*lane{},
		projects: map[checkout.ProjectID]int{}, again: map[checkout.WebhookID]*checkout.Webhook{}, nudge: make(chan struct{}, 1),
	}
}

// run delivers until the context ends, then waits for the attempts under way.
func (d *deliverer) run(ctx context.Context) {
	sends, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut() // after the wait
	defer d.sending.Wait()
	d.sends = sends
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			time.AfterFunc(stopGrace, cut)
			return
		case <-look.C:
			var next time.Duration
			if next, err = d.lookAtAll(ctx); err == nil {
				look.Reset(next)
			} else {
				look.Reset(lookEvery)
			}
		case <-d.app.DeliverySignal():
			err = d.woken(ctx)
		case <-d.nudge:
			d.more(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("delivery failed to start; it tries again", "error", err)
		}
	}
}

// lookAtAll looks at every enabled endpoint, for what is due and for what another node has left, and tells when to look
// again.
func (d *deliverer) lookAtAll(ctx context.Context) (time.Duration, error) {
	now := d.app.Now()
	list, err := d.app.DB.EnabledWebhooks(ctx)
	if err != nil {
		return lookEvery, err
	}
	pause, oldest := lookEvery, time.Duration(0)
	var due []*checkout.Webhook
	known := map[checkout.WebhookID]bool{}
	for _, w := range list {
		known[w.ID] = true
		next, err := d.app.NextDelivery(ctx, w)
		if err != nil {
			return lookEvery, err
		}
		switch {
		case next.IsZero():
		case next.After(now):
			pause = min(pause, next.Sub(now))
		default:
			due = append(due, w)
			if !d.shut(w.ID) { // what waits for a dead endpoint is not this server's delay
				oldest = max(oldest, now.Sub(next))
			}
		}
	}
	d.startAll(ctx, slices.Values(due))
	d.forget(known)
	d.m.lag.Set(oldest.Seconds())
	return max(pause, 5*time.Millisecond), nil
}

// shut tells whether the endpoint's circuit is open.
func (d *deliverer) shut(id checkout.WebhookID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.endpoints[id]
	return ok && l.circuit.open()
}

// forget drops what is known of endpoints that are gone.
func (d *deliverer) forget(known map[checkout.WebhookID]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := 0
	for id, l := range d.endpoints {
		if !known[id] && l.inFlight == 0 {
			delete(d.endpoints, id)
		} else if l.circuit.open() {
			open++
		}
	}
	d.m.open.Set(float64(open))
}

func (d *deliverer) woken(ctx context.Context) error {
	list, err := d.app.WokenWebhooks(ctx)
	d.startAll(ctx, slices.Values(list))
	return err
}

// startAll starts several endpoints side by side, each of them once.
func (d *deliverer) startAll(ctx context.Context, list iter.Seq[*checkout.Webhook]) {
	var all sync.WaitGroup
	places := make(chan struct{}, claimsAtOnce)
	for w := range list {
		places <- struct{}{}
		all.Go(func() {
			d.start(ctx, w)
			<-places
		})
	}
	all.Wait()
}

// more goes on with the endpoints that had more due than could be claimed.
func (d *deliverer) more(ctx context.Context) {
	d.mu.Lock()
	list := d.again
	d.again = map[checkout.WebhookID]*checkout.Webhook{}
	d.mu.Unlock()
	d.startAll(ctx, maps.Values(list))
}

// start claims what the endpoint has room for and sends it. What is wrong with one endpoint does not stop the others.
func (d *deliverer) start(ctx context.Context, w *checkout.Webhook) {
	room := d.room(w)
	if room == 0 {
		return
	}
	batch, err := d.app.ClaimDeliveries(ctx, w, room)
	if err != nil && ctx.Err() == nil {
		d.log.Error("nothing can be sent to this webhook; it is tried again", "webhookId", w.ID, "error", err)
	}
	d.mu.Lock()
	l := d.lane(w.ID)
	l.inFlight += len(batch)
	d.inFlight += len(batch)
	d.projects[w.ProjectID] += len(batch)
	d.mu.Unlock()
	for _, o := range batch {
		d.sending.Go(func() { d.send(o) })
	}
}

func (d *deliverer) lane(id checkout.WebhookID) *lane {
	l, ok := d.endpoints[id]
	if !ok {
		l = &lane{limit: firstInFlight}
		d.endpoints[id] = l
	}
	return l
}

// room is how many more may be sent to the endpoint now. An open circuit has none, and so uses up no attempts; after a
// while it has room for one, to probe.
func (d *deliverer) room(w *checkout.Webhook) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(w.ID)
	if !l.changed.Equal(w.UpdatedAt) {
		l.changed, l.limit, l.circuit = w.UpdatedAt, firstInFlight, circuit{}
	}
	limit := l.circuit.limit(d.app.Now(), l.limit)
	if l.inFlight > limit/2 {
		return 0 // a claim is worth its transaction when it takes several
	}
	return max(0, min(limit-l.inFlight, maxInFlightProject-d.projects[w.ProjectID], maxInFlight-d.inFlight))
}

// send makes one attempt and records it.
func (d *deliverer) send(o app.Outgoing) {
	ctx, start := d.sends, d.app.Now()
	o.Message.At = start
	status, response, err := d.client.Post(ctx, o.Webhook.URL, o.Message.Headers(), bytes.NewReader(o.Message.Body), checkout.MaxResponseBytes)
	if ctx.Err() != nil && status == 0 {
		return // cut off by the stop
	}
	attempt := checkout.Attempt{At: start, StatusCode: status, Took: d.app.Now().Sub(start), Response: response}
	if err != nil && status == 0 {
		attempt.Error = sendError(err)
	}
	result, disabled, recordErr := d.app.FinishDelivery(context.WithoutCancel(ctx), o, attempt)
	if recordErr != nil {
		d.log.Error("an attempt was not recorded; it is made again when its lease lapses", "deliveryId", o.Delivery.ID, "error", recordErr)
	}
	if disabled != "" {
		d.log.Warn("a webhook was disabled", "webhookId", o.Webhook.ID, "projectId", o.Webhook.ProjectID, "reason", disabled)
	}
	d.m.attempt(attempt, result)
	d.done(o.Webhook, attempt.Succeeded())
}

func (d *deliverer) done(w *checkout.Webhook, ok bool) {
	d.mu.Lock()
	l := d.lane(w.ID)
	l.inFlight--
	d.inFlight--
	if d.projects[w.ProjectID]--; d.projects[w.ProjectID] == 0 {
		delete(d.projects, w.ProjectID)
	}
	l.circuit.record(d.app.Now(), ok)
	if ok {
		l.limit = min(maxInFlightEndpoint, l.limit+1)
	} else {
		l.limit = max(1, l.limit/2)
	}
	d.again[w.ID] = w
	d.mu.Unlock()
	select {
	case d.nudge <- struct{}{}:
	default:
	}
}

// sendError says why there was no answer, for the partner: nothing of the operator's network.
func sendError(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, egress.ErrRefused):
		return "the URL " + egress.ErrRefused.Error()
	case errors.As(err, &dns):
		return "the host name does not resolve"
	case errors.As(err, &certificate):
		return "the certificate is not valid: " + strings.ToValidUTF8(certificate.Err.Error(), "?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return "no answer within 30 s"
	case errors.As(err, &op):
		return "the connection failed"
	}
	return "there was no valid HTTP answer"
}
