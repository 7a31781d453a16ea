package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Customer is a payer, as far as a partner names them.
type Customer struct {
	ID         checkout.CustomerID
	ExternalID string // empty: none yet
}

// EnsureCustomer returns the id of the customer with the external id, created with the id given where there is none.
// The unique key decides between racing callers.
func (tx *Tx) EnsureCustomer(project checkout.ProjectID, external string, id checkout.CustomerID, now time.Time) (checkout.CustomerID, error) {
	n, err := tx.exec(`insert into customers (project_id, id, external_id, created_at) values ($1, $2, $3, $4) on conflict do nothing`,
		string(project), string(id), external, micros(now))
	if err != nil || n == 1 {
		return id, err
	}
	found, err := tx.CustomerByExternalID(tx.ctx, project, external)
	return found.ID, err
}

// NameCustomer gives a customer without an external id the one given. ErrConflict: it has one, or another customer has
// this one.
func (tx *Tx) NameCustomer(project checkout.ProjectID, id checkout.CustomerID, external string) error {
	return tx.swap(`update customers set external_id = $1 where project_id = $2 and id = $3 and external_id is null
		and not exists (select 1 from customers c where c.project_id = $2 and c.external_id = $1)`,
		external, string(project), string(id))
}

// Customer reads one customer.
func (r Reader) Customer(ctx context.Context, project checkout.ProjectID, id checkout.CustomerID) (Customer, error) {
	return scanCustomer(r.q.queryRow(ctx, `select id, external_id from customers where project_id = $1 and id = $2`, string(project), string(id)))
}

// CustomerByExternalID finds the customer that the partner calls by the name given.
func (r Reader) CustomerByExternalID(ctx context.Context, project checkout.ProjectID, external string) (Customer, error) {
	return scanCustomer(r.q.queryRow(ctx, `select id, external_id from customers where project_id = $1 and external_id = $2`, string(project), external))
}

func scanCustomer(row scanner) (Customer, error) {
	var c Customer
	var external sql.NullString
	err := row.Scan(&c.ID, &external)
	c.ExternalID = external.String
	return c, unavailable(err)
}
