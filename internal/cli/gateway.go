package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/store"
)

type gatewayCommand struct {
	Set   gatewaySet   `cmd:"" help:"Add a project's account at a gateway, or change it; running servers take it up within a second."`
	List  gatewayList  `cmd:"" help:"List a project's gateways, with their settings; of secrets, the end at most."`
	Check gatewayCheck `cmd:"" help:"Try an account's credentials at the gateway."`
	Route gatewayRoute `cmd:"" help:"Show which gateway an order would go to that leaves the choice to the server, and why."`
}

// gatewayFlags are what a command needs to open a project's accounts as its servers do.
type gatewayFlags struct {
	Project       string `required:"" placeholder:"ID" help:"The project's id."`
	MasterKey     string `env:"SLIPROAD_MASTER_KEY" placeholder:"KEY,…" help:"The servers' master keys, which seal the settings. Better by the environment than by the flag."`
	MasterKeyFile string `env:"SLIPROAD_MASTER_KEY_FILE" placeholder:"FILE" help:"A file that holds the master keys."`
	PublicURL     string `name:"public-url" env:"SLIPROAD_PUBLIC_URL" placeholder:"URL" help:"Where gateways reach the servers with their notifications, such as https://pay.example.com."`
	databaseFlags `embed:""`
}

// unknownURL stands for a public URL that the command wasn't told.
const unknownURL = "https://YOUR-SERVER"

// withGateways opens the database, with the gateways of its servers.
func (f gatewayFlags) withGateways(ctx context.Context, fn func(*app.App) error) error {
	ring, err := findRing(f.MasterKey, f.MasterKeyFile, f.databaseFlags)
	if err != nil {
		return err
	}
	if ring == nil {
		return errors.New("the settings of gateways are sealed: set SLIPROAD_MASTER_KEY or SLIPROAD_MASTER_KEY_FILE to the master keys of the servers")
	}
	var wrong settingsError
	config := app.Config{Ring: ring, PublicURL: or(wrong.url("--public-url (SLIPROAD_PUBLIC_URL)", f.PublicURL), unknownURL)}
	if err := wrong.err(); err != nil {
		return err
	}
	config.Providers = providers(sandbox.New(config.PublicURL, ring))
	return f.withApp(ctx, config, func(a *app.App) error {
		if err := a.RequireMasterKeys(ctx); err != nil {
			return err
		}
		err := fn(a)
		if checkout.CodeOf(err) == checkout.CodeNotFound {
			return noProject(f.Project)
		}
		return err
	})
}

type gatewaySet struct {
	Name         string   `arg:"" help:"The gateway, such as moonpay."`
	Settings     []string `arg:"" optional:"" sep:"none" name:"key=value" help:"What the account is told. key=@FILE takes the value from a file, key=env:NAME from the environment; key= removes it."`
	Default      bool     `help:"Make it the gateway of orders that name none."`
	Enable       bool     `xor:"enabled" help:"Have it take new orders again."`
	Disable      bool     `xor:"enabled" help:"Have it take no new orders. Those that it has go on."`
	gatewayFlags `embed:""`
}

// Help is shown below the flags.
func (gatewaySet) Help() string {
	var b strings.Builder
	b.WriteString("Give secrets by file or environment: other people of this machine can see a command's arguments. Settings that are not named stay as they are.\n\n" +
		"Example:\n  sliproad gateway set --project 6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11 transak apiKey=3f1f… apiSecret=@secret.txt referrerDomain=shop.example --default\n")
	for _, p := range providers(sandbox.New("", nil)) {
		d := p.Describe()
		if len(d.Settings) > 0 {
			fmt.Fprintf(&b, "\nSettings of %s:\n", d.ID)
		}
		for _, s := range d.Settings {
			b.WriteString(describeSetting(s))
		}
	}
	b.WriteString("\nSettings of every gateway:\n")
	for _, s := range gateway.Common {
		b.WriteString(describeSetting(s))
	}
	return b.String()
}

func describeSetting(s gateway.Setting) string {
	text := "  " + s.Key + "  " + s.Help
	switch {
	case s.Required && s.Secret:
		text += " Required, secret."
	case s.Required:
		text += " Required."
	case s.Secret:
		text += " Secret."
	}
	if len(s.Values) > 0 {
		text += " One of: " + strings.Join(s.Values, ", ") + "."
	}
	if s.Default != "" {
		text += " Default: " + s.Default + "."
	}
	return text + "\n"
}

func (c *gatewaySet) Run(ctx context.Context, s streams) error {
	change, err := readSettings(c.Settings)
	if err != nil {
		return err
	}
	change.Default = c.Default
	if c.Enable || c.Disable {
		change.Enabled = &c.Enable
	}
	return c.withGateways(ctx, func(a *app.App) error {
		set, err := a.SetGateway(ctx, checkout.ProjectID(c.Project), c.Name, change)
		if wrong, ok := errors.AsType[*gateway.SettingsError](err); ok {
			lines := []string{"these settings of " + c.Name + " are wrong, and nothing was changed:"}
			for _, p := range wrong.Problems {
				lines = append(lines, "  - "+p.Field+" "+p.Message)
			}
			return errors.New(strings.Join(lines, "\n"))
		}
		if err != nil {
			return err
		}
		return printSet(s.out, set, c.Project)
	})
}

// maxSettingBytes bounds a setting that is read from a file; keys have a few thousand at most.
const maxSettingBytes = 64 << 10

