package app_test

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
)

// crowd is a node with many projects, in the order of their ids, which counts its statements and has a clock that any goroutine
// may move.
type crowd struct {
	*asked
	projects   []*checkout.Project
	keys       map[checkout.ProjectID]*checkout.Key
	statements atomic.Int64
	off        atomic.Int64
}

// newCrowd makes a node with so many projects, and asking gateways of the names, of which each has a remote.
func newCrowd(t *testing.T, projects int, remotes map[string]*remote) *crowd {
	t.Helper()
	c := &crowd{asked: &asked{branches: &branches{}}, keys: map[checkout.ProjectID]*checkout.Key{}}
	url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	if pgtest.Second() {
		url = pgtest.URL(t)
	}
	db, err := store.Open(t.Context(), url, store.Options{ReadConns: 2, Trace: func(string, []any) { c.statements.Add(1) }})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	must(t, err)
	c.house = newHouseOn(t, db)
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c.config.Now = func() time.Time { return began.Add(time.Duration(c.off.Load())) }
	for id, r := range remotes {
		r.asked = map[checkout.OrderID]int{}
		c.config.Providers = append(c.config.Providers, &asking{branded: branded{id: id}, remote: r})
	}
	c.app = app.New(c.config)
	for range projects {
		p, keys, err := c.app.CreateProject(t.Context(), checkout.Project{Name: "one of many", Mode: checkout.ModeTest})
		must(t, err)
		c.projects, c.keys[p.ID] = append(c.projects, p), keys[0].Key
	}
	slices.SortFunc(c.projects, func(a, b *checkout.Project) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

func (c *crowd) pass(d time.Duration) { c.off.Add(int64(d)) }

// in has the helpers of the house work in the project.
func (c *crowd) in(i int) {
	c.project = c.projects[i]
	c.key = c.keys[c.project.ID]
}

// cost counts the statements of what is done.
func (c *crowd) cost(do func() (int, error)) int64 {
	c.t.Helper()
	before := c.statements.Load()
	_, err := do()
	must(c.t, err)
	return c.statements.Load() - before
}

func silentRemote() *remote {
	return &remote{
		says: func(gateway.Request) ([]gateway.Update, error) { return nil, nil },
		list: func(int) ([]byte, error) { return []byte("list"), nil },
	}
}

// TestIdleAccountsAreCheap: what it costs to look for what is due does not grow with the accounts of which nothing is, whether
// they have open orders or not.
func TestIdleAccountsAreCheap(t *testing.T) {
	t.Parallel()
	r := silentRemote()
	c := newCrowd(t, 25, map[string]*remote{"one": r})
	for i := range c.projects {
		c.in(i)
		c.mustSet("one", "key=1", "secret=s-1")
		c.mustSet("sandbox", "priority=3")
	}
	c.in(7)
	_, err := c.ordered("one")
	must(t, err)
	load := func() (int, error) { return c.app.LoadCatalogues(t.Context()) }
	poll := func() (int, error) { return c.app.PollOrders(t.Context()) }
	if n, err := load(); n != len(c.projects) || err != nil {
		t.Fatalf("loaded %d catalogues, %v", n, err)
	}
	c.pass(5 * time.Second)
	if n := c.cost(poll); n > 1 {
		t.Errorf("to find no order to ask about took %d statements", n)
	}
	if n := c.cost(load); n > 1 {
		t.Errorf("to find no catalogue to load took %d statements", n)
	}
	c.pass(time.Minute)
	if n := c.cost(poll); n > 10 || r.asked == nil || len(r.asked) != 1 {
		t.Errorf("to ask about one order took %d statements; asked about %v", n, r.asked)
	}
	c.pass(7 * time.Hour)
	r.list = func(int) ([]byte, error) { return nil, errors.New("down") }
	if _, err := load(); err == nil {
		t.Error("nothing failed")
	}
	c.pass(5 * time.Second)
	if n := c.cost(load); n > 1 {
		t.Errorf("to leave alone what has failed took %d statements", n)
	}
}

// TestPollPastBadOrders: orders about which the gateway has no answer keep it from being asked about no other, however many
// they are.
func TestPollPastBadOrders(t *testing.T) {
	t.Parallel()
	r := silentRemote()
	c := newCrowd(t, 1, map[string]*remote{"one": r})
	c.in(0)
	c.mustSet("one", "key=1", "secret=s-1")
	bad := map[checkout.OrderID]bool{}
	for i := range 40 {
		o, err := c.ordered("one")
		must(t, err)
		bad[o.ID] = i%4 == 0
		c.pass(time.Second)
	}
	r.says = func(q gateway.Request) ([]gateway.Update, error) {
		if bad[q.Order.ID] && q.Order.ID[len(q.Order.ID)-1]%2 == 0 {
			panic("of the gateway's own")
		}
		if bad[q.Order.ID] {
			return nil, errors.New("the gateway's answer makes no sense")
		}
		return nil, nil
	}
	failures := 0
	for range 12 * 30 { // half an hour
		c.pass(5 * time.Second)
		if _, err := c.app.PollOrders(t.Context()); err != nil {
			failures++
		}
	}
	if failures == 0 {
		t.Error("nothing failed")
	}
	for id := range bad {
		if !bad[id] && r.asked[id] < 20 {
			t.Errorf("asked about a good order %d times in half an hour", r.asked[id])
		}
	}
}

// TestPollBesideASlowGateway: a gateway that does not answer keeps none of the others' orders waiting, however many accounts
// there are at it.
func TestPollBesideASlowGateway(t *testing.T) {
	t.Parallel()
	slow, quick := silentRemote(), silentRemote()
	c := newCrowd(t, 21, map[string]*remote{"slow": slow, "quick": quick})
	for i := range c.projects {
		c.in(i)
		id := "slow"
		if i == len(c.projects)-1 {
			id = "quick"
		}
		c.mustSet(id, "key=1", "secret=s-1")
		_, err := c.ordered(id)
		must(t, err)
	}
	c.pass(time.Minute)
	answer, was := make(chan struct{}), make(chan struct{})
	slow.says = func(gateway.Request) ([]gateway.Update, error) { <-answer; return nil, nil }
	quick.says = func(gateway.Request) ([]gateway.Update, error) { close(was); return nil, nil }
	var all sync.WaitGroup
	all.Go(func() {
		if n, err := c.app.PollOrders(t.Context()); n != len(c.projects) || err != nil {
			t.Errorf("asked about %d orders, %v", n, err)
		}
	})
	select {
	case <-was:
	case <-time.After(10 * time.Second):
		t.Error("the quick gateway was not asked while the slow one did not answer")
	}
	close(answer)
	all.Wait()
}

// TestPollRunEnds: a run does not last until the last account of a slow gateway had its turn; the next one goes on.
func TestPollRunEnds(t *testing.T) {
	t.Parallel()
	r := silentRemote()
	c := newCrowd(t, 40, map[string]*remote{"one": r})
	for i := range c.projects {
		c.in(i)
		c.mustSet("one", "key=1", "secret=s-1")
		_, err := c.ordered("one")
		must(t, err)
	}
	c.pass(time.Minute)
	r.says = func(gateway.Request) ([]gateway.Update, error) {
		c.pass(10 * time.Second)
		return nil, errors.New("slow, and then nothing")
	}
	if n, err := c.app.PollOrders(t.Context()); n == 0 || n > 20 || err == nil {
		t.Errorf("a run asked about %d orders, %v", n, err)
	}
	r.says = func(gateway.Request) ([]gateway.Update, error) { return nil, nil }
	first := len(r.asked)
	if n, err := c.app.PollOrders(t.Context()); n < len(c.projects)-first || err != nil || len(r.asked) != len(c.projects) {
		t.Errorf("the next one asked about %d, %v; after %d in the first, %d in all", n, err, first, len(r.asked))
	}
}

// publishing is a provider whose accounts publish their environment, and stand no list of certain words.
type publishing struct {
	branded
	mu      sync.Mutex
	publish func(environment string) string
	opened  []gateway.Account
}

func (p *publishing) Open(a gateway.Account) (gateway.Gateway, error) {
	switch string(a.Catalogue) {
	case "panic":
		panic("a list that nobody expected")
	case "error":
		return nil, errors.New("the list makes no sense")
	}
	g, err := p.branded.Open(a)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = append(p.opened, a)
	return &publishingAccount{g.(*brandedAccount), p}, nil
}

func (p *publishing) last() gateway.Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened[len(p.opened)-1]
}

type publishingAccount struct {
	*brandedAccount
	provider *publishing
}

func (g *publishingAccount) Load(context.Context) ([]byte, error) {
	g.provider.mu.Lock()
	publish := g.provider.publish
	g.provider.mu.Unlock()
	return []byte(publish(g.account.Settings["environment"])), nil
}

// newPublishing is two nodes of one database with an account at a listing gateway, on a clock that stands still.
func newPublishing(t *testing.T) (*branches, *publishing, []*app.App) {
	t.Helper()
	b := newBranches(t)
	p := &publishing{branded: branded{id: "listing"}, publish: func(environment string) string { return environment }}
	b.config.Providers = append(b.config.Providers, p)
	nodes := []*app.App{app.New(b.config), app.New(b.config)}
	b.app = nodes[0]
	b.mustSet("listing", "key=1", "secret=s-1", "environment=sandbox")
	return b, p, nodes
}

// TestCatalogueOfOtherSettings: what was loaded by settings that have changed meanwhile is not kept.
func TestCatalogueOfOtherSettings(t *testing.T) {
	t.Parallel()
	b, p, nodes := newPublishing(t)
	b.listed(nodes[1]) // which now has the account open
	b.mustSet("listing", "environment=production")
	kept := func() string {
		t.Helper()
		c, err := b.app.DB.GatewayCatalogue(t.Context(), b.project.ID, "listing")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return string(c.Body)
	}
	_, err := nodes[1].LoadCatalogues(t.Context())
	must(t, err)
	if got := kept(); got == "sandbox" {
		t.Error("the list of the other environment was kept")
	}
	p.publish = func(environment string) string { // the change is made while it is being loaded
		if environment == "production" {
			b.mustSet("listing", "environment=sandbox")
		}
		return environment
	}
	b.mustSet("listing", "environment=production", "key=2")
	b.now = b.now.Add(time.Second)
	_, err = nodes[1].LoadCatalogues(t.Context())
	must(t, err)
	if got := kept(); got == "production" {
		t.Error("the list of the environment before was kept")
	}
	b.now = b.now.Add(10 * time.Second)
	n, err := nodes[1].LoadCatalogues(t.Context())
	if got := kept(); n != 1 || err != nil || got != "sandbox" {
		t.Errorf("soon after: loaded %d, %v, %q", n, err, got)
	}
}

// TestPoisonCatalogue: a list by which the account can't be opened is not taken, and one that is there already, such as from
// another release, stops neither the account nor the project's others.
func TestPoisonCatalogue(t *testing.T) {
	t.Parallel()
	for _, poison := range []string{"panic", "error"} {
		b, p, nodes := newPublishing(t)
		p.publish = func(string) string { return "good" }
		if n, err := nodes[0].LoadCatalogues(t.Context()); n != 1 || err != nil {
			t.Fatalf("loaded %d, %v", n, err)
		}
		p.publish = func(string) string { return poison }
		b.now = b.now.Add(7 * time.Hour)
		if n, err := nodes[0].LoadCatalogues(t.Context()); n != 0 || err == nil || !strings.Contains(err.Error(), "catalogue of listing") {
			t.Errorf("%s: loaded %d, %v", poison, n, err)
		}
		if _, err := b.ordered("listing"); err != nil || string(p.last().Catalogue) != "good" {
			t.Errorf("%s: an order: %v; open with %q", poison, err, p.last().Catalogue)
		}
		now := b.now.Add(time.Hour)
		must(t, b.app.DB.Tx(t.Context(), func(tx *store.Tx) error {
			must(t, tx.DropCatalogue(b.project.ID, "listing"))
			c := &store.GatewayCatalogue{ProjectID: b.project.ID, Gateway: "listing"}
			return tx.AttemptCatalogue(c, now)
		}))
		must(t, b.app.DB.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.PutCatalogue(&store.GatewayCatalogue{ProjectID: b.project.ID, Gateway: "listing", Body: []byte(poison), LoadedAt: now}, now)
		}))
		b.now = now.Add(time.Second)
		if got := b.listed(nodes[1]); len(got) != 2 {
			t.Errorf("%s, stored: %v", poison, got)
		}
		if _, err := b.ordered("listing"); err != nil || p.last().Catalogue != nil {
			t.Errorf("%s, stored: an order: %v; open with %q", poison, err, p.last().Catalogue)
		}
		p.publish = func(string) string { return "better" }
		b.now = b.now.Add(7 * time.Hour)
		if n, err := nodes[1].LoadCatalogues(t.Context()); n != 1 || err != nil {
			t.Errorf("%s, stored: loaded %d, %v", poison, n, err)
		}
	}
}

