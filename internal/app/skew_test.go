package app_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/pgtest"
)

const skew = 5 * time.Second

// nodes are two on one PostgreSQL database whose clocks are apart by twice the skew: more than docs/operating.md allows.
type nodes struct {
	slow, fast *house
	passed     atomic.Int64 // what the test has let pass, beside the time that it takes
}

func newNodes(t *testing.T, also ...gateway.Gateway) *nodes {
	t.Helper()
	if !pgtest.Second() {
		t.Skip("an SQLite database has one server")
	}
	n := &nodes{}
	url := pgtest.URL(t)
	n.slow = newHouseOn(t, openAt(t, url))
	fast := *n.slow
	n.fast = &fast
	for h, off := range map[*house]time.Duration{n.slow: -skew, n.fast: skew} {
		h.config.DB = n.slow.config.DB
		if h == n.fast {
			h.config.DB = openAt(t, url)
		}
		h.config.Providers = append(slices.Clone(h.config.Providers), gateway.Static(also...)...)
		h.config.Now = func() time.Time { return time.Now().Add(off + time.Duration(n.passed.Load())) }
		h.app = app.New(h.config)
	}
	return n
}

func (n *nodes) pass(d time.Duration) { n.passed.Add(int64(d)) }

func (n *nodes) both() []*house { return []*house{n.slow, n.fast} }

// session makes one that lasts for the time given, by the clock of the node.
func (h *house) session(lasts time.Duration) *app.NewSession {
	h.t.Helper()
	customer, seconds := "customer", int64(lasts/time.Second)
	s, err := h.app.CreateSession(h.t.Context(), h.call(), &checkout.CreateSession{ExternalCustomerID: &customer, ExpiresInSeconds: &seconds})
	must(h.t, err)
	return s
}

func (h *house) status(id checkout.SessionID) checkout.SessionStatus {
	h.t.Helper()
	call := h.call()
	s, err := h.app.GetSession(h.t.Context(), call, id)
	must(h.t, err)
	return s.StatusAt(call.Now)
}

func (h *house) confirm(s *app.NewSession) error {
	_, err := h.app.ConfirmSession(h.t.Context(), h.call(), s.Session.ID, &checkout.ConfirmSession{ClientSecret: &s.ClientSecret})
	return err
}

// TestSkewExpiry: a session ends when the fastest clock says so, and from then on for every node: none goes back on it.
func TestSkewExpiry(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	bySlow, byFast := n.slow.session(60*time.Second), n.fast.session(60*time.Second)
	n.pass(52 * time.Second) // over for bySlow by the fast clock: 62 s; not by the slow one: 52 s
	if got := n.slow.status(bySlow.Session.ID); got != checkout.SessionPending {
		t.Errorf("before anyone has seen its end, the slow node reads %s", got)
	}
	if got := n.fast.status(bySlow.Session.ID); got != checkout.SessionExpired {
		t.Errorf("the fast node reads %s", got)
	}
	if got := n.slow.status(bySlow.Session.ID); got != checkout.SessionExpired {
		t.Errorf("after the fast node has told of the end, the slow one reads %s", got)
	}
	if err := n.slow.confirm(bySlow); checkout.CodeOf(err) != checkout.CodeSessionExpired {
		t.Errorf("confirmed after its end was told: %v", err)
	}
	if err := n.slow.confirm(byFast); err != nil {
		t.Errorf("a session that is open by both clocks: %v", err)
	}
	n.pass(9 * time.Second) // byFast: 61 s by the fast clock
	if found, _, err := n.slow.app.ExpireSessions(t.Context()); found != 0 || err != nil {
		t.Errorf("the slow node's sweep found %d, error %v", found, err)
	}
	if found, _, err := n.fast.app.ExpireSessions(t.Context()); found != 1 || err != nil {
		t.Errorf("the fast node's sweep found %d, error %v", found, err)
	}
	if got := n.slow.status(byFast.Session.ID); got != checkout.SessionExpired {
		t.Errorf("after the fast node's sweep, the slow one reads %s", got)
	}
}

// stuck is a gateway whose calls wait for the test.
type stuck struct {
	*sandbox.Gateway
	asked   chan checkout.OrderID
	release chan struct{}
}

