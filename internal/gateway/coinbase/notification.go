package coinbase

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
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
	var kind checkout.OrderType
	switch {
	case strings.HasPrefix(t.EventType, "onramp.transaction."):
		kind = checkout.Buy
	case strings.HasPrefix(t.EventType, "offramp.transaction."):
		kind = checkout.Sell
	default:
		return nil, nil
	}
	id, ours := a.orderID(t.reference(kind), kind)
	if !ours {
		return nil, nil
	}
	u, err := t.update(id, kind, n.Now)
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

// orderID reads our reference. What the sandbox says counts for nothing outside of it, and the other way round; nor does a sale
// count for a purchase: the payer could have put one's reference into the URL of the other.
func (a *account) orderID(reference string, kind checkout.OrderType) (checkout.OrderID, bool) {
	id, sandbox := strings.CutPrefix(reference, sandboxPrefix)
	id, sale := strings.CutPrefix(id, sellPrefix)
	return checkout.OrderID(id), id != "" && sandbox == a.sandbox && sale == (kind == checkout.Sell)
}

// reference is what the notification names as ours. Those of sales have it in their redirectUrl alone
// (coinbase/onramp-v2-mobile-demo, server/src/app.ts), where openSell has put it.
func (t *transaction) reference(kind checkout.OrderType) string {
	if t.PartnerUserRef != "" || kind != checkout.Sell {
		return t.PartnerUserRef
	}
	back, err := url.Parse(loose[string](t.RedirectURL))
	if err != nil {
		return ""
	}
	return back.Query().Get(referenceParameter)
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
	path := "/onramp/v1/" + kind + "/user/" + url.PathEscape(a.reference(r.Order)) + "/transactions"
	if err := a.v1(ctx, r.Now, http.MethodGet, path, "pageSize="+pollSize, nil, &answer); err != nil {
		return nil, err
	}
	best, found := gateway.Update{}, false
	for i := range answer.Transactions {
		t := &answer.Transactions[i]
		u, err := t.update(r.Order.ID, r.Order.Type, r.Now)
		if err != nil {
			return nil, fmt.Errorf("coinbase: %w", err)
		}
		if u.Paid.CryptoCurrency != r.Order.CryptoCurrency || u.Paid.Network != r.Order.Network {
			u.Deposit = nil // the payer would be told to send something else there
		}
		if !found || progress(u.Status) > progress(best.Status) {
			u.DedupKey = polledKey(t.Status, &u)
			best, found = u, true
		}
	}
	if !found {
		return nil, nil
	}
	return []gateway.Update{best}, nil
}

// polledKey tells an answer from the one before, where it says something else of the order: the deposit comes, and the hash,
// without another status.
func polledKey(status string, u *gateway.Update) string {
	said := []string{string(u.OrderID), u.ExternalOrderID, status, u.TransactionHash}
	if d := u.Deposit; d != nil {
		said = append(said, d.Address, d.Amount.String())
	}
	sum := sha256.Sum256([]byte(strings.Join(said, "\x00")))
	return hex.EncodeToString(sum[:])
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
