package app

import (
	"context"
	"errors"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// GetTransaction reads an order for one who knows no more than its id (contract §6), which can't be guessed. What of it they
// are shown is decided where it is presented. One in creation is not shown yet.
func (a *App) GetTransaction(ctx context.Context, call *checkout.Call, id checkout.OrderID, q *checkout.PublicQuery) (*checkout.Order, error) {
	scope, err := q.Scope()
	if err != nil {
		return nil, err
	}
	unknown := checkout.Fail(checkout.CodeTransactionNotFound, "There is no such transaction in this project.")
	if err := a.publicProject(ctx, call, scope.ProjectID); checkout.CodeOf(err) == checkout.CodeNotFound {
		return nil, unknown
	} else if err != nil {
		return nil, err
	}
	o, err := a.DB.Order(ctx, call.Project.ID, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && o.Status == checkout.OrderCreating {
		return nil, unknown
	}
	return o, err
}
