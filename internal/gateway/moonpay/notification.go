package moonpay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

const (
	// signatureHeader carries "t=UNIX,s=HEX" (api-reference/widget/webhooks/signature).
	signatureHeader = "Moonpay-Signature-V2"
	// toleranceSeconds is ours; MoonPay names none, and may or may not sign a repetition anew.
	toleranceSeconds = 300
)

// event is what MoonPay posts (api-reference/widget/webhooks).
type event struct {
	Type string      `json:"type"`
	Data transaction `json:"data"`
}

// events are those that tell of an order; the rest, of identity checks, swaps and accounts, are none of ours.
var events = []string{
	"transaction_created", "transaction_updated", "transaction_failed",
	"sell_transaction_created", "sell_transaction_updated", "sell_transaction_failed", "sell_transaction_requote_required",
}

// transaction is one to buy or to sell (api-reference/widget/getbuytransaction, …/getselltransaction).
type transaction struct {
	ID                    string      `json:"id"`
	Status                string      `json:"status"`
	ExternalTransactionID string      `json:"externalTransactionId"`
	UpdatedAt             string      `json:"updatedAt"`
	BaseCurrencyAmount    json.Number `json:"baseCurrencyAmount"`
	QuoteCurrencyAmount   json.Number `json:"quoteCurrencyAmount"`
	BaseCurrency          currency    `json:"baseCurrency"`
	QuoteCurrency         currency    `json:"quoteCurrency"`
	Currency              currency    `json:"currency"` // in place of quoteCurrency, to buy
	FeeAmount             json.Number `json:"feeAmount"`
	ExtraFeeAmount        json.Number `json:"extraFeeAmount"`
	NetworkFeeAmount      json.Number `json:"networkFeeAmount"`
	FeeDiscount           json.Number `json:"feeAmountDiscount"`
	ExtraFeeDiscount      json.Number `json:"extraFeeAmountDiscount"`
	AreFeesIncluded       *bool       `json:"areFeesIncluded"`
	WalletAddress         string      `json:"walletAddress"`
	WalletAddressTag      string      `json:"walletAddressTag"`
	CryptoTransactionID   string      `json:"cryptoTransactionId"`
	DepositHash           string      `json:"depositHash"`
	RefundHash            string      `json:"refundHash"`
	FailureReason         string      `json:"failureReason"`
	Stages                []stage     `json:"stages"`
}

// currency is one inside of a transaction.
type currency struct {
	Code string `json:"code"`
}

type stage struct {
	Status        string `json:"status"`
	FailureReason string `json:"failureReason"`
}

