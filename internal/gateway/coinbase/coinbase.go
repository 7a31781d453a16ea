// Package coinbase is Coinbase Onramp and Offramp, as the Coinbase Developer Platform (CDP) serves them: a hosted page that
// sells crypto to the payer, or takes it back.
//
// It makes no headless orders and shows no page itself: where a seller sends the crypto it tells in updates (docs/gateways/coinbase.md).
// Invariant: a checkout is asked for when the payer comes, never before, and an account in the sandbox neither makes nor
// believes anything that could move money.
package coinbase

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// ID names Coinbase on the wire.
const ID = "coinbase"

// Where CDP answers. The hosts are signed in every token, also where a proxy stands in between.
const (
	platformHost  = "api.cdp.coinbase.com"       // version 2, below /platform
	developerHost = "api.developer.coinbase.com" // version 1, below /onramp: what version 2 doesn't have yet
	widgetURL     = "https://pay.coinbase.com"
)

// urlServes is how long a session token serves, and it serves once
// (https://docs.cdp.coinbase.com/onramp-&-offramp/session-token-authentication).
const urlServes = 5 * time.Minute

// minLineChars tells the lines of a PEM text, which are hidden one by one, from the words around it.
const minLineChars = 16

// defaultSubdivision is the US state for which prices and lists are asked, as the API wants one and an order has none.
const defaultSubdivision = "CA"

var settings = []gateway.Setting{
	{Key: "keyId", Help: "The id of a Secret API key of the CDP project, from the CDP portal under API Keys.", Required: true},
	{Key: "keySecret", Help: "Its secret: base64 of an Ed25519 key, or the PEM text of an EC key.", Required: true, Secret: true},
	{Key: "webhookSecret", Help: "The secret that came with the webhook subscription; several with commas between while one replaces the other. Without it notifications are refused, and orders are followed by asking.", Secret: true},
	{Key: "subdivision", Help: "The US state that prices and lists are asked for, as two letters: the API wants one for payers in the US, and an order has none.", Default: defaultSubdivision},
}

// Provider is Coinbase before there is an account.
type Provider struct{ client *http.Client }

// New makes the provider, which calls by the client.
func New(client *http.Client) *Provider { return &Provider{client} }

// Describe tells what Coinbase is. Its pages open in a window of their own: they refuse frames
// (https://docs.cdp.coinbase.com/onramp/additional-resources/faq).
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: "Coinbase", Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		Sell: true, SellNeedsWallet: true, KYC: true, Settings: settings, PollEvery: time.Minute,
	}
}

// account is Coinbase for one project.
type account struct {
	gateway.Account
	limits  gateway.Limits
	key     *apiKey
	secrets []string // of webhooks
	sandbox bool
	call    *gatewaycall.Client
	serves  catalogue
}

var subdivisionForm = regexp.MustCompile(`^[A-Z]{2}$`)

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
	key, err := parseKey(a.Settings["keyId"], a.Settings["keySecret"])
	if err != nil && a.Settings["keySecret"] != "" {
		add("keySecret", err.Error())
	}
	if s := a.Settings["subdivision"]; s != "" && !subdivisionForm.MatchString(s) {
		add("subdivision", "must be two upper-case letters, such as NY")
	}
	if len(wrong.Problems) > 0 {
		slices.SortStableFunc(wrong.Problems, func(x, y checkout.FieldError) int { return cmp.Compare(x.Field, y.Field) })
		return nil, &wrong
	}
	limits, err := a.Settings.Limits()
	if err != nil {
		return nil, err
	}
	secrets := strings.FieldsFunc(a.Settings["webhookSecret"], func(r rune) bool { return r == ',' || r == ' ' })
	hidden := append([]string{a.Settings["keySecret"]}, secrets...)
	for word := range strings.FieldsSeq(strings.ReplaceAll(a.Settings["keySecret"], `\n`, " ")) {
		if len(word) >= minLineChars {
			hidden = append(hidden, word)
		}
	}
	return &account{
		Account: a, limits: limits, key: key, secrets: secrets, sandbox: a.Environment() == gateway.Sandbox,
		call:   &gatewaycall.Client{HTTP: p.client, Secrets: hidden},
		serves: newCatalogue(a.Catalogue, limits),
	}, nil
}

