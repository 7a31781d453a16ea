package contract_test

import (
	"testing"
)

// TestRead: §2.4.
func TestRead(t *testing.T) {
	t.Parallel()
	s := dev.session(t, full(obj{"metadata": obj{"secret": "stuff"}, "redirectUrl": "https://shop.example/"}))
	for name, key := range map[string]string{"sk_": dev.SK, "pk_": dev.PK} {
		t.Run("§2.4 the same resource to "+name, func(t *testing.T) {
			t.Parallel()
			hidden := obj{"clientSecret": drop, "checkoutUrl": drop, "metadata": drop}
			got := dev.get(t, s.path(""), key).ok(t, 200)
			same(t, got, merge(s.attrs, hidden))
			for _, name := range []string{"clientSecret", "checkoutUrl"} {
				if _, there := got[name]; there {
					t.Errorf("§2.1 only in the creation's answer: %s", name)
				}
			}
			if _, there := got["metadata"]; there != (key == dev.SK) {
				t.Errorf("§2.1 metadata to sk_ callers only: %v", there)
			}
		})
	}
	t.Run("§2.1 metadata to sk_ callers only: confirm", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, obj{"metadata": obj{"a": "b"}})
		if _, there := s.confirm(t, nil).ok(t, 200)["metadata"]; there {
			t.Error("a pk_ confirm shows metadata")
		}
		same(t, s.post(t, s.path("confirm"), s.SK, obj{"clientSecret": s.secret}).ok(t, 200), obj{"metadata": obj{"a": "b"}})
	})
}

// TestConfirm: §2.5.
func TestConfirm(t *testing.T) {
	t.Parallel()
	open := obj{"network": "ethereum", "destinationAddress": wallet, "fieldLocks": obj{"network": free, "destinationAddress": free}}
	for _, c := range []struct {
		name          string
		over, confirm obj
		want          obj
	}{
		{"status becomes confirmed", nil, nil, obj{"status": "confirmed"}},
		{"values are set", nil, obj{"network": "Ethereum", "destinationAddress": wallet}, obj{"network": "ethereum", "destinationAddress": wallet}},
		{"unlocked values are updated", open, obj{"destinationAddress": otherWallet}, obj{"network": "ethereum", "destinationAddress": otherWallet}},
		{"both unlocked values are updated", open, obj{"network": "tron", "destinationAddress": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"}, obj{"network": "tron", "destinationAddress": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"}},
		{"omitted values stay", open, nil, obj{"network": "ethereum", "destinationAddress": wallet}},
		{"null values stay", open, obj{"network": nil, "destinationAddress": nil}, obj{"network": "ethereum", "destinationAddress": wallet}},
		{"unknown members are ignored", nil, obj{"sourceAmount": "5", "x": 1}, obj{"sourceAmount": nil}},
	} {
		t.Run("§2.5 confirm: "+c.name, func(t *testing.T) {
			t.Parallel()
			s := dev.session(t, c.over)
			got := s.confirm(t, c.confirm).ok(t, 200)
			same(t, got, merge(c.want, obj{"status": "confirmed", "expiresAt": s.attrs["expiresAt"]}))
			if _, there := got["clientSecret"]; there {
				t.Error("§2.1 clientSecret only in the creation's answer")
			}
			same(t, s.read(t), merge(got, nil))
		})
	}
	t.Run("§2.5 confirm: with sk_", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, nil)
		same(t, s.post(t, s.path("confirm"), s.SK, obj{"clientSecret": s.secret}).ok(t, 200), obj{"status": "confirmed"})
	})
	t.Run("§2.5 confirm: may be repeated while there is no order", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, open)
		for _, address := range []string{otherWallet, wallet, otherWallet} {
			same(t, s.confirm(t, obj{"destinationAddress": address}).ok(t, 200), obj{"status": "confirmed", "destinationAddress": address})
		}
		s.order(t, obj{"walletAddress": drop}).ok(t, 201)
		same(t, s.read(t), obj{"status": "processing"})
	})
	s := dev.session(t, nil)
	confirm := func(over obj) func(*testing.T) answer {
		return func(t *testing.T) answer { return s.confirm(t, over) }
	}
	runChecks(t, []check{
		{"§2.5 clientSecret is required", confirm(obj{"clientSecret": drop}), 400, "VALIDATION_ERROR", "clientSecret"},
		{"§2.5 clientSecret null is an omitted one", confirm(obj{"clientSecret": nil}), 400, "VALIDATION_ERROR", "clientSecret"},
		{"§2.5 clientSecret is a string", confirm(obj{"clientSecret": 5}), 400, "VALIDATION_ERROR", "clientSecret"},
		{"§2.5 a wrong clientSecret: 403", confirm(obj{"clientSecret": "sess_secret_" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}), 403, "FORBIDDEN", ""},
		{"§2.5 a clientSecret cut short: 403", confirm(obj{"clientSecret": s.secret[:len(s.secret)-1]}), 403, "FORBIDDEN", ""},
		{"§2.5 another session's clientSecret: 403", confirm(obj{"clientSecret": dev.session(t, nil).secret}), 403, "FORBIDDEN", ""},
		{"§2.5 a secret key replaces no clientSecret: 403", func(t *testing.T) answer {
			return s.post(t, s.path("confirm"), s.SK, obj{"clientSecret": s.SK})
		}, 403, "FORBIDDEN", ""},
		{"§2.5 network has a form", confirm(obj{"network": "a b"}), 400, "VALIDATION_ERROR", "network"},
		{"§2.5 destinationAddress has a length", confirm(obj{"destinationAddress": ""}), 400, "VALIDATION_ERROR", "destinationAddress"},
		{"§2.5 all failing members at once", confirm(obj{"clientSecret": drop, "network": 5, "destinationAddress": 5}), 400, "VALIDATION_ERROR", "clientSecret network destinationAddress"},
	})
}

