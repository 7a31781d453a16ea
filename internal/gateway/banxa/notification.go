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
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
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
	CryptoAmount  figure
	TransactionID figure
}

// ours tells whether the order may be one of ours; an account may have others.
func (o *order) ours() bool {
	return o.Reference != "" && len(o.Reference) <= maxReferenceBytes && checkout.Storable(o.Reference)
}

// update is what the order tells. Before the end its amount is an estimate, and "0" stands for a transaction that isn't there.
func (o *order) update(dedupKey string) (gateway.Update, error) {
	if o.ID == "" || o.Status == "" {
		return gateway.Update{}, errors.New("an order has no id or no status")
	}
	means := outcomeOf(o.Status)
	u := gateway.Update{
		DedupKey: dedupKey, OrderID: checkout.OrderID(o.Reference), Status: means.status, ExternalOrderID: o.ID,
		FailureReason: means.reason,
	}
	amount, err := o.CryptoAmount.amount()
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

// ParseNotification verifies the signature and reads the order.
// https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/webhooks
func (a *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if n.ProjectID != a.ProjectID || !a.genuine(n) {
		return nil, gateway.ErrForged
	}
	var body struct {
		OrderID       string `json:"order_id"`
		ExternalID    string `json:"external_id"`
		Status        string `json:"status"`
		CryptoAmount  figure `json:"crypto_amount"`
		TransactionID figure `json:"transaction_hash"`
	}
	if err := json.Unmarshal(n.Body, &body); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	o := order{body.OrderID, body.ExternalID, body.Status, body.CryptoAmount, body.TransactionID}
	if o.ID == "" || !o.ours() { // of KYC, which comes to the same URL, or of somebody else's order
		return nil, nil
	}
	sum := sha256.Sum256(n.Body)
	u, err := o.update(hex.EncodeToString(sum[:]))
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

// listed is an order in the API's words. The reference is externalId in the documentation of the answers, and externalOrderId
// in that of the questions and in answers that public wallets have seen.
type listed struct {
	ID              string `json:"id"`
	ExternalID      string `json:"externalId"`
	ExternalOrderID string `json:"externalOrderId"`
	Status          string `json:"status"`
	CryptoAmount    figure `json:"cryptoAmount"`
	TransactionID   figure `json:"transactionHash"`
}

func (l *listed) order() *order {
	reference := l.ExternalOrderID
	if reference == "" {
		reference = l.ExternalID
	}
	return &order{l.ID, reference, l.Status, l.CryptoAmount, l.TransactionID}
}

// Poll asks for the orders that were made there for ours, one for each time that the payer came. Those that may still
// succeed come before those that failed: the order is not over because a checkout that nobody opened is.
// https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/order-lookup
func (a *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	const day = 24 * time.Hour
	query := url.Values{
		"start":              {r.Order.CreatedAt.UTC().Add(-day).Format(time.DateOnly)},
		"end":                {r.Now.UTC().Add(day).Format(time.DateOnly)},
		"externalCustomerId": {customer(r.Order)},
		"limit":              {"100"},
	}
	var answer struct {
		Orders *[]*listed `json:"orders"`
	}
	request := gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + "/orders?" + query.Encode()}
	if err := a.call(ctx, request, &answer); err != nil {
		return nil, err
	}
	if answer.Orders == nil {
		return nil, errors.New("banxa: the answer has no list of orders")
	}
	var best *order
	for _, l := range *answer.Orders {
		if l == nil {
			continue
		}
		if o := l.order(); o.Reference == string(r.Order.ID) && (best == nil || worth(o) > worth(best)) {
			best = o
		}
	}
	if best == nil {
		return nil, nil
	}
	u, err := best.update("poll " + best.ID + " " + best.Status)
	if err != nil {
		return nil, fmt.Errorf("banxa: %w", err)
	}
	return []gateway.Update{u}, nil
}

// worth orders the tries: money that arrived, was given back, is on its way, may still come, won't come.
func worth(o *order) int {
	switch outcomeOf(o.Status).status {
	case checkout.OrderCompleted:
		return 4
	case checkout.OrderRefunded:
		return 3
	case checkout.OrderProcessing:
		return 2
	case checkout.OrderPending:
		return 1
	default:
		return 0
	}
}
