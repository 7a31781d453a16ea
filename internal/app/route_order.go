package app

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// How long all gateways together have for their offers when an order is routed, and how many are asked for its checkout, one
// after the other, before the order fails.
const (
	routeTimeout    = 3 * time.Second
	maxRouteTries   = 3
	maxRouteMessage = 300
	maxRouteTry     = 10 * time.Second // that a gateway has where another is next: with the longest timeout, all of it stays below a minute
)

// RouteOrder finds the gateway for an order that leaves the choice to the server, and says why: among those that serve the order
// and that the project's rule allows, the one where the payer gets most, or that the rule puts first. Gateways that have failed
// lately come last. The error is what keeps every gateway from serving the order; the routing then tells of each.
func (a *App) RouteOrder(ctx context.Context, call *checkout.Call, o *checkout.Order) (*checkout.Routing, error) {
	gateways, err := a.gatewaysOf(ctx, o.ProjectID)
	if err != nil {
		return nil, err
	}
	rules, err := a.DB.RoutingRules(ctx, o.ProjectID)
	if err != nil {
		return nil, err
	}
	r := &checkout.Routing{RankBy: checkout.RankByPrice, DecidedAt: call.Now}
	rule := rules.For(o)
	if rule != nil {
		r.Rule, r.RankBy = rule.Name, rule.RankBy
	}
	f := a.sift(gateways, rule, o)
	if len(f.eligible) == 0 && len(f.unhealthy) == 0 {
		r.Candidates = f.out
		return r, refusalOf(f.out, rule)
	}
	if len(f.eligible) == 0 { // better one that may fail than none
		f.eligible, f.unhealthy = f.unhealthy[:1], f.unhealthy[1:]
		r.Reason = checkout.ReasonLastResort
	}
	ranked, err := a.rankCandidates(ctx, call, o, r, f.eligible)
	if err != nil {
		return nil, err
	}
	unhealthy := candidatesOf(f.unhealthy)
	if ranked[0].Outcome != checkout.OutcomeNext && len(unhealthy) > 0 { // all that are well have refused
		ranked = slices.Insert(ranked, 0, checkout.Candidate{Gateway: unhealthy[0].Gateway, Outcome: checkout.OutcomeNext})
		unhealthy, r.Reason = unhealthy[1:], checkout.ReasonLastResort
	}
	r.Candidates = slices.Concat(ranked, unhealthy, f.out)
	if r.Candidates[0].Outcome != checkout.OutcomeNext {
		return r, refusalOf(r.Candidates, rule)
	}
	if r.Reason != checkout.ReasonLastResort {
		a.claimFirst(o.ProjectID, f.eligible, r.Candidates)
	}
	r.Candidates[0].Outcome = checkout.OutcomeChosen
	return r, nil
}

// claimFirst takes the trial of the first candidate, where it needs one. Another order may have just taken it: then the next
// candidate comes first. One that is only asked when the payer clicks is tried by the clicks.
func (a *App) claimFirst(project checkout.ProjectID, gateways []gateway.Gateway, candidates []checkout.Candidate) {
	at := slices.IndexFunc(candidates, func(c checkout.Candidate) bool {
		i := slices.IndexFunc(gateways, func(g gateway.Gateway) bool { return g.Describe().ID == c.Gateway })
		if c.Outcome != checkout.OutcomeNext || i < 0 {
			return false
		}
		_, opens := gateways[i].(gateway.Opener)
		return opens || a.health.claim(healthKey{project, c.Gateway, CallOrder}, a.now())
	})
	if at > 0 {
		first := candidates[at]
		copy(candidates[1:at+1], candidates[:at])
		candidates[0] = first
	}
}

// RouteQuestion is an order of which one wants to know where it would go.
type RouteQuestion struct {
	checkout.QuoteQuery
	WalletAddress string
	WalletTag     string
	Address       netip.Addr // the payer's; invalid where unknown
}

// ExplainRoute tells where an order would go, and why, and makes none. Where no gateway takes it, the routing tells why of each,
// beside the error.
func (a *App) ExplainRoute(ctx context.Context, q *RouteQuestion) (*checkout.Routing, error) {
	o, err := q.Order()
	if err != nil {
		return nil, err
	}
	call := a.NewCall(q.Address)
	if err := a.publicProject(ctx, call, o.ProjectID); err != nil {
		return nil, err
	}
	o.WalletAddress, o.WalletTag = q.WalletAddress, q.WalletTag
	return a.RouteOrder(ctx, call, o)
}

// sifted are a project's gateways by whether an order may go there.
type sifted struct {
	eligible  []gateway.Gateway
	unhealthy []gateway.Gateway // eligible, but for their circuit
	out       []checkout.Candidate
}

