package durability_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestHostileGateway has a gateway that repeats a fifth of its notifications, and keeps a tenth back until others have
// overtaken them. Each order ends where it must, and each change is told once.
func TestHostileGateway(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t, sliproadtest.Env("SLIPROAD_SANDBOX_HOSTILE=yes"))
	orders := 120
	if testing.Short() {
		orders = 30
	}
	ends := []string{"completed", "failed", "cancelled", "expired"}
	sessions := map[string]string{"completed": "completed", "failed": "cancelled", "cancelled": "cancelled", "expired": "expired"}
	var all sync.WaitGroup
	for i := range orders {
		all.Go(func() {
			session := newSession(t, s)
			order := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(session), orderRequest(session)))
			end := ends[i%len(ends)]
			for _, status := range []string{"pending", "processing", end} {
				a := s.Secret().Post(t, "/v1/test_helpers/orders/"+order.ID+"/simulate", api.SimulateOrderRequest{Status: status})
				if a.Status != http.StatusOK {
					t.Errorf("simulate %s: %v", status, a)
				}
			}
			if !await(func() bool {
				return sliproadtest.Decode[api.Order](t, s.Secret().Get(t, "/v1/orders/"+order.ID)).Attributes.Status == end
			}) {
				t.Errorf("order %s did not become %s", order.ID, end)
			}
			wantStatus(t, s, session, sessions[end])
		})
	}
	all.Wait()
	s.Stop()
	db := inspect(t, s)
	wantSound(t, db)
	wantCount(t, db, orders, "select count(*) from orders")
	wantCount(t, db, orders, "select count(*) from events where type in ('transaction.completed', 'transaction.failed', 'transaction.cancelled', 'transaction.expired')")
	wantCount(t, db, 0, "select count(*) from (select order_id, type from events where order_id <> '' group by 1, 2 having count(*) > 1) twice")
}
