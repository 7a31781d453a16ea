package worker

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

type deliveryMetrics struct {
	attempts  *prometheus.CounterVec
	finished  *prometheus.CounterVec
	durations prometheus.Histogram
	lag       prometheus.Gauge
	open      prometheus.Gauge
}

func newDeliveryMetrics(to prometheus.Registerer) *deliveryMetrics {
	m := &deliveryMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sliproad_webhook_attempts_total", Help: "Attempts to deliver an event, by what the endpoint answered (none: no answer).",
		}, []string{"status"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sliproad_webhook_deliveries_total", Help: "Deliveries that ended, by result.",
		}, []string{"result"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sliproad_webhook_attempt_duration_seconds", Help: "Time an endpoint took to answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 3, 10),
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sliproad_webhook_lag_seconds", Help: "How long the oldest due delivery has been due, endpoints with an open circuit left out.",
		}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sliproad_webhook_circuits_open", Help: "Endpoints that this node does not call for now, because they keep failing.",
		}),
	}
	to.MustRegister(m.attempts, m.finished, m.durations, m.lag, m.open)
	return m
}

func (m *deliveryMetrics) attempt(a checkout.Attempt, d *checkout.Delivery) {
	status := "none"
	if a.StatusCode > 0 {
		status = strconv.Itoa(a.StatusCode/100) + "xx"
	}
	m.attempts.WithLabelValues(status).Inc()
	m.durations.Observe(a.Took.Seconds())
	if d.Status != checkout.DeliveryPending {
		m.finished.WithLabelValues(string(d.Status)).Inc()
	}
}

type pruneMetrics struct{ rows *prometheus.CounterVec }

func newPruneMetrics(to prometheus.Registerer) *pruneMetrics {
	m := &pruneMetrics{rows: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sliproad_pruned_rows_total", Help: "Rows that were removed because they ended longer ago than the retention, by table.",
	}, []string{"table"})}
	to.MustRegister(m.rows)
	return m
}

// moved counts what was removed between the two sums.
func (m *pruneMetrics) moved(from, to app.Pruned) {
	for table, n := range map[string]int64{
		"sessions": to.Sessions - from.Sessions, "orders": to.Orders - from.Orders, "events": to.Events - from.Events,
		"deliveries": to.Deliveries - from.Deliveries, "notifications": to.Notifications - from.Notifications,
	} {
		m.rows.WithLabelValues(table).Add(float64(n))
	}
}
