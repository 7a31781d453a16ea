package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// Provider is a gateway as such, before a project has an account there. One line in the registry adds it to the server.
type Provider interface {
	// Describe tells what the gateway is, and what an account there needs to be told.
	Describe() Description
	// Open makes the gateway of one account. It asks nobody. The error, a *SettingsError, lists every setting that is wrong
	// and repeats no secret.
	Open(a Account) (Gateway, error)
}

// Static makes Providers of gateways that are the same for all projects and need no account.
func Static(gateways ...Gateway) []Provider {
	providers := make([]Provider, len(gateways))
	for i, g := range gateways {
		providers[i] = static{g}
	}
	return providers
}

type static struct{ gateway Gateway }

func (s static) Describe() Description {
	d := s.gateway.Describe()
	d.NoAccount = true
	return d
}

func (s static) Open(a Account) (Gateway, error) { return s.gateway, a.Settings.Check(s.Describe()) }

// Account is a project's account at a gateway.
type Account struct {
	ProjectID checkout.ProjectID
	Mode      checkout.Mode
	Settings  Settings
	NotifyURL string // where the gateway's notifications for the project arrive, absolute
	Tokens    Tokens // nil where the gateway has no use for it
	Catalogue []byte // what the gateway's Load gave last, on any node; nil: nothing yet

	// Now is the clock, for a gateway that must say the time where no request tells it, as in Load and Probe.
	Now func() time.Time
}

// Environment is which of a gateway's two worlds an account is in.
type Environment string

// The environments: the one moves no money.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)

// Setting describes one thing that an account is told. CLI, checks and docs are made of it.
type Setting struct {
	Key      string // as the CLI has it, such as apiKey
	Help     string // what it is and where the gateway shows it; one sentence
	Required bool
	Secret   bool     // shown to nobody again
	Values   []string // the only ones allowed; nil: any
	Default  string   // for people; what is used where it is not given
}

// Common are the settings that every gateway's account has, beside its own.
var Common = []Setting{
	{Key: "environment", Help: "Which of the gateway's worlds the account is in; sandbox moves no money.", Values: []string{string(Sandbox), string(Production)}, Default: "sandbox for test projects, production for live ones"},
	{Key: "apiBaseURL", Help: "Another base URL of its API, for tests and proxies.", Default: "the environment's"},
	{Key: "widgetBaseURL", Help: "Another base URL of its checkout, for tests and proxies.", Default: "the environment's"},
	{Key: "countries", Help: "The payers' countries that it may serve, ISO 3166-1 alpha-2, with commas between.", Default: "those that the gateway serves"},
	{Key: "minAmount", Help: "The least fiat amount of an order, such as 20 or 20 EUR.", Default: "the gateway's limit"},
	{Key: "maxAmount", Help: "The greatest fiat amount of an order, such as 5000 or 5000 EUR.", Default: "the gateway's limit"},
	{Key: "priority", Help: "A whole number; of gateways that are equal otherwise, the one with the lower number comes first.", Default: "100"},
}

// Settings are an account's settings by key. Those that are not given are empty.
type Settings map[string]string

// SettingsError lists what is wrong in an account's settings, by key.
type SettingsError struct{ Problems []checkout.FieldError }

func (e *SettingsError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Field + " " + p.Message
	}
	return strings.Join(lines, "; ")
}

// Check holds the settings to what the gateway describes: nothing unknown, nothing missing, nothing malformed. What the gateway
// itself finds wrong with its own is added. It returns nil or a *SettingsError.
func (s Settings) Check(d Description, own ...checkout.FieldError) error {
	e := SettingsError{Problems: own}
	add := func(key, message string) {
		e.Problems = append(e.Problems, checkout.FieldError{Field: key, Message: message})
	}
	known := slices.Concat(d.Settings, Common)
	for _, setting := range known {
		value := s[setting.Key]
		switch {
		case value == "" && setting.Required:
			add(setting.Key, "is required: "+setting.Help)
		case value != "" && setting.Values != nil && !slices.Contains(setting.Values, value):
			add(setting.Key, "must be one of "+strings.Join(setting.Values, ", "))
		}
	}
	for key := range s {
		if !slices.ContainsFunc(known, func(one Setting) bool { return one.Key == key }) {
			add(key, "is not a setting of "+d.ID)
		}
	}
	if _, err := s.Limits(); err != nil {
		var limits *SettingsError
		if errors.As(err, &limits) {
			e.Problems = append(e.Problems, limits.Problems...)
		}
	}
	for _, key := range []string{"apiBaseURL", "widgetBaseURL"} {
		if u, err := url.Parse(s[key]); s[key] != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "") {
			add(key, "must be an http or https URL without a query")
		}
	}
	if len(e.Problems) == 0 {
		return nil
	}
	slices.SortStableFunc(e.Problems, func(a, b checkout.FieldError) int { return cmp.Compare(a.Field, b.Field) })
	return &e
}

