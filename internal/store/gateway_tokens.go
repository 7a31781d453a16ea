package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// keptTokens are how many tokens of one name stay: the newest and those before it.
const keptTokens = 5

// GatewayToken is a credential that a gateway gave for a time, or a node's claim to get the next one.
type GatewayToken struct {
	ProjectID checkout.ProjectID
	Gateway   string
	Name      string
	Seq       int64  // the newest has the highest
	Sealed    []byte // nil: a claim
	ExpiresAt time.Time
	Rejected  bool
	Lease     Lease // of a claim
}

// GatewayTokens reads the tokens of the name, the newest first, which may be a claim.
func (r Reader) GatewayTokens(ctx context.Context, project checkout.ProjectID, gateway, name string) ([]*GatewayToken, error) {
	return scanAll(ctx, r.q, func(row scanner) (*GatewayToken, error) {
		t := &GatewayToken{ProjectID: project, Gateway: gateway, Name: name}
		var expires, until int64
		err := row.Scan(&t.Seq, &t.Sealed, &expires, &t.Rejected, &t.Lease.Owner, &until)
		t.ExpiresAt, t.Lease.Until = fromMicros(expires), fromMicros(until)
		return t, unavailable(err)
	}, `select seq, value, expires_at, rejected, lease_owner, lease_until from gateway_tokens
		where project_id = $1 and gateway = $2 and name = $3 order by seq desc limit $4`, string(project), gateway, name, keptTokens+1)
}

// ClaimToken claims the token of that number for its lease. ErrConflict: another was faster.
func (tx *Tx) ClaimToken(t *GatewayToken) error {
	n, err := tx.insert(`insert into gateway_tokens (project_id, gateway, name, seq, value, expires_at, rejected, lease_owner, lease_until)
		values ($1, $2, $3, $4, null, 0, $5, $6, $7)`, ` on conflict do nothing`,
		string(t.ProjectID), t.Gateway, t.Name, t.Seq, false, t.Lease.Owner, micros(t.Lease.Until))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// TakeToken takes a claim over whose lease is over. What was rejected was the other's. ErrConflict: another was faster.
func (tx *Tx) TakeToken(t *GatewayToken, lease Lease) error {
	return tx.swap(`update gateway_tokens set lease_owner = $1, lease_until = $2, rejected = $3
		where project_id = $4 and gateway = $5 and name = $6 and seq = $7 and value is null and lease_owner = $8 and lease_until = $9`,
		lease.Owner, micros(lease.Until), false, string(t.ProjectID), t.Gateway, t.Name, t.Seq, t.Lease.Owner, micros(t.Lease.Until))
}

// PutToken makes the claim the token, and drops those that are older than the last few. ErrConflict: another has taken the
// claim over.
func (tx *Tx) PutToken(t *GatewayToken) error {
	err := tx.swap(`update gateway_tokens set value = $1, expires_at = $2, lease_owner = '', lease_until = 0
		where project_id = $3 and gateway = $4 and name = $5 and seq = $6 and value is null and lease_owner = $7 and lease_until = $8`,
		t.Sealed, micros(t.ExpiresAt), string(t.ProjectID), t.Gateway, t.Name, t.Seq, t.Lease.Owner, micros(t.Lease.Until))
	if err != nil {
		return err
	}
	_, err = tx.exec(`delete from gateway_tokens where project_id = $1 and gateway = $2 and name = $3 and seq <= $4`,
		string(t.ProjectID), t.Gateway, t.Name, t.Seq-keptTokens)
	return err
}

// DropClaim gives the claim up; nothing, where another has taken it over.
func (tx *Tx) DropClaim(t *GatewayToken) error {
	_, err := tx.exec(`delete from gateway_tokens where project_id = $1 and gateway = $2 and name = $3 and seq = $4
		and value is null and lease_owner = $5 and lease_until = $6`,
		string(t.ProjectID), t.Gateway, t.Name, t.Seq, t.Lease.Owner, micros(t.Lease.Until))
	return err
}

// RejectToken marks the token as one that the gateway no longer takes.
func (tx *Tx) RejectToken(t *GatewayToken) error {
	_, err := tx.exec(`update gateway_tokens set rejected = $1 where project_id = $2 and gateway = $3 and name = $4 and seq = $5`,
		true, string(t.ProjectID), t.Gateway, t.Name, t.Seq)
	return err
}

// RejectTokens marks all tokens of an account, whose settings have changed.
func (tx *Tx) RejectTokens(project checkout.ProjectID, gateway string) error {
	_, err := tx.exec(`update gateway_tokens set rejected = $1 where project_id = $2 and gateway = $3`, true, string(project), gateway)
	return err
}

// PruneTokens removes the account's tokens that ended before the time.
func (tx *Tx) PruneTokens(project checkout.ProjectID, gateway string, before time.Time) (int64, error) {
	return tx.exec(`delete from gateway_tokens where project_id = $1 and gateway = $2 and value is not null and expires_at > 0 and expires_at < $3`,
		string(project), gateway, micros(before))
}
