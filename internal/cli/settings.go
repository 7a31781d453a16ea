package cli

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

// serverFlags are the settings of every server. All are text, so that everything wrong can be told at once.
type serverFlags struct {
	PublicURL            string `name:"public-url" env:"SLIPROAD_PUBLIC_URL" placeholder:"URL" help:"Where payers reach this server, such as https://pay.example.com. Default: the address it listens on."`
	TrustedProxies       string `env:"SLIPROAD_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8. Default: none."`
	GeoIPFile            string `name:"geoip-file" env:"SLIPROAD_GEOIP_FILE" placeholder:"FILE" help:"An mmdb file that tells an address's country; asked before the built-in table."`
	RateLimit            string `env:"SLIPROAD_RATE_LIMIT" placeholder:"N" help:"Requests a second for each API key; 0: no limit. Default: 100 (dev: 0)."`
	RateBurst            string `env:"SLIPROAD_RATE_BURST" placeholder:"N" help:"Requests at once for each API key. Default: twice the limit."`
	PublicRateLimit      string `env:"SLIPROAD_PUBLIC_RATE_LIMIT" placeholder:"N" help:"Requests a second for each client address on routes without a key; 0: no limit. Default: 10 (dev: 0)."`
	PublicRateBurst      string `env:"SLIPROAD_PUBLIC_RATE_BURST" placeholder:"N" help:"Requests at once for each client address. Default: twice the limit."`
	GatewayTimeout       string `env:"SLIPROAD_GATEWAY_TIMEOUT" placeholder:"DURATION" default:"10s" help:"How long a payment gateway may take to make a checkout."`
	MetricsAddr          string `env:"SLIPROAD_METRICS_ADDR" placeholder:"ADDR" help:"Loopback address of /metrics and /debug/pprof; off: none. Default: 127.0.0.1:9464 (dev: a free port)."`
	LogLevel             string `env:"SLIPROAD_LOG_LEVEL" placeholder:"LEVEL" default:"info" help:"debug, info, warn or error."`
	LogRequests          string `env:"SLIPROAD_LOG_REQUESTS" placeholder:"yes|no" help:"A line for every request. Default: no (dev: yes)."`
	CommitBatch          string `env:"SLIPROAD_COMMIT_BATCH" placeholder:"N" default:"512" help:"How many writes may share one commit; 1: a commit each."`
	SandboxHostile       string `env:"SLIPROAD_SANDBOX_HOSTILE" placeholder:"yes|no" help:"Have the sandbox send a fifth of its notifications twice and a tenth late, as bad gateways do; for tests. Default: no."`
	AllowPrivateWebhooks string `env:"SLIPROAD_ALLOW_PRIVATE_WEBHOOKS" placeholder:"yes|no" help:"Let webhook URLs resolve to private and loopback addresses. Default: no (dev: loopback only)."`
	retentionFlags       `embed:""`
}

// serveFlags are those of a production server besides.
type serveFlags struct {
	Addr            string `env:"SLIPROAD_ADDR" placeholder:"ADDR" default:"127.0.0.1:8080" help:"Address to listen on; port 0 picks one."`
	DatabaseURL     string `name:"database-url" env:"SLIPROAD_DATABASE_URL" placeholder:"URL" help:"sqlite:PATH, or postgres://USER:PASSWORD@HOST,HOST/DATABASE. Required."`
	MasterKey       string `env:"SLIPROAD_MASTER_KEY" placeholder:"KEY,…" help:"Master keys, base64 of 32 bytes each, the newest first. Required, unless in a file. Better by the environment than by the flag."`
	MasterKeyFile   string `env:"SLIPROAD_MASTER_KEY_FILE" placeholder:"FILE" help:"A file that holds the master keys."`
	ForgetMasterKey bool   `env:"SLIPROAD_FORGET_MASTER_KEY" help:"Start although the database's old master key is lost: what it sealed can't be read any more."`
	serverFlags     `embed:""`
}

// settings are the flags, understood.
type settings struct {
	addr           string
	database       string
	ring           *vault.Ring
	publicURL      string // without a trailing slash; empty: by the listener
	trusted        []netip.Prefix
	geoipFile      string
	keyRate        httpapi.Rate
	addressRate    httpapi.Rate
	gatewayTimeout time.Duration
	metricsAddr    string // empty: none
	logLevel       slog.Level
	logRequests    bool
	logText        bool
	commitBatch    int
	webhookPolicy  egress.Policy
	forgetKey      bool
	hostile        bool
	retention      app.Retention
}

// settingsError is everything that is wrong in the settings.
type settingsError []string

func (w settingsError) Error() string {
	return "sliproad: these settings are wrong:\n  - " + strings.Join(w, "\n  - ") + "\nSee: sliproad doctor, sliproad serve --help"
}

