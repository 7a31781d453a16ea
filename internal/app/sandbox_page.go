package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
)

// SandboxOrder reads an order for the sandbox's payment page, for whoever holds the page's token.
func (a *App) SandboxOrder(ctx context.Context, project checkout.ProjectID, id checkout.OrderID, token string) (*checkout.Order, error) {
	if a.Sandbox == nil || !a.Sandbox.CheckPayToken(project, id, token) {
		return nil, checkout.NotFound("order")
	}
	o, err := a.DB.Order(ctx, project, id)
	if err == nil && (o.Status == checkout.OrderCreating || o.Gateway != sandbox.ID) {
		return nil, checkout.NotFound("order")
	}
	return found("order", o, err)
}

// SandboxPay has the sandbox notify what the payer chose on its payment page. A sale that is to be told where the crypto goes is
// told so first, and can be completed after that.
func (a *App) SandboxPay(ctx context.Context, project checkout.ProjectID, id checkout.OrderID, token string, status checkout.OrderStatus) (*checkout.Order, error) {
	o, err := a.SandboxOrder(ctx, project, id, token)
	if err != nil || o.Status.Final() {
		return o, err
	}
	if status == checkout.OrderCompleted && a.Sandbox.TellsDeposit(o) {
		return a.notifySandbox(ctx, o, checkout.OrderPending)
	}
	if status == checkout.OrderCompleted {
		if o, err = a.notifySandbox(ctx, o, checkout.OrderProcessing); err != nil {
			return nil, err
		}
	}
	return a.notifySandbox(ctx, o, status)
}