// ParseNotification verifies the signature and its time, and then reads the event.
func (g *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if !g.signed(n) {
		return nil, gateway.ErrForged
	}
	var kind struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(n.Body, &kind); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if kind.Type == nil {
		return nil, fmt.Errorf("%w: it has no type", gateway.ErrMalformed)
	}
	if !slices.Contains(events, *kind.Type) {
		return nil, nil
	}
	var e event
	if err := json.Unmarshal(n.Body, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	sell := strings.HasPrefix(e.Type, "sell_")
	if _, ours := e.Data.order(sell); e.Data.ID != "" && !ours {
		return nil, nil // made by other means with the same account
	}
	u, err := g.update(&e.Data, sell, gateway.Hash(n.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	return []gateway.Update{u}, nil
}

// order is the order that the transaction is of; ok is false where it is of none, or of one of the other kind.
func (t *transaction) order(sell bool) (id checkout.OrderID, ok bool) {
	reference, sold := strings.CutSuffix(t.ExternalTransactionID, sellSuffix)
	return checkout.OrderID(reference), reference != "" && sold == sell
}

// update tells of the transaction in our terms.
func (g *account) update(t *transaction, sell bool, key string) (gateway.Update, error) {
	order, ours := t.order(sell)
	if t.ID == "" || !ours || t.Status == "" {
		return gateway.Update{}, errors.New("id, externalTransactionId and status are required")
	}
	u := gateway.Update{
		DedupKey: key, OrderID: order, Type: checkout.Buy, ExternalOrderID: t.ID,
		Status: t.status(), TransactionHash: t.CryptoTransactionID,
	}
	crypto := t.QuoteCurrencyAmount
	if sell {
		crypto, u.TransactionHash, u.Type = t.BaseCurrencyAmount, t.DepositHash, checkout.Sell
	}
	if t.Status == "failed" {
		u.FailureReason = cmp.Or(t.stageReason(), t.FailureReason)
	}
	if err := gateway.CheckTexts(t.ID, t.ExternalTransactionID, t.Status, u.TransactionHash, u.FailureReason, t.WalletAddress, t.WalletAddressTag); err != nil {
		return gateway.Update{}, err
	}
	if u.Status == checkout.OrderCompleted { // before that these are estimates
		amount, err := gateway.Number(crypto)
		if err != nil {
			return gateway.Update{}, fmt.Errorf("the crypto amount %w", err)
		}
		u.CryptoAmount, u.Paid = amount, g.paid(t, sell)
	}
	return u, nil
}

// status is ours for the transaction's. MoonPay has none for what was cancelled, ran out of time or was paid back: these are
// failures with such a reason (api-reference/widget/stage-failure-reasons).
func (t *transaction) status() checkout.OrderStatus {
	switch t.Status {
	case "completed":
		return checkout.OrderCompleted
	case "failed":
		return t.failure()
	case "pending":
		return checkout.OrderProcessing
	}
	if strings.HasPrefix(t.Status, "waiting") { // for payment, authorization or deposit, and what else there may come
		return checkout.OrderPending
	}
	return checkout.OrderProcessing
}

// failure tells what kind of failure it is. Of two reasons, that the money went back counts before why.
func (t *transaction) failure() checkout.OrderStatus {
	overall, reason := strings.ToLower(t.FailureReason), strings.ToLower(cmp.Or(t.stageReason(), t.FailureReason))
	switch {
	case t.RefundHash != "", strings.HasPrefix(overall, "refund"), strings.HasPrefix(reason, "refund"):
		return checkout.OrderRefunded
	case strings.HasPrefix(reason, "cancel"):
		return checkout.OrderCancelled
	case strings.HasPrefix(reason, "timeout"), strings.HasPrefix(reason, "expired"), strings.HasSuffix(reason, " timeout"):
		return checkout.OrderExpired
	}
	return checkout.OrderFailed
}

func (t *transaction) stageReason() string {
	for _, s := range t.Stages {
		if s.Status == "failed" && s.FailureReason != "" {
			return s.FailureReason
		}
	}
	return ""
}

// Poll asks for all transactions with the order's reference (api-reference/widget/getbuytransactionbyexternalid, …/sell) and
// tells of the one that got furthest.
func (g *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	o := r.Order
	path := "/v1/transactions/ext/"
	if o.Type == checkout.Sell {
		path = "/v3/sell_transactions/ext/"
	}
	var found []transaction
	err := g.call.JSON(ctx, gatewaycall.Request{
		Method: http.MethodGet, URL: g.api + path + url.PathEscape(referTo(o)) + "?apiKey=" + url.QueryEscape(g.a.Settings["apiKey"]),
	}, &found)
	switch {
	case gatewaycall.Status(err) == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("moonpay: %w", err)
	case found == nil:
		return nil, errors.New("moonpay: the answer is no list of transactions")
	}
	var best *gateway.Update
	for _, t := range found {
		u, err := g.update(&t, o.Type == checkout.Sell, gateway.Hash("polled\n"+t.ID+"\n"+t.Status+"\n"+t.UpdatedAt))
		if err != nil {
			return nil, fmt.Errorf("moonpay: a transaction can't be read: %w", err)
		}
		if u.OrderID != o.ID {
			return nil, errors.New("moonpay: it answered with another order's transaction")
		}
		if best == nil || gateway.Furthest(u.Status) > gateway.Furthest(best.Status) {
			best = &u
		}
	}
	if best == nil {
		return nil, nil
	}
	return []gateway.Update{*best}, nil
}

// signed tells whether MoonPay signed the notification, for this project.
func (g *account) signed(n gateway.Notification) bool {
	signature := gateway.Stamped{
		Header: signatureHeader, Scheme: "s", Most: 1, Secrets: []string{g.a.Settings["webhookKey"]}, ToleranceSeconds: toleranceSeconds,
	}
	return n.ProjectID == g.a.ProjectID && signature.Holds(n)
}
