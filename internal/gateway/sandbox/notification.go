package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// SignatureHeader carries "t=UNIX,v1=HEX"; docs/sandbox.md has the recipe.
const SignatureHeader = "X-Sandbox-Signature"

// ToleranceSeconds is how far a signature's time may be from ours, before or after.
const ToleranceSeconds = 300

const (
	maxSignatures = 8   // of one notification
	maxTextBytes  = 255 // of ids and hashes; more is none of ours
	timeForm      = "2006-01-02T15:04:05.000Z"
)

// declined is the reason of every failure in the sandbox.
const declined = "The payment was declined in the sandbox."

// notification is the body of what the sandbox posts.
type notification struct {
	ID              string          `json:"id"`
	OrderID         string          `json:"orderId"`
	ExternalOrderID string          `json:"externalOrderId"`
	Status          string          `json:"status"`
	CryptoAmount    json.RawMessage `json:"cryptoAmount,omitempty"`
	TransactionHash string          `json:"transactionHash,omitempty"`
	FailureReason   string          `json:"failureReason,omitempty"`
	Deposit         *deposit        `json:"deposit,omitempty"`
	CreatedAt       string          `json:"createdAt"`
}

// Notify makes the signed notification that the order has got the status. The same eventID makes a replay. A completed
// order gets its crypto amount and a made-up transaction hash with it, a failed one its reason, and a pending sale of EmailDeposit
// where the crypto is to be sent.
func (g *Gateway) Notify(o *checkout.Order, status checkout.OrderStatus, eventID string, now time.Time) gateway.Notification {
	n := notification{
		ID: eventID, OrderID: string(o.ID), ExternalOrderID: externalOrderID(o.ID), Status: string(status),
		CreatedAt: now.UTC().Format(timeForm),
	}
	switch status {
	case checkout.OrderCompleted:
		n.CryptoAmount, _ = json.Marshal(cryptoAmount(o)) // an amount is digits
		n.TransactionHash = transactionHash(o)
	case checkout.OrderFailed:
		n.FailureReason = declined
	case checkout.OrderPending:
		if deposits(o) {
			n.Deposit = depositOf(o, now)
		}
	default:
	}
	body, _ := json.Marshal(n) // strings and digits always marshal
	secret, _ := g.ring.Token(notificationPurpose, string(o.ProjectID))
	stamp := strconv.FormatInt(now.Unix(), 10)
	return gateway.Notification{
		ProjectID: o.ProjectID,
		Header: map[string][]string{
			"Content-Type":  {"application/json"},
			SignatureHeader: {"t=" + stamp + ",v1=" + hex.EncodeToString(gateway.StampedMAC(secret, stamp, body))},
		},
		Path: "/gateways/" + ID + "/webhook/" + url.PathEscape(string(o.ProjectID)),
		Body: body,
		Now:  now,
	}
}

// transactionHash is made up, but always the same for the order and in the form that its network's hashes have, as far as
// EVM chains are concerned.
func transactionHash(o *checkout.Order) string {
	sum := sha256.Sum256([]byte(o.ID))
	if evmNetworks[o.Network] {
		return "0x" + hex.EncodeToString(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

// ParseNotification verifies the signature, by any master key of the ring, and its time, and only then reads the body. A
// status that is not ours becomes processing.
func (g *Gateway) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	signature := gateway.Stamped{
		Header: SignatureHeader, Scheme: "v1", Most: maxSignatures, ToleranceSeconds: ToleranceSeconds,
		Secrets: g.ring.Tokens(notificationPurpose, string(n.ProjectID)),
	}
	if !signature.Holds(n) {
		return nil, gateway.ErrForged
	}
	var body notification
	if err := json.Unmarshal(n.Body, &body); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if err := body.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	u := gateway.Update{
		DedupKey: body.ID, OrderID: checkout.OrderID(body.OrderID), Status: statusOf(body.Status),
		ExternalOrderID: body.ExternalOrderID, TransactionHash: body.TransactionHash, FailureReason: body.FailureReason,
	}
	if len(body.CryptoAmount) > 0 && string(body.CryptoAmount) != "null" {
		amount, err := money.ParseJSON(body.CryptoAmount)
		if err != nil {
			return nil, fmt.Errorf("%w: cryptoAmount %w", gateway.ErrMalformed, err)
		}
		u.CryptoAmount = amount
	}
	if body.Deposit != nil {
		told, err := body.Deposit.told()
		if err != nil {
			return nil, fmt.Errorf("%w: deposit: %w", gateway.ErrMalformed, err)
		}
		u.Deposit = told
	}
	return []gateway.Update{u}, nil
}

func (n *notification) check() error {
	if n.ID == "" || n.OrderID == "" || n.Status == "" {
		return errors.New("id, orderId and status are required")
	}
	for _, text := range []string{n.ID, n.OrderID, n.ExternalOrderID, n.Status, n.TransactionHash, n.FailureReason} {
		if len(text) > maxTextBytes || strings.ContainsRune(text, 0) { // a database's text holds no NUL
			return fmt.Errorf("a text has a NUL or more than %d bytes", maxTextBytes)
		}
	}
	return nil
}

func statusOf(status string) checkout.OrderStatus {
	if info, ok := checkout.OrderStatus(status).Info(); ok {
		return info.Status
	}
	return checkout.OrderProcessing
}
