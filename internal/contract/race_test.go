package contract_test

import (
	"strconv"
	"sync"
	"testing"
)

const racers = 48

// race runs do in all racers at the same moment.
func race(do func(i int) answer) []answer {
	answers := make([]answer, racers)
	var ready, done sync.WaitGroup
	gun := make(chan struct{})
	ready.Add(racers)
	for i := range racers {
		done.Go(func() {
			ready.Done()
			<-gun
			answers[i] = do(i)
		})
	}
	ready.Wait()
	close(gun)
	done.Wait()
	return answers
}

func TestRaces(t *testing.T) {
	t.Parallel()
	t.Run("§2.6 48 concurrent orders: one 201, 47 SESSION_ALREADY_USED", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, nil)
		body := s.orderBody(nil)
		won := 0
		for _, a := range race(func(int) answer { return dev.post(t, s.path("order"), dev.PK, body) }) {
			if a.status == 201 {
				won++
				continue
			}
			a.bad(t, 409, "SESSION_ALREADY_USED", "")
		}
		items, pagination := dev.list(t, "/v1/orders", "sessionId", s.id)
		if won != 1 || len(items) != 1 {
			t.Fatalf("%d orders were answered 201, the list has %v", won, pagination["total"])
		}
		same(t, s.read(t), obj{"status": "processing", "orderId": items[0]["id"]})
	})
	t.Run("§2.1 48 concurrent creations: one customer", func(t *testing.T) {
		t.Parallel()
		body := obj{"externalCustomerId": fresh("race")}
		customers, sessions := map[any]bool{}, map[any]bool{}
		for _, a := range race(func(int) answer { return dev.post(t, "/v1/sessions", dev.SK, body) }) {
			attrs := a.ok(t, 201)
			customers[attrs["customerId"]] = true
			sessions[attrs["sessionId"]] = true
		}
		if len(customers) != 1 || len(sessions) != racers {
			t.Errorf("%d customers, %d sessions", len(customers), len(sessions))
		}
	})
	t.Run("§1 48 concurrent requests with one Idempotency-Key: one session", func(t *testing.T) {
		t.Parallel()
		name, key := fresh("race"), fresh("key")
		body, made := obj{"externalCustomerId": name}, map[string]bool{}
		for _, a := range race(func(int) answer { return dev.post(t, "/v1/sessions", dev.SK, body, "Idempotency-Key", key) }) {
			if a.status == 409 {
				a.bad(t, 409, "IDEMPOTENCY_IN_PROGRESS", "")
				if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 0 {
					t.Errorf("§1 IDEMPOTENCY_IN_PROGRESS with Retry-After: %q", a.header.Get("Retry-After"))
				}
				continue
			}
			made[asSession(t, dev, a).secret] = true
		}
		_, pagination := dev.list(t, "/v1/sessions", "externalCustomerId", name)
		same(t, pagination, obj{"total": 1})
		if len(made) != 1 {
			t.Errorf("%d secrets were answered", len(made))
		}
	})
}

func TestStateRaces(t *testing.T) {
	t.Parallel()
	t.Run("§2.9 order against cancel: one wins", func(t *testing.T) {
		t.Parallel()
		var sessions []session
		for range racers / 2 {
			sessions = append(sessions, dev.session(t, nil))
		}
		answers := race(func(i int) answer {
			if s := sessions[i/2]; i%2 == 0 {
				return s.order(t, nil)
			}
			return sessions[i/2].cancel(t)
		})
		for i, s := range sessions {
			order, cancel := answers[2*i], answers[2*i+1]
			status := s.read(t)["status"]
			switch {
			case order.status == 201 && cancel.code() == "SESSION_ALREADY_USED" && status == "processing":
			case cancel.status == 200 && order.code() == "SESSION_CANCELLED" && status == "cancelled":
			default:
				t.Errorf("order %d %s, cancel %d %s, session %v", order.status, order.code(), cancel.status, cancel.code(), status)
			}
		}
	})
	t.Run("§3 48 concurrent notifications: one end", func(t *testing.T) {
		t.Parallel()
		s, order := dev.ordered(t, nil)
		ends := []string{"completed", "failed", "cancelled", "expired"}
		for _, a := range race(func(i int) answer { return dev.simulate(t, order, ends[i%len(ends)]) }) {
			a.ok(t, 200)
		}
		end := dev.readOrder(t, order)["status"]
		session := map[any]string{"completed": "completed", "failed": "cancelled", "cancelled": "cancelled", "expired": "expired"}[end]
		same(t, s.read(t), obj{"status": session})
	})
}
