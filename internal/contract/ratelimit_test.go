package contract_test

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

// launchLimited starts a server with a bucket of five and five tokens a second.
func launchLimited(t *testing.T) *server {
	t.Helper()
	return launch(t, "SLIPROAD_RATE_LIMIT=5", "SLIPROAD_RATE_BURST=5", "SLIPROAD_PUBLIC_RATE_LIMIT=1000", "SLIPROAD_PUBLIC_RATE_BURST=1000")
}

// tenant is a new project, so that a case has keys, and buckets, of its own.
func (s *server) tenant(t *testing.T) project {
	t.Helper()
	return s.newProject(t, fresh("rate"), "test")
}

// drain sends requests until every node has refused one in a row, and gives the last of these answers. Each node has its own
// bucket, so that a key has as many as there are nodes.
func (s *server) drain(t *testing.T, p project, key string) answer {
	t.Helper()
	begun := time.Now()
	sent := 0
	for refused := 0; sent <= 500; {
		a := p.get(t, "/v1/sessions/sess_none", key)
		if a.status != 429 {
			sent, refused = sent+1, 0
			continue
		}
		if refused++; refused < s.Nodes() {
			continue
		}
		if most := s.Nodes() * (6 + int(5*time.Since(begun).Seconds())); sent > most {
			t.Errorf("%d requests passed, want at most %d", sent, most)
		}
		return a
	}
	t.Fatal("never refused")
	return answer{}
}

// TestRateLimits: §1 Rate limits.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	srv := launchLimited(t)
	t.Run("§1 429 RATE_LIMIT_EXCEEDED with Retry-After", func(t *testing.T) {
		t.Parallel()
		p := srv.tenant(t)
		a := srv.drain(t, p, p.SK)
		a.bad(t, 429, "RATE_LIMIT_EXCEEDED", "")
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 {
			t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
		}
		if limit, left := a.header.Get("X-RateLimit-Limit"), a.header.Get("X-RateLimit-Remaining"); limit != "5" || left != "0" {
			t.Errorf("X-RateLimit-Limit %q, -Remaining %q", limit, left)
		}
	})
	t.Run("§1 X-RateLimit-Remaining counts down", func(t *testing.T) {
		t.Parallel()
		p := srv.tenant(t)
		first := p.get(t, "/v1/sessions", p.SK).header.Get("X-RateLimit-Remaining")
		second := p.get(t, "/v1/sessions", p.SK).header.Get("X-RateLimit-Remaining")
		if first != "4" || !slices.Contains([]string{"3", "4"}, second) {
			t.Errorf("X-RateLimit-Remaining %q, then %q", first, second)
		}
	})
	t.Run("§1 per key", func(t *testing.T) {
		t.Parallel()
		p, q := srv.tenant(t), srv.tenant(t)
		srv.drain(t, p, p.SK)
		p.get(t, "/v1/sessions/sess_none", p.PK).bad(t, 404, "NOT_FOUND", "")
		q.get(t, "/v1/sessions", q.SK).ok(t, 200)
	})
}

func TestRateLimitOrder(t *testing.T) {
	t.Parallel()
	srv := launchLimited(t)
	t.Run("§1 order of checks: 401 key before 429", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			srv.get(t, "/v1/sessions", unknownKey).bad(t, 401, "INVALID_API_KEY", "")
		}
	})
	t.Run("§1 order of checks: 429 before 403 kind of key", func(t *testing.T) {
		t.Parallel()
		p := srv.tenant(t)
		for range 3 { // a token may come back between two requests
			srv.drain(t, p, p.PK)
			if a := p.post(t, "/v1/sessions", p.PK, "{"); a.status == 429 {
				return
			}
		}
		t.Error("a drained public key still gets the 403")
	})
	t.Run("§1 idempotency: 429 answers are not stored", func(t *testing.T) {
		t.Parallel()
		p := srv.tenant(t)
		key, body, refused := fresh("key"), obj{"externalCustomerId": "rate"}, 0
		for range 10 { // a token may come back between two requests, which then uses up the key
			srv.drain(t, p, p.SK)
			if a := p.post(t, "/v1/sessions", p.SK, body, "Idempotency-Key", key); a.status == 429 {
				refused++
				break
			}
			key = fresh("key")
		}
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); <-tick.C {
			a := p.post(t, "/v1/sessions", p.SK, body, "Idempotency-Key", key)
			if a.status == 429 {
				refused++
				continue
			}
			a.ok(t, 201)
			if refused == 0 || a.header.Get("Idempotent-Replayed") != "" {
				t.Errorf("after %d refusals, Idempotent-Replayed is %q", refused, a.header.Get("Idempotent-Replayed"))
			}
			return
		}
		t.Error("no token within 5 s")
	})
}
