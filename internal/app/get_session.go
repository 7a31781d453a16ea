package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// GetSession reads a session (contract §2.4). The payer's first call looks the country up anew.
func (a *App) GetSession(ctx context.Context, call *checkout.Call, id checkout.SessionID) (*checkout.Session, error) {
	s, err := a.session(ctx, call, id)
	if err != nil || !a.payerCountry(call, s) {
		return s, err
	}
	s.UpdatedAt = call.Now
	err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.UpdateSession(s, s.Status) })
	if errors.Is(err, store.ErrConflict) { // changed meanwhile; the next call of the payer does it
		return a.session(ctx, call, id)
	}
	return s, err
}

func (a *App) session(ctx context.Context, call *checkout.Call, id checkout.SessionID) (*checkout.Session, error) {
	return again(ctx, func() (*checkout.Session, error) {
		row, err := a.DB.Session(ctx, call.Project.ID, id)
		s, err := found("session", row, err)
		if err != nil || !overdue(s, call.Now) {
			return s, err
		}
		return s, a.expire(ctx, []*checkout.Session{s}, call.Now)
	})
}

// overdue tells of an open session whose time is over. Whoever is told so must not be told otherwise later, by an order
// that was decided a moment before and is written a moment after; so the expiry is recorded before it is told.
func overdue(s *checkout.Session, now time.Time) bool {
	return s.Status.Open() && s.StatusAt(now) == checkout.SessionExpired
}

// payerCountry replaces a country that came from the backend's address by that of the payer's, on the payer's first
// call, and tells whether it did (contract §2.1).
func (a *App) payerCountry(call *checkout.Call, s *checkout.Session) bool {
	if call.Secret() || s.CountrySource != checkout.CountryFromBackend || s.Usable(call.Now) != nil {
		return false
	}
	s.Country, s.CountrySource = a.Countries.Country(call.Address), checkout.CountryFromPayer
	return true
}

// payerSession reads a session for one who must hold its clientSecret, in the contract's order of checks: 404, 403, 409.
func (a *App) payerSession(ctx context.Context, call *checkout.Call, id checkout.SessionID, secret string) (*checkout.Session, error) {
	s, err := a.session(ctx, call, id)
	if err != nil {
		return nil, err
	}
	if err := a.holdsSecret(s, secret); err != nil {
		return nil, err
	}
	return s, s.Usable(call.Now)
}

func (a *App) holdsSecret(s *checkout.Session, secret string) error {
	if !a.clientSecretHolds(s, secret) {
		return checkout.FailField(checkout.CodeForbidden, "clientSecret", "is not that of this session")
	}
	return nil
}
