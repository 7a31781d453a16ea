package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// QuoteTimeout is how long all gateways together have for their quotes. The caller's context may end sooner.
const QuoteTimeout = 5 * time.Second

// Quotes is what the eligible gateways say of an order.
type Quotes struct {
	Order    *checkout.Order // what they were asked about
	Quotes   []Quote         // the best first
	Failures []QuoteFailure
}

// Quote is one gateway's price.
type Quote struct {
	gateway.Quote
	Gateway   gateway.Description
	ExpiresAt time.Time
	BestRate  bool // the first, and no other
}

const slowGateway = "The gateway did not answer in time."

// QuoteFailure is a gateway that gave no price, and why.
type QuoteFailure struct {
	Gateway string
	Code    checkout.Code
	Message string
	Cause   error // not told; nil: the gateway refused as gateways do

	Eligible bool // the gateway may take the order all the same: it gives no quotes, or failed to
}

// GetQuotes asks all gateways of the project for their price, at once and under one deadline (contract §6). The best
// comes first: a buyer gets most crypto for the fiat amount, a seller pays least of it; of equal ones the project's default
// gateway comes first. A gateway that fails, or is too slow, is a failure among the others; one that the project's rule does not
// allow is not asked.
func (a *App) GetQuotes(ctx context.Context, call *checkout.Call, q *checkout.QuoteQuery) (*Quotes, error) {
	o, err := q.Order()
	if err != nil {
		return nil, err
	}
	if err := a.publicProject(ctx, call, o.ProjectID); err != nil {
		return nil, err
	}
	if o.Country == "" {
		o.Country = a.Countries.Country(call.Address)
	}
	method := ""
	if q.PaymentMethod != nil {
		method = *q.PaymentMethod
	}
	gateways, err := a.gatewaysOf(ctx, call.Project.ID)
	if err != nil {
		return nil, err
	}
	rules, err := a.DB.RoutingRules(ctx, call.Project.ID)
	if err != nil {
		return nil, err
	}
	if rule := rules.For(o); rule != nil {
		gateways = slices.DeleteFunc(gateways, func(g gateway.Gateway) bool { return !rule.Allows(g.Describe().ID) })
	}
	answers, err := a.askAll(ctx, call, gateways, quoteQuestion{o, method, CallQuote, QuoteTimeout})
	if err != nil {
		return nil, err
	}
	out := &Quotes{Order: o}
	for _, one := range answers {
		if one.failure != nil {
			out.Failures = append(out.Failures, *one.failure)
			continue
		}
		out.Quotes = append(out.Quotes, Quote{Quote: one.quote, Gateway: one.gateway, ExpiresAt: call.Now.Add(one.quote.Serves)})
	}
	rank(out.Quotes, o.Type, call.Project.DefaultGateway)
	return out, nil
}

// quoteQuestion is what gateways are asked, for what, and how long all of them together have.
type quoteQuestion struct {
	order  *checkout.Order
	method string // of payment; empty: the gateway's choice
	kind   GatewayCallKind
	within time.Duration
}

// quoteAnswer is what came of asking one gateway: a quote, or a failure.
type quoteAnswer struct {
	index   int
	gateway gateway.Description
	quote   gateway.Quote
	failure *QuoteFailure
	took    time.Duration
}

