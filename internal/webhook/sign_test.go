package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/webhook"
)

// javaScriptLibrary is the public Standard Webhooks library for JavaScript, as npm has it.
const javaScriptLibrary = "standardwebhooks@1.0.0"

// Secrets: one as we make them, and two as partners may give them.
var (
	generated = webhook.Secret([32]byte{0xfb, 0xff, 0xfe, 1, 2, 3})
	chosen    = "correct-horse-battery" // no base64
	textual   = "abcdefghijklmnop"      // base64 by chance
)

func message(secrets ...string) webhook.Message {
	return webhook.Message{
		EventID: "evt_0123456789", Type: checkout.EventCompleted, DeliveryID: "dlv_0123456789",
		Body: []byte(`{"id":"evt_0123456789","note":"Zürich ☕ \u0026"}`), Secrets: secrets, At: time.Now(),
	}
}

func header(m webhook.Message) http.Header {
	h := http.Header{}
	for name, value := range m.Headers() {
		h.Set(name, value)
	}
	return h
}

// genuine is a receiver written from contract §4's text alone: hex HMAC-SHA256, keyed with the secret string as it is,
// over timestamp + "." + body.
func genuine(secret string, h http.Header, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(h.Get("X-Webhook-Timestamp") + "." + string(body)))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(h.Get("X-Webhook-Signature")))
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	m := message(generated)
	h := m.Headers()
	stamp := strconv.FormatInt(m.At.Unix(), 10)
	for name, want := range map[string]string{
		"X-Webhook-Timestamp": stamp, "Webhook-Timestamp": stamp, "Webhook-Id": "evt_0123456789",
		"X-Webhook-Event": "transaction.completed", "X-Webhook-Delivery-Id": "dlv_0123456789", "Content-Type": "application/json",
	} {
		if h[name] != want {
			t.Errorf("%s: %q, want %q", name, h[name], want)
		}
	}
	if !strings.HasPrefix(generated, "whsec_") || len(generated) != len("whsec_")+44 {
		t.Errorf("a generated secret is %q", generated)
	}
}

func TestBareSignature(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{generated, chosen, textual} {
		m := message(secret)
		if !genuine(secret, header(m), m.Body) {
			t.Errorf("%.8s…: a receiver written from the contract refuses the signature", secret)
		}
		if genuine(secret, header(m), append(m.Body, ' ')) || genuine(secret+"x", header(m), m.Body) {
			t.Errorf("%.8s…: another body or another secret is taken too", secret)
		}
	}
	m := message(chosen, generated)
	if h := header(m); !genuine(chosen, h, m.Body) {
		t.Error("after a rotation X-Webhook-Signature is not the new secret's")
	} else if h.Set("X-Webhook-Signature", h.Get("X-Webhook-Signature-Previous")); !genuine(generated, h, m.Body) {
		t.Error("after a rotation X-Webhook-Signature-Previous is not the old secret's")
	}
}

// TestKnownSignatures pins both signatures to values computed by other means (openssl).
func TestKnownSignatures(t *testing.T) {
	t.Parallel()
	m := webhook.Message{
		EventID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: []byte(`{"test": 2432232314}`),
		Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, At: time.Unix(1614265330, 0),
	}
	h := m.Headers()
	// The Standard Webhooks libraries' own vector.
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; h["Webhook-Signature"] != want {
		t.Errorf("webhook-signature %q, want %q", h["Webhook-Signature"], want)
	}
	if want := "2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"; h["X-Webhook-Signature"] != want {
		t.Errorf("X-Webhook-Signature %q, want %q", h["X-Webhook-Signature"], want)
	}
}

