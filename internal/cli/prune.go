package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

const day = 24 * time.Hour

// maxRetentionDays keeps a retention within what a duration can hold.
const maxRetentionDays = 36500

// retentionFlags say how long a server keeps what has ended.
type retentionFlags struct {
	Retention      string `env:"SLIPROAD_RETENTION" placeholder:"DAYS" help:"How long sessions and orders are kept after their end, such as 400d; at least 30d. Default: for ever."`
	EventRetention string `env:"SLIPROAD_EVENT_RETENTION" placeholder:"DAYS" help:"How long events and their deliveries are kept; at least 30d, at most as long as sessions. Default: as sessions."`
}

func (f retentionFlags) understand(w *settingsError) app.Retention {
	return w.retention("--retention (SLIPROAD_RETENTION)", f.Retention, "--event-retention (SLIPROAD_EVENT_RETENTION)", f.EventRetention)
}

// retention reads the two settings, which the two names call.
func (w *settingsError) retention(sessionsName, sessions, eventsName, events string) app.Retention {
	r := app.Retention{Sessions: w.days(sessionsName, sessions), Events: w.days(eventsName, events)}
	if r.Sessions > 0 && r.Events > r.Sessions {
		w.add("%s: %q is longer than sessions are kept, %s; events don't outlive them", eventsName, events, sessions)
	}
	return r
}

// days reads a number of days, such as 400d; none, or 0, is zero: for ever.
func (w *settingsError) days(name, value string) time.Duration {
	if value == "" || value == "0" {
		return 0
	}
	number, isDays := strings.CutSuffix(value, "d")
	n, err := strconv.Atoi(number)
	if least := int(app.MinRetention / day); !isDays || err != nil || n < least || n > maxRetentionDays {
		w.add("%s: %q is not a number of days from %dd to %dd, such as 400d; 0 keeps everything", name, value, least, maxRetentionDays)
		return 0
	}
	return time.Duration(n) * day
}

func shownRetention(r app.Retention) string {
	if r.Events == 0 {
		r.Events = r.Sessions
	}
	shown := func(d time.Duration) string {
		if d == 0 {
			return "for ever"
		}
		return strconv.Itoa(int(d/day)) + " days"
	}
	return "sessions and orders " + shown(r.Sessions) + ", events " + shown(r.Events)
}

type pruneCommand struct {
	OlderThan       string `env:"SLIPROAD_RETENTION" placeholder:"DAYS" help:"Remove sessions and orders that ended longer ago, such as 400d; at least 30d."`
	EventsOlderThan string `env:"SLIPROAD_EVENT_RETENTION" placeholder:"DAYS" help:"Remove events that are older; at most as long as sessions. Default: as sessions."`
	DryRun          bool   `help:"Count what would be removed, and remove nothing."`
	databaseFlags   `embed:""`
}

func (c *pruneCommand) Run(ctx context.Context, s streams) error {
	var wrong settingsError
	in := app.PruneInput{DryRun: c.DryRun, Rest: 1}
	in.Retention = wrong.retention("--older-than (SLIPROAD_RETENTION)", c.OlderThan, "--events-older-than (SLIPROAD_EVENT_RETENTION)", c.EventsOlderThan)
	if len(wrong) == 0 && in.Retention == (app.Retention{}) {
		wrong.add("--older-than (SLIPROAD_RETENTION): is required, such as 400d")
	}
	if err := wrong.err(); err != nil {
		return err
	}
	return c.withDatabase(ctx, func(a *app.App) error { return c.prune(ctx, s, a, in) })
}

func (c *pruneCommand) prune(ctx context.Context, s streams, a *app.App, in app.PruneInput) error {
	if _, err := fmt.Fprintf(s.out, "kept: %s\n", shownRetention(in.Retention)); err != nil {
		return err
	}
	began, bar := time.Now(), newMeter(s.err, func(n int64) string { return fmt.Sprintf("%d rows", n) })
	if bar.terminal && !in.DryRun { // to count first costs half as much again
		count := in
		count.DryRun = true
		all, err := a.Prune(ctx, count)
		if err != nil {
			return err
		}
		in.Progress = func(sum app.Pruned) {
			bar.show("removing", fmt.Sprintf("%d sessions, %d orders, %d events", sum.Sessions, sum.Orders, sum.Events), sum.Rows(), all.Rows())
		}
	}
	sum, err := pruneAll(ctx, a, in)
	bar.clear()
	said := "removed"
	if in.DryRun {
		said = "would remove"
	}
	_, _ = fmt.Fprintf(s.out, "%s: %d sessions, %d orders, %d events, %d deliveries", said, sum.Sessions, sum.Orders, sum.Events, sum.Deliveries)
	if !in.DryRun {
		_, _ = fmt.Fprintf(s.out, ", %d gateway notifications (and the bodies of %d more)", sum.Notifications, sum.Bodies)
	}
	_, _ = fmt.Fprintf(s.out, ", in %v\n", time.Since(began).Round(time.Millisecond))
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the end; run it again to go on")
	}
	return err
}

// pruneTries is how often a run goes on after the database did not answer in time, as beside a busy server, before any
// progress.
const pruneTries = 5

// pruneAll runs until all is done; a database that is busy is asked again.
func pruneAll(ctx context.Context, a *app.App, in app.PruneInput) (total app.Pruned, err error) {
	show := in.Progress
	for try := 0; ; try++ {
		before := total
		in.Progress = func(sum app.Pruned) {
			try, total = 0, before.Plus(sum)
			if show != nil {
				show(total)
			}
		}
		_, err = a.Prune(ctx, in)
		if checkout.CodeOf(err) != checkout.CodeDatabaseUnavailable || try >= pruneTries || in.DryRun {
			return total, err
		}
		select {
		case <-ctx.Done():
			return total, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
