package checkout

import (
	"strings"
	"time"
)

// EventType names what happened (contract §4).
type EventType string

// The events of an order, and [ours] those of a session, which go to endpoints that name them.
const (
	EventPending          EventType = "transaction.pending"
	EventProcessing       EventType = "transaction.processing"
	EventCompleted        EventType = "transaction.completed"
	EventFailed           EventType = "transaction.failed"
	EventCancelled        EventType = "transaction.cancelled"
	EventExpired          EventType = "transaction.expired"
	EventRefunded         EventType = "transaction.refunded"
	EventLatePayment      EventType = "transaction.late_payment"
	EventSessionCreated   EventType = "session.created"
	EventSessionConfirmed EventType = "session.confirmed"
	EventSessionCancelled EventType = "session.cancelled"
	EventSessionExpired   EventType = "session.expired"
)

// OfOrder tells whether the event tells of an order.
func (t EventType) OfOrder() bool {
	return strings.HasPrefix(string(t), "transaction.") || strings.HasPrefix(string(t), "order.")
}

// Event is one row of the outbox: written in the transaction of the change that it tells of, so that no change goes
// untold and nothing is told that did not happen.
type Event struct {
	ID        EventID
	ProjectID ProjectID
	Type      EventType
	SessionID SessionID
	OrderID   OrderID // empty for events of a session
	CreatedAt time.Time
	Body      []byte // the payload as it is sent, the same on every attempt
}
