package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
)

// tokenNodes are servers on one database, each with the tokens of the same account.
type tokenNodes struct {
	*branches
	tokens []gateway.Tokens
	off    atomic.Int64 // how far the clock was moved on
}

// newTokenNodes makes two; on PostgreSQL each has connections of its own.
func newTokenNodes(t *testing.T) *tokenNodes {
	t.Helper()
	n := &tokenNodes{}
	url := ""
	if pgtest.Second() {
		url = pgtest.URL(t)
		n.branches = &branches{house: newHouseOn(t, openAt(t, url)), one: &branded{id: "one"}}
	} else {
		n.branches = &branches{house: newHouse(t), one: &branded{id: "one"}}
	}
	n.config.Now = func() time.Time { return time.Now().Add(time.Duration(n.off.Load())) }
	for i := range 2 {
		if url != "" && i > 0 {
			n.config.DB = openAt(t, url)
		}
		var mine gateway.Tokens
		n.config.Providers = []gateway.Provider{watching{n.one, func(a *brandedAccount) { mine = a.account.Tokens }}}
		n.app = app.New(n.config)
		if i == 0 {
			n.mustSet("one", "key=1", "secret=s-1")
		}
		n.listed(n.app)
		n.tokens = append(n.tokens, mine)
	}
	return n
}

// issuer gives numbered tokens, and finds out whether it is ever asked by two at once.
type issuer struct {
	t      *testing.T
	lasts  time.Duration // from the clock's now
	now    func() time.Time
	given  atomic.Int32
	asking atomic.Int32
	fail   atomic.Bool
	wait   chan struct{} // if not nil, each answer waits for it, after began was told
	began  chan struct{}
}

func (i *issuer) renew(context.Context) (gateway.Token, error) {
	if i.asking.Add(1) > 1 {
		i.t.Error("two renew at once")
	}
	defer i.asking.Add(-1)
	if i.wait != nil {
		i.began <- struct{}{}
		<-i.wait
	}
	if i.fail.Load() {
		return gateway.Token{}, errors.New("the gateway is down")
	}
	return gateway.Token{Value: fmt.Sprintf("token %d", i.given.Add(1)), Expires: i.now().Add(i.lasts)}, nil
}

func (n *tokenNodes) issuer(lasts time.Duration) *issuer {
	return &issuer{t: n.t, lasts: lasts, now: n.config.Now, began: make(chan struct{})}
}

func (n *tokenNodes) current(node int, from *issuer) string {
	n.t.Helper()
	value, err := n.tokens[node].Current(n.t.Context(), "access", from.renew)
	must(n.t, err)
	return value
}

// TestTokensRenewedOnce: however many ask on two nodes, one of all renews, and all get the same.
func TestTokensRenewedOnce(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	for round := 1; round <= 4; round++ {
		var all sync.WaitGroup
		want := fmt.Sprintf("token %d", round)
		for i := range 12 {
			all.Go(func() {
				if got, err := n.tokens[i%2].Current(t.Context(), "access", from.renew); err != nil || got != want {
					t.Errorf("round %d: %q, %v", round, got, err)
				}
			})
		}
		all.Wait()
		if round%2 == 0 {
			n.off.Add(int64(59*time.Minute + 30*time.Second)) // it ends soon
			continue
		}
		for range 2 {
			must(t, n.tokens[round%2].Reject(t.Context(), "access", want))
		}
	}
	known, err := n.tokens[0].Known(t.Context(), "access")
	if err != nil || !slices.Equal(known, []string{"token 4", "token 3", "token 2", "token 1"}) {
		t.Errorf("known: %v, %v", known, err)
	}
	must(t, n.tokens[0].Reject(t.Context(), "access", "token 1"))
	must(t, n.tokens[0].Reject(t.Context(), "access", "never given"))
	for i := range 6 {
		must(t, n.tokens[i%2].Reject(t.Context(), "access", n.current(i%2, from)))
	}
	n.current(0, from)
	known, err = n.tokens[1].Known(t.Context(), "access")
	if err != nil || len(known) != 5 || known[0] != fmt.Sprintf("token %d", from.given.Load()) {
		t.Errorf("the last few: %v, %v", known, err)
	}
	if other, err := n.tokens[0].Known(t.Context(), "other"); err != nil || len(other) != 0 {
		t.Errorf("of another name: %v, %v", other, err)
	}
}

