package coinbase

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
	"slices"
	"strconv"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// SignatureHeader carries "t=UNIX,v0=HEX,h=NAMES,v1=HEX" (https://docs.cdp.coinbase.com/webhooks/verify-signatures.md).
const SignatureHeader = "X-Hook0-Signature"

// ToleranceSeconds is how far a signature's time may be from ours, before or after.
const ToleranceSeconds = 300

// eventHeader is the header with the event's id. It counts where v1 has signed it.
const eventHeader = "x-event-id"

const (
	maxSignatureBytes = 2048
	maxTextBytes      = 255 // of ids and hashes; more is none of theirs
)

// signature is what the header says.
type signature struct {
	stamp  string
	v0, v1 []byte // nil: none, or not hex
	names  string // of the headers that v1 covers
}

// parseSignature reads the header; elements of other names are for schemes to come.
func parseSignature(value string) (s signature, ok bool) {
	if len(value) > maxSignatureBytes {
		return s, false
	}
	seen := map[string]bool{}
	for element := range strings.SplitSeq(value, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(element), "=")
		if seen[name] {
			return s, false
		}
		seen[name] = true
		switch name {
		case "t":
			s.stamp = rest
		case "h":
			s.names = rest
		case "v0":
			s.v0, _ = hex.DecodeString(rest)
		case "v1":
			s.v1, _ = hex.DecodeString(rest)
		}
	}
	return s, s.stamp != "" && (len(s.v0) > 0 || len(s.v1) > 0)
}

// genuine tells whether the notification is Coinbase's, and the id of its event where that is signed too. v1, which covers
// headers, is tried first; v0 covers time and body, which is all that is read.
func (a *account) genuine(n gateway.Notification) (event string, ok bool) {
	header := textproto.MIMEHeader(canonical(n.Header))
	values := header.Values(SignatureHeader)
	if len(values) != 1 {
		return "", false
	}
	s, ok := parseSignature(values[0])
	if !ok {
		return "", false
	}
	at, err := strconv.ParseInt(s.stamp, 10, 64)
	if now := n.Now.Unix(); err != nil || at < now-ToleranceSeconds || at > now+ToleranceSeconds {
		return "", false
	}
	names := strings.Fields(s.names)
	signed := make([]string, len(names))
	for i, name := range names {
		signed[i] = header.Get(name)
	}
	byV0, byV1 := false, false
	for _, secret := range a.secrets {
		byV0 = fits(s.v0, secret, []byte(s.stamp+"."), n.Body) || byV0
		byV1 = fits(s.v1, secret, []byte(s.stamp+"."+s.names+"."+strings.Join(signed, ".")+"."), n.Body) || byV1
	}
	if byV1 && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, eventHeader) }) {
		event = header.Get(eventHeader)
	}
	return event, byV0 || byV1
}

// canonical has the headers under the names that textproto looks for, whatever the letter case they came in.
func canonical(h map[string][]string) map[string][]string {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		key := textproto.CanonicalMIMEHeaderKey(name)
		out[key] = append(out[key], values...)
	}
	return out
}

func fits(given []byte, secret string, prefix, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(prefix)
	mac.Write(body)
	return subtle.ConstantTimeCompare(mac.Sum(nil), given) == 1
}

