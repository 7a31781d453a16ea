package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// accountTTL is how long the accounts of a project are believed: a change works everywhere within a second.
const accountTTL = 500 * time.Millisecond

// errNoGateway says that the project has no such gateway, nor had it.
var errNoGateway = errors.New("the gateway is not configured for the project")

type accountCache struct {
	mu       sync.Mutex
	projects map[checkout.ProjectID]cachedAccounts
}

type cachedAccounts struct {
	list  []account // by priority, and of the same one in the order of the providers
	until time.Time
}

// account is a project's account at a gateway, open.
type account struct {
	gateway  gateway.Gateway
	enabled  bool // for new orders
	priority int

	// What it was opened with; it serves until that changes.
	version   int64
	catalogue time.Time
	opening   gateway.Account // without the catalogue
}

// gatewaysOf are the gateways that take the project's new orders, the one to prefer first.
func (a *App) gatewaysOf(ctx context.Context, project checkout.ProjectID) ([]gateway.Gateway, error) {
	list, err := a.accountsOf(ctx, project)
	if err != nil {
		return nil, err
	}
	var gateways []gateway.Gateway
	for _, one := range list {
		if one.enabled {
			gateways = append(gateways, one.gateway)
		}
	}
	return gateways, nil
}

// gateway finds the project's gateway for an order that is there already, which it follows to its end though it may be
// disabled by now.
func (a *App) gateway(ctx context.Context, project checkout.ProjectID, id string) (gateway.Gateway, error) {
	one, err := a.account(ctx, project, id)
	return one.gateway, err
}

func (a *App) account(ctx context.Context, project checkout.ProjectID, id string) (account, error) {
	list, err := a.accountsOf(ctx, project)
	if err != nil {
		return account{}, err
	}
	i := slices.IndexFunc(list, func(one account) bool { return one.gateway.Describe().ID == id })
	if i < 0 {
		return account{}, errNoGateway
	}
	return list[i], nil
}

func (a *App) provider(id string) (gateway.Provider, bool) {
	i := slices.IndexFunc(a.Providers, func(p gateway.Provider) bool { return p.Describe().ID == id })
	if i < 0 {
		return nil, false
	}
	return a.Providers[i], true
}

// accountsOf are the project's accounts, opened anew where they have changed.
func (a *App) accountsOf(ctx context.Context, id checkout.ProjectID) ([]account, error) {
	now := a.now()
	a.accounts.mu.Lock()
	have, ok := a.accounts.projects[id]
	a.accounts.mu.Unlock()
	if ok && now.Before(have.until) && !now.Before(have.until.Add(-accountTTL)) {
		return have.list, nil
	}
	project, err := a.DB.Project(ctx, id)
	if _, err := found("project", project, err); err != nil {
		return nil, err
	}
	rows, err := a.DB.GatewayAccounts(ctx, id)
	if err != nil {
		return nil, err
	}
	fresh := cachedAccounts{until: now.Add(accountTTL)}
	for _, p := range a.Providers {
		one, ok, err := a.openAccount(ctx, project, p, rows, have.list)
		if err != nil {
			return nil, err
		}
		if ok {
			fresh.list = append(fresh.list, one)
		}
	}
	slices.SortStableFunc(fresh.list, func(a, b account) int { return cmp.Compare(a.priority, b.priority) })
	a.accounts.put(id, fresh)
	return fresh.list, nil
}

func (c *accountCache) put(id checkout.ProjectID, accounts cachedAccounts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.projects == nil {
		c.projects = map[checkout.ProjectID]cachedAccounts{}
	}
	c.projects[id] = accounts
}

func (c *accountCache) forget(id checkout.ProjectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.projects, id)
}

