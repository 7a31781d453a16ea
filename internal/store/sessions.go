package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

const sessionColumns = `project_id, id, customer_id, external_customer_id, type, status, source_amount, source_currency,
	destination_currency, network, destination_address, redirect_url, country, country_source, metadata, field_locks,
	warnings, expires_at, created_at, updated_at, order_id, secret_key_id, version, destination_tag`

// InsertSession adds the session. False: it is there already, written by an earlier run of the same call.
func (tx *Tx) InsertSession(s *checkout.Session) (bool, error) {
	locks, warnings, err := encodeLocks(s)
	if err != nil {
		return false, err
	}
	n, err := tx.insert(`insert into sessions (`+sessionColumns+`, bucket)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`, ` on conflict (project_id, id) do nothing`,
		string(s.ProjectID), string(s.ID), string(s.CustomerID), s.ExternalCustomerID, string(s.Type), string(s.Status),
		s.SourceAmount.String(), s.SourceCurrency, s.DestinationCurrency, s.Network, s.DestinationAddress, s.RedirectURL,
		s.Country, string(s.CountrySource), string(s.Metadata), locks, warnings, micros(s.ExpiresAt), micros(s.CreatedAt),
		micros(s.UpdatedAt), string(s.OrderID), s.SecretKeyID, s.Version, s.DestinationTag, checkout.Bucket(string(s.ID)))
	if err != nil || n == 0 {
		return false, err
	}
	tx.count(sessionCount(s, s.Status), 1)
	return true, nil
}

// UpdateSession stores what may change in a session, if it still is at the version that was read, with the status that
// it had then; else ErrConflict.
func (tx *Tx) UpdateSession(s *checkout.Session, was checkout.SessionStatus) error {
	_, warnings, err := encodeLocks(s)
	if err != nil {
		return err
	}
	err = tx.swap(`update sessions set status = $1, network = $2, destination_address = $3, warnings = $4, country = $5,
		country_source = $6, updated_at = $7, order_id = $8, version = $12, destination_tag = $13
		where project_id = $9 and id = $10 and version = $11`,
		string(s.Status), s.Network, s.DestinationAddress, warnings, s.Country, string(s.CountrySource),
		micros(s.UpdatedAt), string(s.OrderID), string(s.ProjectID), string(s.ID), s.Version, newVersion(), s.DestinationTag)
	if err != nil {
		return err
	}
	if s.Status != was {
		tx.count(sessionCount(s, was), -1)
		tx.count(sessionCount(s, s.Status), 1)
	}
	return nil
}

func sessionCount(s *checkout.Session, status checkout.SessionStatus) countKey {
	return countKey{s.ProjectID, "session", string(s.Type), string(status)}
}

// Session reads one session.
func (r Reader) Session(ctx context.Context, project checkout.ProjectID, id checkout.SessionID) (*checkout.Session, error) {
	return scanSession(r.q.queryRow(ctx, `select `+sessionColumns+` from sessions where project_id = $1 and id = $2`, string(project), string(id)))
}

// OverdueSessions reads open sessions of all projects whose time is over, the longest overdue first.
func (r Reader) OverdueSessions(ctx context.Context, now time.Time, limit int) ([]*checkout.Session, error) {
	return scanAll(ctx, r.q, scanSession, `select `+sessionColumns+` from sessions
		where status in ('pending', 'confirmed') and expires_at <= $1 order by expires_at, project_id limit $2`, micros(now), limit)
}

// NextExpiry is when the next open session's time is over; zero where none is open.
func (r Reader) NextExpiry(ctx context.Context) (time.Time, error) {
	var at int64
	err := r.q.queryRow(ctx, `select cast(coalesce(min(expires_at), 0) as bigint) from sessions where status in ('pending', 'confirmed')`).Scan(&at)
	return fromMicros(at), unavailable(err)
}

func scanSession(row scanner) (*checkout.Session, error) {
	var s checkout.Session
	var amount, metadata, locks, warnings string
	var expires, created, updated int64
	err := row.Scan(&s.ProjectID, &s.ID, &s.CustomerID, &s.ExternalCustomerID, &s.Type, &s.Status, &amount, &s.SourceCurrency,
		&s.DestinationCurrency, &s.Network, &s.DestinationAddress, &s.RedirectURL, &s.Country, &s.CountrySource, &metadata, &locks,
		&warnings, &expires, &created, &updated, &s.OrderID, &s.SecretKeyID, &s.Version, &s.DestinationTag)
	if err != nil {
		return nil, unavailable(err)
	}
	if metadata != "" {
		s.Metadata = []byte(metadata)
	}
	s.ExpiresAt, s.CreatedAt, s.UpdatedAt = fromMicros(expires), fromMicros(created), fromMicros(updated)
	if err := scanAmount(amount, &s.SourceAmount); err != nil {
		return nil, err
	}
	if err := decodeLocks(locks, &s.FieldLocks); err != nil {
		return nil, err
	}
	if warnings != "" {
		err = json.Unmarshal([]byte(warnings), &s.Warnings)
	}
	return &s, err
}

// Locks are stored as text: a letter for the member (a to e), then + for locked or - for free, then the range of
// sourceAmount as "min:max". Lists are joined by commas, such as "a+,d+10:500".
func encodeLocks(s *checkout.Session) (locks, warnings string, err error) {
	buf := make([]byte, 0, 32)
	for m, lock := range s.FieldLocks {
		if !lock.Set {
			continue
		}
		if len(buf) > 0 {
			buf = append(buf, ',')
		}
		sign := byte('-')
		if lock.Locked {
			sign = '+'
		}
		buf = append(buf, 'a'+byte(m), sign)
		if lock.Ranged() {
			buf = append(buf, lock.Min.String()+":"+lock.Max.String()...)
		}
	}
	if len(s.Warnings) > 0 {
		text, err := json.Marshal(s.Warnings)
		if err != nil {
			return "", "", err
		}
		warnings = string(text)
	}
	return string(buf), warnings, nil
}
