package banxa_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/banxa"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

var statuses = []gatewaytest.Status{
	{Theirs: "pendingPayment", Ours: checkout.OrderPending},
	{Theirs: "waitingPayment", Ours: checkout.OrderProcessing, Only: checkout.Buy}, // the payer has paid as far as they know
	{Theirs: "waitingPayment", Ours: checkout.OrderPending, Only: checkout.Sell},
	{Theirs: "paymentReceived", Ours: checkout.OrderProcessing},
	{Theirs: "inProgress", Ours: checkout.OrderProcessing},
	{Theirs: "coinTransferred", Ours: checkout.OrderProcessing},
	{Theirs: "cryptoTransferred", Ours: checkout.OrderProcessing},
	{Theirs: "cryptoTransferInitiated", Ours: checkout.OrderProcessing},
	{Theirs: "cryptoTransferPending", Ours: checkout.OrderProcessing},
	{Theirs: "cryptoTransferComplete", Ours: checkout.OrderProcessing},
	{Theirs: "extraVerification", Ours: checkout.OrderProcessing},
	{Theirs: "complete", Ours: checkout.OrderCompleted},
	{Theirs: "completed", Ours: checkout.OrderCompleted},
	{Theirs: "succeeded", Ours: checkout.OrderCompleted},
	{Theirs: "declined", Ours: checkout.OrderFailed},
	{Theirs: "cancelled", Ours: checkout.OrderCancelled},
	{Theirs: "expired", Ours: checkout.OrderExpired},
	{Theirs: "refunded", Ours: checkout.OrderRefunded},
}

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

var refusals = []gatewaytest.Refusal{
	refuse("crypto", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "cryptoCurrency"),
	refuse("fiat", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency = "XAU" }, "fiatCurrency"),
	refuse("fiat that can't be paid out", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.Type, o.FiatCurrency = checkout.Sell, "USD" }, "fiatCurrency"),
	refuse("network of another asset", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "bitcoin" }, "network"),
	refuse("too little", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("19.99") }, "fiatAmount"),
	refuse("too much", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("5000.01") }, "fiatAmount"),
	refuse("no amount", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
	refuse("a tag that the network hasn't", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "1" }, "walletTag"),
	refuse("a tag that Banxa may not hand on", checkout.CodeInvalidGateway, func(o *checkout.Order) {
		o.CryptoCurrency, o.Network, o.WalletTag = "TON", "ton", "1"
	}, "walletTag"),
	refuse("country", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "FR" }, "gateway"),
	refuse("several", checkout.CodeInvalidCurrency, func(o *checkout.Order) {
		o.FiatCurrency, o.Network, o.FiatAmount = "XAU", "nope", amount("1")
	}, "fiatCurrency", "network", "fiatAmount"),
}

// hashed is HMAC-SHA256 of 203.0.113.42 under the API secret, by openssl dgst.
const hashed = "d8a99e7a249e36dab1c11dfef68b4813afcbfe545cf157146a34ad5c470d8f0f"

func created(side, members string) gatewaytest.Call {
	return gatewaytest.Call{
		Method: http.MethodPost, URL: apiURL + "/" + side, Header: map[string]string{"X-Api-Key": apiKey, "Content-Type": "application/json"},
		Body: `{` + members + `,"fiat":"EUR","externalCustomerId":"8d9c7a52-7b0e-4a0b-9a57-111111111111",
			"customerIp":{"method":"hash","version":4,"value":"` + hashed + `"}}`,
	}
}

func priced(side, query string) gatewaytest.Call {
	return gatewaytest.Call{
		Method: http.MethodGet, Header: map[string]string{"X-Api-Key": apiKey},
		URL: apiURL + "/quotes/" + side + "?crypto=ETH&blockchain=ETH&fiat=EUR&fiatAmount=100.00&ipAddress=203.0.113.42&" + query,
	}
}

const (
	payer  = `"email":"jo@example.com","redirectUrl":"https://shop.example/ok?a=1&b=2"`
	wallet = `"walletAddress":"0x742d35Cc6634C0532925a3b844Bc454e4438f44e"`
)

