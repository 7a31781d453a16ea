package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

const webhookColumns = `project_id, id, url, events, secret, old_secrets, status, disabled_reason,
	failing_since, created_at, updated_at, version`

// InsertWebhook adds the endpoint. False: it is there already, written by an earlier run of the same call.
func (tx *Tx) InsertWebhook(w *checkout.Webhook) (bool, error) {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(`insert into webhooks (`+webhookColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		on conflict (project_id, id) do nothing`,
		string(w.ProjectID), string(w.ID), w.URL, string(events), w.Secret, w.OldSecrets, string(w.Status),
		w.DisabledReason, micros(w.FailingSince), micros(w.CreatedAt), micros(w.UpdatedAt), w.Version)
	return n == 1, err
}

// UpdateWebhook stores the endpoint, if it still is at the version that was read; else ErrConflict.
func (tx *Tx) UpdateWebhook(w *checkout.Webhook) error {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return err
	}
	return tx.swap(`update webhooks set url = $1, events = $2, secret = $3, old_secrets = $4, status = $5,
		disabled_reason = $6, failing_since = $7, updated_at = $8, version = $12
		where project_id = $9 and id = $10 and version = $11`,
		w.URL, string(events), w.Secret, w.OldSecrets, string(w.Status), w.DisabledReason,
		micros(w.FailingSince), micros(w.UpdatedAt), string(w.ProjectID), string(w.ID), w.Version, newVersion())
}

// WebhookSucceeded forgets that the endpoint was failing, if it was.
func (tx *Tx) WebhookSucceeded(w *checkout.Webhook) error {
	_, err := tx.exec(`update webhooks set failing_since = 0, version = $3 where project_id = $1 and id = $2 and failing_since <> 0`,
		string(w.ProjectID), string(w.ID), newVersion())
	return err
}

// DeleteWebhook removes the endpoint. ErrConflict: it is gone.
func (tx *Tx) DeleteWebhook(w *checkout.Webhook) error {
	return tx.swap(`delete from webhooks where project_id = $1 and id = $2`, string(w.ProjectID), string(w.ID))
}

// DropDeliveries fails what, at the time given, was still to be delivered to the endpoint, up to the limit, and returns
// how many. What came later, for an endpoint enabled anew, stays; so does what is being sent at this moment.
func (tx *Tx) DropDeliveries(project checkout.ProjectID, id checkout.WebhookID, now time.Time, limit int) (int64, error) {
	// The conditions stand twice: while a row is waited for, another node may have leased it.
	return tx.exec(`update deliveries set status = 'failed', finished_at = $1 where project_id = $2 and id in
		(select id from deliveries where project_id = $2 and webhook_id = $3 and status = 'pending' and created_at <= $1
		and lease_until <= $1 order by due_at limit $4) and status = 'pending' and lease_until <= $1`,
		micros(now), string(project), string(id), limit)
}

// Abandoned reads the endpoints, disabled or gone, that something is still to be delivered to, up to the limit.
func (r Reader) Abandoned(ctx context.Context, now time.Time, limit int) ([]Endpoint, error) {
	return scanAll(ctx, r.q, func(row scanner) (e Endpoint, err error) {
		err = row.Scan(&e.Project, &e.ID)
		return e, unavailable(err)
	}, `select distinct d.project_id, d.webhook_id from deliveries d
		left join webhooks w on w.project_id = d.project_id and w.id = d.webhook_id
		where d.status = 'pending' and d.lease_until <= $1 and (w.id is null or w.status <> 'enabled') limit $2`, micros(now), limit)
}

// Endpoint names an endpoint among all projects.
type Endpoint struct {
	Project checkout.ProjectID
	ID      checkout.WebhookID
}

// CountWebhooks counts the project's endpoints.
func (r Reader) CountWebhooks(ctx context.Context, project checkout.ProjectID) (n int, err error) {
	err = r.q.queryRow(ctx, `select count(*) from webhooks where project_id = $1`, string(project)).Scan(&n)
	return n, unavailable(err)
}

// Webhook reads one endpoint.
func (r Reader) Webhook(ctx context.Context, project checkout.ProjectID, id checkout.WebhookID) (*checkout.Webhook, error) {
	return scanWebhook(r.q.queryRow(ctx, `select `+webhookColumns+` from webhooks where project_id = $1 and id = $2`, string(project), string(id)))
}

// WebhooksOf reads the project's enabled endpoints.
func (r Reader) WebhooksOf(ctx context.Context, project checkout.ProjectID) ([]*checkout.Webhook, error) {
	return scanAll(ctx, r.q, scanWebhook, `select `+webhookColumns+` from webhooks where project_id = $1 and status = 'enabled' order by id`, string(project))
}

// EnabledWebhooks reads the enabled endpoints of all projects.
func (r Reader) EnabledWebhooks(ctx context.Context) ([]*checkout.Webhook, error) {
	return scanAll(ctx, r.q, scanWebhook, `select `+webhookColumns+` from webhooks where status = 'enabled'`)
}

// Webhooks reads one page of the project's endpoints, newest first.
func (db *DB) Webhooks(ctx context.Context, project checkout.ProjectID, p checkout.Page) (list checkout.List[*checkout.Webhook], err error) {
	err = db.Snapshot(ctx, func(r Reader) error {
		w := &where{}
		alternatives := []string{"project_id = " + w.arg(string(project))}
		list.Total, err = r.countAll(ctx, "webhooks", w, alternatives)
		if err != nil || list.Total <= int64(offset(p)) {
			return err
		}
		list.Rows, list.Next, err = page(ctx, r, webhookColumns, "webhooks", w, alternatives, p, scanWebhook, func(w *checkout.Webhook) checkout.Cursor {
			return checkout.Cursor{CreatedAt: w.CreatedAt, ID: string(w.ID)}
		})
		return err
	})
	return list, err
}

func scanWebhook(row scanner) (*checkout.Webhook, error) {
	var w checkout.Webhook
	var events string
	var failing, created, updated int64
	err := row.Scan(&w.ProjectID, &w.ID, &w.URL, &events, &w.Secret, &w.OldSecrets, &w.Status, &w.DisabledReason,
		&failing, &created, &updated, &w.Version)
	if err != nil {
		return nil, unavailable(err)
	}
	w.FailingSince, w.CreatedAt, w.UpdatedAt = fromMicros(failing), fromMicros(created), fromMicros(updated)
	return &w, json.Unmarshal([]byte(events), &w.Events)
}
