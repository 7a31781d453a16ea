package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/pgtest"
)

// remote is a gateway's server: it answers about orders, and publishes what it serves.
type remote struct {
	mu     sync.Mutex
	asked  map[checkout.OrderID]int
	says   func(r gateway.Request) ([]gateway.Update, error)
	loads  int
	list   func(load int) ([]byte, error)
	opened []string // the catalogues that accounts were opened with
}

// asking is a provider whose accounts ask the remote.
type asking struct {
	branded
	remote *remote
}

func (p *asking) Describe() gateway.Description {
	d := p.branded.Describe()
	d.PollEvery = time.Minute
	return d
}

func (p *asking) Open(a gateway.Account) (gateway.Gateway, error) {
	g, err := p.branded.Open(a)
	if err != nil {
		return nil, err
	}
	p.remote.mu.Lock()
	defer p.remote.mu.Unlock()
	p.remote.opened = append(p.remote.opened, string(a.Catalogue))
	opened := g.(*brandedAccount)
	opened.description = p.Describe()
	return &askingAccount{opened, p.remote}, nil
}

type askingAccount struct {
	*brandedAccount
	remote *remote
}

func (g *askingAccount) Poll(_ context.Context, r gateway.Request) ([]gateway.Update, error) {
	g.remote.mu.Lock()
	g.remote.asked[r.Order.ID]++
	says := g.remote.says
	g.remote.mu.Unlock()
	if r.Now.IsZero() {
		return nil, errors.New("asked without the time")
	}
	return says(r)
}

func (g *askingAccount) Load(context.Context) ([]byte, error) {
	g.remote.mu.Lock()
	defer g.remote.mu.Unlock()
	g.remote.loads++
	return g.remote.list(g.remote.loads)
}

// asked is two nodes of one database, a clock that the test moves, and an account at an asking gateway.
type asked struct {
	*branches
	remote *remote
	nodes  []*app.App
}

