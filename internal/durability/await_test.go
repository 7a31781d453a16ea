package durability_test

import (
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

const awaitTick = 2 * time.Millisecond

// awaitMost is how long recovery may take. On SQLite the next start knows that the one before is gone; on PostgreSQL the
// leases of a node that died must end, and the longest is that of an Idempotency-Key.
func awaitMost() time.Duration {
	if sliproadtest.OnPostgres() {
		return 80 * time.Second
	}
	return 8 * time.Second
}

// await polls until the condition holds; it tells whether it came to hold.
func await(holds func() bool) bool {
	tick := time.NewTicker(awaitTick)
	defer tick.Stop()
	for deadline := time.Now().Add(awaitMost()); ; <-tick.C {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// wantStatus waits for the session to get the status.
func wantStatus(t *testing.T, s *sliproadtest.Server, session *api.Session, status string) {
	t.Helper()
	var last string
	if !await(func() bool {
		last = sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+session.ID)).Attributes.Status
		return last == status
	}) {
		t.Fatalf("session %s is still %s, want %s", session.ID, last, status)
	}
}

// awaitOrder waits for the session to tell its order, which must be the only one in the list.
func awaitOrder(t *testing.T, s *sliproadtest.Server, session *api.Session) string {
	t.Helper()
	var order *string
	if !await(func() bool {
		order = sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+session.ID)).Attributes.OrderID
		return order != nil
	}) {
		t.Fatalf("session %s has no order", session.ID)
	}
	list := sliproadtest.Decode[api.List[api.Order]](t, s.Secret().Get(t, "/v1/orders?sessionId="+session.ID))
	if len(list.Data) != 1 || list.Pagination.Total != 1 || list.Data[0].ID != *order {
		t.Fatalf("session %s has order %s; the list has %d, total %d", session.ID, *order, len(list.Data), list.Pagination.Total)
	}
	return *order
}

// postUntilDone sends the request with its key until it is no longer answered that the first one is still running.
func postUntilDone(t *testing.T, c *sliproadtest.Client, path string, body any, key string) (a sliproadtest.Answer) {
	t.Helper()
	if !await(func() bool {
		a = c.Post(t, path, body, "Idempotency-Key", key)
		return a.Code() != api.CodeIdempotencyInProgress
	}) {
		t.Errorf("POST %s with key %s is still running: %v", path, key, a)
	}
	return a
}
