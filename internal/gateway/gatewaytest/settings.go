package gatewaytest

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/gateway"
)

func (c Case) testDescribe(t *testing.T) {
	t.Parallel()
	d := c.Gateway.Describe()
	if d.ID == "" || strings.ToLower(d.ID) != d.ID || strings.ContainsAny(d.ID, "/?# ") || d.Name == "" || len(d.Modes) == 0 {
		t.Errorf("Describe() = %+v; want an id that is a lower-case path segment, a name and modes", d)
	}
	known := map[string]bool{}
	for _, s := range slices.Concat(gateway.Common, d.Settings) {
		if s.Key == "" || known[s.Key] || s.Help == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("setting %+v; want a key of its own, and a sentence of help", s)
		}
		if s.Secret && s.Values != nil {
			t.Errorf("setting %s is a secret of which the values are known", s.Key)
		}
		known[s.Key] = true
	}
	if c.Page != "" {
		page, err := os.ReadFile(c.Page)
		if err != nil {
			t.Fatal(err)
		}
		for key := range known {
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("%s does not tell of the setting %s", c.Page, key)
			}
		}
	}
	if c.Remote == nil {
		return
	}
	if p := c.Remote.Provider(nil).Describe(); p.ID != d.ID || p.Name != d.Name || len(p.Settings) != len(d.Settings) {
		t.Errorf("the provider describes itself as %+v, its account as %+v", p, d)
	}
}

// testSettings opens accounts whose settings are wrong in one way each, and then in all of them.
func (c Case) testSettings(t *testing.T) {
	t.Parallel()
	good := c.Remote.Account.Settings
	c.refuseSettings(t, with(good, "apikey!", "x"), "apikey!")
	c.refuseSettings(t, with(good, "environment", "staging"), "environment")
	c.refuseSettings(t, with(good, "apiBaseURL", "ftp://x.example"), "apiBaseURL")
	c.refuseSettings(t, with(good, "minAmount", "-1"), "minAmount")
	c.refuseSettings(t, with(good, "countries", "DE,XX"), "countries")
	c.refuseSettings(t, with(with(good, "environment", "staging"), "priority", "first"), "environment", "priority")
	for _, s := range c.Gateway.Describe().Settings {
		if s.Required {
			c.refuseSettings(t, with(good, s.Key, ""), s.Key)
			without := maps.Clone(good)
			delete(without, s.Key)
			c.refuseSettings(t, without, s.Key)
		}
		if s.Values != nil {
			c.refuseSettings(t, with(good, s.Key, "none of them"), s.Key)
		}
	}
	for key, values := range c.Remote.Malformed {
		for _, value := range values {
			c.refuseSettings(t, with(good, key, value), key)
		}
	}
}

func with(settings gateway.Settings, key, value string) gateway.Settings {
	changed := maps.Clone(settings)
	changed[key] = value
	return changed
}

// refuseSettings wants the account refused for these keys, and no secret repeated.
func (c Case) refuseSettings(t *testing.T, settings gateway.Settings, keys ...string) {
	t.Helper()
	a := c.Remote.Account
	a.Settings = settings
	if a.Tokens == nil {
		a.Tokens = NewTokens()
	}
	_, err := c.Remote.Provider(nil).Open(a)
	var problems *gateway.SettingsError
	if !errors.As(err, &problems) {
		t.Errorf("Open with %v wrong: %v; want a *SettingsError", keys, err)
		return
	}
	var named []string
	for _, p := range problems.Problems {
		named = append(named, p.Field)
		if p.Message == "" {
			t.Errorf("%s is wrong, but not told why", p.Field)
		}
	}
	slices.Sort(named)
	if named = slices.Compact(named); !slices.Equal(named, keys) {
		t.Errorf("Open names %v (%v), want %v", named, err, keys)
	}
	c.hides(t, err.Error())
	for _, s := range c.Gateway.Describe().Settings {
		if value := settings[s.Key]; s.Secret && len(value) > 4 && strings.Contains(err.Error(), value) {
			t.Errorf("the error repeats the value of %s", s.Key)
		}
	}
}