func (g *stuck) Describe() gateway.Description {
	return gateway.Description{ID: "stuck", Modes: []checkout.Mode{checkout.ModeTest}}
}

func (g *stuck) CreateCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	g.asked <- r.Order.ID
	<-g.release
	return g.Gateway.CreateCheckout(ctx, r)
}

func (h *house) orderAt(ctx context.Context, s *app.NewSession, gatewayID string) (*checkout.Order, error) {
	fiat, coin, network, wallet := "USD", "ETH", "ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	return h.app.CreateOrder(ctx, h.call(), s.Session.ID, &checkout.CreateOrder{
		ClientSecret: &s.ClientSecret, FiatAmount: amount("100"), FiatCurrency: &fiat, CryptoCurrency: &coin, Network: &network,
		WalletAddress: &wallet, Gateway: &gatewayID,
	})
}

// TestSkewOrderLease: a node ahead leaves the order of a living one alone for as long as its gateway may take, and takes over
// a dead one's; whoever comes second changes nothing.
func TestSkewOrderLease(t *testing.T) {
	t.Parallel()
	g := &stuck{asked: make(chan checkout.OrderID, 2), release: make(chan struct{})}
	n := newNodes(t, g)
	g.Gateway = n.slow.config.Sandbox
	var making sync.WaitGroup
	making.Go(func() {
		_, err := n.slow.orderAt(context.WithoutCancel(t.Context()), n.slow.session(time.Hour), "stuck")
		if err != nil {
			t.Errorf("the order of the living node: %v", err)
		}
	})
	id := <-g.asked
	for range 3 {
		if resolved, err := n.fast.app.RecoverOrders(t.Context()); resolved != 0 || err != nil {
			t.Errorf("the fast node resolved %d orders of a living one, error %v", resolved, err)
		}
		n.pass(5 * time.Second) // 10 s, which a gateway may take, by the third time
	}
	n.pass(6 * time.Second) // 21 s, and the clocks are 10 s apart: the lease of 30 s is over for the fast one
	if resolved, err := n.fast.app.RecoverOrders(t.Context()); resolved != 1 || err != nil {
		t.Errorf("of a dead node, the fast one resolved %d orders, error %v", resolved, err)
	}
	close(g.release)
	making.Wait() // it was alive after all: the order is the one that was recorded
	for _, h := range n.both() {
		o, err := h.app.GetOrder(t.Context(), h.call(), id)
		must(t, err)
		events, err := h.app.ListEvents(t.Context(), h.call(), checkout.EventFilter{OrderID: id}, checkout.Page{Number: 1, Size: 10})
		must(t, err)
		if o.Status != checkout.OrderCreated || events.Total != 1 {
			t.Errorf("the order is %s, with %d events", o.Status, events.Total)
		}
	}
}

// TestSkewIdempotency: a key that is in use by a node behind stays so for a node ahead for as long as a request may take;
// then it is taken over, with the same ids, and the first owner's answer is not kept. What is kept is replayed by both.
func TestSkewIdempotency(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	request := sha256.Sum256([]byte("request"))
	ctx := t.Context()
	begun := n.slow.call()
	first, _, err := n.slow.app.BeginIdempotent(ctx, begun, "key", request)
	must(t, err)
	n.pass(45 * time.Second)
	if _, _, err := n.fast.app.BeginIdempotent(ctx, n.fast.call(), "key", request); checkout.CodeOf(err) != checkout.CodeIdempotencyInProgress {
		t.Fatalf("after 45 s: %v", err)
	}
	n.pass(10 * time.Second)
	again := n.fast.call()
	second, replay, err := n.fast.app.BeginIdempotent(ctx, again, "key", request)
	if must(t, err); replay != nil || again.Seed != begun.Seed || !again.Began.Equal(begun.Began) {
		t.Errorf("taken over with the seed %x of %v, want %x of %v", again.Seed, again.Began, begun.Seed, begun.Began)
	}
	must(t, n.slow.app.FinishIdempotent(ctx, first, 201, []byte("of the first")))
	if _, _, err := n.slow.app.BeginIdempotent(ctx, n.slow.call(), "key", request); checkout.CodeOf(err) != checkout.CodeIdempotencyInProgress {
		t.Errorf("the first owner's answer was kept: %v", err)
	}
	must(t, n.fast.app.FinishIdempotent(ctx, second, 201, []byte("of the second")))
	n.pass(24*time.Hour - 2*time.Minute)
	for _, h := range n.both() {
		_, replay, err := h.app.BeginIdempotent(ctx, h.call(), "key", request)
		if must(t, err); replay == nil || string(replay.Body) != "of the second" {
			t.Errorf("replayed: %+v", replay)
		}
	}
}