// TestTokensOfALeaver: a caller who leaves ends neither the renewal nor the others' waiting.
func TestTokensOfALeaver(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	from.wait = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _, _ = n.tokens[0].Current(ctx, "access", from.renew) })
	<-from.began
	waits, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := n.tokens[1].Current(waits, "access", from.renew); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another renews: %v", err)
	}
	leave()
	close(from.wait)
	all.Wait()
	if got := n.current(1, from); got != "token 1" {
		t.Errorf("after all: %q", got)
	}
}

// TestTokensTakenOver: what a node that died had claimed is taken over when its lease is over, and what it comes with later
// is not kept.
func TestTokensTakenOver(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	slow, from := n.issuer(time.Hour), n.issuer(time.Hour)
	slow.wait = make(chan struct{})
	slow.given.Store(100)
	var all sync.WaitGroup
	all.Go(func() {
		if got, err := n.tokens[0].Current(t.Context(), "access", slow.renew); err == nil {
			t.Errorf("late, and taken: %q", got)
		}
	})
	<-slow.began
	n.off.Add(int64(time.Minute))
	if got := n.current(1, from); got != "token 1" {
		t.Errorf("taken over: %q", got)
	}
	close(slow.wait)
	all.Wait()
	if known, err := n.tokens[0].Known(t.Context(), "access"); err != nil || !slices.Equal(known, []string{"token 1"}) {
		t.Errorf("known: %v, %v", known, err)
	}
}

// TestTokensWhileTheGatewayFails: one that is about to end serves to its end; one that is over, or rejected, does not.
func TestTokensWhileTheGatewayFails(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	from.fail.Store(true)
	fails := func(when string) {
		t.Helper()
		for i := range n.tokens {
			if got, err := n.tokens[i].Current(t.Context(), "access", from.renew); err == nil {
				t.Errorf("%s: %q", when, got)
			}
		}
	}
	fails("none yet")
	from.fail.Store(false)
	n.current(0, from)
	from.fail.Store(true)
	n.off.Add(int64(59*time.Minute + 30*time.Second))
	if got := n.current(1, from); got != "token 1" {
		t.Errorf("about to end: %q", got)
	}
	n.off.Add(int64(time.Minute))
	fails("over")
	from.fail.Store(false)
	must(t, n.tokens[1].Reject(t.Context(), "access", n.current(0, from)))
	from.fail.Store(true)
	fails("rejected")
}

// TestTokensOfOtherCredentials: when the account's own settings change, so does its token; those before it stay known.
func TestTokensOfOtherCredentials(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	n.current(0, from)
	n.mustSet("one", "priority=4")
	if got := n.current(0, from); got != "token 1" {
		t.Errorf("after a change that has nothing to do with it: %q", got)
	}
	n.mustSet("one", "secret=s-2")
	if got := n.current(0, from); got != "token 2" {
		t.Errorf("after a change of credentials: %q", got)
	}
	if known, err := n.tokens[1].Known(t.Context(), "access"); err != nil || !slices.Equal(known, []string{"token 2", "token 1"}) {
		t.Errorf("known: %v, %v", known, err)
	}
	rows, err := n.app.DB.GatewayTokens(t.Context(), n.project.ID, "one", "access")
	if err != nil || len(rows) != 2 || slices.ContainsFunc(rows, func(k *store.GatewayToken) bool { return string(k.Sealed) == "token 2" }) {
		t.Errorf("not sealed: %v", err)
	}
}
