package checkout_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

//go:generate go test -run ^TestStatesDoc$ -update

var update = flag.Bool("update", false, "write the generated files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func orderStatuses() (all []checkout.OrderStatus) {
	for _, row := range checkout.OrderStatusTable {
		all = append(all, row.Status)
	}
	return all
}

// TestSessionTransitions compares the machine with the diagram of contract §2.9, for all pairs. The ways back from
// processing are those of a gateway that failed.
func TestSessionTransitions(t *testing.T) {
	t.Parallel()
	want := map[checkout.SessionStatus]string{
		checkout.SessionPending:    "confirmed processing cancelled expired",
		checkout.SessionConfirmed:  "confirmed processing cancelled expired",
		checkout.SessionProcessing: "pending confirmed completed cancelled expired",
	}
	for _, from := range checkout.SessionStatuses {
		var to []string
		for _, next := range checkout.SessionStatuses {
			if from.CanBecome(next) {
				to = append(to, string(next))
			}
		}
		if got := strings.Join(to, " "); got != want[from] {
			t.Errorf("%s → %q, want %q", from, got, want[from])
		}
		if open := from.Open(); open != from.CanBecome(checkout.SessionProcessing) {
			t.Errorf("%s: open %v", from, open)
		}
	}
}

// TestOrderTransitions: over all pairs, an order only moves forward, and to refunded only from where money had come.
func TestOrderTransitions(t *testing.T) {
	t.Parallel()
	want := map[checkout.OrderStatus]string{
		checkout.OrderCreated:    "pending processing completed failed cancelled expired refunded",
		checkout.OrderPending:    "processing completed failed cancelled expired refunded",
		checkout.OrderProcessing: "completed failed cancelled expired refunded",
		checkout.OrderCompleted:  "refunded",
		checkout.OrderFailed:     "refunded",
	}
	for _, from := range append(orderStatuses(), checkout.OrderCreating, "unknown", "") {
		var reached []string
		for _, to := range append(orderStatuses(), checkout.OrderCreating, "unknown", "") {
			o := &checkout.Order{Status: from}
			event, changed := o.Apply(checkout.OrderUpdate{Status: to}, noon)
			late := event == checkout.EventLatePayment
			if changed && !late {
				reached = append(reached, string(to))
				info, _ := to.Info()
				if o.Status != to || !o.UpdatedAt.Equal(noon) || event != info.Event {
					t.Errorf("%s → %s: order %+v, event %q", from, to, o, event)
				}
				if o.CompletedAt.IsZero() == (to == checkout.OrderCompleted) {
					t.Errorf("%s → %s: completed at %v", from, to, o.CompletedAt)
				}
			} else if o.Status != from {
				t.Errorf("%s → %s is refused, but the order is %s", from, to, o.Status)
			}
			if changed != late && from.CanBecome(to) != changed {
				t.Errorf("%s → %s: CanBecome says %v", from, to, from.CanBecome(to))
			}
			if again, more := o.Apply(checkout.OrderUpdate{Status: to}, noon.Add(1)); more {
				t.Errorf("%s → %s, repeated, changes it again, with event %q", from, to, again)
			}
		}
		if got := strings.Join(reached, " "); got != want[from] {
			t.Errorf("%s → %q, want %q", from, got, want[from])
		}
	}
}

// TestLatePayment: money for an order that had ended without is recorded and told, once, and can be given back; the
// session stays as it ended.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	for _, ended := range []checkout.OrderStatus{checkout.OrderFailed, checkout.OrderCancelled, checkout.OrderExpired} {
		o := &checkout.Order{Status: ended, UpdatedAt: noon}
		event, changed := o.Apply(checkout.OrderUpdate{Status: checkout.OrderCompleted}, noon.Add(time.Hour))
		if event != checkout.EventLatePayment || !changed || o.Status != ended || !o.LatePaymentAt.Equal(noon.Add(time.Hour)) || !o.CompletedAt.IsZero() {
			t.Errorf("%s: event %q, order %+v", ended, event, o)
		}
		for _, status := range []checkout.OrderStatus{checkout.OrderCompleted, checkout.OrderProcessing, ended} {
			if event, changed := o.Apply(checkout.OrderUpdate{Status: status}, noon.Add(2*time.Hour)); changed {
				t.Errorf("%s, then late money, then %s: %q", ended, status, event)
			}
		}
		if event, _ := o.Apply(checkout.OrderUpdate{Status: checkout.OrderRefunded}, noon.Add(3*time.Hour)); event != checkout.EventRefunded {
			t.Errorf("%s: late money can't be given back: %q", ended, event)
		}
	}
}

// TestFollow moves the session of each order; only one in processing follows, and a refund after completion leaves it.
func TestFollow(t *testing.T) {
	t.Parallel()
	want := map[checkout.OrderStatus]checkout.SessionStatus{
		checkout.OrderCompleted: checkout.SessionCompleted, checkout.OrderFailed: checkout.SessionCancelled,
		checkout.OrderCancelled: checkout.SessionCancelled, checkout.OrderExpired: checkout.SessionExpired,
		checkout.OrderRefunded: checkout.SessionCancelled,
	}
	for _, order := range append(orderStatuses(), checkout.OrderCreating) {
		for _, was := range checkout.SessionStatuses {
			s := &checkout.Session{Status: was}
			changed := s.Follow(order, noon)
			expect := was
			if to, moves := want[order]; moves && was == checkout.SessionProcessing {
				expect = to
			}
			if s.Status != expect || changed != (expect != was) {
				t.Errorf("session %s, order %s: %s, changed %v; want %s", was, order, s.Status, changed, expect)
			}
		}
	}
}

