package contract_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestOrderMembers: §2.6.
func TestOrderMembers(t *testing.T) {
	t.Parallel()
	s := dev.session(t, nil)
	order := func(over obj) func(*testing.T) answer {
		return func(t *testing.T) answer { return s.order(t, over) }
	}
	checks := []check{
		{"§2.6 all required members at once", func(t *testing.T) answer {
			return s.post(t, s.path("order"), s.PK, obj{})
		}, 400, "VALIDATION_ERROR", "clientSecret fiatAmount cryptoCurrency network"},
		{"§2.6 a wrong clientSecret: 403", order(obj{"clientSecret": s.secret + "a"}), 403, "FORBIDDEN", ""},
		{"§2.6 fiatCurrency: neither here nor in the session: 400", order(obj{"fiatCurrency": drop}), 400, "VALIDATION_ERROR", "fiatCurrency"},
		{"§2.6 walletAddress: neither here nor in the session: 400", order(obj{"walletAddress": drop}), 400, "VALIDATION_ERROR", "walletAddress"},
		{"§2.6 both defaults missing: both named", order(obj{"fiatCurrency": drop, "walletAddress": nil}), 400, "VALIDATION_ERROR", "fiatCurrency walletAddress"},
		{"§2.6 fiatCurrency: an unreal code", order(obj{"fiatCurrency": "ZZZ"}), 400, "VALIDATION_ERROR|INVALID_CURRENCY", "fiatCurrency"},
		{"§2.6 cryptoCurrency: its form", order(obj{"cryptoCurrency": "E T H"}), 400, "VALIDATION_ERROR", "cryptoCurrency"},
		{"§2.6 network: its form", order(obj{"network": "ether_eum"}), 400, "VALIDATION_ERROR", "network"},
		{"§2.6 walletAddress: 256 characters", order(obj{"walletAddress": strings.Repeat("a", 256)}), 400, "VALIDATION_ERROR", "walletAddress"},
		{"§2.6 gateway: unknown: 400 INVALID_GATEWAY", order(obj{"gateway": "nope"}), 400, "INVALID_GATEWAY", ""},
		{"§5 sandbox is for test projects: a live one has none", func(t *testing.T) answer {
			return live.session(t, nil).order(t, obj{"gateway": "sandbox"})
		}, 400, "INVALID_GATEWAY", ""},
		{"§2.6 cryptoCurrency that the gateway cannot serve", order(obj{"cryptoCurrency": "NOSUCHCOIN"}), 400, "INVALID_CURRENCY", ""},
		{"§2.6 network that the gateway cannot serve", order(obj{"network": "made-up"}), 400, "INVALID_NETWORK", ""},
		{"§2.6 an asset not on that network", order(obj{"cryptoCurrency": "BTC", "network": "solana", "walletAddress": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"}), 400, "INVALID_NETWORK|INVALID_CURRENCY", ""},
		{"§5 sandbox: 50 000.01 is too much", order(obj{"fiatAmount": "50000.01"}), 400, "INVALID_AMOUNT", ""},
		{"§5 sandbox: 0.99 is too little", order(obj{"fiatAmount": "0.99"}), 400, "INVALID_AMOUNT", ""},
		{"§5 sandbox: an amount beyond any float", order(obj{"fiatAmount": "90071992547409.93"}), 400, "INVALID_AMOUNT", ""},
	}
	for _, m := range []string{"clientSecret", "fiatAmount", "cryptoCurrency", "network"} {
		checks = append(checks, check{"§2.6 required: " + m, order(obj{m: drop}), 400, "VALIDATION_ERROR", m})
	}
	for m, v := range (obj{"fiatAmount": obj{}, "fiatCurrency": 1, "cryptoCurrency": 1, "network": []any{}, "walletAddress": 1, "gateway": 1, "email": 1}) {
		checks = append(checks, check{"§2.6 a wrong member type: " + m, order(obj{m: v}), 400, "VALIDATION_ERROR", m})
	}
	for _, email := range []string{"", "nobody", "a@", "@b.example", "a b@c.example", "a@b@c.example", "Ann <ann@shop.example>"} {
		checks = append(checks, check{"§2.6 email is form-checked: " + email, order(obj{"email": email}), 400, "VALIDATION_ERROR", "email"})
	}
	runChecks(t, checks)
	t.Run("§2.6 a refused order does not consume the session", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, nil)
		for _, over := range []obj{{"fiatAmount": "50000.01"}, {"network": "made-up"}, {"gateway": "nope"}, {"walletAddress": drop}, {"clientSecret": "no"}} {
			if a := s.order(t, over); a.status != 400 && a.status != 403 {
				t.Errorf("%v: got %d", over, a.status)
			}
			same(t, s.read(t), obj{"status": "pending", "orderId": nil})
		}
		s.order(t, nil).ok(t, 201)
	})
}

// TestOrderAnswer: §2.6 Answer, and §3 the attributes of the order.
func TestOrderAnswer(t *testing.T) {
	t.Parallel()
	s := dev.session(t, full(obj{"metadata": obj{"cart": "7"}, "redirectUrl": "https://shop.example/"}))
	a := s.order(t, obj{"walletAddress": drop, "fiatCurrency": drop, "email": "ann@shop.example"})
	attrs := a.ok(t, 201)
	id, _ := attrs["orderId"].(string)
	checkout, _ := attrs["checkout"].(obj)
	t.Run("§2.6 the answer", func(t *testing.T) {
		t.Parallel()
		same(t, a.body, obj{"type": "order", "id": id})
		same(t, attrs, obj{"status": "created", "sessionId": s.id})
		same(t, checkout, obj{"method": "redirect", "expiresAt": 1800})
		if !regexp.MustCompile(`^ord_[A-Za-z0-9_-]{16,}$`).MatchString(id) {
			t.Errorf("orderId is %q", id)
		}
	})
	t.Run("§5 checkout.url is a real page", func(t *testing.T) {
		t.Parallel()
		page, _ := checkout["url"].(string)
		res, err := http.Get(page)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if ct := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(ct, "text/html") {
			t.Errorf("GET %s: %d %s", page, res.StatusCode, ct)
		}
	})
	t.Run("§3 attributes", func(t *testing.T) {
		t.Parallel()
		got := dev.readOrder(t, id)
		same(t, got, obj{
			"orderId": id, "sessionId": s.id, "projectId": dev.ID, "type": "buy", "status": "created", "gateway": "sandbox",
			"fiatAmount": "100", "fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum", "walletAddress": wallet,
			"email": "ann@shop.example", "customerId": s.attrs["customerId"], "externalCustomerId": s.attrs["externalCustomerId"],
			"transactionHash": nil, "failureReason": nil, "checkout": checkout, "metadata": obj{"partnerMetadata": obj{"cart": "7"}},
			"completedAt": nil,
		})
		for _, name := range []string{"externalOrderId", "cryptoAmount"} {
			if _, there := got[name]; !there {
				t.Errorf("no %s", name)
			}
		}
		for _, name := range []string{"createdAt", "updatedAt"} {
			if v, _ := got[name].(string); !wholeSecond.MatchString(v) {
				t.Errorf("%s is %q", name, v)
			}
		}
	})
}

// TestOrderAttributes: what an order took from its request and its session.
func TestOrderAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		over, order obj
		want        obj
	}{
		{"§2.6 with sk_, codes folded", nil, obj{"fiatCurrency": "eur", "cryptoCurrency": "btc", "network": "Bitcoin", "walletAddress": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}, obj{"fiatCurrency": "EUR", "cryptoCurrency": "BTC", "network": "bitcoin", "walletAddress": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}},
		{"§2.6 gateway: sandbox", nil, obj{"gateway": "sandbox"}, obj{"gateway": "sandbox"}},
		{"§2.6 gateway: auto", nil, obj{"gateway": "auto"}, obj{"gateway": "sandbox"}},
		{"§2.6 gateway: null is the project's default", nil, obj{"gateway": nil, "email": nil}, obj{"gateway": "sandbox", "email": nil}},
		{"§3 type: sell for an offramp", obj{"type": "offramp"}, nil, obj{"type": "sell"}},
		{"§5 sandbox: 50 000 is allowed", nil, obj{"fiatAmount": "50000"}, obj{"fiatAmount": "50000"}},
		{"§5 sandbox: 50 000.00 is allowed", nil, obj{"fiatAmount": "50000.00"}, obj{"fiatAmount": "50000.00"}},
		{"§5 sandbox: 1 is allowed", nil, obj{"fiatAmount": "1"}, obj{"fiatAmount": "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := dev.session(t, c.over)
			a := s.post(t, s.path("order"), s.SK, s.orderBody(c.order))
			same(t, dev.readOrder(t, text(a.ok(t, 201)["orderId"])), c.want)
		})
	}
}

