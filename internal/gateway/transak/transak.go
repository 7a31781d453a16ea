// Package transak sells and buys crypto through Transak: its checkout is a widget, whose URL Transak makes on request, for
// one visit of one payer within five minutes. https://docs.transak.com
//
// It keeps nothing: the access token is kept by gateway.Tokens, so that one node renews it for all. Invariant: nothing is
// asked of Transak before the payer follows the order's link, so that an order can neither be lost nor made twice there; and
// a notification is believed only if a token that Transak has given to this account has signed it.
package transak

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// ID names the gateway on the wire.
const ID = "transak"

const name = "Transak"

// The hosts of https://docs.transak.com/api/public/create-widget-url: those of the partner API, and of the API's gateway,
// which makes the widget's URLs. The setting apiBaseURL stands for both.
const (
	sandboxAPI        = "https://api-stg.transak.com"
	productionAPI     = "https://api.transak.com"
	sandboxGateway    = "https://api-gateway-stg.transak.com"
	productionGateway = "https://api-gateway.transak.com"
)

// urlServes is how long the widget's URL may be followed, once.
const urlServes = 5 * time.Minute

// Provider is Transak as such.
type Provider struct{ client *http.Client }

// New makes the provider, which calls Transak by the client; nil is http.DefaultClient.
func New(client *http.Client) *Provider { return &Provider{client} }

// Describe tells what Transak is.
func (p *Provider) Describe() gateway.Description { return describe() }

func describe() gateway.Description {
	return gateway.Description{
		ID: ID, Name: name, Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive},
		Sell: true, Iframe: true, Widget: true, KYC: true, PollEvery: 2 * time.Minute,
		Settings: []gateway.Setting{
			{Key: "apiKey", Required: true, Help: "The API key, from the developers' section of Transak's partner dashboard; staging and production have one each."},
			{Key: "apiSecret", Required: true, Secret: true, Help: "The API secret beside the API key."},
			{Key: "referrerDomain", Required: true, Help: "The domain that Transak has on its list for the API key, exactly as there, such as shop.example."},
		},
	}
}

// account is a project's account at Transak.
type account struct {
	gateway.Account
	http               *http.Client
	limits             gateway.Limits
	serving            *gateway.Serving
	apiURL, gatewayURL string
	apiKey, apiSecret  string
	referrer           string
}