func newAsked(t *testing.T) *asked {
	t.Helper()
	url := ""
	h := &asked{branches: &branches{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	if pgtest.Second() {
		url = pgtest.URL(t)
		h.house = newHouseOn(t, openAt(t, url))
	} else {
		h.house = newHouse(t)
	}
	h.remote = &remote{
		asked: map[checkout.OrderID]int{}, list: func(int) ([]byte, error) { return []byte("list"), nil },
		says: func(gateway.Request) ([]gateway.Update, error) { return nil, nil },
	}
	h.config.Providers = append(h.config.Providers, &asking{branded: branded{id: "one"}, remote: h.remote})
	h.config.Now = func() time.Time { return h.now }
	for i := range 2 {
		if url != "" && i > 0 {
			h.config.DB = openAt(t, url)
		}
		h.nodes = append(h.nodes, app.New(h.config))
	}
	h.app = h.nodes[0]
	h.mustSet("one", "key=1", "secret=s-1")
	return h
}

func (h *asked) order() *checkout.Order {
	h.t.Helper()
	o, err := h.ordered("one")
	must(h.t, err)
	return o
}

// both has the nodes do it at the same time, and returns the sum and what failed.
func (h *asked) both(do func(*app.App) (int, error)) (sum int, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, node := range h.nodes {
		all.Go(func() {
			n, failed := do(node)
			mu.Lock()
			defer mu.Unlock()
			sum, err = sum+n, errors.Join(err, failed)
		})
	}
	all.Wait()
	return sum, err
}

func (h *asked) poll() (int, error) {
	return h.both(func(a *app.App) (int, error) { return a.PollOrders(h.t.Context()) })
}

// tell has the remote say the status of each order that it is asked about.
func (h *asked) tell(status checkout.OrderStatus) {
	h.remote.says = func(r gateway.Request) ([]gateway.Update, error) {
		return []gateway.Update{{DedupKey: "polled " + string(r.Order.ID) + string(status), OrderID: r.Order.ID, Status: status, ExternalOrderID: "x-" + string(r.Order.ID)}}, nil
	}
}

// TestPollOrders: an open order is asked about by one node at a time, not too often, and moved by the answer as by a
// notification, with its event.
func TestPollOrders(t *testing.T) {
	t.Parallel()
	h := newAsked(t)
	var orders []*checkout.Order
	for range 5 {
		orders = append(orders, h.order())
	}
	wantAsked := func(when string, n int) {
		t.Helper()
		if sum, err := h.poll(); err != nil || sum != n {
			t.Errorf("%s: asked about %d orders, want %d: %v", when, sum, n, err)
		}
	}
	wantAsked("at once", 0)
	h.now = h.now.Add(31 * time.Second)
	wantAsked("after the lease of their making", 5)
	wantAsked("again", 0)
	h.now = h.now.Add(59 * time.Second)
	wantAsked("before it is time", 0)
	h.tell(checkout.OrderProcessing)
	h.now = h.now.Add(2 * time.Second)
	wantAsked("after the gateway's pause", 5)
	for _, o := range orders {
		got, err := h.app.DB.Order(t.Context(), o.ProjectID, o.ID)
		if err != nil || got.Status != checkout.OrderProcessing || got.ExternalOrderID != "x-"+string(o.ID) || h.remote.asked[o.ID] != 2 {
			t.Errorf("%+v, asked %d times, %v", got, h.remote.asked[o.ID], err)
		}
	}
	h.now = h.now.Add(time.Minute)
	wantAsked("with the same answer", 5)
	h.tell(checkout.OrderCompleted)
	h.now = h.now.Add(time.Minute)
	wantAsked("with the last answer", 5)
	h.now = h.now.Add(time.Hour)
	wantAsked("when they are over", 0)
	events, err := h.app.ListEvents(t.Context(), h.call(), checkout.EventFilter{}, checkout.Page{Number: 1, Size: 100})
	must(t, err)
	completed := 0
	for _, e := range events.Rows {
		if e.Type == checkout.EventCompleted {
			completed++
		}
	}
	if completed != 5 {
		t.Errorf("%d events of completed orders, want 5", completed)
	}
}

// TestPollRarer: the older an order is, the rarer it is asked about, and after a month not at all.
func TestPollRarer(t *testing.T) {
	t.Parallel()
	h := newAsked(t)
	o := h.order()
	began := h.now
	for h.now.Sub(began) < 40*24*time.Hour {
		h.now = h.now.Add(10 * time.Minute)
		_, err := h.nodes[0].PollOrders(t.Context())
		must(t, err)
		if h.now.Sub(began) == 24*time.Hour && (h.remote.asked[o.ID] < 40 || h.remote.asked[o.ID] > 144) {
			t.Errorf("asked %d times in a day", h.remote.asked[o.ID])
		}
		if h.now.Sub(began) > 24*time.Hour { // the rest in larger steps
			h.now = h.now.Add(2 * time.Hour)
		}
	}
	if n := h.remote.asked[o.ID]; n > 250 {
		t.Errorf("asked %d times in all", n)
	}
	last := h.remote.asked[o.ID]
	h.now = h.now.Add(365 * 24 * time.Hour)
	if n, err := h.poll(); n != 0 || err != nil || h.remote.asked[o.ID] != last {
		t.Errorf("after a year: %d, %v", n, err)
	}
}

// TestPollFails: a gateway that fails is left alone for longer and longer; it neither moves an order nor stops another gateway.
func TestPollFails(t *testing.T) {
	t.Parallel()
	h := newAsked(t)
	for range 3 {
		h.order()
	}
	h.now = h.now.Add(31 * time.Second)
	for name, says := range map[string]func(gateway.Request) ([]gateway.Update, error){
		"down":  func(gateway.Request) ([]gateway.Update, error) { return nil, errors.New("the gateway is down") },
		"panic": func(gateway.Request) ([]gateway.Update, error) { panic("a gateway's fault") },
		"about another order": func(gateway.Request) ([]gateway.Update, error) {
			return []gateway.Update{{DedupKey: "k", OrderID: "ord_x", Status: checkout.OrderCompleted}}, nil
		},
	} {
		h.remote.says = says
		if n, err := h.nodes[0].PollOrders(t.Context()); err == nil {
			t.Errorf("%s: asked about %d, and nothing failed", name, n)
		}
		h.now = h.now.Add(5 * time.Minute)
	}
	h.remote.says = func(gateway.Request) ([]gateway.Update, error) { return nil, errors.New("down") }
	failures := 0
	for range 60 { // an hour
		if _, err := h.nodes[0].PollOrders(t.Context()); err != nil {
			failures++
		}
		h.now = h.now.Add(time.Minute)
	}
	if failures < 5 || failures > 12 {
		t.Errorf("asked %d times in an hour while it failed", failures)
	}
	h.now = h.now.Add(time.Hour)
	h.tell(checkout.OrderCompleted)
	if n, err := h.poll(); err != nil || n != 3 {
		t.Errorf("when it is there again: %d, %v", n, err)
	}
}

// TestPollTooMany: a gateway that says that it is asked too often is not asked about the next order, nor before it says.
func TestPollTooMany(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait            time.Duration
		before, further time.Duration
	}{
		"it says how long":         {2 * time.Minute, 119 * time.Second, 2 * time.Second},
		"it does not say how long": {0, 14 * time.Second, 2 * time.Second},
		"it says a day":            {24 * time.Hour, 9 * time.Minute, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newAsked(t)
			for range 3 {
				h.order()
			}
			h.now = h.now.Add(31 * time.Second)
			failed := false
			h.remote.says = func(gateway.Request) ([]gateway.Update, error) {
				if !failed {
					failed = true
					return nil, otherError{tooManyError(time.Hour)}
				}
				return nil, fmt.Errorf("one: %w", tooManyError(c.wait))
			}
			if n, err := h.nodes[0].PollOrders(t.Context()); n != 2 || err == nil {
				t.Errorf("asked about %d, %v", n, err)
			}
			h.tell(checkout.OrderCompleted)
			h.now = h.now.Add(c.before)
			if n, err := h.nodes[0].PollOrders(t.Context()); n != 0 || err != nil {
				t.Errorf("too early, asked about %d, %v", n, err)
			}
			h.now = h.now.Add(c.further)
			if n, err := h.nodes[0].PollOrders(t.Context()); n == 0 || err != nil {
				t.Errorf("afterwards asked about %d, %v", n, err)
			}
		})
	}
}

