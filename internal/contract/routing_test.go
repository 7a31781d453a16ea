package contract_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// moon stands for MoonPay: it sells at a rate that the test sets, and nothing else is asked of it.
type moon struct {
	mu     sync.Mutex
	crypto string
}

func (m *moon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/buy_quote") || r.URL.Query().Get("baseCurrencyAmount") != "100" {
		http.NotFound(w, r)
		return
	}
	_, _ = fmt.Fprintf(w, `{"baseCurrencyAmount":95.01,"quoteCurrencyAmount":%s,"quoteCurrencyPrice":4008.86,"feeAmount":3.99,"extraFeeAmount":0,
		"networkFeeAmount":1,"totalAmount":100,"paymentMethod":"credit_debit_card"}`, m.crypto)
}

// faultyTransak tells the best of all prices, and makes no checkout.
func faultyTransak(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/pricing/public/quotes"):
		_, _ = fmt.Fprint(w, `{"response":{"quoteId":"q1","conversionPrice":0.00025,"fiatCurrency":"USD","cryptoCurrency":"ETH","fiatAmount":100,"cryptoAmount":0.9,
			"isBuyOrSell":"BUY","network":"ethereum","paymentMethod":"credit_debit_card","totalFee":1,"feeBreakdown":[{"name":"Transak fee","value":1,"id":"transak_fee"}]}}`)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// TestAuto: with one gateway dead, one slow, one that promises most and makes no checkout, and one that is well, an order that leaves the
// choice to the server ends up at the last, tells why, and is completed by its notification. Each is asked as a real server asks.
func TestAuto(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t, sliproadtest.SQLite(), sliproadtest.Env("SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8,::1/128"))
	well := &moon{crypto: "0.0237"}
	released := make(chan struct{})
	fake := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	slow := fake(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	run := func(args ...string) string {
		t.Helper()
		out := sliproadtest.Run(t, sliproadtest.Build(t), []string{"SLIPROAD_DATA=" + s.Dir, "SLIPROAD_PUBLIC_URL=" + s.URL}, args...)
		if out.Code != 0 {
			t.Fatalf("%q: %+v", args, out)
		}
		return out.Stdout
	}
	set := func(name, base string, settings ...string) {
		t.Helper()
		run(append([]string{"gateway", "set", "--project", s.ProjectID, name, "apiBaseURL=" + base, "widgetBaseURL=https://" + name + ".example"}, settings...)...)
	}
	set("moonpay", fake(well), "apiKey=pk_test_key", "secretKey=sk_test_key", "webhookKey=wk_test_key")
	set("ramp", "http://127.0.0.1:1", "hostApiKey=key", "signingKey="+rampKey)
	set("banxa", slow, "partner=acme", "apiKey=key", "apiSecret=secret")
	set("transak", fake(http.HandlerFunc(faultyTransak)), "apiKey=key", "apiSecret=secret", "referrerDomain=shop.example")
	t.Cleanup(func() { close(released) }) // before the servers close, which waits for their handlers
	run("gateway", "set", "--project", s.ProjectID, "sandbox", "--disable")

	order := func() *api.OrderAttributes {
		t.Helper()
		session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", obj{"externalCustomerId": "payer", "country": "DE", "redirectUrl": "https://shop.example/done"}))
		made := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, "/v1/sessions/"+session.ID+"/order", obj{
			"clientSecret": session.Attributes.ClientSecret, "fiatAmount": "100", "fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum",
			"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "gateway": "auto",
		}, "X-Forwarded-For", "203.0.113.42"))
		return &sliproadtest.Decode[api.Order](t, s.Secret().Get(t, "/v1/orders/"+made.ID)).Attributes
	}
	read := func(id string) *api.OrderAttributes {
		t.Helper()
		return &sliproadtest.Decode[api.Order](t, s.Secret().Get(t, "/v1/orders/"+id)).Attributes
	}
	story := func(o *api.OrderAttributes) string {
		text := o.Routing.Reason
		for _, c := range o.Routing.Candidates {
			text += ", " + c.Gateway + " " + c.Outcome
			if c.Offer != nil {
				text += " " + c.Offer.CryptoAmount
			}
			if c.Message != nil {
				text += " (" + *c.Message + ")"
			}
		}
		return text
	}
	o := order()
	if want := "best_offer, transak chosen 0.9, moonpay next 0.0237, banxa next (The gateway did not answer in time.), ramp next (The gateway failed.)"; o.Gateway != "transak" || story(o) != want {
		t.Errorf("at %s: %s\nwant %s", o.Gateway, story(o), want)
	}
	if !strings.HasPrefix(o.Checkout.URL, s.URL+"/c/") {
		t.Fatalf("the checkout is %s", o.Checkout.URL)
	}
	location := follow(t, o.Checkout.URL)
	o = read(o.OrderID)
	if !strings.HasPrefix(location, "https://moonpay.example?") || !strings.Contains(location, "externalTransactionId="+o.OrderID) || !strings.Contains(location, moonAddress) {
		t.Errorf("the payer is led to %s", location)
	}
	if want := "next_in_line, moonpay chosen 0.0237, transak failed 0.9 (The gateway failed.), banxa next (The gateway did not answer in time.), ramp next (The gateway failed.)"; o.Gateway != "moonpay" || story(o) != want {
		t.Errorf("after the click at %s: %s\nwant %s", o.Gateway, story(o), want)
	}
	if again := follow(t, o.Checkout.URL); !strings.HasPrefix(again, "https://moonpay.example?") {
		t.Errorf("a second click leads to %s", again)
	}
	for _, n := range []struct {
		gateway, key string
		status       int
	}{{"moonpay", "forged", 401}, {"transak", "", 401}, {"moonpay", "wk_test_key", 200}} {
		if got := moonNotify(t, s, n.gateway, n.key, o); got != n.status {
			t.Errorf("a notification to %s signed by %q: %d, want %d", n.gateway, n.key, got, n.status)
		}
	}
	if o = read(o.OrderID); o.Status != "completed" || len(o.Discrepancies) != 0 {
		t.Errorf("the order is %s, %v", o.Status, o.Discrepancies)
	}

	run("project", "routing", s.ProjectID, "--set", inFile(t, `{"rules": [{"name": "small", "when": {"fiatCurrencies": ["USD"], "maxAmount": "100"}, "gateways": ["moonpay", "transak"], "rankBy": "order"}]}`))
	if o = order(); story(o) != "priority, moonpay chosen, transak next, banxa ineligible (gateway is not one that the rule small allows.), ramp ineligible (gateway is not one that the rule small allows.)" || *o.Routing.Rule != "small" {
		t.Errorf("by the rule: %s", story(o))
	}
	explained := run("gateway", "route", "--project", s.ProjectID, "--amount", "100", "--fiat", "EUR", "--crypto", "ETH", "--country", "DE", "--ip", "203.0.113.42", "--json")
	var routing struct{ Reason string }
	if err := json.Unmarshal([]byte(explained), &routing); err != nil || routing.Reason == "" {
		t.Errorf("gateway route: %v: %s", err, explained)
	}
}

