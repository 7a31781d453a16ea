package transak

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	maxBodyBytes      = 1 << 20
	maxReferenceBytes = 255 // of our order ids; a longer one is none of ours
	orderEvents       = "ORDER_"
)

// order is one at Transak, in notifications and in answers alike.
type order struct {
	ID              string       `json:"id"`
	ListedID        string       `json:"_id"` // in lists, whose samples have it always and id not always
	Status          string       `json:"status"`
	PartnerOrderID  string       `json:"partnerOrderId"`
	CryptoAmount    json.Number  `json:"cryptoAmount"`
	TransactionHash string       `json:"transactionHash"`
	Side            gateway.Text `json:"isBuyOrSell"`
	FiatAmount      gateway.Text `json:"fiatAmount"`
	FiatCurrency    gateway.Text `json:"fiatCurrency"`
	CryptoCurrency  gateway.Text `json:"cryptoCurrency"`
	Network         gateway.Text `json:"network"`
	WalletAddress   gateway.Text `json:"walletAddress"`
	WalletTag       gateway.Text `json:"addressAdditionalData"` // false where there is none
}

// sellSuffix ends the reference of an order to sell. Where selling isn't enabled for the account, Transak's widget shows a
// purchase instead (https://docs.transak.com/customization/query-parameters), which is not what was ordered.
const sellSuffix = "-sell"

// referTo is what Transak calls the order.
func referTo(o *checkout.Order) string {
	if o.Type == checkout.Sell {
		return string(o.ID) + sellSuffix
	}
	return string(o.ID)
}

// ours is the order of ours that this one may be for; an account may have others.
func (o *order) ours() (id checkout.OrderID, kind checkout.OrderType, ok bool) {
	reference, sale := strings.CutSuffix(o.PartnerOrderID, sellSuffix)
	if kind = checkout.Buy; sale {
		kind = checkout.Sell
	}
	return checkout.OrderID(reference), kind, reference != "" && len(reference) <= maxReferenceBytes && checkout.Storable(reference)
}

// swapped tells that the order is a purchase, though ours is a sale, or the other way round.
func (o *order) swapped() bool {
	_, kind, _ := o.ours()
	return o.Side == "BUY" && kind == checkout.Sell || o.Side == "SELL" && kind == checkout.Buy
}

// update is what the order tells. Before the end its amount is an estimate.
func (a *account) update(o *order, dedupKey string) (gateway.Update, error) {
	id := cmp.Or(o.ID, o.ListedID)
	if id == "" || o.Status == "" {
		return gateway.Update{}, errors.New("an order has no id or no status")
	}
	means := outcomeOf(o.Status)
	if o.swapped() {
		means = outcome{checkout.OrderProcessing, "Transak has made a purchase of the sale, or a sale of the purchase, that was ordered; selling must be enabled for the account there."}
	}
	ours, kind, _ := o.ours()
	u := gateway.Update{
		DedupKey: dedupKey, OrderID: ours, Type: kind, Status: means.status, ExternalOrderID: id,
		TransactionHash: o.TransactionHash, FailureReason: means.reason, Paid: a.paid(o),
	}
	amount, err := gateway.Number(o.CryptoAmount)
	if err != nil {
		return gateway.Update{}, fmt.Errorf("cryptoAmount %w", err)
	}
	if means.status == checkout.OrderCompleted {
		u.CryptoAmount = amount
	}
	return u, nil
}

// paid is what the order is over. Of a purchase, fiatAmount is the widget's parameter, all fees in it: in the samples of
// https://docs.transak.com/api/public/get-orders it is cryptoAmount / conversionPrice + totalFeeInFiat, and amountPaid. Of a
// sale it follows from the crypto amount that was asked for and the price at that time, so that it is not the figure that was
// ordered; and walletAddress is missing there.
func (a *account) paid(o *order) checkout.Paid {
	var p checkout.Paid
	if fiat, known := money.LookupCurrency(string(o.FiatCurrency)); known {
		p.FiatCurrency = fiat.Code
	}
	kind := checkout.Buy
	if o.Side == "SELL" {
		kind = checkout.Sell
	}
	if on, known := a.serving.Of(kind).Named(string(o.CryptoCurrency), string(o.Network)); known {
		p.CryptoCurrency, p.Network = on.Code, on.Network
	}
	if o.Side != "BUY" {
		return p
	}
	if amount, err := gateway.Number(json.Number(o.FiatAmount)); err == nil {
		p.FiatAmount = amount
	}
	if p.WalletAddress = string(o.WalletAddress); p.WalletAddress != "" {
		p.WalletTag = string(o.WalletTag)
	}
	return p
}