var wholeSecond = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

// journey is a way of an order through simulated notifications.
type journey struct {
	statuses       string // what the gateway reports, in turn
	order, session string // where it ends
}

var journeys = []journey{
	{"pending", "pending", "processing"},
	{"processing", "processing", "processing"},
	{"completed", "completed", "completed"},
	{"failed", "failed", "cancelled"},
	{"cancelled", "cancelled", "cancelled"},
	{"expired", "expired", "expired"},
	{"pending processing completed", "completed", "completed"},
	{"pending processing completed refunded", "refunded", "completed"},
	{"processing failed", "failed", "cancelled"},
	{"pending cancelled", "cancelled", "cancelled"},
	{"pending expired", "expired", "expired"},
	// Repeated, late and out of order: nothing changes.
	{"pending pending", "pending", "processing"},
	{"pending created", "pending", "processing"},
	{"processing pending", "processing", "processing"},
	{"completed completed", "completed", "completed"},
	{"completed pending", "completed", "completed"},
	{"completed processing", "completed", "completed"},
	{"completed failed", "completed", "completed"},
	{"completed cancelled", "completed", "completed"},
	{"completed expired", "completed", "completed"},
	{"completed refunded completed", "refunded", "completed"},
	{"completed refunded pending", "refunded", "completed"},
	{"failed processing", "failed", "cancelled"},
	{"failed completed", "failed", "cancelled"},
	{"cancelled completed", "cancelled", "cancelled"},
	{"cancelled failed", "cancelled", "cancelled"},
	{"expired completed", "expired", "expired"},
	{"expired cancelled", "expired", "expired"},
}

