// Package gatewaytest is the suite that every gateway passes. A gateway's test describes the gateway in a Case, as data, and
// hands it to Run; docs/gateways.md tells how.
//
// It talks to no gateway by itself: where a gateway calls a server, its test provides one as a handler, and the suite stands
// between the two. In the end it starts the real server and drives it from outside, with that handler as the gateway. Invariant: what passes here can't be made to believe a forged notification, to end an order by a status
// that we don't know, to take a fault for an answer, or to tell a secret in an error.
package gatewaytest

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// Case describes a gateway to the suite. What is left out isn't tried, except where the gateway itself says that it can do
// it: one that sells needs a sell order that it serves, a Poller needs Polled, a Quoter with a Remote needs Quotes.
type Case struct {
	Gateway  gateway.Gateway // nil: Remote's account
	Page     string          // the path of its page in docs, which names all of its settings; empty: none
	Remote   *Remote         // nil: a gateway without accounts and servers
	Order    checkout.Order  // a buy order that the gateway serves
	Sell     *checkout.Order // the sell order; nil: Order, with an s at its id
	Refusals []Refusal       // what it doesn't serve; at least one each of currency, network and amount
	Statuses []Status        // every status that it reports, in its own words
	Unknown  string          // a status in no list of its documentation

	// Checkouts are orders and what is made of them: a plain one, one for each thing that the gateway can lock, to sell.
	Checkouts []Checkout
	// VerifyURL holds a checkout's URL to the documentation: signatures, timestamps, what Varying leaves out.
	VerifyURL func(t *testing.T, r gateway.Request, u *url.URL)
	// NeedsAddress: it opens no checkout for a payer whose address is unknown.
	NeedsAddress bool
	// BindsAddress: the checkout serves the payer's address alone, so that another's has another URL or request.
	BindsAddress bool

	Quotes []Quote

	// Notify makes a genuine notification that the order has got the gateway's status; the same id makes a replay. From outside
	// the order has the project, the ids and, as CheckoutURL, the gateway's URL that it really has. Of Path only the query counts.
	Notify func(o *checkout.Order, status, id string, now time.Time) gateway.Notification
	// Unreadable makes genuinely signed notifications that can't be read, by what is wrong with them.
	Unreadable func(o *checkout.Order, now time.Time) map[string]gateway.Notification
	// Ignored makes genuine notifications of what is none of our business, such as other events.
	Ignored func(o *checkout.Order, now time.Time) map[string]gateway.Notification
	// Canonical: the signature is over the body's canonical JSON, so that space and the order of members don't count.
	Canonical bool
	// SignatureInBody: there is no SignatureHeader; the body is what is signed, as a token.
	SignatureInBody bool

	SignatureHeader string        // the header that carries the signature
	Tolerance       time.Duration // how old a signature may be, or how far ahead; 0: it carries no time
	Now             time.Time     // when the notifications come

	// Polled is the gateway's server where the order, whether to buy or to sell, has the status.
	Polled func(t *testing.T, o *checkout.Order, status string) http.Handler
	// PollStatuses are the statuses that polling tells; nil: Statuses.
	PollStatuses []Status
	// Unheard is the gateway's server that has never heard of the order.
	Unheard http.Handler
	// PollsByNotification: it can only be asked about what a notification has told of.
	PollsByNotification bool
}

// Remote is an account at a gateway that is asked over the network.
type Remote struct {
	Provider func(client *http.Client) gateway.Provider
	Account  gateway.Account
	// Server is a fake of the gateway's servers, whatever their hosts, in good health. It verifies each request by the
	// documentation, and fails its test where one is wrong.
	Server http.Handler
	// APIPath is the path of the API's base URL, which an apiBaseURL needs too, such as /api; empty: none.
	APIPath string
	// Malformed are values that the settings must not have, by their keys.
	Malformed map[string][]string
	// Another are the secrets by which another account verifies its notifications, and takes none of this one's.
	Another gateway.Settings
	// Unregistered: it is in no server's registry, so that nothing is tried from outside.
	Unregistered bool
}

// Refusal is a change of the order by which the gateway stops serving it.
type Refusal struct {
	Name   string
	Change func(o *checkout.Order)
	Code   checkout.Code
	Fields []string // that the error names, in order
}

// Status is a gateway's status and ours for it.
type Status struct {
	Theirs string
	Ours   checkout.OrderStatus
	Only   checkout.OrderType // of the orders that can have it; empty: any
}

// of are the statuses that orders of the type can have.
func of(statuses []Status, kind checkout.OrderType) []Status {
	return slices.DeleteFunc(slices.Clone(statuses), func(s Status) bool { return s.Only != "" && s.Only != kind })
}

// Checkout is an order and the checkout that must come of it.
type Checkout struct {
	Name   string
	Sell   bool
	Change func(r *gateway.Request) // of the order, the payer's address, the tag; nil: nothing
	// URL is the whole URL of the checkout; the order of its parameters doesn't count. Empty: any.
	URL     string
	Varying []string // the parameters of the URL that VerifyURL looks at
	// Sent are the requests that the gateway made for it, in order; nil: any.
	Sent []Call
	// Refused: no checkout is made, and the error has this text.
	Refused string
}

// Quote is a question for a price and the gateway's answer.
type Quote struct {
	Name   string
	Sell   bool
	Change func(r *gateway.QuoteRequest) // nil: nothing
	Server http.Handler                  // in place of Remote's, such as one that refuses
	Want   gateway.Quote
	Sent   []Call // nil: any
	// Code is that of the error, if it is one for the payer; Failed is any other.
	Code   checkout.Code
	Failed bool
}

// Call is a request that a gateway made. In what is wanted, headers that aren't named may be anything.
type Call struct {
	Method string
	URL    string // whole; the order of its parameters doesn't count
	Header map[string]string
	Body   string // compared as JSON where it is JSON, else as it is
}

// Payer is the address from which the suite's payer comes, Other that of somebody else.
var (
	Payer = netip.MustParseAddr("203.0.113.42")
	Other = netip.MustParseAddr("2001:db8::7")
)

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	if c.Gateway == nil {
		c.Gateway = c.open(t, c.Remote.Server)
	}
	t.Run("describe", c.testDescribe)
	t.Run("check", c.testCheck)
	t.Run("list", c.testList)
	t.Run("checkout", c.testCheckout)
	t.Run("checkouts", c.testCheckouts)
	t.Run("address", c.testAddress)
	t.Run("quotes", c.testQuotes)
	t.Run("statuses", c.testStatuses)
	t.Run("replay", c.testReplay)
	t.Run("reordered", c.testReordered)
	t.Run("forged", c.testForged)
	t.Run("unreadable", c.testUnreadable)
	t.Run("ignored", c.testIgnored)
	t.Run("canonical", c.testCanonical)
	t.Run("poll", c.testPoll)
	if c.Remote != nil {
		t.Run("settings", c.testSettings)
		t.Run("faults", c.testFaults)
		t.Run("load", c.testLoad)
		t.Run("outside", c.testOutside)
	}
}

// open opens Remote's account with nothing but the server behind its client.
func (c Case) open(t *testing.T, server http.Handler) gateway.Gateway {
	t.Helper()
	return c.openClient(t, &http.Client{Transport: NewWire(server)})
}

func (c Case) openClient(t *testing.T, client *http.Client) gateway.Gateway {
	t.Helper()
	a := c.Remote.Account
	if a.Tokens == nil {
		a.Tokens = NewTokens()
	}
	g, err := c.Remote.Provider(client).Open(a)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return g
}

// order is the order to buy or to sell.
func (c Case) order(sell bool) *checkout.Order {
	o := c.Order
	if !sell {
		return &o
	}
	if c.Sell != nil {
		o = *c.Sell
		return &o
	}
	o.ID, o.Type = o.ID+"s", checkout.Sell
	return &o
}

// orders are the kinds of order that the gateway serves.
func (c Case) orders() map[string]*checkout.Order {
	orders := map[string]*checkout.Order{"buy": c.order(false)}
	if c.Gateway.Describe().Sell {
		orders["sell"] = c.order(true)
	}
	return orders
}

func (c Case) request(o *checkout.Order) gateway.Request {
	return gateway.Request{Order: o, Address: Payer, Now: c.Now}
}

// secrets are what no error may tell.
func (c Case) secrets() []string {
	if c.Remote == nil {
		return nil
	}
	var secrets []string
	for _, s := range c.Gateway.Describe().Settings {
		if value := c.Remote.Account.Settings[s.Key]; s.Secret && value != "" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// hides wants the text, such as an error, to be without secrets, plain or escaped.
func (c Case) hides(t *testing.T, text string) {
	t.Helper()
	for _, secret := range c.secrets() {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("a secret is told: %s", text[max(0, at-200):min(len(text), at+len(form)+200)])
			}
		}
	}
}
