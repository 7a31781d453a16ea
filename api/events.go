package api

import (
	"encoding/json"
	"slices"
)

// Types of event (contract §4). An endpoint can subscribe to each by name, but to EventWebhookTest.
const (
	EventTransactionPending     = "transaction.pending"
	EventTransactionProcessing  = "transaction.processing"
	EventTransactionCompleted   = "transaction.completed"
	EventTransactionFailed      = "transaction.failed"
	EventTransactionCancelled   = "transaction.cancelled"
	EventTransactionExpired     = "transaction.expired"
	EventTransactionRefunded    = "transaction.refunded"
	EventTransactionLatePayment = "transaction.late_payment"
	EventOrderCreated           = "order.created"
	EventOrderCompleted         = "order.completed"
	EventSessionCreated         = "session.created"
	EventSessionConfirmed       = "session.confirmed"
	EventSessionCancelled       = "session.cancelled"
	EventSessionExpired         = "session.expired"
	EventWebhookTest            = "webhook.test"
)

// AllTransactionEvents subscribes to every transaction.* event.
const AllTransactionEvents = "*"

var eventTypes = []string{
	EventTransactionPending, EventTransactionProcessing, EventTransactionCompleted, EventTransactionFailed,
	EventTransactionCancelled, EventTransactionExpired, EventTransactionRefunded, EventTransactionLatePayment,
	EventOrderCreated, EventOrderCompleted, EventSessionCreated, EventSessionConfirmed, EventSessionCancelled,
	EventSessionExpired, EventWebhookTest,
}

// EventTypes returns every type of the document, in its order.
func EventTypes() []string { return slices.Clone(eventTypes) }

// EventPayload is the body of a delivery. Decode it after [VerifyWebhook].
type EventPayload struct {
	// ID is the event's, the same however often it comes.
	ID   string `json:"id"`
	Type string `json:"type"`
	// Timestamp is RFC 3339 in UTC, in milliseconds, like all times in it.
	Timestamp string    `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData has the one that the event is about, as it was then; the other is nil.
type EventData struct {
	Order   *EventOrder   `json:"order,omitempty"`
	Session *EventSession `json:"session,omitempty"`
}

// EventOrder is an order in an event. A nil pointer is null on the wire: not set.
type EventOrder struct {
	ID                 string           `json:"id"`
	Type               string           `json:"type"`
	Status             string           `json:"status"`
	Source             EventSource      `json:"source"`
	Destination        EventDestination `json:"destination"`
	ExternalOrderID    *string          `json:"externalOrderId"`
	SessionID          string           `json:"sessionId"`
	CustomerID         string           `json:"customerId"`
	ExternalCustomerID *string          `json:"externalCustomerId"`
	Metadata           EventMetadata    `json:"metadata"`
	CreatedAt          string           `json:"createdAt"`
	CompletedAt        *string          `json:"completedAt"`
}

// EventSource is the fiat side of an order.
type EventSource struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// EventDestination is the crypto side of an order.
type EventDestination struct {
	Currency string  `json:"currency"`
	Amount   *string `json:"amount"`
	Address  *string `json:"address"`
	Network  string  `json:"network"`
}

// EventMetadata is what belongs to an order without being part of it.
type EventMetadata struct {
	// Provider is the gateway's id.
	Provider        string  `json:"provider"`
	ProviderOrderID *string `json:"providerOrderId"`
	Email           *string `json:"email"`
	// PartnerMetadata is the session's: an object, {} if nothing.
	PartnerMetadata json.RawMessage `json:"partnerMetadata"`
	// Discrepancies is absent where what was paid is what was ordered, or the gateway doesn't say.
	Discrepancies []Discrepancy `json:"discrepancies,omitempty"`
}

// EventSession is a session in an event.
type EventSession struct {
	ID                 string  `json:"id"`
	Type               string  `json:"type"`
	Status             string  `json:"status"`
	CustomerID         string  `json:"customerId"`
	ExternalCustomerID *string `json:"externalCustomerId"`
	CreatedAt          string  `json:"createdAt"`
	ExpiresAt          string  `json:"expiresAt"`
}
