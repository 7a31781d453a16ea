package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eventOf reads an event's payload: its order, or its session.
func (s *devServer) eventOf(t *testing.T, id string) (kind string, about map[string]any) {
	t.Helper()
	attributes, _ := s.call(t, http.MethodGet, "/v1/events/"+id, "")["attributes"].(map[string]any)
	kind, _ = attributes["type"].(string)
	payload, _ := attributes["payload"].(map[string]any)
	data, _ := payload["data"].(map[string]any)
	for _, of := range []string{"order", "session"} {
		if v, ok := data[of].(map[string]any); ok {
			about = v
		}
	}
	return kind, about
}

func TestTriggerEveryEvent(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	r := receive(t, nil)
	s.call(t, http.MethodPost, "/v1/webhooks", `{"url": "`+r.url+`", "events": ["order.created", "order.completed"]}`)
	for event, status := range map[string]string{
		"transaction.pending": "created", "transaction.processing": "processing", "transaction.completed": "completed",
		"transaction.failed": "failed", "transaction.cancelled": "cancelled", "transaction.expired": "expired",
		"transaction.refunded": "refunded", "transaction.late_payment": "failed", "order.created": "created",
		"order.completed": "completed", "session.created": "pending", "session.confirmed": "confirmed",
		"session.cancelled": "cancelled", "session.expired": "expired",
	} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			made := s.trigger(t, event)
			kind, about := s.eventOf(t, made.EventID)
			want := made.SessionID
			if !strings.HasPrefix(event, "session.") {
				want = made.OrderID
			}
			if kind != event || made.Event != event || about["id"] != want || about["status"] != status || made.OrderStatus+made.SessionStatus != status {
				t.Errorf("%+v\nis of type %s and tells of %v", made, kind, about)
			}
		})
	}
}

func TestTriggerWithOnesOwnValues(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	made := s.trigger(t, "transaction.completed", "--amount", "12.50", "--currency", "eur", "--crypto", "BTC", "--customer", "user-7",
		"--email", "a@example.com", "--metadata", `{"cart": {"id": 9007199254740993}}`)
	_, order := s.eventOf(t, made.EventID)
	metadata, _ := order["metadata"].(map[string]any)
	got := map[string]any{
		"source": order["source"], "type": order["type"], "customer": order["externalCustomerId"], "email": metadata["email"],
	}
	if destination, ok := order["destination"].(map[string]any); ok {
		got["network"], got["currency"] = destination["network"], destination["currency"]
	}
	want := map[string]any{
		"source": map[string]any{"currency": "EUR", "amount": "12.50"}, "type": "buy", "customer": "user-7", "email": "a@example.com",
		"network": "bitcoin", "currency": "BTC",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	partner, err := json.Marshal(metadata["partnerMetadata"])
	if err != nil || !strings.Contains(string(partner), `"cart"`) {
		t.Errorf("partnerMetadata is %s", partner)
	}
	sold := s.trigger(t, "transaction.failed", "--type", "offramp", "--crypto", "XRP")
	if _, order := s.eventOf(t, sold.EventID); order["type"] != "sell" {
		t.Errorf("an offramp's order is %v", order)
	}
}

func TestTriggerGoesOn(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	session := s.trigger(t, "session.created", "--amount", "55", "--crypto", "USDC", "--network", "polygon")
	ofSession := []string{"--session", session.SessionID, "--client-secret", session.ClientSecret}
	confirmed := s.trigger(t, "session.confirmed", ofSession...)
	if confirmed.SessionID != session.SessionID {
		t.Errorf("another session was confirmed: %+v", confirmed)
	}
	order := s.trigger(t, "transaction.processing", ofSession...)
	if order.SessionID != session.SessionID {
		t.Errorf("the order is of another session: %+v", order)
	}
	if _, about := s.eventOf(t, order.EventID); !cmp.Equal(about["source"], any(map[string]any{"currency": "USD", "amount": "55"})) {
		t.Errorf("the order has not the session's values: %v", about)
	}
	for _, event := range []string{"transaction.pending", "transaction.failed", "transaction.late_payment", "transaction.refunded"} {
		made := s.trigger(t, event, "--order", order.OrderID)
		if kind, about := s.eventOf(t, made.EventID); kind != event || about["id"] != order.OrderID {
			t.Errorf("%s gave a %s of %v", event, kind, about["id"])
		}
	}
	args := []string{"--order", order.OrderID, "--url", s.URL, "--data", s.data}
	_, errOut, code := tool(t, append([]string{"trigger", "transaction.completed"}, args...)...)
	if code != 1 || !strings.Contains(errOut, "is refunded and can't become completed") {
		t.Errorf("backwards: exit code %d\n%s", code, errOut)
	}
	out, errOut, code := tool(t, append([]string{"trigger", "order.created"}, args...)...)
	if code != 0 || !strings.Contains(out, "no webhook endpoint subscribes to order.created") || !strings.Contains(out, "transaction.pending\n") {
		t.Errorf("an older name without a subscriber: exit code %d\n%s%s", code, out, errOut)
	}
	out, errOut, code = tool(t, "trigger", "transaction.completed", "--url", s.URL, "--data", s.data)
	for _, step := range []string{"session created ", "order created ", "gateway reported ", "event "} {
		if code != 0 || strings.Count(out, step) != 1 {
			t.Errorf("exit code %d, want one step %q in:\n%s%s", code, step, out, errOut)
		}
	}
	_, errOut, code = tool(t, "trigger", "transaction.completed", "--url", s.URL, "--data", s.data, "--amount", "99999")
	if code != 1 || !strings.Contains(errOut, "INVALID_AMOUNT") {
		t.Errorf("too much: exit code %d\n%s", code, errOut)
	}
}
