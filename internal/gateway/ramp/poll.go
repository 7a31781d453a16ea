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

// ask asks for one purchase or sale.
func (g *account) ask(ctx context.Context, call *gatewaycall.Client, o *checkout.Order, id, token string) (gateway.Update, error) {
	to := reference{order: o.ID, kind: o.Type, wallet: o.WalletAddress, amount: o.FiatAmount, currency: o.FiatCurrency}
	path := "/host-api/purchase/"
	if o.Type == checkout.Sell {
		path = "/host-api/offramp/sale/"
	}
	request := gatewaycall.Request{Method: http.MethodGet, URL: g.api + path + url.PathEscape(id) + "?secret=" + url.QueryEscape(token)}
	var u gateway.Update
	var version string
	var err error
	if o.Type == checkout.Sell {
		var s sale
		if err = call.JSON(ctx, request, &s); err != nil {
			return gateway.Update{}, err
		}
		to.asset = s.Crypto.Asset.as(o)
		u, err = s.update(&to, s.status())
		version = s.Fiat.Status + s.UpdatedAt
	} else {
		var p purchase
		if err = call.JSON(ctx, request, &p); err != nil {
			return gateway.Update{}, err
		}
		to.asset = p.Asset.as(o)
		u, err = p.update(&to, known(statuses, p.Status))
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

// as is the asset's own code if it is the order's asset, which may have left what Ramp serves since; else the order's, in words.
func (a *listedAsset) as(o *checkout.Order) string {
	if a.Symbol == o.CryptoCurrency && chains[a.Chain] == o.Network {
		return a.code()
	}
	return o.CryptoCurrency + " on " + o.Network
}

// status is ours for the sale's. What a sale's statuses are is not published, so that none of them ends an order; only its
// notifications do.
func (s *sale) status() checkout.OrderStatus {
	if s.Fiat.Status == "" || s.Fiat.Status == "not-started" {
		return checkout.OrderPending
	}
	return checkout.OrderProcessing
}