func (a *App) sift(gateways []gateway.Gateway, rule *checkout.RoutingRule, o *checkout.Order) *sifted {
	f := &sifted{}
	for _, g := range inRuleOrder(gateways, rule) {
		d := g.Describe()
		_, err := guarded(func() (none struct{}, err error) { return none, serves(g, d, o) })
		if rule != nil && !rule.Allows(d.ID) {
			err = checkout.FailField(checkout.CodeInvalidGateway, "gateway", "is not one that the rule "+rule.Name+" allows")
		}
		switch {
		case err != nil:
			f.out = append(f.out, kept(checkout.Candidate{Gateway: d.ID}, err))
		case !a.health.healthy(healthKey{o.ProjectID, d.ID, CallOrder}, a.now()):
			f.unhealthy = append(f.unhealthy, g)
		default:
			f.eligible = append(f.eligible, g)
		}
	}
	return f
}

// inRuleOrder puts the gateways that a rule names first, in its order; the others stay as they are.
func inRuleOrder(gateways []gateway.Gateway, rule *checkout.RoutingRule) []gateway.Gateway {
	if rule == nil || rule.RankBy != checkout.RankByOrder {
		return gateways
	}
	place := func(g gateway.Gateway) int {
		i := slices.Index(rule.Gateways, g.Describe().ID)
		if i < 0 {
			i = len(rule.Gateways)
		}
		return i
	}
	sorted := slices.Clone(gateways)
	slices.SortStableFunc(sorted, func(a, b gateway.Gateway) int { return cmp.Compare(place(a), place(b)) })
	return sorted
}

// kept is a candidate that an error keeps from being chosen.
func kept(c checkout.Candidate, err error) checkout.Candidate {
	c.Outcome, c.Code, c.Message, c.Cause = checkout.OutcomeIneligible, checkout.CodeGatewayUnavailable, "The gateway failed.", causeOf(err)
	if told, ok := errors.AsType[*checkout.Error](err); ok {
		c.Code, c.Message, c.Cause = told.Code, clip(told.Message), causeOf(told.Unwrap())
	}
	if c.Code == checkout.CodeGatewayUnavailable {
		c.Outcome = checkout.OutcomeUnhealthy
	}
	return c
}

func causeOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// clip bounds a message that is kept with the order.
func clip(message string) string {
	if len(message) <= maxRouteMessage {
		return checkout.Legible(message)
	}
	return checkout.Legible(message[:maxRouteMessage]) + "…"
}

func candidatesOf(unhealthy []gateway.Gateway) []checkout.Candidate {
	list := make([]checkout.Candidate, len(unhealthy))
	for i, g := range unhealthy {
		list[i] = checkout.Candidate{
			Gateway: g.Describe().ID, Outcome: checkout.OutcomeUnhealthy, Code: checkout.CodeGatewayUnavailable,
			Message: "The gateway has failed or been slow too often lately; it is tried again in a while.",
		}
	}
	return list
}

// refusalOf says why no gateway takes the order, by the one that comes closest: where the amount is wrong, the rest is right. It is told
// to payers, whom the names of the project's rules don't concern.
func refusalOf(candidates []checkout.Candidate, rule *checkout.RoutingRule) error {
	out := slices.Clone(candidates)
	for i := range out {
		if rule != nil && !rule.Allows(out[i].Gateway) {
			out[i].Message = "gateway is not one that the project allows for this order."
		}
	}
	if len(out) == 0 {
		return checkout.FailField(checkout.CodeInvalidGateway, "gateway", "can't be chosen, because the project has no gateway that is enabled")
	}
	closeness := []checkout.Code{
		checkout.CodeInvalidAmount, checkout.CodeValidation, checkout.CodeInvalidNetwork, checkout.CodeInvalidCurrency,
		checkout.CodeInvalidGateway, checkout.CodeGatewayUnavailable, // the last is an account that can't be opened
	}
	fields := map[checkout.Code]string{
		checkout.CodeInvalidAmount: "fiatAmount", checkout.CodeInvalidNetwork: "network", checkout.CodeInvalidCurrency: "cryptoCurrency",
		checkout.CodeInvalidGateway: "gateway", checkout.CodeValidation: "walletAddress",
	}
	nearest := slices.MinFunc(out, func(a, b checkout.Candidate) int {
		return cmp.Compare(slices.Index(closeness, a.Code), slices.Index(closeness, b.Code))
	})
	message := "No gateway takes the order."
	for _, c := range out {
		message += " " + c.Gateway + ": " + c.Message
	}
	err := checkout.Fail(nearest.Code, message)
	if field := fields[nearest.Code]; field != "" {
		err.Fields = []checkout.FieldError{{Field: field, Message: "is not served: " + nearest.Gateway + ": " + nearest.Message}}
	}
	return err
}