// TestCancel: §2.7.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T) session{
		"from pending":   func(t *testing.T) session { return dev.session(t, nil) },
		"from confirmed": func(t *testing.T) session { s := dev.session(t, nil); s.confirm(t, nil).ok(t, 200); return s },
		"a cancelled one, unchanged": func(t *testing.T) session {
			return cancelled(t)
		},
	} {
		t.Run("§2.7 cancel: "+name, func(t *testing.T) {
			t.Parallel()
			s := prepare(t)
			got := s.cancel(t).ok(t, 200)
			same(t, got, obj{"status": "cancelled", "sessionId": s.id})
			same(t, s.cancel(t).ok(t, 200), got)
			same(t, s.read(t), got)
		})
	}
	t.Run("§2.7 cancel: with an empty object", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, nil)
		same(t, s.post(t, s.path("cancel"), s.SK, obj{}).ok(t, 200), obj{"status": "cancelled"})
	})
}

// TestStates: §2.9, every transition and every refusal.
func TestStates(t *testing.T) {
	t.Parallel()
	used := func(t *testing.T) session { s, _ := dev.ordered(t, nil); return s }
	done := func(t *testing.T) session {
		s, order := dev.ordered(t, nil)
		dev.simulated(t, order, "completed")
		return s
	}
	start := map[string]func(*testing.T) session{
		"an expired one":    func(t *testing.T) session { return expired(t) },
		"a cancelled one":   func(t *testing.T) session { return cancelled(t) },
		"one with an order": used,
		"a completed one":   done,
	}
	code := map[string]string{
		"an expired one": "SESSION_EXPIRED", "a cancelled one": "SESSION_CANCELLED",
		"one with an order": "SESSION_ALREADY_USED", "a completed one": "SESSION_ALREADY_USED",
	}
	actions := map[string]func(*testing.T, session) answer{
		"confirm": func(t *testing.T, s session) answer { return s.confirm(t, nil) },
		"order":   func(t *testing.T, s session) answer { return s.order(t, nil) },
		"cancel":  func(t *testing.T, s session) answer { return s.cancel(t) },
	}
	var checks []check
	for state, prepare := range start {
		for action, do := range actions {
			if state == "a cancelled one" && action == "cancel" {
				continue // 200, in TestCancel
			}
			checks = append(checks, check{"§2.9 " + action + " on " + state + ": 409 " + code[state], func(t *testing.T) answer {
				s := prepare(t)
				before := s.read(t)
				a := do(t, s)
				same(t, s.read(t), before)
				return a
			}, 409, code[state], ""})
		}
	}
	runChecks(t, checks)
	for name, prepare := range map[string]func(*testing.T, session){
		"pending":   func(*testing.T, session) {},
		"confirmed": func(t *testing.T, s session) { s.confirm(t, nil).ok(t, 200) },
	} {
		t.Run("§2.9 order from "+name+": processing", func(t *testing.T) {
			t.Parallel()
			s := dev.session(t, nil)
			prepare(t, s)
			order := s.order(t, nil).ok(t, 201)["orderId"]
			same(t, s.read(t), obj{"status": "processing", "orderId": order})
		})
		t.Run("§2.9 TTL from "+name+": expired", func(t *testing.T) {
			t.Parallel()
			s := dev.session(t, obj{"expiresInSeconds": 2}) // times are whole seconds, so 1 may be over at once
			prepare(t, s)
			s.await(t, "expired")
			same(t, dev.get(t, s.path(""), dev.PK).ok(t, 200), obj{"status": "expired"})
			s.order(t, nil).bad(t, 409, "SESSION_EXPIRED", "")
		})
	}
	t.Run("§2.9 the TTL no longer applies once there is an order", func(t *testing.T) {
		t.Parallel()
		s, order := dev.ordered(t, obj{"expiresInSeconds": 2})
		dev.session(t, obj{"expiresInSeconds": 2}).await(t, "expired") // made later, so s is past its time too
		same(t, s.read(t), obj{"status": "processing"})
		dev.simulated(t, order, "completed")
		same(t, s.read(t), obj{"status": "completed"})
	})
}