var checkouts = []gatewaytest.Checkout{
	{
		Name: "buy", URL: "https://checkout.banxa-sandbox.com/order/bx1ord_01?t=1",
		Sent: []gatewaytest.Call{created("buy", `"crypto":"ETH","blockchain":"ETH","fiatAmount":"100.00","externalOrderId":"ord_01",`+wallet+`,`+payer)},
	},
	{
		Name: "buy with a tag", Change: func(r *gateway.Request) {
			r.Order.CryptoCurrency, r.Order.Network, r.Order.WalletAddress, r.Order.WalletTag = "XRP", "xrp", "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", "12345678"
		},
		Sent: []gatewaytest.Call{created("buy", `"crypto":"XRP","blockchain":"XRP","fiatAmount":"100.00","externalOrderId":"ord_01",
			"walletAddress":"rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9","walletAddressTag":"12345678",`+payer)},
	},
	{
		Name: "sell from a wallet with a tag", Sell: true, Change: func(r *gateway.Request) {
			r.Order.CryptoCurrency, r.Order.Network, r.Order.WalletTag, r.Order.CryptoAmount = "XLM", "stellar", "memo", amount("7")
		},
		Sent: []gatewaytest.Call{created("sell", `"crypto":"XLM","blockchain":"XLM","cryptoAmount":"7","externalOrderId":"ord_01s","walletAddressTag":"memo",`+wallet+`,`+payer)},
	},
	{
		Name: "buy by a customer without a name of ours", Change: func(r *gateway.Request) { r.Order.CustomerID = "" },
		Sent: []gatewaytest.Call{func() gatewaytest.Call {
			c := created("buy", `"crypto":"ETH","blockchain":"ETH","fiatAmount":"100.00","externalOrderId":"ord_01",`+wallet+`,`+payer)
			c.Body = strings.Replace(c.Body, string(order().CustomerID), "ord_01", 1) // not jo@example.com
			return c
		}()},
	},
	{
		Name: "buy with nothing but what is needed", Change: func(r *gateway.Request) { r.Order.Email, r.Order.RedirectURL = "", "" },
		Sent: []gatewaytest.Call{created("buy", `"crypto":"ETH","blockchain":"ETH","fiatAmount":"100.00","externalOrderId":"ord_01",
			"redirectUrl":"https://pay.example/",`+wallet)},
	},
	{
		Name: "sell", Sell: true, URL: "https://checkout.banxa-sandbox.com/order/bx1ord_01s?t=1",
		Sent: []gatewaytest.Call{
			priced("sell", "paymentMethodId=sepa-bank-transfer"),
			created("sell", `"crypto":"ETH","blockchain":"ETH","cryptoAmount":"0.025875","externalOrderId":"ord_01s",`+wallet+`,`+payer),
		},
	},
	{
		Name: "sell an amount that is known", Sell: true, Change: func(r *gateway.Request) { r.Order.CryptoAmount = amount("0.025") },
		Sent: []gatewaytest.Call{created("sell", `"crypto":"ETH","blockchain":"ETH","cryptoAmount":"0.025","externalOrderId":"ord_01s",`+wallet+`,`+payer)},
	},
	{Name: "of what is served no more", Change: func(r *gateway.Request) { r.Order.Network = "osmosis" }, Refused: "INVALID_NETWORK"},
}

func quotes() []gatewaytest.Quote {
	fees := []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("2")}, {Type: gateway.FeeNetwork, Amount: amount("1.5")}}
	refused := func(name string, code checkout.Code, status int, body string) gatewaytest.Quote {
		return gatewaytest.Quote{Name: name, Server: gatewaytest.Answer(status, body), Code: code, Failed: code == ""}
	}
	taken := func(name, body string) gatewaytest.Quote {
		return gatewaytest.Quote{Name: name, Server: gatewaytest.Answer(http.StatusOK, body), Want: gateway.Quote{
			FiatAmount: amount("100"), CryptoAmount: amount("0.025"), Rate: amount("4000"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
		}}
	}
	return []gatewaytest.Quote{
		{
			Name: "buy", Sent: []gatewaytest.Call{priced("buy", "paymentMethodId=debit-credit-card")},
			Want: gateway.Quote{FiatAmount: amount("100"), CryptoAmount: amount("0.024125"), Rate: amount("4000"), Fees: fees, PaymentMethod: "debit-credit-card", Serves: time.Minute},
		},
		{
			Name: "buy by SEPA", Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "sepa" },
			Sent: []gatewaytest.Call{priced("buy", "paymentMethodId=sepa-bank-transfer")},
			Want: gateway.Quote{FiatAmount: amount("100"), CryptoAmount: amount("0.024125"), Rate: amount("4000"), Fees: fees, PaymentMethod: "sepa", Serves: time.Minute},
		},
		{
			Name: "sell", Sell: true, Sent: []gatewaytest.Call{priced("sell", "paymentMethodId=sepa-bank-transfer")},
			Want: gateway.Quote{FiatAmount: amount("100"), CryptoAmount: amount("0.025875"), Rate: amount("4000"), Fees: fees, PaymentMethod: "sepa", Serves: time.Minute},
		},
		{
			Name: "of a payer whose address is unknown", Change: func(r *gateway.QuoteRequest) { r.Address = netip.Addr{} },
			Sent: []gatewaytest.Call{{Method: http.MethodGet, URL: apiURL + "/quotes/buy?crypto=ETH&blockchain=ETH&fiat=EUR&fiatAmount=100.00&paymentMethodId=debit-credit-card"}},
			Want: gateway.Quote{FiatAmount: amount("100"), CryptoAmount: amount("0.024125"), Rate: amount("4000"), Fees: fees, PaymentMethod: "debit-credit-card", Serves: time.Minute},
		},
		taken("several prices", `[{"cryptoAmount":"0.025","fiatAmount":"100"},{"cryptoAmount":"0.5","fiatAmount":"100"}]`),
		taken("as data", `{"data":{"cryptoAmount":0.0250,"fiatAmount":1e2,"processingFee":"0","networkFee":null}}`),
		{Name: "a way to pay that it hasn't", Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "cash" }, Code: checkout.CodeValidation},
		{Name: "not served", Change: func(r *gateway.QuoteRequest) { r.Order.Network = "nope" }, Code: checkout.CodeInvalidNetwork},
		{Name: "less than the operator allows", Change: func(r *gateway.QuoteRequest) { r.Order.FiatAmount = amount("19.99") }, Code: checkout.CodeInvalidAmount},
		{Name: "more than the operator allows", Change: func(r *gateway.QuoteRequest) { r.Order.FiatAmount = amount("5000.01") }, Code: checkout.CodeInvalidAmount},
		{Name: "a country that the operator leaves out", Change: func(r *gateway.QuoteRequest) { r.Order.Country = "FR" }, Code: checkout.CodeInvalidGateway},
		refused("region", checkout.CodeInvalidCurrency, 422, `{"errors":[{"code":5034,"message":"Coin restriction"}]}`),
		refused("region, bare", checkout.CodeInvalidCurrency, 400, `{"code":"5034","message":"Coin restriction"}`),
		refused("too little", checkout.CodeInvalidAmount, 400, `{"errors":{"status":"422","code":42212,"title":"Invalid","detail":"Fiat amount must be at least 20."}}`),
		refused("too little, with success", checkout.CodeInvalidAmount, 200, `{"errors":[{"code":"4002","message":"out of range","field":"fiatAmount"}]}`),
		refused("no such way", checkout.CodeValidation, 400, `{"error":{"code":4002,"message":"Validation error","field":"paymentMethodId"}}`),
		refused("no such network", checkout.CodeInvalidNetwork, 400, `{"errors":[{"message":"","title":""},{"message":"Unknown blockchain"}]}`),
		refused("no such crypto", checkout.CodeInvalidCurrency, 400, `{"code":4002,"message":"the crypto is unknown"}`),
		refused("no such fiat", checkout.CodeInvalidCurrency, 400, `{"code":4002,"message":"the fiat is unknown"}`),
		refused("no such country", checkout.CodeInvalidGateway, 400, `{"code":4002,"message":"not in this country"}`),
		refused("nothing for the payer", "", 400, `{"errors":[{"code":4005,"message":"The feature is not enabled"}]}`),
		refused("a secret told", "", 400, `{"code":4002,"message":"amount of `+apiKey+`"}`),
		refused("a secret told, with success", "", 200, `{"errors":[{"code":4002,"message":"amount of `+apiSecret+`"}]}`),
		refused("no words", "", 422, `{"errors":7,"error":[7]}`),
		refused("no JSON", "", 422, `oops`),
		refused("an empty list", "", 200, `[]`),
		refused("no amounts", "", 200, `{"cryptoAmount":"0","fiatAmount":"0"}`),
		refused("negative", "", 200, `{"cryptoAmount":"-1","fiatAmount":"100"}`),
		refused("of another kind", "", 200, `{"cryptoAmount":[],"fiatAmount":true}`),
		refused("all fees", "", 200, `{"cryptoAmount":"1","fiatAmount":"100","processingFee":"100"}`),
	}
}

