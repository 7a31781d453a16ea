package contract_test

import (
	"net/http"
	"strings"
	"testing"
)

const unknownKey = "sk_test_0000000000000000000000000000000000000000000"

// TestKeys: §1 Keys and Header. Every request is a list of one own session.
func TestKeys(t *testing.T) {
	t.Parallel()
	refused := func(header ...string) func(*testing.T) answer {
		return func(t *testing.T) answer { return dev.get(t, "/v1/sessions", "", header...) }
	}
	runChecks(t, []check{
		{"§1 no key: 401 MISSING_API_KEY", refused(), 401, "MISSING_API_KEY", ""},
		{"§1 unknown key: 401 INVALID_API_KEY", refused("Authorization", "Bearer "+unknownKey), 401, "INVALID_API_KEY", ""},
		{"§1 malformed key: 401 INVALID_API_KEY", refused("Authorization", "Bearer hunter2"), 401, "INVALID_API_KEY", ""},
		{"§1 key cut short: 401 INVALID_API_KEY", refused("Authorization", "Bearer "+dev.SK[:len(dev.SK)-1]), 401, "INVALID_API_KEY", ""},
		{"§1 key with a tail: 401 INVALID_API_KEY", refused("Authorization", "Bearer "+dev.SK+"a"), 401, "INVALID_API_KEY", ""},
		{"§1 key in other letter case: 401 INVALID_API_KEY", refused("Authorization", "Bearer sk_test_"+strings.ToUpper(dev.SK[8:])+"x"), 401, "INVALID_API_KEY", ""},
		{"§1 test key relabelled live: 401 INVALID_API_KEY", refused("Authorization", "Bearer sk_live_"+strings.TrimPrefix(dev.SK, "sk_test_")), 401, "INVALID_API_KEY", ""},
		{"§1 public key relabelled secret: 401 INVALID_API_KEY", refused("Authorization", "Bearer sk"+strings.TrimPrefix(dev.PK, "pk")), 401, "INVALID_API_KEY", ""},
		{"§1 another scheme than Bearer: 401", refused("Authorization", "Basic "+dev.SK), 401, "MISSING_API_KEY|INVALID_API_KEY", ""},
		{"§1 unknown X-API-Key: 401 INVALID_API_KEY", refused("X-API-Key", unknownKey), 401, "INVALID_API_KEY", ""},
		{"§1 Bearer wins: bad Bearer, good X-API-Key is 401", refused("Authorization", "Bearer "+unknownKey, "X-API-Key", dev.SK), 401, "INVALID_API_KEY", ""},
		{"§1 the key in the query is no key: 401", func(t *testing.T) answer {
			return dev.get(t, "/v1/sessions?apiKey="+dev.SK, "")
		}, 401, "MISSING_API_KEY", ""},
	})
	accepted := []struct {
		name   string
		header []string
	}{
		{"§1 Authorization: Bearer KEY", []string{"Authorization", "Bearer " + dev.SK}},
		{"§1 X-API-Key: KEY is accepted everywhere too", []string{"X-API-Key", dev.SK}},
		{"§1 Bearer wins: good Bearer, bad X-API-Key", []string{"Authorization", "Bearer " + dev.SK, "X-API-Key", unknownKey}},
	}
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dev.get(t, "/v1/sessions", "", c.header...).ok(t, 200)
		})
	}
	t.Run("§1 keys say their mode", func(t *testing.T) {
		t.Parallel()
		for prefix, key := range map[string]string{"sk_test_": other.SK, "pk_test_": other.PK, "sk_live_": live.SK, "pk_live_": live.PK} {
			if !strings.HasPrefix(key, prefix) {
				t.Errorf("key %.8s…, want %s…", key, prefix)
			}
		}
	})
}

// TestPublicKey: §1 a public key on a secret-key route is 403 FORBIDDEN, on
// every one of them, and also for what does not exist.
func TestPublicKey(t *testing.T) {
	t.Parallel()
	for _, route := range []struct{ method, path string }{
		{"POST", "/v1/sessions"},
		{"GET", "/v1/sessions"},
		{"POST", "/v1/sessions/sess_none/cancel"},
		{"GET", "/v1/orders"},
		{"GET", "/v1/orders/ord_none"},
		{"POST", "/v1/test_helpers/orders/ord_none/simulate"},
	} {
		t.Run("§1 pk_ on a secret-key route 403: "+route.method+" "+route.path, func(t *testing.T) {
			t.Parallel()
			dev.do(t, route.method, route.path, dev.PK, nil).bad(t, 403, "FORBIDDEN", "")
		})
		t.Run("§1 no key 401: "+route.method+" "+route.path, func(t *testing.T) {
			t.Parallel()
			dev.do(t, route.method, route.path, "", nil).bad(t, 401, "MISSING_API_KEY", "")
		})
	}
	for _, path := range []string{"", "/confirm", "/order"} {
		method := "POST"
		if path == "" {
			method = "GET"
		}
		t.Run("§1 no key 401: "+method+" /v1/sessions/{id}"+path, func(t *testing.T) {
			t.Parallel()
			dev.do(t, method, "/v1/sessions/sess_none"+path, "", nil).bad(t, 401, "MISSING_API_KEY", "")
		})
	}
}