// TestSkewDeliveries: what both nodes tell, and both want to send, is sent once, however late the attempt ends.
func TestSkewDeliveries(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	w := n.slow.endpoint("*").Webhook
	want := map[checkout.EventID]bool{}
	for range 10 {
		for _, h := range n.both() {
			want[h.tell(w).ID] = true
		}
	}
	n.pass(2 * skew) // what the fast node wrote is due for the slow one too
	var mu sync.Mutex
	var racing sync.WaitGroup
	sent := map[checkout.EventID]int{}
	var held []app.Outgoing
	for range 4 {
		for _, h := range n.both() {
			racing.Go(func() {
				out, err := h.app.ClaimDeliveries(t.Context(), w, 8)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				for _, o := range out {
					sent[o.Delivery.EventID]++
				}
				held = append(held, out...)
			})
		}
	}
	racing.Wait()
	n.pass(checkout.DeliveryTimeout) // each attempt takes as long as it may
	for _, h := range n.both() {
		for _, o := range h.claim(w) { // what nobody had claimed
			sent[o.Delivery.EventID]++
			held = append(held, o)
		}
	}
	for event := range want {
		if sent[event] != 1 {
			t.Errorf("%s was sent %d times", event, sent[event])
		}
	}
	for i, o := range held {
		n.both()[i%2].finish(o, 200)
	}
	for event := range want {
		if l := n.slow.log(checkout.Event{ID: event}); l.Delivery.Status != checkout.DeliveryDelivered || len(l.Attempts) != 1 {
			t.Errorf("%s: %s after %d attempts", event, l.Delivery.Status, len(l.Attempts))
		}
	}
}

// TestSkewLists: paging by cursor, each page from the other node, finds every session that was there, once, in one order,
// while more are made.
func TestSkewLists(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	made := map[checkout.SessionID]bool{}
	for range 8 {
		for _, h := range n.both() {
			made[h.session(time.Hour).Session.ID] = true
		}
	}
	read := func(first int, between func()) (ids []checkout.SessionID) {
		page := checkout.Page{Number: 1, Size: 3}
		for i := first; ; i++ {
			h := n.both()[i%2]
			list, err := h.app.ListSessions(t.Context(), h.call(), checkout.SessionFilter{}, page)
			must(t, err)
			for _, s := range list.Rows {
				ids = append(ids, s.ID)
			}
			if list.Next == nil {
				return ids
			}
			page.After = list.Next
			between()
		}
	}
	one, other := read(0, func() {}), read(1, func() {})
	if !slices.Equal(one, other) || len(one) != len(made) {
		t.Errorf("two readings differ, or are not of %d:\n%v\n%v", len(made), one, other)
	}
	seen := map[checkout.SessionID]int{}
	for _, id := range read(0, func() { n.slow.session(time.Hour); n.fast.session(time.Hour) }) {
		seen[id]++
	}
	for id := range made {
		if seen[id] != 1 {
			t.Errorf("%s was listed %d times while more were made", id, seen[id])
		}
	}
}

// TestSkewRevocation: whichever clock a key is revoked by, it is refused everywhere within a second.
func TestSkewRevocation(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	for _, by := range n.both() {
		p, keys, err := by.app.CreateProject(t.Context(), checkout.Project{Name: "other", Mode: checkout.ModeTest})
		must(t, err)
		for _, h := range n.both() {
			must(t, h.app.Authenticate(t.Context(), h.app.NewCall(h.call().Address), keys[0].Text))
		}
		_, err = by.app.RevokeKey(t.Context(), p.ID, keys[0].Key.ID)
		must(t, err)
		n.pass(time.Second)
		for _, h := range n.both() {
			err := h.app.Authenticate(t.Context(), h.app.NewCall(h.call().Address), keys[0].Text)
			if checkout.CodeOf(err) != checkout.CodeInvalidAPIKey {
				t.Errorf("a revoked key, after a second: %v", err)
			}
		}
	}
}