func suite(server, unheard http.Handler) gatewaytest.Case {
	all := func(bodies map[string]string) map[string]gateway.Notification {
		made := map[string]gateway.Notification{}
		for name, body := range bodies {
			made[name] = signed(body, now)
		}
		return made
	}
	return gatewaytest.Case{
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return banxa.New(client) },
			Account:  account(), Server: server,
			Malformed: map[string][]string{
				"partner": {"ac me", "acme/v2", "..", "https://api.banxa.com/acme"}, "apiKey": {"a b", "ké"}, "apiSecret": {"secret with space"},
				"webhookPath": {"webhooks/banxa", "https://pay.example/webhooks/banxa", "/a b"},
				"ipBinding": {
					"{ip}", `["{ip}"]`, `{"ip":"{ip}"`, `{"ip":"{address}"}`, `{"ip":"{}{ip}"}`, `{"ip":true}`, `{"fiatAmount":"{ip}"}`, `{"x":"{ip}","metadata":"{hash}"}`,
				},
			},
			Another: gateway.Settings{"apiSecret": "another's"},
		},
		Order: order(), Refusals: refusals, Statuses: statuses, Unknown: "completeMaybe",
		Checkouts: checkouts, NeedsAddress: true, BindsAddress: true, Quotes: quotes(),
		Notify: func(o *checkout.Order, status, id string, now time.Time) gateway.Notification {
			return signed(toldOf(o, status, id), now)
		},
		SignatureHeader: "Authorization", Tolerance: time.Hour, Now: now,
		Unreadable: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return all(map[string]string{
				"empty": "", "not JSON": "<xml>", "array": "[]", "trailing": told("o", "expired", "1") + "{}",
				"no status":              `{"order_id":"1","external_id":"o"}`,
				"status of another kind": `{"order_id":"1","external_id":"o","status":7}`,
				"id of another kind":     `{"order_id":{},"external_id":"o","status":"expired"}`,
				"negative amount":        `{"order_id":"1","external_id":"o","status":"complete","crypto_amount":"-1"}`,
				"endless amount":         `{"order_id":"1","external_id":"o","status":"complete","crypto_amount":1e999999999}`,
				"amount of another kind": `{"order_id":"1","external_id":"o","status":"complete","crypto_amount":{}}`,
			})
		},
		Ignored: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return all(map[string]string{
				"the sample of the documentation": told("", "complete", "d9efc5d228cb7edfc4b6bb82f7b39f94"), "of the legacy system": `{"order_id":"1"}`,
				"KYC": `{"identity_reference":"x","status":"approved"}`, "nothing": `{}`, "null": "null",
				"long reference": told(strings.Repeat("x", 256), "expired", "1"), "NUL": told("o\x00", "expired", "1"),
			})
		},
		Polled: func(t *testing.T, o *checkout.Order, status string) http.Handler {
			t.Helper()
			return &fake{t: t, of: o, orders: []map[string]any{listed("ord_other", "complete", "b0"), listedOf(o, status, "b1")}}
		},
		Unheard: unheard,
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, suite(&numbered{t: t}, &fake{t: t, orders: []map[string]any{listed("ord_other", "complete", "b0")}}))
}

// numbered begins to count for each request, as the suite's checkouts are made side by side.
type numbered struct{ t *testing.T }

func (n *numbered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(&fake{t: n.t}).ServeHTTP(w, r)
}

func FuzzParseNotification(f *testing.F) {
	gatewaytest.Fuzz(f, suite(nil, nil), func(body []byte) gateway.Notification { return signed(string(body), now) })
}

