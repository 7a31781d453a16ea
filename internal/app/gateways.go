package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// ProjectGateway is a gateway as an operator sees it in a project.
type ProjectGateway struct {
	gateway.Description
	Enabled     bool
	Default     bool // of orders that name none
	Settings    []ShownSetting
	NotifyURL   string
	UpdatedAt   time.Time // zero: it has no account, and needs none
	CatalogueAt time.Time // when what it publishes was loaded; zero: never
	Broken      error     // why its account can't be opened; nil: it can
}

// ShownSetting is a setting that an account has. The value of a secret is not whole.
type ShownSetting struct {
	Key   string
	Value string
}

// GatewayChange is what an operator wants of a project's account.
type GatewayChange struct {
	Settings map[string]string     // those to change, by key; an empty value removes one
	Problems []checkout.FieldError // by key, of settings whose values could not be read; nothing is changed then
	Enabled  *bool                 // nil: as it is, and of a new account yes
	Default  bool                  // make it the project's default
}

// narrowing are the settings of which nothing depends that the gateway has given: no token, no catalogue.
var narrowing = []string{"countries", "minAmount", "maxAmount", "priority", "widgetBaseURL"}

// SetGateway adds the project's account at a gateway, or changes it. Servers take it up within a second. What is wrong in the
// settings is told all at once, as a *gateway.SettingsError, and changes nothing.
func (a *App) SetGateway(ctx context.Context, project checkout.ProjectID, id string, change GatewayChange) (*ProjectGateway, error) {
	return again(ctx, func() (*ProjectGateway, error) {
		p, provider, err := a.providerFor(ctx, project, id)
		if err != nil {
			return nil, err
		}
		row, err := accountRow(ctx, a.DB.Reader, project, id)
		if err != nil {
			return nil, err
		}
		return a.setGateway(ctx, p, provider, row, change)
	})
}

// providerFor finds the project and the gateway, which must be one for its mode.
func (a *App) providerFor(ctx context.Context, id checkout.ProjectID, name string) (*checkout.Project, gateway.Provider, error) {
	p, err := a.DB.Project(ctx, id)
	if _, err := found("project", p, err); err != nil {
		return nil, nil, err
	}
	provider, ok := a.provider(name)
	if !ok {
		var ids []string
		for _, one := range a.Providers {
			ids = append(ids, one.Describe().ID)
		}
		return nil, nil, fmt.Errorf("there is no gateway %q; there are: %s", name, strings.Join(ids, ", "))
	}
	if !slices.Contains(provider.Describe().Modes, p.Mode) {
		return nil, nil, fmt.Errorf("the gateway %s does not serve %s projects", name, p.Mode)
	}
	return p, provider, nil
}

// accountRow reads the account; one that isn't there has no version.
func accountRow(ctx context.Context, r store.Reader, project checkout.ProjectID, id string) (*store.GatewayAccount, error) {
	rows, err := r.GatewayAccounts(ctx, project)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Gateway == id {
			return row, nil
		}
	}
	return &store.GatewayAccount{ProjectID: project, Gateway: id, Enabled: true}, nil
}

func (a *App) setGateway(ctx context.Context, p *checkout.Project, provider gateway.Provider, row *store.GatewayAccount, change GatewayChange) (*ProjectGateway, error) {
	d := provider.Describe()
	was, unread := a.settingsOf(row) // where its master key is lost, it is set anew as a whole
	settings := gateway.Settings{}
	for _, from := range []map[string]string{was, change.Settings} {
		for key, value := range from {
			settings[key] = value
			if value == "" {
				delete(settings, key)
			}
		}
	}
	if change.Enabled != nil {
		row.Enabled = *change.Enabled
	}
	change.Problems = slices.Concat(change.Problems, change.misfits(d, was))
	_, err := safeOpen(provider, a.accountFor(p, d.ID, settings))
	if err := change.refusal(err, row.Version == 0 || row.Enabled); err != nil {
		return nil, err
	}
	if change.Default && !row.Enabled {
		return nil, errors.New("a gateway that is disabled can't be the default")
	}
	plain, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	row.UpdatedAt = a.now()
	if unread == nil || len(change.Settings) > 0 {
		row.Sealed = a.Ring.Seal(plain, accountContext(p.ID, d.ID))
	}
	credentials, world := compare(d, was, settings)
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		stored := *row // the version is marked anew in each run
		if err := tx.PutGatewayAccount(&stored); err != nil {
			return err
		}
		if credentials {
			if err := tx.RejectTokens(p.ID, d.ID); err != nil {
				return err
			}
		}
		if world {
			if err := tx.DropCatalogue(p.ID, d.ID); err != nil {
				return err
			}
		}
		if !change.Default {
			return nil
		}
		p.DefaultGateway = d.ID
		return tx.UpdateProject(p)
	})
	if err != nil {
		return nil, err
	}
	a.accounts.forget(p.ID)
	return a.showGateway(ctx, p, provider)
}