// TestTenancy: §1 another project's resource is 404, never 403.
func TestTenancy(t *testing.T) {
	t.Parallel()
	mine, order := dev.ordered(t, nil)
	free := dev.session(t, nil)
	runChecks(t, []check{
		{"§1 another project's session is 404: get", func(t *testing.T) answer {
			return dev.get(t, mine.path(""), other.SK)
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's session is 404: get with pk_", func(t *testing.T) answer {
			return dev.get(t, mine.path(""), other.PK)
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's session is 404: confirm with the right clientSecret", func(t *testing.T) answer {
			return dev.post(t, free.path("confirm"), other.PK, obj{"clientSecret": free.secret})
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's session is 404: order with the right clientSecret", func(t *testing.T) answer {
			return dev.post(t, free.path("order"), other.PK, free.orderBody(nil))
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's session is 404: cancel", func(t *testing.T) answer {
			return dev.post(t, free.path("cancel"), other.SK, nil)
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's order is 404: get", func(t *testing.T) answer {
			return dev.get(t, "/v1/orders/"+order, other.SK)
		}, 404, "NOT_FOUND", ""},
		{"§1 another project's order is 404: simulate", func(t *testing.T) answer {
			return other.simulate(t, order, "completed")
		}, 404, "NOT_FOUND", ""},
		{"§1 a live key does not see a test project's session", func(t *testing.T) answer {
			return dev.get(t, mine.path(""), live.SK)
		}, 404, "NOT_FOUND", ""},
		{"§5 simulate is for sk_test_ only", func(t *testing.T) answer {
			return live.simulate(t, order, "completed")
		}, 403, "FORBIDDEN", ""},
	})
	t.Run("§2.8 a list holds the own project's sessions only", func(t *testing.T) {
		t.Parallel()
		items, _ := other.list(t, "/v1/sessions", "customerId", text(mine.attrs["customerId"]))
		if len(items) != 0 {
			t.Errorf("another project lists %v", ids(items))
		}
	})
	t.Run("§3 a list holds the own project's orders only", func(t *testing.T) {
		t.Parallel()
		items, _ := other.list(t, "/v1/orders", "sessionId", mine.id)
		if len(items) != 0 {
			t.Errorf("another project lists %v", ids(items))
		}
	})
}

// TestCORS: §1 get, confirm and order answer any origin; secret-key-only
// routes send no CORS headers.
func TestCORS(t *testing.T) {
	t.Parallel()
	const origin = "https://shop.example"
	s, gone := dev.session(t, nil), dev.session(t, nil)
	allowed := func(t *testing.T, h http.Header) {
		t.Helper()
		if got := h.Get("Access-Control-Allow-Origin"); got != "*" && got != origin {
			t.Errorf("Access-Control-Allow-Origin is %q", got)
		}
	}
	for _, c := range []struct {
		name string
		a    func(*testing.T) answer
	}{
		{"get", func(t *testing.T) answer { return dev.get(t, s.path(""), dev.PK, "Origin", origin) }},
		{"confirm", func(t *testing.T) answer { return s.confirm(t, nil, "Origin", origin) }},
		{"order", func(t *testing.T) answer { return dev.session(t, nil).order(t, nil, "Origin", origin) }},
		{"a failing confirm", func(t *testing.T) answer { return s.confirm(t, obj{"clientSecret": "no"}, "Origin", origin) }},
		{"a 401", func(t *testing.T) answer { return dev.get(t, s.path(""), "", "Origin", origin) }},
	} {
		t.Run("§1 CORS: any origin: "+c.name, func(t *testing.T) {
			t.Parallel()
			allowed(t, c.a(t).header)
		})
	}
	for action, method := range map[string]string{"": "GET", "confirm": "POST", "order": "POST"} {
		t.Run("§1 CORS: preflight 204: "+method+" "+action, func(t *testing.T) {
			t.Parallel()
			a := dev.do(t, "OPTIONS", s.path(action), "", nil, "Origin", origin,
				"Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
			a.ok(t, 204)
			allowed(t, a.header)
			if got := a.header.Get("Access-Control-Allow-Methods"); !strings.Contains(got, method) {
				t.Errorf("Access-Control-Allow-Methods is %q", got)
			}
			got := strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
			for _, h := range []string{"authorization", "content-type", "idempotency-key", "x-api-key"} {
				if !strings.Contains(got, h) {
					t.Errorf("Access-Control-Allow-Headers %q lacks %s", got, h)
				}
			}
		})
	}
	for _, r := range []struct{ method, path string }{
		{"GET", "/v1/sessions"},
		{"OPTIONS", "/v1/sessions"},
		{"POST", gone.path("cancel")},
		{"OPTIONS", s.path("cancel")},
		{"GET", "/v1/orders"},
		{"OPTIONS", "/v1/orders"},
	} {
		t.Run("§1 CORS: secret-key-only routes send none: "+r.method+" "+strings.NewReplacer(s.id, "{id}", gone.id, "{id}").Replace(r.path), func(t *testing.T) {
			t.Parallel()
			a := dev.do(t, r.method, r.path, dev.SK, nil, "Origin", origin, "Access-Control-Request-Method", "POST")
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", name, a.header.Get(name))
				}
			}
		})
	}
}
