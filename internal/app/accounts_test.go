package app_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/vault"
)

// branded is a provider whose accounts need a key and a secret, and remember what they were opened with and asked.
type branded struct {
	id     string
	opened atomic.Int32
}

func (p *branded) Describe() gateway.Description {
	return gateway.Description{
		ID: p.id, Name: strings.ToUpper(p.id), Modes: []checkout.Mode{checkout.ModeTest, checkout.ModeLive}, Sell: true,
		Settings: []gateway.Setting{{Key: "key", Help: "The key.", Required: true}, {Key: "secret", Help: "The secret.", Required: true, Secret: true}},
	}
}

func (p *branded) Open(a gateway.Account) (gateway.Gateway, error) {
	if err := a.Settings.Check(p.Describe()); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(a.Settings["secret"], "s-") {
		return nil, &gateway.SettingsError{Problems: []checkout.FieldError{{Field: "secret", Message: "must begin with s-"}}}
	}
	p.opened.Add(1)
	return &brandedAccount{silent: silent{bare: bare{description: p.Describe()}}, account: a}, nil
}

type brandedAccount struct {
	silent
	account gateway.Account

	mu       sync.Mutex
	requests []gateway.Request
}

func (g *brandedAccount) CreateCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
	return gateway.Checkout{URL: "https://gateway.example/" + g.account.Settings["key"]}, nil
}

func (g *brandedAccount) ParseNotification(context.Context, gateway.Notification) ([]gateway.Update, error) {
	return nil, nil
}

func (g *brandedAccount) Probe(context.Context) error {
	if g.account.Settings["key"] == "wrong" {
		return errors.New("the gateway does not know the key; look it up there")
	}
	return nil
}

// branches is a house with two such providers behind the sandbox, and a clock that the test moves.
type branches struct {
	*house
	one, two *branded
	now      time.Time
}

func newBranches(t *testing.T) *branches {
	t.Helper()
	b := &branches{house: newHouse(t), one: &branded{id: "one"}, two: &branded{id: "two"}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.config.Providers = append(b.config.Providers, b.one, b.two)
	b.config.Now = func() time.Time { return b.now }
	b.app = app.New(b.config)
	return b
}

func (b *branches) set(id string, change app.GatewayChange) (*app.ProjectGateway, error) {
	return b.app.SetGateway(b.t.Context(), b.project.ID, id, change)
}

func (b *branches) mustSet(id string, settings ...string) {
	b.t.Helper()
	change := app.GatewayChange{Settings: map[string]string{}}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		change.Settings[key] = value
	}
	_, err := b.set(id, change)
	must(b.t, err)
}

// listed are the gateways that the project's payers see, by the App, in their order.
func (b *branches) listed(a *app.App) (ids []string) {
	b.t.Helper()
	q := &checkout.PublicQuery{ProjectID: ptr(string(b.project.ID))}
	s, err := a.GetSupported(b.t.Context(), a.NewCall(netip.Addr{}), q)
	must(b.t, err)
	for _, g := range s.Gateways {
		ids = append(ids, g.ID)
	}
	return ids
}

// ordered makes an order at the gateway, from a session of its own.
func (b *branches) ordered(id string) (*checkout.Order, error) {
	b.t.Helper()
	_, order := (&hophouse{house: b.house}).begin(id)
	return order()
}

// TestAccounts: a project has the gateways that it has an account at, in the order of their priorities, and the sandbox;
// another server sees a change within a second.
func TestAccounts(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	other := app.New(b.config)
	want := func(ids ...string) {
		t.Helper()
		if got := b.listed(b.app); !slices.Equal(got, ids) {
			t.Errorf("%v, want %v", got, ids)
		}
		b.now = b.now.Add(500 * time.Millisecond)
		if got := b.listed(other); !slices.Equal(got, ids) {
			t.Errorf("on another node, half a second later: %v, want %v", got, ids)
		}
	}
	want("sandbox")
	b.mustSet("two", "key=2", "secret=s-2")
	want("sandbox", "two")
	b.mustSet("one", "key=1", "secret=s-1")
	want("sandbox", "one", "two")
	b.mustSet("two", "priority=3")
	want("two", "sandbox", "one")
	b.mustSet("sandbox", "priority=2")
	want("sandbox", "two", "one")
	_, err := b.set("sandbox", app.GatewayChange{Enabled: ptr(false)})
	must(t, err)
	want("two", "one")
	if _, err := b.ordered(sandbox.ID); checkout.CodeOf(err) != checkout.CodeInvalidGateway {
		t.Errorf("an order at the disabled sandbox: %v", err)
	}
	o, err := b.ordered("two")
	if err != nil || o.Gateway != "two" || o.CheckoutURL != "https://gateway.example/2" {
		t.Errorf("%+v, %v", o, err)
	}
	b.mustSet("two", "key=3")
	if o, err := b.ordered("auto"); err != nil || o.CheckoutURL != "https://gateway.example/3" {
		t.Errorf("after a change: %+v, %v", o, err)
	}
	elsewhere, _, err := b.app.CreateProject(t.Context(), checkout.Project{Name: "live", Mode: checkout.ModeLive})
	must(t, err)
	b.project = elsewhere
	want()
	if _, err := b.set(sandbox.ID, app.GatewayChange{}); err == nil || !strings.Contains(err.Error(), "does not serve live projects") {
		t.Errorf("the sandbox for a live project: %v", err)
	}
}

