// Package ramp is the gateway Ramp Network: signed URLs of its hosted widget to buy and to sell, its signed webhooks, its
// quotes, and its purchases and sales.
//
// It makes no purchase itself (the payer does, on Ramp's page). Sources stand beside each rule, as pages of
// https://docs.rampnetwork.com; what they leave open is told in docs/gateways/ramp.md. Ramp has no field for our order's id, so
// that the URL for its webhooks carries it. Whether what was paid is what was ordered is not judged here: it is told, for app to
// compare. Invariant: a notification counts only for the order whose URL it came to.
package ramp

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// ID names the gateway on the wire.
const ID = "ramp"

// Hosts of the two worlds; older pages name ramp.network in place of rampnetwork.com.
const (
	apiURL        = "https://api.rampnetwork.com/api"
	apiDemoURL    = "https://api.demo.rampnetwork.com/api"
	widgetURL     = "https://app.rampnetwork.com"
	widgetDemoURL = "https://app.demo.rampnetwork.com"
)

// The public keys of Ramp's webhooks (webhooks). There is no way to ask for newer ones, hence the setting.
const (
	webhookKey     = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAElvxpYOhgdAmI+7oL4mABRAfM5CwLkCbZm64ERVKAisSulWFC3oRZom/PeyE2iXPX1ekp9UD1r+51c9TiuIHU4w=="
	webhookDemoKey = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEevN2PMEeIaaMkS4VIfXOqsLebj19kVeuwWl0AnkIA6DJU0r3ixkXVhJTltycJtkDoEAYtPHfARyTofB5ZNw9xA=="
)

// pollEvery keeps within 100 requests a minute and 1000 in 15, which all of a server's orders share (rate-limiting).
const pollEvery = 3 * time.Minute

// Provider opens accounts at Ramp.
type Provider struct{ client *http.Client }

// New makes the provider, whose accounts call Ramp by the client.
func New(client *http.Client) *Provider { return &Provider{client: client} }

// Describe tells what Ramp is.
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: "Ramp Network", Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		Sell: true, Widget: true, KYC: true, PollEvery: pollEvery,
		Settings: []gateway.Setting{
			{Key: "hostApiKey", Required: true, Help: "The API key that Ramp gave you; it is part of every URL and no secret."},
			{Key: "signingKey", Required: true, Secret: true, Help: "The Ed25519 private key that signs the URLs, as PKCS#8 in base64 or PEM; you make it and give Ramp the public one."},
			{Key: "webhookPublicKey", Help: "Ramp's public key for webhooks, as in its documentation, in base64 or PEM.", Default: "the environment's, as documented"},
			{Key: "ipHashSecret", Secret: true, Help: "The secret by which URLs are bound to the payer's address, where Ramp has set that up for you.", Default: "URLs are not bound"},
		},
	}
}

// Open makes the gateway of an account. Both keys must be keys.
func (p *Provider) Open(a gateway.Account) (gateway.Gateway, error) {
	var problems []checkout.FieldError
	var wrong *gateway.SettingsError
	if err := a.Settings.Check(describe()); errors.As(err, &wrong) {
		problems = wrong.Problems
	}
	signing, err := parseSigningKey(a.Settings["signingKey"])
	if err != nil && a.Settings["signingKey"] != "" {
		problems = append(problems, checkout.FieldError{Field: "signingKey", Message: "must be an Ed25519 private key, as PKCS#8 in base64 or PEM"})
	}
	documented := webhookDemoKey
	if a.Environment() == gateway.Production {
		documented = webhookKey
	}
	public, err := parsePublicKey(cmp.Or(a.Settings["webhookPublicKey"], documented))
	if err != nil {
		problems = append(problems, checkout.FieldError{Field: "webhookPublicKey", Message: "must be a secp256k1 public key, in base64 or PEM"})
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b checkout.FieldError) int { return cmp.Compare(a.Field, b.Field) })
		return nil, &gateway.SettingsError{Problems: problems}
	}
	limits, err := a.Settings.Limits()
	if err != nil {
		return nil, err
	}
	reference := hmac.New(sha256.New, signing.Seed())
	reference.Write([]byte("references in the URLs of Ramp's webhooks"))
	return &account{
		a: a, limits: limits, api: a.BaseURL("apiBaseURL", apiDemoURL, apiURL), signing: signing, public: public,
		reference: reference.Sum(nil), serving: parseCatalogue(a.Catalogue),
		call: gatewaycall.Client{HTTP: p.client, Secrets: []string{a.Settings["signingKey"], a.Settings["ipHashSecret"]}},
	}, nil
}

// der is what a key in base64 or PEM encodes.
func der(text string) []byte {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil
	}
	return raw
}

func parseSigningKey(text string) (ed25519.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der(text))
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("ramp: the key is of another algorithm")
	}
	return private, nil
}

// publicPrefix is how the DER of an uncompressed secp256k1 key begins, before its 65 bytes; crypto/x509 doesn't know the curve.
const publicPrefix = "\x30\x56\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a\x03\x42\x00"