// understand reads what all servers share; dev has looser defaults.
func (f *serverFlags) understand(dev bool) (settings, settingsError) {
	s := settings{geoipFile: f.GeoIPFile, metricsAddr: "127.0.0.1:9464", logText: dev, logRequests: dev}
	var w settingsError
	keyRate, addressRate := 100, 10
	if dev {
		keyRate, addressRate, s.metricsAddr = 0, 0, "127.0.0.1:0"
	}
	s.publicURL = w.url("--public-url (SLIPROAD_PUBLIC_URL)", f.PublicURL)
	for part := range strings.FieldsFuncSeq(f.TrustedProxies, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := parsePrefix(part)
		if err != nil {
			w.add("--trusted-proxies (SLIPROAD_TRUSTED_PROXIES): %q is not an address or a CIDR range", part)
			continue
		}
		s.trusted = append(s.trusted, prefix)
	}
	s.keyRate = w.rate("rate", "RATE", f.RateLimit, f.RateBurst, keyRate)
	s.addressRate = w.rate("public-rate", "PUBLIC_RATE", f.PublicRateLimit, f.PublicRateBurst, addressRate)
	timeout, err := time.ParseDuration(f.GatewayTimeout)
	if err != nil || timeout < 100*time.Millisecond || timeout > 30*time.Second {
		w.add("--gateway-timeout (SLIPROAD_GATEWAY_TIMEOUT): %q is not a duration from 100ms to 30s", f.GatewayTimeout)
	}
	s.gatewayTimeout = timeout
	w.metrics(&s, f.MetricsAddr)
	if err := s.logLevel.UnmarshalText([]byte(f.LogLevel)); err != nil {
		w.add("--log-level (SLIPROAD_LOG_LEVEL): %q is not debug, info, warn or error", f.LogLevel)
	}
	w.yes("--log-requests (SLIPROAD_LOG_REQUESTS)", f.LogRequests, &s.logRequests)
	if dev {
		s.webhookPolicy = egress.AllowLoopback
	}
	w.yes("--sandbox-hostile (SLIPROAD_SANDBOX_HOSTILE)", f.SandboxHostile, &s.hostile)
	private := false
	w.yes("--allow-private-webhooks (SLIPROAD_ALLOW_PRIVATE_WEBHOOKS)", f.AllowPrivateWebhooks, &private)
	if private {
		s.webhookPolicy = egress.AllowPrivate
	}
	s.retention = f.retentionFlags.understand(&w)
	s.commitBatch = w.number("--commit-batch (SLIPROAD_COMMIT_BATCH)", f.CommitBatch, 1, 512)
	if f.GeoIPFile != "" {
		if _, err := os.Stat(f.GeoIPFile); err != nil {
			w.add("--geoip-file (SLIPROAD_GEOIP_FILE): %v", err)
		}
	}
	return s, w
}

// understand reads a production server's settings.
func (f *serveFlags) understand() (settings, settingsError) {
	s, w := f.serverFlags.understand(false)
	s.addr = w.listen("--addr (SLIPROAD_ADDR)", f.Addr)
	s.database, s.forgetKey = f.DatabaseURL, f.ForgetMasterKey
	if f.DatabaseURL == "" {
		w.add("--database-url (SLIPROAD_DATABASE_URL): is required, such as sqlite:/var/lib/sliproad/sliproad.db")
	} else if _, err := store.ParseURL(f.DatabaseURL); err != nil {
		w.add("--database-url (SLIPROAD_DATABASE_URL): %v", err)
	}
	keys := f.MasterKey
	if f.MasterKeyFile != "" {
		text, err := os.ReadFile(f.MasterKeyFile)
		switch {
		case err != nil:
			w.add("--master-key-file (SLIPROAD_MASTER_KEY_FILE): %v", err)
			return s, w
		case keys != "":
			w.add("SLIPROAD_MASTER_KEY and SLIPROAD_MASTER_KEY_FILE are both given; give one")
		}
		keys = string(text)
	}
	var err error
	if s.ring, err = vault.Parse(keys); err != nil {
		w.add("--master-key (SLIPROAD_MASTER_KEY): %v", err)
	}
	return s, w
}

func (w *settingsError) add(format string, args ...any) {
	*w = append(*w, fmt.Sprintf(format, args...))
}

// err is nil where nothing is wrong.
func (w settingsError) err() error {
	if len(w) == 0 {
		return nil
	}
	return w
}

func (w *settingsError) url(name, value string) string {
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		w.add("%s: %q is not an http or https URL of a host alone, such as https://pay.example.com", name, value)
	}
	return strings.TrimRight(value, "/")
}

func (w *settingsError) rate(flag, env, limit, burst string, otherwise int) httpapi.Rate {
	r := httpapi.Rate{PerSecond: otherwise}
	if limit != "" {
		r.PerSecond = w.number("--"+flag+"-limit (SLIPROAD_"+env+"_LIMIT)", limit, 0, 1_000_000)
	}
	r.Burst = 2 * r.PerSecond
	if burst != "" {
		r.Burst = w.number("--"+flag+"-burst (SLIPROAD_"+env+"_BURST)", burst, 1, 1_000_000)
	}
	return r
}

func (w *settingsError) number(name, value string, low, high int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		w.add("%s: %q is not a number from %d to %d", name, value, low, high)
	}
	return n
}

func (w *settingsError) yes(name, value string, to *bool) {
	switch strings.ToLower(value) {
	case "":
	case "yes", "true", "1", "on":
		*to = true
	case "no", "false", "0", "off":
		*to = false
	default:
		w.add("%s: %q is neither yes nor no", name, value)
	}
}

func (w *settingsError) listen(name, value string) string {
	if _, _, err := net.SplitHostPort(value); err != nil {
		w.add("%s: %q is not HOST:PORT, such as 127.0.0.1:8080", name, value)
	}
	return value
}

// metrics accepts a loopback address only: metrics and profiles tell of the inside.
func (w *settingsError) metrics(s *settings, value string) {
	const name = "--metrics-addr (SLIPROAD_METRICS_ADDR)"
	switch strings.ToLower(value) {
	case "":
		return
	case "off", "no":
		s.metricsAddr = ""
		return
	}
	s.metricsAddr = value
	host, _, err := net.SplitHostPort(value)
	addr, _ := netip.ParseAddr(host)
	if err != nil || (host != "localhost" && !addr.IsLoopback()) {
		w.add("%s: %q is not a loopback HOST:PORT, such as 127.0.0.1:9464", name, value)
	}
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