// askAll asks every gateway and waits until the last has answered or the time is over, whether or not a gateway heeds its
// context. The answers are in the order of the gateways. Its error is the caller's leaving.
func (a *App) askAll(ctx context.Context, call *checkout.Call, gateways []gateway.Gateway, q quoteQuestion) ([]quoteAnswer, error) {
	asking, cancel := context.WithTimeout(ctx, q.within)
	defer cancel()
	answers := make([]quoteAnswer, len(gateways))
	arrived := make(chan quoteAnswer, len(gateways)) // roomy, so that one who comes too late can go
	for i, g := range gateways {
		asked := *q.order // its own copy: it may still be at work when we are done
		d := g.Describe()
		slow := quoteFailure(asking, d.ID, errors.New("no quote in time"))
		slow.Message = slowGateway
		answers[i] = quoteAnswer{index: i, gateway: d, failure: slow, took: q.within}
		request := gateway.QuoteRequest{Order: &asked, PaymentMethod: q.method, Now: call.Now, Address: call.Address}
		key := healthKey{call.Project.ID, d.ID, q.kind}
		go func() {
			one := quoteAnswer{index: i, gateway: d}
			var err error
			one.quote, one.took, err = a.ask(asking, g, key, request, q.within)
			one.failure = quoteFailure(asking, d.ID, err)
			arrived <- one
		}()
	}
	for range answers {
		select {
		case one := <-arrived:
			answers[one.index] = one
		case <-asking.Done():
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return answers, nil
}

// errNoQuoter says that the gateway serves the order and has no quotes.
var errNoQuoter = checkout.Fail(checkout.CodeInvalidGateway, "The gateway gives no quotes; it tells its price at its checkout.")

// errUnhealthy says that the gateway isn't asked for a while.
var errUnhealthy = errors.New("it has failed or been slow too often lately")

// ask asks one gateway.
func (a *App) ask(ctx context.Context, g gateway.Gateway, key healthKey, r gateway.QuoteRequest, within time.Duration) (q gateway.Quote, took time.Duration, err error) {
	if r.Order.Type == checkout.Sell && !g.Describe().Sell {
		return q, 0, checkout.FailField(checkout.CodeInvalidGateway, "orderType", "sell is not served by this gateway")
	}
	if _, err := guarded(func() (none struct{}, err error) { return none, g.Check(r.Order) }); err != nil {
		return q, 0, err
	}
	quoter, ok := g.(gateway.Quoter)
	if !ok {
		return q, 0, errNoQuoter
	}
	if !a.health.claim(key, a.now()) {
		return q, 0, errUnhealthy
	}
	began := a.Now()
	q, err = guarded(func() (gateway.Quote, error) { return quoter.Quote(ctx, r) })
	if err == nil && (!q.FiatAmount.IsSet() || !q.CryptoAmount.IsSet() || !q.Rate.IsSet() || q.PaymentMethod == "" || q.Serves <= 0) {
		err = fmt.Errorf("the quote lacks a figure: %+v", q)
	}
	return q, a.watch(ctx, key, "", began, within, err), err
}

// quoteFailure is what the payer is told of the error, nil of none.
func quoteFailure(ctx context.Context, id string, err error) *QuoteFailure {
	var told *checkout.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return &QuoteFailure{Gateway: id, Code: told.Code, Message: told.Message, Cause: errors.Unwrap(told), Eligible: errors.Is(err, errNoQuoter) || told.Code == checkout.CodeGatewayUnavailable}
	case ctx.Err() != nil:
		return &QuoteFailure{Gateway: id, Code: checkout.CodeGatewayUnavailable, Message: slowGateway, Cause: err, Eligible: true}
	}
	message := "The gateway failed."
	if errors.Is(err, errUnhealthy) {
		message = "The gateway has failed or been slow too often lately; it is asked again in a while."
	}
	return &QuoteFailure{Gateway: id, Code: checkout.CodeGatewayUnavailable, Message: message, Cause: err, Eligible: true}
}

// better is negative where a is better for the payer than b: a buyer gets more crypto for the money, a seller pays less of it.
func better(a, b *gateway.Quote, kind checkout.OrderType) int {
	// a's crypto for a's fiat against b's: both are multiplied with the other's fiat amount, which divides nothing.
	order := a.CryptoAmount.Decimal().Mul(b.FiatAmount.Decimal()).Cmp(b.CryptoAmount.Decimal().Mul(a.FiatAmount.Decimal()))
	if kind == checkout.Buy {
		return -order
	}
	return order
}

// rank puts the best quote first and marks it.
func rank(quotes []Quote, kind checkout.OrderType, defaultGateway string) {
	slices.SortStableFunc(quotes, func(a, b Quote) int {
		order := better(&a.Quote, &b.Quote, kind)
		switch {
		case order != 0:
			return order
		case a.Gateway.ID == defaultGateway:
			return -1
		case b.Gateway.ID == defaultGateway:
			return 1
		}
		return 0
	})
	if len(quotes) > 0 {
		quotes[0].BestRate = true
	}
}
