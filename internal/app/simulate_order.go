package app

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
)

// SimulateOrder is the body of POST /v1/test_helpers/orders/{id}/simulate.
type SimulateOrder struct {
	Problems checkout.Problems
	Status   *string
}

// SimulateOrder has the sandbox send the notification that moves the order to the status (contract §5). It goes the way
// of any gateway's: signed, verified, stored, applied once, forward only.
func (a *App) SimulateOrder(ctx context.Context, call *checkout.Call, id checkout.OrderID, in *SimulateOrder) (*checkout.Order, error) {
	status, err := in.check()
	if err != nil {
		return nil, err
	}
	o, err := a.GetOrder(ctx, call, id)
	if err != nil {
		return nil, err
	}
	if a.Sandbox == nil || o.Gateway != sandbox.ID {
		return nil, checkout.Fail(checkout.CodeForbidden, "Only orders of the sandbox gateway can be simulated.")
	}
	return a.notifySandbox(ctx, o, status)
}

func (in *SimulateOrder) check() (checkout.OrderStatus, error) {
	if in.Status == nil {
		if !in.Problems.Has("status") {
			in.Problems.Add("status", "is required")
		}
		return "", in.Problems.Err()
	}
	status := checkout.OrderStatus(*in.Status)
	known := slices.ContainsFunc(checkout.OrderStatusTable, func(r checkout.OrderStatusInfo) bool { return r.Status == status })
	if !known {
		in.Problems.Add("status", "must be created, pending, processing, completed, failed, cancelled, expired or refunded")
	}
	return status, in.Problems.Err()
}

func (a *App) notifySandbox(ctx context.Context, o *checkout.Order, status checkout.OrderStatus) (*checkout.Order, error) {
	n := a.Sandbox.Notify(o, status, "sbxn_"+rand.Text(), a.now())
	if err := a.ReceiveNotification(ctx, sandbox.ID, n); err != nil {
		return nil, err
	}
	return a.DB.Order(ctx, o.ProjectID, o.ID)
}
