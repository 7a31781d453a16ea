package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// ReceiveNotification takes what a gateway posted: verified by the gateway's own scheme, stored raw, applied once
// (contract §5). A late, repeated or out-of-order notification changes nothing and is no error.
func (a *App) ReceiveNotification(ctx context.Context, gatewayID string, n gateway.Notification) error {
	g, err := a.gateway(ctx, n.ProjectID, gatewayID)
	switch {
	case errors.Is(err, errNoGateway):
		return checkout.NotFound("gateway")
	case err != nil:
		return err
	}
	n.Now = a.now()
	updates, err := g.ParseNotification(ctx, n)
	switch {
	case errors.Is(err, gateway.ErrForged):
		return checkout.Fail(checkout.CodeInvalidSignature, "The notification's signature is missing or wrong.").Because(err)
	case errors.Is(err, gateway.ErrMalformed):
		return checkout.Fail(checkout.CodeValidation, "The notification is signed, but can't be read.").Because(err)
	case err != nil:
		return err
	}
	return a.applyUpdates(ctx, gatewayID, n, updates)
}

// applyUpdates applies what a gateway has told, or answered, each update once.
func (a *App) applyUpdates(ctx context.Context, gatewayID string, n gateway.Notification, updates []gateway.Update) error {
	for _, u := range updates {
		u.DedupKey, u.OrderID = boundKey(checkout.Legible(u.DedupKey)), checkout.OrderID(checkout.Legible(string(u.OrderID)))
		u.ExternalOrderID, u.TransactionHash = checkout.Legible(u.ExternalOrderID), checkout.Legible(u.TransactionHash)
		u.FailureReason, u.Paid = checkout.Legible(u.FailureReason), u.Paid.Legible()
		if u.Deposit != nil {
			told := *u.Deposit
			told.Address, told.Tag = checkout.Legible(told.Address), checkout.Legible(told.Tag)
			u.Deposit = &told
		}
		sealed := a.Ring.Seal(n.Body, "notification/"+string(n.ProjectID)+"/"+gatewayID)
		_, err := again(ctx, func() (bool, error) { return a.applyUpdate(ctx, gatewayID, n, u, sealed) })
		if err != nil {
			return err
		}
	}
	return nil
}

// maxDedupKey is in bytes: a row of an index on PostgreSQL has not much more room than this ten times over.
const maxDedupKey = 255

// boundKey is the key, or what stands for one that is too long to be kept.
func boundKey(key string) string {
	if len(key) <= maxDedupKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// applyUpdate stores the notification and moves the order and its session, in one transaction.
func (a *App) applyUpdate(ctx context.Context, gatewayID string, n gateway.Notification, u gateway.Update, sealed []byte) (changed bool, err error) {
	seed := newSeed()
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		changed = false
		fresh, err := tx.InsertNotification(store.Notification{
			Project: n.ProjectID, Gateway: gatewayID, DedupKey: u.DedupKey, OrderID: u.OrderID, ReceivedAt: n.Now, Sealed: sealed,
		})
		if err != nil || !fresh {
			return err
		}
		o, err := tx.Order(ctx, n.ProjectID, u.OrderID)
		if errors.Is(err, store.ErrNotFound) || (err == nil && o.Gateway != gatewayID) {
			return nil // kept, for a person to look at; there is nothing to move
		}
		if err != nil {
			return err
		}
		if u.Type != "" && u.Type != o.Type { // the payer may have put the order's reference into the URL of another kind
			return nil
		}
		if o.Status == checkout.OrderCreating { // faster than our own record: the gateway will send it again
			return checkout.Fail(checkout.CodeGatewayUnavailable, "The order is still being made; send the notification again.")
		}
		if mine, err := claimPayment(ctx, tx, n, gatewayID, u); err != nil || !mine {
			return err
		}
		changed, err = a.moveOrder(ctx, tx, o, u, n, seed)
		return err
	})
	return changed, err
}

// claimPayment tells whether the gateway's payment that completes the order is this order's: the first that it is told for has it.
// References are in the payer's hands at some gateways, and nobody shall have one payment told for two orders.
func claimPayment(ctx context.Context, tx *store.Tx, n gateway.Notification, gatewayID string, u gateway.Update) (bool, error) {
	if u.Status != checkout.OrderCompleted || u.ExternalOrderID == "" {
		return true, nil
	}
	key := boundKey("payment " + u.ExternalOrderID)
	fresh, err := tx.InsertNotification(store.Notification{
		Project: n.ProjectID, Gateway: gatewayID, DedupKey: key, OrderID: u.OrderID, ReceivedAt: n.Now, Sealed: []byte{},
	})
	if err != nil || fresh {
		return fresh, err
	}
	owner, err := tx.NotificationOrder(ctx, n.ProjectID, gatewayID, key)
	return owner == u.OrderID, err
}

func (a *App) moveOrder(ctx context.Context, tx *store.Tx, o *checkout.Order, u gateway.Update, n gateway.Notification, seed checkout.Seed) (bool, error) {
	was := o.Status
	update := checkout.OrderUpdate{
		Status: u.Status, ExternalOrderID: u.ExternalOrderID, CryptoAmount: u.CryptoAmount,
		TransactionHash: u.TransactionHash, FailureReason: u.FailureReason, Paid: o.Recall(u.Paid), Deposit: u.Deposit,
	}
	s, err := tx.Session(ctx, o.ProjectID, o.SessionID)
	if err != nil {
		return false, err
	}
	apply := o.Apply
	if u.Status == checkout.OrderCompleted && o.Status.CanBecome(checkout.OrderCompleted) && s.Forbids(o, &update.Paid) {
		apply = o.Hold
	}
	kind, changed := apply(update, n.Now)
	if !changed {
		return false, nil
	}
	if err := tx.UpdateOrder(o, was); err != nil {
		return false, err
	}
	if sessionWas := s.Status; s.Follow(o.Status, n.Now) {
		if err := tx.UpdateSession(s, sessionWas); err != nil {
			return false, err
		}
	}
	if kind == "" {
		return true, nil
	}
	if kind == checkout.EventLatePayment {
		o.Take(update) // told in the event; the order stays as it ended
	}
	return true, a.tellOrder(ctx, tx, seed, kind, o, n.Now)
}
