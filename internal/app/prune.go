package app

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// Retention is how long what has ended is kept; zero: for ever. Events are never kept longer than their sessions.
type Retention struct {
	Sessions time.Duration // and orders
	Events   time.Duration // and their deliveries; zero: as Sessions
}

// MinRetention is the least retention that a person may ask for: payments can arrive late, gateways repeat what they have
// told for days, and so do the schedule of a webhook and a partner's own retries.
const MinRetention = 30 * 24 * time.Hour

// PruneInput says what goes, and how.
type PruneInput struct {
	Retention
	DryRun   bool             // count, and remove nothing
	Rest     int              // how many times as long as a transaction took to rest after it
	Progress func(sum Pruned) // sees the sums so far after each step; nil: nobody
}

// Pruned counts what was removed.
type Pruned struct {
	Sessions      int64
	Orders        int64
	Events        int64
	Deliveries    int64
	Notifications int64
	Bodies        int64 // of notifications that stay
}

// Rows is how many rows were removed in all.
func (p Pruned) Rows() int64 {
	return p.Sessions + p.Orders + p.Events + p.Deliveries + p.Notifications
}

// Plus adds up two runs.
func (p Pruned) Plus(q Pruned) Pruned {
	return Pruned{
		Sessions: p.Sessions + q.Sessions, Orders: p.Orders + q.Orders, Events: p.Events + q.Events,
		Deliveries: p.Deliveries + q.Deliveries, Notifications: p.Notifications + q.Notifications, Bodies: p.Bodies + q.Bodies,
	}
}

// The sizes of a step: few enough rows that nobody waits for it.
const (
	pruneKeys = 250 // keys that are read at a time
	pruneRows = 500 // rows that a transaction removes, unless a single event has more
)

// maxHeld bounds the sessions of a project that are remembered as held by an undelivered event.
const maxHeld = 100_000

// Prune removes what has ended and is older than the retention, project by project and the oldest first, in small
// transactions: events with their deliveries, then sessions with their orders, then notifications. What is still to be
// delivered stays, and its session and order with it. It may run on any number of nodes, and be stopped at any moment.
func (a *App) Prune(ctx context.Context, in PruneInput) (Pruned, error) {
	p := &pruning{app: a, in: in}
	now := a.now()
	if in.Sessions > 0 {
		p.sessions = now.Add(-in.Sessions)
		p.events = p.sessions
	}
	if in.Events > 0 && (in.Sessions == 0 || in.Events < in.Sessions) {
		p.events = now.Add(-in.Events)
	}
	if p.events.IsZero() {
		return p.sum, nil
	}
	projects, err := a.DB.Projects(ctx)
	if err != nil {
		return p.sum, err
	}
	for _, project := range projects {
		if err := p.project(ctx, project.ID); err != nil {
			return p.sum, err
		}
	}
	return p.sum, nil
}

// pruning is one run of Prune.
type pruning struct {
	app      *App
	in       PruneInput
	sessions time.Time // sessions that ended before go; zero: none
	events   time.Time // events from before go
	sum      Pruned
}

func (p *pruning) project(ctx context.Context, project checkout.ProjectID) error {
	held := map[checkout.SessionID]bool{}
	if err := p.pruneEvents(ctx, project, held); err != nil || p.sessions.IsZero() {
		return err
	}
	if len(held) >= maxHeld {
		return nil // nothing was delivered for a month; that has to be mended first
	}
	for _, status := range checkout.SessionStatuses {
		if status.Open() || status == checkout.SessionProcessing {
			continue
		}
		if err := p.pruneSessions(ctx, project, status, held); err != nil {
			return err
		}
	}
	if p.in.DryRun { // whose orders are all still there
		return nil
	}
	return p.pruneNotifications(ctx, project)
}

