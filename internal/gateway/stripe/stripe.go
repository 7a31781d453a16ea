// Package stripe is Stripe's crypto onramp, hosted by Stripe: it sells crypto to the payer.
//
// It buys nothing back, embeds no widget, and takes no payments for anything but crypto. Invariant: asset, network and wallet of
// a session are locked, and the same payer who comes again gets the same session, so that an order is not paid twice.
package stripe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// ID names Stripe on the wire.
const ID = "stripe"

const apiURL = "https://api.stripe.com"

// The parameters under which a session takes the payer's e-mail address. Stripe's pages name two: the guides the one, the
// reference of the API the other.
const (
	emailCustomer = "customer_information"
	emailKYC      = "kyc_details"
	emailNone     = "none"
)

var settings = []gateway.Setting{
	{Key: "secretKey", Help: "The account's secret key, or a restricted one that may write crypto onramp sessions, from the dashboard under Developers, API keys; of test mode in the sandbox.", Required: true, Secret: true},
	{Key: "webhookSecret", Help: "The signing secret of the webhook endpoint; several with commas between while one replaces the other. Without it notifications are refused, and orders are followed by asking.", Secret: true},
	{Key: "apiVersion", Help: "The Stripe-Version to ask for, such as 2024-04-10;crypto_onramp_beta=v2 of accounts that were in the beta.", Default: "the account's"},
	{Key: "emailParameter", Help: "The parameter under which the payer's e-mail address is sent, or none: Stripe holds a payer to the Link account of that address.", Values: []string{emailCustomer, emailKYC, emailNone}, Default: emailCustomer},
}

// Provider is Stripe before there is an account.
type Provider struct{ client *http.Client }

// New makes the provider, which calls by the client.
func New(client *http.Client) *Provider { return &Provider{client} }

// Describe tells what Stripe is. Its embedded onramp would be a widget, but what we send the payer to is the hosted one.
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: "Stripe", Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		KYC: true, Settings: settings, PollEvery: time.Minute,
	}
}

// account is Stripe for one project.
type account struct {
	gateway.Account
	limits  gateway.Limits
	secrets []string // of webhooks
	live    bool
	call    *gatewaycall.Client
	pairs   []pair
	lists   map[region]gateway.Catalogue
}

