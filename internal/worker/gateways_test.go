package worker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// remote is a gateway that loses its notifications: it has to be asked. It is its own provider.
type remote struct {
	*flaky
	mu     sync.Mutex
	polled int
	loaded int
}

func (r *remote) Describe() gateway.Description {
	return gateway.Description{ID: "remote", Modes: []checkout.Mode{checkout.ModeTest}, PollEvery: time.Minute}
}

func (r *remote) Open(gateway.Account) (gateway.Gateway, error) { return r, nil }

func (r *remote) Poll(_ context.Context, q gateway.Request) ([]gateway.Update, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.polled++
	if r.polled < 3 {
		return nil, nil
	}
	return []gateway.Update{{DedupKey: "paid", OrderID: q.Order.ID, Status: checkout.OrderCompleted}}, nil
}

func (r *remote) Load(context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded++
	return []byte("list"), nil
}

// TestGatewaysAreAsked: without a notification an order ends by what its gateway says when it is asked, and what the gateway
// publishes is loaded soon after the start, and then every six hours.
func TestGatewaysAreAsked(t *testing.T) {
	t.Parallel()
	var g *remote
	var o *checkout.Order
	var s *app.NewSession
	inBubble(t, func(t *testing.T, w *world) {
		t.Helper()
		g = &remote{flaky: w.gateway}
		config := w.app.Config
		config.Providers = append(config.Providers, g)
		w.app = app.New(config)
		project := w.call.Project.ID
		if _, err := w.app.SetGateway(t.Context(), project, "remote", app.GatewayChange{Default: true}); err != nil {
			t.Fatal(err)
		}
		w.call.Project.DefaultGateway = "remote"
		s = w.session(t, 3600)
		var err error
		if o, err = w.order(s, "payer@example.com"); err != nil || o.Gateway != "remote" {
			t.Fatalf("%+v, %v", o, err)
		}
	}, func(t *testing.T, w *world) {
		t.Helper()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		got, err := w.app.DB.Order(t.Context(), o.ProjectID, o.ID)
		if err != nil || got.Status != checkout.OrderCompleted || g.polled != 3 || w.recorded(t, s) != checkout.SessionCompleted {
			t.Errorf("%+v, asked %d times, %v", got, g.polled, err)
		}
		if g.loaded != 1 {
			t.Errorf("loaded %d times after the start", g.loaded)
		}
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		if g.loaded != 2 || g.polled != 3 {
			t.Errorf("after seven hours loaded %d times, asked %d times", g.loaded, g.polled)
		}
	})
}