func open(t *testing.T, change func(a *gateway.Account), server http.Handler) (gateway.Gateway, *gatewaytest.Wire) {
	t.Helper()
	a := account()
	if change != nil {
		change(&a)
	}
	wire := gatewaytest.NewWire(server)
	g, err := banxa.New(&http.Client{Transport: wire}).Open(a)
	if err != nil {
		t.Fatal(err)
	}
	return g, wire
}

// TestVectors holds the tests' own recipe to what Banxa publishes (the tests of BanxaOfficial/node-sdk), and the gateway to
// a signature that was made elsewhere.
func TestVectors(t *testing.T) {
	t.Parallel()
	for want, message := range map[string][4]string{
		"61a1f11dfff3a200be6e02fa3a1b2e16f4928b8d7d1b061b4815a2fdfed1f67c": {"GET", "foo/bar", "-1", "{}"},
		"dc0327c28375f930d145cd2545e1fc68f40d008ffbdd80d4f807d4c20d3ef6d3": {"POST", "foo/bar", "-1", `{"test":"data"}`},
	} {
		if got := signature("accessKeySecret", message[0], message[1], message[2], message[3]); got != want {
			t.Errorf("%v: %s, want %s", message, got, want)
		}
	}
	const body, nonce = `{"type":"ping","id":"n-1"}`, "1700000000000"
	const made = "d80fd1f79921310de64f6d6a37e7d8ad16b6a1e6658ae632b5f00a399b74453e"
	g, _ := open(t, func(a *gateway.Account) {
		a.Settings["apiKey"], a.Settings["apiSecret"], a.Settings["webhookPath"] = "key", "secret", "/webhooks/banxa"
	}, nil)
	n := authorized("Bearer key:"+made+":"+nonce, body)
	n.Now = time.UnixMilli(1700000000000)
	if updates, err := g.ParseNotification(t.Context(), n); err != nil || len(updates) != 0 {
		t.Errorf("a ping: %+v, %v", updates, err)
	}
	n.Body = []byte(`{"type":"ping","id":"n-2"}`)
	if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("another body: %v", err)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	body := told("ord_01", "complete", "b1")
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).UnixMilli(), 10) }
	mac := signature(apiSecret, "POST", hookPath, at(0), body)
	good := "Bearer " + apiKey + ":" + mac + ":" + at(0)
	cases := map[string]struct {
		header  []string
		genuine bool
	}{
		"genuine":              {[]string{good}, true},
		"capitals":             {[]string{"Bearer " + apiKey + ":" + strings.ToUpper(mac) + ":" + at(0)}, true},
		"five minutes ahead":   {[]string{bearer(at(5*time.Minute), body)}, true},
		"further ahead":        {[]string{bearer(at(5*time.Minute+time.Millisecond), body)}, false},
		"an hour old":          {[]string{bearer(at(-time.Hour), body)}, true},
		"older":                {[]string{bearer(at(-time.Hour-time.Millisecond), body)}, false},
		"in seconds":           {[]string{bearer(strconv.FormatInt(now.Unix(), 10), body)}, true},
		"in microseconds":      {[]string{bearer(strconv.FormatInt(now.UnixMicro(), 10), body)}, true},
		"in nanoseconds":       {[]string{bearer(strconv.FormatInt(now.UnixNano(), 10), body)}, true},
		"no nonce":             {[]string{bearer("", body)}, false},
		"a word for a nonce":   {[]string{bearer("now", body)}, false},
		"a negative nonce":     {[]string{bearer("-1", body)}, false},
		"a nonce with a sign":  {[]string{bearer("+"+at(0), body)}, false},
		"a nonce with a place": {[]string{bearer(at(0)+".0", body)}, false},
		"an endless nonce":     {[]string{bearer(strings.Repeat("9", 30), body)}, false},
		"another's nonce":      {[]string{"Bearer " + apiKey + ":" + mac + ":" + at(time.Second)}, false},
		"no scheme":            {[]string{strings.TrimPrefix(good, "Bearer ")}, false},
		"another scheme":       {[]string{"HMAC " + strings.TrimPrefix(good, "Bearer ")}, false},
		"another key":          {[]string{"Bearer other:" + mac + ":" + at(0)}, false},
		"no key":               {[]string{"Bearer :" + mac + ":" + at(0)}, false},
		"two of three":         {[]string{"Bearer " + mac + ":" + at(0)}, false},
		"one of three":         {[]string{"Bearer " + mac}, false},
		"not hexadecimal":      {[]string{"Bearer " + apiKey + ":" + strings.Repeat("x", 64) + ":" + at(0)}, false},
		"half":                 {[]string{"Bearer " + apiKey + ":" + mac[:32] + ":" + at(0)}, false},
		"signed by the key":    {[]string{"Bearer " + apiKey + ":" + signature(apiKey, "POST", hookPath, at(0), body) + ":" + at(0)}, false},
		"signed for a GET":     {[]string{"Bearer " + apiKey + ":" + signature(apiSecret, "GET", hookPath, at(0), body) + ":" + at(0)}, false},
		"signed for our path":  {[]string{"Bearer " + apiKey + ":" + signature(apiSecret, "POST", signed(body, now).Path, at(0), body) + ":" + at(0)}, false},
		"two headers":          {[]string{good, good}, false},
		"no header":            {nil, false},
	}
	g, _ := open(t, nil, nil)
	for name, tt := range cases {
		n := signed(body, now)
		n.Header["Authorization"] = tt.header
		updates, err := g.ParseNotification(t.Context(), n)
		if tt.genuine && (err != nil || len(updates) != 1) || !tt.genuine && (!errors.Is(err, gateway.ErrForged) || updates != nil) {
			t.Errorf("%s: %+v, %v", name, updates, err)
		}
	}
}

