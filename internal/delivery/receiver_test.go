package delivery_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// message is one request that a receiver got.
type message struct {
	began, ended time.Time // ended is when it was answered
	method       string
	header       http.Header
	body         []byte
	payload      payload
}

// payload is the part of contract §4's payload that every event has.
type payload struct {
	ID        string
	Type      string
	Timestamp string
	Data      struct {
		Order   *struct{ ID, Status string }
		Session *struct{ ID string }
	}
}

// receiver is a partner's backend, as someone would write it who has read contract §4 and nothing else.
type receiver struct {
	URL     string
	ID      string // of the endpoint, as the secret; set by subscribe
	Secret  string
	gate    *gate
	mu      sync.Mutex
	arrived []*message
}

// answerer answers the n-th request, counted from 0. A nil one answers 200.
type answerer func(w http.ResponseWriter, r *http.Request, n int)

func newReceiver(t *testing.T, answer answerer) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m := &message{began: time.Now(), method: req.Method, header: req.Header}
		m.body, _ = io.ReadAll(req.Body)
		_ = json.Unmarshal(m.body, &m.payload) // verify wants it whole
		r.mu.Lock()
		n := len(r.arrived)
		r.arrived = append(r.arrived, m)
		r.mu.Unlock()
		if answer != nil {
			answer(w, req, n)
		}
		r.mu.Lock()
		m.ended = time.Now()
		r.mu.Unlock()
	}))
	r.gate = &gate{Listener: server.Listener}
	r.gate.up.Store(true)
	server.Listener = r.gate
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.URL = server.URL
	return r
}

// gate hangs up on every caller while it is down. Unlike a closed port, no other process can take its place.
type gate struct {
	net.Listener
	up atomic.Bool
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || g.up.Load() {
			return c, err
		}
		_ = c.Close()
	}
}

// subscribe makes an endpoint of the receiver.
func (r *receiver) subscribe(t *testing.T, c *sliproadtest.Client, events ...string) *receiver {
	t.Helper()
	return r.subscribeWith(t, c, api.CreateWebhookRequest{Events: events})
}

func (r *receiver) subscribeWith(t *testing.T, c *sliproadtest.Client, in api.CreateWebhookRequest) *receiver {
	t.Helper()
	in.URL = r.URL
	w := must(c.CreateWebhook(t.Context(), in))(t)
	r.ID, r.Secret = w.ID, w.Attributes.Secret
	return r
}

// got are the messages so far.
func (r *receiver) got() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]message, 0, len(r.arrived))
	for _, m := range r.arrived {
		list = append(list, *m)
	}
	return list
}

// await waits for so many messages and verifies them.
func (r *receiver) await(t *testing.T, n int) []message {
	t.Helper()
	if !await(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.arrived) >= n
	}) {
		t.Fatalf("%d messages arrived, want %d: %v", len(r.got()), n, r.types())
	}
	list := r.got()
	for _, m := range list {
		verify(t, m, r.Secret)
	}
	return list
}

// types are those of the messages so far, in alphabetical order.
func (r *receiver) types() []string {
	var types []string
	for _, m := range r.got() {
		types = append(types, m.payload.Type)
	}
	slices.Sort(types)
	return types
}

// verify holds a message to contract §4: its headers, and both of its signatures.
func verify(t *testing.T, m message, secret string) {
	t.Helper()
	h := m.header
	if m.method != http.MethodPost || h.Get("Content-Type") != "application/json" {
		t.Errorf("got a %s of %q", m.method, h.Get("Content-Type"))
	}
	stamp := h.Get("X-Webhook-Timestamp")
	if bare := bareSignature(secret, stamp, m.body); h.Get("X-Webhook-Signature") != bare {
		t.Errorf("X-Webhook-Signature is %q, want %q", h.Get("X-Webhook-Signature"), bare)
	}
	if err := standardVerify(secret, m); err != nil {
		t.Errorf("Standard Webhooks, secret %q: %v; headers %v", secret, err, h)
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if away := m.began.Sub(time.Unix(at, 0)); err != nil || away < -time.Second || away > 10*time.Second || h.Get("Webhook-Timestamp") != stamp {
		t.Errorf("X-Webhook-Timestamp %q, webhook-timestamp %q, arrived at %d", stamp, h.Get("Webhook-Timestamp"), m.began.Unix())
	}
	if p := m.payload; !strings.HasPrefix(p.ID, "evt_") || h.Get("Webhook-Id") != p.ID || p.Type == "" || h.Get("X-Webhook-Event") != p.Type {
		t.Errorf("webhook-id %q, X-Webhook-Event %q; body %s", h.Get("Webhook-Id"), h.Get("X-Webhook-Event"), m.body)
	}
	if h.Get("X-Webhook-Delivery-Id") == "" {
		t.Error("there is no X-Webhook-Delivery-Id")
	}
}

// bareSignature is hex HMAC-SHA256, keyed with the secret string as it is, over timestamp + "." + body.
func bareSignature(secret, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// standardVerify asks the public library, as its users would: a secret that is not in its form is handed over raw.
func standardVerify(secret string, m message) error {
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		if w, err = standardwebhooks.NewWebhookRaw([]byte(secret)); err != nil {
			return err
		}
	}
	return w.Verify(m.body, m.header)
}
