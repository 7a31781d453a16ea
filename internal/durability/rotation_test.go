package durability_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// Master keys: any 32 bytes.
var (
	oldKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("old "), 8))
	newKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("new "), 8))
)

func ring(keys ...string) sliproadtest.Option {
	return sliproadtest.Env("SLIPROAD_MASTER_KEY=" + strings.Join(keys, ","))
}

// production starts `sliproad serve` with a test project, whose keys it enters into the Server, to be entered again after
// each start.
func production(t *testing.T, opts ...sliproadtest.Option) (s *sliproadtest.Server, keys func()) {
	t.Helper()
	s = sliproadtest.Start(t, append([]sliproadtest.Option{sliproadtest.Serve()}, opts...)...)
	var made struct{ ProjectID, SecretKey, PublicKey string }
	out := s.Command("project", "create", "--name", "shop", "--mode", "test", "--json")
	if err := json.Unmarshal([]byte(out.Stdout), &made); err != nil || out.Code != 0 {
		t.Fatalf("project create: %+v %v", out, err)
	}
	keys = func() { s.ProjectID, s.SecretKey, s.PublicKey = made.ProjectID, made.SecretKey, made.PublicKey }
	keys()
	return s, keys
}

func tryConfirm(t *testing.T, s *sliproadtest.Server, session *api.Session) sliproadtest.Answer {
	t.Helper()
	return s.Public().Post(t, "/v1/sessions/"+session.ID+"/confirm", api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret})
}

func TestMasterKeyRotation(t *testing.T) {
	t.Parallel()
	s, keys := production(t, ring(oldKey))
	first := s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "first")
	before := sliproadtest.Decode[api.Session](t, first)
	ordered := newSession(t, s)
	order := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(ordered), orderRequest(ordered)))
	s.Stop()

	s.Restart(ring(newKey, oldKey))
	keys()
	if a := tryConfirm(t, s, before); a.Status != http.StatusOK {
		t.Errorf("with new,old: the old clientSecret: %v", a)
	}
	replayed := s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "first")
	if string(replayed.Body) != string(first.Body) || replayed.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with new,old: the replay is %v, was %v", replayed, first)
	}
	// What the gateway signs and links with the old key goes on too.
	sliproadtest.Decode[api.Order](t, s.Secret().Post(t, "/v1/test_helpers/orders/"+order.ID+"/simulate", api.SimulateOrderRequest{Status: "processing"}))
	after := newSession(t, s)
	second := s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "second")
	s.Stop()

	s.Restart(ring(newKey))
	keys()
	if a := tryConfirm(t, s, after); a.Status != http.StatusOK {
		t.Errorf("with new: the new clientSecret: %v", a)
	}
	if a := tryConfirm(t, s, before); a.Status != http.StatusForbidden || a.Code() != api.CodeForbidden {
		t.Errorf("with new: the old clientSecret: %v", a)
	}
	if a := s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "second"); string(a.Body) != string(second.Body) {
		t.Errorf("with new: the replay is %v, was %v", a, second)
	}
	if a := s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "first"); a.OK() {
		t.Errorf("with new: a replay sealed with the key that has left the ring: %v", a)
	}
	if status := statusOf(t, s, before); status != "confirmed" {
		t.Errorf("with new: the old session is %s", status)
	}
	s.Stop()
	db := inspect(t, s)
	wantSound(t, db)
	wantCount(t, db, 4, "select count(*) from sessions")
}

// TestRotationDuringRetry has the server die between making a session and keeping its answer, and come back with a newer
// master key: the retry must tell a clientSecret that serves.
func TestRotationDuringRetry(t *testing.T) {
	t.Parallel()
	s, keys := production(t, ring(oldKey))
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", "key"))
	s.Stop()
	db := inspect(t, s)
	if _, err := db.ExecContext(context.Background(), "update idempotency set status = 0, body = null where key = 'key'"); err != nil {
		t.Fatal(err)
	}
	db.Close()

	s.Restart(ring(newKey, oldKey))
	keys()
	again := sliproadtest.Decode[api.Session](t, postUntilDone(t, s.Secret(), "/v1/sessions", sessionRequest, "key"))
	if again.ID != session.ID {
		t.Errorf("the retry made session %s beside %s", again.ID, session.ID)
	}
	if a := tryConfirm(t, s, again); a.Status != http.StatusOK {
		t.Errorf("the clientSecret that the retry told is refused: %v", a)
	}
}