// TestOpenPanics: a gateway that panics on its account is that account's failure alone.
func TestOpenPanics(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=1", "secret=s-1", "priority=1")
	b.config.Providers = append(b.config.Providers[:1:1], fragile{b.one}, b.two)
	b.app = app.New(b.config)
	if o, err := b.ordered("auto"); err != nil || o.Gateway != "sandbox" {
		t.Errorf("another gateway: %+v, %v", o, err)
	}
	if _, err := b.ordered("one"); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("an order there: %v", err)
	}
	if _, err := b.set("one", app.GatewayChange{Enabled: ptr(false)}); err != nil {
		t.Errorf("disabled: %v", err)
	}
}

type fragile struct{ *branded }

func (fragile) Open(gateway.Account) (gateway.Gateway, error) { panic("of the gateway's own") }

// TestTokensOfSettingsBefore: a token that a node gets by settings that have just changed elsewhere serves nobody else.
func TestTokensOfSettingsBefore(t *testing.T) {
	t.Parallel()
	b, p, nodes := newPublishing(t)
	b.listed(nodes[1])
	before := p.last().Tokens
	b.mustSet("listing", "secret=s-2")
	b.listed(nodes[0])
	after := p.last().Tokens
	gives := func(value string) func(context.Context) (gateway.Token, error) {
		return func(context.Context) (gateway.Token, error) {
			return gateway.Token{Value: value, Expires: b.now.Add(time.Hour)}, nil
		}
	}
	if got, err := before.Current(t.Context(), "access", gives("before")); err != nil || got != "before" {
		t.Errorf("for who still has the settings before: %q, %v", got, err)
	}
	if got, err := after.Current(t.Context(), "access", gives("after")); err != nil || got != "after" {
		t.Errorf("for the others: %q, %v", got, err)
	}
	if known, err := after.Known(t.Context(), "access"); err != nil || !slices.Equal(known, []string{"after", "before"}) {
		t.Errorf("known: %v, %v", known, err)
	}
	b.mustSet("listing", "priority=4")
	must(t, after.Reject(t.Context(), "access", "after"))
	for range 2 { // by settings that differ in nothing that matters
		if got, err := after.Current(t.Context(), "access", gives("last")); err != nil || got != "last" {
			t.Errorf("after a change that has nothing to do with it: %q, %v", got, err)
		}
		gives = func(string) func(context.Context) (gateway.Token, error) {
			return func(context.Context) (gateway.Token, error) { return gateway.Token{}, errors.New("asked again") }
		}
	}
}

