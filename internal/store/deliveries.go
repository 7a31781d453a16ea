package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

const deliveryColumns = `project_id, id, webhook_id, event_id, event_type, order_id, status, attempts, due_at, created_at,
	finished_at, lease_owner, lease_until`

// InsertDelivery adds the delivery to the outbox; one that an earlier run of the same call had written stays.
func (tx *Tx) InsertDelivery(d *checkout.Delivery) error {
	_, err := tx.insert(`insert into deliveries (`+deliveryColumns+`, bucket)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, ` on conflict (project_id, id) do nothing`,
		string(d.ProjectID), string(d.ID), string(d.WebhookID), string(d.EventID), string(d.EventType), string(d.OrderID),
		string(d.Status), d.Attempts, micros(d.DueAt), micros(d.CreatedAt), micros(d.FinishedAt), d.LeaseOwner,
		micros(d.LeaseUntil), checkout.Bucket(string(d.ID)))
	return err
}

// LeaseDelivery claims a delivery whose lease is over. ErrConflict: another was faster. What is leased is sent only
// after this is committed, so that nothing leaves for a fact that only a cut-off node believes.
func (tx *Tx) LeaseDelivery(d *checkout.Delivery, lease Lease) error {
	return tx.swap(`update deliveries set lease_owner = $1, lease_until = $2 where project_id = $3 and id = $4 and status = 'pending'
		and lease_owner = $5 and lease_until = $6 and attempts = $7 and due_at = $8`,
		lease.Owner, micros(lease.Until), string(d.ProjectID), string(d.ID), d.LeaseOwner, micros(d.LeaseUntil), d.Attempts, micros(d.DueAt))
}

// RecordAttempt adds the attempt to the log and moves its delivery, if that is still leased as given; else ErrConflict.
func (tx *Tx) RecordAttempt(d *checkout.Delivery, a checkout.Attempt, lease Lease) error {
	err := tx.swap(`update deliveries set status = $1, attempts = $2, due_at = $3, finished_at = $4, lease_owner = '', lease_until = 0
		where project_id = $5 and id = $6 and status = 'pending' and lease_owner = $7 and lease_until = $8`,
		string(d.Status), d.Attempts, micros(d.DueAt), micros(d.FinishedAt), string(d.ProjectID), string(d.ID), lease.Owner, micros(lease.Until))
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into attempts (project_id, delivery_id, number, at, status_code, took, response, error)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		string(d.ProjectID), string(d.ID), a.Number, micros(a.At), a.StatusCode, a.Took.Microseconds(), append([]byte{}, a.Response...), a.Error)
	return err
}

// DueDeliveries reads the endpoint's deliveries that are due, with what is to be sent, those under way included, the
// longest due first.
func (r Reader) DueDeliveries(ctx context.Context, w *checkout.Webhook, now time.Time, limit int) ([]*checkout.Delivery, error) {
	return scanAll(ctx, r.q, func(row scanner) (*checkout.Delivery, error) {
		var body []byte
		d, err := scanDelivery(tail{row, []any{&body}})
		d.Body = body
		return d, err
	}, `select d.project_id, d.id, d.webhook_id, d.event_id, d.event_type, d.order_id, d.status, d.attempts, d.due_at, d.created_at,
		d.finished_at, d.lease_owner, d.lease_until, e.body
		from deliveries d join events e on e.project_id = d.project_id and e.id = d.event_id
		where d.project_id = $1 and d.webhook_id = $2 and d.status = 'pending' and d.due_at <= $3 order by d.due_at, d.id limit $4`,
		string(w.ProjectID), string(w.ID), micros(now), limit)
}

// NextDelivery is when the endpoint's next delivery is due; zero where none is pending.
func (r Reader) NextDelivery(ctx context.Context, w *checkout.Webhook) (time.Time, error) {
	var at int64
	err := r.q.queryRow(ctx, `select cast(coalesce(min(due_at), 0) as bigint) from deliveries
		where project_id = $1 and webhook_id = $2 and status = 'pending'`, string(w.ProjectID), string(w.ID)).Scan(&at)
	return fromMicros(at), unavailable(err)
}

// DeliveriesOf reads the deliveries of an event, the newest first.
func (r Reader) DeliveriesOf(ctx context.Context, project checkout.ProjectID, event checkout.EventID) ([]*checkout.Delivery, error) {
	return scanAll(ctx, r.q, scanDelivery, `select `+deliveryColumns+` from deliveries where project_id = $1 and event_id = $2 order by id desc`,
		string(project), string(event))
}

// Attempts reads the attempts of a delivery, the first one first.
func (r Reader) Attempts(ctx context.Context, d *checkout.Delivery) ([]checkout.Attempt, error) {
	return scanAll(ctx, r.q, scanAttempt, `select number, at, status_code, took, response, error from attempts
		where project_id = $1 and delivery_id = $2 order by number`, string(d.ProjectID), string(d.ID))
}

func scanDelivery(row scanner) (*checkout.Delivery, error) {
	var d checkout.Delivery
	var due, created, finished, until int64
	err := row.Scan(&d.ProjectID, &d.ID, &d.WebhookID, &d.EventID, &d.EventType, &d.OrderID, &d.Status, &d.Attempts, &due,
		&created, &finished, &d.LeaseOwner, &until)
	d.DueAt, d.CreatedAt, d.FinishedAt, d.LeaseUntil = fromMicros(due), fromMicros(created), fromMicros(finished), fromMicros(until)
	return &d, unavailable(err)
}

func scanAttempt(row scanner) (checkout.Attempt, error) {
	var a checkout.Attempt
	var at, took int64
	err := row.Scan(&a.Number, &at, &a.StatusCode, &took, &a.Response, &a.Error)
	a.At, a.Took = fromMicros(at), time.Duration(took)*time.Microsecond
	return a, unavailable(err)
}
