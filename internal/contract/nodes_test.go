package contract_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// onNode is the project by way of one node alone.
func (s *server) onNode(i int, p project) project {
	p.Base = s.Node(i).URL
	return p
}

// TestRevocation: §1 a revoked key is refused, by every node, within a second, however busy it was until then.
func TestRevocation(t *testing.T) {
	t.Parallel()
	srv := launch(t)
	p := srv.newProject(t, "revoked", "test")
	for i := range srv.Nodes() {
		srv.onNode(i, p).get(t, "/v1/sessions", p.SK).ok(t, 200)
	}
	srv.keyCommand(t, p, "revoke")
	revoked := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for refused := map[int]bool{}; len(refused) < srv.Nodes(); <-tick.C {
		for i := range srv.Nodes() {
			asked := time.Since(revoked)
			a := srv.onNode(i, p).get(t, "/v1/sessions", p.SK)
			switch {
			case a.status == 401:
				a.bad(t, 401, "INVALID_API_KEY", "")
				refused[i] = true
			case refused[i]:
				t.Fatalf("node %d took the key again", i)
			case asked > time.Second:
				t.Fatalf("node %d takes the key %v after its revocation", i, asked)
			}
		}
	}
	srv.get(t, "/v1/sessions", p.PK).bad(t, 403, "FORBIDDEN", "") // the other key of the project stays
}

// TestRotation: §1 a key made by a rotation works at once, on every node; the old one ends with its grace.
func TestRotation(t *testing.T) {
	t.Parallel()
	srv := launch(t)
	p := srv.newProject(t, "rotated", "test")
	next := srv.keyCommand(t, p, "rotate", "--grace", "1s")
	rotated := time.Now()
	for i := range srv.Nodes() {
		srv.onNode(i, p).get(t, "/v1/sessions", next).ok(t, 200)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for refused := map[int]bool{}; len(refused) < srv.Nodes(); <-tick.C {
		for i := range srv.Nodes() {
			asked := time.Since(rotated)
			if a := srv.onNode(i, p).get(t, "/v1/sessions", p.SK); a.status == 401 {
				refused[i] = true
			} else if asked > 2*time.Second {
				t.Fatalf("node %d takes the key %v after its rotation, with a grace of a second", i, asked)
			}
		}
	}
}

// keyCommand does something to the project's secret key, and returns the key that it shows, if any.
func (s *server) keyCommand(t *testing.T, p project, verb string, args ...string) (shown string) {
	t.Helper()
	var keys []struct{ KeyID, Kind, Ends string }
	list := s.Command("key", "list", "--project", p.ID, "--json")
	if err := json.Unmarshal([]byte(list.Stdout), &keys); err != nil {
		t.Fatalf("key list: %v %+v", err, list)
	}
	for _, k := range keys {
		if k.Kind != "secret" || !strings.HasSuffix(p.SK, k.Ends) {
			continue
		}
		out := s.Command(append([]string{"key", verb, "--project", p.ID, k.KeyID, "--json"}, args...)...)
		var done struct{ Key string }
		if err := json.Unmarshal([]byte(out.Stdout), &done); err != nil || out.Code != 0 {
			t.Fatalf("key %s: %v %+v", verb, err, out)
		}
		return done.Key
	}
	t.Fatalf("the project has no such key: %+v", keys)
	return ""
}

// TestAcrossNodes: §1, §2 what one node has answered, every other knows at once.
func TestAcrossNodes(t *testing.T) {
	t.Parallel()
	srv := launch(t)
	for round := range 5 {
		for from := range srv.Nodes() {
			for to := range srv.Nodes() {
				here, there := srv.onNode(from, srv.project), srv.onNode(to, srv.project)
				key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
				first := here.create(t, body, "Idempotency-Key", key)
				s := asSession(t, here, first)
				replayed(t, first, there.create(t, body, "Idempotency-Key", key))
				twin := there.session(t, body)
				if twin.attrs["customerId"] != s.attrs["customerId"] {
					t.Errorf("round %d: customers %v and %v", round, s.attrs["customerId"], twin.attrs["customerId"])
				}
				s.project = there
				s.confirm(t, nil).ok(t, 200)
				s.project = here
				same(t, s.read(t), obj{"status": "confirmed"})
				order := text(s.order(t, nil).ok(t, 201)["orderId"])
				s.project = there
				s.order(t, nil).bad(t, 409, "SESSION_ALREADY_USED", "")
				there.simulated(t, order, "processing", "completed")
				same(t, here.readOrder(t, order), obj{"status": "completed"})
				if items, page := here.list(t, "/v1/orders", "sessionId", s.id); len(items) != 1 || page["total"] != json.Number("1") {
					t.Errorf("round %d: %v %v", round, items, page)
				}
			}
		}
	}
}
