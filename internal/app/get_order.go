package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// GetOrder reads an order (contract §3). One in creation is not shown yet.
func (a *App) GetOrder(ctx context.Context, call *checkout.Call, id checkout.OrderID) (*checkout.Order, error) {
	o, err := a.DB.Order(ctx, call.Project.ID, id)
	if err == nil && o.Status == checkout.OrderCreating {
		return nil, checkout.NotFound("order")
	}
	return found("order", o, err)
}
