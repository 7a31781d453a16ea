package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
)

const (
	pruneLoop  = "prune"
	pruneEvery = time.Hour
	pruneRest  = 4 // a run takes a fifth of one writer's time, at most
)

// pruner removes what is older than the retention. It rests after each transaction, the longer the busier the database
// is, so that it delays nobody.
type pruner struct {
	app       *app.App
	retention app.Retention
	log       *slog.Logger
	m         *pruneMetrics
}

func newPruner(a *app.App, retention app.Retention, log *slog.Logger, metrics prometheus.Registerer) *pruner {
	return &pruner{app: a, retention: retention, log: log, m: newPruneMetrics(metrics)}
}

// step removes all that is old. A run that fails goes on where it stopped: what is gone is not looked at again.
func (p *pruner) step(ctx context.Context) (time.Duration, error) {
	var seen app.Pruned
	began := p.app.Now()
	_, err := p.app.Prune(ctx, app.PruneInput{Retention: p.retention, Rest: pruneRest, Progress: func(sum app.Pruned) {
		p.m.moved(seen, sum)
		seen = sum
	}})
	if seen.Rows() > 0 {
		p.log.Info("removed what is older than the retention", "sessions", seen.Sessions, "orders", seen.Orders, "events", seen.Events,
			"deliveries", seen.Deliveries, "notifications", seen.Notifications, "took", p.app.Now().Sub(began).Round(time.Millisecond))
	}
	return pruneEvery, err
}
