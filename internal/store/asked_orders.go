package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// askable are the orders of the index orders_asked; the planner takes it only for these very words.
const askable = `status in ('created', 'pending', 'processing') and gateway <> 'sandbox'`

// AccountsToAsk reads the accounts, by their keys alone, that have orders about which the gateway is to be asked by the time
// given. An account costs one look into the index, so that one query serves all.
func (r Reader) AccountsToAsk(ctx context.Context, now time.Time) ([]*GatewayAccount, error) {
	return scanAll(ctx, r.q, func(row scanner) (*GatewayAccount, error) {
		var a GatewayAccount
		err := row.Scan(&a.ProjectID, &a.Gateway)
		return &a, unavailable(err)
	}, `select a.project_id, a.gateway from gateway_accounts a where exists (select 1 from orders
		where project_id = a.project_id and gateway = a.gateway and lease_until <= $1 and `+askable+`)`, micros(now))
}

// OrdersToAsk reads the project's orders about which the gateway is to be asked by the time given, the longest overdue first.
// Their lease says who asked last, and when they may be asked about again.
func (r Reader) OrdersToAsk(ctx context.Context, project checkout.ProjectID, gateway string, now time.Time, limit int) ([]Reservation, error) {
	return scanAll(ctx, r.q, scanReservation, `select `+orderColumns+`, lease_owner, lease_until from orders
		where project_id = $1 and gateway = $2 and lease_until <= $3 and `+askable+` order by lease_until, id limit $4`,
		string(project), gateway, micros(now), limit)
}

// AskOrder claims the order until the lease's end, when it may be asked about again. ErrConflict: another was faster, or the
// order is over.
func (tx *Tx) AskOrder(o *checkout.Order, was, lease Lease) error {
	return tx.swap(`update orders set lease_owner = $1, lease_until = $2 where project_id = $3 and id = $4
		and lease_owner = $5 and lease_until = $6 and `+askable,
		lease.Owner, micros(lease.Until), string(o.ProjectID), string(o.ID), was.Owner, micros(was.Until))
}