// ParseNotification verifies the signature and its time before it reads anything. Events that are not of transactions, and
// transactions that are not of this environment, are none of ours.
func (a *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	event, ok := a.genuine(n)
	if !ok || n.ProjectID != a.ProjectID {
		return nil, gateway.ErrForged
	}
	var t transaction
	if err := json.Unmarshal(n.Body, &t); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if t.EventType == "" {
		return nil, fmt.Errorf("%w: eventType is missing", gateway.ErrMalformed)
	}
	if !strings.HasPrefix(t.EventType, "onramp.transaction.") && !strings.HasPrefix(t.EventType, "offramp.transaction.") {
		return nil, nil
	}
	id, ours := a.orderID(t.PartnerUserRef)
	if !ours {
		return nil, nil
	}
	u, err := t.update(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if event == "" || len(event) > maxTextBytes {
		sum := sha256.Sum256(n.Body)
		event = hex.EncodeToString(sum[:])
	}
	u.DedupKey = event
	return []gateway.Update{u}, nil
}

// orderID reads our reference. What the sandbox says counts for nothing outside of it, and the other way round.
func (a *account) orderID(reference string) (checkout.OrderID, bool) {
	id, sandbox := strings.CutPrefix(reference, sandboxPrefix)
	return checkout.OrderID(id), id != "" && sandbox == a.sandbox
}

// transaction is one of ours as webhooks tell it (hosted onramp, headless onramp and offramp), and as lists do, which write the
// same names with underscores.
type transaction struct {
	EventType        string `json:"eventType"`
	ID               string `json:"id"`
	TransactionID    string `json:"transactionId"`
	OrderID          string `json:"orderId"`
	Status           string `json:"status"`
	PartnerUserRef   string `json:"partnerUserRef"`
	PurchaseCurrency string `json:"purchaseCurrency"`
	PurchaseAmount   sum    `json:"purchaseAmount"`
	Asset            string `json:"asset"`
	SellAmount       sum    `json:"sellAmount"`
	TxHash           string `json:"txHash"`
	FailureReason    string `json:"failureReason"`
	ErrorCode        string `json:"errorCode"`
}

func (t *transaction) UnmarshalJSON(raw []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	if members == nil {
		return errors.New("null is no transaction")
	}
	for name, value := range members {
		if camel := camelCase(name); camel != name && members[camel] == nil {
			members[camel] = value
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	type plain transaction // without this method
	return json.Unmarshal(raw, (*plain)(t))
}

func camelCase(name string) string {
	first, rest, _ := strings.Cut(name, "_")
	for part := range strings.SplitSeq(rest, "_") {
		if part != "" {
			first += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return first
}

// update says what the transaction means for the order, but for the key that tells it from others.
func (t *transaction) update(id checkout.OrderID) (gateway.Update, error) {
	u := gateway.Update{OrderID: id, Status: statusOf(t.Status), ExternalOrderID: t.TransactionID, TransactionHash: t.TxHash}
	for _, other := range []string{t.OrderID, t.ID} {
		if u.ExternalOrderID == "" {
			u.ExternalOrderID = other
		}
	}
	if t.Status == "" {
		return u, errors.New("status is missing")
	}
	for _, text := range []string{string(id), u.ExternalOrderID, t.Status, t.TxHash, t.FailureReason, t.ErrorCode} {
		if len(text) > maxTextBytes || strings.ContainsRune(text, 0) { // a database's text holds no NUL
			return u, fmt.Errorf("a text has a NUL or more than %d bytes", maxTextBytes)
		}
	}
	if u.TransactionHash == "0x" { // nothing is sent yet
		u.TransactionHash = ""
	}
	var err error
	if u.CryptoAmount, err = t.crypto(); err != nil {
		return u, err
	}
	if u.Status == checkout.OrderFailed {
		u.FailureReason = t.reason()
	}
	return u, nil
}

// crypto is the crypto amount: not set where it is in another currency than the asset's.
func (t *transaction) crypto() (money.Amount, error) {
	sum, currency := t.PurchaseAmount, t.PurchaseCurrency
	if sum.value == "" {
		sum, currency = t.SellAmount, t.Asset
	}
	if sum.currency != "" && currency != "" && !strings.EqualFold(sum.currency, currency) {
		return money.Amount{}, nil
	}
	return sum.amount()
}

// reason says why a transaction failed. Of a sale nothing is told.
func (t *transaction) reason() string {
	reason := "Coinbase did not complete the transaction."
	switch t.FailureReason {
	case "FAILURE_REASON_BUY_FAILED":
		reason = "The payment failed at Coinbase."
	case "FAILURE_REASON_SEND_FAILED":
		reason = "Coinbase took the payment, but could not send the crypto."
	}
	if t.ErrorCode != "" && t.ErrorCode != "ERROR_CODE_UNSPECIFIED" {
		reason += " (" + t.ErrorCode + ")"
	}
	return reason
}

// pollSize is how many transactions of an order are asked for. There is more than one where the payer tried again.
const pollSize = "20"

// Poll asks for the transactions under our reference (https://docs.cdp.coinbase.com/onramp/core-features/transaction-status.md)
// and tells of the one that got farthest; of equal ones, of the newest, which comes first.
func (a *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	kind := "buy"
	if r.Order.Type == checkout.Sell {
		kind = "sell"
	}
	var answer struct {
		Transactions []transaction `json:"transactions"`
	}
	path := "/onramp/v1/" + kind + "/user/" + url.PathEscape(a.reference(r.Order.ID)) + "/transactions"
	if err := a.v1(ctx, r.Now, http.MethodGet, path, "pageSize="+pollSize, nil, &answer); err != nil {
		return nil, err
	}
	best, found := gateway.Update{}, false
	for i := range answer.Transactions {
		t := &answer.Transactions[i]
		u, err := t.update(r.Order.ID)
		if err != nil {
			return nil, fmt.Errorf("coinbase: %w", err)
		}
		if !found || progress(u.Status) > progress(best.Status) {
			sum := sha256.Sum256([]byte(u.ExternalOrderID + "\x00" + t.Status))
			u.DedupKey = hex.EncodeToString(sum[:])
			best, found = u, true
		}
	}
	if !found {
		return nil, nil
	}
	return []gateway.Update{best}, nil
}

// progress ranks what became of several attempts: one that failed tells nothing while another is under way.
func progress(s checkout.OrderStatus) int {
	switch s {
	case checkout.OrderCompleted:
		return 3
	case checkout.OrderProcessing:
		return 2
	case checkout.OrderPending:
		return 1
	default:
		return 0
	}
}
