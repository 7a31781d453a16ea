// Package banxa sells and buys crypto through Banxa's Hosted Checkout: an order is made there, and its checkout lives for a
// minute until it is opened. https://docs.banxa.com/products/hosted-checkout
//
// It keeps nothing. Each time the payer follows the order's link, another order is made at Banxa, with our order's id as its
// reference; at most one of them gets paid. Invariant: nothing is asked of Banxa before the payer comes, and a notification
// is believed only if the account's API secret has signed it, for the account's own path, within the last hour.
package banxa

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// ID names the gateway on the wire.
const ID = "banxa"

const name = "Banxa"

// https://docs.banxa.com/products/hosted-checkout/docs/getting-started/authentication-and-environments
const (
	sandboxAPI    = "https://api.banxa-sandbox.com"
	productionAPI = "https://api.banxa.com"
)

// urlServes is how long a checkout waits to be opened.
const urlServes = time.Minute

// Provider is Banxa as such.
type Provider struct{ client *http.Client }

// New makes the provider, which calls Banxa by the client; nil is http.DefaultClient.
func New(client *http.Client) *Provider { return &Provider{client} }

// Describe tells what Banxa is.
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: name, Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		Sell: true, SellNeedsWallet: true, Iframe: true, KYC: true, PollEvery: 5 * time.Minute,
		Settings: []gateway.Setting{
			{Key: "partner", Required: true, Help: "The partner's reference, as Banxa gave it at onboarding; it is in the path of each call."},
			{Key: "apiKey", Required: true, Secret: true, Help: "The API key, from Banxa's dashboard; sandbox and production have one each."},
			{Key: "apiSecret", Required: true, Secret: true, Help: "The API secret beside the API key, which signs notifications."},
			{Key: "webhookPath", Help: "The path of the webhook URL as Banxa's dashboard has it, where a proxy makes it another than the server's own.", Default: "the path of the server's own URL for the notifications"},
			{Key: "ipBinding", Help: "The members that bind an order to the payer's address, a JSON object with {ip}, {hash}, {hashBase64} or {range} in it; docs/gateways/banxa.md tells more.", Default: "none are sent"},
		},
	}
}

// account is a project's account at Banxa.
type account struct {
	gateway.Account
	http              *http.Client
	limits            gateway.Limits
	serving           *gateway.Serving
	apiURL            string // with the partner and the version
	apiKey, apiSecret string
	webhookPath       string
	binding           binding
}

var (
	partnerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	keyForm     = regexp.MustCompile(`^[!-~]+$`) // it goes into a header
	pathForm    = regexp.MustCompile(`^/[!-~]*$`)
)

// Open makes the gateway of the account.
func (p *Provider) Open(a gateway.Account) (gateway.Gateway, error) {
	var own []checkout.FieldError
	add := func(key, message string) { own = append(own, checkout.FieldError{Field: key, Message: message}) }
	check := func(key string, form *regexp.Regexp, message string) {
		if value := a.Settings[key]; value != "" && !form.MatchString(value) {
			add(key, message)
		}
	}
	check("partner", partnerForm, "must be the partner's reference alone, such as acme")
	check("apiKey", keyForm, "must be the key as the dashboard shows it, without space")
	check("apiSecret", keyForm, "must be the secret as the dashboard shows it, without space")
	check("webhookPath", pathForm, "must be a path that begins with a slash, such as /gateways/banxa/webhook/…")
	bound := binding(a.Settings["ipBinding"])
	if message := bound.check(); message != "" {
		add("ipBinding", message)
	}
	if err := a.Settings.Check(describe(), own...); err != nil {
		return nil, err
	}
	limits, err := a.Settings.Limits()
	if err != nil {
		return nil, err
	}
	serving, err := gateway.DecodeServing(a.Catalogue)
	if err != nil { // none yet, or one of another release, which the next Load replaces
		serving = builtIn()
	}
	return &account{
		Account: a, http: p.client, limits: limits, serving: serving,
		apiURL: a.BaseURL("apiBaseURL", sandboxAPI, productionAPI) + "/" + url.PathEscape(a.Settings["partner"]) + "/v2",
		apiKey: a.Settings["apiKey"], apiSecret: a.Settings["apiSecret"], binding: bound,
		webhookPath: cmp.Or(a.Settings["webhookPath"], pathOf(a.NotifyURL)),
	}, nil
}

// pathOf is the path that is asked for when the URL is called.
func pathOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "/"
	}
	return cmp.Or(u.EscapedPath(), "/")
}

// Describe tells what Banxa is.
func (a *account) Describe() gateway.Description { return describe() }

