package delivery_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestLifecycles takes an order through each of its lives, and wants each event once, whole and in order, at an endpoint
// whose secret is ours and at one that brought its own.
func TestLifecycles(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	for name, statuses := range map[string][]string{
		"paid and refunded":    {"pending", "processing", "completed", "refunded"},
		"paid at once":         {"completed"},
		"declined":             {"processing", "failed"},
		"cancelled":            {"cancelled"},
		"expired":              {"expired"},
		"failed and paid late": {"failed", "late_payment"},
		"cancelled, paid late": {"cancelled", "late_payment"},
		"expired, paid late":   {"expired", "late_payment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.Client(newProject(t, s, "test").SecretKey)
			ours := newReceiver(t, nil).subscribe(t, c, "*")
			own := newReceiver(t, nil).subscribeWith(t, c, api.CreateWebhookRequest{Events: []string{"*"}, Secret: "no-base64-of-their-own!"})
			made := newOrder(t, c)
			want := []string{"transaction.pending"}
			states := []*api.Order{must(c.GetOrder(t.Context(), made.ID))(t)}
			for _, status := range statuses {
				simulated := status
				if status == "late_payment" {
					simulated = "completed"
				}
				order := move(t, c, made.ID, simulated)
				if status == "pending" {
					continue // transaction.pending was told by the creation
				}
				want = append(want, "transaction."+status)
				states = append(states, order)
			}
			last := move(t, c, made.ID, "processing") // late: it changes nothing, and tells nothing
			if diff := cmp.Diff(states[len(states)-1], last); diff != "" {
				t.Errorf("a late notification has changed the order:\n%s", diff)
			}
			for _, r := range []*receiver{ours, own} {
				got := r.await(t, len(want))
				if len(got) != len(want) {
					t.Fatalf("got %v, want %v", r.types(), want)
				}
				for i, m := range got {
					wantOrderEvent(t, m, want[i], states[i])
				}
			}
			told := events(t, c, api.ListEventsParams{OrderID: made.ID})
			if len(told) != len(want) {
				t.Errorf("the log has %d events of the order, want %d", len(told), len(want))
			}
			for i, m := range ours.got()[:len(told)] {
				e := told[len(told)-1-i]
				if e.ID != m.payload.ID || string(e.Attributes.Payload) != string(m.body) {
					t.Errorf("the log has %s %s, what arrived is %s", e.ID, e.Attributes.Payload, m.body)
				}
			}
		})
	}
}

var milliseconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// wantOrderEvent holds the body to contract §4, member by member, for the order as it was read after the change.
func wantOrderEvent(t *testing.T, m message, kind string, o *api.Order) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(m.body, &got); err != nil {
		t.Fatal(err)
	}
	a := o.Attributes
	amount, completed := optional(a.CryptoAmount), optional(a.CompletedAt)
	if kind == "transaction.late_payment" {
		amount = "0.02475" // what came is told, though the order stays as it ended
	}
	data, _ := got["data"].(map[string]any)
	order, _ := data["order"].(map[string]any)
	for name, want := range map[string]any{"createdAt": a.CreatedAt, "completedAt": completed} {
		text, isText := order[name].(string)
		if isText != (want != nil) || isText && (!milliseconds.MatchString(text) || text[:19]+"Z" != want) {
			t.Errorf("%s: %s is %v, want %v in milliseconds", kind, name, order[name], want)
		}
	}
	if stamp, _ := got["timestamp"].(string); !milliseconds.MatchString(stamp) {
		t.Errorf("%s: timestamp is %v", kind, got["timestamp"])
	}
	want := map[string]any{
		"id": got["id"], "type": kind, "timestamp": got["timestamp"],
		"data": map[string]any{"order": map[string]any{
			"id": o.ID, "type": "buy", "status": a.Status, "source": map[string]any{"currency": "USD", "amount": "100.00"},
			"destination": map[string]any{
				"currency": "ETH", "amount": amount, "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "network": "ethereum",
			},
			"externalOrderId": optional(a.ExternalOrderID), "sessionId": a.SessionID, "customerId": a.CustomerID, "externalCustomerId": "payer-1",
			"metadata": map[string]any{
				"provider": "sandbox", "providerOrderId": optional(a.ExternalOrderID), "email": "payer@example.com",
				"partnerMetadata": map[string]any{"cart": "<4711> & é"},
			},
			"createdAt": order["createdAt"], "completedAt": order["completedAt"],
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (- want, + got):\n%s", kind, diff)
	}
}

func optional(text *string) any {
	if text == nil {
		return nil
	}
	return *text
}

// TestLatePayment: money for an order that has failed is told, once, and moves no status (contract §4).
func TestLatePayment(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "transaction.late_payment")
	order := newOrder(t, c)
	failed := move(t, c, order.ID, "failed")
	for range 2 {
		late := move(t, c, order.ID, "completed")
		a, b := failed.Attributes, late.Attributes
		a.UpdatedAt, b.UpdatedAt = "", ""
		if b.LatePayment == nil || b.LatePayment.CryptoAmount == nil || b.LatePayment.TransactionHash == nil {
			t.Errorf("the late payment is not recorded: %+v", b.LatePayment)
		}
		b.LatePayment = nil
		if diff := cmp.Diff(a, b); diff != "" || b.Status != "failed" {
			t.Errorf("the late payment has changed the order:\n%s", diff)
		}
	}
	session := must(c.GetSession(t.Context(), order.Attributes.SessionID))(t)
	if session.Attributes.Status != "cancelled" {
		t.Errorf("the session is %s, want cancelled", session.Attributes.Status)
	}
	if m := r.await(t, 1)[0]; m.payload.Data.Order == nil || m.payload.Data.Order.Status != "failed" {
		t.Errorf("got %s", m.body)
	}
	if told := events(t, c, api.ListEventsParams{Type: "transaction.late_payment"}); len(told) != 1 {
		t.Errorf("%d late payments were told, want 1", len(told))
	}
}

