// Package webhook says what a webhook is: the payload of each event. It sends nothing and stores nothing.
//
// Invariant: a payload, once made, is stored and sent byte for byte the same on every attempt (contract §4).
package webhook

import (
	"encoding/json"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// TimeForm is RFC 3339 in UTC with milliseconds, the form of times in events (contract §1).
const TimeForm = "2006-01-02T15:04:05.000Z"

type envelope struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

type orderData struct {
	Order orderPayload `json:"order"`
}

type orderPayload struct {
	ID                 string             `json:"id"`
	Type               string             `json:"type"`
	Status             string             `json:"status"`
	Source             sourcePayload      `json:"source"`
	Destination        destinationPayload `json:"destination"`
	ExternalOrderID    *string            `json:"externalOrderId"`
	SessionID          string             `json:"sessionId"`
	CustomerID         string             `json:"customerId"`
	ExternalCustomerID *string            `json:"externalCustomerId"`
	Metadata           metadataPayload    `json:"metadata"`
	CreatedAt          string             `json:"createdAt"`
	CompletedAt        *string            `json:"completedAt"`
}

type sourcePayload struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

type destinationPayload struct {
	Currency string  `json:"currency"`
	Amount   *string `json:"amount"`
	Address  *string `json:"address"`
	Network  string  `json:"network"`
}

type metadataPayload struct {
	Provider        string          `json:"provider"`
	ProviderOrderID *string         `json:"providerOrderId"`
	Email           *string         `json:"email"`
	PartnerMetadata json.RawMessage `json:"partnerMetadata"`
	// Discrepancies are there only where what was paid is not what was ordered.
	Discrepancies []checkout.Discrepancy `json:"discrepancies,omitempty"`
}

type sessionData struct {
	Session sessionPayload `json:"session"`
}

type sessionPayload struct {
	ID                 string  `json:"id"`
	Type               string  `json:"type"`
	Status             string  `json:"status"`
	CustomerID         string  `json:"customerId"`
	ExternalCustomerID *string `json:"externalCustomerId"`
	CreatedAt          string  `json:"createdAt"`
	ExpiresAt          string  `json:"expiresAt"`
}

// OrderEvent makes the event of an order's change (contract §4).
func OrderEvent(id checkout.EventID, kind checkout.EventType, o *checkout.Order, now time.Time) (checkout.Event, error) {
	p := orderPayload{
		ID: string(o.ID), Type: string(o.Type), Status: string(o.Status),
		Source:          sourcePayload{o.FiatCurrency, o.FiatAmount.String()},
		Destination:     destinationPayload{Currency: o.CryptoCurrency, Address: optional(o.WalletAddress), Network: o.Network},
		ExternalOrderID: optional(o.ExternalOrderID), SessionID: string(o.SessionID), CustomerID: string(o.CustomerID),
		ExternalCustomerID: optional(o.ExternalCustomerID),
		Metadata: metadataPayload{
			Provider: o.Gateway, ProviderOrderID: optional(o.ExternalOrderID), Email: optional(o.Email),
			PartnerMetadata: json.RawMessage("{}"), Discrepancies: o.Discrepancies,
		},
		CreatedAt: o.CreatedAt.UTC().Format(TimeForm),
	}
	if o.CryptoAmount.IsSet() {
		p.Destination.Amount = optional(o.CryptoAmount.String())
	}
	if o.Metadata != nil {
		p.Metadata.PartnerMetadata = o.Metadata
	}
	if !o.CompletedAt.IsZero() {
		p.CompletedAt = optional(o.CompletedAt.UTC().Format(TimeForm))
	}
	return event(id, kind, o.ProjectID, o.SessionID, o.ID, now, orderData{p})
}

// SessionEvent makes the event of a session's change [ours].
func SessionEvent(id checkout.EventID, kind checkout.EventType, s *checkout.Session, now time.Time) (checkout.Event, error) {
	return event(id, kind, s.ProjectID, s.ID, "", now, sessionData{sessionPayload{
		ID: string(s.ID), Type: string(s.Type), Status: string(s.Status), CustomerID: string(s.CustomerID),
		ExternalCustomerID: optional(s.ExternalCustomerID),
		CreatedAt:          s.CreatedAt.UTC().Format(TimeForm), ExpiresAt: s.ExpiresAt.UTC().Format(TimeForm),
	}})
}

func event(id checkout.EventID, kind checkout.EventType, project checkout.ProjectID, session checkout.SessionID, order checkout.OrderID, now time.Time, data any) (checkout.Event, error) {
	body, err := json.Marshal(envelope{string(id), string(kind), now.UTC().Format(TimeForm), data})
	return checkout.Event{ID: id, ProjectID: project, Type: kind, SessionID: session, OrderID: order, CreatedAt: now, Body: body}, err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// TestEvent makes the event that tests an endpoint: of type webhook.test, with a sample order that exists nowhere.
func TestEvent(id checkout.EventID, project checkout.ProjectID, now time.Time) (checkout.Event, error) {
	created := now.UTC().Format(TimeForm)
	sample := orderPayload{
		ID: "ord_test", Type: string(checkout.Buy), Status: string(checkout.OrderCompleted), Source: sourcePayload{"USD", "100.00"},
		Destination: destinationPayload{
			Currency: "ETH", Amount: optional("0.025"), Address: optional("0x742d35Cc6634C0532925a3b844Bc454e4438f44e"), Network: "ethereum",
		},
		SessionID: "sess_test", CustomerID: "00000000-0000-4000-8000-000000000000",
		Metadata:  metadataPayload{Provider: "sandbox", PartnerMetadata: json.RawMessage(`{"test":true}`)},
		CreatedAt: created, CompletedAt: &created,
	}
	return event(id, checkout.EventTest, project, "", "", now, orderData{sample})
}