// pruneEvents removes the project's old events, and tells whose sessions are held by one that must stay.
func (p *pruning) pruneEvents(ctx context.Context, project checkout.ProjectID, held map[checkout.SessionID]bool) error {
	after := checkout.EventID("")
	for {
		list, err := again(ctx, func() ([]*store.OldEvent, error) {
			list, err := p.app.DB.OldEvents(ctx, project, p.events, after, pruneKeys)
			if err != nil {
				return nil, err
			}
			return list, p.removeEvents(ctx, project, list)
		})
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.Held && e.Session != "" && len(held) < maxHeld {
				held[e.Session] = true
			}
		}
		if len(list) < pruneKeys {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

// removeEvents removes those of the events that nothing holds, a few at a time: an event may have many deliveries.
func (p *pruning) removeEvents(ctx context.Context, project checkout.ProjectID, list []*store.OldEvent) error {
	var batch []*store.OldEvent
	var rows, deliveries int64
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n := int64(len(batch))
		err := p.step(ctx, func(tx *store.Tx) (err error) {
			n, deliveries, err = tx.PruneEvents(project, batch, p.events)
			return err
		}, func(sum *Pruned) {
			sum.Events += n
			sum.Deliveries += deliveries
		})
		batch, rows, deliveries = nil, 0, 0
		return err
	}
	for _, e := range list {
		if e.Held {
			continue
		}
		if rows+e.Rows > pruneRows {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, e)
		rows += e.Rows
		deliveries += int64(len(e.Deliveries))
	}
	return flush()
}

func (p *pruning) pruneSessions(ctx context.Context, project checkout.ProjectID, status checkout.SessionStatus, held map[checkout.SessionID]bool) error {
	var after checkout.Cursor
	for {
		list, err := again(ctx, func() ([]*store.OldSession, error) {
			list, err := p.app.DB.OldSessions(ctx, project, status, p.sessions, after, pruneKeys)
			if err != nil {
				return nil, err
			}
			var free []*store.OldSession
			orders := int64(0)
			for _, s := range list {
				if s.Held || held[s.ID] {
					continue
				}
				free = append(free, s)
				if s.Order != "" {
					orders++
				}
			}
			if len(free) == 0 {
				return list, nil
			}
			return list, p.step(ctx, func(tx *store.Tx) error { return tx.PruneSessions(project, free, p.sessions) }, func(sum *Pruned) {
				sum.Sessions += int64(len(free))
				sum.Orders += orders
			})
		})
		if err != nil || len(list) < pruneKeys {
			return err
		}
		last := list[len(list)-1]
		after = checkout.Cursor{CreatedAt: last.CreatedAt, ID: string(last.ID)}
	}
}

func (p *pruning) pruneNotifications(ctx context.Context, project checkout.ProjectID) error {
	var after store.OldNotification
	for {
		list, err := p.app.DB.OldNotifications(ctx, project, p.sessions, after, pruneKeys)
		if err != nil {
			return err
		}
		var removed, bodies int64
		for _, n := range list {
			if n.OrderGone {
				removed++
			} else if !n.Bare {
				bodies++
			}
		}
		if removed+bodies > 0 {
			err = p.step(ctx, func(tx *store.Tx) (err error) {
				removed, bodies, err = tx.PruneNotifications(project, list, p.sessions)
				return err
			}, func(sum *Pruned) {
				sum.Notifications += removed
				sum.Bodies += bodies
			})
		}
		if err != nil || len(list) < pruneKeys {
			return err
		}
		after = list[len(list)-1]
	}
}

// step runs one transaction, or in a dry run none, adds up what it removed, and rests.
func (p *pruning) step(ctx context.Context, remove func(*store.Tx) error, add func(*Pruned)) error {
	began := p.app.Now()
	if !p.in.DryRun {
		if err := p.app.DB.TxAlone(ctx, remove); err != nil {
			return err
		}
	}
	took := p.app.Now().Sub(began)
	add(&p.sum)
	if p.in.Progress != nil {
		p.in.Progress(p.sum)
	}
	rest := time.NewTimer(took * time.Duration(p.in.Rest))
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-rest.C:
		return nil
	}
}
