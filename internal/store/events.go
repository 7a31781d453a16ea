package store

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

const eventColumns = `project_id, id, type, session_id, order_id, created_at, body`

// InsertEvent adds the event to the outbox; one that an earlier run of the same call had written stays.
func (tx *Tx) InsertEvent(e checkout.Event) error {
	n, err := tx.insert(`insert into events (`+eventColumns+`, bucket) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		` on conflict (project_id, id) do nothing`,
		string(e.ProjectID), string(e.ID), string(e.Type), string(e.SessionID), string(e.OrderID), micros(e.CreatedAt), e.Body,
		checkout.Bucket(string(e.ID)))
	if err != nil || n == 0 {
		return err
	}
	tx.count(countKey{e.ProjectID, "event", string(e.Type), ""}, 1)
	return nil
}

// Event reads one event.
func (r Reader) Event(ctx context.Context, project checkout.ProjectID, id checkout.EventID) (checkout.Event, error) {
	return scanEvent(r.q.queryRow(ctx, `select `+eventColumns+` from events where project_id = $1 and id = $2`, string(project), string(id)))
}

// Events reads one page of the project's events, newest first, with the exact total. The id of an event begins with its
// time, so the order of ids is that of (created_at, id).
func (db *DB) Events(ctx context.Context, project checkout.ProjectID, f checkout.EventFilter, p checkout.Page) (list checkout.List[checkout.Event], err error) {
	err = db.Snapshot(ctx, func(r Reader) error {
		w := &where{byID: true}
		alternatives := []string{"project_id = " + w.arg(string(project))}
		w.equal("type", string(f.Type))
		switch { // the conditions of the indexes
		case f.Type == "" || f.Type == checkout.EventSessionCreated:
		case f.Type.OfOrder():
			w.and("order_id <> ''")
		default:
			w.and("order_id = '' and type <> 'session.created'")
		}
		if f.OrderID != "" {
			w.equal("order_id", string(f.OrderID))
			w.and("order_id <> ''")
			list.Total, err = r.countAll(ctx, "events", w, alternatives)
		} else {
			list.Total, err = r.total(ctx, project, "event", string(f.Type), "")
		}
		if err != nil || list.Total <= int64(offset(p)) {
			return err
		}
		list.Rows, list.Next, err = page(ctx, r, eventColumns, "events", w, alternatives, p, scanEvent, func(e checkout.Event) checkout.Cursor {
			return checkout.Cursor{CreatedAt: e.CreatedAt, ID: string(e.ID)}
		})
		return err
	})
	return list, err
}

func scanEvent(row scanner) (checkout.Event, error) {
	var e checkout.Event
	var created int64
	err := row.Scan(&e.ProjectID, &e.ID, &e.Type, &e.SessionID, &e.OrderID, &created, &e.Body)
	e.CreatedAt = fromMicros(created)
	return e, unavailable(err)
}