// TestAccountsOpenOnce: an account is opened when it has changed, and not each time it is used.
func TestAccountsOpenOnce(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=1", "secret=s-1")
	b.listed(b.app)
	before := b.one.opened.Load()
	for range 5 {
		b.now = b.now.Add(time.Second)
		b.listed(b.app)
	}
	if after := b.one.opened.Load(); after != before {
		t.Errorf("opened %d times more", after-before)
	}
}

// TestAccountOpened: an account is opened with all that belongs to it, and asked with the time and the payer's address.
func TestAccountOpened(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	var seen *brandedAccount
	b.config.Providers = append(b.config.Providers, watching{&branded{id: "three"}, func(a *brandedAccount) { seen = a }})
	b.app = app.New(b.config)
	b.mustSet("three", "key=1", "secret=s-1", "countries=DE")
	if _, err := b.ordered("three"); err != nil {
		t.Fatal(err)
	}
	want := gateway.Account{
		ProjectID: b.project.ID, Mode: checkout.ModeTest, Settings: gateway.Settings{"key": "1", "secret": "s-1", "countries": "DE"},
		NotifyURL: "http://127.0.0.1/gateways/three/webhook/" + string(b.project.ID),
	}
	got := seen.account
	if got.Tokens == nil || !got.Now().Equal(b.now) {
		t.Errorf("the account: %+v", got)
	}
	got.Tokens, got.Now = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(seen.requests) != 1 || !seen.requests[0].Now.Equal(b.now) {
		t.Errorf("requests: %+v", seen.requests)
	}
}

// watching shows the test each account that is opened.
type watching struct {
	*branded
	see func(*brandedAccount)
}

func (w watching) Open(a gateway.Account) (gateway.Gateway, error) {
	g, err := w.branded.Open(a)
	if err == nil {
		w.see(g.(*brandedAccount))
	}
	return g, err
}

// TestSetGatewayRefuses: what is wrong is told all at once, without the secret, and changes nothing.
func TestSetGatewayRefuses(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	fields := func(err error) (names []string) {
		var e *gateway.SettingsError
		if !errors.As(err, &e) {
			t.Errorf("%v, want a *gateway.SettingsError", err)
			return nil
		}
		for _, p := range e.Problems {
			names = append(names, p.Field)
		}
		if strings.Contains(e.Error(), "hidden") {
			t.Errorf("tells the secret: %v", e)
		}
		return names
	}
	_, err := b.set("one", app.GatewayChange{
		Settings: map[string]string{"secrte": "hidden", "countries": "Germany", "priority": "high"},
		Problems: []checkout.FieldError{{Field: "secret", Message: "can't be read"}},
	})
	if got := fields(err); !slices.Equal(got, []string{"secret", "countries", "key", "priority", "secrte"}) {
		t.Errorf("wrong: %v", got)
	}
	_, err = b.set("one", app.GatewayChange{Settings: map[string]string{"key": "1", "secret": "hidden"}})
	if got := fields(err); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("of the gateway's own form: %v", got)
	}
	if _, err := b.set("one", app.GatewayChange{Enabled: ptr(false)}); err == nil {
		t.Error("an account without its settings was made, disabled")
	}
	if got := b.listed(b.app); !slices.Equal(got, []string{"sandbox"}) {
		t.Errorf("changed: %v", got)
	}
	if _, err := b.set("three", app.GatewayChange{}); err == nil || !strings.Contains(err.Error(), "sandbox, one, two") {
		t.Errorf("unknown: %v", err)
	}
	_, err = b.app.SetGateway(t.Context(), "nowhere", "one", app.GatewayChange{})
	if checkout.CodeOf(err) != checkout.CodeNotFound {
		t.Errorf("unknown project: %v", err)
	}
	b.mustSet("one", "key=1", "secret=s-1")
	for _, settings := range []map[string]string{{"key": ""}, {"secret": "x"}, {"minAmount": "9", "maxAmount": "8"}} {
		if _, err := b.set("one", app.GatewayChange{Settings: settings}); err == nil {
			t.Errorf("%v was taken", settings)
		}
	}
	if o, err := b.ordered("one"); err != nil || o.CheckoutURL != "https://gateway.example/1" {
		t.Errorf("changed: %+v, %v", o, err)
	}
}

