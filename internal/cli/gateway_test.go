package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
)

// sliproad runs a command beside a development server and returns what it printed.
func sliproad(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	text, err := command(env, args...).CombinedOutput()
	return string(text), err
}

// eventually waits for what a running server takes up within a second.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// TestGateway: an account that is set beside a running server serves its payers, without a restart, until it is disabled.
func TestGateway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	dev := launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("apiKey") != "pk_test_right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(fake.Close)
	env := []string{"SLIPROAD_DATA=" + dir, "MOONPAY_SECRET=sk_test_3f1f0f7e2b9c4d5a"}
	set := func(settings ...string) {
		t.Helper()
		text, err := sliproad(t, env, append([]string{"gateway", "set", "--project", dev.ProjectID, "moonpay"}, settings...)...)
		if err != nil || strings.Contains(text, "3f1f0f7e") {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	check := func() (string, error) {
		return sliproad(t, env, "gateway", "check", "--project", dev.ProjectID, "moonpay")
	}
	set("apiKey=pk_test_wrong", "secretKey=env:MOONPAY_SECRET", "webhookKey=wk_test_key", "apiBaseURL="+fake.URL, "widgetBaseURL="+fake.URL)
	if text, err := check(); err == nil || !strings.Contains(text, "apiKey was not taken") {
		t.Errorf("a wrong key: %v\n%s", err, text)
	}
	set("apiKey=pk_test_right", "--default")
	if text, err := check(); err != nil || text != "moonpay takes the credentials.\n" {
		t.Errorf("the right key: %v\n%s", err, text)
	}
	order := func() (status int, body string) {
		t.Helper()
		status, body = call(t, "POST", dev.URL+"/v1/sessions", dev.SecretKey, session)
		var made api.Session
		if err := json.Unmarshal([]byte(body), &made); status != 201 || err != nil {
			t.Fatalf("session: %d %s, %v", status, body, err)
		}
		return call(t, "POST", dev.URL+"/v1/sessions/"+made.ID+"/order", dev.PublicKey, `{"clientSecret":"`+made.Attributes.ClientSecret+`","fiatAmount":"100.00","fiatCurrency":"EUR",
			"cryptoCurrency":"ETH","network":"ethereum","walletAddress":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","gateway":"moonpay"}`)
	}
	var body string
	eventually(t, "an order at moonpay", func() (ok bool) {
		var status int
		status, body = order()
		return status == 201
	})
	var made api.CreatedOrder
	if err := json.Unmarshal([]byte(body), &made); err != nil || made.Attributes.Gateway != "moonpay" {
		t.Fatalf("%s, %v", body, err)
	}
	stays := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, made.Attributes.Checkout.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := stays.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if to := res.Header.Get("Location"); !strings.HasPrefix(to, fake.URL) || !strings.Contains(to, "apiKey=pk_test_right") {
		t.Errorf("the payer is sent, with %d, to %q", res.StatusCode, to)
	}
	if status, body := call(t, "POST", dev.URL+"/gateways/moonpay/webhook/"+dev.ProjectID, "", "{}"); status != 401 {
		t.Errorf("a forged notification: %d %s", status, body)
	}
	set("--disable")
	eventually(t, "no order at moonpay", func() bool {
		status, body := order()
		return status == 400 && strings.Contains(body, "INVALID_GATEWAY")
	})
	dev.stop(t)
	if log := dev.stderr.String(); strings.Contains(log, "3f1f0f7e") || strings.Contains(log, "wk_test_key") {
		t.Errorf("the log has a secret:\n%s", log)
	}
}

// TestGatewayPages: each gateway has its page, and its row in the table, in the order of the registry, which is the order in which
// gateways come that are equal otherwise.
func TestGatewayPages(t *testing.T) {
	t.Parallel()
	help, err := sliproad(t, nil, "gateway", "set", "--help")
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	page, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := func(pattern, text string) (found []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, match[1])
		}
		return found
	}
	registered := ids(`(?m)^Settings of ([^ :]+):`, help)
	rows := ids("(?m)^\\| `([^`]+)` \\|.*\\(gateways/[^)]+\\.md\\) \\|$", string(page))
	if len(registered) == 0 || !slices.Equal(registered, rows) {
		t.Errorf("the gateways are %q, and docs/gateways.md has the rows %q", registered, rows)
	}
	for _, id := range registered {
		if _, err := os.Stat("../../docs/gateways/" + id + ".md"); err != nil {
			t.Error(err)
		}
	}
}
