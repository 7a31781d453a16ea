// Package sandbox is the built-in gateway of test projects (contract §5): its checkout is a page of this very server, where
// the payer can pay, be declined or cancel, and it notifies through the same signed route as any other gateway.
//
// It moves no money, asks nobody, stores nothing and serves no page itself (internal/page does); how it is used is told in
// docs/sandbox.md. Invariant: a checkout is a pure function of the order and the master key, so it can neither be lost nor
// made twice.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/vault"
)

// ID names the sandbox on the wire.
const ID = "sandbox"

// MinFiat and MaxFiat are the limits of an order's fiat amount, inclusive, in whatever currency (contract §5).
const (
	MinFiat = "1"
	MaxFiat = "50000"
)

// E-mail addresses of orders that have the gateway do something of its own, in any letter case.
const (
	EmailUnavailable = "unavailable@sandbox.test" // CreateCheckout fails
	EmailSlow        = "slow@sandbox.test"        // CreateCheckout takes SlowDelay
	EmailLost        = "lost@sandbox.test"        // CreateCheckout fails, and the gateway never heard of the order
	EmailHop         = "hop@sandbox.test"         // the URL is made when the payer comes, as gateways with short-lived URLs do
	EmailDeposit     = "deposit@sandbox.test"     // the payer of a sale is told where to send the crypto by us, and not by a page
)

// SlowDelay is how long CreateCheckout takes for EmailSlow.
const SlowDelay = 3 * time.Second

// The purposes and the form of what is derived from the master key.
const (
	payPurpose          = "sandbox pay"
	notificationPurpose = "sandbox notification"
	payTokenChars       = 22 // of base64: 132 bits
)

var errUnavailable = errors.New("sandbox: unavailable, as the order's e-mail address asks")

// Gateway is the sandbox. It is safe for use by many at a time.
type Gateway struct {
	publicURL string
	ring      *vault.Ring
	min, max  money.Amount
}

// New makes the sandbox of the server that is reached at publicURL, such as "http://127.0.0.1:8080".
func New(publicURL string, ring *vault.Ring) *Gateway {
	g := &Gateway{publicURL: strings.TrimRight(publicURL, "/"), ring: ring}
	g.min, _ = money.Parse(MinFiat)
	g.max, _ = money.Parse(MaxFiat)
	return g
}

// Describe tells what the sandbox is.
func (g *Gateway) Describe() gateway.Description {
	return gateway.Description{ID: ID, Name: "Sandbox", Modes: []checkout.Mode{checkout.ModeTest}, Sell: true, KYC: true, NoAccount: true}
}

// Open is the sandbox itself, which is the same for all projects. Of what every account can be told it takes the priority.
func (g *Gateway) Open(a gateway.Account) (gateway.Gateway, error) {
	if err := a.Settings.Check(g.Describe()); err != nil {
		return nil, err
	}
	var e gateway.SettingsError
	for _, s := range gateway.Common {
		if a.Settings[s.Key] != "" && s.Key != "priority" {
			e.Problems = append(e.Problems, checkout.FieldError{Field: s.Key, Message: "is not a setting of " + ID})
		}
	}
	if len(e.Problems) > 0 {
		return nil, &e
	}
	return g, nil
}

// Check tells whether the sandbox serves the order: every asset of the catalogue on its networks, every fiat currency, and
// amounts from MinFiat to MaxFiat. Where several members fail, the error has the code of the first and lists them all.
func (g *Gateway) Check(o *checkout.Order) error {
	var failure *checkout.Error
	fail := func(code checkout.Code, field, message string) {
		f := checkout.FailField(code, field, message)
		if failure == nil {
			failure = f
			return
		}
		failure.Message += " " + f.Message
		failure.Fields = append(failure.Fields, f.Fields...)
	}
	coin, ok := asset.LookupAsset(o.CryptoCurrency)
	if !ok {
		fail(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not an asset that the sandbox serves: "+o.CryptoCurrency)
	}
	if _, known := money.LookupCurrency(o.FiatCurrency); !known {
		fail(checkout.CodeInvalidCurrency, "fiatCurrency", "is not an ISO 4217 currency: "+o.FiatCurrency)
	}
	if _, on := coin.OnNetwork(o.Network); ok && !on {
		fail(checkout.CodeInvalidNetwork, "network", "must be a network of "+coin.Code+": "+strings.Join(networksOf(coin), ", "))
	}
	if o.FiatAmount.Cmp(g.min) < 0 || o.FiatAmount.Cmp(g.max) > 0 {
		fail(checkout.CodeInvalidAmount, "fiatAmount", "must be from "+MinFiat+" to "+MaxFiat+" "+o.FiatCurrency)
	}
	if failure == nil {
		return nil // not failure itself, which would be an error that isn't nil
	}
	return failure
}

func networksOf(coin asset.Asset) []string {
	ids := make([]string, len(coin.Networks))
	for i, on := range coin.Networks {
		ids[i] = on.Network
	}
	return ids
}

// CreateCheckout gives the order's page, or fails as the order's e-mail address asks.
func (g *Gateway) CreateCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	switch strings.ToLower(r.Order.Email) {
	case EmailUnavailable, EmailLost:
		return gateway.Checkout{}, errUnavailable
	case EmailSlow:
		timer := time.NewTimer(SlowDelay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return gateway.Checkout{}, ctx.Err()
		case <-timer.C:
		}
	}
	return g.linked(r), nil
}

// FindCheckout gives the order's page, which always exists, except for EmailLost.
func (g *Gateway) FindCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	if strings.EqualFold(r.Order.Email, EmailLost) {
		return gateway.Checkout{}, gateway.ErrNotFound
	}
	return g.linked(r), nil
}

// OpenCheckout gives the order's page too.
func (g *Gateway) OpenCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	return g.checkout(r), nil
}

// linked is the checkout, without its URL where that is for OpenCheckout to tell.
func (g *Gateway) linked(r gateway.Request) gateway.Checkout {
	c := g.checkout(r)
	if strings.EqualFold(r.Order.Email, EmailHop) {
		c.URL = ""
	}
	return c
}

func (g *Gateway) checkout(r gateway.Request) gateway.Checkout {
	o, language := r.Order, ""
	if r.Language != "" {
		language = "&lang=" + url.QueryEscape(r.Language)
	}
	path := "/sandbox/pay/" + url.PathEscape(string(o.ProjectID)) + "/" + url.PathEscape(string(o.ID))
	return gateway.Checkout{
		URL:             g.publicURL + path + "?t=" + g.PayToken(o) + language,
		ExternalOrderID: externalOrderID(o.ID),
	}
}

func externalOrderID(id checkout.OrderID) string {
	sum := sha256.Sum256([]byte("sandbox order " + id))
	return "sbx_" + hex.EncodeToString(sum[:12])
}

// PayToken is what opens the order's page. It is made with the newest master key.
func (g *Gateway) PayToken(o *checkout.Order) string {
	token, _ := g.ring.Token(payPurpose, paySubject(o.ProjectID, o.ID))
	return token[:payTokenChars]
}

// CheckPayToken tells whether the token opens the order's page; one made with any master key of the ring does.
func (g *Gateway) CheckPayToken(project checkout.ProjectID, order checkout.OrderID, token string) bool {
	for _, want := range g.ring.Tokens(payPurpose, paySubject(project, order)) {
		if vault.Equal(want[:payTokenChars], token) {
			return true
		}
	}
	return false
}

func paySubject(project checkout.ProjectID, order checkout.OrderID) string {
	return string(project) + "/" + string(order)
}