// TestListGateways: an operator sees what is set, and of secrets their end at most.
func TestListGateways(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=abc", "secret=s-0123456789abcdef", "priority=7")
	b.mustSet("two", "key=abc", "secret=s-short")
	shown, err := b.set("one", app.GatewayChange{Default: true})
	must(t, err)
	want := []app.ShownSetting{{Key: "key", Value: "abc"}, {Key: "secret", Value: "••••cdef"}, {Key: "priority", Value: "7"}}
	if diff := cmp.Diff(want, shown.Settings); diff != "" || !shown.Default || !shown.Enabled || shown.Broken != nil {
		t.Errorf("%+v\n%s", shown, diff)
	}
	_, err = b.set("two", app.GatewayChange{Enabled: ptr(false)})
	must(t, err)
	if _, err := b.set("two", app.GatewayChange{Default: true}); err == nil {
		t.Error("a disabled gateway became the default")
	}
	list, err := b.app.ListGateways(t.Context(), b.project.ID)
	must(t, err)
	var got []string
	for _, g := range list {
		line := g.ID
		for _, s := range g.Settings {
			line += " " + s.Key + "=" + s.Value
		}
		if !g.Enabled {
			line += " disabled"
		}
		if g.Default {
			line += " default"
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"one key=abc secret=••••cdef priority=7 default", "sandbox", "two key=abc secret=•••• disabled"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestDisabledGateway: it takes no new orders, and those that it has go on.
func TestDisabledGateway(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.config.Providers = append(b.config.Providers, gateway.Static(&silent{bare: named("silent")})...)
	b.app = app.New(b.config)
	h := &hophouse{house: b.house}
	o, err := b.ordered(sandbox.ID)
	must(t, err)
	_, err = b.set(sandbox.ID, app.GatewayChange{Enabled: ptr(false)})
	must(t, err)
	status := string(checkout.OrderCompleted)
	o, err = b.app.SimulateOrder(t.Context(), h.call(), o.ID, &app.SimulateOrder{Status: &status})
	if err != nil || o.Status != checkout.OrderCompleted {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestBrokenAccount: an account whose settings can't be read stops no other gateway, and can be set anew.
func TestBrokenAccount(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=1", "secret=s-1", "priority=1")
	b.mustSet("two", "key=2", "secret=s-2")
	o, err := b.ordered("one")
	must(t, err)
	keys := vault.Generate()
	b.config.Ring, err = vault.Parse(keys)
	must(t, err)
	b.app = app.New(b.config)
	if o, err := b.ordered("auto"); err != nil || o.Gateway != sandbox.ID {
		t.Errorf("another gateway: %+v, %v", o, err)
	}
	if _, err := b.ordered("one"); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("an order there: %v", err)
	}
	err = b.app.ReceiveNotification(t.Context(), "one", gateway.Notification{ProjectID: o.ProjectID})
	if checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("a notification: %v; the gateway would not repeat it", err)
	}
	if err := b.app.CheckGateway(t.Context(), b.project.ID, "one"); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("checked: %v", err)
	}
	list, err := b.app.ListGateways(t.Context(), b.project.ID)
	if err != nil || len(list) != 3 || list[1].Broken == nil && list[2].Broken == nil {
		t.Errorf("listed: %v, %v", list, err)
	}
	if _, err := b.set("two", app.GatewayChange{Enabled: ptr(false)}); err != nil {
		t.Errorf("disabled: %v", err)
	}
	if _, err := b.set("one", app.GatewayChange{Settings: map[string]string{"key": "1"}}); err == nil {
		t.Error("half of the settings were taken, though the others are lost")
	}
	b.mustSet("one", "key=1", "secret=s-1")
	if _, err := b.ordered("one"); err != nil {
		t.Errorf("set anew: %v", err)
	}
}

// TestCheckGateway: the gateway tells whether it takes the credentials.
func TestCheckGateway(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	check := func(id string) error { return b.app.CheckGateway(t.Context(), b.project.ID, id) }
	if err := check("one"); err == nil || !strings.Contains(err.Error(), "no account") {
		t.Errorf("without an account: %v", err)
	}
	b.mustSet("one", "key=wrong", "secret=s-1")
	if err := check("one"); err == nil || !strings.Contains(err.Error(), "does not know the key") {
		t.Errorf("wrong: %v", err)
	}
	b.mustSet("one", "key=right")
	if err := check("one"); err != nil {
		t.Errorf("right: %v", err)
	}
	if err := check(sandbox.ID); !errors.Is(err, app.ErrNothingToCheck) {
		t.Errorf("the sandbox: %v", err)
	}
}

// TestSetGatewayAtOnce: of changes at the same time none is lost.
func TestSetGatewayAtOnce(t *testing.T) {
	t.Parallel()
	b := newBranches(t)
	b.mustSet("one", "key=1", "secret=s-1")
	var all sync.WaitGroup
	for _, setting := range []string{"countries=DE", "minAmount=5", "maxAmount=50", "priority=9", "environment=sandbox"} {
		key, value, _ := strings.Cut(setting, "=")
		all.Go(func() {
			if _, err := b.set("one", app.GatewayChange{Settings: map[string]string{key: value}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := b.app.ListGateways(t.Context(), b.project.ID)
	if err != nil || len(list) != 2 || len(list[0].Settings) != 7 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestEarlierTry: the end of an earlier try at the gateway is not the order's.
func TestEarlierTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.project(t, checkout.ModeTest)
	for _, ended := range []checkout.OrderStatus{checkout.OrderFailed, checkout.OrderCancelled, checkout.OrderExpired} {
		o := w.order(t, c, "teller")
		for i, step := range []struct {
			external string
			status   checkout.OrderStatus
			want     checkout.OrderStatus
		}{
			{"second", checkout.OrderPending, checkout.OrderPending},
			{"first", ended, checkout.OrderPending},
			{"second", checkout.OrderProcessing, checkout.OrderProcessing},
			{"first", ended, checkout.OrderProcessing},
			{"second", ended, ended},
		} {
			w.teller.says = []gateway.Update{{DedupKey: string(o.ID) + string(rune('a'+i)), OrderID: o.ID, Status: step.status, ExternalOrderID: step.external}}
			must(t, w.app.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: c.Project.ID}))
			got, err := w.app.GetOrder(t.Context(), w.by(c), o.ID)
			if err != nil || got.Status != step.want || got.ExternalOrderID != "second" {
				t.Errorf("%s, %d: %s of %s, %v", ended, i, got.Status, got.ExternalOrderID, err)
			}
		}
		unnamed := w.order(t, c, "teller")
		w.teller.says = []gateway.Update{{DedupKey: string(unnamed.ID), OrderID: unnamed.ID, Status: ended}}
		must(t, w.app.ReceiveNotification(t.Context(), "teller", gateway.Notification{ProjectID: c.Project.ID}))
		if got, err := w.app.GetOrder(t.Context(), w.by(c), unnamed.ID); err != nil || got.Status != ended {
			t.Errorf("of no try in particular: %+v, %v", got, err)
		}
	}
}

// TestAccountSealedAnew: setting nothing seals the settings with the newest master key, after which the old one can go.
func TestAccountSealedAnew(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	one := &branded{id: "one"}
	h.config.Providers = append(h.config.Providers, one)
	h.reopen(h.keys)
	b := &branches{house: h.house, one: one}
	b.mustSet("one", "key=1", "secret=s-1")
	next := vault.Generate()
	h.reopen(next + "," + h.keys)
	b.mustSet("one")
	h.reopen(next)
	if o, err := b.ordered("one"); err != nil || o.CheckoutURL != "https://gateway.example/1" {
		t.Errorf("%+v, %v", o, err)
	}
}
