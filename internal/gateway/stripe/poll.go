package stripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// Poll asks for the session that the payer was sent to last and, where that one isn't paid, for an earlier one that is: a payer
// who came from another address before had another session.
func (a *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	o := r.Order
	if o.ExternalOrderID == "" { // no payer has come yet
		return nil, nil
	}
	var s session
	err := a.ask(ctx, http.MethodGet, sessionsPath+"/"+url.PathEscape(o.ExternalOrderID), nil, "", &s)
	var answer *gatewaycall.Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.Metadata[referenceKey] != string(o.ID) {
		return nil, errors.New("stripe: the session " + o.ExternalOrderID + " is not the order's")
	}
	if status := statusOf(s.Status); status != checkout.OrderProcessing && status != checkout.OrderCompleted {
		if s, err = a.paidEarlier(ctx, o, s); err != nil {
			return nil, err
		}
	}
	u, err := a.update(&s, o.ID)
	if err != nil {
		return nil, fmt.Errorf("stripe: %w", err)
	}
	sum := sha256.Sum256([]byte(s.ID + "\x00" + s.Status))
	u.DedupKey = hex.EncodeToString(sum[:])
	return []gateway.Update{u}, nil
}

// The list of sessions that may be an order's: those made while its link served, give or take the clocks' difference.
const (
	listSize  = "100" // the most there is
	clockSkew = time.Minute
)

// paidEarlier looks for a session of the order that is done among those of its asset
// (https://docs.stripe.com/api/crypto/onramp_sessions/list); else it is the last one. A key may lack the right to see the list:
// that one can do without.
func (a *account) paidEarlier(ctx context.Context, o *checkout.Order, last session) (session, error) {
	if o.CreatedAt.IsZero() {
		return last, nil
	}
	p := pair{o.CryptoCurrency, o.Network}
	var list struct {
		Data []session `json:"data"`
	}
	err := a.ask(ctx, http.MethodGet, sessionsPath, url.Values{
		"limit": {listSize}, "status": {"fulfillment_complete"},
		"destination_currency": {p.currency()}, "destination_network": {networkName(p.network)},
		"created[gte]": {strconv.FormatInt(o.CreatedAt.Add(-clockSkew).Unix(), 10)},
		"created[lte]": {strconv.FormatInt(o.CheckoutExpiresAt().Add(clockSkew).Unix(), 10)},
	}, "", &list)
	var answer *gatewaycall.Error
	if errors.As(err, &answer) && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusForbidden) {
		return last, nil
	}
	if err != nil {
		return session{}, err
	}
	if i := slices.IndexFunc(list.Data, func(s session) bool { return s.Metadata[referenceKey] == string(o.ID) }); i >= 0 {
		return list.Data[i], nil
	}
	return last, nil
}
