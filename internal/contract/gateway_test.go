package contract_test

import (
	"strings"
	"testing"
)

// TestSimulate: §5 the simulate helper.
func TestSimulate(t *testing.T) {
	t.Parallel()
	_, order := dev.ordered(t, nil)
	path := "/v1/test_helpers/orders/" + order + "/simulate"
	t.Run("§5 simulate answers with the order resource", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		a := dev.simulate(t, order, "processing")
		same(t, a.ok(t, 200), obj{"orderId": order, "status": "processing"})
		same(t, a.body, obj{"type": "order", "id": order})
	})
	runChecks(t, []check{
		{"§5 simulate: unknown status", func(t *testing.T) answer { return dev.simulate(t, order, "paid") }, 400, "VALIDATION_ERROR", "status"},
		{"§5 simulate: status in other letter case", func(t *testing.T) answer { return dev.simulate(t, order, "Completed") }, 400, "VALIDATION_ERROR", "status"},
		{"§5 simulate: no status", func(t *testing.T) answer { return dev.post(t, path, dev.SK, obj{}) }, 400, "VALIDATION_ERROR", "status"},
		{"§5 simulate: status is a string", func(t *testing.T) answer { return dev.simulate(t, order, 5) }, 400, "VALIDATION_ERROR", "status"},
		{"§5 simulate: with pk_", func(t *testing.T) answer {
			return dev.post(t, path, dev.PK, obj{"status": "completed"})
		}, 403, "FORBIDDEN", ""},
	})
}

// TestForgedNotifications: §5 bad signature: 401, nothing changed.
func TestForgedNotifications(t *testing.T) {
	t.Parallel()
	s, order := dev.ordered(t, nil)
	before := dev.readOrder(t, order)
	external := before["externalOrderId"]
	claim := obj{"orderId": order, "externalOrderId": external, "id": external, "status": "completed", "type": "order.completed"}
	route := "/gateways/sandbox/webhook/" + dev.ID
	for _, c := range []struct {
		name   string
		body   any
		header []string
	}{
		{"no signature", claim, nil},
		{"a made-up signature", claim, []string{"X-Signature", "00", "X-Webhook-Signature", "00", "X-Sandbox-Signature", "t=1,v1=00"}},
		{"a secret key is no signature", claim, []string{"Authorization", "Bearer " + dev.SK}},
		{"an empty body", "", nil},
		{"not JSON", "status=completed", []string{"Content-Type", "application/x-www-form-urlencoded"}},
	} {
		t.Run("§5 forged notification: 401: "+c.name, func(t *testing.T) {
			t.Parallel()
			a := dev.post(t, route, "", c.body, c.header...)
			if a.status != 401 {
				t.Errorf("got %d %s", a.status, a.code())
			}
			same(t, dev.readOrder(t, order), before)
			same(t, s.read(t), obj{"status": "processing"})
		})
	}
	t.Run("§5 a notification for an unknown project changes nothing", func(t *testing.T) {
		t.Parallel()
		a := dev.post(t, "/gateways/sandbox/webhook/"+unknownUUID, "", claim)
		if a.status != 401 && a.status != 404 {
			t.Errorf("got %d %s", a.status, a.code())
		}
		same(t, dev.readOrder(t, order), before)
	})
	t.Run("§5 a notification for an unknown gateway: 404", func(t *testing.T) {
		t.Parallel()
		dev.post(t, "/gateways/nope/webhook/"+dev.ID, "", claim).bad(t, 404, "NOT_FOUND", "")
	})
	t.Run("§5 after a forged notification the true route still moves the order", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		dev.post(t, route, "", merge(claim, obj{"orderId": order}))
		same(t, dev.simulated(t, order, "completed"), obj{"status": "completed"})
	})
}