// TestStandardWebhooksGo has the public library for Go verify what we sign.
func TestStandardWebhooksGo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		secrets  []string // that sign
		receiver string   // the secret that the receiver has
		want     bool
	}{
		{"a generated secret", []string{generated}, generated, true},
		{"a chosen secret that is base64", []string{textual}, textual, true},
		{"the new one of two", []string{textual, generated}, textual, true},
		{"the old one of two", []string{textual, generated}, generated, true},
		{"another secret", []string{generated}, textual, false},
	}
	for _, tt := range tests {
		m := message(tt.secrets...)
		receiver, err := standardwebhooks.NewWebhook(tt.receiver)
		if err != nil {
			t.Fatal(err)
		}
		if err := receiver.Verify(m.Body, header(m)); (err == nil) != tt.want {
			t.Errorf("%s: %v, want verified: %v", tt.name, err, tt.want)
		}
		if receiver.Verify(append(m.Body, ' '), header(m)) == nil {
			t.Errorf("%s: another body is taken too", tt.name)
		}
	}
	m := message(chosen)
	receiver, err := standardwebhooks.NewWebhookRaw([]byte(chosen))
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Verify(m.Body, header(m)); err != nil {
		t.Errorf("a chosen secret that is no base64, raw: %v", err)
	}
	m.At = m.At.Add(-6 * time.Minute)
	if receiver.Verify(m.Body, header(m)) == nil {
		t.Error("the library takes an old message: the test shows nothing")
	}
}

// verifyJS reads cases and prints for each "ok" or the library's error.
const verifyJS = `
const { Webhook } = require("standardwebhooks");
for (const c of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  try {
    new Webhook(c.secret, c.raw ? { format: "raw" } : {}).verify(c.body, c.headers);
    console.log("ok");
  } catch (e) { console.log(String(e)); }
}`

// TestStandardWebhooksJavaScript has the public library for JavaScript, unchanged from npm, verify what we sign. It is
// skipped where node or npm is missing, unless SLIPROAD_REQUIRE_ENGINES is set.
func TestStandardWebhooksJavaScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SLIPROAD_REQUIRE_ENGINES") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", javaScriptLibrary)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install %s: %v\n%s", javaScriptLibrary, err, out)
	}
	type verification struct {
		Secret  string            `json:"secret"`
		Raw     bool              `json:"raw"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
		want    bool
	}
	of := func(secret string, raw, want bool, signers ...string) verification {
		m := message(signers...)
		lower := map[string]string{} // as node's http gives them
		for name, value := range m.Headers() {
			lower[strings.ToLower(name)] = value
		}
		return verification{secret, raw, string(m.Body), lower, want}
	}
	cases := []verification{
		of(generated, false, true, generated), of(textual, false, true, textual), of(chosen, true, true, chosen),
		of(textual, false, true, textual, generated), of(generated, false, true, textual, generated), of(textual, false, false, generated),
	}
	changed := of(generated, false, false, generated)
	changed.Body += " "
	cases = append(cases, changed)
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "verify.js")
	if err := os.WriteFile(script, []byte(verifyJS), 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(ctx, "node", script)
	node.Stdin = bytes.NewReader(input)
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	verdicts := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(verdicts) != len(cases) {
		t.Fatalf("%d verdicts on %d cases:\n%s", len(verdicts), len(cases), out)
	}
	for i, c := range cases {
		if (verdicts[i] == "ok") != c.want {
			t.Errorf("case %d: %s, want verified: %v", i, verdicts[i], c.want)
		}
	}
}

// TestRetryAfter: about 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h (contract §4), with jitter around them.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	about := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
	for i, base := range about {
		low, high := base, base
		for _, random := range []uint32{0, 1, 1 << 15, 1 << 16, 1 << 30, 1 << 31, 3 << 30, ^uint32(0) - 1, ^uint32(0)} {
			pause, ok := webhook.RetryAfter(i+1, random)
			if !ok || pause < base*85/100 || pause > base*115/100 {
				t.Errorf("pause %d with %#x: %v, %v, want about %v", i+1, random, pause, ok, base)
			}
			low, high = min(low, pause), max(high, pause)
		}
		if high-low < base/10 || low >= base || high <= base {
			t.Errorf("pause %d spreads from %v to %v only", i+1, low, high)
		}
	}
	for _, n := range []int{-1, 0, len(about) + 1, 100} {
		if pause, ok := webhook.RetryAfter(n, 0); ok || pause != 0 {
			t.Errorf("after attempt %d comes another, in %v", n, pause)
		}
	}
	if webhook.MaxAttempts != 8 {
		t.Errorf("MaxAttempts is %d, want 8", webhook.MaxAttempts)
	}
}