// TestTokensOfADeadClaim: what a node had claimed when it died, before the settings changed, is no fault of the token that
// another gets in its place.
func TestTokensOfADeadClaim(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	stuck, from := n.issuer(time.Hour), n.issuer(time.Hour)
	stuck.wait = make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _, _ = n.tokens[0].Current(t.Context(), "access", stuck.renew) })
	<-stuck.began
	n.mustSet("one", "countries=DE", "secret=s-1")
	n.mustSet("one", "secret=s-2")
	n.mustSet("one", "secret=s-1")
	n.off.Add(int64(time.Minute))
	for range 3 {
		if got := n.current(1, from); got != "token 1" {
			t.Errorf("taken over: %q", got)
		}
	}
	close(stuck.wait)
	all.Wait()
}

// TestTokenPanics: a gateway that panics as it gets a token keeps nobody waiting.
func TestTokenPanics(t *testing.T) {
	t.Parallel()
	n := newTokenNodes(t)
	from := n.issuer(time.Hour)
	func() {
		defer func() { _ = recover() }()
		if got, err := n.tokens[0].Current(t.Context(), "access", func(context.Context) (gateway.Token, error) { panic("its fault") }); err == nil {
			t.Errorf("got %q", got)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := n.tokens[1].Current(ctx, "access", from.renew); err != nil || got != "token 1" {
		t.Errorf("the next: %q, %v", got, err)
	}
}

// TestSetGatewayForm: a setting that would be lost or would mean something else than it says is refused, and of an URL no
// password is shown.
func TestSetGatewayForm(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=1", "secret=s-1", "apiBaseURL=http://proxy:hidden@127.0.0.1:1/x")
	for name, settings := range map[string]map[string]string{
		"a removal of what there is not":     {"minAmuont": ""},
		"bytes that are no text":             {"secret": "s-\xff\xfe"},
		"countries, and none among them":     {"countries": " , "},
		"a removal beside something unknown": {"keyy": "", "secrett": "x"},
	} {
		_, err := b.set("one", app.GatewayChange{Settings: settings})
		wrong, ok := errors.AsType[*gateway.SettingsError](err)
		if !ok || len(wrong.Problems) != len(settings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	shown, err := b.set("one", app.GatewayChange{})
	must(t, err)
	for _, s := range shown.Settings {
		if strings.Contains(s.Value, "hidden") {
			t.Errorf("%s shows the password: %s", s.Key, s.Value)
		}
	}
}
