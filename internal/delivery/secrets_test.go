package delivery_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestSecretsAtRest runs all that handles an endpoint's secret, and looks for each secret in the database's files and the log.
func TestSecretsAtRest(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t, sliproadtest.Env("SLIPROAD_LOG_LEVEL=debug", "SLIPROAD_LOG_REQUESTS=yes"))
	c := s.Secret()
	known := map[string]string{}
	add := func(secret, origin string) {
		known[secret] = origin
		if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
			raw := must(base64.StdEncoding.DecodeString(text))(t)
			known[text], known[string(raw)], known[hex.EncodeToString(raw)] = origin+", bare", origin+", raw", origin+", hex"
		}
	}
	r := newReceiver(t, nil)
	for range 2 {
		a := c.Post(t, "/v1/webhooks", api.CreateWebhookRequest{URL: r.URL, Events: []string{"*"}}, "Idempotency-Key", "created")
		w := sliproadtest.Decode[api.Webhook](t, a)
		r.ID, r.Secret = w.ID, w.Attributes.Secret
		add(r.Secret, "created")
	}
	const own = "whsec_of-their-own!"
	known[own] = "given"
	failing := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusTeapot) })
	failing.subscribeWith(t, c, api.CreateWebhookRequest{Events: []string{"*"}, Secret: own})
	refused(t, c.Post(t, "/v1/webhooks", api.CreateWebhookRequest{URL: "ftp://10.0.0.1/", Events: []string{"*"}, Secret: "refused-with-the-body"}, "Idempotency-Key", "x"), 400, api.CodeValidation, "url")
	known["refused-with-the-body"] = "refused"
	c.Post(t, "/v1/webhooks", []byte(`{"secret":"broken-with-the-body`))
	known["broken-with-the-body"] = "broken"
	newOrder(t, c)
	event := r.await(t, 1)[0].payload.ID
	failing.await(t, 1)
	for _, key := range []string{"rotated", "rotated again"} {
		w := sliproadtest.Decode[api.Webhook](t, c.Post(t, "/v1/webhooks/"+r.ID+"/rotate-secret", nil, "Idempotency-Key", key))
		r.Secret = w.Attributes.Secret
		add(r.Secret, key)
	}
	must(c.TestWebhook(t.Context(), r.ID))(t)
	if !await(func() bool { return len(r.got()) == 2 }) {
		t.Fatal("the test event has not come")
	}
	logged(t, c, event, r.ID, delivered)
	search := func(when string) {
		places := s.AtRest(t)
		places["the log"] = []byte(s.Log())
		if !bytes.Contains(slices.Concat(places["sliproad.db"], places["sliproad.db-wal"], places["webhooks"]), []byte(r.ID)) || !strings.Contains(s.Log(), "createWebhook") {
			t.Errorf("%s: the search would find nothing", when)
		}
		for name, text := range places {
			for secret, origin := range known {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s: %s holds a secret in the clear: %s", when, name, origin)
				}
			}
			if bytes.Contains(text, []byte("whsec_")) {
				t.Errorf("%s: %s holds the beginning of a secret", when, name)
			}
		}
	}
	search("running")
	s.Kill()
	search("killed")
	s.Restart()
	s.Stop()
	search("stopped")
}
