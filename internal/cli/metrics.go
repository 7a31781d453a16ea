package cli

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/store"
)

// gatewayMetrics counts the calls of gateways, and shows which circuits are open.
type gatewayMetrics struct {
	calls *prometheus.HistogramVec
	open  *prometheus.Desc
	log   *slog.Logger
	app   *app.App // set once there is one
}

func newGatewayMetrics(log *slog.Logger) *gatewayMetrics {
	return &gatewayMetrics{
		log: log,
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sliproad_gateway_call_duration_seconds", Help: "How long calls of gateways took, by what for (quote, offer, order) and how they ended (ok, refused, failed, slow).",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}, []string{"gateway", "call", "outcome"}),
		open: prometheus.NewDesc("sliproad_gateway_circuits_open", "Projects for which this server keeps away from the gateway for a while, because its calls failed or were slow.", []string{"gateway", "call"}, nil),
	}
}

// called counts a call. Why one failed that was to route or make an order stands in the log, as the order may well go elsewhere; of
// public quotes the API says so itself.
func (m *gatewayMetrics) called(c app.GatewayCall) {
	m.calls.WithLabelValues(c.Gateway, string(c.Kind), string(c.Outcome)).Observe(c.Took.Seconds())
	if c.Kind == app.CallQuote || c.Outcome == app.CallOK || c.Outcome == app.CallRefused {
		return
	}
	m.log.Warn("a gateway failed or was slow", "project", c.Project, "gateway", c.Gateway, "call", c.Kind, "outcome", c.Outcome, "took", c.Took.Round(time.Millisecond), "error", c.Err)
}

// Describe implements prometheus.Collector.
func (m *gatewayMetrics) Describe(to chan<- *prometheus.Desc) {
	m.calls.Describe(to)
	to <- m.open
}

// Collect implements prometheus.Collector.
func (m *gatewayMetrics) Collect(to chan<- prometheus.Metric) {
	m.calls.Collect(to)
	for gateway, kinds := range m.app.OpenCircuits() {
		for kind, n := range kinds {
			to <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(n), gateway, string(kind))
		}
	}
}

// databaseMetrics shows what the store counts.
type databaseMetrics struct {
	db   *store.DB
	rows []databaseMetric
}

type databaseMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(store.Stats) int64
}

func newDatabaseMetrics(db *store.DB) *databaseMetrics {
	counter := func(name, help string, of func(store.Stats) int64) databaseMetric {
		return databaseMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, of}
	}
	rows := []databaseMetric{
		counter("sliproad_database_commits_total", "Commits; the writes of many requests share one.", func(s store.Stats) int64 { return s.Commits }),
		counter("sliproad_database_committed_total", "Transactions of requests and workers that were in these commits.", func(s store.Stats) int64 { return s.Committed }),
	}
	if !db.Exclusive() {
		gauge := func(name, help string, of func(store.Stats) int64) databaseMetric {
			return databaseMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, of}
		}
		rows = append(rows,
			counter("sliproad_database_retries_total", "Runs of a transaction that were undone and repeated: conflicts, failovers, lost connections.", func(s store.Stats) int64 { return s.Retried }),
			counter("sliproad_database_lost_answers_total", "Commits whose answer was lost; what became of them was found out.", func(s store.Stats) int64 { return s.FoundOut }),
			counter("sliproad_database_unknown_commits_total", "Commits whose answer was lost, and of which it could not be found out in time what became of them.", func(s store.Stats) int64 { return s.Unknown }),
			gauge("sliproad_database_connections", "Connections to PostgreSQL.", func(s store.Stats) int64 { return s.Conns }),
			gauge("sliproad_database_connections_busy", "Connections to PostgreSQL that are at work.", func(s store.Stats) int64 { return s.BusyConns }),
		)
	}
	return &databaseMetrics{db, rows}
}

// Describe implements prometheus.Collector.
func (m *databaseMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, r := range m.rows {
		to <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (m *databaseMetrics) Collect(to chan<- prometheus.Metric) {
	stats := m.db.Stats()
	for _, r := range m.rows {
		to <- prometheus.MustNewConstMetric(r.desc, r.kind, float64(r.of(stats)))
	}
}