// TestWebhookPath: without a setting, the path is that of our own URL.
func TestWebhookPath(t *testing.T) {
	t.Parallel()
	body := told("ord_01", "complete", "b1")
	for notifyURL, path := range map[string]string{
		"https://pay.example/gateways/banxa/webhook/6f1b": "/gateways/banxa/webhook/6f1b",
		"https://pay.example/pre%20fix/b?x=1":             "/pre%20fix/b",
		"https://pay.example":                             "/",
	} {
		g, _ := open(t, func(a *gateway.Account) { delete(a.Settings, "webhookPath"); a.NotifyURL = notifyURL }, nil)
		nonce := strconv.FormatInt(now.UnixMilli(), 10)
		n := authorized("Bearer "+apiKey+":"+signature(apiSecret, "POST", path, nonce, body)+":"+nonce, body)
		if updates, err := g.ParseNotification(t.Context(), n); err != nil || len(updates) != 1 {
			t.Errorf("%s: %+v, %v", notifyURL, updates, err)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	g, _ := open(t, nil, nil)
	parse := func(body string) gateway.Update {
		t.Helper()
		updates, err := g.ParseNotification(t.Context(), signed(body, now))
		if err != nil || len(updates) != 1 {
			t.Fatalf("%s: %+v, %v", body, updates, err)
		}
		return updates[0]
	}
	if u := parse(told("ord_01", "complete", "b1")); u.CryptoAmount.String() != "67.1" || u.TransactionHash != "" || u.ExternalOrderID != "b1" || u.FailureReason != "" {
		t.Errorf("complete: %+v", u)
	}
	if u := parse(told("ord_01", "inProgress", "b1")); u.CryptoAmount.IsSet() {
		t.Errorf("an estimate is told as the amount: %+v", u)
	}
	if u := parse(`{"order_id":"b1","external_id":"ord_01","status":"complete","crypto_amount":null,"transaction_hash":"0xabc"}`); u.TransactionHash != "0xabc" || u.CryptoAmount.IsSet() {
		t.Errorf("a hash and no amount: %+v", u)
	}
	for _, status := range []string{"declined", "cancelled", "expired", "refunded"} {
		if u := parse(told("ord_01", status, "b1")); u.FailureReason == "" || u.CryptoAmount.IsSet() {
			t.Errorf("%s: %+v", status, u)
		}
	}
}

var digits = cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })

// TestPaid: what was bought or sold is told in our terms by notifications, and what can't be is left out.
func TestPaid(t *testing.T) {
	t.Parallel()
	const dollars = `"fiat_currency":"AUD",`
	g, _ := open(t, nil, nil)
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "AUD", CryptoCurrency: "USDT", Network: "ethereum"}
	with := func(change func(p *checkout.Paid)) checkout.Paid {
		p := bought
		change(&p)
		return p
	}
	for name, tt := range map[string]struct {
		reference, old, new string
		want                checkout.Paid
	}{
		"bought":         {"ord_01", "", "", bought},
		"sold":           {"ord_01s", "", "", checkout.Paid{FiatCurrency: "AUD", CryptoCurrency: "USDT", Network: "ethereum"}},
		"neither":        {"ord_01", `"BUY"`, `null`, checkout.Paid{FiatCurrency: "AUD", CryptoCurrency: "USDT", Network: "ethereum"}},
		"another sum":    {"ord_01", `"fiat_amount":"100"`, `"fiat_amount":99.50`, with(func(p *checkout.Paid) { p.FiatAmount = amount("99.5") })},
		"no sum":         {"ord_01", `"fiat_amount":"100"`, `"fiat_amount":"-100"`, with(func(p *checkout.Paid) { p.FiatAmount = money.Amount{} })},
		"small letters":  {"ord_01", dollars, `"fiat_currency":"aud",`, bought},
		"unknown fiat":   {"ord_01", dollars, `"fiat_currency":"XBT",`, with(func(p *checkout.Paid) { p.FiatCurrency = "" })},
		"another kind":   {"ord_01", dollars, `"fiat_currency":{},`, with(func(p *checkout.Paid) { p.FiatCurrency = "" })},
		"other network":  {"ord_01", `"crypto_blockchain":"ETH"`, `"crypto_blockchain":"TRON"`, with(func(p *checkout.Paid) { p.Network = "tron" })},
		"unknown asset":  {"ord_01", `"crypto_coin":"USDT"`, `"crypto_coin":"MOON"`, with(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		"no asset":       {"ord_01", `"crypto_coin":"USDT",`, ``, with(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		"no blockchain":  {"ord_01", `"crypto_blockchain":"ETH",`, ``, with(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		"more than that": {"ord_01", dollars, dollars + `"wallet_address":"0x1",`, bought},
	} {
		body := told(tt.reference, "complete", "b1")
		if !strings.Contains(body, tt.old) {
			t.Fatalf("%s: there is no %s", name, tt.old)
		}
		updates, err := g.ParseNotification(t.Context(), signed(strings.Replace(body, tt.old, tt.new, 1), now))
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: %+v, %v", name, updates, err)
			continue
		}
		if diff := cmp.Diff(tt.want, updates[0].Paid, digits); diff != "" || updates[0].Deposit != nil {
			t.Errorf("%s: %+v (-want +got):\n%s", name, updates[0], diff)
		}
	}
}

// TestPolled: so it is when asked; and a sale that waits for its crypto tells where to.
func TestPolled(t *testing.T) {
	t.Parallel()
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: order().WalletAddress}
	sold := checkout.Paid{FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "ethereum"}
	sentTo := func(address, tag string) *checkout.Deposit {
		return &checkout.Deposit{Address: address, Tag: tag, Amount: amount("0.024125")}
	}
	for name, tt := range map[string]struct {
		reference, status string
		change            func(o map[string]any)
		paid              checkout.Paid
		deposit           *checkout.Deposit
	}{
		"bought": {"ord_01", "complete", nil, bought, nil},
		"sold":   {"ord_01s", "complete", nil, sold, nil},
		"bought, in the SDKs' words": {"ord_01", "complete", func(o map[string]any) {
			o["crypto"], o["blockchain"] = "eth", "ETH"
		}, bought, nil},
		"bought, to a tag": {"ord_01", "complete", func(o map[string]any) {
			o["crypto"], o["walletAddress"], o["walletAddressTag"] = map[string]string{"id": "XRP", "blockchain": "XRP"}, "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", 12345678
		}, checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "EUR", CryptoCurrency: "XRP", Network: "xrp", WalletAddress: "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", WalletTag: "12345678"}, nil},
		"bought, of other kinds": {"ord_01", "complete", func(o map[string]any) {
			o["crypto"], o["walletAddress"], o["fiat"], o["fiatAmount"] = []int{1}, map[string]int{}, 7, []int{}
		}, checkout.Paid{}, nil},
		"bought, waits":                   {"ord_01", "waitingPayment", func(o map[string]any) { o["walletAddress"] = deposit }, with(bought, deposit), nil},
		"to be sold, waits":               {"ord_01s", "waitingPayment", nil, sold, sentTo(deposit, "")},
		"to be sold, with a tag":          {"ord_01s", "waitingPayment", func(o map[string]any) { o["walletAddressTag"] = "77" }, sold, sentTo(deposit, "77")},
		"to be sold, before that":         {"ord_01s", "pendingPayment", nil, sold, nil},
		"to be sold, on its way":          {"ord_01s", "paymentReceived", nil, sold, nil},
		"to be sold, the seller's own":    {"ord_01s", "waitingPayment", func(o map[string]any) { o["walletAddress"] = strings.ToLower(order().WalletAddress) }, sold, nil},
		"to be sold, no address":          {"ord_01s", "waitingPayment", func(o map[string]any) { o["walletAddress"] = nil }, sold, nil},
		"to be sold, of another network":  {"ord_01s", "waitingPayment", func(o map[string]any) { o["walletAddress"] = "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9" }, sold, nil},
		"to be sold, a digit is mistaken": {"ord_01s", "waitingPayment", func(o map[string]any) { o["walletAddress"] = deposit[:len(deposit)-1] }, sold, nil},
	} {
		one := listed(tt.reference, tt.status, "b1")
		if tt.change != nil {
			tt.change(one)
		}
		o := order()
		if o.ID = checkout.OrderID(tt.reference); tt.reference != "ord_01" {
			o.Type = checkout.Sell
		}
		g, _ := open(t, nil, &fake{t: t, orders: []map[string]any{one}})
		poller, _ := g.(gateway.Poller)
		updates, err := poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: %+v, %v", name, updates, err)
			continue
		}
		if diff := cmp.Diff(tt.paid, updates[0].Paid, digits); diff != "" {
			t.Errorf("%s: paid (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.deposit, updates[0].Deposit, digits); diff != "" {
			t.Errorf("%s: to be sent (-want +got):\n%s", name, diff)
		}
		if told := strings.Contains(updates[0].DedupKey, deposit); told != (tt.deposit != nil) {
			t.Errorf("%s: the key is %q, by which an address that comes later is new", name, updates[0].DedupKey)
		}
	}
}

func with(p checkout.Paid, wallet string) checkout.Paid {
	p.WalletAddress = wallet
	return p
}

// TestEachOpeningIsAnOrder: Banxa's URLs serve once, so that a payer who comes again gets another.
func TestEachOpeningIsAnOrder(t *testing.T) {
	t.Parallel()
	g, _ := open(t, func(a *gateway.Account) { delete(a.Settings, "ipBinding") }, &fake{t: t})
	opener, _ := g.(gateway.Opener)
	o := order()
	for i := range 3 { // a payer whose address nobody knows, too: this account binds no order to it
		made, err := opener.OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now})
		id := fmt.Sprintf("bx%dord_01", i+1)
		if err != nil || made.ExternalOrderID != id || made.Serves != time.Minute || made.URL != "https://checkout.banxa-sandbox.com/order/"+id+"?t=1" {
			t.Errorf("opened for the %d. time: %+v, %v", i+1, made, err)
		}
	}
}