// Check tells whether Banxa serves the order.
func (a *account) Check(o *checkout.Order) error {
	if err := a.serving.Check(name, o, a.limits); err != nil {
		return err
	}
	return a.serving.CheckTag(name, o)
}

// List tells what Check lets pass.
func (a *account) List(kind checkout.OrderType, country string) gateway.Catalogue {
	return a.serving.List(kind, country, a.limits)
}

// CreateCheckout asks nobody: the order is made there when the payer comes.
func (a *account) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// FindCheckout asks nobody either.
func (a *account) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

var errNoAddress = errors.New("banxa: the payer's IP address is unknown, and by the account's ipBinding an order is bound to it: see to it that the server is told of it, by trusted proxies that forward it")

// OpenCheckout makes another order at Banxa.
// https://docs.banxa.com/products/hosted-checkout/docs/api-integration/create-buy-order
func (a *account) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	body, err := a.order(ctx, r)
	if err != nil {
		return gateway.Checkout{}, err
	}
	var made struct {
		ID          string `json:"id"`
		CheckoutURL string `json:"checkoutUrl"`
	}
	request := gatewaycall.Request{Method: http.MethodPost, URL: a.apiURL + "/" + side(r.Order.Type), Body: body}
	if err := a.call(ctx, request, &made); err != nil {
		return gateway.Checkout{}, err
	}
	checkoutURL, err := gateway.CheckoutURL(made.CheckoutURL, a.Settings["widgetBaseURL"])
	if err != nil || made.ID == "" {
		return gateway.Checkout{}, errors.New("banxa: the answer has no id, or no checkoutUrl that is an URL")
	}
	return gateway.Checkout{URL: checkoutURL, ExternalOrderID: made.ID, Serves: urlServes}, nil
}

// orderMembers are those of an order; what is not set is left out, because null is refused (error 4002).
var orderMembers = map[string]bool{
	"crypto": true, "blockchain": true, "fiat": true, "fiatAmount": true, "cryptoAmount": true, "walletAddress": true,
	"walletAddressTag": true, "redirectUrl": true, "externalCustomerId": true, "externalOrderId": true, "email": true,
	"paymentMethodId": true, "subPartnerId": true, "metadata": true, "discountCode": true,
}

// order is the body of the call that makes one: what it says is what the checkout is for.
func (a *account) order(ctx context.Context, r gateway.Request) (map[string]any, error) {
	o := r.Order
	on, ok := a.serving.Of(o.Type).Asset(o.CryptoCurrency, o.Network)
	if !ok {
		return nil, a.Check(o) // the catalogue has lost it since the order was made
	}
	body := map[string]any{}
	set := func(member, value string) {
		if value != "" {
			body[member] = value
		}
	}
	set("crypto", on.TheirCode)
	set("blockchain", on.TheirNetwork)
	set("fiat", o.FiatCurrency)
	set("walletAddress", o.WalletAddress)
	set("walletAddressTag", o.WalletTag)
	set("redirectUrl", cmp.Or(o.RedirectURL, a.home()))
	set("externalCustomerId", customer(o))
	set("externalOrderId", string(o.ID))
	set("email", o.Email)
	if o.Type == checkout.Buy {
		set("fiatAmount", o.FiatAmount.String())
	} else { // a sale goes by its crypto amount: .../api-integration/create-sell-order
		amount := o.CryptoAmount
		if !amount.IsSet() {
			q, err := a.Quote(ctx, gateway.QuoteRequest{Order: o, Now: r.Now, Address: r.Address})
			if err != nil {
				return nil, err
			}
			amount = q.CryptoAmount
		}
		set("cryptoAmount", amount.String())
	}
	return body, a.bind(body, r.Address)
}

// bind adds what binds the order to the payer's address.
func (a *account) bind(body map[string]any, payer netip.Addr) error {
	if a.binding == "" {
		return nil
	}
	if !payer.IsValid() {
		return errNoAddress
	}
	members, err := a.binding.members(a.apiSecret, payer)
	for member, value := range members {
		body[member] = value
	}
	return err
}

// home is our own server, for payers whose order says nowhere to go back to: Banxa insists on an URL.
func (a *account) home() string {
	u, err := url.Parse(a.NotifyURL)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
}

// customer is by what Banxa knows the payer again: an id of ours. The project's own may be somebody's name or address, which
// Banxa doesn't want there: .../docs/getting-started/integration-best-practices#externalcustomerid
func customer(o *checkout.Order) string {
	return cmp.Or(string(o.CustomerID), string(o.ID))
}

// side is what Banxa calls the kind of orders.
func side(kind checkout.OrderType) string {
	if kind == checkout.Sell {
		return "sell"
	}
	return "buy"
}
