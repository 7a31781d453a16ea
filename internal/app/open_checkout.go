package app

import (
	"context"
	"encoding/base64"
	"errors"
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
// fresh one. The order comes with the error too, where there is one: of an order that can't be paid any more the error is
// SESSION_EXPIRED, of one that needs no payment SESSION_ALREADY_USED.
func (a *App) OpenCheckout(ctx context.Context, call *checkout.Call, opaque string) (string, *checkout.Order, error) {
	o, err := a.hopOrder(ctx, opaque)
	if err != nil {
		return "", nil, err
	}
	if err := payable(o, call.Now); err != nil {
		return "", o, err
	}
	g, err := a.gateway(ctx, o.ProjectID, o.Gateway)
	if err != nil {
		return "", o, hopFailed(o, err)
	}
	opener, ok := g.(gateway.Opener)
	if !ok {
		return "", o, hopFailed(o, errors.New("the gateway makes no URLs"))
	}
	ask, cancel := context.WithTimeout(ctx, a.GatewayTimeout)
	defer cancel()
	made, err := opener.OpenCheckout(ask, a.request(call, o))
	if err == nil && made.URL == "" {
		err = errors.New("the gateway gave no URL")
	}
	if err != nil {
		return "", o, hopFailed(o, err)
	}
	// That took a while: money may have come by an earlier URL, and whoever has paid must not be sent to pay again.
	if o, err = a.hopOrder(ctx, opaque); err != nil {
		return "", nil, err
	}
	if err := payable(o, a.now()); err != nil {
		return "", o, err
	}
	if err := a.recordExternalID(ctx, o, checkout.Legible(made.ExternalOrderID)); err != nil {
		return "", o, err
	}
	return made.URL, o, nil
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
	case !now.Before(o.CheckoutExpiresAt()):
		return checkout.Fail(checkout.CodeSessionExpired, "The link to the payment no longer serves.")
	}
	return nil
}

func hopFailed(o *checkout.Order, cause error) error {
	return checkout.Fail(checkout.CodeGatewayUnavailable, "The gateway "+o.Gateway+" did not make a checkout. Try again in a moment.").Because(cause)
}

// recordExternalID records the gateway's id of the order, which may be another with each URL. An order that has been moved so
// that it can't be paid any more stays as it is, with the error of payable.
func (a *App) recordExternalID(ctx context.Context, o *checkout.Order, id string) error {
	_, err := again(ctx, func() (none struct{}, err error) {
		if id == "" || o.ExternalOrderID == id {
			return none, nil
		}
		o.ExternalOrderID, o.UpdatedAt = id, a.now()
		err = a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.UpdateOrder(o, o.Status) })
		if errors.Is(err, store.ErrConflict) {
			there, e := a.DB.Order(ctx, o.ProjectID, o.ID)
			if e == nil {
				*o = *there
				e = payable(o, a.now()) // money may have come by another URL, whose id must stay
			}
			if e != nil {
				return none, e
			}
		}
		return none, err
	})
	return err
}
