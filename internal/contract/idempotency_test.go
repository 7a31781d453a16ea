package contract_test

import (
	"bytes"
	"strings"
	"testing"
)

// replayed demands that again is first over again, marked so.
func replayed(t *testing.T, first, again answer) {
	t.Helper()
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer is marked as replayed")
	}
	if again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("Idempotent-Replayed is %q", again.header.Get("Idempotent-Replayed"))
	}
	if again.status != first.status || !sameBut(first, again) {
		t.Errorf("replayed %d, was %d\n%s\n%s", again.status, first.status, again.raw, first.raw)
	}
}

// sameBut compares bodies; an error's requestId may be each request's own,
// because it is also X-Request-Id.
func sameBut(a, b answer) bool {
	blank := func(a answer) []byte {
		e, _ := a.body["error"].(obj)
		id, _ := e["requestId"].(string)
		if id == "" {
			return a.raw
		}
		return bytes.ReplaceAll(a.raw, []byte(id), nil)
	}
	return bytes.Equal(blank(a), blank(b))
}

var replayCases = []struct {
	name   string
	status int
	// do returns a request that can be made again with the same key.
	do func(*testing.T, string) func() answer
}{
	{"a creation", 201, func(t *testing.T, key string) func() answer {
		body := obj{"externalCustomerId": fresh("cust"), "metadata": obj{"a": 1}}
		return func() answer { return dev.post(t, "/v1/sessions", dev.SK, body, "Idempotency-Key", key) }
	}},
	{"a confirm", 200, func(t *testing.T, key string) func() answer {
		s := dev.session(t, nil)
		return func() answer { return s.confirm(t, nil, "Idempotency-Key", key) }
	}},
	{"an order", 201, func(t *testing.T, key string) func() answer {
		s := dev.session(t, nil)
		return func() answer { return s.order(t, nil, "Idempotency-Key", key) }
	}},
	{"a cancel", 200, func(t *testing.T, key string) func() answer {
		s := dev.session(t, nil)
		return func() answer {
			return dev.post(t, s.path("cancel"), dev.SK, nil, "Idempotency-Key", key)
		}
	}},
	{"a simulate", 200, func(t *testing.T, key string) func() answer {
		_, order := dev.ordered(t, nil)
		return func() answer {
			return dev.post(t, "/v1/test_helpers/orders/"+order+"/simulate", dev.SK, obj{"status": "completed"}, "Idempotency-Key", key)
		}
	}},
	{"a 400", 400, func(t *testing.T, key string) func() answer {
		return func() answer {
			return dev.create(t, obj{"externalCustomerId": "bad", "country": "XX"}, "Idempotency-Key", key)
		}
	}},
	{"a 404", 404, func(t *testing.T, key string) func() answer {
		return func() answer {
			return dev.post(t, "/v1/sessions/sess_none/cancel", dev.SK, nil, "Idempotency-Key", key)
		}
	}},
	{"a 409", 409, func(t *testing.T, key string) func() answer {
		s := cancelled(t)
		return func() answer { return s.confirm(t, nil, "Idempotency-Key", key) }
	}},
}

// TestIdempotentReplay: §1 Idempotency, on every POST.
func TestIdempotentReplay(t *testing.T) {
	t.Parallel()
	for _, c := range replayCases {
		t.Run("§1 idempotency: the first answer is replayed: "+c.name, func(t *testing.T) {
			t.Parallel()
			do := c.do(t, fresh("key"))
			first := do()
			first.ok(t, c.status)
			replayed(t, first, do())
			replayed(t, first, do())
		})
	}
	t.Run("§1 idempotency: the replayed creation holds the same clientSecret", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
		a := asSession(t, dev, dev.create(t, body, "Idempotency-Key", key))
		b := asSession(t, dev, dev.create(t, body, "Idempotency-Key", key))
		if a.secret == "" || a.secret != b.secret || a.id != b.id {
			t.Errorf("%s %s, then %s %s", a.id, a.secret, b.id, b.secret)
		}
		a.confirm(t, obj{"clientSecret": b.secret}).ok(t, 200)
	})
	t.Run("§1 idempotency: a replay is of the answer, not of the state", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
		first := dev.create(t, body, "Idempotency-Key", key)
		asSession(t, dev, first).cancel(t).ok(t, 200)
		replayed(t, first, dev.create(t, body, "Idempotency-Key", key))
	})
}