var (
	keyForm     = regexp.MustCompile(`^(sk|rk)_(test|live)_[0-9A-Za-z]{8,}$`)
	secretForm  = regexp.MustCompile(`^whsec_[0-9A-Za-z+/=_-]+$`)
	versionForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[.;=_0-9a-z]*$`)
)

// Open makes the gateway of one account. The error is a *gateway.SettingsError.
func (p *Provider) Open(a gateway.Account) (gateway.Gateway, error) {
	var wrong gateway.SettingsError
	var found *gateway.SettingsError
	if errors.As(a.Settings.Check(describe()), &found) {
		wrong.Problems = found.Problems
	}
	add := func(key, message string) {
		wrong.Problems = append(wrong.Problems, checkout.FieldError{Field: key, Message: message})
	}
	key, live := a.Settings["secretKey"], a.Environment() == gateway.Production
	switch form := keyForm.FindStringSubmatch(key); {
	case key == "":
	case form == nil:
		add("secretKey", "must begin with sk_ or rk_, then test_ or live_; a publishable key (pk_) is another")
	case live && form[2] != "live":
		add("secretKey", "is of test mode, but the environment is production")
	case a.Environment() == gateway.Sandbox && form[2] != "test":
		add("secretKey", "is of live mode, but the environment is sandbox")
	}
	secrets := strings.FieldsFunc(a.Settings["webhookSecret"], func(r rune) bool { return r == ',' || r == ' ' })
	if slices.ContainsFunc(secrets, func(s string) bool { return !secretForm.MatchString(s) }) {
		add("webhookSecret", "must begin with whsec_")
	}
	if v := a.Settings["apiVersion"]; v != "" && !versionForm.MatchString(v) {
		add("apiVersion", "must begin with a date, such as 2024-04-10")
	}
	if len(wrong.Problems) > 0 {
		slices.SortStableFunc(wrong.Problems, func(x, y checkout.FieldError) int { return cmp.Compare(x.Field, y.Field) })
		return nil, &wrong
	}
	limits, err := a.Settings.Limits()
	if err != nil {
		return nil, err
	}
	g := &account{
		Account: a, limits: limits, secrets: secrets, live: live, pairs: storedPairs(a.Catalogue),
		call: &gatewaycall.Client{HTTP: p.client, Secrets: append([]string{key}, secrets...)},
	}
	g.lists = g.makeLists()
	return g, nil
}

// Describe tells what Stripe is.
func (a *account) Describe() gateway.Description { return describe() }

// Check tells whether Stripe serves the order, as far as its lists and the operator's limits say.
func (a *account) Check(o *checkout.Order) error {
	if o.Type == checkout.Sell {
		return checkout.FailField(checkout.CodeInvalidGateway, "gateway", "only sells: Stripe has no offramp")
	}
	listed := a.List(o.Type, o.Country)
	if err := listed.Check(o, "Stripe", a.limits); err != nil {
		return err
	}
	return tagged(o)
}

// tagged refuses an order with a memo or destination tag that no session would hand on, so that the crypto would be lost.
func tagged(o *checkout.Order) error {
	if o.WalletTag == "" || slices.Contains(tagNetworks, o.Network) {
		return nil
	}
	return checkout.FailField(checkout.CodeInvalidGateway, "walletTag", "can't be handed on: Stripe takes no memo or destination tag on "+o.Network+"; use an address that needs none, or another gateway")
}

// limitsIn are the operator's limits in the currency.
func (a *account) limitsIn(currency string) (least, most money.Amount) {
	if a.limits.Currency != "" && a.limits.Currency != currency {
		return money.Amount{}, money.Amount{}
	}
	return a.limits.Min, a.limits.Max
}

// CreateCheckout asks nobody: the session is made when the payer comes. What could not be made then is refused here.
func (a *account) CreateCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, makeable(r)
}

// FindCheckout finds what CreateCheckout gives, which nobody has to remember.
func (a *account) FindCheckout(_ context.Context, _ gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// makeable tells whether all is there that a session is made of.
func makeable(r gateway.Request) error {
	switch {
	case r.Order.Type == checkout.Sell:
		return errors.New("stripe: has no offramp")
	case r.Order.WalletAddress == "":
		return errors.New("stripe: the order has no wallet address")
	}
	return tagged(r.Order)
}

// ask makes one call (https://docs.stripe.com/api/crypto/onramp_sessions).
func (a *account) ask(ctx context.Context, method, path string, form url.Values, idempotencyKey string, into any) error {
	header := http.Header{"Authorization": {"Bearer " + a.Settings["secretKey"]}}
	if v := a.Settings["apiVersion"]; v != "" {
		header.Set("Stripe-Version", v)
	}
	if idempotencyKey != "" {
		header.Set("Idempotency-Key", idempotencyKey)
	}
	request := gatewaycall.Request{Method: method, URL: a.BaseURL("apiBaseURL", apiURL, apiURL) + path, Header: header}
	if method == http.MethodGet {
		if len(form) > 0 {
			request.URL += "?" + form.Encode()
		}
	} else {
		request.Form = form
	}
	return a.call.JSON(ctx, request, into)
}

// Probe asks for one session, whichever; a key that may see them may as a rule make them too.
func (a *account) Probe(ctx context.Context) error {
	var list json.RawMessage
	err := a.ask(ctx, http.MethodGet, "/v1/crypto/onramp_sessions", url.Values{"limit": {"1"}}, "", &list)
	var answer *gatewaycall.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Status {
	case http.StatusUnauthorized:
		return errors.Join(errors.New("stripe does not take the secretKey: copy it again from the dashboard, under Developers, API keys"), err)
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return errors.Join(errors.New("stripe takes the secretKey, but not for the crypto onramp: the account must have applied for it and been approved, in test mode too (https://dashboard.stripe.com/crypto-onramp/onboarding), and a restricted key needs the permission"), err)
	}
	return err
}