// readSettings reads what the arguments ask for. An argument that is no setting may be a secret, and is not repeated.
func readSettings(args []string) (app.GatewayChange, error) {
	change := app.GatewayChange{Settings: map[string]string{}}
	for i, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return change, fmt.Errorf("the setting number %d is not key=value, key=@FILE, key=env:NAME or key=", i+1)
		}
		value, err := readSetting(value)
		if _, there := change.Settings[key]; there {
			err = errors.New("is given twice")
		}
		change.Settings[key] = value
		if err != nil {
			change.Problems = append(change.Problems, checkout.FieldError{Field: key, Message: err.Error()})
		}
	}
	return change, nil
}

func readSetting(value string) (string, error) {
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		value = os.Getenv(name)
		if value == "" {
			return "", errors.New("is to be taken from the environment, which has no " + name)
		}
		return value, nil
	}
	name, ok := strings.CutPrefix(value, "@")
	if !ok {
		return value, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("can't be read: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSettingBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("can't be read: %w", err)
	}
	value = strings.TrimRight(string(text), "\r\n")
	if value == "" || len(text) > maxSettingBytes {
		return "", fmt.Errorf("can't be read: %s must have from 1 byte to 64 KiB", name)
	}
	return value, nil
}

func printSet(w io.Writer, g *app.ProjectGateway, project string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "gateway\t%s (%s), %s\n", g.ID, g.Name, stateOf(g))
	for _, s := range g.Settings {
		_, _ = fmt.Fprintf(t, "%s\t%s\n", s.Key, oneLine(s.Value))
	}
	if !g.NoAccount {
		_, _ = fmt.Fprintf(t, "notifications\t%s\n", g.NotifyURL)
		_, _ = fmt.Fprintf(t, "\nTo try the credentials: sliproad gateway check --project %s %s\n", project, g.ID)
	}
	return t.Flush()
}

func oneLine(value string) string { return strings.Join(strings.Fields(value), " ") }

func stateOf(g *app.ProjectGateway) string {
	state := "enabled"
	switch {
	case g.Broken != nil:
		state = "broken"
	case !g.Enabled:
		state = "disabled"
	}
	if g.Default {
		state += ", the default"
	}
	return state
}

type gatewayList struct {
	JSON         bool `name:"json" help:"Print JSON."`
	gatewayFlags `embed:""`
}

// gatewayRow is a gateway as it is listed.
type gatewayRow struct {
	Gateway     string            `json:"gateway"`
	Name        string            `json:"name"`
	Enabled     bool              `json:"enabled"`
	Default     bool              `json:"default"`
	Settings    map[string]string `json:"settings"`
	NotifyURL   string            `json:"notifyUrl"`
	CatalogueAt *string           `json:"catalogueAt"`
	Problem     *string           `json:"problem"`
}

func (c *gatewayList) Run(ctx context.Context, s streams) error {
	return c.withGateways(ctx, func(a *app.App) error {
		list, err := a.ListGateways(ctx, checkout.ProjectID(c.Project))
		if err != nil {
			return err
		}
		if c.JSON {
			rows := []gatewayRow{}
			for _, g := range list {
				rows = append(rows, gatewayRowOf(g))
			}
			return json.NewEncoder(s.out).Encode(rows)
		}
		t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "GATEWAY\tSTATE\tSETTINGS")
		for _, g := range list {
			var settings []string
			for _, one := range g.Settings {
				settings = append(settings, one.Key+"="+oneLine(one.Value))
			}
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", g.ID, stateOf(g), strings.Join(settings, " "))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		broken := slices.DeleteFunc(list, func(g *app.ProjectGateway) bool { return g.Broken == nil })
		for _, g := range broken {
			_, _ = fmt.Fprintf(s.out, "%s is broken: %v\n", g.ID, g.Broken)
		}
		return nil
	})
}

func gatewayRowOf(g *app.ProjectGateway) gatewayRow {
	row := gatewayRow{Gateway: g.ID, Name: g.Name, Enabled: g.Enabled, Default: g.Default, Settings: map[string]string{}, NotifyURL: g.NotifyURL}
	for _, s := range g.Settings {
		row.Settings[s.Key] = s.Value
	}
	if !g.CatalogueAt.IsZero() {
		at := g.CatalogueAt.Format(time.RFC3339)
		row.CatalogueAt = &at
	}
	if g.Broken != nil {
		text := g.Broken.Error()
		row.Problem = &text
	}
	return row
}

type gatewayCheck struct {
	Name         string `arg:"" help:"The gateway, such as moonpay."`
	gatewayFlags `embed:""`
}

func (c *gatewayCheck) Run(ctx context.Context, s streams) error {
	return c.withGateways(ctx, func(a *app.App) error {
		switch err := a.CheckGateway(ctx, checkout.ProjectID(c.Project), c.Name); {
		case errors.Is(err, app.ErrNothingToCheck):
			_, err = fmt.Fprintf(s.out, "%s: %v.\n", c.Name, err)
			return err
		case checkout.CodeOf(err) == checkout.CodeNotFound, errors.Is(err, store.ErrNotFound):
			return noProject(c.Project)
		case err != nil && !strings.HasPrefix(err.Error(), c.Name+": "): // what the gateway itself says begins so
			return fmt.Errorf("%s: %w", c.Name, err)
		case err != nil:
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s takes the credentials.\n", c.Name)
		return err
	})
}
