package api

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// CreateSessionRequest is the body of createSession (contract §2.1). A zero member is not sent. Amounts are strings, so that
// they arrive with the digits given.
type CreateSessionRequest struct {
	ExternalCustomerID  string               `json:"externalCustomerId,omitempty"`
	CustomerID          string               `json:"customerId,omitempty"`
	Type                string               `json:"type,omitempty"`
	SourceAmount        string               `json:"sourceAmount,omitempty"`
	SourceCurrency      string               `json:"sourceCurrency,omitempty"`
	DestinationCurrency string               `json:"destinationCurrency,omitempty"`
	Network             string               `json:"network,omitempty"`
	DestinationAddress  string               `json:"destinationAddress,omitempty"`
	DestinationTag      string               `json:"destinationTag,omitempty"`
	RedirectURL         string               `json:"redirectUrl,omitempty"`
	Country             string               `json:"country,omitempty"`
	ExpiresInSeconds    int                  `json:"expiresInSeconds,omitempty"`
	Metadata            json.RawMessage      `json:"metadata,omitempty"`
	FieldLocks          map[string]FieldLock `json:"fieldLocks,omitempty"`
}

// ConfirmSessionRequest is the body of confirmSession (contract §2.5). Only ClientSecret is required.
type ConfirmSessionRequest struct {
	ClientSecret       string `json:"clientSecret"`
	DestinationAddress string `json:"destinationAddress,omitempty"`
	DestinationTag     string `json:"destinationTag,omitempty"`
	Network            string `json:"network,omitempty"`
}

// CreateOrderRequest is the body of createOrder (contract §2.6). The members without omitempty are required.
type CreateOrderRequest struct {
	ClientSecret   string `json:"clientSecret"`
	FiatAmount     string `json:"fiatAmount"`
	CryptoCurrency string `json:"cryptoCurrency"`
	Network        string `json:"network"`
	FiatCurrency   string `json:"fiatCurrency,omitempty"`
	WalletAddress  string `json:"walletAddress,omitempty"`
	WalletTag      string `json:"walletTag,omitempty"`
	Gateway        string `json:"gateway,omitempty"`
	Email          string `json:"email,omitempty"`
}

// SimulateOrderRequest is the body of simulateOrder (contract §5).
type SimulateOrderRequest struct {
	Status string `json:"status"`
}

// ListSessionsParams are the parameters of listSessions (contract §2.8). Zero ones are not sent.
type ListSessionsParams struct {
	Page               int
	PageSize           int
	Cursor             string
	Status             string
	CustomerID         string
	ExternalCustomerID string
	Type               string
	CreatedAfter       time.Time
	CreatedBefore      time.Time
}

func (p ListSessionsParams) query() url.Values {
	q := pageQuery(p.Page, p.PageSize, p.Cursor)
	setText(q, "status", p.Status)
	setText(q, "customerId", p.CustomerID)
	setText(q, "externalCustomerId", p.ExternalCustomerID)
	setText(q, "type", p.Type)
	setTime(q, "createdAfter", p.CreatedAfter)
	setTime(q, "createdBefore", p.CreatedBefore)
	return q
}

// ListOrdersParams are the parameters of listOrders (contract §3). Zero ones are not sent.
type ListOrdersParams struct {
	Page               int
	PageSize           int
	Cursor             string
	Status             string
	SessionID          string
	CustomerID         string
	ExternalCustomerID string
	Gateway            string
}

func (p ListOrdersParams) query() url.Values {
	q := pageQuery(p.Page, p.PageSize, p.Cursor)
	setText(q, "status", p.Status)
	setText(q, "sessionId", p.SessionID)
	setText(q, "customerId", p.CustomerID)
	setText(q, "externalCustomerId", p.ExternalCustomerID)
	setText(q, "gateway", p.Gateway)
	return q
}

func pageQuery(page, pageSize int, cursor string) url.Values {
	q := url.Values{}
	if page != 0 {
		q.Set("page", strconv.Itoa(page))
	}
	if pageSize != 0 {
		q.Set("pageSize", strconv.Itoa(pageSize))
	}
	setText(q, "cursor", cursor)
	return q
}

func setText(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}