func parsePublicKey(text string) (*secp256k1.PublicKey, error) {
	point, ok := strings.CutPrefix(string(der(text)), publicPrefix)
	if !ok {
		return nil, errors.New("ramp: the key is of another algorithm")
	}
	return secp256k1.ParsePubKey([]byte(point))
}

// account is a project's account at Ramp.
type account struct {
	a         gateway.Account
	limits    gateway.Limits
	api       string
	call      gatewaycall.Client
	signing   ed25519.PrivateKey
	public    *secp256k1.PublicKey
	reference []byte // the key that authenticates references
	serving   *gateway.Serving
}

// Describe tells what Ramp is.
func (g *account) Describe() gateway.Description { return describe() }

// Check tells whether Ramp serves the order, by what it published last. No parameter of its widget is for a memo or tag
// (configuration).
func (g *account) Check(o *checkout.Order) error {
	if err := g.serving.Check("Ramp", o, g.limits); err != nil || o.WalletTag == "" {
		return err
	}
	return checkout.FailField(checkout.CodeInvalidGateway, "walletTag", "can't be handed on to Ramp, and without it the crypto would be lost")
}

// List tells what Ramp serves, the same in all countries that the operator allows: Ramp itself decides by the payer.
func (g *account) List(kind checkout.OrderType, country string) gateway.Catalogue {
	return g.serving.List(kind, country, g.limits)
}

// CreateCheckout makes nothing yet: the URL is made when the payer comes, as its signature carries the time.
func (g *account) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// FindCheckout finds nothing to find: an order at Ramp begins with the payer.
func (g *account) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// OpenCheckout makes the signed URL of the widget.
func (g *account) OpenCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	o := r.Order
	coin, ok := g.serving.Of(o.Type).Asset(o.CryptoCurrency, o.Network)
	switch {
	case !ok:
		return gateway.Checkout{}, errors.New("ramp: it does not serve " + o.CryptoCurrency + " on " + o.Network + " any longer")
	case g.a.Settings["ipHashSecret"] != "" && !r.Address.IsValid():
		return gateway.Checkout{}, errors.New("ramp: the payer's address is not known, and the account binds its URLs to it; check the setting of trusted proxies")
	}
	q := g.query(r, coin.TheirCode)
	if secret := g.a.Settings["ipHashSecret"]; secret != "" {
		// As published by one who works on it (https://github.com/macbem/signed-url-test); the documentation is silent.
		sum := sha256.Sum256([]byte(secret + "-" + g.a.Settings["hostApiKey"] + "-" + r.Address.Unmap().WithZone("").String()))
		q.add("ipHash", hex.EncodeToString(sum[:]))
	}
	q.add("timestamp", strconv.FormatInt(r.Now.UnixMilli(), 10))
	// What is signed is what is sent, byte by byte, here without a question mark.
	text := q.String()
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(g.signing, []byte(text)))
	base := g.a.BaseURL("widgetBaseURL", widgetDemoURL, widgetURL)
	return gateway.Checkout{URL: base + "?" + text + "&signature=" + url.QueryEscape(signature)}, nil
}

// query has the unified parameters (search-params-migration, configuration), among which there is none for a language.
// enabledCryptoAssets and userAddress lock; the amount is a suggestion that the payer may change, as is the currency: what
// was paid is told when the notification comes.
func (g *account) query(r gateway.Request, code string) *query {
	o, q := r.Order, &query{}
	q.add("hostApiKey", g.a.Settings["hostApiKey"])
	q.add("userAddress", o.WalletAddress)
	flow := "ONRAMP"
	if o.Type == checkout.Sell {
		flow = "OFFRAMP"
	}
	q.add("enabledFlows", flow)
	q.add("defaultFlow", flow)
	q.add("enabledCryptoAssets", code)
	if o.Type == checkout.Sell {
		q.add("inAsset", code)
		q.add("outAsset", o.FiatCurrency)
		q.add("outAssetValue", o.FiatAmount.String())
	} else {
		q.add("inAsset", o.FiatCurrency)
		q.add("inAssetValue", o.FiatAmount.String())
		q.add("outAsset", code)
	}
	q.add("userEmailAddress", o.Email)
	q.add("selectedCountryCode", o.Country)
	q.add("finalUrl", o.RedirectURL)
	name := "webhookStatusUrl"
	if o.Type == checkout.Sell {
		name = "offrampWebhookV3Url"
	}
	q.add(name, g.a.NotifyURL+"?"+g.referTo(o))
	return q
}

// query is a query string that keeps the order of its parameters.
type query struct{ text strings.Builder }

// add adds a parameter that has a value. A space is written as %20: a plus sign would be one to some.
func (q *query) add(name, value string) {
	if value == "" {
		return
	}
	if q.text.Len() > 0 {
		q.text.WriteByte('&')
	}
	q.text.WriteString(name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
}

func (q *query) String() string { return q.text.String() }