// TestUsable: what can be confirmed and ordered from, at each status and time.
func TestUsable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  checkout.SessionStatus
		order   checkout.OrderID
		expires time.Duration
		reads   checkout.SessionStatus
		code    checkout.Code
	}{
		{checkout.SessionPending, "", time.Microsecond, checkout.SessionPending, ""},
		{checkout.SessionConfirmed, "", time.Microsecond, checkout.SessionConfirmed, ""},
		{checkout.SessionPending, "", 0, checkout.SessionExpired, checkout.CodeSessionExpired},
		{checkout.SessionConfirmed, "", -time.Hour, checkout.SessionExpired, checkout.CodeSessionExpired},
		{checkout.SessionProcessing, "", -time.Hour, checkout.SessionProcessing, checkout.CodeSessionAlreadyUsed},
		{checkout.SessionCompleted, "ord", -time.Hour, checkout.SessionCompleted, checkout.CodeSessionAlreadyUsed},
		{checkout.SessionCancelled, "", time.Hour, checkout.SessionCancelled, checkout.CodeSessionCancelled},
		{checkout.SessionCancelled, "", -time.Hour, checkout.SessionCancelled, checkout.CodeSessionCancelled},
		{checkout.SessionCancelled, "ord", time.Hour, checkout.SessionCancelled, checkout.CodeSessionAlreadyUsed},
		{checkout.SessionExpired, "ord", time.Hour, checkout.SessionExpired, checkout.CodeSessionAlreadyUsed},
		{checkout.SessionExpired, "", time.Hour, checkout.SessionExpired, checkout.CodeSessionExpired},
	} {
		s := &checkout.Session{Status: c.status, OrderID: c.order, ExpiresAt: noon.Add(c.expires)}
		err := s.Usable(noon)
		if s.StatusAt(noon) != c.reads || (err == nil) != (c.code == "") || err != nil && checkout.CodeOf(err) != c.code {
			t.Errorf("%+v: reads %s, %v", c, s.StatusAt(noon), err)
		}
	}
}

// TestTake: an update without a value takes none away.
func TestTake(t *testing.T) {
	t.Parallel()
	crypto, err := money.Parse("0.05")
	if err != nil {
		t.Fatal(err)
	}
	o := &checkout.Order{Status: checkout.OrderCreated}
	full := checkout.OrderUpdate{Status: checkout.OrderProcessing, ExternalOrderID: "x", CryptoAmount: crypto, TransactionHash: "h", FailureReason: "r"}
	o.Apply(full, noon)
	o.Apply(checkout.OrderUpdate{Status: checkout.OrderCompleted}, noon)
	if o.ExternalOrderID != "x" || !o.CryptoAmount.Equal(crypto) || o.TransactionHash != "h" || o.FailureReason != "r" {
		t.Errorf("%+v", o)
	}
}

func statesDoc() string {
	var b strings.Builder
	b.WriteString(`# States

<!-- Generated from the transition tables of package checkout by make generate; do not edit. -->

## Sessions

` + "```mermaid\nstateDiagram-v2\n    [*] --> pending: create\n")
	final := map[checkout.SessionStatus]bool{}
	for _, s := range checkout.SessionStatuses {
		final[s] = true
	}
	for _, a := range checkout.SessionTransitions {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", a.From, a.To, a.On)
		final[a.From] = false
	}
	for _, s := range checkout.SessionStatuses {
		if final[s] {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	b.WriteString("```\n\n| From | To | On |\n|---|---|---|\n")
	for _, a := range checkout.SessionTransitions {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", a.From, a.To, a.On)
	}
	b.WriteString(`
A session past its time reads ` + "`expired`" + ` from that instant on, whatever has been recorded; once there is an order, its time no
longer counts. A way back from ` + "`processing`" + ` is taken when the gateway did not make a checkout: the session is not used up. A
refund after completion leaves the session ` + "`completed`" + `.

## Orders

Statuses only move forward: to a higher rank. A notification that is late, repeated or out of order changes nothing.

| Status | Rank | May become | The session becomes | Event |
|---|---|---|---|---|
`)
	orUnchanged := func(s string) string {
		if s == "" {
			return "–"
		}
		return "`" + s + "`"
	}
	for _, row := range checkout.OrderStatusTable {
		var next []string
		for _, to := range orderStatuses() {
			if row.Status.CanBecome(to) {
				next = append(next, "`"+string(to)+"`")
			}
		}
		if next == nil {
			next = []string{"–"}
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s | %s |\n", row.Status, row.Rank, strings.Join(next, ", "), orUnchanged(string(row.Session)), orUnchanged(string(row.Event)))
	}
	late := []string{}
	for _, row := range checkout.OrderStatusTable {
		o := &checkout.Order{Status: row.Status}
		if event, _ := o.Apply(checkout.OrderUpdate{Status: checkout.OrderCompleted}, noon); event == checkout.EventLatePayment {
			late = append(late, "`"+string(row.Status)+"`")
		}
	}
	b.WriteString("\nMoney that comes for an order already " + strings.Join(late, " or ") + " moves no status: its time is recorded, and\n`" +
		string(checkout.EventLatePayment) + "` tells of it, once. It may be refunded afterwards.\n")
	return b.String()
}

// TestStatesDoc holds docs/states.md to the tables, or writes it with -update.
func TestStatesDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/states.md"
	want := statesDoc()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("%s is not what the tables say; run: make generate (%v)", path, err)
	}
	for _, a := range checkout.SessionTransitions {
		if !slices.Contains(checkout.SessionStatuses, a.From) || !slices.Contains(checkout.SessionStatuses, a.To) || a.On == "" {
			t.Errorf("arrow %+v", a)
		}
	}
}
