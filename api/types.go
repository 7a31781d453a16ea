package api

import "encoding/json"

// Kinds of resource: the `type` of a [Resource] (contract §1).
const (
	KindSession = "session"
	KindOrder   = "order"
)

// Resource is anything that has an id, bare on the wire (contract §1).
type Resource[A any] struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Attributes A      `json:"attributes"`
}

// Session is a session (contract §2).
type Session = Resource[SessionAttributes]

// Order is an order (contract §3).
type Order = Resource[OrderAttributes]

// CreatedOrder is an order in the answer to its creation (contract §2.6).
type CreatedOrder = Resource[CreatedOrderAttributes]

// List is one page, newest first (contract §1). Data is never nil on the wire: an empty page is [].
type List[T any] struct {
	Data       []T        `json:"data"`
	Pagination Pagination `json:"pagination"`
}

// Pagination says where a page is in its list.
type Pagination struct {
	// Page is the page asked for, from 1; it is 1 when a cursor was.
	Page       int   `json:"page"`
	PageSize   int   `json:"pageSize"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	// NextCursor is nil at the end.
	NextCursor *string `json:"nextCursor"`
}

// SessionAttributes are those of contract §2.1. A nil pointer is null on the wire: not set.
type SessionAttributes struct {
	SessionID string `json:"sessionId"`
	ProjectID string `json:"projectId"`
	// ClientSecret is given by the creation only, and absent elsewhere.
	ClientSecret        string  `json:"clientSecret,omitempty"`
	Type                string  `json:"type"`
	Status              string  `json:"status"`
	CustomerID          string  `json:"customerId"`
	ExternalCustomerID  *string `json:"externalCustomerId"`
	SourceAmount        *string `json:"sourceAmount"`
	SourceCurrency      *string `json:"sourceCurrency"`
	DestinationCurrency *string `json:"destinationCurrency"`
	DestinationAddress  *string `json:"destinationAddress"`
	DestinationTag      *string `json:"destinationTag"`
	Network             *string `json:"network"`
	RedirectURL         *string `json:"redirectUrl"`
	Country             *string `json:"country"`
	// Metadata is for secret keys: `null` when there is none, nil (absent) for public keys.
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// FieldLocks is never nil on the wire: {} if there are none.
	FieldLocks map[string]FieldLock `json:"fieldLocks"`
	// ExpiresAt and CreatedAt are RFC 3339 in UTC, in whole seconds.
	ExpiresAt string  `json:"expiresAt"`
	CreatedAt string  `json:"createdAt"`
	OrderID   *string `json:"orderId"`
	// Warnings is never nil on the wire: [] if there are none.
	Warnings []Warning `json:"warnings"`
	// CheckoutURL is given by the creation only, and absent elsewhere.
	CheckoutURL string `json:"checkoutUrl,omitempty"`
}

// FieldLock is one lock (contract §2.2). Min and Max are amounts, ends included, and for sourceAmount only.
type FieldLock struct {
	Locked bool    `json:"locked"`
	Min    *string `json:"min,omitempty"`
	Max    *string `json:"max,omitempty"`
}

// Warning tells of a value that was taken, but looks wrong (contract §2.3).
type Warning struct {
	Code    string `json:"code"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

// OrderAttributes are those of contract §3. A nil pointer is null on the wire: not set.
type OrderAttributes struct {
	OrderID            string        `json:"orderId"`
	SessionID          string        `json:"sessionId"`
	ProjectID          string        `json:"projectId"`
	Type               string        `json:"type"`
	Status             string        `json:"status"`
	Gateway            string        `json:"gateway"`
	ExternalOrderID    *string       `json:"externalOrderId"`
	FiatAmount         string        `json:"fiatAmount"`
	FiatCurrency       string        `json:"fiatCurrency"`
	CryptoCurrency     string        `json:"cryptoCurrency"`
	CryptoAmount       *string       `json:"cryptoAmount"`
	Network            string        `json:"network"`
	WalletAddress      *string       `json:"walletAddress"`
	WalletTag          *string       `json:"walletTag"`
	Email              *string       `json:"email"`
	CustomerID         string        `json:"customerId"`
	ExternalCustomerID *string       `json:"externalCustomerId"`
	TransactionHash    *string       `json:"transactionHash"`
	FailureReason      *string       `json:"failureReason"`
	Checkout           *Checkout     `json:"checkout"`
	Metadata           OrderMetadata `json:"metadata"`
	CreatedAt          string        `json:"createdAt"`
	UpdatedAt          string        `json:"updatedAt"`
	CompletedAt        *string       `json:"completedAt"`
	// LatePayment is nil unless money came for an order that had failed, was cancelled or expired.
	LatePayment *LatePayment `json:"latePayment"`
	// Deposit is nil unless the payer must be told where to send the crypto of a sale.
	Deposit *Deposit `json:"deposit"`
	// Discrepancies is never nil on the wire: [] if what was paid is what was ordered, or the gateway doesn't say.
	Discrepancies []Discrepancy `json:"discrepancies"`
	// Routing is nil where the order names its gateway.
	Routing *Routing `json:"routing"`
}

// Deposit is where the payer must send the crypto of a sale.
type Deposit struct {
	Address string  `json:"address"`
	Tag     *string `json:"tag"`
	Amount  *string `json:"amount"`
	Until   *string `json:"until"`
}

// Discrepancy is a member in which what was paid is not what was ordered.
type Discrepancy struct {
	Field   string `json:"field"`
	Ordered string `json:"ordered"`
	Paid    string `json:"paid"`
}

// Routing tells how an order that left the choice to the server found its gateway.
type Routing struct {
	Reason     string             `json:"reason"`
	Rule       *string            `json:"rule"`
	RankBy     string             `json:"rankBy"`
	DecidedAt  string             `json:"decidedAt"`
	Candidates []RoutingCandidate `json:"candidates"`
}

// RoutingCandidate is a gateway of the project when an order was routed.
type RoutingCandidate struct {
	Gateway string        `json:"gateway"`
	Outcome string        `json:"outcome"`
	Code    *string       `json:"code"`
	Message *string       `json:"message"`
	Offer   *RoutingOffer `json:"offer"`
	TookMS  *int64        `json:"tookMs"`
}

// RoutingOffer is what an order would come to at a gateway, all its fees included.
type RoutingOffer struct {
	FiatAmount   string `json:"fiatAmount"`
	CryptoAmount string `json:"cryptoAmount"`
	Rate         string `json:"rate"`
	Fees         string `json:"fees"`
}

// LatePayment is money that came for an order after its end.
type LatePayment struct {
	At              string  `json:"at"`
	CryptoAmount    *string `json:"cryptoAmount"`
	TransactionHash *string `json:"transactionHash"`
}

// CreatedOrderAttributes are those of the answer to createOrder: what contract §2.6 promises first, then the rest.
type CreatedOrderAttributes struct {
	OrderID            string   `json:"orderId"`
	Status             string   `json:"status"`
	SessionID          string   `json:"sessionId"`
	Checkout           Checkout `json:"checkout"`
	ProjectID          string   `json:"projectId"`
	Type               string   `json:"type"`
	Gateway            string   `json:"gateway"`
	ExternalOrderID    *string  `json:"externalOrderId"`
	FiatAmount         string   `json:"fiatAmount"`
	FiatCurrency       string   `json:"fiatCurrency"`
	CryptoCurrency     string   `json:"cryptoCurrency"`
	CryptoAmount       *string  `json:"cryptoAmount"`
	Network            string   `json:"network"`
	WalletAddress      *string  `json:"walletAddress"`
	WalletTag          *string  `json:"walletTag"`
	Email              *string  `json:"email"`
	CustomerID         string   `json:"customerId"`
	ExternalCustomerID *string  `json:"externalCustomerId"`
	TransactionHash    *string  `json:"transactionHash"`
	FailureReason      *string  `json:"failureReason"`
	// Metadata is for secret keys; nil (absent) for public ones.
	Metadata    *OrderMetadata `json:"metadata,omitempty"`
	CreatedAt   string         `json:"createdAt"`
	UpdatedAt   string         `json:"updatedAt"`
	CompletedAt *string        `json:"completedAt"`
}

// Checkout is how the payer gets to the gateway (contract §2.6).
type Checkout struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	// ExpiresAt is a number of seconds from the creation of the URL, whatever its name says.
	ExpiresAt int64 `json:"expiresAt"`
}

// OrderMetadata holds what the partner gave with the session: an object, {} if nothing.
type OrderMetadata struct {
	PartnerMetadata json.RawMessage `json:"partnerMetadata"`
}

// Acknowledgement is the answer to a gateway's notification.
type Acknowledgement struct {
	Success bool `json:"success"`
}

// Health is the answer of /healthz ("ok") and /readyz ("ready").
type Health struct {
	Status string `json:"status"`
}