// TestOrderStatuses: §3 they only move forward, and §2.9 the session follows.
func TestOrderStatuses(t *testing.T) {
	t.Parallel()
	for _, j := range journeys {
		t.Run("§3 "+strings.ReplaceAll(j.statuses, " ", " then ")+": order "+j.order+", session "+j.session, func(t *testing.T) {
			t.Parallel()
			s, order := dev.ordered(t, nil)
			statuses := strings.Fields(j.statuses)
			var before obj
			if last := len(statuses) - 1; statuses[last] != j.order || last > 0 && statuses[last-1] == j.order {
				before = dev.simulated(t, order, statuses[:last]...) // the last one changes nothing
				statuses = statuses[last:]
			}
			got := dev.simulated(t, order, statuses...)
			same(t, got, obj{"orderId": order, "status": j.order})
			if before != nil {
				delete(before, "latePayment") // ours: money that came late stands beside the order's members
				same(t, got, before)
			}
			same(t, dev.readOrder(t, order), got)
			same(t, s.read(t), obj{"status": j.session, "orderId": order})
		})
	}
	t.Run("§3 completedAt and transactionHash come with completion", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		same(t, dev.simulated(t, order, "processing"), obj{"completedAt": nil})
		done := dev.simulated(t, order, "completed")
		at, _ := done["completedAt"].(string)
		hash, _ := done["transactionHash"].(string)
		if !wholeSecond.MatchString(at) || hash == "" {
			t.Errorf("completedAt %q, transactionHash %q", at, hash)
		}
		refunded := dev.simulated(t, order, "refunded")
		same(t, refunded, obj{"completedAt": at, "transactionHash": hash})
	})
}
