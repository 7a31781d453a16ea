// Package gateway is the port that a payment gateway implements: it makes a hosted checkout for an order and reports,
// through verified notifications, what became of it.
//
// It knows no gateway, stores nothing and moves no order: what a gateway says is handed on in our terms. Invariant: a
// gateway's status that we don't know never becomes a final one of ours.
package gateway

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// Gateway is one payment gateway. Its methods may be called at the same time.
type Gateway interface {
	// Describe tells what the gateway is.
	Describe() Description
	// Check tells whether the gateway serves the order: nil, or a *checkout.Error with INVALID_CURRENCY,
	// INVALID_NETWORK or INVALID_AMOUNT. It asks nobody.
	Check(o *checkout.Order) error
	// CreateCheckout makes the hosted checkout for the order, whose id is the reference by which the gateway knows it.
	// The same order given twice gives the same checkout.
	CreateCheckout(ctx context.Context, r Request) (Checkout, error)
	// FindCheckout looks for the checkout made earlier for the order, after a crash; ErrNotFound where there is none.
	FindCheckout(ctx context.Context, r Request) (Checkout, error)
	// ParseNotification verifies a notification by the gateway's own scheme, before reading it. ErrForged where the
	// signature is missing or wrong.
	ParseNotification(ctx context.Context, n Notification) ([]Update, error)
}

// ErrNotFound says that the gateway knows no checkout of the order.
var ErrNotFound = errors.New("gateway: no such checkout")

// ErrForged says that a notification does not carry the gateway's signature.
var ErrForged = errors.New("gateway: the notification's signature is missing or wrong")

// ErrMalformed says that a notification is signed, but can't be read.
var ErrMalformed = errors.New("gateway: the notification can't be read")

// Description is what a gateway is, as data.
type Description struct {
	ID              string
	Name            string
	Modes           []checkout.Mode // of the projects that it may serve
	Sell            bool            // serves off-ramp orders
	SellNeedsWallet bool            // needs the payer's address to sell
}

// Request is an order at its gateway.
type Request struct {
	Order   *checkout.Order
	Address netip.Addr // the payer's own address, canonical; invalid where unknown
}

// Checkout is a hosted checkout.
type Checkout struct {
	URL             string
	ExternalOrderID string        // the gateway's id of the order; may be empty until a notification tells it
	Serves          time.Duration // how long the URL serves; 0: checkout.CheckoutSeconds
}

// Notification is what a gateway posted to us.
type Notification struct {
	ProjectID checkout.ProjectID
	Header    map[string][]string
	Path      string
	Body      []byte
	Now       time.Time // when it came; signatures may carry a time
}

// Update is one change that a notification tells of.
type Update struct {
	DedupKey        string // the gateway's id of this notification, or a hash of its body
	OrderID         checkout.OrderID
	Status          checkout.OrderStatus
	ExternalOrderID string
	CryptoAmount    money.Amount
	TransactionHash string
	FailureReason   string
}