// Environment is the account's environment; by default the one that fits the project's mode.
func (a *Account) Environment() Environment {
	if e := Environment(a.Settings["environment"]); e != "" {
		return e
	}
	if a.Mode == checkout.ModeLive {
		return Production
	}
	return Sandbox
}

// BaseURL is the setting of the key or, where there is none, the one of the environment; without a slash at its end.
func (a *Account) BaseURL(key, sandbox, production string) string {
	base := cmp.Or(a.Settings[key], sandbox)
	if a.Settings[key] == "" && a.Environment() == Production {
		base = production
	}
	return strings.TrimRight(base, "/")
}

// Limits are what an operator allows of what the gateway could serve.
type Limits struct {
	Countries []string     // nil: all
	Min, Max  money.Amount // of the fiat amount, ends included; unset: none
	Currency  string       // of Min and Max; empty: whatever the order's is
	Priority  int
}

// Limits reads the settings that every account has. The error is a *SettingsError.
func (s Settings) Limits() (Limits, error) {
	l := Limits{Priority: 100}
	var e SettingsError
	add := func(key, message string) {
		e.Problems = append(e.Problems, checkout.FieldError{Field: key, Message: message})
	}
	codes := strings.FieldsFunc(s["countries"], func(r rune) bool { return r == ',' || r == ' ' })
	if s["countries"] != "" && len(codes) == 0 {
		add("countries", "must name a country") // none would mean all
	}
	for _, code := range codes {
		alpha2, ok := checkout.LookupCountry(code)
		if !ok {
			add("countries", fmt.Sprintf("has %q, which is not an ISO 3166-1 alpha-2 code", code))
			continue
		}
		l.Countries = append(l.Countries, alpha2)
	}
	for key, into := range map[string]*money.Amount{"minAmount": &l.Min, "maxAmount": &l.Max} {
		if s[key] == "" {
			continue
		}
		number, currency, _ := strings.Cut(s[key], " ")
		amount, err := money.Parse(number)
		_, known := money.LookupCurrency(currency)
		switch {
		case err != nil || currency != "" && !known:
			add(key, "must be an amount, such as 20 or 20 EUR")
		case currency != "" && l.Currency != "" && !strings.EqualFold(currency, l.Currency):
			add(key, "must be in the same currency as the other limit")
		default:
			*into, l.Currency = amount, cmp.Or(strings.ToUpper(currency), l.Currency)
		}
	}
	if l.Min.IsSet() && l.Max.IsSet() && l.Min.Cmp(l.Max) > 0 {
		add("maxAmount", "must not be less than minAmount")
	}
	if text := s["priority"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			add("priority", "must be a whole number")
		}
		l.Priority = n
	}
	if len(e.Problems) == 0 {
		return l, nil
	}
	return l, &e
}

// CheckLimits does what Check does, and reads the limits.
func (s Settings) CheckLimits(d Description, own ...checkout.FieldError) (Limits, error) {
	if err := s.Check(d, own...); err != nil {
		return Limits{}, err
	}
	return s.Limits()
}

// Token is a credential that a gateway gives for a time.
type Token struct {
	Value   string
	Expires time.Time
}

// Tokens keeps the tokens of one account, the same for all nodes.
type Tokens interface {
	// Current is the token by the name. Where there is none, or it ends soon, renew is called, on one node of all at a time:
	// with many gateways a new token ends the one before.
	Current(ctx context.Context, name string, renew func(context.Context) (Token, error)) (string, error)
	// Known are the current token and the ones before it, the newest first: what was signed by an older one is still on its way.
	Known(ctx context.Context, name string) ([]string, error)
	// Reject says that the gateway took the token for none of its own, so that the next Current renews it.
	Reject(ctx context.Context, name, value string) error
}

// Poller is a gateway that can be asked what became of an order, for when its notifications get lost.
type Poller interface {
	// Poll asks for the order as it is now. The updates are as a notification's; none where there is nothing to tell yet.
	Poll(ctx context.Context, r Request) ([]Update, error)
}

// TooMany is an error that may be a gateway's word that it is asked too often.
type TooMany interface {
	error
	// Pause is for how long it wants to be left alone, 0 where it doesn't say; false: it says nothing of the kind.
	Pause() (time.Duration, bool)
}

// Prober is a gateway whose credentials can be tried without making anything.
type Prober interface {
	// Probe is nil where the gateway takes the credentials, else an error that says what is wrong and what to do.
	Probe(ctx context.Context) error
}

// Loader is a gateway that publishes what it serves.
type Loader interface {
	// Load asks for it, in whatever form Account.Catalogue is then understood; a list that makes no sense is an error, so
	// that the last good one stays.
	Load(ctx context.Context) ([]byte, error)
}