// TestSubscriptions: an endpoint gets what it names; "*" means the transaction.* ones, the older names go by name only.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	want := map[string][]string{}
	var receivers []*receiver
	for _, to := range []struct{ events, want []string }{
		{[]string{"*"}, []string{"transaction.completed", "transaction.pending", "transaction.processing"}},
		{[]string{"order.created", "order.completed"}, []string{"order.completed", "order.created"}},
		{[]string{"order.completed"}, []string{"order.completed"}},
		{[]string{"transaction.completed", "session.created"}, []string{"session.created", "transaction.completed"}},
		{[]string{"*", "order.created", "transaction.pending"}, []string{"order.created", "transaction.completed", "transaction.pending", "transaction.processing"}},
		{[]string{"session.confirmed", "transaction.refunded"}, nil},
	} {
		r := newReceiver(t, nil).subscribe(t, c, to.events...)
		receivers = append(receivers, r)
		want[r.ID] = to.want
	}
	order := newOrder(t, c)
	move(t, c, order.ID, "processing")
	move(t, c, order.ID, "completed")
	got := map[string][]string{}
	for _, e := range events(t, c, api.ListEventsParams{}) {
		for _, d := range deliveries(t, c, e.ID) {
			got[d.WebhookID] = append(got[d.WebhookID], d.EventType)
		}
	}
	for _, r := range receivers {
		slices.Sort(got[r.ID])
		if diff := cmp.Diff(want[r.ID], got[r.ID]); diff != "" {
			t.Errorf("deliveries (- want, + got):\n%s", diff)
		}
		r.await(t, len(want[r.ID]))
		if diff := cmp.Diff(want[r.ID], r.types()); diff != "" {
			t.Errorf("arrived (- want, + got):\n%s", diff)
		}
	}
}

// TestSessionEvents: those of a session go to endpoints that name them, about the session.
func TestSessionEvents(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "session.created", "session.confirmed", "session.cancelled", "session.expired")
	session := must(c.CreateSession(t.Context(), api.CreateSessionRequest{ExternalCustomerID: "payer-1"}))(t)
	must(s.Public().ConfirmSession(t.Context(), session.ID, api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret}))(t)
	must(c.CancelSession(t.Context(), session.ID))(t)
	short := must(c.CreateSession(t.Context(), api.CreateSessionRequest{ExternalCustomerID: "payer-1", ExpiresInSeconds: 1}))(t)
	got := map[string][]string{}
	for _, m := range r.await(t, 5) {
		if m.payload.Data.Session == nil || m.payload.Data.Order != nil {
			t.Fatalf("got %s", m.body)
		}
		id := m.payload.Data.Session.ID
		got[id] = append(got[id], m.payload.Type)
	}
	for id, want := range map[string][]string{
		session.ID: {"session.cancelled", "session.confirmed", "session.created"},
		short.ID:   {"session.created", "session.expired"},
	} {
		slices.Sort(got[id]) // in no promised order
		if diff := cmp.Diff(want, got[id]); diff != "" {
			t.Errorf("(- want, + got):\n%s", diff)
		}
	}
}

// TestForgedNotifications: what the gateway has not signed is 401 and changes nothing, and nothing is told of it (contract §5).
func TestForgedNotifications(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "*")
	order := newOrder(t, c)
	before := must(c.GetOrder(t.Context(), order.ID))(t)
	path := "/gateways/sandbox/webhook/" + s.ProjectID
	body, err := json.Marshal(map[string]string{
		"id": "n1", "orderId": order.ID, "externalOrderId": *order.Attributes.ExternalOrderID, "status": "completed", "cryptoAmount": "9", "createdAt": "2026-01-01T00:00:00.000Z",
	})
	if err != nil {
		t.Fatal(err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	signed := func(key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	for name, header := range map[string][]string{
		"no signature":                  nil,
		"an empty one":                  {"X-Sandbox-Signature", ""},
		"junk":                          {"X-Sandbox-Signature", "t=1,v1=00"},
		"by the empty key":              {"X-Sandbox-Signature", signed("")},
		"by the project's id":           {"X-Sandbox-Signature", signed(s.ProjectID)},
		"by the secret key":             {"X-Sandbox-Signature", signed(s.SecretKey)},
		"by the webhook's secret":       {"X-Sandbox-Signature", signed(r.Secret)},
		"our own webhook's signature":   {"X-Webhook-Signature", bareSignature(r.Secret, stamp, body), "X-Webhook-Timestamp", stamp},
		"a right key, but no signature": {"Authorization", "Bearer " + s.SecretKey},
	} {
		if !refused(t, c.Post(t, path, body, header...), 401, api.CodeInvalidSignature) {
			t.Logf("that was %s", name)
		}
	}
	if diff := cmp.Diff(before, must(c.GetOrder(t.Context(), order.ID))(t)); diff != "" {
		t.Errorf("a forged notification has changed the order:\n%s", diff)
	}
	if told := events(t, c, api.ListEventsParams{OrderID: order.ID}); len(told) != 1 {
		t.Errorf("%d events were told, want 1", len(told))
	}
	if after := move(t, c, order.ID, "completed"); after.Attributes.Status != "completed" {
		t.Errorf("after the forged ones, the true one has no effect: %s", after.Attributes.Status)
	}
	move(t, c, order.ID, "completed") // a repeated one
	r.await(t, 2)
	if diff := cmp.Diff([]string{"transaction.completed", "transaction.pending"}, r.types()); diff != "" {
		t.Errorf("arrived (- want, + got):\n%s", diff)
	}
}
