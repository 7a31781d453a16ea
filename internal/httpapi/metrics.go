package httpapi

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	durations *prometheus.HistogramVec
	panics    prometheus.Counter
}

func newMetrics(to prometheus.Registerer) *metrics {
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sliproad_http_request_duration_seconds", Help: "Time to answer a request, by operation and status class.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 10),
		}, []string{"op", "status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "sliproad_http_panics_total", Help: "Requests that ended in a panic."}),
	}
	to.MustRegister(m.durations, m.panics)
	return m
}

func (m *metrics) observe(op string, status int, took time.Duration) {
	m.durations.WithLabelValues(op, string('0'+rune(status/100))+"xx").Observe(took.Seconds())
}