// rampKey is an Ed25519 key, PKCS #8, as Ramp's settings want it.
const rampKey = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

// moonAddress is the payer's address as MoonPay's URL has it (ip-matching.md), made with the standard library alone.
var moonAddress = func() string {
	mac := hmac.New(sha256.New, []byte("sk_test_key"))
	mac.Write([]byte("203.0.113.42"))
	escaped := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return "allowedIpAddress=" + escaped
}()

// moonNotify posts what MoonPay tells of a completed purchase, and returns the status of the answer.
func moonNotify(t *testing.T, s *sliproadtest.Server, gatewayID, key string, o *api.OrderAttributes) int {
	t.Helper()
	body := `{"type":"transaction_updated","data":{"id":"bda09e91-559f-4e7a-807a-cdec1a903d9d","status":"completed","externalTransactionId":"` + o.OrderID + `",
		"baseCurrency":{"code":"usd","type":"fiat"},"currency":{"code":"eth","type":"crypto"},"quoteCurrencyAmount":0.0237,"cryptoTransactionId":"0xabc"}}`
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(at + "." + body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/gateways/"+gatewayID+"/webhook/"+s.ProjectID, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Moonpay-Signature-V2", "t="+at+",s="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// follow clicks a link as the payer, and tells where it leads.
func follow(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "203.0.113.42")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		t.Errorf("the link answers %d", res.StatusCode)
	}
	return res.Header.Get("Location")
}

func inFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
