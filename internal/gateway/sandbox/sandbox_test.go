package sandbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/vault"
)

const masterKey = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ringOf(tb testing.TB, keys string) *vault.Ring {
	tb.Helper()
	ring, err := vault.Parse(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

func order() checkout.Order {
	return checkout.Order{
		ID: "ord_01", ProjectID: "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11", Type: checkout.Buy, Status: checkout.OrderCreated,
		FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum",
	}
}

// signed signs a body as docs/sandbox.md says.
func signed(ring *vault.Ring, o *checkout.Order, body string) gateway.Notification {
	secret, _ := ring.Token("sandbox notification", string(o.ProjectID))
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", now.Unix(), body)
	value := fmt.Sprintf("t=%d,v1=%s", now.Unix(), hex.EncodeToString(mac.Sum(nil)))
	return gateway.Notification{
		ProjectID: o.ProjectID, Header: map[string][]string{sandbox.SignatureHeader: {value}}, Body: []byte(body), Now: now,
	}
}

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	ring := ringOf(t, masterKey)
	g := sandbox.New("https://pay.example", ring)
	var statuses []gatewaytest.Status
	for _, info := range checkout.OrderStatusTable {
		statuses = append(statuses, gatewaytest.Status{Theirs: string(info.Status), Ours: info.Status})
	}
	statuses = append(statuses, gatewaytest.Status{Theirs: "creating", Ours: checkout.OrderProcessing})
	currency, network, amt := checkout.CodeInvalidCurrency, checkout.CodeInvalidNetwork, checkout.CodeInvalidAmount
	gatewaytest.Run(t, gatewaytest.Case{
		Gateway: g, Order: order(), Statuses: statuses, Unknown: "COMPLETED_MAYBE",
		Refusals: []gatewaytest.Refusal{
			refuse("crypto", currency, func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "cryptoCurrency"),
			refuse("fiat", currency, func(o *checkout.Order) { o.FiatCurrency = "XXX" }, "fiatCurrency"),
			refuse("network of another asset", network, func(o *checkout.Order) { o.Network = "bitcoin" }, "network"),
			refuse("unknown network", network, func(o *checkout.Order) { o.Network = "nope" }, "network"),
			refuse("testnet", network, func(o *checkout.Order) { o.Network = "ethereum-sepolia" }, "network"),
			refuse("too little", amt, func(o *checkout.Order) { o.FiatAmount = amount("0.99") }, "fiatAmount"),
			refuse("too much", amt, func(o *checkout.Order) { o.FiatAmount = amount("50000.01") }, "fiatAmount"),
			refuse("no amount", amt, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
			refuse("several", currency, func(o *checkout.Order) {
				o.FiatCurrency, o.Network, o.FiatAmount = "XXX", "nope", amount("60000")
			}, "fiatCurrency", "network", "fiatAmount"),
		},
		Notify: func(o *checkout.Order, status, id string, now time.Time) gateway.Notification {
			return g.Notify(o, checkout.OrderStatus(status), id, now)
		},
		Unreadable: func(o *checkout.Order, _ time.Time) map[string]gateway.Notification {
			bodies := map[string]string{
				"empty": "", "not JSON": "<xml>", "null": "null", "array": "[]", "trailing": `{"id":"1","orderId":"o","status":"failed"}{}`,
				"no id": `{"orderId":"o","status":"failed"}`, "no order": `{"id":"1","status":"failed"}`,
				"no status": `{"id":"1","orderId":"o"}`, "number": `{"id":1,"orderId":"o","status":"failed"}`,
				"amount": `{"id":"1","orderId":"o","status":"completed","cryptoAmount":"-1"}`,
				"long":   `{"id":"` + strings.Repeat("x", 256) + `","orderId":"o","status":"failed"}`,
				"NUL":    `{"id":"1\u0000","orderId":"o","status":"failed"}`,
			}
			notifications := map[string]gateway.Notification{}
			for name, body := range bodies {
				notifications[name] = signed(ring, o, body)
			}
			return notifications
		},
		SignatureHeader: sandbox.SignatureHeader, Tolerance: sandbox.ToleranceSeconds * time.Second, Now: now,
	})
}

func TestServes(t *testing.T) {
	t.Parallel()
	g := sandbox.New("https://pay.example", ringOf(t, masterKey))
	for _, coin := range asset.Assets() {
		for _, on := range coin.Networks {
			for _, fiatAmount := range []string{"1", "1.00", "50000", "50000.00"} {
				o := order()
				o.CryptoCurrency, o.Network, o.FiatAmount = coin.Code, on.Network, amount(fiatAmount)
				if err := g.Check(&o); err != nil {
					t.Errorf("%s on %s for %s: %v", coin.Code, on.Network, fiatAmount, err)
				}
			}
		}
	}
	for _, currency := range money.Currencies() {
		o := order()
		o.FiatCurrency = currency.Code
		if err := g.Check(&o); err != nil {
			t.Errorf("%s: %v", currency.Code, err)
		}
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	old, fresh := vault.Generate(), vault.Generate()
	before := sandbox.New("https://pay.example/", ringOf(t, old))
	o := order()
	c, err := before.CreateCheckout(t.Context(), gateway.Request{Order: &o})
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^https://pay\.example/sandbox/pay/6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11/ord_01\?t=[\w-]{22}$`)
	if !form.MatchString(c.URL) || !regexp.MustCompile(`^sbx_[0-9a-f]{24}$`).MatchString(c.ExternalOrderID) || c.Serves != 0 {
		t.Errorf("CreateCheckout = %+v", c)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	token := u.Query().Get("t")
	if token != before.PayToken(&o) {
		t.Errorf("the URL has the token %q, PayToken gives %q", token, before.PayToken(&o))
	}
	during, after := sandbox.New("", ringOf(t, fresh+","+old)), sandbox.New("", ringOf(t, fresh))
	cases := []struct {
		name           string
		g              *sandbox.Gateway
		project, order string
		token          string
		want           bool
	}{
		{"genuine", before, string(o.ProjectID), path.Base(u.Path), token, true},
		{"after a new key came", during, string(o.ProjectID), "ord_01", token, true},
		{"after the old key left", after, string(o.ProjectID), "ord_01", token, false},
		{"another order", before, string(o.ProjectID), "ord_02", token, false},
		{"another project", before, "p2", "ord_01", token, false},
		{"empty", before, string(o.ProjectID), "ord_01", "", false},
		{"cut", before, string(o.ProjectID), "ord_01", token[:21], false},
		{"longer", before, string(o.ProjectID), "ord_01", token + "A", false},
	}
	for _, tt := range cases {
		if got := tt.g.CheckPayToken(checkout.ProjectID(tt.project), checkout.OrderID(tt.order), tt.token); got != tt.want {
			t.Errorf("%s: CheckPayToken = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		email           string
		fails, notFound bool
		delay           time.Duration
	}{
		{"", false, false, 0},
		{"jo@example.com", false, false, 0},
		{"unavailable@sandbox.test", true, false, 0},
		{"Unavailable@Sandbox.Test", true, false, 0},
		{"lost@sandbox.test", true, true, 0},
		{"slow@sandbox.test", false, false, 3 * time.Second},
	}
	for _, tt := range cases {
		synctest.Test(t, func(t *testing.T) {
			g := sandbox.New("https://pay.example", ringOf(t, masterKey))
			o := order()
			o.Email = tt.email
			start := time.Now()
			if _, err := g.CreateCheckout(t.Context(), gateway.Request{Order: &o}); (err != nil) != tt.fails || time.Since(start) != tt.delay {
				t.Errorf("%s: CreateCheckout: %v after %v", tt.email, err, time.Since(start))
			}
			if _, err := g.FindCheckout(t.Context(), gateway.Request{Order: &o}); errors.Is(err, gateway.ErrNotFound) != tt.notFound {
				t.Errorf("%s: FindCheckout: %v", tt.email, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o := order()
		o.Email, o.FiatAmount = sandbox.EmailSlow, amount("1")
		_, err := sandbox.New("", ringOf(t, masterKey)).CreateCheckout(ctx, gateway.Request{Order: &o})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slow with a deadline of a second: %v", err)
		}
	})
}

func update(t *testing.T, g *sandbox.Gateway, o *checkout.Order, status checkout.OrderStatus) gateway.Update {
	t.Helper()
	updates, err := g.ParseNotification(t.Context(), g.Notify(o, status, "sbe_1", now))
	if err != nil || len(updates) != 1 {
		t.Fatalf("ParseNotification = %+v, %v", updates, err)
	}
	return updates[0]
}

func TestCryptoAmount(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	cases := []struct {
		kind                  checkout.OrderType
		fiat, currency        string
		crypto, network, want string
	}{
		{checkout.Buy, "100.00", "USD", "ETH", "ethereum", "0.02475"},
		{checkout.Sell, "100.00", "USD", "ETH", "ethereum", "0.02525"},
		{checkout.Buy, "100", "EUR", "USDC", "base", "118.8"},
		{checkout.Buy, "1", "USD", "BTC", "bitcoin", "0.0000099"},
		{checkout.Buy, "1.01", "USD", "BTC", "bitcoin", "0.00000999"}, // 0.000009999, rounded down
		{checkout.Buy, "0.01", "USD", "XRP", "xrp", "0.00396"},
		{checkout.Buy, "7", "USD", "AAVE", "ethereum", "0.0231"},
		{checkout.Buy, "100", "USD", "AAVE", "polygon", "0.33"},
		{checkout.Buy, "200", "USD", "INJ", "ethereum", "16.5"},
		{checkout.Buy, "77", "USD", "LINK", "bsc", "3.8115"},
		{checkout.Buy, "10", "USD", "UNI", "ethereum", "0.99"},
		{checkout.Buy, "1", "GBP", "SHIB", "ethereum", "99000"},
		{checkout.Buy, "1", "USD", "BONK", "solana", "49500"},
		{checkout.Buy, "1000", "JPY", "SOL", "solana", "0.0396"},
		{checkout.Buy, "1", "VND", "BTC", "bitcoin", "0.00000001"}, // never to nothing
		{checkout.Buy, "100", "XOF", "USDT", "tron", "99"},         // not in the table: a dollar
		{checkout.Buy, "1", "USD", "EURC", "ethereum", "0.825"},
		{checkout.Buy, "50", "USD", "TIA", "celestia", "24.75"},
		{checkout.Buy, "1", "USD", "AAVE", "ethereum", "0.0033"},
		{checkout.Buy, "1", "USD", "INJ", "injective", "0.0825"},
		{checkout.Sell, "1", "USD", "AAVE", "ethereum", "0.00336666"}, // 8 places of 18
		{checkout.Sell, "1", "USD", "XRP", "xrp", "0.404"},
		{checkout.Sell, "1", "USD", "TRX", "tron", "3.366666"}, // the asset's own 6 places
	}
	for _, tt := range cases {
		o := order()
		o.Type, o.FiatAmount, o.FiatCurrency, o.CryptoCurrency, o.Network = tt.kind, amount(tt.fiat), tt.currency, tt.crypto, tt.network
		if got := update(t, g, &o, checkout.OrderCompleted).CryptoAmount.String(); got != tt.want {
			t.Errorf("%s %s %s of %s: %s, want %s", tt.kind, tt.fiat, tt.currency, tt.crypto, got, tt.want)
		}
	}
}

func TestEveryAssetHasItsAmount(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	for _, coin := range asset.Assets() {
		for _, on := range coin.Networks {
			for _, currency := range money.Currencies() {
				for _, fiat := range []string{"1", "50000"} {
					o := order()
					o.FiatAmount, o.FiatCurrency, o.CryptoCurrency, o.Network = amount(fiat), currency.Code, coin.Code, on.Network
					got := update(t, g, &o, checkout.OrderCompleted).CryptoAmount
					if !got.IsSet() || got.FractionDigits() > min(8, on.Decimals) {
						t.Errorf("%s %s of %s on %s: %q", fiat, currency.Code, coin.Code, on.Network, got)
					}
				}
			}
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	g := sandbox.New("", ringOf(t, masterKey))
	o := order()
	c, err := g.CreateCheckout(t.Context(), gateway.Request{Order: &o})
	if err != nil {
		t.Fatal(err)
	}
	done := update(t, g, &o, checkout.OrderCompleted)
	sum := sha256.Sum256([]byte("ord_01"))
	if done.TransactionHash != "0x"+hex.EncodeToString(sum[:]) || done.DedupKey != "sbe_1" || done.ExternalOrderID != c.ExternalOrderID {
		t.Errorf("completed: %+v", done)
	}
	bitcoin := o
	bitcoin.CryptoCurrency, bitcoin.Network = "BTC", "bitcoin"
	if got := update(t, g, &bitcoin, checkout.OrderCompleted).TransactionHash; got != hex.EncodeToString(sum[:]) {
		t.Errorf("on bitcoin the transaction hash is %q", got)
	}
	failed := update(t, g, &o, checkout.OrderFailed)
	if failed.FailureReason == "" || failed.CryptoAmount.IsSet() || failed.TransactionHash != "" {
		t.Errorf("failed: %+v", failed)
	}
	if n := g.Notify(&o, checkout.OrderFailed, "sbe_1", now); n.Path != "/gateways/sandbox/webhook/"+string(o.ProjectID) || !n.Now.Equal(now) {
		t.Errorf("Notify: path %q, now %v", n.Path, n.Now)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	old, fresh := vault.Generate(), vault.Generate()
	before, during, after := ringOf(t, old), ringOf(t, fresh+","+old), ringOf(t, fresh)
	o := order()
	body := `{"id":"1","orderId":"ord_01","status":"pending","cryptoAmount":0.5}`
	n := signed(before, &o, body)
	value := n.Header[sandbox.SignatureHeader][0]
	stamp, mac, _ := strings.Cut(value, ",")
	cases := []struct {
		name   string
		ring   *vault.Ring
		header map[string][]string
		now    time.Time
		ok     bool
	}{
		{"genuine", before, n.Header, now, true},
		{"during rotation", during, n.Header, now, true},
		{"after rotation", after, n.Header, now, false},
		{"five minutes early", before, n.Header, now.Add(-300 * time.Second), true},
		{"earlier", before, n.Header, now.Add(-301 * time.Second), false},
		{"second signature", before, map[string][]string{sandbox.SignatureHeader: {stamp + ",v1=00," + mac}}, now, true},
		{"scheme to come", before, map[string][]string{sandbox.SignatureHeader: {value + ",v2=zz"}}, now, true},
		{"two headers", before, map[string][]string{sandbox.SignatureHeader: {value, value}}, now, false},
		{"two times", before, map[string][]string{sandbox.SignatureHeader: {stamp + "," + value}}, now, false},
		{"no time", before, map[string][]string{sandbox.SignatureHeader: {mac}}, now, false},
		{"endless time", before, map[string][]string{sandbox.SignatureHeader: {"t=99999999999999999999," + mac}}, now, false},
		{"extreme time", before, map[string][]string{sandbox.SignatureHeader: {"t=-9223372036854775808," + mac}}, now, false},
		{"not hex", before, map[string][]string{sandbox.SignatureHeader: {stamp + ",v1=xy"}}, now, false},
		{"too long", before, map[string][]string{sandbox.SignatureHeader: {value + strings.Repeat(",v2=", 300)}}, now, false},
	}
	for _, tt := range cases {
		n := gateway.Notification{ProjectID: o.ProjectID, Header: tt.header, Body: []byte(body), Now: tt.now}
		updates, err := sandbox.New("", tt.ring).ParseNotification(t.Context(), n)
		if tt.ok && (err != nil || len(updates) != 1 || updates[0].CryptoAmount.String() != "0.5") || !tt.ok && !errors.Is(err, gateway.ErrForged) {
			t.Errorf("%s: %+v, %v", tt.name, updates, err)
		}
	}
}

func FuzzParseNotification(f *testing.F) {
	ring := ringOf(f, masterKey)
	g := sandbox.New("", ring)
	o := order()
	genuine := g.Notify(&o, checkout.OrderCompleted, "sbe_1", now)
	f.Add(genuine.Header[sandbox.SignatureHeader][0], genuine.Body)
	f.Add("t=1,v1=00", []byte(`{"id":"1","orderId":"o","status":"mystery","cryptoAmount":null}`))
	f.Add("", []byte(`{"cryptoAmount":1e400}`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		n := gateway.Notification{
			ProjectID: o.ProjectID, Header: map[string][]string{sandbox.SignatureHeader: {header}}, Body: body, Now: now,
		}
		if _, err := g.ParseNotification(t.Context(), n); err == nil && string(body) != string(genuine.Body) {
			t.Errorf("a forged notification passes: %q %q", header, body)
		}
		updates, err := g.ParseNotification(t.Context(), signed(ring, &o, string(body)))
		switch {
		case errors.Is(err, gateway.ErrForged), err != nil && !errors.Is(err, gateway.ErrMalformed):
			t.Errorf("a signed notification gives %v", err)
		case err == nil && (len(updates) != 1 || updates[0].DedupKey == "" || updates[0].OrderID == ""):
			t.Errorf("%s gives %+v", body, updates)
		case err == nil:
			if _, known := updates[0].Status.Info(); !known {
				t.Errorf("%s gives the status %q", body, updates[0].Status)
			}
		}
	})
}