// rankCandidates puts the gateways into the order in which they are to be tried, and says why. Those that refuse, now that they
// are asked for their price, come last.
func (a *App) rankCandidates(ctx context.Context, call *checkout.Call, o *checkout.Order, r *checkout.Routing, eligible []gateway.Gateway) ([]checkout.Candidate, error) {
	ranked := make([]checkout.Candidate, len(eligible))
	for i, g := range eligible {
		ranked[i] = checkout.Candidate{Gateway: g.Describe().ID, Outcome: checkout.OutcomeNext}
	}
	switch {
	case r.Reason != "": // the last resort
		return ranked, nil
	case len(eligible) == 1:
		r.Reason = checkout.ReasonOnlyOne
		return ranked, nil
	case r.RankBy == checkout.RankByOrder:
		r.Reason = checkout.ReasonPriority
		return ranked, nil
	}
	answers, err := a.askAll(ctx, call, eligible, quoteQuestion{o.ForGateway(), "", CallOffer, routeTimeout})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(answers, func(x, y quoteAnswer) int {
		if class := cmp.Compare(x.class(), y.class()); class != 0 || x.class() > 0 {
			return class
		}
		return better(&x.quote, &y.quote, o.Type)
	})
	for i := range answers {
		ranked[i] = answers[i].candidate()
	}
	first := answers[0]
	switch {
	case first.class() > 0:
		r.Reason = checkout.ReasonWithoutRate
	case len(answers) > 1 && answers[1].class() == 0 && better(&first.quote, &answers[1].quote, o.Type) == 0:
		r.Reason = checkout.ReasonPriority
	default:
		r.Reason = checkout.ReasonBestOffer
	}
	return ranked, nil
}

// class is 0 of an offer, 1 where there is none but the gateway may well take the order, 2 where it refuses.
func (q *quoteAnswer) class() int {
	switch {
	case q.failure == nil:
		return 0
	case q.failure.Eligible || q.failure.Code == checkout.CodeGatewayUnavailable:
		return 1
	}
	return 2
}

func (q *quoteAnswer) candidate() checkout.Candidate {
	c := checkout.Candidate{Gateway: q.gateway.ID, Outcome: checkout.OutcomeNext, TookMS: q.took.Milliseconds()}
	if q.failure != nil {
		c.Code, c.Message, c.Cause = q.failure.Code, clip(q.failure.Message), causeOf(q.failure.Cause)
		if q.class() == 2 {
			c.Outcome = checkout.OutcomeIneligible
		}
		return c
	}
	fees, err := money.FromDecimal(q.quote.TotalFees())
	if err != nil { // none
		fees = money.Amount{}
	}
	c.Offer = &checkout.Offer{FiatAmount: q.quote.FiatAmount, CryptoAmount: q.quote.CryptoAmount, Rate: q.quote.Rate, Fees: fees}
	return c
}

// tryTime is how long the order's gateway has to make the checkout. Where another would be next, that is but half of the usual.
func (a *App) tryTime(o *checkout.Order) time.Duration {
	if next, _ := nextRoute(o.Routing, nil); next != nil && !o.Routing.Opened {
		return min(a.GatewayTimeout/2, maxRouteTry)
	}
	return a.GatewayTimeout
}

// nextRoute is the order's routing once its gateway has failed, and the gateway that is next; nil where there is none.
func nextRoute(r *checkout.Routing, cause error) (*checkout.Routing, string) {
	if r == nil {
		return nil, ""
	}
	next := *r
	next.Candidates = slices.Clone(r.Candidates)
	tries, at := 0, -1
	for i := range next.Candidates {
		c := &next.Candidates[i]
		switch c.Outcome {
		case checkout.OutcomeFailed:
			tries++
		case checkout.OutcomeChosen:
			failed := kept(*c, cause)
			c.Outcome, c.Code, c.Message = checkout.OutcomeFailed, failed.Code, failed.Message
			tries++
		case checkout.OutcomeNext:
			if at < 0 {
				at = i
			}
		case checkout.OutcomeIneligible, checkout.OutcomeUnhealthy:
		}
	}
	if at < 0 || tries >= maxRouteTries {
		return nil, ""
	}
	next.Candidates[at].Outcome = checkout.OutcomeChosen
	next.Reason = checkout.ReasonNextInLine
	chosen := next.Candidates[at]
	next.Candidates = slices.Insert(slices.Delete(next.Candidates, at, at+1), 0, chosen)
	return &next, chosen.Gateway
}
