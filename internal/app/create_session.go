package app

import (
	"context"
	"errors"
	"net/url"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
	"github.com/sliproad/sliproad/internal/webhook"
)

// clientSecretPrefix begins every clientSecret (contract §2.1).
const clientSecretPrefix = "sess_secret_"

const purposeClientSecret = "client secret"

// NewSession is a session as its creator is told of it, once.
type NewSession struct {
	Session      *checkout.Session
	ClientSecret string
	CheckoutURL  string
}

// CreateSession makes a session, and its customer on first sight (contract §2.1).
func (a *App) CreateSession(ctx context.Context, call *checkout.Call, in *checkout.CreateSession) (*NewSession, error) {
	s, err := in.Session(call)
	if err != nil {
		return nil, err
	}
	if s.CountrySource == "" {
		s.Country, s.CountrySource = a.Countries.Country(call.Address), checkout.CountryFromBackend
	}
	_, s.SecretKeyID = a.Ring.Token(purposeClientSecret, string(s.ID))
	given := s.CustomerID
	s, err = again(ctx, func() (*checkout.Session, error) { return a.insertSession(ctx, call, s, given) })
	if err != nil {
		return nil, err
	}
	// By the session's own key: an earlier run of this call may have made it, with another one.
	secret := clientSecretPrefix + a.Ring.TokenBy(s.SecretKeyID, purposeClientSecret, string(s.ID))
	return &NewSession{
		Session: s, ClientSecret: secret,
		// The secret goes into the fragment, which reaches neither logs nor referrers.
		CheckoutURL: a.checkoutPage(s) + "#" + url.PathEscape(secret),
	}, nil
}

// insertSession finds the session's customer, and makes both.
func (a *App) insertSession(ctx context.Context, call *checkout.Call, s *checkout.Session, given checkout.CustomerID) (*checkout.Session, error) {
	customer, err := a.customer(ctx, call, s, given)
	if err != nil {
		return nil, err
	}
	s, err = a.insertSessionOf(ctx, call, s, customer)
	var other otherCustomerError
	if errors.As(err, &other) { // who told that may have been cut off, so it is checked in the transaction that relies on it
		s, err = a.insertSessionOf(ctx, call, s, sessionCustomer{id: other.id, check: true})
	}
	return s, err
}

// insertSessionOf makes the session of the customer, and returns it as it is then. otherCustomerError: the external id has
// a customer already.
func (a *App) insertSessionOf(ctx context.Context, call *checkout.Call, s *checkout.Session, customer sessionCustomer) (*checkout.Session, error) {
	s.CustomerID = customer.id
	event, err := webhook.SessionEvent(call.Seed.EventID(0, call.Began), checkout.EventSessionCreated, s, call.Now)
	if err != nil {
		return s, err
	}
	var there *checkout.Session
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		there = nil
		if err := customer.settle(ctx, tx, s, call); err != nil {
			return err
		}
		inserted, err := tx.InsertSession(s)
		if err != nil {
			return err
		}
		if !inserted { // an earlier run of this very call got so far, and died
			there, err = tx.Session(ctx, s.ProjectID, s.ID)
			return err
		}
		return a.tellSession(ctx, tx, call.Seed, event)
	})
	if err != nil {
		return s, err
	}
	a.customers.put(s.ProjectID, s.ExternalCustomerID, s.CustomerID)
	if there != nil {
		return there, nil
	}
	return s, nil
}

// otherCustomerError says that the customer is there already, with this id: decide anew.
type otherCustomerError struct{ id checkout.CustomerID }

func (e otherCustomerError) Error() string { return "app: the customer is there, as " + string(e.id) }

// clientSecretHolds compares the secret given with the session's, in constant time.
func (a *App) clientSecretHolds(s *checkout.Session, given string) bool {
	want := a.Ring.TokenBy(s.SecretKeyID, purposeClientSecret, string(s.ID))
	return want != "" && vault.Equal(clientSecretPrefix+want, given)
}
