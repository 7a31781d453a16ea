// Package moonpay is the gateway MoonPay: signed URLs of its hosted widget to buy and to sell, its signed webhooks, its quotes
// and its transactions.
//
// It makes no transaction itself (the payer does, on MoonPay's page) and keeps nothing. Sources stand beside each rule, as
// pages below https://dev.moonpay.com; what they leave open is told in docs/gateways/moonpay.md. Invariant: a URL to buy is
// signed over all its parameters and bound to the payer's address.
package moonpay

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// ID names the gateway on the wire.
const ID = "moonpay"

// Hosts. The API has one for both worlds, the key tells which is meant (api-reference/widget/using-the-api); the widget has
// one each (widget/on-ramp/customization/url-signing).
const (
	apiURL         = "https://api.moonpay.com"
	buyURL         = "https://buy.moonpay.com"
	buySandboxURL  = "https://buy-sandbox.moonpay.com"
	sellURL        = "https://sell.moonpay.com"
	sellSandboxURL = "https://sell-sandbox.moonpay.com"
)

// pollEvery keeps well within the 30 requests a second that an account has.
const pollEvery = time.Minute

// Provider opens accounts at MoonPay.
type Provider struct{ client *http.Client }

// New makes the provider, whose accounts call MoonPay by the client.
func New(client *http.Client) *Provider { return &Provider{client: client} }

// Describe tells what MoonPay is.
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: "MoonPay", Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		Sell: true, Iframe: true, Widget: true, KYC: true, PollEvery: pollEvery,
		Settings: []gateway.Setting{
			{Key: "apiKey", Required: true, Help: "The publishable key, pk_test_… or pk_live_…, from Developers > API keys of the dashboard."},
			{Key: "secretKey", Required: true, Secret: true, Help: "The secret key, sk_test_… or sk_live_…, from the same page; it signs the URLs."},
			{Key: "webhookKey", Required: true, Secret: true, Help: "The webhook key, from the same page; it is a third one."},
		},
	}
}

// Open makes the gateway of an account. The keys must be of the account's environment, so that no test pays real money.
func (p *Provider) Open(a gateway.Account) (gateway.Gateway, error) {
	var problems []checkout.FieldError
	var wrong *gateway.SettingsError
	if err := a.Settings.Check(describe()); errors.As(err, &wrong) {
		problems = wrong.Problems
	}
	if environment := a.Environment(); environment == gateway.Sandbox || environment == gateway.Production {
		suffix := "test_"
		if environment == gateway.Production {
			suffix = "live_"
		}
		for key, prefix := range map[string]string{"apiKey": "pk_" + suffix, "secretKey": "sk_" + suffix} {
			if value := a.Settings[key]; value != "" && (!strings.HasPrefix(value, prefix) || len(value) == len(prefix)) {
				problems = append(problems, checkout.FieldError{Field: key, Message: "must begin with " + prefix + ", as the environment is " + string(environment)})
			}
		}
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b checkout.FieldError) int { return cmp.Compare(a.Field, b.Field) })
		return nil, &gateway.SettingsError{Problems: problems}
	}
	limits, err := a.Settings.Limits()
	if err != nil {
		return nil, err
	}
	serving, tagged := parseCatalogue(a.Catalogue, a.Environment())
	return &account{
		a: a, limits: limits, api: a.BaseURL("apiBaseURL", apiURL, apiURL), serving: serving, tagged: tagged,
		call: gatewaycall.Client{HTTP: p.client, Secrets: []string{a.Settings["secretKey"], a.Settings["webhookKey"]}},
	}, nil
}

// account is a project's account at MoonPay.
type account struct {
	a       gateway.Account
	limits  gateway.Limits
	api     string
	call    gatewaycall.Client
	serving *gateway.Serving
	tagged  []string // MoonPay's codes of the assets whose addresses may have a tag
}

// Describe tells what MoonPay is.
func (g *account) Describe() gateway.Description { return describe() }

// Check tells whether MoonPay serves the order, by what it published last. A tag goes with the address of a buyer, if MoonPay
// says that the asset takes one (supportsAddressTag, api-reference/widget/getcurrencies). The address for a refund to a seller
// has no parameter for one (widget/off-ramp/customization/parameters).
func (g *account) Check(o *checkout.Order) error {
	if err := g.serving.Check("MoonPay", o, g.limits); err != nil || o.WalletTag == "" {
		return err
	}
	coin, _ := g.serving.Of(o.Type).Asset(o.CryptoCurrency, o.Network)
	if o.Type == checkout.Sell || !slices.Contains(g.tagged, coin.TheirCode) {
		return checkout.FailField(checkout.CodeInvalidGateway, "walletTag", "can't be handed on to MoonPay for an order to "+string(o.Type)+" "+o.CryptoCurrency+" on "+o.Network+", and without it the crypto would be lost")
	}
	return nil
}

// List tells what MoonPay serves.
func (g *account) List(kind checkout.OrderType, country string) gateway.Catalogue {
	return g.serving.List(kind, country, g.limits)
}

