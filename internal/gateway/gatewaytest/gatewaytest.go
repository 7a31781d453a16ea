// Package gatewaytest is the suite that every gateway passes. A gateway's test describes the gateway in a Case, as data, and
// hands it to Run.
//
// It talks to no gateway by itself: where a gateway calls a server, its test provides one. Invariant: what passes here can't
// be made to believe a forged notification, nor to end an order by a status that we don't know.
package gatewaytest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// Case describes a gateway to the suite.
type Case struct {
	Gateway  gateway.Gateway
	Order    checkout.Order // a buy order that the gateway serves
	Refusals []Refusal      // what it doesn't serve; at least one each of currency, network and amount
	Statuses []Status       // every status that it reports, in its own words
	Unknown  string         // a status in no list of its documentation

	// Notify makes a genuine notification that the order has got the gateway's status; the same id makes a replay.
	Notify func(o *checkout.Order, status, id string, now time.Time) gateway.Notification
	// Unreadable makes genuinely signed notifications that can't be read, by what is wrong with them.
	Unreadable func(o *checkout.Order, now time.Time) map[string]gateway.Notification

	SignatureHeader string        // the header that carries the signature
	Tolerance       time.Duration // how old a signature may be; 0: it carries no time
	Now             time.Time     // when the notifications come
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
}

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("describe", c.testDescribe)
	t.Run("check", c.testCheck)
	t.Run("checkout", c.testCheckout)
	t.Run("statuses", c.testStatuses)
	t.Run("replay", c.testReplay)
	t.Run("forged", c.testForged)
	t.Run("unreadable", c.testUnreadable)
}

// orders are the kinds of order that the gateway serves.
func (c Case) orders() map[string]*checkout.Order {
	buy := c.Order
	orders := map[string]*checkout.Order{"buy": &buy}
	if c.Gateway.Describe().Sell {
		sell := c.Order
		sell.ID, sell.Type = sell.ID+"s", checkout.Sell
		orders["sell"] = &sell
	}
	return orders
}

func (c Case) testDescribe(t *testing.T) {
	t.Parallel()
	d := c.Gateway.Describe()
	if d.ID == "" || strings.ToLower(d.ID) != d.ID || strings.ContainsAny(d.ID, "/?# ") || d.Name == "" || len(d.Modes) == 0 {
		t.Errorf("Describe() = %+v; want an id that is a lower-case path segment, a name and modes", d)
	}
}

func (c Case) testCheck(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		if err := c.Gateway.Check(o); err != nil {
			t.Errorf("%s: Check: %v", name, err)
		}
	}
	seen := map[checkout.Code]bool{}
	for _, r := range c.Refusals {
		o := c.Order
		r.Change(&o)
		var e *checkout.Error
		if err := c.Gateway.Check(&o); !errors.As(err, &e) {
			t.Errorf("%s: Check = %v, want a *checkout.Error", r.Name, err)
			continue
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
		if e.Code != r.Code || !slices.Equal(fields, r.Fields) {
			t.Errorf("%s: Check = %v on %v, want %s on %v", r.Name, e, fields, r.Code, r.Fields)
		}
		seen[e.Code] = true
	}
	for _, code := range []checkout.Code{checkout.CodeInvalidCurrency, checkout.CodeInvalidNetwork, checkout.CodeInvalidAmount} {
		if !seen[code] {
			t.Errorf("no refusal with %s was tried", code)
		}
	}
}

func (c Case) testCheckout(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			first, err := c.Gateway.CreateCheckout(ctx, gateway.Request{Order: o})
			if err != nil || first.URL == "" {
				t.Fatalf("CreateCheckout = %+v, %v", first, err)
			}
			if again, err := c.Gateway.CreateCheckout(ctx, gateway.Request{Order: o}); err != nil || again != first {
				t.Errorf("the same order again: %+v, %v; want %+v", again, err, first)
			}
			if found, err := c.Gateway.FindCheckout(ctx, gateway.Request{Order: o}); err != nil || found != first {
				t.Errorf("FindCheckout = %+v, %v; want %+v", found, err, first)
			}
			other := *o
			other.ID += "x"
			if second, err := c.Gateway.CreateCheckout(ctx, gateway.Request{Order: &other}); err != nil || second.URL == first.URL {
				t.Errorf("another order: %+v, %v; want a checkout of its own", second, err)
			}
		})
	}
}

