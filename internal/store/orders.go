package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

const orderColumns = `project_id, id, session_id, type, status, gateway, external_order_id, fiat_amount, fiat_currency,
	crypto_currency, crypto_amount, network, wallet_address, email, customer_id, external_customer_id, redirect_url, country,
	transaction_hash, failure_reason, checkout_url, checkout_seconds, metadata, created_at, updated_at, completed_at,
	late_payment_at, late_crypto_amount, late_transaction_hash, prior_status, version,
	wallet_tag, details`

// Lease is the claim of a node on a row that it works on; after Until, or when the node is known to be gone, another
// may take the work over.
type Lease struct {
	Owner string
	Until time.Time
}

// ReserveOrder adds the order in status creating. ErrConflict: the session has its order; the unique key decides
// between racing callers.
func (tx *Tx) ReserveOrder(o *checkout.Order, lease Lease) error {
	details, err := encodeDetails(o)
	if err != nil {
		return err
	}
	n, err := tx.insert(`insert into orders (`+orderColumns+`, bucket, lease_owner, lease_until)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
		$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)`, ` on conflict do nothing`,
		string(o.ProjectID), string(o.ID), string(o.SessionID), string(o.Type), string(o.Status), o.Gateway, o.ExternalOrderID,
		o.FiatAmount.String(), o.FiatCurrency, o.CryptoCurrency, o.CryptoAmount.String(), o.Network, o.WalletAddress, o.Email,
		string(o.CustomerID), o.ExternalCustomerID, o.RedirectURL, o.Country, o.TransactionHash, o.FailureReason, o.CheckoutURL,
		o.CheckoutSeconds, string(o.Metadata), micros(o.CreatedAt), micros(o.UpdatedAt), micros(o.CompletedAt),
		micros(o.LatePaymentAt), o.LateCryptoAmount.String(), o.LateTransactionHash, string(o.PriorStatus), o.Version, o.WalletTag, details, checkout.Bucket(string(o.ID)), lease.Owner, micros(lease.Until))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdateOrder stores what may change in an order, if it still is at the version that was read, with the status that it
// had then; else ErrConflict.
func (tx *Tx) UpdateOrder(o *checkout.Order, was checkout.OrderStatus) error {
	details, err := encodeDetails(o)
	if err != nil {
		return err
	}
	err = tx.swap(`update orders set status = $1, external_order_id = $2, crypto_amount = $3, transaction_hash = $4,
		failure_reason = $5, checkout_url = $6, checkout_seconds = $7, updated_at = $8, completed_at = $9, late_payment_at = $10,
		late_crypto_amount = $11, late_transaction_hash = $12, version = $16, details = $17
		where project_id = $13 and id = $14 and version = $15`,
		string(o.Status), o.ExternalOrderID, o.CryptoAmount.String(), o.TransactionHash, o.FailureReason, o.CheckoutURL,
		o.CheckoutSeconds, micros(o.UpdatedAt), micros(o.CompletedAt), micros(o.LatePaymentAt),
		o.LateCryptoAmount.String(), o.LateTransactionHash, string(o.ProjectID),
		string(o.ID), o.Version, newVersion(), details)
	if err != nil {
		return err
	}
	if o.Status == was {
		return nil
	}
	if was != checkout.OrderCreating {
		tx.count(orderCount(o, was), -1)
	}
	tx.count(orderCount(o, o.Status), 1)
	return nil
}

// RerouteReservation stores that another gateway is asked for the order in creation, which is reserved anew, and returns its new
// version. ErrConflict: another node has resolved it.
func (tx *Tx) RerouteReservation(o *checkout.Order, lease Lease) (version int64, err error) {
	details, err := encodeDetails(o)
	if err != nil {
		return 0, err
	}
	version = newVersion()
	return version, tx.swap(`update orders set gateway = $1, details = $2, updated_at = $3, lease_owner = $4, lease_until = $5, version = $6
		where project_id = $7 and id = $8 and version = $9 and status = 'creating'`,
		o.Gateway, details, micros(o.UpdatedAt), lease.Owner, micros(lease.Until), version, string(o.ProjectID), string(o.ID), o.Version)
}

// RerouteOrder stores that another gateway than before is to make the order's checkout, if the order still is at the version that
// was read; else ErrConflict.
func (tx *Tx) RerouteOrder(o *checkout.Order, was string) error {
	details, err := encodeDetails(o)
	if err != nil {
		return err
	}
	err = tx.swap(`update orders set gateway = $1, external_order_id = $2, details = $3, updated_at = $4, version = $5
		where project_id = $6 and id = $7 and version = $8`,
		o.Gateway, o.ExternalOrderID, details, micros(o.UpdatedAt), newVersion(), string(o.ProjectID), string(o.ID), o.Version)
	if err == nil {
		tx.count(countKey{o.ProjectID, "order", was, string(o.Status)}, -1)
		tx.count(orderCount(o, o.Status), 1)
	}
	return err
}

// DropReservation removes an order whose gateway call failed; nobody was ever told of it. ErrConflict: it has become an
// order, or is gone.
func (tx *Tx) DropReservation(o *checkout.Order) error {
	return tx.swap(`delete from orders where project_id = $1 and id = $2 and version = $3 and status = 'creating'`,
		string(o.ProjectID), string(o.ID), o.Version)
}

// TakeReservation claims an order in creation whose lease is over, or whose owner is known to be gone. ErrConflict:
// another was faster.
func (tx *Tx) TakeReservation(o *checkout.Order, was, lease Lease) error {
	return tx.swap(`update orders set lease_owner = $1, lease_until = $2 where project_id = $3 and id = $4
		and status = 'creating' and lease_owner = $5 and lease_until = $6`,
		lease.Owner, micros(lease.Until), string(o.ProjectID), string(o.ID), was.Owner, micros(was.Until))
}

func orderCount(o *checkout.Order, status checkout.OrderStatus) countKey {
	return countKey{o.ProjectID, "order", o.Gateway, string(status)}
}

// Order reads one order, one in creation included.
func (r Reader) Order(ctx context.Context, project checkout.ProjectID, id checkout.OrderID) (*checkout.Order, error) {
	return scanOrder(r.q.queryRow(ctx, `select `+orderColumns+` from orders where project_id = $1 and id = $2`, string(project), string(id)))
}

// Reservation is an order in creation and the lease on it.
type Reservation struct {
	Order *checkout.Order
	Lease Lease
}

// StaleReservations reads orders in creation, of all projects, whose lease is over at the time given or, with
// exclusive, belongs to any node but the one named: an exclusive database has no other node, so that one is gone.
func (r Reader) StaleReservations(ctx context.Context, now time.Time, self string, exclusive bool, limit int) ([]Reservation, error) {
	return scanAll(ctx, r.q, scanReservation, `select `+orderColumns+`, lease_owner, lease_until from orders
		where status = 'creating' and (lease_until <= $1 or ($2 and lease_owner <> $3)) order by lease_until limit $4`,
		micros(now), exclusive, self, limit)
}

func scanReservation(row scanner) (res Reservation, err error) {
	var until int64
	res.Order, err = scanOrder(tail{row, []any{&res.Lease.Owner, &until}})
	res.Lease.Until = fromMicros(until)
	return res, err
}

// tail scans further columns behind those that the inner function scans.
type tail struct {
	row  scanner
	more []any
}

func (t tail) Scan(dest ...any) error { return t.row.Scan(append(dest, t.more...)...) }

func scanOrder(row scanner) (*checkout.Order, error) {
	var o checkout.Order
	var fiat, crypto, lateCrypto, metadata, details string
	var created, updated, completed, late int64
	err := row.Scan(&o.ProjectID, &o.ID, &o.SessionID, &o.Type, &o.Status, &o.Gateway, &o.ExternalOrderID, &fiat, &o.FiatCurrency,
		&o.CryptoCurrency, &crypto, &o.Network, &o.WalletAddress, &o.Email, &o.CustomerID, &o.ExternalCustomerID, &o.RedirectURL,
		&o.Country, &o.TransactionHash, &o.FailureReason, &o.CheckoutURL, &o.CheckoutSeconds, &metadata, &created, &updated,
		&completed, &late, &lateCrypto, &o.LateTransactionHash, &o.PriorStatus, &o.Version, &o.WalletTag, &details)
	if err != nil {
		return nil, unavailable(err)
	}
	if metadata != "" {
		o.Metadata = []byte(metadata)
	}
	o.CreatedAt, o.UpdatedAt, o.CompletedAt, o.LatePaymentAt = fromMicros(created), fromMicros(updated), fromMicros(completed), fromMicros(late)
	if err := errors.Join(scanAmount(fiat, &o.FiatAmount), scanAmount(lateCrypto, &o.LateCryptoAmount)); err != nil {
		return nil, err
	}
	return &o, errors.Join(scanAmount(crypto, &o.CryptoAmount), decodeDetails(details, &o))
}

// details are what few orders have, as JSON.
type details struct {
	Deposit       *checkout.Deposit      `json:"deposit,omitempty"`
	Discrepancies []checkout.Discrepancy `json:"discrepancies,omitempty"`
	Routing       *checkout.Routing      `json:"routing,omitempty"`
}

func encodeDetails(o *checkout.Order) (string, error) {
	if o.Deposit == nil && len(o.Discrepancies) == 0 && o.Routing == nil {
		return "", nil
	}
	text, err := json.Marshal(details{o.Deposit, o.Discrepancies, o.Routing})
	return string(text), err
}

func decodeDetails(text string, o *checkout.Order) error {
	if text == "" {
		return nil
	}
	var d details
	err := json.Unmarshal([]byte(text), &d)
	o.Deposit, o.Discrepancies, o.Routing = d.Deposit, d.Discrepancies, d.Routing
	return err
}