// CreateCheckout makes nothing yet: the URL is made when the payer comes, as it is bound to the payer's address.
func (g *account) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// FindCheckout finds nothing to find: an order at MoonPay begins with the payer.
func (g *account) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// OpenCheckout makes the signed URL of the widget.
func (g *account) OpenCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	coin, ok := g.serving.Of(r.Order.Type).Asset(r.Order.CryptoCurrency, r.Order.Network)
	if !ok {
		return gateway.Checkout{}, errors.New("moonpay: it does not serve " + r.Order.CryptoCurrency + " on " + r.Order.Network + " any longer")
	}
	if r.Order.Type == checkout.Sell {
		base := g.a.BaseURL("widgetBaseURL", sellSandboxURL, sellURL)
		return gateway.Checkout{URL: base + g.sign(g.sellQuery(r, coin.TheirCode))}, nil
	}
	if !r.Address.IsValid() {
		return gateway.Checkout{}, errors.New("moonpay: the payer's address is not known, and MoonPay opens no URL that is not bound to it; check the setting of trusted proxies")
	}
	base := g.a.BaseURL("widgetBaseURL", buySandboxURL, buyURL)
	return gateway.Checkout{URL: base + g.sign(g.buyQuery(r, coin.TheirCode))}, nil
}

// buyQuery follows widget/on-ramp/customization/parameters. With lockAmount, the amount and both currencies can't be changed,
// with walletAddress the wallet can't. areFeesIncluded makes the amount what the payer pays in all.
func (g *account) buyQuery(r gateway.Request, code string) *query {
	o, q := r.Order, &query{}
	q.add("apiKey", g.a.Settings["apiKey"])
	q.add("currencyCode", code)
	q.add("walletAddress", o.WalletAddress)
	q.add("walletAddressTag", o.WalletTag)
	q.add("baseCurrencyCode", strings.ToLower(o.FiatCurrency))
	q.add("baseCurrencyAmount", o.FiatAmount.String())
	q.add("areFeesIncluded", "true")
	q.add("lockAmount", "true")
	g.addReferences(q, r)
	q.add("allowedIpAddress", g.hashAddress(r.Address))
	return q
}

// sellQuery follows widget/off-ramp/customization/parameters. lockAmount is said to lock an amount of crypto; whether it locks
// one of fiat too is not said. Matching the payer's address is documented for buying only, so that nothing is said of it here.
func (g *account) sellQuery(r gateway.Request, code string) *query {
	o, q := r.Order, &query{}
	q.add("apiKey", g.a.Settings["apiKey"])
	q.add("baseCurrencyCode", code)
	q.add("quoteCurrencyCode", strings.ToLower(o.FiatCurrency))
	q.add("quoteCurrencyAmount", o.FiatAmount.String())
	q.add("lockAmount", "true")
	q.add("refundWalletAddress", o.WalletAddress)
	g.addReferences(q, r)
	return q
}

func (g *account) addReferences(q *query, r gateway.Request) {
	o := r.Order
	q.add("externalTransactionId", referTo(o))
	q.add("externalCustomerId", cmp.Or(string(o.CustomerID), o.ExternalCustomerID))
	q.add("email", o.Email)
	q.add("redirectURL", o.RedirectURL)
	q.add("language", languageCode(r.Language))
}

// sellSuffix ends the reference of an order to sell. MoonPay doesn't see to it that a reference is used by whom it was made for,
// and nobody shall sell crypto of theirs, and be paid for it, as somebody else's order to buy.
const sellSuffix = "-sell"

// referTo is what MoonPay calls the order.
func referTo(o *checkout.Order) string {
	if o.Type == checkout.Sell {
		return string(o.ID) + sellSuffix
	}
	return string(o.ID)
}

// languageCode is the language as ISO 639-1, which the parameter takes; empty where it has no such code.
func languageCode(tag string) string {
	code, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if len(code) != 2 {
		return ""
	}
	return code
}

// hashAddress is what MoonPay compares the hash of the visitor's address to (widget/on-ramp/customization/ip-matching).
func (g *account) hashAddress(address netip.Addr) string {
	return g.mac(address.Unmap().WithZone("").String())
}

// sign ends the query with its signature (widget/on-ramp/customization/url-signing). What is signed is what is sent, byte by
// byte, with its question mark.
func (g *account) sign(q *query) string {
	text := q.String()
	return text + "&signature=" + escape(g.mac(text))
}

func (g *account) mac(message string) string {
	mac := hmac.New(sha256.New, []byte(g.a.Settings["secretKey"]))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// query is a query string that keeps the order of its parameters.
type query struct{ text strings.Builder }

// add adds a parameter that has a value.
func (q *query) add(name, value string) {
	if value == "" {
		return
	}
	if q.text.Len() == 0 {
		q.text.WriteByte('?')
	} else {
		q.text.WriteByte('&')
	}
	q.text.WriteString(name + "=" + escape(value))
}

func (q *query) String() string { return q.text.String() }

// escape writes a space as %20: a plus sign would be one to some.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }
