package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// seller is a gateway that tells a price and makes a checkout, unless the test has it do otherwise.
type seller struct {
	quoting
	mu     sync.Mutex
	orders int // that it was asked for
	makes  func(ctx context.Context) (gateway.Checkout, error)
}

func (s *seller) CreateCheckout(ctx context.Context, _ gateway.Request) (gateway.Checkout, error) {
	s.mu.Lock()
	s.orders++
	s.mu.Unlock()
	if s.makes != nil {
		return s.makes(ctx)
	}
	return s.FindCheckout(ctx, gateway.Request{})
}

func (s *seller) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{URL: "https://" + s.description.ID + ".example/pay", ExternalOrderID: s.description.ID + "-1"}, nil
}

func (s *seller) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders
}

func sells(id, crypto string) *seller { return &seller{quoting: price(id, crypto)} }

// hopSeller makes its URLs when the payer comes.
type hopSeller struct{ *seller }

func (s hopSeller) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

func (s hopSeller) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	return s.seller.CreateCheckout(ctx, r)
}

var errDead = errors.New("connection refused: secret-key")

func dead(context.Context) (gateway.Checkout, error) { return gateway.Checkout{}, errDead }

func deadQuote(context.Context, gateway.QuoteRequest) (gateway.Quote, error) {
	return gateway.Quote{}, errDead
}

func refuses(s *seller, code checkout.Code, field, message string) *seller {
	s.refusal = checkout.FailField(code, field, message)
	return s
}

// market is a house whose only gateways are those of the test, with a clock that it moves.
type market struct {
	*hophouse
}

func newMarket(t *testing.T, gateways ...gateway.Gateway) *market {
	t.Helper()
	m := &market{&hophouse{house: newHouse(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	m.config.Providers = gateway.Static(gateways...)
	m.config.Now = func() time.Time { return m.now }
	m.app = app.New(m.config)
	return m
}

// routed makes an order that leaves the choice to the server.
func (m *market) routed() (*checkout.Order, error) {
	m.t.Helper()
	_, order := m.begin(checkout.GatewayAuto)
	return order()
}

func (m *market) rules(text string) {
	m.t.Helper()
	_, err := m.app.SetRoutingRules(m.t.Context(), m.project.ID, []byte(text))
	must(m.t, err)
}

// inLine is a routing in one line: the reason, and each candidate with its outcome and what it offered or what kept it back.
func inLine(r *checkout.Routing) string {
	if r == nil {
		return "none"
	}
	text := string(r.Reason)
	for _, c := range r.Candidates {
		text += ", " + c.Gateway + " " + string(c.Outcome)
		if c.Offer != nil {
			text += " " + c.Offer.CryptoAmount.String()
		}
		if c.Code != "" {
			text += " " + string(c.Code)
		}
	}
	return text
}

func (m *market) want(o *checkout.Order, err error, gatewayID, routing string) {
	m.t.Helper()
	if err != nil {
		m.t.Error(err)
		return
	}
	got := m.stored(o)
	if got.Gateway != gatewayID || inLine(got.Routing) != routing {
		m.t.Errorf("%s by %s\nwant %s by %s", got.Gateway, inLine(got.Routing), gatewayID, routing)
	}
	for _, c := range got.Routing.Candidates {
		if strings.Contains(c.Message, "secret") {
			m.t.Errorf("%s tells %q", c.Gateway, c.Message)
		}
	}
	page := checkout.Page{Number: 1, Size: 10}
	list, err := m.app.DB.Orders(m.t.Context(), m.project.ID, checkout.OrderFilter{Gateway: gatewayID}, page)
	if err != nil || list.Total != 1 || len(list.Rows) != 1 {
		m.t.Errorf("orders at %s: %d of %d, %v", gatewayID, len(list.Rows), list.Total, err)
	}
}

// TestAuto: the order goes where the payer gets most, and says so.
func TestAuto(t *testing.T) {
	t.Parallel()
	m := newMarket(
		t, sells("little", "0.01"), sells("most", "0.03"), sells("more", "0.02"),
		refuses(sells("small", "1"), checkout.CodeInvalidAmount, "fiatAmount", "must be at most 50 USD"),
		&seller{quoting: quoting{named("mute"), deadQuote}},
	)
	o, err := m.routed()
	m.want(o, err, "most", "best_offer, most chosen 0.03, more next 0.02, little next 0.01, mute next GATEWAY_UNAVAILABLE, small ineligible INVALID_AMOUNT")
	if o.CheckoutURL != "https://most.example/pay" {
		t.Error(o.CheckoutURL)
	}
	if c := m.stored(o).Routing.Candidates[0]; c.Offer.Fees.String() != "2" && c.Offer.Fees.String() != "2.00" {
		t.Errorf("the fees are %s", c.Offer.Fees)
	}
	_, order := m.begin("little")
	if o, err = order(); err != nil || m.stored(o).Routing != nil {
		t.Errorf("an order that names its gateway: %v, %v", err, o)
	}
}

// TestAutoNext: where a gateway makes no checkout the next one does, three at most; nobody is told of the others, and the session
// is used once.
func TestAutoNext(t *testing.T) {
	t.Parallel()
	best, next, last := sells("best", "0.03"), sells("next", "0.02"), sells("last", "0.01")
	never := sells("never", "0.001")
	m := newMarket(t, never, last, best, next)
	best.makes = dead
	o, err := m.routed()
	m.want(o, err, "next", "next_in_line, next chosen 0.02, best failed 0.03 GATEWAY_UNAVAILABLE, last next 0.01, never next 0.001")

	next.makes, last.makes = dead, func(context.Context) (gateway.Checkout, error) { panic("secret") }
	id, order := m.begin(checkout.GatewayAuto)
	if o, err := order(); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("all three failed: %+v, %v", o, err)
	}
	if never.asked() != 0 {
		t.Error("a fourth was asked")
	}
	s, err := m.app.DB.Session(t.Context(), m.project.ID, id)
	if err != nil || s.Status != checkout.SessionPending || s.OrderID != "" {
		t.Errorf("the session is not given back: %+v, %v", s, err)
	}
	best.makes = nil
	o, err = order()
	if err != nil || o.Gateway != "best" {
		t.Errorf("the same session again: %+v, %v", o, err)
	}
	if _, err := order(); checkout.CodeOf(err) != checkout.CodeSessionAlreadyUsed {
		t.Errorf("a second order: %v", err)
	}
}

// TestAutoRefused: an order that nobody serves is refused by what comes closest, with what each says.
func TestAutoRefused(t *testing.T) {
	t.Parallel()
	m := newMarket(t,
		refuses(sells("one", "1"), checkout.CodeInvalidCurrency, "cryptoCurrency", "is not an asset that one serves: ETH"),
		refuses(sells("two", "1"), checkout.CodeInvalidAmount, "fiatAmount", "must be at most 50 USD"),
	)
	_, err := m.routed()
	var told *checkout.Error
	if !errors.As(err, &told) || told.Code != checkout.CodeInvalidAmount || len(told.Fields) != 1 || told.Fields[0].Field != "fiatAmount" ||
		!strings.Contains(told.Message, "one: ") || !strings.Contains(told.Message, "at most 50 USD") {
		t.Errorf("%+v", err)
	}
	if _, err := newMarket(t).routed(); checkout.CodeOf(err) != checkout.CodeInvalidGateway {
		t.Errorf("without any gateway: %v", err)
	}
	m = newMarket(t, &seller{quoting: quoting{named("fussy"), func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) {
		return gateway.Quote{}, checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is too much today")
	}}}, refuses(sells("other", "1"), checkout.CodeInvalidCurrency, "cryptoCurrency", "is not served"), sells("takes", "0.01"))
	o, err := m.routed()
	m.want(o, err, "takes", "best_offer, takes chosen 0.01, fussy ineligible INVALID_AMOUNT, other ineligible INVALID_CURRENCY")
}

// TestAutoSlow: one gateway is dead, one hangs; the payer waits three seconds at most for the choice, and then gets a checkout.
func TestAutoSlow(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		slow := &seller{quoting: quoting{named("slow"), func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
			return gateway.Quote{}, hang(ctx)
		}}}
		gone := &seller{quoting: quoting{named("gone"), deadQuote}, makes: dead}
		liar := sells("liar", "0.9") // tells the best price, and then hangs
		liar.makes = func(ctx context.Context) (gateway.Checkout, error) { return gateway.Checkout{}, hang(ctx) }
		m := newMarket(t, gone, slow, liar, sells("well", "0.01"))
		m.config.Now = time.Now
		m.app = app.New(m.config)
		began := time.Now()
		o, err := m.routed()
		took := time.Since(began)
		m.want(o, err, "well", "next_in_line, well chosen 0.01, liar failed 0.9 GATEWAY_UNAVAILABLE, gone next GATEWAY_UNAVAILABLE, slow next GATEWAY_UNAVAILABLE")
		if took != 3*time.Second+5*time.Second { // the offers, and half of the time that a gateway has
			t.Errorf("took %v", took)
		}
	})
}

// TestAutoRules: the first rule that matches says which gateways may be chosen, and in which order.
func TestAutoRules(t *testing.T) {
	t.Parallel()
	m := newMarket(t, sells("sandbox", "0.03"), sells("one", "0.02"), sells("two", "0.01"))
	m.config.Providers = append(gateway.Static(sells("three", "0.001")), m.config.Providers...)
	m.app = app.New(m.config)
	for _, c := range []struct{ rules, gateway, routing string }{
		{
			`{"name": "r", "when": {}, "gateways": ["two", "one"], "rankBy": "order"}`, "two",
			"priority, two chosen, one next, three ineligible INVALID_GATEWAY, sandbox ineligible INVALID_GATEWAY",
		},
		{
			`{"name": "no", "when": {"countries": ["DE"]}, "gateways": ["two"]}, {"name": "r", "when": {"fiatCurrencies": ["usd"], "minAmount": 100}, "exclude": ["sandbox", "three"]}`,
			"one", "best_offer, one chosen 0.02, two next 0.01, three ineligible INVALID_GATEWAY, sandbox ineligible INVALID_GATEWAY",
		},
		{
			`{"name": "no", "when": {"orderType": "sell"}, "gateways": ["two"]}, {"name": "nor", "when": {"fiatCurrencies": ["USD"], "maxAmount": "99.99"}, "gateways": ["two"]},
			 {"name": "r", "when": {"cryptoCurrencies": ["btc", "eth"], "networks": ["Ethereum"]}, "gateways": ["three"]}`,
			"three", "only_eligible, three chosen, sandbox ineligible INVALID_GATEWAY, one ineligible INVALID_GATEWAY, two ineligible INVALID_GATEWAY",
		},
	} {
		m.rules(`{"rules": [` + c.rules + `]}`)
		o, err := m.routed()
		m.want(o, err, c.gateway, c.routing)
		if got := m.stored(o).Routing.Rule; got != "r" {
			t.Errorf("%s: by the rule %q", c.rules, got)
		}
	}
	q, err := m.app.GetQuotes(t.Context(), m.app.NewCall(netip.Addr{}), question(m.project.ID, checkout.Buy))
	must(t, err)
	if quotes, failures := told(q); !slices.Equal(quotes, []string{"three 0.001 best"}) || len(failures) != 0 {
		t.Errorf("quotes by the rule: %q, %q", quotes, failures)
	}
	m.rules(`{"rules": []}`)
	o, err := m.routed()
	if err != nil || o.Gateway != "sandbox" || o.Routing.Rule != "" {
		t.Errorf("without rules: %+v, %v", o, err)
	}
}

// TestRoutingRulesRefused: whatever is wrong in rules is told at once, and changes nothing.
func TestRoutingRulesRefused(t *testing.T) {
	t.Parallel()
	m := newMarket(t, sells("one", "0.02"))
	m.rules(`{"rules": [{"name": "stays", "when": {}, "gateways": ["one"]}]}`)
	for text, problems := range map[string][]string{
		``:                            {"expected JSON such as"},
		`[]`:                          {"expected JSON such as"},
		`{"rules": []} {}`:            {"more behind"},
		`{"rule": []}`:                {"unknown field"},
		strings.Repeat(" ", 64<<10+1): {"65537 bytes"},
		`{"rules": [` + strings.Repeat(`{"name": "x", "when": {}},`, 100) + `{}]}`: {"101 rules"},
		`{"rules": [{"when": {}}, {"name": "a", "when": {}}, {"name": "a", "when": {"orderType": "rent", "countries": ["XX"], "networks": ["a b"],
			"cryptoCurrencies": ["E-TH"], "fiatCurrencies": ["EU", "USD"], "minAmount": "5", "maxAmount": "4"}, "gateways": ["two"], "exclude": ["auto"], "rankBy": "luck"},
			{"name": "b", "when": {}, "rankBy": "order"}]}`: {
			"rules[0].name must be", "rules[2].name must be", "rules[2].when.orderType", "rules[2].when.countries[0]", "rules[2].when.networks[0]",
			"rules[2].when.cryptoCurrencies[0]", "rules[2].when.fiatCurrencies[0]", "exactly one of fiatCurrencies", "is greater than maxAmount",
			`rules[2].gateways has "two", which is no gateway; there are: one`, `rules[2].exclude has "auto"`, "rules[2].rankBy must be", "rules[3].rankBy is order",
		},
		`{"rules": [{"name": "a", "when": {"minAmount": "-1"}}]}`: {"expected JSON"},
		`{}`:              {"has no rules"},
		`null`:            {"has no rules"},
		`{"rules": null}`: {"has no rules"},
	} {
		_, err := m.app.SetRoutingRules(t.Context(), m.project.ID, []byte(text))
		for _, p := range problems {
			if err == nil || !strings.Contains(err.Error(), p) {
				t.Errorf("%.80s: %v\nwithout %q", text, err, p)
			}
		}
	}
	rules, err := m.app.RoutingRules(t.Context(), m.project.ID)
	if err != nil || len(rules.Rules) != 1 || rules.Rules[0].Name != "stays" {
		t.Errorf("afterwards: %+v, %v", rules, err)
	}
	if _, err := m.app.SetRoutingRules(t.Context(), "6f1b7a3e-0000-4000-8000-000000000bad", []byte(`{"rules": []}`)); checkout.CodeOf(err) != checkout.CodeNotFound {
		t.Errorf("of no project: %v", err)
	}
}

// TestAutoHealth: a gateway that has failed again and again is left out for a while, then tried once; a good call brings it back.
// Where there is no other it is tried all the same, and whoever names it gets it.
func TestAutoHealth(t *testing.T) {
	t.Parallel()
	best, other := sells("best", "0.03"), sells("other", "0.01")
	m := newMarket(t, best, other)
	best.makes = dead
	for i := range 5 {
		if o, err := m.routed(); err != nil || o.Gateway != "other" {
			t.Fatalf("%d: %+v, %v", i, o, err)
		}
	}
	unhealthy := "only_eligible, other chosen, best unhealthy GATEWAY_UNAVAILABLE"
	expect := func(gatewayID, routing string) {
		t.Helper()
		o, err := m.routed()
		if err != nil || o.Gateway != gatewayID || inLine(o.Routing) != routing {
			t.Errorf("%v by %s, %v\nwant %s by %s", o.Gateway, inLine(o.Routing), err, gatewayID, routing)
		}
	}
	expect("other", unhealthy)
	if open := m.app.OpenCircuits(); len(open) != 1 || open["best"][app.CallOrder] != 1 {
		t.Errorf("open circuits: %v", open)
	}
	best.makes = nil
	m.now = m.now.Add(14 * time.Second)
	expect("other", unhealthy)
	_, order := m.begin("best")
	if o, err := order(); err != nil || o.Gateway != "best" {
		t.Errorf("named: %+v, %v", o, err)
	}
	expect("best", "best_offer, best chosen 0.03, other next 0.01") // that call was good

	best.makes = dead
	for range 12 { // the good calls count too
		_, _ = m.routed()
	}
	expect("other", unhealthy)
	m.now = m.now.Add(15 * time.Second)
	expect("other", "next_in_line, other chosen 0.01, best failed 0.03 GATEWAY_UNAVAILABLE") // the trial
	m.now = m.now.Add(29 * time.Second)
	expect("other", unhealthy)
	other.refusal = checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is too much")
	best.makes = nil
	expect("best", "last_resort, best chosen, other ineligible INVALID_AMOUNT")
}

// TestAutoSilentQuotes: a gateway whose prices hang is not waited for again and again.
func TestAutoSilentQuotes(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		hangs := &seller{quoting: quoting{named("hangs"), func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
			<-ctx.Done()
			return gateway.Quote{}, ctx.Err()
		}}}
		m := newMarket(t, hangs, sells("well", "0.01"))
		m.config.Now = time.Now
		m.app = app.New(m.config)
		var took []time.Duration
		for range 7 {
			began := time.Now()
			o, err := m.routed()
			if err != nil || o.Gateway != "well" {
				t.Fatalf("%+v, %v", o, err)
			}
			took = append(took, time.Since(began))
			synctest.Wait()
		}
		if s := 3 * time.Second; !slices.Equal(took, []time.Duration{s, s, s, s, s, 0, 0}) {
			t.Errorf("waited %v", took)
		}
		if o, err := m.routed(); err != nil || inLine(o.Routing) != "best_offer, well chosen 0.01, hangs next GATEWAY_UNAVAILABLE" {
			t.Errorf("%v, %v", inLine(o.Routing), err)
		}
	})
}

// TestAutoClick: of gateways that make their URLs at the click, the next one takes over where the first fails, until a payer has been
// sent to one.
func TestAutoClick(t *testing.T) {
	t.Parallel()
	best, next, plain := sells("best", "0.03"), sells("next", "0.02"), sells("plain", "0.01")
	m := newMarket(t, hopSeller{best}, plain, hopSeller{next})
	best.makes, next.makes = dead, dead
	o, err := m.routed()
	m.want(o, err, "best", "best_offer, best chosen 0.03, next next 0.02, plain next 0.01")
	url, _, err := m.click(opaqueOf(o), "8.8.8.8")
	if err != nil || url != "https://plain.example/pay" {
		t.Fatalf("%s, %v", url, err)
	}
	m.want(o, err, "plain", "next_in_line, plain chosen 0.01, next failed 0.02 GATEWAY_UNAVAILABLE, best failed 0.03 GATEWAY_UNAVAILABLE")
	if got := m.stored(o); got.ExternalOrderID != "plain-1" || !got.Routing.Opened || got.CheckoutURL != o.CheckoutURL {
		t.Errorf("%+v", got)
	}
	if url, _, err := m.click(opaqueOf(o), "8.8.8.8"); err != nil || url != "https://plain.example/pay" {
		t.Errorf("again: %s, %v", url, err)
	}

	best.makes = nil
	m.now = m.now.Add(time.Minute)
	second, err := m.routed()
	must(t, err)
	if url, _, err := m.click(opaqueOf(second), "8.8.8.8"); err != nil || url != "https://best.example/pay" {
		t.Fatalf("%s, %v", url, err)
	}
	best.makes = dead
	if url, _, err := m.click(opaqueOf(second), "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("whom a payer has been sent to must stay: %s, %v", url, err)
	}
	if got := m.stored(second); got.Gateway != "best" {
		t.Errorf("the order is at %s", got.Gateway)
	}
}

// TestAutoClicksTogether: however many click at once, while the first gateway fails some of them, all whom a URL is given are at one
// gateway: the one that the order is at.
func TestAutoClicksTogether(t *testing.T) {
	t.Parallel()
	for round := range 8 {
		best, next := sells("best", "0.03"), sells("next", "0.02")
		m := newMarket(t, hopSeller{best}, hopSeller{next})
		var calls sync.Mutex
		n := 0
		best.makes = func(ctx context.Context) (gateway.Checkout, error) {
			calls.Lock()
			n++
			odd := (n+round)%2 == 1
			calls.Unlock()
			if odd {
				return dead(ctx)
			}
			return gateway.Checkout{URL: "https://best.example/pay"}, nil
		}
		o, err := m.routed()
		must(t, err)
		var clicks sync.WaitGroup
		urls := make([]string, 12)
		for i := range urls {
			clicks.Go(func() {
				urls[i], _, _ = m.app.OpenCheckout(context.Background(), m.app.NewCall(netip.MustParseAddr("8.8.8.8")), opaqueOf(o))
			})
		}
		clicks.Wait()
		at := m.stored(o)
		for _, url := range urls {
			if url != "" && url != fmt.Sprintf("https://%s.example/pay", at.Gateway) {
				t.Errorf("round %d: a payer was sent to %s, the order is at %s", round, url, at.Gateway)
			}
		}
		if !at.Routing.Opened {
			t.Errorf("round %d: nobody got anywhere: %v", round, inLine(at.Routing))
		}
	}
}

// TestAutoRecovered: a node dies when the second gateway has answered; another finds the order there.
func TestAutoRecovered(t *testing.T) {
	t.Parallel()
	best, next := sells("best", "0.03"), sells("next", "0.02")
	m := newMarket(t, best, next)
	best.makes = dead
	m.config.Step = func(name string) {
		if name == app.StepAsked {
			runtime.Goexit()
		}
	}
	m.app = app.New(m.config)
	id, order := m.begin(checkout.GatewayAuto)
	var dying sync.WaitGroup
	dying.Go(func() { _, _ = order() }) // never returns
	dying.Wait()
	m.config.Step = nil
	m.app = app.New(m.config)
	m.now = m.now.Add(time.Minute)
	if n, err := m.app.RecoverOrders(t.Context()); n != 1 || err != nil {
		t.Fatalf("recovered %d, %v", n, err)
	}
	s, err := m.app.DB.Session(t.Context(), m.project.ID, id)
	must(t, err)
	m.want(&checkout.Order{ProjectID: m.project.ID, ID: s.OrderID}, nil, "next", "next_in_line, next chosen 0.02, best failed 0.03 GATEWAY_UNAVAILABLE")
}

// TestAutoTrial: only an order that asks a gateway whose pause is over takes the trial: where it is but next in line, or not needed, it
// is there for the next order too.
func TestAutoTrial(t *testing.T) {
	t.Parallel()
	best, other := sells("best", "0.03"), sells("other", "0.01")
	m := newMarket(t, best, other)
	other.makes = dead
	for range 5 {
		_, order := m.begin("other")
		_, _ = order()
	}
	expect := func(gatewayID, routing string) {
		t.Helper()
		o, err := m.routed()
		if err != nil || o.Gateway != gatewayID || inLine(o.Routing) != routing {
			t.Errorf("%+v, %v\nwant %s by %s", o, err, gatewayID, routing)
		}
	}
	expect("best", "only_eligible, best chosen, other unhealthy GATEWAY_UNAVAILABLE")
	m.now = m.now.Add(15 * time.Second)
	for range 3 {
		expect("best", "best_offer, best chosen 0.03, other next 0.01")
	}
	best.makes, other.makes = dead, nil
	expect("other", "next_in_line, other chosen 0.01, best failed 0.03 GATEWAY_UNAVAILABLE")
	if open := m.app.OpenCircuits(); len(open) != 0 {
		t.Errorf("open circuits: %v", open)
	}
}

// TestAutoTrialOfOpener: a gateway that is asked when the payer clicks is tried by clicks, as orders that nobody clicks try nothing.
func TestAutoTrialOfOpener(t *testing.T) {
	t.Parallel()
	best, other := sells("best", "0.03"), sells("other", "0.01")
	m := newMarket(t, hopSeller{best}, other)
	best.makes = dead
	for range 5 {
		o, err := m.routed()
		must(t, err)
		_, _, _ = m.click(opaqueOf(o), "8.8.8.8")
	}
	var orders []*checkout.Order
	expect := func(gatewayID string) {
		t.Helper()
		o, err := m.routed()
		if err != nil || o.Gateway != gatewayID {
			t.Fatalf("%+v, %v, want %s", o, err, gatewayID)
		}
		orders = append(orders, o)
	}
	expect("other")
	m.now = m.now.Add(15 * time.Second)
	expect("best")
	expect("best") // nobody has clicked
	if url, _, err := m.click(opaqueOf(orders[1]), "8.8.8.8"); err != nil || url != "https://other.example/pay" {
		t.Errorf("%s, %v", url, err)
	}
	expect("other") // for twice as long
	m.now = m.now.Add(29 * time.Second)
	expect("other")
	m.now = m.now.Add(time.Second)
	expect("best")
	best.makes = nil
	if url, _, err := m.click(opaqueOf(orders[2]), "8.8.8.8"); err != nil || url != "https://best.example/pay" {
		t.Errorf("%s, %v", url, err)
	}
	if open := m.app.OpenCircuits(); len(open) != 0 {
		t.Errorf("open circuits: %v", open)
	}
}

// TestQuoteTrialLeft: who asks for quotes and leaves at once doesn't keep a gateway out for the others.
func TestQuoteTrialLeft(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	asks := deadQuote
	g := &seller{quoting: quoting{named("one"), func(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) { return asks(ctx, r) }}}
	m := newMarket(t, g)
	quotes := func(ctx context.Context) (*app.Quotes, error) {
		q := &checkout.QuoteQuery{FiatAmount: ptr("100"), FiatCurrency: ptr("USD"), CryptoCurrency: ptr("ETH")}
		q.ProjectID = ptr(string(m.project.ID))
		return m.app.GetQuotes(ctx, m.app.NewCall(netip.MustParseAddr("8.8.8.8")), q)
	}
	for range 5 {
		if _, err := quotes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.now = m.now.Add(15 * time.Second)
	left := make(chan struct{})
	asks = func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
		defer close(left)
		asked <- struct{}{}
		<-ctx.Done()
		return gateway.Quote{}, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := quotes(ctx)
		gone <- err
	}()
	<-asked
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-left
	asks = price("one", "0.01").quote
	for end := time.Now().Add(10 * time.Second); ; { // the one who left is noticed by another goroutine
		q, err := quotes(t.Context())
		must(t, err)
		if len(q.Quotes) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", q.Failures)
		}
	}
}