func TestBinding(t *testing.T) {
	t.Parallel()
	const hashed6 = "447b38c3adc773e7f219182d5e84e724bf9d4046f27d05390f695edada7fcca0"
	for _, tt := range []struct{ setting, address, want string }{
		{`{"ip":"{ip}"}`, "203.0.113.42", `{"ip":"203.0.113.42"}`},
		{`{"ip":"{ip}"}`, "::ffff:203.0.113.42", `{"ip":"203.0.113.42"}`},
		{`{"ip":"{ip}"}`, "fe80::1%eth0", `{"ip":"fe80::1"}`},
		{`{"ip":"{ip}"}`, "127.0.0.1", `{"ip":"127.0.0.1"}`},
		{`{"a":[{"t":"range","v":"{range}"}]}`, "203.0.113.42", `{"a":[{"t":"range","v":"203.0.113.0/24"}]}`},
		{`{"a":[{"t":"range","v":"{range}"}]}`, "2001:db8:1:2:3::7", `{"a":[{"t":"range","v":"2001:db8:1:2::/64"}]}`},
		{`{"ipv{version}Hash":"{hash}"}`, "2001:db8::7", `{"ipv6Hash":"` + hashed6 + `"}`},
		{`{"h":"{hashBase64}","v":{version}}`, "203.0.113.42", `{"h":"2KmeeiSeNtqxwR3+9otIE6/L/lRc8VcUajStXEcNjw8=","v":4}`},
	} {
		g, wire := open(t, func(a *gateway.Account) { a.Settings["ipBinding"] = tt.setting }, gatewaytest.Answer(http.StatusOK, `{"id":"b1","checkoutUrl":"https://c.example/b1"}`))
		opener, _ := g.(gateway.Opener)
		o := order()
		if _, err := opener.OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now, Address: netip.MustParseAddr(tt.address)}); err != nil {
			t.Fatal(err)
		}
		var sent, want map[string]any
		if err := errors.Join(json.Unmarshal([]byte(wire.Calls()[0].Body), &sent), json.Unmarshal([]byte(tt.want), &want)); err != nil {
			t.Fatal(err)
		}
		for member, value := range want {
			if fmt.Sprint(sent[member]) != fmt.Sprint(value) {
				t.Errorf("%s for %s: %s is %v, want %v", tt.setting, tt.address, member, sent[member], value)
			}
		}
		if sent["externalOrderId"] != "ord_01" || sent["fiatAmount"] != "100.00" {
			t.Errorf("%s: the order is %v", tt.setting, sent)
		}
	}
}

