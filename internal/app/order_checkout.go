package app

import (
	"context"
	"regexp"

	"github.com/sliproad/sliproad/internal/checkout"
)

// OrderCheckout is the order that the payer makes on the hosted page.
type OrderCheckout struct {
	CheckoutQuery
	checkout.CreateOrder
	Language *string // of the page, to come back to
	Embedded bool    // the page is in a partner's frame, and the gateway in a window of its own
}

// languageForm is a language tag as our pages have it, such as pt-BR.
var languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$`)

// OrderCheckout makes the session's order as CreateOrder does. The gateway sends the payer back to our return page, which
// follows the order to its end and then goes on to the session's redirectUrl.
func (a *App) OrderCheckout(ctx context.Context, call *checkout.Call, id checkout.SessionID, in *OrderCheckout) (*Checkout, error) {
	full, err := a.openPage(ctx, call, id, &in.CheckoutQuery)
	if err != nil {
		return nil, err
	}
	if !full {
		return nil, checkout.FailField(checkout.CodeForbidden, "clientSecret", "is needed to order; this link only shows where the session stands")
	}
	language := ""
	if in.Language != nil {
		if language = *in.Language; !languageForm.MatchString(language) {
			in.CreateOrder.Problems.Add("language", "must be a language tag, such as pt-BR")
		}
	}
	call.Language = language
	in.ClientSecret = &in.Credential
	in.ReturnURL = a.returnPage(call.Project.ID, id, language, in.Embedded)
	o, err := a.CreateOrder(ctx, call, id, &in.CreateOrder)
	if err != nil {
		return nil, err
	}
	page := &Checkout{Order: o, Full: true}
	a.describeOrder(page, call.Now)
	return page, nil
}