// ParseNotification verifies the token in the body and reads the order in it.
// https://docs.transak.com/guides/how-to-decrypt-webhook-payload
//
// The token carries no id of its own: an event's is the kind of event. And no time is asked of it, because a notification
// that comes again, or late, changes nothing.
func (a *account) ParseNotification(ctx context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if n.ProjectID != a.ProjectID || len(n.Body) > maxBodyBytes {
		return nil, gateway.ErrForged
	}
	// What stands beside data is not signed.
	var body struct {
		Data string `json:"data"`
	}
	if json.Unmarshal(n.Body, &body) != nil {
		return nil, gateway.ErrForged
	}
	payload, err := a.verify(ctx, body.Data)
	if err != nil {
		return nil, err
	}
	var claims struct {
		EventID     string `json:"eventID"`
		WebhookData *order `json:"webhookData"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if !strings.HasPrefix(claims.EventID, orderEvents) { // of KYC and what may come
		return nil, nil
	}
	if claims.WebhookData == nil {
		return nil, fmt.Errorf("%w: %s has no webhookData", gateway.ErrMalformed, claims.EventID)
	}
	if _, _, ok := claims.WebhookData.ours(); !ok {
		return nil, nil
	}
	unpaid := []checkout.OrderStatus{checkout.OrderPending, checkout.OrderFailed, checkout.OrderCancelled, checkout.OrderExpired}
	if claims.WebhookData.swapped() && slices.Contains(unpaid, outcomeOf(claims.WebhookData.Status).status) {
		return nil, nil // as long as nothing is paid, the payer may still do what was ordered
	}
	u, err := a.update(claims.WebhookData, gateway.Hash(body.Data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	return []gateway.Update{u}, nil
}

// verify gives the payload of a JSON Web Token (RFC 7519) that one of our access tokens has signed, by HS256 and nothing
// else. The key is the access token's text as it is.
func (a *account) verify(ctx context.Context, token string) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || a.Tokens == nil {
		return nil, gateway.ErrForged
	}
	var header struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"`
	}
	raw, err := decodePart(parts[0])
	if err != nil || json.Unmarshal(raw, &header) != nil || header.Algorithm != "HS256" || header.Critical != nil {
		return nil, gateway.ErrForged
	}
	signature, err := decodePart(parts[2])
	if err != nil {
		return nil, gateway.ErrForged
	}
	known, err := a.Tokens.Known(ctx, tokenName)
	if err != nil {
		return nil, fmt.Errorf("transak: the access tokens can't be read: %w", err)
	}
	genuine := 0
	for _, key := range known {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(parts[0] + "." + parts[1]))
		if key != "" {
			genuine |= subtle.ConstantTimeCompare(mac.Sum(nil), signature)
		}
	}
	if genuine != 1 {
		return nil, gateway.ErrForged
	}
	payload, err := decodePart(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w: the token's payload is not base64url", gateway.ErrMalformed)
	}
	return payload, nil
}

// decodePart decodes base64url without padding; the package would skip line breaks.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("line breaks in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// Poll asks for the orders under our reference: there is one for each time the payer tried. Those that may still succeed
// come before those that failed. https://docs.transak.com/api/public/get-orders
func (a *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	// Without productsAvailed only purchases are found: https://docs.transak.com/discuss/6601d5c693bc280012c52237
	query := url.Values{
		"filter[partnerOrderId]":  {referTo(r.Order)},
		"filter[productsAvailed]": {`["` + product(r.Order.Type) + `"]`},
	}
	var answer struct {
		Data *[]*order `json:"data"`
	}
	err := a.authorised(ctx, gatewaycall.Request{
		Method: http.MethodGet, URL: a.apiURL + "/partners/api/v2/orders?" + query.Encode(), Header: a.header(netip.Addr{}),
	}, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Data == nil {
		return nil, errors.New("transak: the answer has no list of orders")
	}
	var best *order
	for _, o := range *answer.Data {
		if o != nil && o.PartnerOrderID == referTo(r.Order) && !o.swapped() && (best == nil || gateway.Furthest(outcomeOf(o.Status).status) > gateway.Furthest(outcomeOf(best.Status).status)) {
			best = o
		}
	}
	if best == nil {
		return nil, nil
	}
	u, err := a.update(best, "poll "+cmp.Or(best.ID, best.ListedID)+" "+best.Status)
	if err != nil {
		return nil, fmt.Errorf("transak: %w", err)
	}
	return []gateway.Update{u}, nil
}
