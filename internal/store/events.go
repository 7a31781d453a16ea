package store

import (
	"github.com/sliproad/sliproad/internal/checkout"
)

// InsertEvent adds the event to the outbox.
func (tx *Tx) InsertEvent(e checkout.Event) error {
	_, err := tx.exec(`insert into events (project_id, id, bucket, type, session_id, order_id, created_at, body)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		string(e.ProjectID), string(e.ID), checkout.Bucket(string(e.ID)), string(e.Type), string(e.SessionID), string(e.OrderID),
		micros(e.CreatedAt), e.Body)
	return err
}