// openAccount opens the project's account, if it has one, unless it is open as it is. One that can't be opened stops no
// other: it is there, and says so whenever it is asked.
func (a *App) openAccount(ctx context.Context, project *checkout.Project, p gateway.Provider, rows []*store.GatewayAccount, open []account) (account, bool, error) {
	d := p.Describe()
	i := slices.IndexFunc(rows, func(row *store.GatewayAccount) bool { return row.Gateway == d.ID })
	if !slices.Contains(d.Modes, project.Mode) || i < 0 && !d.NoAccount {
		return account{}, false, nil
	}
	row := &store.GatewayAccount{ProjectID: project.ID, Gateway: d.ID, Enabled: true}
	if i >= 0 {
		row = rows[i]
	}
	for _, was := range open {
		if was.version == row.Version && was.catalogue.Equal(row.CatalogueAt) && was.gateway.Describe().ID == d.ID {
			return was, true, nil
		}
	}
	one := account{enabled: row.Enabled, version: row.Version, catalogue: row.CatalogueAt}
	settings, wrong := a.settingsOf(row)
	if wrong == nil {
		opening := a.accountFor(project, d.ID, settings)
		if !row.CatalogueAt.IsZero() {
			c, err := a.DB.GatewayCatalogue(ctx, project.ID, d.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) { // it may have just been dropped
				return account{}, false, err
			}
			opening.Catalogue = c.Body
		}
		one.gateway, wrong = safeOpen(p, opening)
		if wrong != nil && opening.Catalogue != nil { // another release's list, it may be: better what is built in than no gateway
			opening.Catalogue = nil
			one.gateway, wrong = safeOpen(p, opening)
		}
		opening.Catalogue = nil
		one.opening = opening
	}
	if wrong != nil {
		one.gateway = broken{d, wrong}
	}
	limits, _ := settings.Limits() // what is wrong in it, Open has said
	one.priority = limits.Priority
	return one, true, nil
}

// safeOpen opens an account. A panic is that gateway's failure alone: the project's others, and whoever follows orders, go on.
func safeOpen(p gateway.Provider, opening gateway.Account) (gateway.Gateway, error) {
	return guarded(func() (gateway.Gateway, error) { return p.Open(opening) })
}

// void tells whether what a gateway gives by the settings is of no use to the account as it is now; see compare.
func (a *App) void(ctx context.Context, tx *store.Tx, project checkout.ProjectID, id string, settings gateway.Settings) (credentials, world bool, err error) {
	row, err := accountRow(ctx, tx.Reader, project, id)
	if err != nil {
		return false, false, err
	}
	p, known := a.provider(id)
	now, err := a.settingsOf(row)
	if !known || err != nil {
		return true, true, nil //nolint:nilerr // settings that this node can't read are not those that it had
	}
	credentials, world = compare(p.Describe(), settings, now)
	return credentials, world, nil
}

// accountFor is what a gateway's account is opened with.
func (a *App) accountFor(project *checkout.Project, id string, settings gateway.Settings) gateway.Account {
	return gateway.Account{
		ProjectID: project.ID, Mode: project.Mode, Settings: settings, NotifyURL: a.NotifyURL(project.ID, id),
		Tokens: &tokens{a, project.ID, id, settings}, Now: a.now,
	}
}

// NotifyURL is where the gateway's notifications for the project arrive.
func (a *App) NotifyURL(project checkout.ProjectID, gatewayID string) string {
	return a.PublicURL + "/gateways/" + url.PathEscape(gatewayID) + "/webhook/" + string(project)
}

func accountContext(project checkout.ProjectID, gatewayID string) string {
	return "gateway account/" + string(project) + "/" + gatewayID
}

func (a *App) settingsOf(row *store.GatewayAccount) (gateway.Settings, error) {
	settings := gateway.Settings{}
	if row.Sealed == nil {
		return settings, nil
	}
	plain, err := a.Ring.Open(row.Sealed, accountContext(row.ProjectID, row.Gateway))
	if err != nil {
		return nil, fmt.Errorf("its settings can't be read: %w", err)
	}
	return settings, json.Unmarshal(plain, &settings)
}

// request is the order for its gateway, in a payer's call.
func (a *App) request(call *checkout.Call, o *checkout.Order) gateway.Request {
	return gateway.Request{Order: o.ForGateway(), Address: call.Address, Language: call.Language, Now: call.Now}
}

// broken is a gateway whose account can't be opened.
type broken struct {
	description gateway.Description
	cause       error
}

func (b broken) fail() error {
	return checkout.Fail(checkout.CodeGatewayUnavailable, "The gateway "+b.description.ID+" can't be used at present.").Because(fmt.Errorf("its account can't be opened: %w", b.cause))
}

func (b broken) Describe() gateway.Description { return b.description }

func (b broken) Check(*checkout.Order) error { return b.fail() }

func (b broken) List(checkout.OrderType, string) gateway.Catalogue { return gateway.Catalogue{} }

func (b broken) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, b.fail()
}

func (b broken) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, b.fail()
}

func (b broken) OpenCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, b.fail()
}

func (b broken) ParseNotification(context.Context, gateway.Notification) ([]gateway.Update, error) {
	return nil, b.fail()
}
