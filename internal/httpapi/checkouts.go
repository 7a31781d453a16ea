package httpapi

import (
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// checkoutEndpoints are what the hosted page calls. They need no key: the session's clientSecret opens them, as a bearer
// token, which no log and no referrer has. The page is of our own origin, so no other may call them.
var checkoutEndpoints = []endpoint{
	{op: "getCheckout", method: http.MethodGet, path: "/public/v1/checkouts/{id}", auth: authSession, limited: true, handle: getCheckout},
	{op: "checkAddress", method: http.MethodPost, path: "/public/v1/checkouts/{id}/address", auth: authSession, limited: true, handle: checkAddress},
	{op: "orderCheckout", method: http.MethodPost, path: "/public/v1/checkouts/{id}/order", auth: authSession, limited: true, handle: orderCheckout},
}

// checkoutQuery reads what names and opens the session.
func checkoutQuery(x *exchange) app.CheckoutQuery {
	q := parseQuery(x.r)
	return app.CheckoutQuery{Problems: q.Problems, ProjectID: q.given("projectId"), Credential: apiKey(x.r)}
}

func getCheckout(s *Server, x *exchange) (int, any, error) {
	q := checkoutQuery(x)
	page, err := s.App.GetCheckout(x.r.Context(), x.call, x.sessionID(), &q)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, api.Public[api.HostedCheckout]{Success: true, Data: presentCheckout(page, x.call)}, nil
}

func checkAddress(s *Server, x *exchange) (int, any, error) {
	in := &app.CheckAddress{CheckoutQuery: checkoutQuery(x)}
	in.Network, in.Address = x.body.text(&in.Problems, "network"), x.body.text(&in.Problems, "address")
	in.Tag = x.body.text(&in.Problems, "tag")
	out, err := s.App.CheckAddress(x.r.Context(), x.call, x.sessionID(), in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, api.Public[api.CheckedAddress]{Success: true, Data: presentAddress(out)}, nil
}

func orderCheckout(s *Server, x *exchange) (int, any, error) {
	in := &app.OrderCheckout{CheckoutQuery: checkoutQuery(x)}
	b, p := x.body, &in.CreateOrder.Problems
	readOrder(b, &in.CreateOrder)
	in.Language = b.text(p, "language")
	if embedded := b.boolean(p, "embedded"); embedded != nil {
		in.Embedded = *embedded
	}
	page, err := s.App.OrderCheckout(x.r.Context(), x.call, x.sessionID(), in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, api.Public[*api.HostedOrder]{Success: true, Data: presentCheckoutOrder(page)}, nil
}

// readOrder reads the members of an order.
func readOrder(b object, in *checkout.CreateOrder) {
	p := &in.Problems
	in.FiatAmount, in.FiatCurrency = b.amount(p, "fiatAmount"), b.text(p, "fiatCurrency")
	in.CryptoCurrency, in.Network = b.text(p, "cryptoCurrency"), b.text(p, "network")
	in.WalletAddress, in.WalletTag = b.text(p, "walletAddress"), b.text(p, "walletTag")
	in.Gateway, in.Email = b.text(p, "gateway"), b.text(p, "email")
}

func presentCheckout(c *app.Checkout, call *checkout.Call) api.HostedCheckout {
	whole := session(c.Session, call).Attributes
	out := api.HostedCheckout{
		SessionID: whole.SessionID, ProjectID: whole.ProjectID, Mode: string(call.Project.Mode), Type: whole.Type, Status: whole.Status,
		Access: "status", SourceCurrency: whole.SourceCurrency, Destination: whole.DestinationCurrency, Network: whole.Network,
		FieldLocks: map[string]api.FieldLock{}, Warnings: []api.Warning{}, RedirectURL: whole.RedirectURL,
		PartnerOrigins: append([]string{}, call.Project.AllowedOrigins...),
		ExpiresAt:      whole.ExpiresAt, CreatedAt: whole.CreatedAt, Now: timeText(call.Now), Order: presentCheckoutOrder(c), Routed: c.Routed,
	}
	if coin, ok := asset.LookupAsset(c.Session.DestinationCurrency); ok {
		out.CryptoName = &coin.Name
	}
	if currency, ok := money.LookupCurrency(c.Session.SourceCurrency); ok {
		out.MinorUnits = &currency.MinorUnits
	}
	out.NetworkName, out.TagName = networkName(c.Session.Network), tagName(c.Session.Network)
	if c.Full {
		out.Access, out.SourceAmount, out.Country = "full", whole.SourceAmount, whole.Country
		out.DestinationAddress, out.DestinationTag = whole.DestinationAddress, whole.DestinationTag
		out.FieldLocks, out.Warnings = whole.FieldLocks, whole.Warnings
	}
	return out
}

// networkName is the network's name for people, nil where the catalogue doesn't know it.
func networkName(id string) *string {
	network, _ := asset.LookupNetwork(id)
	return optional(network.Name)
}

// tagName is what people call the tag beside an address of the network, nil where there is none.
func tagName(id string) *string {
	network, _ := asset.LookupNetwork(id)
	return optional(network.TagName())
}

func presentCheckoutOrder(c *app.Checkout) *api.HostedOrder {
	o := c.Order
	if o == nil {
		return nil
	}
	out := &api.HostedOrder{
		OrderID: string(o.ID), Status: string(o.Status), Gateway: o.Gateway, GatewayName: c.GatewayName,
		FiatAmount: o.FiatAmount.String(), FiatCurrency: o.FiatCurrency, CryptoCurrency: o.CryptoCurrency,
		CryptoAmount: optional(o.CryptoAmount.String()), Network: o.Network, NetworkName: networkName(o.Network), TransactionHash: optional(o.TransactionHash),
		CreatedAt: timeText(o.CreatedAt), CheckoutExpiresAt: timeText(o.CheckoutExpiresAt()),
	}
	if d := deposit(o); d != nil {
		out.Deposit = &api.HostedDeposit{Deposit: *d, QR: presentQR(c.DepositQR)}
	}
	if c.Full {
		out.WalletAddress, out.WalletTag, out.CheckoutURL = optional(o.WalletAddress), optional(o.WalletTag), optional(c.CheckoutURL)
	}
	return out
}

func presentAddress(c *app.CheckedAddress) api.CheckedAddress {
	return api.CheckedAddress{
		Network: c.Network, NetworkName: optional(c.NetworkName), Checked: c.Checked, Valid: c.Valid, Problem: optional(string(c.Problem)),
		Suggestion: optional(c.Suggestion), LooksLike: append([]string{}, c.LooksLike...), QR: presentQR(c.QR),
		TagName: optional(c.TagName), AddressTag: optional(c.AddressTag), TagValid: c.TagValid,
	}
}

func presentQR(code *qr.Code) *api.QR {
	if code == nil {
		return nil
	}
	var modules strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				modules.WriteByte('1')
			} else {
				modules.WriteByte('0')
			}
		}
	}
	return &api.QR{Size: code.Size, Modules: modules.String()}
}
