package ramp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// maxAttempts bounds the purchases of one order that are asked for, the latest first.
const maxAttempts = 5

// viewName names an order's view token among the account's tokens.
func viewName(order checkout.OrderID) string { return "view " + string(order) }

// remember keeps what it takes to ask for a purchase or sale: its id and the token that comes with its first notification.
// Where the payer began several, there are several.
func (g *account) remember(ctx context.Context, order checkout.OrderID, id, token string, now time.Time) error {
	if g.a.Tokens == nil || strings.ContainsAny(id+token, " \n") {
		return nil
	}
	name, value := viewName(order), id+" "+token
	kept, err := g.a.Tokens.Known(ctx, name)
	if err != nil || slices.Contains(kept, value) {
		return err
	}
	if len(kept) > 0 {
		if err := g.a.Tokens.Reject(ctx, name, kept[0]); err != nil {
			return err
		}
	}
	_, err = g.a.Tokens.Current(ctx, name, func(context.Context) (gateway.Token, error) {
		return gateway.Token{Value: value, Expires: now.Add(viewTokenLives)}, nil
	})
	return err
}

// standing orders the purchases of one order: a payer may begin several.
var standing = map[checkout.OrderStatus]int{
	checkout.OrderCompleted: 4, checkout.OrderProcessing: 3, checkout.OrderPending: 2, checkout.OrderRefunded: 1,
}

// Poll asks for the order's purchases or sales that notifications have told of (rest-api-reference), and tells of the one that
// got furthest. Without any notification there is nothing to ask by.
func (g *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	if g.a.Tokens == nil {
		return nil, nil
	}
	kept, err := g.a.Tokens.Known(ctx, viewName(r.Order.ID))
	if err != nil {
		return nil, err
	}
	kept = kept[:min(len(kept), maxAttempts)]
	call := g.call
	for _, value := range kept {
		_, token, _ := strings.Cut(value, " ")
		call.Secrets = append(slices.Clone(call.Secrets), token)
	}
	var best *gateway.Update
	for _, value := range kept {
		id, token, _ := strings.Cut(value, " ")
		u, err := g.ask(ctx, &call, r.Order, id, token)
		var answer *gatewaycall.Error
		if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ramp: %w", err)
		}
		if best == nil || standing[u.Status] > standing[best.Status] {
			best = &u
		}
	}
	if best == nil {
		return nil, nil
	}
	return []gateway.Update{*best}, nil
}

// The paths of purchases and sales. Of a sale's there are two: the documentation has the first (rest-api-v3-reference), a wallet
// asks by the second (https://github.com/bitpay/bitcore, ramp.ts).
var (
	purchasePaths = []string{"/host-api/purchase/"}
	salePaths     = []string{"/host-api/offramp/sale/", "/host-api/v3/offramp/sale/"}
)

// get asks for a purchase or sale by the first path that has it.
func (g *account) get(ctx context.Context, call *gatewaycall.Client, paths []string, id, token string, into any) (err error) {
	for _, path := range paths {
		err = call.JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: g.api + path + url.PathEscape(id) + "?secret=" + url.QueryEscape(token)}, into)
		var answer *gatewaycall.Error
		if !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
			break
		}
	}
	return err
}

// ask asks for one purchase or sale.
func (g *account) ask(ctx context.Context, call *gatewaycall.Client, o *checkout.Order, id, token string) (gateway.Update, error) {
	to := reference{order: o.ID, kind: o.Type}
	var u gateway.Update
	var version string
	var err error
	if o.Type == checkout.Sell {
		var s sale
		if err = g.get(ctx, call, salePaths, id, token, &s); err != nil {
			return gateway.Update{}, err
		}
		u, err = g.sold(&s, to, s.status())
		version = s.Status + " " + s.Crypto.Status + " " + s.Fiat.Status + s.UpdatedAt
	} else {
		var p purchase
		if err = g.get(ctx, call, purchasePaths, id, token, &p); err != nil {
			return gateway.Update{}, err
		}
		u, err = g.purchased(&p, to, known(statuses, p.Status))
		version = p.Status + p.UpdatedAt
	}
	if err == nil && u.ExternalOrderID != id {
		err = errors.New("it answered with something else")
	}
	if err != nil {
		return gateway.Update{}, err
	}
	sum := sha256.Sum256([]byte("polled\n" + id + "\n" + version))
	u.DedupKey = hex.EncodeToString(sum[:])
	return u, nil
}

// status is ours for the sale's, which are named as the kinds of events are.
func (s *sale) status() checkout.OrderStatus {
	if status := known(types, s.Status); s.Status != "" && status != checkout.OrderPending {
		return status
	}
	return s.begun()
}

// begun is the status of a sale that has begun. What the statuses of its parts are, is not published: only one of which neither
// has one yet, or not-started, is taken for a sale for which nothing has been sent.
func (s *sale) begun() checkout.OrderStatus {
	for _, status := range []string{s.Crypto.Status, s.Fiat.Status} {
		if status != "" && !strings.EqualFold(strings.ReplaceAll(status, "_", "-"), "not-started") {
			return checkout.OrderProcessing
		}
	}
	return checkout.OrderPending
}
