package app

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

const purposeHop = "checkout hop"

// hopURL is our own link to the order's checkout (design §5). It is opaque, and whoever doesn't have it can't make it.
func (a *App) hopURL(o *checkout.Order) string {
	sealed := a.Ring.Seal([]byte(string(o.ProjectID)+"/"+string(o.ID)), purposeHop)
	return a.PublicURL + "/c/" + base64.RawURLEncoding.EncodeToString(sealed)
}

// OpenCheckout makes the gateway's URL for a payer who follows an order's link, by their own address. Each call makes a
// fresh one. Of an order that was routed, and whose payer has not been at a gateway yet, the next gateway takes over where the
// first one fails. The order comes with the error too, where there is one: of an order that can't be paid any more the error is
// SESSION_EXPIRED, of one that needs no payment SESSION_ALREADY_USED.
func (a *App) OpenCheckout(ctx context.Context, call *checkout.Call, opaque string) (string, *checkout.Order, error) {
	o, err := a.hopOrder(ctx, opaque)
	if err != nil {
		return "", nil, err
	}
	if err := payable(o, call.Now); err != nil {
		return "", o, err
	}
	for range maxAttempts {
		made, cause := a.openAt(ctx, call, o)
		if cause != nil {
			if moved, err := a.rerouteOrder(ctx, o, cause); err != nil {
				return "", o, err
			} else if !moved {
				return "", o, hopFailed(o, cause)
			}
		}
		// That took a while: money may have come by an earlier URL, and whoever has paid must not be sent to pay again.
		there, err := a.hopOrder(ctx, opaque)
		if err != nil {
			return "", nil, err
		}
		if err := payable(there, a.now()); err != nil {
			return "", there, err
		}
		if cause == nil && there.Gateway == o.Gateway {
			err := a.recordOpened(ctx, there, checkout.Legible(made.ExternalOrderID))
			if !errors.Is(err, errMovedOn) {
				return made.URL, there, err
			}
		}
		o = there // at another gateway by now
	}
	return "", o, hopFailed(o, errors.New("the order changes too often"))
}

// openAt asks the order's gateway for a URL.
func (a *App) openAt(ctx context.Context, call *checkout.Call, o *checkout.Order) (made gateway.Checkout, err error) {
	g, err := a.gateway(ctx, o.ProjectID, o.Gateway)
	if err != nil {
		return made, err
	}
	within := a.tryTime(o)
	ask, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := a.Now()
	made, err = guarded(func() (gateway.Checkout, error) {
		opener, ok := g.(gateway.Opener)
		switch {
		case ok:
			return opener.OpenCheckout(ask, a.request(call, o))
		case o.Routing != nil: // it has taken over from one that is; the same order given twice gives the same checkout
			return g.CreateCheckout(ask, a.request(call, o))
		}
		return gateway.Checkout{}, errors.New("the gateway makes no URLs")
	})
	if err == nil && made.URL == "" {
		err = errors.New("the gateway gave no URL")
	}
	a.watch(ask, healthKey{o.ProjectID, o.Gateway, CallOrder}, o.ID, began, within, err)
	return made, err
}

// rerouteOrder gives an order, which no payer has been sent to a gateway for, to the next one that is still there, and tells
// whether the order may be elsewhere now.
func (a *App) rerouteOrder(ctx context.Context, o *checkout.Order, cause error) (bool, error) {
	if o.Routing == nil || o.Routing.Opened || o.ExternalOrderID != "" || o.Status != checkout.OrderCreated {
		return false, nil
	}
	gateways, err := a.gatewaysOf(ctx, o.ProjectID)
	if err != nil {
		return false, err
	}
	moved := *o
	for {
		moved.Routing, moved.Gateway = nextRoute(moved.Routing, cause)
		if moved.Routing == nil {
			return false, nil
		}
		if slices.ContainsFunc(gateways, func(g gateway.Gateway) bool { return g.Describe().ID == moved.Gateway }) {
			break
		}
		cause = errNoGateway
	}
	moved.UpdatedAt = a.now()
	err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.RerouteOrder(&moved, o.Gateway) })
	if errors.Is(err, store.ErrConflict) { // another click was faster, or a notification
		err = nil
	}
	return true, err
}

func (a *App) hopOrder(ctx context.Context, opaque string) (*checkout.Order, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(opaque)
	if err != nil {
		return nil, checkout.NotFound("order")
	}
	text, err := a.Ring.Open(sealed, purposeHop)
	if err != nil {
		return nil, checkout.NotFound("order")
	}
	project, id, _ := strings.Cut(string(text), "/")
	o, err := a.DB.Order(ctx, checkout.ProjectID(project), checkout.OrderID(id))
	if err == nil && o.Status == checkout.OrderCreating { // its link is not told to anyone yet
		err = store.ErrNotFound
	}
	return found("order", o, err)
}

// payable is nil where the payer may go to the gateway to pay. Once money has come, a second checkout would take it twice.
func payable(o *checkout.Order, now time.Time) error {
	switch {
	case o.Status != checkout.OrderCreated && o.Status != checkout.OrderPending:
		return checkout.Fail(checkout.CodeSessionAlreadyUsed, "There is nothing left to pay: the order is "+string(o.Status)+".")
	case o.AwaitsDeposit(now):
		return checkout.Fail(checkout.CodeSessionAlreadyUsed, "The gateway waits for the crypto; another sale would be one too many.")
	case !now.Before(o.CheckoutExpiresAt()):
		return checkout.Fail(checkout.CodeSessionExpired, "The link to the payment no longer serves.")
	}
	return nil
}

func hopFailed(o *checkout.Order, cause error) error {
	return checkout.Fail(checkout.CodeGatewayUnavailable, "The gateway "+o.Gateway+" did not make a checkout. Try again in a moment.").Because(cause)
}

// errMovedOn says that another gateway has taken the order over.
var errMovedOn = errors.New("the order is at another gateway by now")

// recordOpened records that a payer is sent to the order's gateway, where that keeps others from taking over, and the gateway's id
// of the order, which may be another with each URL. An order that has been moved so that it can't be paid any more stays as it is,
// with the error of payable; one that is at another gateway by now has errMovedOn.
func (a *App) recordOpened(ctx context.Context, o *checkout.Order, id string) error {
	at := o.Gateway
	_, err := again(ctx, func() (none struct{}, err error) {
		opened := o.Routing == nil || o.Routing.Opened
		if opened && (id == "" || o.ExternalOrderID == id) {
			return none, nil
		}
		now := *o
		if now.UpdatedAt = a.now(); id != "" {
			now.ExternalOrderID = id
		}
		if !opened {
			routing := *o.Routing
			routing.Opened, now.Routing = true, &routing
		}
		err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.UpdateOrder(&now, o.Status) })
		if err == nil {
			*o = now
		}
		if errors.Is(err, store.ErrConflict) {
			there, e := a.DB.Order(ctx, o.ProjectID, o.ID)
			if e != nil {
				return none, e
			}
			*o = *there
			if o.Gateway != at {
				return none, errMovedOn
			}
			if e := payable(o, a.now()); e != nil { // money may have come by another URL, whose id must stay
				return none, e
			}
		}
		return none, err
	})
	return err
}