// misfits are the settings of which nobody would hear otherwise: those that can't be stored as they are, and those to be removed
// that there are not, which are misspelt.
func (c *GatewayChange) misfits(d gateway.Description, was gateway.Settings) (wrong []checkout.FieldError) {
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		value := c.Settings[key]
		known := slices.ContainsFunc(slices.Concat(d.Settings, gateway.Common), func(s gateway.Setting) bool { return s.Key == key })
		switch {
		case slices.ContainsFunc(c.Problems, func(there checkout.FieldError) bool { return there.Field == key }):
		case !utf8.ValidString(value):
			wrong = append(wrong, checkout.FieldError{Field: key, Message: "must be text in UTF-8"})
		case value == "" && was[key] == "" && !known:
			wrong = append(wrong, checkout.FieldError{Field: key, Message: "is not a setting of " + d.ID})
		}
	}
	return wrong
}

// refusal is what keeps the change from being made. An account that can't be opened may still be disabled.
func (c *GatewayChange) refusal(opened error, strict bool) error {
	if opened == nil && len(c.Problems) == 0 || len(c.Problems) == 0 && len(c.Settings) == 0 && !strict {
		return nil
	}
	var e *gateway.SettingsError
	if opened != nil && !errors.As(opened, &e) {
		return opened
	}
	all := gateway.SettingsError{Problems: slices.Clone(c.Problems)}
	if e != nil {
		for _, p := range e.Problems {
			if !slices.ContainsFunc(c.Problems, func(there checkout.FieldError) bool { return there.Field == p.Field }) {
				all.Problems = append(all.Problems, p)
			}
		}
	}
	return &all
}

// compare tells whether what the gateway has given for the settings is void: its tokens, as credentials have changed, and
// its catalogue, as it is another account or in another world.
func compare(d gateway.Description, was, now gateway.Settings) (credentials, world bool) {
	for _, s := range slices.Concat(d.Settings, gateway.Common) {
		if was[s.Key] == now[s.Key] || slices.Contains(narrowing, s.Key) {
			continue
		}
		credentials = true
		world = world || !s.Secret
	}
	return credentials, world
}

// ListGateways tells of the project's gateways: those that it has an account at, and those that need none.
func (a *App) ListGateways(ctx context.Context, project checkout.ProjectID) ([]*ProjectGateway, error) {
	p, err := a.DB.Project(ctx, project)
	if _, err := found("project", p, err); err != nil {
		return nil, err
	}
	list, err := a.accountsOf(ctx, project)
	if err != nil {
		return nil, err
	}
	var all []*ProjectGateway
	for _, one := range list {
		provider, _ := a.provider(one.gateway.Describe().ID)
		shown, err := a.showGateway(ctx, p, provider)
		if err != nil {
			return nil, err
		}
		all = append(all, shown)
	}
	return all, nil
}

func (a *App) showGateway(ctx context.Context, p *checkout.Project, provider gateway.Provider) (*ProjectGateway, error) {
	d := provider.Describe()
	row, err := accountRow(ctx, a.DB.Reader, p.ID, d.ID)
	if err != nil {
		return nil, err
	}
	shown := &ProjectGateway{
		Description: d, Enabled: row.Enabled, Default: p.DefaultGateway == d.ID, NotifyURL: a.NotifyURL(p.ID, d.ID),
		UpdatedAt: row.UpdatedAt, CatalogueAt: row.CatalogueAt,
	}
	settings, err := a.settingsOf(row)
	if err == nil {
		_, err = safeOpen(provider, a.accountFor(p, d.ID, settings))
	}
	shown.Broken = err
	described := slices.Concat(d.Settings, gateway.Common)
	for key, value := range settings {
		i := slices.IndexFunc(described, func(s gateway.Setting) bool { return s.Key == key })
		if i < 0 || described[i].Secret {
			value = mask(value)
		} else if u, err := url.Parse(value); err == nil && u.User != nil {
			value = u.Redacted()
		}
		shown.Settings = append(shown.Settings, ShownSetting{key, value})
	}
	place := func(s ShownSetting) int {
		return slices.IndexFunc(described, func(one gateway.Setting) bool { return one.Key == s.Key })
	}
	slices.SortFunc(shown.Settings, func(a, b ShownSetting) int { return place(a) - place(b) })
	return shown, nil
}

// A secret shows its last characters, by which people tell one from another, only if it has far more of them.
const (
	masked        = "••••"
	shownChars    = 4
	maskableChars = 16
)

func mask(secret string) string {
	if len(secret) < maskableChars || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return masked
	}
	return masked + secret[len(secret)-shownChars:]
}

// ErrNothingToCheck says that a gateway offers no way to try its credentials.
var ErrNothingToCheck = errors.New("this gateway offers no way to try its credentials without making something")

// CheckGateway tries the account's credentials at the gateway: nil, or what is wrong and what to do.
func (a *App) CheckGateway(ctx context.Context, project checkout.ProjectID, id string) error {
	if _, _, err := a.providerFor(ctx, project, id); err != nil {
		return err
	}
	g, err := a.gateway(ctx, project, id)
	if errors.Is(err, errNoGateway) {
		return errors.New("the project has no account there; see: sliproad gateway set --help")
	}
	if err != nil {
		return err
	}
	if b, ok := g.(broken); ok {
		return b.cause
	}
	prober, ok := g.(gateway.Prober)
	if !ok {
		return ErrNothingToCheck
	}
	ask, cancel := context.WithTimeout(ctx, a.GatewayTimeout)
	defer cancel()
	return prober.Probe(ask)
}
