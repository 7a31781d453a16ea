package app

import (
	"context"
	"sync"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/webhook"
)

// tellOrder writes the event of an order's change, and its deliveries, into the transaction of the change.
func (a *App) tellOrder(ctx context.Context, tx *store.Tx, seed checkout.Seed, kind checkout.EventType, o *checkout.Order, now time.Time) error {
	event, err := webhook.OrderEvent(seed.EventID(0, now), kind, o, now)
	if err != nil {
		return err
	}
	endpoints, err := tx.WebhooksOf(ctx, o.ProjectID)
	if err != nil {
		return err
	}
	n, err := a.emit(tx, seed, 0, event, endpoints)
	older := kind.OlderName()
	if err != nil || older == "" || !wanted(endpoints, older) {
		return err
	}
	if event, err = webhook.OrderEvent(seed.EventID(1, now), older, o, now); err != nil {
		return err
	}
	_, err = a.emit(tx, seed, n, event, endpoints)
	return err
}

// tellSession writes the event of a session's change, and its deliveries. Few subscribe to these; who does is known from
// the endpoints as they were at most endpointTTL ago on another node, and as they are on this one.
func (a *App) tellSession(ctx context.Context, tx *store.Tx, seed checkout.Seed, event checkout.Event) error {
	endpoints, err := a.endpoints.of(ctx, tx, event.ProjectID, event.CreatedAt)
	if err != nil {
		return err
	}
	_, err = a.emit(tx, seed, 0, event, endpoints)
	return err
}

func wanted(endpoints []*checkout.Webhook, kind checkout.EventType) bool {
	for _, w := range endpoints {
		if w.Wants(kind) {
			return true
		}
	}
	return false
}

// emit writes the event, and a delivery for each endpoint that wants it, numbered from the one given; it returns the
// number behind the last.
func (a *App) emit(tx *store.Tx, seed checkout.Seed, n int, event checkout.Event, endpoints []*checkout.Webhook) (int, error) {
	if err := tx.InsertEvent(event); err != nil {
		return n, err
	}
	for _, w := range endpoints {
		if !w.Wants(event.Type) {
			continue
		}
		if err := tx.InsertDelivery(newDelivery(seed.DeliveryID(n, event.CreatedAt), event, w, event.CreatedAt)); err != nil {
			return n, err
		}
		n++
		tx.OnCommit(func() { a.wakes.add(endpointKey{w.ProjectID, w.ID}) })
	}
	return n, nil
}

func newDelivery(id checkout.DeliveryID, event checkout.Event, w *checkout.Webhook, now time.Time) *checkout.Delivery {
	return &checkout.Delivery{
		ID: id, ProjectID: event.ProjectID, WebhookID: w.ID, EventID: event.ID, EventType: event.Type, OrderID: event.OrderID,
		Status: checkout.DeliveryPending, DueAt: now, CreatedAt: now,
	}
}

// endpointTTL is how long the endpoints of a project are believed for events of sessions.
const endpointTTL = 500 * time.Millisecond

type endpointCache struct {
	mu      sync.Mutex
	rows    map[checkout.ProjectID]cachedEndpoints
	changes int // counts what was forgotten
}

type cachedEndpoints struct {
	list  []*checkout.Webhook
	until time.Time
}

func (c *endpointCache) of(ctx context.Context, tx *store.Tx, project checkout.ProjectID, now time.Time) ([]*checkout.Webhook, error) {
	c.mu.Lock()
	have, ok := c.rows[project]
	changes := c.changes
	c.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.list, nil
	}
	list, err := tx.WebhooksOf(ctx, project) // without the lock: others of the transaction may wait for it
	if err != nil {
		return nil, err
	}
	tx.OnCommit(func() { c.keep(project, cachedEndpoints{list, now.Add(endpointTTL)}, changes) })
	return list, nil
}

// keep remembers what was read, unless that may be from before a change.
func (c *endpointCache) keep(project checkout.ProjectID, endpoints cachedEndpoints, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if c.rows == nil {
		c.rows = map[checkout.ProjectID]cachedEndpoints{}
	}
	c.rows[project] = endpoints
}

func (c *endpointCache) forget(project checkout.ProjectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rows, project)
	c.changes++
}

// endpointKey names an endpoint among all projects.
type endpointKey struct {
	project checkout.ProjectID
	id      checkout.WebhookID
}

// wakes gathers the endpoints for which this node has written something to deliver.
type wakes struct {
	mu     sync.Mutex
	keys   map[endpointKey]bool
	signal chan struct{}
}

func (w *wakes) add(k endpointKey) {
	w.mu.Lock()
	w.keys[k] = true
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default: // it is signalled already
	}
}

// take returns the endpoints gathered since the last time.
func (w *wakes) take() map[endpointKey]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := w.keys
	w.keys = map[endpointKey]bool{}
	return keys
}
