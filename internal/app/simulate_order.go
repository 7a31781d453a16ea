package app

import (
	"context"
	"crypto/rand"
	weak "math/rand/v2"
	"slices"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
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
	times := 1
	if a.HostileSandbox {
		times = a.mistreat(ctx, n)
	}
	for range times {
		if err := a.ReceiveNotification(ctx, sandbox.ID, n); err != nil {
			return nil, err
		}
	}
	return a.DB.Order(ctx, o.ProjectID, o.ID)
}

// What a hostile sandbox does to its notifications, in percent, and how long it keeps one back.
const (
	hostileTwicePercent = 20
	hostileLatePercent  = 10
	hostileLate         = 200 * time.Millisecond
)

// mistreat decides how often the notification is sent now: twice, not at all but later, so that others overtake it, or
// once.
func (a *App) mistreat(ctx context.Context, n gateway.Notification) int {
	switch dice := weak.IntN(100); { //nolint:gosec // a test's dice
	case dice < hostileTwicePercent:
		return 2
	case dice < hostileTwicePercent+hostileLatePercent:
		time.AfterFunc(weak.N(hostileLate), func() { //nolint:gosec // a test's dice
			_ = a.ReceiveNotification(context.WithoutCancel(ctx), sandbox.ID, n) // a server that stops loses it, as a bad gateway would
		})
		return 0
	}
	return 1
}
