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

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// Gateway is one payment gateway. Its methods may be called at the same time.
type Gateway interface {
	// Describe tells what the gateway is.
	Describe() Description
	// Check tells whether the gateway serves the order: nil, or a *checkout.Error with INVALID_CURRENCY,
	// INVALID_NETWORK, INVALID_AMOUNT or INVALID_GATEWAY. An order whose WalletTag the gateway would not hand on is refused:
	// without its tag the crypto is lost. A question for a price has neither wallet nor tag. It asks nobody.
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

// Quoter is a gateway that can tell its price before there is an order (contract §6).
type Quoter interface {
	// Quote tells what the order would come to. It is asked of orders that Check lets pass. An error that is a
	// *checkout.Error is told to the payer, any other is not.
	Quote(ctx context.Context, r QuoteRequest) (Quote, error)
}

// Lister is a gateway that can tell what it serves (contract §6).
type Lister interface {
	// List tells what the gateway serves to payers of the country, or to any where it is empty: nothing where it serves
	// none of them. It asks nobody. What it returns is shared: not to be changed.
	List(kind checkout.OrderType, country string) Catalogue
}

// Opener is a gateway whose URLs live for minutes, serve once, or are bound to the payer's address, so that one is made each
// time the payer follows the order's link, which is then ours (design §5). Its CreateCheckout and FindCheckout give no URL.
type Opener interface {
	// OpenCheckout makes a fresh URL for the order, which is recorded already and not yet paid. It may be asked often.
	OpenCheckout(ctx context.Context, r Request) (Checkout, error)
}

// AtOpening is of gateways with which nothing is made before the payer comes. An account that embeds it is an Opener too.
type AtOpening struct{}

// CreateCheckout makes nothing yet.
func (AtOpening) CreateCheckout(context.Context, Request) (Checkout, error) { return Checkout{}, nil }

// FindCheckout finds what CreateCheckout gives.
func (AtOpening) FindCheckout(context.Context, Request) (Checkout, error) { return Checkout{}, nil }

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
	LogoURL         string          // empty: none
	Iframe          bool            // its checkout may be shown in a frame
	Widget          bool            // it has a widget of its own for pages
	Recurring       bool            // it can repeat an order by itself
	KYC             bool            // it asks the payer itself for whatever it must know
	NoAccount       bool            // every project of its modes has it, unless an account of the project disables it
	Settings        []Setting       // what an account needs to be told, beside Common; nil: nothing
	PollEvery       time.Duration   // how often an open order may be asked about, where it is a Poller
}

// Request is an order at its gateway.
type Request struct {
	Order   *checkout.Order
	Address netip.Addr // the payer's own address, canonical; invalid where unknown
	Now     time.Time

	Language string // the payer's, a language tag such as pt-BR; empty: unknown
}

// Checkout is a hosted checkout.
type Checkout struct {
	URL             string        // empty: the gateway is an Opener, and makes it when the payer comes
	ExternalOrderID string        // the gateway's id of the order; may be empty until a notification tells it
	Serves          time.Duration // how long the URL serves; 0: checkout.CheckoutSeconds
}

// Notification is what a gateway posted to us.
type Notification struct {
	ProjectID checkout.ProjectID
	Header    map[string][]string
	Path      string // to which it came, with its query
	Body      []byte
	Now       time.Time // when it came; signatures may carry a time
}

// Update is one change that a notification tells of.
type Update struct {
	DedupKey        string // the gateway's id of this notification, or a hash of its body
	OrderID         checkout.OrderID
	Type            checkout.OrderType   // whether it tells of a purchase or a sale: it counts for an order of that type alone; empty: not told
	Status          checkout.OrderStatus // pending only where it is certain that nothing has been paid: the payer may then be sent to pay
	ExternalOrderID string
	CryptoAmount    money.Amount
	TransactionHash string
	FailureReason   string
	Paid            checkout.Paid     // what the gateway says was paid, as far as it says so
	Deposit         *checkout.Deposit // where the payer sends the crypto of a sale, if no page of the gateway's tells; nil: unchanged
}

// QuoteRequest is a question for a price. The order has type, fiat amount, both currencies, network and, where it is
// known, country; it has no id and is never made.
type QuoteRequest struct {
	Order         *checkout.Order
	PaymentMethod string // empty: the gateway's choice
	Now           time.Time
	Address       netip.Addr // the payer's own address, canonical; invalid where unknown
}

// Quote is a gateway's price for an order. Fees, rate and amounts are those of one calculation.
type Quote struct {
	FiatAmount    money.Amount // what a buyer pays or a seller gets, all fees included
	CryptoAmount  money.Amount // what a buyer gets or a seller pays
	Rate          money.Amount // fiat for one unit of crypto, before fees
	Fees          []Fee        // those greater than 0
	PaymentMethod string
	Serves        time.Duration // how long it holds
}

// Fee is one part of what a quote costs, in its fiat currency.
type Fee struct {
	Type   FeeType
	Amount money.Amount
}

// FeeType says who gets a fee.
type FeeType string

// The types of fees.
const (
	FeeGateway FeeType = "gateway"
	FeeNetwork FeeType = "network" // of the chain
	FeePartner FeeType = "partner" // the project's own share
)

// AddFee adds a fee, if it is one.
func (q *Quote) AddFee(kind FeeType, amount money.Amount) {
	if amount.IsSet() {
		q.Fees = append(q.Fees, Fee{Type: kind, Amount: amount})
	}
}

// TotalFees is the sum of the fees.
func (q *Quote) TotalFees() decimal.Decimal {
	total := decimal.Zero
	for _, f := range q.Fees {
		total = total.Add(f.Amount.Decimal())
	}
	return total
}

// Catalogue is what a gateway serves.
type Catalogue struct {
	Fiats   []Fiat
	Assets  []Asset
	Methods []PaymentMethod
}

// Fiat is a fiat currency that a gateway serves. A limit that is not set is none.
type Fiat struct {
	Currency string
	Min, Max money.Amount // of an order's fiat amount, ends included
	Methods  []string     // the ids of payment methods
}

// Asset is a crypto currency that a gateway serves, with its networks, the one to prefer first.
type Asset struct {
	Code     string
	Networks []AssetNetwork
}

// AssetNetwork is an asset on one network. A limit that is not set is none.
type AssetNetwork struct {
	Network  string
	Min, Max money.Amount // of an order's crypto amount, ends included
}

// PaymentMethod is a way to pay, or to be paid.
type PaymentMethod struct {
	ID   string
	Name string
}
