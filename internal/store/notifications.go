package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Notification is what a gateway posted, sealed.
type Notification struct {
	Project    checkout.ProjectID
	Gateway    string
	DedupKey   string
	OrderID    checkout.OrderID
	ReceivedAt time.Time
	Sealed     []byte
}

// InsertNotification stores the notification. False: it was stored, and applied, before.
func (tx *Tx) InsertNotification(n Notification) (bool, error) {
	rows, err := tx.exec(`insert into notifications (project_id, gateway, dedup_key, order_id, received_at, body)
		values ($1, $2, $3, $4, $5, $6) on conflict (project_id, gateway, dedup_key) do nothing`,
		string(n.Project), n.Gateway, n.DedupKey, string(n.OrderID), micros(n.ReceivedAt), n.Sealed)
	return rows == 1, err
}

// NotificationOrder is the order of which the notification with the key tells. ErrNotFound: there is none.
func (r Reader) NotificationOrder(ctx context.Context, project checkout.ProjectID, gateway, key string) (checkout.OrderID, error) {
	var id string
	err := r.q.queryRow(ctx, `select order_id from notifications where project_id = $1 and gateway = $2 and dedup_key = $3`,
		string(project), gateway, key).Scan(&id)
	return checkout.OrderID(id), unavailable(err)
}
