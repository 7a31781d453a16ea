package webhook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/webhook"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 1, 13, 0, 0, 987654321, time.FixedZone("", 3600)) // 12:00 UTC

func amount(t *testing.T, digits string) money.Amount {
	t.Helper()
	a, err := money.Parse(digits)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// orderOf is an order as it is when the event is told: with all that is known by then, and with nothing else.
func orderOf(t *testing.T, kind checkout.EventType) *checkout.Order {
	t.Helper()
	o := &checkout.Order{
		ID: "ord_1", ProjectID: "p", SessionID: "sess_1", Type: checkout.Buy, Gateway: "sandbox", FiatAmount: amount(t, "100.00"),
		FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", CustomerID: "c", CreatedAt: noon,
	}
	for _, row := range checkout.OrderStatusTable {
		if row.Event == kind {
			o.Status = row.Status
		}
	}
	switch kind {
	case checkout.EventPending:
		return o
	case checkout.EventCompleted:
		o.CompletedAt = noon.Add(90 * time.Second)
	case checkout.EventLatePayment:
		o.Status, o.LatePaymentAt = checkout.OrderExpired, noon
	case checkout.EventFailed:
		o.Type, o.FailureReason = checkout.Sell, "declined"
	default:
	}
	o.ExternalOrderID, o.ExternalCustomerID, o.Email = "sbx_1", "user-<1>", "payer@example.com"
	o.WalletAddress, o.CryptoAmount = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", amount(t, "0.052300000000000001")
	o.Metadata = []byte(`{"cart":"<4711>","n":90071992547409.93}`)
	return o
}

// TestPayloads holds the body of every event to its golden file; a change there is one that partners see.
func TestPayloads(t *testing.T) {
	t.Parallel()
	sessions := map[checkout.EventType]checkout.SessionStatus{
		checkout.EventSessionCreated: checkout.SessionPending, checkout.EventSessionConfirmed: checkout.SessionConfirmed,
		checkout.EventSessionCancelled: checkout.SessionCancelled, checkout.EventSessionExpired: checkout.SessionExpired,
	}
	orders := []checkout.EventType{checkout.EventLatePayment}
	for _, row := range checkout.OrderStatusTable {
		if row.Event != "" {
			orders = append(orders, row.Event)
		}
	}
	for _, kind := range orders {
		o := orderOf(t, kind)
		e, err := webhook.OrderEvent("evt_1", kind, o, noon.Add(time.Minute))
		golden(t, kind, e, err)
		if e.OrderID != o.ID || e.SessionID != o.SessionID {
			t.Errorf("%s: %+v", kind, e)
		}
	}
	for kind, status := range sessions {
		s := &checkout.Session{
			ID: "sess_1", ProjectID: "p", CustomerID: "c", Type: checkout.Onramp, Status: status, CreatedAt: noon, ExpiresAt: noon.Add(30 * time.Minute),
		}
		if status != checkout.SessionPending {
			s.ExternalCustomerID = "user-1"
		}
		e, err := webhook.SessionEvent("evt_1", kind, s, noon.Add(time.Minute))
		golden(t, kind, e, err)
	}
	if len(orders) != 8 || len(sessions) != 4 {
		t.Errorf("%d events of orders, %d of sessions", len(orders), len(sessions))
	}
}

func golden(t *testing.T, kind checkout.EventType, e checkout.Event, err error) {
	t.Helper()
	if err != nil || e.ID != "evt_1" || e.Type != kind || e.ProjectID != "p" || !e.CreatedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("%s: %+v, %v", kind, e, err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.Body, "", "  "); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", string(kind)+".json")
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if diff := cmp.Diff(string(want), pretty.String()); err != nil || diff != "" {
		t.Errorf("%s: %v; the golden file (-) and the payload (+), which -update writes:\n%s", kind, err, diff)
	}
}