func TestIdempotencyConflict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(*testing.T, string) answer
	}{
		{"another body", func(t *testing.T, key string) answer {
			dev.create(t, obj{"externalCustomerId": "one"}, "Idempotency-Key", key).ok(t, 201)
			return dev.create(t, obj{"externalCustomerId": "two"}, "Idempotency-Key", key)
		}},
		{"another path", func(t *testing.T, key string) answer {
			s := dev.session(t, nil)
			s.confirm(t, nil, "Idempotency-Key", key).ok(t, 200)
			return s.post(t, s.path("order"), s.PK, obj{"clientSecret": s.secret}, "Idempotency-Key", key)
		}},
		{"another session's path", func(t *testing.T, key string) answer {
			a, b := dev.session(t, nil), dev.session(t, nil)
			a.post(t, a.path("cancel"), dev.SK, nil, "Idempotency-Key", key).ok(t, 200)
			return b.post(t, b.path("cancel"), dev.SK, nil, "Idempotency-Key", key)
		}},
		{"another body after a 400", func(t *testing.T, key string) answer {
			dev.create(t, obj{"country": "XX"}, "Idempotency-Key", key).invalid(t, "country")
			return dev.create(t, nil, "Idempotency-Key", key)
		}},
	} {
		t.Run("§1 idempotency: same key with "+c.name+": 409", func(t *testing.T) {
			t.Parallel()
			c.do(t, fresh("key")).bad(t, 409, "IDEMPOTENCY_CONFLICT", "")
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255-len(fresh("k")))
	t.Run("§1 idempotency: 255 characters", func(t *testing.T) {
		t.Parallel()
		key := (fresh("k") + long + long)[:255]
		body := obj{"externalCustomerId": fresh("cust")}
		replayed(t, dev.create(t, body, "Idempotency-Key", key), dev.create(t, body, "Idempotency-Key", key))
	})
	t.Run("§1 idempotency: 256 characters: 400", func(t *testing.T) {
		t.Parallel()
		dev.create(t, nil, "Idempotency-Key", strings.Repeat("k", 256)).invalid(t, "")
	})
	t.Run("§1 idempotency: scope: project", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
		a := asSession(t, dev, dev.create(t, body, "Idempotency-Key", key))
		second := other.create(t, body, "Idempotency-Key", key)
		b := asSession(t, other, second)
		if a.id == b.id || second.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s in one project, %s in the other", a.id, b.id)
		}
		other.create(t, obj{"externalCustomerId": "another"}, "Idempotency-Key", key).bad(t, 409, "IDEMPOTENCY_CONFLICT", "")
	})
	t.Run("§1 idempotency: 401 answers are not stored", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
		dev.post(t, "/v1/sessions", unknownKey, body, "Idempotency-Key", key).bad(t, 401, "INVALID_API_KEY", "")
		a := dev.create(t, body, "Idempotency-Key", key)
		a.ok(t, 201)
		if a.header.Get("Idempotent-Replayed") != "" {
			t.Error("marked as replayed")
		}
	})
	t.Run("§1 order of checks: a pk_ never gets a secret key's answer replayed", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
		dev.create(t, body, "Idempotency-Key", key).ok(t, 201)
		dev.post(t, "/v1/sessions", dev.PK, body, "Idempotency-Key", key).bad(t, 403, "FORBIDDEN", "")
	})
	t.Run("§1 idempotency: another key is another request", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, nil)
		s.order(t, nil, "Idempotency-Key", fresh("key")).ok(t, 201)
		s.order(t, nil, "Idempotency-Key", fresh("key")).bad(t, 409, "SESSION_ALREADY_USED", "")
	})
}

// TestRestart: §1 it holds across restarts, and so does all that was answered.
func TestRestart(t *testing.T) {
	t.Parallel()
	srv := launch(t)
	key, body := fresh("key"), obj{"externalCustomerId": fresh("cust")}
	first := srv.create(t, body, "Idempotency-Key", key)
	s := asSession(t, srv.project, first)
	paid, order := srv.ordered(t, nil)
	before := srv.project
	web.CloseIdleConnections()
	srv.Stop()
	srv.Restart()
	srv.project = srv.announced(t)
	s.project, paid.project = srv.project, srv.project
	if srv.ID != before.ID || srv.SK != before.SK || srv.PK != before.PK {
		t.Fatal("a later start from the same data has other keys")
	}
	t.Run("§1 idempotency holds across restarts", func(t *testing.T) {
		t.Parallel()
		replayed(t, first, srv.create(t, body, "Idempotency-Key", key))
	})
	t.Run("§2.5 a clientSecret holds across restarts", func(t *testing.T) {
		t.Parallel()
		s.confirm(t, nil).ok(t, 200)
	})
	t.Run("§2.6 an order holds across restarts", func(t *testing.T) {
		t.Parallel()
		paid.order(t, nil).bad(t, 409, "SESSION_ALREADY_USED", "")
		srv.simulated(t, order, "completed")
		same(t, paid.read(t), obj{"status": "completed", "orderId": order})
	})
}
