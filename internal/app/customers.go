package app

import (
	"context"
	"errors"
	"sync"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// customerCache remembers which customer an external id names. That never changes, so entries never go stale; but only
// what a commit has shown is entered, since a server that has been cut off believes in customers that will never be.
type customerCache struct {
	mu  sync.Mutex
	ids map[externalCustomer]checkout.CustomerID
}

type externalCustomer struct {
	project checkout.ProjectID
	id      string
}

// maxCachedCustomers bounds the cache; a full one is emptied, which costs a look-up each.
const maxCachedCustomers = 1 << 16

func (c *customerCache) get(project checkout.ProjectID, external string) (checkout.CustomerID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.ids[externalCustomer{project, external}]
	return id, ok
}

func (c *customerCache) put(project checkout.ProjectID, external string, id checkout.CustomerID) {
	if external == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) >= maxCachedCustomers {
		c.ids = map[externalCustomer]checkout.CustomerID{}
	}
	c.ids[externalCustomer{project, external}] = id
}

// sessionCustomer is the customer of a session to be, and what remains to be written for it.
type sessionCustomer struct {
	id     checkout.CustomerID
	create bool
	name   bool // the customer is there, without the external id
	check  bool // the customer was there, with the external id, when somebody looked
}

// customer finds the session's customer (contract §2.1): by customerId, by externalCustomerId, or both, which must be
// the same. given is the request's customerId, or empty.
func (a *App) customer(ctx context.Context, call *checkout.Call, s *checkout.Session, given checkout.CustomerID) (sessionCustomer, error) {
	if given != "" {
		return a.customerByID(ctx, s, given)
	}
	if id, ok := a.customers.get(s.ProjectID, s.ExternalCustomerID); ok {
		return sessionCustomer{id: id}, nil
	}
	// Most names that are not remembered are new, so nothing is looked up: the unique key tells if this one is not.
	return sessionCustomer{id: call.Seed.CustomerID(call.Began), create: true}, nil
}

func (a *App) customerByID(ctx context.Context, s *checkout.Session, given checkout.CustomerID) (sessionCustomer, error) {
	have, err := a.DB.Customer(ctx, s.ProjectID, given)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return sessionCustomer{}, checkout.FailField(checkout.CodeValidation, "customerId", "is not a customer of this project")
	case err != nil:
		return sessionCustomer{}, err
	case s.ExternalCustomerID == "" || s.ExternalCustomerID == have.ExternalID:
		s.ExternalCustomerID = have.ExternalID
		return sessionCustomer{id: have.ID}, nil
	case have.ExternalID != "":
		return sessionCustomer{}, checkout.FailField(checkout.CodeValidation, "externalCustomerId", "is not that of the customer that customerId names")
	}
	_, err = a.DB.CustomerByExternalID(ctx, s.ProjectID, s.ExternalCustomerID)
	if err == nil {
		return sessionCustomer{}, checkout.FailField(checkout.CodeValidation, "externalCustomerId", "is that of another customer than customerId names")
	}
	if !errors.Is(err, store.ErrNotFound) {
		return sessionCustomer{}, err
	}
	return sessionCustomer{id: have.ID, name: true}, nil
}

// settle writes what remains to be written for the customer. ErrConflict: decide anew.
func (c sessionCustomer) settle(ctx context.Context, tx *store.Tx, s *checkout.Session, call *checkout.Call) error {
	switch {
	case c.create:
		id, err := tx.EnsureCustomer(s.ProjectID, s.ExternalCustomerID, c.id, call.Now)
		if err == nil && id != c.id {
			return otherCustomerError{id}
		}
		return err
	case c.check:
		have, err := tx.CustomerByExternalID(ctx, s.ProjectID, s.ExternalCustomerID)
		if errors.Is(err, store.ErrNotFound) || (err == nil && have.ID != c.id) {
			return store.ErrConflict
		}
		return err
	case c.name:
		return tx.NameCustomer(s.ProjectID, c.id, s.ExternalCustomerID)
	}
	return nil
}
