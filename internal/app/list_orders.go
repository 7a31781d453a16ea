package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ListOrders reads one page of the project's orders (contract §3).
func (a *App) ListOrders(ctx context.Context, call *checkout.Call, f checkout.OrderFilter, p checkout.Page) (checkout.List[*checkout.Order], error) {
	return a.DB.Orders(ctx, call.Project.ID, f, p)
}