// TestOrderOfChecks: §1 401 key → 429 → 403 kind of key → 400 malformed body
// → 404 resource → 403 clientSecret → 409 state → 400 values → gateway.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	const broken = `{"a"`
	ghost := session{project: dev, id: "sess_none", secret: "sess_secret_none"}
	s := dev.session(t, full(nil))
	gone := cancelled(t)
	runChecks(t, []check{
		{"401 key before 415", func(t *testing.T) answer {
			return dev.post(t, "/v1/sessions", unknownKey, broken, "Content-Type", "text/plain")
		}, 401, "INVALID_API_KEY", ""},
		{"401 key before 413", func(t *testing.T) answer { return dev.post(t, "/v1/sessions", unknownKey, padded(70000)) }, 401, "INVALID_API_KEY", ""},
		{"401 key before 400 malformed body", func(t *testing.T) answer { return dev.post(t, "/v1/sessions", unknownKey, broken) }, 401, "INVALID_API_KEY", ""},
		{"401 no key before 404 resource", func(t *testing.T) answer { return dev.get(t, ghost.path(""), "") }, 401, "MISSING_API_KEY", ""},
		{"401 key before 400 filters", func(t *testing.T) answer { return dev.get(t, "/v1/sessions?page=0", unknownKey) }, 401, "INVALID_API_KEY", ""},
		{"401 key before 400 Idempotency-Key", func(t *testing.T) answer {
			return dev.post(t, "/v1/sessions", unknownKey, obj{}, "Idempotency-Key", strings.Repeat("k", 256))
		}, 401, "INVALID_API_KEY", ""},
		{"403 kind of key before 400 malformed body", func(t *testing.T) answer { return dev.post(t, "/v1/sessions", dev.PK, broken) }, 403, "FORBIDDEN", ""},
		{"403 kind of key before 415", func(t *testing.T) answer {
			return dev.post(t, "/v1/sessions", dev.PK, broken, "Content-Type", "text/plain")
		}, 403, "FORBIDDEN", ""},
		{"403 kind of key before 404 resource", func(t *testing.T) answer { return dev.post(t, ghost.path("cancel"), dev.PK, nil) }, 403, "FORBIDDEN", ""},
		{"403 kind of key before 400 filters", func(t *testing.T) answer { return dev.get(t, "/v1/sessions?page=0", dev.PK) }, 403, "FORBIDDEN", ""},
		{"400 malformed body before 404 resource", func(t *testing.T) answer { return dev.post(t, ghost.path("confirm"), dev.PK, broken) }, 400, "VALIDATION_ERROR", ""},
		{"400 required members before 404 resource", func(t *testing.T) answer { return dev.post(t, ghost.path("order"), dev.PK, obj{}) }, 400, "VALIDATION_ERROR", "clientSecret fiatAmount cryptoCurrency network"},
		{"400 member type before 404 resource", func(t *testing.T) answer { return ghost.confirm(t, obj{"network": 5}) }, 400, "VALIDATION_ERROR", "network"},
		{"400 static rules before 403 clientSecret", func(t *testing.T) answer { return s.order(t, obj{"clientSecret": "no", "fiatAmount": "-1"}) }, 400, "VALIDATION_ERROR", "fiatAmount"},
		{"400 unknown status before 404 order", func(t *testing.T) answer { return dev.simulate(t, "ord_none", "paid") }, 400, "VALIDATION_ERROR", "status"},
		{"404 resource before 403 clientSecret: confirm", func(t *testing.T) answer { return ghost.confirm(t, nil) }, 404, "NOT_FOUND", ""},
		{"404 resource before 403 clientSecret: order", func(t *testing.T) answer { return ghost.order(t, nil) }, 404, "NOT_FOUND", ""},
		{"404 resource before gateway", func(t *testing.T) answer { return ghost.order(t, obj{"gateway": "nope"}) }, 404, "NOT_FOUND", ""},
		{"403 clientSecret before 409 state: expired", func(t *testing.T) answer { return expired(t).confirm(t, obj{"clientSecret": "no"}) }, 403, "FORBIDDEN", ""},
		{"403 clientSecret before 409 state: cancelled", func(t *testing.T) answer { return gone.order(t, obj{"clientSecret": "no"}) }, 403, "FORBIDDEN", ""},
		{"403 clientSecret before 400 locks", func(t *testing.T) answer { return s.order(t, obj{"clientSecret": "no", "fiatAmount": "5"}) }, 403, "FORBIDDEN", ""},
		{"403 clientSecret before gateway", func(t *testing.T) answer { return s.order(t, obj{"clientSecret": "no", "gateway": "nope"}) }, 403, "FORBIDDEN", ""},
		{"409 state before 400 locks: expired", func(t *testing.T) answer { return expired(t).order(t, obj{"fiatAmount": "5"}) }, 409, "SESSION_EXPIRED", ""},
		{"409 state before 400 missing default: cancelled", func(t *testing.T) answer { return gone.order(t, obj{"fiatCurrency": drop}) }, 409, "SESSION_CANCELLED", ""},
		{"409 state before gateway", func(t *testing.T) answer { return gone.order(t, obj{"gateway": "nope"}) }, 409, "SESSION_CANCELLED", ""},
		{"400 locks before gateway", func(t *testing.T) answer { return s.order(t, obj{"fiatAmount": "60000"}) }, 400, "VALIDATION_ERROR", "fiatAmount"},
	})
}
