package coinbase

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// A partnerUserRef has fewer than 50 characters
// (https://docs.cdp.coinbase.com/onramp/offramp/generating-offramp-url). An order's id has 41, and the prefix 8.
const (
	maxReferenceBytes = 49
	sandboxPrefix     = "sandbox-" // moves no real funds, says the OpenAPI text of createOnrampSession (coinbase/cdp-sdk)
	sellPrefix        = "sell-"    // ours, to tell sales from purchases

	referenceParameter = "partnerUserRef"
)

// reference is the order's id as Coinbase keeps it.
func (a *account) reference(o *checkout.Order) string {
	reference := string(o.ID)
	if o.Type == checkout.Sell {
		reference = sellPrefix + reference
	}
	if a.sandbox {
		reference = sandboxPrefix + reference
	}
	return reference
}

// session is the body of createOnrampSession (openapi.yaml of coinbase/cdp-sdk): address, asset and network, and with amount
// and currency a page that has nothing left to choose but how to pay.
type session struct {
	DestinationAddress string `json:"destinationAddress"`
	DestinationNetwork string `json:"destinationNetwork"`
	PurchaseCurrency   string `json:"purchaseCurrency"`
	PaymentAmount      string `json:"paymentAmount"`
	PaymentCurrency    string `json:"paymentCurrency"`
	RedirectURL        string `json:"redirectUrl,omitempty"`
	ClientIP           string `json:"clientIp,omitempty"`
	PartnerUserRef     string `json:"partnerUserRef"`
}

// OpenCheckout makes a URL that serves once, for five minutes.
func (a *account) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	if err := a.makeable(r); err != nil {
		return gateway.Checkout{}, err
	}
	open := a.openBuy
	if r.Order.Type == checkout.Sell {
		open = a.openSell
	}
	page, err := open(ctx, r)
	if err != nil {
		return gateway.Checkout{}, err
	}
	if u, err := url.Parse(page); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return gateway.Checkout{}, errors.New("coinbase: the answer has no URL of a checkout")
	}
	return gateway.Checkout{URL: page, Serves: urlServes}, nil
}

func (a *account) openBuy(ctx context.Context, r gateway.Request) (string, error) {
	o := r.Order
	symbol, network, err := a.serves.names(o)
	if err != nil {
		return "", err
	}
	var answer struct {
		Session struct {
			OnrampURL string `json:"onrampUrl"`
		} `json:"session"`
	}
	err = a.ask(ctx, r.Now, http.MethodPost, platformHost, "/platform/v2/onramp/sessions", "", session{
		DestinationAddress: o.WalletAddress, DestinationNetwork: network, PurchaseCurrency: symbol,
		PaymentAmount: o.FiatAmount.String(), PaymentCurrency: o.FiatCurrency,
		RedirectURL: o.RedirectURL, ClientIP: addressText(r.Address), PartnerUserRef: a.reference(o),
	}, &answer)
	return answer.Session.OnrampURL, err
}

// addressText is the payer's address as text; empty where it is unknown, or says nothing of where they are: CDP refuses private
// addresses (coinbase/onramp-demo-application, app/api/session/route.ts).
func addressText(address netip.Addr) string {
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return ""
	}
	return address.String()
}

type walletAddress struct {
	Address     string   `json:"address"`
	Blockchains []string `json:"blockchains"`
}

// tokenRequest is the body of the session token API (https://docs.cdp.coinbase.com/onramp/reference.md).
type tokenRequest struct {
	Addresses []walletAddress `json:"addresses"`
	Assets    []string        `json:"assets"`
	ClientIP  string          `json:"clientIp"`
}

// openSell makes the page by hand: the quote API can give one too, but is known to give an empty one. disableEdit keeps the
// payer from changing what is sold (https://docs.cdp.coinbase.com/onramp/offramp/one-click-sell-url.md).
func (a *account) openSell(ctx context.Context, r gateway.Request) (string, error) {
	o := r.Order
	symbol, network, err := a.serves.names(o)
	if err != nil {
		return "", err
	}
	address := addressText(r.Address)
	if address == "" {
		return "", errors.New("coinbase: an offramp needs the payer's own public address, which is unknown; see the server's setting of trusted proxies")
	}
	var answer struct {
		Token string `json:"token"`
	}
	err = a.ask(ctx, r.Now, http.MethodPost, developerHost, "/onramp/v1/token", "", tokenRequest{
		Addresses: []walletAddress{{o.WalletAddress, []string{network}}}, Assets: []string{symbol}, ClientIP: address,
	}, &answer)
	if err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", errors.New("coinbase: the answer has no session token")
	}
	query := url.Values{
		"sessionToken": {answer.Token}, referenceParameter: {a.reference(o)}, "redirectUrl": {a.wayBack(o)},
		"defaultAsset": {symbol}, "defaultNetwork": {network}, "fiatCurrency": {o.FiatCurrency},
		"presetFiatAmount": {o.FiatAmount.String()}, "disableEdit": {"true"},
	}
	return a.BaseURL("widgetBaseURL", widgetURL, widgetURL) + "/v3/sell/input?" + query.Encode(), nil
}

// wayBack is the redirectUrl with our reference, which notifications of sales have nowhere else. A URL that has such a parameter
// of its own is left alone, and the sale is followed by asking.
func (a *account) wayBack(o *checkout.Order) string {
	back, err := url.Parse(o.RedirectURL)
	if err != nil || back.Query().Has(referenceParameter) {
		return o.RedirectURL
	}
	if back.RawQuery != "" {
		back.RawQuery += "&"
	}
	back.RawQuery += referenceParameter + "=" + url.QueryEscape(a.reference(o))
	return back.String()
}
