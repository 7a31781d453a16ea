package banxa

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	maxHeaderBytes    = 4096
	maxReferenceBytes = 255 // of our order ids; a longer one is none of ours

	// tolerance is how old a notification may be, and ahead how far its clock may be before ours. Whether Banxa signs anew
	// when it tries again isn't documented; one that comes twice changes nothing.
	tolerance = time.Hour
	ahead     = 5 * time.Minute
)

// order is one at Banxa, by the names of the API or, in notifications, by those of there.
type order struct {
	ID            string
	Reference     string
	Status        string
	Type          checkout.OrderType
	CryptoAmount  gateway.Digits
	TransactionID gateway.Digits
	Coin          coin
	Fiat          gateway.Text
	FiatAmount    gateway.Text
	Wallet, Tag   gateway.Text // in notifications there is none
}

// ours tells whether the order may be one of ours; an account may have others.
func (o *order) ours() bool {
	return o.Reference != "" && len(o.Reference) <= maxReferenceBytes && checkout.Storable(o.Reference)
}

// kindOf reads an order's type, which is empty if it is neither.
func kindOf(theirs gateway.Text) checkout.OrderType {
	switch theirs {
	case "BUY":
		return checkout.Buy
	case "SELL":
		return checkout.Sell
	}
	return ""
}

// update is what the order tells. Before the end its amount is an estimate, and "0" stands for a transaction that isn't there.
func (a *account) update(o *order, dedupKey string) (gateway.Update, error) {
	if o.ID == "" || o.Status == "" {
		return gateway.Update{}, errors.New("an order has no id or no status")
	}
	means := outcomeOf(o.Type, o.Status)
	u := gateway.Update{
		DedupKey: dedupKey, OrderID: checkout.OrderID(o.Reference), Type: o.Type, Status: means.status, ExternalOrderID: o.ID,
		FailureReason: means.reason, Paid: a.paid(o),
	}
	amount, err := amountOf(o.CryptoAmount)
	if err != nil {
		return gateway.Update{}, fmt.Errorf("the crypto amount %w", err)
	}
	if means.status == checkout.OrderCompleted {
		u.CryptoAmount = amount
	}
	if o.TransactionID != "0" {
		u.TransactionHash = string(o.TransactionID)
	}
	return u, nil
}

// paid is what the order is over. Of a purchase, fiatAmount is the member that the order was made with, "fiat amount to spend":
// .../docs/api-integration/create-buy-order. Of a sale it follows from the crypto amount that was asked for and the price at
// that time, so that it is not the figure that was ordered; and the wallet is where the crypto goes, not where it comes from.
func (a *account) paid(o *order) checkout.Paid {
	var p checkout.Paid
	if fiat, known := money.LookupCurrency(string(o.Fiat)); known {
		p.FiatCurrency = fiat.Code
	}
	if on, known := a.serving.Of(o.Type).Named(string(o.Coin.ID), string(o.Coin.Blockchain)); known {
		p.CryptoCurrency, p.Network = on.Code, on.Network
	}
	if o.Type != checkout.Buy {
		return p
	}
	if amount, err := amountOf(gateway.Digits(o.FiatAmount)); err == nil {
		p.FiatAmount = amount
	}
	if p.WalletAddress = string(o.Wallet); p.WalletAddress != "" {
		p.WalletTag = string(o.Tag)
	}
	return p
}

// ParseNotification verifies the signature and reads the order.
// https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/webhooks
func (a *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if n.ProjectID != a.ProjectID || !a.genuine(n) {
		return nil, gateway.ErrForged
	}
	var body struct {
		OrderID       string         `json:"order_id"`
		ExternalID    string         `json:"external_id"`
		Status        string         `json:"status"`
		Type          gateway.Text   `json:"order_type"`
		CryptoAmount  gateway.Digits `json:"crypto_amount"`
		TransactionID gateway.Digits `json:"transaction_hash"`
		Coin          gateway.Text   `json:"crypto_coin"`
		Blockchain    gateway.Text   `json:"crypto_blockchain"`
		Fiat          gateway.Text   `json:"fiat_currency"`
		FiatAmount    gateway.Text   `json:"fiat_amount"`
	}
	if err := json.Unmarshal(n.Body, &body); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	o := &order{
		ID: body.OrderID, Reference: body.ExternalID, Status: body.Status, Type: kindOf(body.Type), CryptoAmount: body.CryptoAmount,
		TransactionID: body.TransactionID, Coin: coin{body.Coin, body.Blockchain}, Fiat: body.Fiat, FiatAmount: body.FiatAmount,
	}
	if o.ID == "" || !o.ours() { // of KYC, which comes to the same URL, or of somebody else's order
		return nil, nil
	}
	u, err := a.update(o, gateway.Hash(n.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	return []gateway.Update{u}, nil
}

// genuine verifies "Authorization: Bearer KEY:SIGNATURE:NONCE". The path that is signed is the one in Banxa's dashboard: what
// the request itself has may have come through a proxy.
func (a *account) genuine(n gateway.Notification) bool {
	values := textproto.MIMEHeader(n.Header).Values("Authorization")
	if len(values) != 1 || len(values[0]) > maxHeaderBytes {
		return false
	}
	credentials, bearer := strings.CutPrefix(values[0], "Bearer ")
	credentials, nonce, hasNonce := cutLast(credentials)
	key, signature, hasKey := cutLast(credentials)
	given, err := hex.DecodeString(signature)
	if !bearer || !hasNonce || !hasKey || err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(a.apiSecret))
	mac.Write([]byte(http.MethodPost + "\n" + a.webhookPath + "\n" + nonce + "\n"))
	mac.Write(n.Body)
	genuine := subtle.ConstantTimeCompare(mac.Sum(nil), given) & subtle.ConstantTimeCompare([]byte(key), []byte(a.apiKey))
	at, ok := timeOf(nonce)
	age := n.Now.Sub(at)
	return genuine == 1 && ok && age <= tolerance && age >= -ahead
}

// cutLast cuts at the last colon.
func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// timeOf reads a nonce: Unix milliseconds here, but seconds and microseconds are documented for other calls of Banxa's, so
// that the number of digits decides.
func timeOf(nonce string) (time.Time, bool) {
	n, err := strconv.ParseInt(nonce, 10, 64)
	if err != nil || nonce[0] == '+' {
		return time.Time{}, false
	}
	switch digits := len(nonce); {
	case digits <= 11:
		return time.Unix(n, 0), true
	case digits <= 14:
		return time.UnixMilli(n), true
	case digits <= 17:
		return time.UnixMicro(n), true
	}
	return time.Unix(0, n), true
}