// tooManyError is a gateway's word that it is asked too often, and how long to wait; 0: it doesn't say.
type tooManyError time.Duration

func (tooManyError) Error() string { return "answered 429" }

func (w tooManyError) Pause() (time.Duration, bool) { return time.Duration(w), true }

// otherError is an answer of another kind.
type otherError struct{ tooManyError }

func (otherError) Pause() (time.Duration, bool) { return 0, false }

// TestLoadCatalogues: what a gateway publishes is loaded by one node for all, again after six hours; the last good one stays
// while the gateway fails, which is left alone for longer and longer.
func TestLoadCatalogues(t *testing.T) {
	t.Parallel()
	h := newAsked(t)
	load := func() (int, error) {
		return h.both(func(a *app.App) (int, error) { return a.LoadCatalogues(t.Context()) })
	}
	in := func() string { // the catalogue with which an account is open on the second node
		t.Helper()
		h.now = h.now.Add(time.Second)
		h.listed(h.nodes[1])
		return h.remote.opened[len(h.remote.opened)-1]
	}
	h.remote.list = func(n int) ([]byte, error) { return fmt.Appendf(nil, "list %d", n), nil }
	if n, err := load(); n != 1 || err != nil || h.remote.loads != 1 || in() != "list 1" {
		t.Errorf("loaded %d, %v, in %d loads; %q", n, err, h.remote.loads, in())
	}
	for range 5 {
		h.now = h.now.Add(time.Hour)
		if n, err := load(); n != 0 || err != nil {
			t.Errorf("too early: %d, %v", n, err)
		}
	}
	h.remote.list = func(n int) ([]byte, error) {
		if n%2 == 0 {
			return nil, errors.New("the gateway is down")
		}
		return nil, nil
	}
	failures := 0
	for range 24 * 60 {
		h.now = h.now.Add(time.Minute)
		if _, err := load(); err != nil {
			failures++
			if !strings.Contains(err.Error(), "catalogue of one") {
				t.Error(err)
			}
		}
	}
	if failures < 20 || failures > 35 || in() != "list 1" {
		t.Errorf("%d failures in a day; %q", failures, in())
	}
	h.remote.list = func(int) ([]byte, error) { return []byte("anew"), nil }
	h.now = h.now.Add(time.Hour)
	if n, err := load(); n != 1 || err != nil || in() != "anew" {
		t.Errorf("when it is there again: %d, %v; %q", n, err, in())
	}
	h.mustSet("one", "secret=s-2")
	if in() != "anew" {
		t.Errorf("after a change of the secret: %q", in())
	}
	h.mustSet("one", "environment=production")
	if in() != "" {
		t.Errorf("in another environment: %q", in())
	}
	if n, err := load(); n != 1 || err != nil || in() != "anew" {
		t.Errorf("in another environment, loaded: %d, %v; %q", n, err, in())
	}
	_, err := h.set("one", app.GatewayChange{Enabled: ptr(false)})
	must(t, err)
	h.now = h.now.Add(7 * time.Hour)
	if n, err := load(); n != 0 || err != nil {
		t.Errorf("disabled: %d, %v", n, err)
	}
}

// TestPruneTokens: a token stays known for a month after its end.
func TestPruneTokens(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	n.current(0, from)
	n.off.Add(int64(30 * 24 * time.Hour))
	must(t, n.app.PruneTokens(t.Context()))
	if known, err := n.tokens[0].Known(t.Context(), "access"); err != nil || !slices.Equal(known, []string{"token 1"}) {
		t.Errorf("within a month: %v, %v", known, err)
	}
	n.off.Add(int64(2 * time.Hour))
	must(t, n.app.PruneTokens(t.Context()))
	if known, err := n.tokens[0].Known(t.Context(), "access"); err != nil || len(known) != 0 {
		t.Errorf("after a month: %v, %v", known, err)
	}
	if got := n.current(1, from); got != "token 2" {
		t.Errorf("then: %q", got)
	}
}