// A domain, or the name of an app's package.
var referrerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?$`)

// Keys and secrets go into headers.
var keyForm = regexp.MustCompile(`^[!-~]+$`)

// Open makes the gateway of the account.
func (p *Provider) Open(a gateway.Account) (gateway.Gateway, error) {
	var own []checkout.FieldError
	check := func(key string, form *regexp.Regexp, message string) {
		if value := a.Settings[key]; value != "" && !form.MatchString(value) {
			own = append(own, checkout.FieldError{Field: key, Message: message})
		}
	}
	check("apiKey", keyForm, "must be the key as the dashboard shows it, without space")
	check("apiSecret", keyForm, "must be the secret as the dashboard shows it, without space")
	check("referrerDomain", referrerForm, "must be a domain without scheme and path, such as shop.example")
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
		apiURL:     a.BaseURL("apiBaseURL", sandboxAPI, productionAPI),
		gatewayURL: a.BaseURL("apiBaseURL", sandboxGateway, productionGateway),
		apiKey:     a.Settings["apiKey"], apiSecret: a.Settings["apiSecret"],
		referrer: a.Settings["referrerDomain"],
	}, nil
}

// Describe tells what Transak is.
func (a *account) Describe() gateway.Description { return describe() }

// Check tells whether Transak serves the order.
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

// CreateCheckout asks nobody: the URL is made when the payer comes.
func (a *account) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// FindCheckout asks nobody either.
func (a *account) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

// widgetParams are the widget's parameters, https://docs.transak.com/customization/query-parameters. Those whose name
// doesn't begin with default fix their value; the exchange screen stays, because on it the payer chooses how to pay.
type widgetParams struct {
	APIKey             string       `json:"apiKey"`
	ReferrerDomain     string       `json:"referrerDomain"`
	ProductsAvailed    string       `json:"productsAvailed"`
	FiatAmount         json.Number  `json:"fiatAmount,omitempty"`
	CryptoAmount       json.Number  `json:"cryptoAmount,omitempty"`
	FiatCurrency       string       `json:"fiatCurrency"`
	CryptoCurrencyCode string       `json:"cryptoCurrencyCode"`
	Network            string       `json:"network"`
	WalletAddress      string       `json:"walletAddress,omitempty"`
	WalletAddresses    *walletsData `json:"walletAddressesData,omitempty"`
	DisableWalletForm  bool         `json:"disableWalletAddressForm,omitempty"`
	PartnerOrderID     string       `json:"partnerOrderId"`
	PartnerCustomerID  string       `json:"partnerCustomerId,omitempty"`
	Email              string       `json:"email,omitempty"`
	RedirectURL        string       `json:"redirectURL,omitempty"`
}

// walletsData is the form of an address that has a memo or tag, by coin, as coins on "mainnet" have no network to tell them
// apart. https://docs.transak.com/guides/how-to-use-advanced-query-params
type walletsData struct {
	Coins map[string]wallet `json:"coins"`
}

type wallet struct {
	Address string `json:"address"`
	Tag     string `json:"addressAdditionalData"`
}

var errNoAddress = errors.New("transak: the payer's IP address is unknown, and Transak makes no checkout without it: see to it that the server is told of it, by trusted proxies that forward it")

// OpenCheckout makes a fresh widget for the order and the payer's address.
func (a *account) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	if !r.Address.IsValid() {
		return gateway.Checkout{}, errNoAddress
	}
	params, err := a.widget(ctx, r)
	if err != nil {
		return gateway.Checkout{}, err
	}
	var answer struct {
		Data struct {
			WidgetURL string `json:"widgetUrl"`
		} `json:"data"`
	}
	err = a.authorised(ctx, gatewaycall.Request{
		Method: http.MethodPost, URL: a.gatewayURL + "/api/v2/auth/session", Header: a.header(r.Address),
		Body: map[string]any{"widgetParams": params},
	}, &answer)
	if err != nil {
		return gateway.Checkout{}, err
	}
	made, err := gateway.CheckoutURL(answer.Data.WidgetURL, a.Settings["widgetBaseURL"])
	if err != nil {
		return gateway.Checkout{}, fmt.Errorf("transak: %w", err)
	}
	return gateway.Checkout{URL: made, Serves: urlServes}, nil
}

// widget fixes all that the order says.
func (a *account) widget(ctx context.Context, r gateway.Request) (*widgetParams, error) {
	o := r.Order
	on, ok := a.serving.Of(o.Type).Asset(o.CryptoCurrency, o.Network)
	if !ok {
		return nil, a.Check(o) // the catalogue has lost it since the order was made
	}
	w := &widgetParams{
		APIKey: a.apiKey, ReferrerDomain: a.referrer, ProductsAvailed: product(o.Type),
		FiatCurrency: o.FiatCurrency, CryptoCurrencyCode: on.TheirCode, Network: on.TheirNetwork,
		PartnerOrderID: referTo(o), PartnerCustomerID: cmp.Or(string(o.CustomerID), o.ExternalCustomerID),
		Email: o.Email, RedirectURL: o.RedirectURL,
	}
	switch {
	case o.WalletAddress == "":
	case o.WalletTag != "":
		w.WalletAddresses = &walletsData{map[string]wallet{on.TheirCode: {o.WalletAddress, o.WalletTag}}}
		w.DisableWalletForm = true
	default:
		w.WalletAddress, w.DisableWalletForm = o.WalletAddress, true
	}
	if o.Type == checkout.Buy {
		w.FiatAmount = json.Number(o.FiatAmount.String())
		return w, nil
	}
	// To sell, the widget takes the crypto amount alone.
	amount := o.CryptoAmount
	if !amount.IsSet() {
		p, err := a.price(ctx, o, on, "", r.Address)
		if err != nil {
			return nil, err
		}
		amount = p.crypto
	}
	w.CryptoAmount = json.Number(amount.String())
	return w, nil
}

// product is what Transak calls the kind of orders.
func product(kind checkout.OrderType) string {
	if kind == checkout.Sell {
		return "SELL"
	}
	return "BUY"
}
