package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

// pruned reads the metric of what was removed.
func (w *world) pruned(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "sliproad_pruned_rows_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			rows[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return rows
}

// ended leaves two sessions of a minute from before the workers begin: one that expired, one with an order that has not ended.
func ended(t *testing.T, w *world) (ordered *app.NewSession) {
	t.Helper()
	w.session(t, 60)
	ordered = w.session(t, 60)
	if _, err := w.order(ordered, "payer@example.com"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	if n, _, err := w.app.ExpireSessions(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d expired: %v", n, err)
	}
	return ordered
}

// TestRetention: what ended longer ago than the retention goes within the hour, and is counted; what did not end stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	var ordered *app.NewSession
	inBubble(t, func(t *testing.T, w *world) {
		t.Helper()
		w.retention.Sessions = 30 * 24 * time.Hour
		ordered = ended(t, w)
		time.Sleep(w.retention.Sessions - 30*time.Minute)
	}, func(t *testing.T, w *world) {
		t.Helper()
		time.Sleep(30 * time.Minute) // the first look was before the end of the retention
		synctest.Wait()
		if n := w.count(t, "sessions"); n != 2 {
			t.Errorf("at the end of the retention there are %d sessions", n)
		}
		time.Sleep(30*time.Minute + time.Second)
		synctest.Wait()
		sessions, orders, events := w.count(t, "sessions"), w.count(t, "orders"), w.count(t, "events")
		if sessions != 1 || orders != 1 || events != 0 {
			t.Errorf("an hour later: %d sessions, %d orders, %d events", sessions, orders, events)
		}
		if got := w.recorded(t, ordered); got != checkout.SessionProcessing {
			t.Errorf("the order that has not ended: its session is %s", got)
		}
		if rows := w.pruned(t); rows["sessions"] != 1 || rows["orders"] != 0 || rows["events"] != 4 {
			t.Errorf("the metric says %v", rows)
		}
	})
}

// TestNoRetention: unless told otherwise, everything is kept.
func TestNoRetention(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		t.Helper()
		ended(t, w)
		time.Sleep(4000 * 24 * time.Hour)
	}, func(t *testing.T, w *world) {
		t.Helper()
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if sessions, events := w.count(t, "sessions"), w.count(t, "events"); sessions != 2 || events != 4 {
			t.Errorf("%d sessions, %d events are left", sessions, events)
		}
	})
}