// TestPollTries: there is an order at Banxa for each time that the payer came.
func TestPollTries(t *testing.T) {
	t.Parallel()
	poll := func(server http.Handler) ([]gateway.Update, error) {
		g, _ := open(t, nil, server)
		poller, _ := g.(gateway.Poller)
		o := order()
		return poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now})
	}
	for _, tt := range []struct{ theirs, want string }{
		{"expired pendingPayment expired", "pendingPayment"},
		{"expired declined", "expired"},
		{"waitingPayment inProgress expired", "inProgress"},
		{"inProgress complete refunded", "complete"},
		{"brandNew refunded cancelled", "refunded"},
		{"pendingPayment brandNew", "brandNew"},
		{"pendingPayment waitingPayment expired", "waitingPayment"},
	} {
		server := &fake{t: t}
		for _, status := range strings.Fields(tt.theirs) {
			one := listed("ord_01", status, "b "+status)
			if status == "refunded" { // by the other name of the reference
				one["externalOrderId"], one["externalId"] = one["externalId"], nil
			}
			server.orders = append(server.orders, one)
		}
		if updates, err := poll(server); err != nil || len(updates) != 1 || updates[0].ExternalOrderID != "b "+tt.want {
			t.Errorf("of %s: %+v, %v", tt.theirs, updates, err)
		}
	}
	sale, server := order(), &fake{t: t}
	sale.ID, sale.Type = "ord_01s", checkout.Sell
	for _, status := range []string{"pendingPayment", "waitingPayment", "pendingPayment"} {
		server.orders = append(server.orders, listed("ord_01s", status, "b "+status))
	}
	g, _ := open(t, nil, server)
	poller, _ := g.(gateway.Poller)
	if updates, err := poller.Poll(t.Context(), gateway.Request{Order: &sale, Now: now}); err != nil || len(updates) != 1 || updates[0].Deposit == nil {
		t.Errorf("of sales, the one that waits for the crypto is wanted: %+v, %v", updates, err)
	}
	for body, fails := range map[string]bool{
		`{"orders":[null]}`: false, `{"data":{"orders":[]}}`: false, `{"orders":null}`: true, `{"orders":[{"externalId":"ord_01"}]}`: true,
		`{"errors":[{"code":1,"message":"no"}]}`: true,
	} {
		if updates, err := poll(gatewaytest.Answer(http.StatusOK, body)); len(updates) > 0 || (err != nil) != fails {
			t.Errorf("%s: %+v, %v", body, updates, err)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	live := func(a *gateway.Account) { a.Mode = checkout.ModeLive }
	openWith := func(change func(a *gateway.Account), body string) (gateway.Checkout, string, error) {
		g, wire := open(t, change, gatewaytest.Answer(http.StatusOK, body))
		opener, _ := g.(gateway.Opener)
		o := order()
		made, err := opener.OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now, Address: gatewaytest.Payer})
		return made, wire.Calls()[0].URL, err
	}
	for name, tt := range map[string]struct {
		change     func(a *gateway.Account)
		asked, url string
	}{
		"test":       {nil, "https://api.banxa-sandbox.com/acme/v2/buy", "https://c.example/b1?t=1"},
		"live":       {live, "https://api.banxa.com/acme/v2/buy", "https://c.example/b1?t=1"},
		"by setting": {func(a *gateway.Account) { live(a); a.Settings["environment"] = "sandbox" }, "https://api.banxa-sandbox.com/acme/v2/buy", "https://c.example/b1?t=1"},
		"proxied":    {func(a *gateway.Account) { a.Settings["apiBaseURL"] = "http://127.0.0.1:1/b/" }, "http://127.0.0.1:1/b/acme/v2/buy", "https://c.example/b1?t=1"},
		"elsewhere":  {func(a *gateway.Account) { a.Settings["widgetBaseURL"] = "http://127.0.0.1:2/w/" }, "https://api.banxa-sandbox.com/acme/v2/buy", "http://127.0.0.1:2/w/b1?t=1"},
	} {
		made, asked, err := openWith(tt.change, `{"data":{"id":"b1","checkoutUrl":"https://c.example/b1?t=1"}}`)
		if err != nil || made.URL != tt.url || asked != tt.asked {
			t.Errorf("%s: %+v, %v by %s; want %s by %s", name, made, err, asked, tt.url, tt.asked)
		}
	}
	for _, bad := range []string{`{"id":"b1"}`, `{"id":"b1","checkoutUrl":"javascript:alert(1)"}`, `{"id":"b1","checkoutUrl":"/x"}`, `{"checkoutUrl":"https://c.example/b1"}`} {
		if made, _, err := openWith(nil, bad); err == nil {
			t.Errorf("%s makes %+v", bad, made)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for status, say := range map[int]string{http.StatusUnauthorized: "apiKey", http.StatusNotFound: "partner", http.StatusTooManyRequests: "429"} {
		g, _ := open(t, nil, gatewaytest.Answer(status, `{"message":"no `+apiKey+`"}`))
		prober, _ := g.(gateway.Prober)
		if err := prober.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), say) || strings.Contains(err.Error(), apiKey) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestLimits: what the operator doesn't allow isn't listed.
func TestLimits(t *testing.T) {
	t.Parallel()
	g, _ := open(t, nil, nil)
	lister, _ := g.(gateway.Lister)
	for _, f := range lister.List(checkout.Buy, "DE").Fiats {
		if f.Min.String() != "20" || f.Max.String() != "5000" {
			t.Errorf("%s is listed from %s to %s", f.Currency, f.Min, f.Max)
		}
	}
	if listed := lister.List(checkout.Buy, "FR"); len(listed.Fiats)+len(listed.Assets) > 0 {
		t.Errorf("in another country: %+v", listed)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	load := func(instead map[string]http.HandlerFunc) ([]byte, error) {
		server := &fake{t: t}
		g, _ := open(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if then := instead[strings.TrimPrefix(r.URL.Path, "/acme/v2")]; then != nil {
				then(w, r)
				return
			}
			server.ServeHTTP(w, r)
		}))
		loader, _ := g.(gateway.Loader)
		return loader.Load(t.Context())
	}
	show := func(loaded []byte, kind checkout.OrderType, country string) string {
		g, _ := open(t, func(a *gateway.Account) {
			a.Catalogue = loaded
			maps.DeleteFunc(a.Settings, func(key, _ string) bool { return key == "countries" || key == "minAmount" })
		}, nil)
		lister, _ := g.(gateway.Lister)
		c := lister.List(kind, country)
		var text []string
		for _, f := range c.Fiats {
			text = append(text, fmt.Sprintf("%s %s-%s %s", f.Currency, f.Min, f.Max, strings.Join(f.Methods, "+")))
		}
		for _, a := range c.Assets {
			for _, on := range a.Networks {
				text = append(text, a.Code+"/"+on.Network)
			}
		}
		return strings.Join(text, ", ")
	}
	loaded, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		kind          checkout.OrderType
		country, want string
	}{
		"buy":             {checkout.Buy, "", "AUD -5000 payid-bank-transfer, EUR 17-5000 debit-credit-card+sepa+google-pay, ETH/ethereum, ETH/arbitrum, USDC/arbitrum, USDT/tron, USDT/bsc"},
		"buy in Canada":   {checkout.Buy, "CA", "AUD -5000 payid-bank-transfer, EUR 17-5000 debit-credit-card+sepa+google-pay, ETH/ethereum, ETH/arbitrum, USDC/arbitrum, USDT/bsc"},
		"buy in New York": {checkout.Buy, "US", "AUD -5000 payid-bank-transfer, EUR 17-5000 debit-credit-card+sepa+google-pay, ETH/ethereum, ETH/arbitrum, USDC/arbitrum, USDT/tron, USDT/bsc"},
		"sell":            {checkout.Sell, "", "EUR 46-5000 sepa, ETH/ethereum"},
		"elsewhere":       {checkout.Buy, "FR", ""},
	} {
		if got := show(loaded, tt.kind, tt.country); got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
	off := func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusBadRequest, `{"code":4005,"message":"The feature is not enabled"}`)
	}
	if loaded, err = load(map[string]http.HandlerFunc{"/fiats/sell": off}); err != nil || show(loaded, checkout.Sell, "") != "" || show(loaded, checkout.Buy, "") == "" {
		t.Errorf("of an account that may not sell: %s, %v", loaded, err)
	}
	for name, instead := range map[string]map[string]http.HandlerFunc{
		"may not buy":   {"/fiats/buy": off},
		"no countries":  {"/countries": file(`[]`)},
		"no list":       {"/countries": file(`null`)},
		"no fiats":      {"/fiats/buy": file(`[]`)},
		"no cryptos":    {"/crypto/buy": file(`[{"id":"NOPE","blockchains":[{"id":"ETH"}]}]`)},
		"a wrong limit": {"/fiats/buy": file(`[{"id":"EUR","supportedPaymentMethods":[{"id":"x","minimum":"-1"}]}]`)},
		"another kind":  {"/crypto/sell": file(`[{"id":7}]`)},
		"an object":     {"/fiats/sell": file(`{"fiats":[]}`)},
	} {
		if loaded, err := load(instead); err == nil {
			t.Errorf("%s: loaded %s", name, loaded)
		}
	}
}