// parse wants exactly one update of the order.
func (c Case) parse(t *testing.T, o *checkout.Order, n gateway.Notification) gateway.Update {
	t.Helper()
	updates, err := c.Gateway.ParseNotification(context.Background(), n)
	if err != nil || len(updates) != 1 || updates[0].OrderID != o.ID || updates[0].DedupKey == "" {
		t.Fatalf("ParseNotification(%s) = %+v, %v; want one update of %s with a key", n.Body, updates, err, o.ID)
	}
	return updates[0]
}

func (c Case) testStatuses(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		for _, s := range c.Statuses {
			if u := c.parse(t, o, c.Notify(o, s.Theirs, "n1", c.Now)); u.Status != s.Ours {
				t.Errorf("%s: %s becomes %s, want %s", name, s.Theirs, u.Status, s.Ours)
			}
		}
		if u := c.parse(t, o, c.Notify(o, c.Unknown, "n1", c.Now)); u.Status.Final() || u.Status == checkout.OrderCreating {
			t.Errorf("%s: the unknown status %s becomes %s", name, c.Unknown, u.Status)
		}
	}
}

func (c Case) testReplay(t *testing.T) {
	t.Parallel()
	o, status := c.Order, c.Statuses[0].Theirs
	first := c.parse(t, &o, c.Notify(&o, status, "n1", c.Now))
	if again := c.parse(t, &o, c.Notify(&o, status, "n1", c.Now)); again.DedupKey != first.DedupKey {
		t.Errorf("a replay has the key %q, want %q", again.DedupKey, first.DedupKey)
	}
	if next := c.parse(t, &o, c.Notify(&o, status, "n2", c.Now)); next.DedupKey == first.DedupKey {
		t.Errorf("another notification has the same key %q", next.DedupKey)
	}
}

func (c Case) testForged(t *testing.T) {
	t.Parallel()
	o := c.Order
	forge := func(change func(n *gateway.Notification)) gateway.Notification {
		n := c.Notify(&o, c.Statuses[0].Theirs, "n1", c.Now)
		n.Header = maps.Clone(n.Header)
		n.Body = bytes.Clone(n.Body)
		change(&n)
		return n
	}
	signature := forge(func(*gateway.Notification) {}).Header[c.SignatureHeader]
	if len(signature) != 1 || signature[0] == "" {
		t.Fatalf("a genuine notification has the header %s: %q", c.SignatureHeader, signature)
	}
	sign := func(value ...string) func(*gateway.Notification) {
		return func(n *gateway.Notification) { n.Header[c.SignatureHeader] = value }
	}
	text, last := signature[0], len(signature[0])-1
	forgeries := map[string]gateway.Notification{
		"no headers":         forge(func(n *gateway.Notification) { n.Header = nil }),
		"no signature":       forge(func(n *gateway.Notification) { delete(n.Header, c.SignatureHeader) }),
		"empty signature":    forge(sign("")),
		"cut signature":      forge(sign(text[:last])),
		"wrong signature":    forge(sign(text[:last-2] + string([]byte{text[last-2] ^ 1}) + text[last-1:])),
		"not a signature":    forge(sign("\x00=,;é")),
		"no body":            forge(func(n *gateway.Notification) { n.Body = nil }),
		"truncated body":     forge(func(n *gateway.Notification) { n.Body = n.Body[:len(n.Body)-1] }),
		"longer body":        forge(func(n *gateway.Notification) { n.Body = append(n.Body, ' ') }),
		"changed body":       forge(func(n *gateway.Notification) { n.Body[len(n.Body)/2] ^= 1 }),
		"of another project": forge(func(n *gateway.Notification) { n.ProjectID = "6f1b7a3e-0000-4000-8000-000000000bad" }),
	}
	if c.Tolerance > 0 {
		forgeries["too old"] = forge(func(n *gateway.Notification) { n.Now = n.Now.Add(c.Tolerance + time.Second) })
		c.parse(t, &o, forge(func(n *gateway.Notification) { n.Now = n.Now.Add(c.Tolerance) }))
	}
	for name, n := range forgeries {
		updates, err := c.Gateway.ParseNotification(context.Background(), n)
		if !errors.Is(err, gateway.ErrForged) || len(updates) != 0 {
			t.Errorf("%s: ParseNotification = %+v, %v; want ErrForged", name, updates, err)
		}
	}
}

func (c Case) testUnreadable(t *testing.T) {
	t.Parallel()
	o := c.Order
	for name, n := range c.Unreadable(&o, c.Now) {
		updates, err := c.Gateway.ParseNotification(context.Background(), n)
		if !errors.Is(err, gateway.ErrMalformed) || len(updates) != 0 {
			t.Errorf("%s: ParseNotification = %+v, %v; want ErrMalformed", name, updates, err)
		}
	}
}