// TestAutoLongest: three gateways hang, with the longest time that the settings give a gateway: the payer is answered before the
// server gives the answer up, after a minute.
func TestAutoLongest(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	for name, wrap := range map[string]func(*seller) gateway.Gateway{
		"order": func(s *seller) gateway.Gateway { return s },
		"click": func(s *seller) gateway.Gateway { return hopSeller{s} },
	} {
		synctest.Test(t, func(t *testing.T) {
			var gateways []gateway.Gateway
			for _, id := range []string{"one", "two", "three", "four"} {
				gateways = append(gateways, wrap(&seller{
					quoting{named(id), func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
						<-ctx.Done()
						return gateway.Quote{}, ctx.Err()
					}}, sync.Mutex{}, 0, func(ctx context.Context) (gateway.Checkout, error) {
						<-ctx.Done()
						return gateway.Checkout{}, ctx.Err()
					},
				}))
			}
			m := newMarket(t, gateways...)
			m.config.Now, m.config.GatewayTimeout = time.Now, 30*time.Second
			m.app = app.New(m.config)
			began := time.Now()
			o, err := m.routed()
			if name == "click" {
				must(t, err)
				began = time.Now()
				_, _, err = m.click(opaqueOf(o), "8.8.8.8")
			}
			if took := time.Since(began); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable || took > 55*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

// TestAutoTwice: a call runs a second time, as its first run is taken for dead. Whichever comes too late is told what became of
// the order, and neither is given an order without a checkout.
func TestAutoTwice(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, second error // what the gateway best says to each of the runs, of which the first comes first
		gateway, at   string
	}{
		"the second finds the order elsewhere":     {errDead, nil, "auto", "next"},
		"the second finds the order where it was":  {nil, errDead, "auto", "best"},
		"the second finds the order that is named": {nil, errDead, "best", "best"},
	} {
		best, next := sells("best", "0.03"), sells("next", "0.02")
		m := newMarket(t, best, next)
		asked, answers := make(chan struct{}), []chan error{make(chan error), make(chan error)}
		n := 0
		best.makes = func(context.Context) (gateway.Checkout, error) {
			mine := answers[n]
			n++
			asked <- struct{}{}
			return gateway.Checkout{URL: "https://best.example/pay"}, <-mine
		}
		atNext, goOn := make(chan struct{}, 1), make(chan struct{})
		next.makes = func(context.Context) (gateway.Checkout, error) {
			atNext <- struct{}{}
			<-goOn
			return gateway.Checkout{URL: "https://next.example/pay"}, nil
		}
		call := m.call()
		s := m.session(time.Hour)
		type outcome struct {
			o   *checkout.Order
			err error
		}
		var ends []chan outcome
		for range answers {
			end, mine := make(chan outcome, 1), *call
			ends = append(ends, end)
			go func() {
				o, err := m.app.CreateOrder(context.Background(), &mine, s.Session.ID, &checkout.CreateOrder{
					ClientSecret: &s.ClientSecret, FiatAmount: amount("100"), FiatCurrency: ptr("USD"), CryptoCurrency: ptr("ETH"), Network: ptr("ethereum"),
					WalletAddress: ptr("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Gateway: ptr(tc.gateway),
				})
				end <- outcome{o, err}
			}()
			<-asked
		}
		answers[0] <- tc.first
		var first outcome
		if tc.first == nil {
			first = <-ends[0]
		} else {
			<-atNext // and so on record
		}
		answers[1] <- tc.second
		second := <-ends[1]
		close(goOn)
		if tc.first != nil {
			first = <-ends[0]
		}
		for i, one := range []outcome{first, second} {
			switch {
			case one.err != nil && (tc.first == nil || i == 0 || checkout.CodeOf(one.err) != checkout.CodeGatewayUnavailable):
				t.Errorf("%s: run %d: %v", name, i+1, one.err)
			case one.err == nil && (one.o.Status != checkout.OrderCreated || one.o.CheckoutURL != "https://"+tc.at+".example/pay"):
				t.Errorf("%s: run %d: %+v", name, i+1, one.o)
			}
		}
	}
}

// TestAutoLastResort: where all refuse, now that they are asked for their price, one that has failed lately is better than none. And
// what rules say is told to the partner, not to the payer.
func TestAutoLastResort(t *testing.T) {
	t.Parallel()
	fussy := func(id string) *seller {
		return &seller{quoting: quoting{named(id), func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) {
			return gateway.Quote{}, checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is too much today")
		}}}
	}
	failing := sells("failing", "0.01")
	m := newMarket(t, fussy("a"), fussy("b"), failing, sells("never", "9"))
	failing.makes = dead
	for range 5 {
		_, order := m.begin("failing")
		_, _ = order()
	}
	m.rules(`{"rules": [{"name": "whom we dislike", "when": {}, "exclude": ["never"]}]}`)
	failing.makes = nil
	o, err := m.routed()
	m.want(o, err, "failing", "last_resort, failing chosen, a ineligible INVALID_AMOUNT, b ineligible INVALID_AMOUNT, never ineligible INVALID_GATEWAY")

	m.rules(`{"rules": [{"name": "whom we dislike", "when": {}, "gateways": ["a", "b"]}]}`)
	_, err = m.routed()
	var told *checkout.Error
	if !errors.As(err, &told) || told.Code != checkout.CodeInvalidAmount || strings.Contains(told.Message, "dislike") {
		t.Errorf("%v", err)
	}
}

// often is a gateway's word that it is asked too often.
type often time.Duration

func (o often) Error() string { return "answered 429" }

func (o often) Pause() (time.Duration, bool) { return time.Duration(o), true }

// TestAutoTooOften: a gateway that wants to be left alone is, for as long as it says, up to five minutes.
func TestAutoTooOften(t *testing.T) {
	t.Parallel()
	best, other := sells("best", "0.03"), sells("other", "0.01")
	m := newMarket(t, best, other)
	var pause time.Duration
	best.makes = func(context.Context) (gateway.Checkout, error) { return gateway.Checkout{}, often(pause) }
	for _, c := range []struct{ says, rests time.Duration }{
		{40 * time.Second, 40 * time.Second}, {0, 15 * time.Second}, {time.Hour, 5 * time.Minute},
	} {
		pause = c.says
		before := best.asked()
		for range 2 {
			if o, err := m.routed(); err != nil || o.Gateway != "other" {
				t.Fatalf("%v: %+v, %v", c.says, o, err)
			}
		}
		m.now = m.now.Add(c.rests - time.Millisecond)
		if o, err := m.routed(); err != nil || o.Gateway != "other" || best.asked() != before+1 {
			t.Errorf("%v: asked %d times, %v", c.says, best.asked()-before, err)
		}
		m.now = m.now.Add(time.Minute) // whatever the trials have added
	}
}
