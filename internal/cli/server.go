package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/banxa"
	"github.com/sliproad/sliproad/internal/gateway/coinbase"
	"github.com/sliproad/sliproad/internal/gateway/moonpay"
	"github.com/sliproad/sliproad/internal/gateway/ramp"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/gateway/stripe"
	"github.com/sliproad/sliproad/internal/gateway/transak"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/page"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/worker"
)

// providers are every gateway there is; a further one is one line here.
func providers(test *sandbox.Gateway) []gateway.Provider {
	client := &http.Client{} // each call has a deadline of its own
	return []gateway.Provider{
		test,
		moonpay.New(client),
		transak.New(client),
		banxa.New(client),
		coinbase.New(client),
		ramp.New(client),
		stripe.New(client),
	}
}

// knownGateway refuses what no project can have as its default gateway; empty and auto are choices too.
func knownGateway(id string) error {
	known := []string{"", "auto"}
	for _, g := range providers(sandbox.New("", nil)) {
		known = append(known, g.Describe().ID)
	}
	if !slices.Contains(known, id) {
		return fmt.Errorf("--default-gateway: there is no gateway %q; there are: %s", id, strings.Join(known[1:], ", "))
	}
	return nil
}

// server is a whole server, ready to run.
type server struct {
	settings settings
	log      *slog.Logger
	db       *store.DB
	app      *app.App
	api      *httpapi.Server
	egress   *egress.Client
	registry *prometheus.Registry
	listener net.Listener
	metrics  net.Listener // nil: none
	url      string
	close    []func() error
}

const drainTimeout = 30 * time.Second

func newLogger(s settings, to io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: s.logLevel}
	if s.logText {
		return slog.New(slog.NewTextHandler(to, opts))
	}
	return slog.New(slog.NewJSONHandler(to, opts))
}

// newServer opens the database, which it locks for itself, and the listeners. migrate brings the schema up to date
// first; otherwise a schema that this version doesn't know is an error that names the command to run.
func newServer(ctx context.Context, s settings, migrate bool, logTo io.Writer) (*server, error) {
	// The server's own heap is small: a collection when it has grown fourfold, rather than doubled, costs little memory
	// and saves a tenth of the CPU. GOGC overrides it.
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(400)
	}
	srv := &server{settings: s, log: newLogger(s, logTo), registry: prometheus.NewRegistry()}
	err := srv.open(ctx, migrate)
	if err != nil {
		return nil, errors.Join(err, srv.closeAll())
	}
	return srv, nil
}

func (srv *server) open(ctx context.Context, migrate bool) error {
	s := srv.settings
	path, err := store.ParseURL(s.database)
	if err != nil {
		return err
	}
	if path != "" { // PostgreSQL takes many servers
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		unlock, err := lockFile(path + ".lock")
		if err != nil {
			return err
		}
		srv.close = append(srv.close, unlock)
	}
	srv.db, err = store.Open(ctx, s.database, store.Options{MaxBatch: s.commitBatch})
	if err != nil {
		return err
	}
	srv.close = append(srv.close, srv.db.Close)
	if migrate {
		if _, err := srv.db.Migrate(ctx); err != nil {
			return err
		}
	}
	if err := srv.db.CheckSchema(ctx); err != nil {
		return err
	}
	countries, err := geoip.Open(s.geoipFile)
	if err != nil {
		return err
	}
	srv.close = append(srv.close, countries.Close)
	if srv.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr); err != nil {
		return err
	}
	srv.close = append(srv.close, closeListener(srv.listener))
	if s.metricsAddr != "" {
		if srv.metrics, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.metricsAddr); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		srv.close = append(srv.close, closeListener(srv.metrics))
	}
	srv.url = "http://" + reachable(srv.listener.Addr())
	public := s.publicURL
	if public == "" {
		public = srv.url
	}
	srv.egress = egress.New(s.webhookPolicy, checkout.DeliveryTimeout)
	test := sandbox.New(public, s.ring)
	calls := newGatewayMetrics(srv.log)
	srv.app = app.New(app.Config{
		DB: srv.db, Ring: s.ring, Countries: countries, Providers: providers(test), Sandbox: test, HostileSandbox: s.hostile, PublicURL: public, Egress: srv.egress,
		GatewayTimeout: s.gatewayTimeout, Step: crashStep, GatewayCalled: calls.called,
	})
	calls.app = srv.app
	if err := srv.app.CheckMasterKeys(ctx, s.forgetKey); err != nil {
		return err
	}
	srv.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newDatabaseMetrics(srv.db), calls)
	srv.api = httpapi.New(httpapi.Config{
		App: srv.app, Log: srv.log, LogRequests: s.logRequests, TrustedProxies: s.trusted, KeyRate: s.keyRate,
		AddressRate: s.addressRate, Metrics: srv.registry, Pages: page.New(srv.app, srv.log),
	})
	return nil
}

func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// reachable is an address that a client on this machine can use.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// run serves until the context ends, then finishes what it has accepted.
func (srv *server) run(ctx context.Context) error {
	httpServer := &http.Server{
		Handler: srv.api, ErrorLog: slog.NewLogLogger(srv.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	inside := &http.Server{Handler: srv.insideHandler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- httpServer.Serve(srv.listener) }()
	if srv.metrics != nil {
		go func() { failed <- inside.Serve(srv.metrics) }()
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	worked := make(chan struct{})
	go func() {
		worker.Run(work, worker.Config{App: srv.app, Client: srv.egress, Log: srv.log, Metrics: srv.registry, Retention: srv.settings.retention})
		close(worked)
	}()

	var err error
	select {
	case <-ctx.Done():
		srv.log.Info("stopping: finishing what was accepted", "atMost", drainTimeout)
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err = errors.Join(err, httpServer.Shutdown(drain), inside.Close())
	stopWork()
	<-worked
	return errors.Join(err, srv.closeAll())
}

// insideHandler has what only the operator may see.
func (srv *server) insideHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(srv.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (srv *server) closeAll() error {
	var errs []error
	for i := len(srv.close) - 1; i >= 0; i-- {
		errs = append(errs, srv.close[i]())
	}
	srv.close = nil
	return errors.Join(errs...)
}
