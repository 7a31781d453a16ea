package api

import "encoding/json"

// Kinds of resource of contract §4.
const (
	KindWebhook  = "webhook"
	KindEvent    = "event"
	KindDelivery = "delivery"
)

// Webhook is an endpoint that events go to.
type Webhook = Resource[WebhookAttributes]

// Event is something that happened.
type Event = Resource[EventAttributes]

// Delivery is the delivery of an event to an endpoint.
type Delivery = Resource[DeliveryAttributes]

// DeletedWebhook is the answer to a deletion.
type DeletedWebhook = Resource[DeletedAttributes]

// DeletedAttributes say that the resource is gone.
type DeletedAttributes struct {
	Deleted bool `json:"deleted"`
}

// WebhookAttributes are those of an endpoint.
type WebhookAttributes struct {
	WebhookID string   `json:"webhookId"`
	URL       string   `json:"url"`
	Events    []string `json:"events"`
	// Secret is given by creation and rotation only, and absent elsewhere.
	Secret         string  `json:"secret,omitempty"`
	Status         string  `json:"status"`
	DisabledReason *string `json:"disabledReason"`
	CreatedAt      string  `json:"createdAt"`
	UpdatedAt      string  `json:"updatedAt"`
}

// EventAttributes are those of an event.
type EventAttributes struct {
	EventID   string  `json:"eventId"`
	Type      string  `json:"type"`
	SessionID *string `json:"sessionId"`
	OrderID   *string `json:"orderId"`
	// Payload is the body that endpoints are sent.
	Payload   json.RawMessage `json:"payload"`
	CreatedAt string          `json:"createdAt"`
}

// DeliveryAttributes are those of a delivery.
type DeliveryAttributes struct {
	DeliveryID string `json:"deliveryId"`
	EventID    string `json:"eventId"`
	EventType  string `json:"eventType"`
	WebhookID  string `json:"webhookId"`
	Status     string `json:"status"`
	// Attempts is never nil on the wire, the first attempt first.
	Attempts []Attempt `json:"attempts"`
	// NextAttemptAt is nil unless the delivery is pending.
	NextAttemptAt *string `json:"nextAttemptAt"`
	CreatedAt     string  `json:"createdAt"`
	FinishedAt    *string `json:"finishedAt"`
}

// Attempt is one attempt of a delivery.
type Attempt struct {
	Number int    `json:"number"`
	At     string `json:"at"`
	// StatusCode is nil where there was no answer; Error then says why.
	StatusCode *int    `json:"statusCode"`
	DurationMs int64   `json:"durationMs"`
	Response   *string `json:"response"`
	Error      *string `json:"error"`
}