// Describe tells what Coinbase is for the account. The sandbox knows guest purchases only
// (https://docs.cdp.coinbase.com/onramp-&-offramp/integration/sandbox-testing), so that a sale there would be a real one.
func (a *account) Describe() gateway.Description {
	d := describe()
	d.Sell = !a.sandbox
	return d
}

// Check tells whether Coinbase serves the order, as far as its lists and the operator's limits say.
func (a *account) Check(o *checkout.Order) error {
	if o.Type == checkout.Sell && a.sandbox {
		return checkout.FailField(checkout.CodeInvalidGateway, "gateway", "sells only in the sandbox, which has no offramp")
	}
	listed := a.List(o.Type, o.Country)
	if err := listed.Check(o, "Coinbase", a.limits); err != nil {
		return err
	}
	return tagged(o)
}

// tagged refuses an order with a memo or destination tag: neither API has a member for one, and crypto sent without it would be
// lost.
func tagged(o *checkout.Order) error {
	if o.WalletTag == "" {
		return nil
	}
	return checkout.FailField(checkout.CodeInvalidGateway, "walletTag", "can't be handed on: Coinbase takes no memo or destination tag; use an address that needs none, or another gateway")
}

// CreateCheckout asks nobody: the URL is made when the payer comes. What could not be made then is refused here.
func (a *account) CreateCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, a.makeable(r)
}

// FindCheckout finds what CreateCheckout gives, which nobody has to remember.
func (a *account) FindCheckout(_ context.Context, _ gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// makeable tells whether all is there that a checkout is made of.
func (a *account) makeable(r gateway.Request) error {
	o := r.Order
	switch {
	case o.WalletTag != "":
		return tagged(o)
	case o.WalletAddress == "":
		return errors.New("coinbase: the order has no wallet address")
	case o.Type == checkout.Sell && a.sandbox:
		return errors.New("coinbase: the sandbox has no offramp, and a sale there would be a real one")
	case o.Type == checkout.Sell && o.RedirectURL == "":
		return errors.New("coinbase: an offramp needs a redirectUrl, to which the payer returns to send the crypto")
	case len(a.reference(o)) > maxReferenceBytes:
		return errors.New("coinbase: the order's id is too long for its partnerUserRef")
	}
	return nil
}

// ask makes one call. The path is the one of the host, with its query apart: the token names host and path alone.
func (a *account) ask(ctx context.Context, at time.Time, method, host, path, query string, body, into any) error {
	token, err := a.key.token(method, host+path, at)
	if err != nil {
		return err
	}
	url := a.BaseURL("apiBaseURL", "https://"+host, "https://"+host) + path
	if query != "" {
		url += "?" + query
	}
	return a.call.JSON(ctx, gatewaycall.Request{
		Method: method, URL: url, Body: body, Header: http.Header{"Authorization": {"Bearer " + token}},
	}, into)
}

// Probe asks for the list of countries, which any working key may see.
func (a *account) Probe(ctx context.Context) error {
	at, err := a.clock()
	if err != nil {
		return err
	}
	var list json.RawMessage
	err = a.ask(ctx, at, http.MethodGet, developerHost, "/onramp/v1/buy/config", "", nil, &list)
	var answer *gatewaycall.Error
	if errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden) {
		return errors.Join(errors.New("coinbase does not take the key: keyId and keySecret must be of one Secret API key of the CDP project, which may be used from this server's address; and this server's clock must be right"), err)
	}
	return err
}

func (a *account) clock() (time.Time, error) {
	if a.Now == nil {
		return time.Time{}, errors.New("coinbase: the account was opened without a clock, and tokens carry the time")
	}
	return a.Now(), nil
}
