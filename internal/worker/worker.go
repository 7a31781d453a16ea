// Package worker has the loops that run beside the API: expiry of sessions, recovery of orders whose node died, what
// gateways are asked again and again, and the removal of what is no longer needed.
//
// It decides nothing: each loop calls a use case of package app again and again. Invariant: every loop may run on any
// number of nodes, and may be killed at any moment.
package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/egress"
)

// lookEvery is how often a loop looks for what another node has left.
const lookEvery = time.Second

// gatewaysEvery is how often the loops look that ask gateways, each of which has pauses of its own.
const gatewaysEvery = 5 * time.Second

// Config is what the loops need.
type Config struct {
	App     *app.App
	Client  *egress.Client
	Log     *slog.Logger
	Metrics prometheus.Registerer

	Retention app.Retention // of what has ended; zero: it is kept
}

// Run runs all loops until the context ends.
func Run(ctx context.Context, c Config) {
	var loops sync.WaitGroup
	a := c.App
	deliver := newDeliverer(a, c.Client, c.Log.With("loop", "deliver webhooks"), c.Metrics)
	loops.Go(func() { deliver.run(ctx) })
	prune := newPruner(a, c.Retention, c.Log.With("loop", pruneLoop), c.Metrics)
	for name, step := range map[string]func(context.Context) (time.Duration, error){
		"expire sessions": func(ctx context.Context) (time.Duration, error) { return expire(ctx, a) },
		"recover orders": func(ctx context.Context) (time.Duration, error) {
			_, err := a.RecoverOrders(ctx)
			return lookEvery, err
		},
		"drop abandoned deliveries": func(ctx context.Context) (time.Duration, error) { return time.Minute, a.DropAbandoned(ctx) },
		pruneLoop:                   prune.step,
		"load catalogues": func(ctx context.Context) (time.Duration, error) {
			_, err := a.LoadCatalogues(ctx)
			return gatewaysEvery, err
		},
		"poll orders": func(ctx context.Context) (time.Duration, error) {
			_, err := a.PollOrders(ctx)
			return gatewaysEvery, err
		},
		"prune tokens": func(ctx context.Context) (time.Duration, error) { return time.Hour, a.PruneTokens(ctx) },
		"prune idempotency": func(ctx context.Context) (time.Duration, error) {
			n, err := a.PruneIdempotent(ctx)
			if n > 0 {
				return 0, err
			}
			return time.Minute, err
		},
	} {
		loops.Go(func() { loop(ctx, c.Log.With("loop", name), step) })
	}
	loops.Wait()
}

// loop repeats the step after the pause that it asks for, and after a second where it failed.
func loop(ctx context.Context, log *slog.Logger, step func(context.Context) (time.Duration, error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			log.Error("worker failed; it tries again", "error", err)
			pause = lookEvery
		}
		timer.Reset(pause)
	}
}

// expire sleeps until the next session is due, at most until it is time to look.
func expire(ctx context.Context, a *app.App) (time.Duration, error) {
	n, next, err := a.ExpireSessions(ctx)
	if err != nil || n > 0 || next.IsZero() {
		if n > 0 {
			return 0, err
		}
		return lookEvery, err
	}
	return min(lookEvery, max(0, next.Sub(a.Now()))), nil
}
