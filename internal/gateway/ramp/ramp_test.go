package ramp_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/ramp"
	"github.com/sliproad/sliproad/internal/money"
)

var (
	_ gateway.Provider = (*ramp.Provider)(nil)

	//go:embed testdata/assets.json
	assets string
	//go:embed testdata/offramp_assets.json
	offrampAssets string

	now     = time.UnixMilli(1700000000000)
	scalar  = new(big.Int).SetBytes(seed)
	seed    = []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f")
	signing = ed25519.NewKeyFromSeed(seed)
)

const (
	project    = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	wallet     = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	header     = "X-Body-Signature"
	signingKey = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	notifyURL  = "https://us.example/gateways/ramp/webhook/" + project
)

func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

func order() checkout.Order {
	return checkout.Order{
		ID: "ord_01", ProjectID: project, Type: checkout.Buy, Status: checkout.OrderCreated, FiatAmount: amount("100.00"),
		FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: wallet, RedirectURL: "https://shop.example/ok?a=b c&d=e",
		CustomerID: "cus_1", Email: "jo+x@example.com", Country: "DE",
	}
}

func accountOf(change ...string) gateway.Account {
	settings := gateway.Settings{"hostApiKey": "key", "signingKey": signingKey, "webhookPublicKey": publicKey(scalar)}
	for i := 0; i+1 < len(change); i += 2 {
		settings[change[i]] = change[i+1]
	}
	return gateway.Account{ProjectID: project, Mode: checkout.ModeTest, Settings: settings, NotifyURL: notifyURL, Tokens: gatewaytest.NewTokens()}
}

func mustOpen(a gateway.Account, server http.Handler) gateway.Gateway {
	g, err := ramp.New(&http.Client{Transport: gatewaytest.NewWire(server)}).Open(a)
	if err != nil {
		panic(err)
	}
	return g
}

// TestRecipe holds the test's own recipes, by which URLs and notifications are verified, to the known vectors.
func TestRecipe(t *testing.T) {
	t.Parallel()
	const message = "hostApiKey=key&userAddress=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed&enabledFlows=ONRAMP&defaultFlow=ONRAMP&inAsset=USD&inAssetValue=100&outAsset=ETH_ETH&timestamp=1700000000000"
	if got := base64.StdEncoding.EncodeToString(ed25519.Sign(signing, []byte(message))); got != "BOSVL/kU+3VBrzITllXreYLF6u3zVv5CJY331CQu2jmXolrVAu2e+Zc+KxjaSrWrEBOIJwUAxMi+GH8sWntSCA==" {
		t.Errorf("the URL's signature is %s", got)
	}
	point, err := base64.StdEncoding.DecodeString(publicKey(scalar))
	if err != nil || !bytes.Equal(point[len(point)-65:], secp256k1.PrivKeyFromBytes(seed).PubKey().SerializeUncompressed()) {
		t.Errorf("the public key is %x, %v", point, err)
	}
}

// verifyURL verifies the signature over the bytes that are sent, and where its webhooks go.
func verifyURL(t *testing.T, r gateway.Request, u *url.URL) {
	t.Helper()
	signed, signature, _ := strings.Cut(u.RawQuery, "&signature=")
	text, err := url.QueryUnescape(signature)
	raw, decodeErr := base64.StdEncoding.DecodeString(text)
	public, ok := signing.Public().(ed25519.PublicKey)
	if err != nil || decodeErr != nil || !ok || !ed25519.Verify(public, []byte(signed), raw) {
		t.Errorf("the signature of %s is wrong", u)
	}
	_, stamp, _ := strings.Cut(signed, "&timestamp=")
	told, err := strconv.ParseInt(stamp, 10, 64)
	if ago := r.Now.Sub(time.UnixMilli(told)); err != nil || ago != 0 && r.Now.Equal(now) || ago < 0 || ago > time.Minute || strings.Contains(signed, "+") {
		t.Errorf("%s doesn't end in its time, or has a plus sign", u)
	}
	hook, err := url.Parse(u.Query().Get("webhookStatusUrl") + u.Query().Get("offrampWebhookV3Url"))
	if err != nil {
		t.Fatal(err)
	}
	where, query, _ := strings.Cut(hook.String(), "?")
	outside := strings.HasPrefix(where, "http://127.0.0.1:") && hook.Path == "/gateways/ramp/webhook/"+string(r.Order.ProjectID)
	mac := hook.Query().Get("mac")
	if where != notifyURL && !outside || len(mac) != 43 || query != "order="+string(r.Order.ID)+"&type="+string(r.Order.Type)+"&mac="+mac {
		t.Errorf("the webhooks go to %s", hook)
	}
}

// fake is Ramp's API in good health. It takes requests as they are documented only.
func fake(tb testing.TB) http.Handler {
	tb.Helper()
	mux := http.NewServeMux()
	handle := func(pattern, body string, check func(r *http.Request) bool) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !gatewaytest.Meant(r, "api.demo.rampnetwork.com") || !check(r) {
				tb.Errorf("request %s %s%s", r.Method, r.Host, r.RequestURI)
			}
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		})
	}
	keyed := func(r *http.Request) bool { return r.URL.Query().Get("hostApiKey") == "key" }
	quote := func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		return err == nil && keyed(r) && string(body) == `{"cryptoAssetSymbol":"ETH_ETH","fiatCurrency":"USD","fiatValue":100.00}` && r.Header.Get("Content-Type") == "application/json"
	}
	handle("GET /api/host-api/v3/assets", assets, keyed)
	handle("GET /api/host-api/v3/offramp/assets", offrampAssets, keyed)
	handle("GET /api/host-api/v3/currencies", `[{"fiatCurrency":"EUR","name":"Euro","onrampAvailable":true,"offrampAvailable":true},{"fiatCurrency":"USD","name":"US Dollar","onrampAvailable":true,"offrampAvailable":true},{"fiatCurrency":"BRL","name":"Real","onrampAvailable":true,"offrampAvailable":false},{"fiatCurrency":"NGN","name":"Naira","onrampAvailable":false,"offrampAvailable":false},{"fiatCurrency":"XQZ","name":"?","onrampAvailable":true,"offrampAvailable":true}]`, func(*http.Request) bool { return true })
	handle("POST /api/host-api/v3/onramp/quote/all", `{"asset":{"symbol":"ETH","chain":"ETH","decimals":18,"price":{"USD":4000}},"CARD_PAYMENT":{"fiatCurrency":"USD","cryptoAmount":"24000000000000000","fiatValue":100,"baseRampFee":2.5,"appliedFee":4,"hostFeeCut":1},"PIX":null,"MANUAL_BANK_TRANSFER":{"fiatCurrency":"USD","cryptoAmount":"24750000000000000","fiatValue":100,"baseRampFee":1,"appliedFee":1}}`, quote)
	handle("POST /api/host-api/v3/offramp/quote/all", `{"asset":{"symbol":"ETH","chain":"ETH","decimals":18},"CARD":{"fiatCurrency":"USD","cryptoAmount":"26000000000000000","fiatValue":100,"baseRampFee":4,"appliedFee":4}}`, quote)
	for name, body := range map[string]string{"purchase": `{"id":"p-ord_01","status":"INITIALIZED"}`, "offramp/sale": `{"id":"p-ord_01s","fiat":{"status":"not-started"}}`} {
		handle("GET /api/host-api/"+name+"/{id}", body, func(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("secret"), "view-token-") })
	}
	return mux
}

// hook is the path to which the order's notifications come: Ramp keeps it as the URL has it.
func hook(o *checkout.Order) string {
	at := o.CheckoutURL
	if at == "" {
		c, err := mustOpen(accountOf(), nil).(gateway.Opener).OpenCheckout(context.Background(), gateway.Request{Order: o, Now: now})
		if err != nil {
			panic(err)
		}
		at = c.URL
	}
	u, err := url.Parse(at)
	if err != nil {
		panic(err)
	}
	to, err := url.Parse(u.Query().Get("webhookStatusUrl") + u.Query().Get("offrampWebhookV3Url"))
	if err != nil {
		panic(err)
	}
	return to.RequestURI()
}

func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// canonical is JSON with its members sorted and no space; the numbers of the tests have but one form.
func canonical(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		panic(err)
	}
	return marshal(v)
}

func signed(o *checkout.Order, body []byte) gateway.Notification {
	return gateway.Notification{
		ProjectID: project, Path: hook(o), Body: body, Now: now,
		Header: map[string][]string{header: {signBody(scalar, canonical(body), len(body)%2 == 0)}},
	}
}

// purchaseOf is a RampPurchase as the documentation shows it.
func purchaseOf(o *checkout.Order, status, id string) map[string]any {
	return map[string]any{
		"id": "p-" + string(o.ID), "purchaseViewToken": "view-token-" + string(o.ID), "status": status, "endTime": nil,
		"asset":        map[string]any{"symbol": "ETH", "chain": "ETH", "name": "Ether", "decimals": 18, "type": "NATIVE", "address": nil},
		"cryptoAmount": "24625000000000000", "fiatCurrency": o.FiatCurrency, "fiatValue": 100, "assetExchangeRate": 4000,
		"baseRampFee": 1, "networkFee": json.Number("0.5"), "appliedFee": json.Number("1.5"), "receiverAddress": strings.ToLower(o.WalletAddress),
		"finalTxHash": "0xabc", "paymentMethodType": "CARD_PAYMENT", "createdAt": "2026-03-01T12:00:00.000Z", "updatedAt": "2026-03-01T12:00:01.000Z-" + id,
	}
}

func saleOf(o *checkout.Order, status, id string) map[string]any {
	return map[string]any{
		"id": "p-" + string(o.ID), "saleViewToken": "view-token-" + string(o.ID), "transactionHash": "0xdef", "exchangeRate": "4000",
		"crypto": map[string]any{"amount": "25000000000000000", "status": nil, "assetInfo": map[string]any{"symbol": "ETH", "chain": "ETH", "decimals": 18}},
		"fiat":   map[string]any{"amount": "98.50", "currencySymbol": o.FiatCurrency, "status": status, "payoutMethod": "SEPA"},
		"fees":   map[string]any{"amount": "1.5", "currencySymbol": "USD"}, "updatedAt": "2026-03-01T12:00:01.000Z-" + id,
	}
}

func notify(o *checkout.Order, status, id string, _ time.Time) gateway.Notification {
	if o.Type == checkout.Sell {
		return signed(o, marshal(map[string]any{"id": id, "type": status, "mode": "OFFRAMP", "payload": saleOf(o, "not-started", id)}))
	}
	return signed(o, marshal(map[string]any{"type": status, "purchase": purchaseOf(o, "INITIALIZED", id)}))
}

func suite(tb testing.TB) gatewaytest.Case {
	tb.Helper()
	a := accountOf("minAmount", "20 USD", "maxAmount", "5000 USD", "countries", "DE, US")
	buy := order()
	sell := buy
	sell.ID, sell.Type = "ord_01s", checkout.Sell
	for _, o := range []*checkout.Order{&buy, &sell} { // by this their purchase and sale can be asked for
		if _, err := mustOpen(a, nil).ParseNotification(tb.Context(), notify(o, "CREATED", "n0", now)); err != nil {
			tb.Fatal(err)
		}
	}
	polled := func(_ *testing.T, o *checkout.Order, status string) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /api/host-api/purchase/p-"+string(o.ID), gatewaytest.Answer(200, string(marshal(purchaseOf(o, status, "p")))))
		sale := saleOf(o, "not-started", "p")
		sale["status"] = status
		mux.Handle("GET /api/host-api/offramp/sale/p-"+string(o.ID), gatewaytest.Answer(200, string(marshal(sale))))
		return mux
	}
	return gatewaytest.Case{
		Page: "../../../docs/gateways/ramp.md",
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return ramp.New(client) }, Account: a, Server: fake(tb),
			APIPath: "/api", Another: gateway.Settings{"webhookPublicKey": publicKey(big.NewInt(7))},
			Malformed: map[string][]string{
				"signingKey":       {"nonsense!", signingKey[4:], publicKey(scalar), base64.StdEncoding.EncodeToString(seed)},
				"webhookPublicKey": {"nonsense!", signingKey, publicKey(scalar)[:100], publicKey(scalar)[4:]},
			},
		},
		Order: buy,
		Refusals: []gatewaytest.Refusal{
			refuse("crypto", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "cryptoCurrency"),
			refuse("fiat", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency = "NGN" }, "fiatCurrency"),
			refuse("network", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "linea" }, "network"),
			refuse("too little", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("19.99") }, "fiatAmount"),
			refuse("too much", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("5000.01") }, "fiatAmount"),
			refuse("country", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "FR" }, "gateway"),
			refuse("tag", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "12" }, "walletTag"),
			refuse("tag of a seller", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Type, o.WalletTag = checkout.Sell, "12" }, "walletTag"),
		},
		Statuses: []gatewaytest.Status{
			{Theirs: "CREATED", Ours: checkout.OrderPending},
			{Theirs: "RELEASED", Ours: checkout.OrderCompleted},
			{Theirs: "RETURNED", Ours: checkout.OrderRefunded, Only: checkout.Buy},
			{Theirs: "EXPIRED", Ours: checkout.OrderExpired, Only: checkout.Sell},
			{Theirs: "ERROR", Ours: checkout.OrderProcessing},
		},
		PollStatuses: pollStatuses, Unknown: "RELEASED_MAYBE", Checkouts: checkouts(), VerifyURL: verifyURL, Quotes: quotes(),
		Notify: notify, Unreadable: unreadable, Canonical: true, SignatureHeader: header, Now: now,
		Polled: polled, PollsByNotification: true, Unheard: gatewaytest.Answer(404, `{"message":"Not found","statusCode":404}`),
	}
}

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

var pollStatuses = []gatewaytest.Status{
	{Theirs: "INITIALIZED", Ours: checkout.OrderPending, Only: checkout.Buy},
	{Theirs: "PAYMENT_STARTED", Ours: checkout.OrderPending, Only: checkout.Buy},
	{Theirs: "PAYMENT_FAILED", Ours: checkout.OrderPending, Only: checkout.Buy},
	{Theirs: "PAYMENT_IN_PROGRESS", Ours: checkout.OrderProcessing, Only: checkout.Buy},
	{Theirs: "PAYMENT_EXECUTED", Ours: checkout.OrderProcessing, Only: checkout.Buy},
	{Theirs: "FIAT_SENT", Ours: checkout.OrderProcessing, Only: checkout.Buy},
	{Theirs: "FIAT_RECEIVED", Ours: checkout.OrderProcessing, Only: checkout.Buy},
	{Theirs: "RELEASING", Ours: checkout.OrderProcessing, Only: checkout.Buy},
	{Theirs: "RELEASED", Ours: checkout.OrderCompleted, Only: checkout.Buy},
	{Theirs: "EXPIRED", Ours: checkout.OrderExpired, Only: checkout.Buy},
	{Theirs: "CANCELLED", Ours: checkout.OrderCancelled, Only: checkout.Buy},
	{Theirs: "REVIEW_REJECTED", Ours: checkout.OrderFailed, Only: checkout.Buy},
	{Theirs: "RETURNED", Ours: checkout.OrderRefunded, Only: checkout.Buy},
	{Theirs: "FIAT_RETURNED", Ours: checkout.OrderRefunded, Only: checkout.Buy},
	{Theirs: "", Ours: checkout.OrderPending, Only: checkout.Sell},
	{Theirs: "CREATED", Ours: checkout.OrderPending, Only: checkout.Sell},
	{Theirs: "RELEASED", Ours: checkout.OrderCompleted, Only: checkout.Sell},
	{Theirs: "EXPIRED", Ours: checkout.OrderExpired, Only: checkout.Sell},
}

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, suite(t))
}

func checkouts() []gatewaytest.Checkout {
	const rest = "&selectedCountryCode=DE&userEmailAddress=jo%2Bx%40example.com&finalUrl=https%3A%2F%2Fshop.example%2Fok%3Fa%3Db%20c%26d%3De"
	const demo = "https://app.demo.rampnetwork.com?hostApiKey=key"
	varying := []string{"signature", "timestamp", "webhookStatusUrl", "offrampWebhookV3Url"}
	return []gatewaytest.Checkout{
		{
			Name: "buy", Varying: varying, Sent: []gatewaytest.Call{},
			URL: demo + rest + "&userAddress=" + wallet + "&enabledFlows=ONRAMP&defaultFlow=ONRAMP&enabledCryptoAssets=ETH_ETH&inAsset=USD&inAssetValue=100.00&outAsset=ETH_ETH",
		},
		{
			Name: "another asset and network", Varying: varying, Change: func(r *gateway.Request) { r.Order.CryptoCurrency, r.Order.Network = "USDC", "polygon" },
			URL: demo + rest + "&userAddress=" + wallet + "&enabledFlows=ONRAMP&defaultFlow=ONRAMP&enabledCryptoAssets=MATIC_USDC&inAsset=USD&inAssetValue=100.00&outAsset=MATIC_USDC",
		},
		{
			Name: "sell", Sell: true, Varying: varying, Sent: []gatewaytest.Call{},
			URL: demo + rest + "&userAddress=" + wallet + "&enabledFlows=OFFRAMP&defaultFlow=OFFRAMP&enabledCryptoAssets=ETH_ETH&inAsset=ETH_ETH&outAsset=USD&outAssetValue=100.00",
		},
		{
			Name: "no more than there is", Varying: varying, URL: demo + "&enabledFlows=ONRAMP&defaultFlow=ONRAMP&enabledCryptoAssets=BTC_BTC&inAsset=EUR&inAssetValue=20&outAsset=BTC_BTC",
			Change: func(r *gateway.Request) {
				r.Address = netip.Addr{}
				r.Order = &checkout.Order{ID: "ord_02", Type: checkout.Buy, FiatAmount: amount("20"), FiatCurrency: "EUR", CryptoCurrency: "BTC", Network: "bitcoin"}
			},
		},
		{Name: "gone", Refused: "any longer", Change: func(r *gateway.Request) { r.Order.Network = "linea" }},
	}
}

func quotes() []gatewaytest.Quote {
	bought := gateway.Quote{
		FiatAmount: amount("100"), CryptoAmount: amount("0.024"), Rate: amount("4000"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
		Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("3")}, {Type: gateway.FeePartner, Amount: amount("1")}},
	}
	byBank, sold := bought, bought
	byBank.CryptoAmount, byBank.PaymentMethod, byBank.Fees = amount("0.02475"), "bank-transfer", []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("1")}}
	sold.CryptoAmount, sold.Fees = amount("0.026"), []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("4")}}
	method := func(id string) func(*gateway.QuoteRequest) {
		return func(r *gateway.QuoteRequest) { r.PaymentMethod = id }
	}
	return []gatewaytest.Quote{
		{Name: "buy", Want: bought, Sent: []gatewaytest.Call{{
			Method: "POST", URL: "https://api.demo.rampnetwork.com/api/host-api/v3/onramp/quote/all?hostApiKey=key",
			Body: `{"cryptoAssetSymbol":"ETH_ETH","fiatCurrency":"USD","fiatValue":100.00}`,
		}}},
		{Name: "by bank", Want: byBank, Change: method("bank-transfer")},
		{Name: "sell", Sell: true, Want: sold},
		{Name: "unknown method", Code: checkout.CodeValidation, Change: method("shells")},
		{Name: "method not offered", Code: checkout.CodeValidation, Change: method("pix")},
		{Name: "not served", Code: checkout.CodeInvalidCurrency, Change: func(r *gateway.QuoteRequest) { r.Order.CryptoCurrency = "NOPE" }},
		{Name: "currency", Code: checkout.CodeInvalidCurrency, Server: gatewaytest.Answer(400, `{"code":"SERVICES.HOST_API.UNSUPPORTED_CURRENCY_FOR_REQUESTED_PAYMENT_METHOD","statusCode":400}`)},
		{Name: "amount", Code: checkout.CodeInvalidAmount, Server: gatewaytest.Answer(400, `{"code":"SERVICES.HOST_API.AMOUNT_TOO_LOW","statusCode":400}`)},
		{Name: "asset", Code: checkout.CodeInvalidCurrency, Server: gatewaytest.Answer(400, `{"code":"SERVICES.HOST_API.ASSET_DISABLED","statusCode":400}`)},
		{Name: "another refusal", Failed: true, Server: gatewaytest.Answer(400, `{"code":"SERVICES.HOST_API.OTHER"}`)},
		{Name: "no method", Failed: true, Server: gatewaytest.Answer(200, `{"asset":{"decimals":18}}`)},
		{Name: "negative", Failed: true, Server: gatewaytest.Answer(200, `{"asset":{"decimals":18},"CARD_PAYMENT":{"cryptoAmount":"-5","fiatValue":100}}`)},
		{Name: "nothing", Failed: true, Server: gatewaytest.Answer(200, `{"asset":{"decimals":18},"CARD_PAYMENT":{"cryptoAmount":"0","fiatValue":100}}`)},
	}
}

func unreadable(o *checkout.Order, _ time.Time) map[string]gateway.Notification {
	released := func(p string) string { return `{"type":"RELEASED","purchase":` + p + `}` }
	bodies := map[string]string{
		"array": `[]`, "empty": `{}`, "no type": `{"purchase":{"id":"1"}}`, "type is a number": `{"type":1,"purchase":{"id":"1"}}`,
		"no purchase": `{"type":"CREATED"}`, "a sale": `{"id":"1","type":"CREATED","mode":"OFFRAMP","payload":{"id":"1"}}`, "no id": `{"type":"CREATED","purchase":{}}`,
		"negative": released(`{"id":"1","asset":{"symbol":"ETH","chain":"ETH","decimals":18},"cryptoAmount":"-1","fiatValue":100}`),
		"fraction": released(`{"id":"1","asset":{"symbol":"ETH","chain":"ETH","decimals":18},"cryptoAmount":"1.5","fiatValue":100}`),
		"fiat":     released(`{"id":"1","asset":{"symbol":"ETH","chain":"ETH","decimals":18},"cryptoAmount":"1","fiatValue":-100}`),
		"wallet":   released(`{"id":"1","receiverAddress":"\u0000"}`),
		"symbol":   released(`{"id":"1","asset":{"symbol":"` + strings.Repeat("x", 256) + `"}}`),
		"decimals": released(`{"id":"1","asset":{"symbol":"ETH","chain":"ETH"},"cryptoAmount":"1","fiatValue":100}`),
		"long":     `{"type":"CREATED","purchase":{"id":"` + strings.Repeat("x", 256) + `"}}`, "NUL": `{"type":"CREATED","purchase":{"id":"1\u0000"}}`,
	}
	notifications := map[string]gateway.Notification{}
	for name, body := range bodies {
		notifications[name] = signed(o, []byte(body))
	}
	return notifications
}

// TestSignature verifies the known vector over canonical JSON, in the two forms of a signature, and refuses what is near.
func TestSignature(t *testing.T) {
	t.Parallel()
	const canonicalBody = `{"purchase":{"a":null,"cryptoAmount":"2000000","fiatValue":100,"id":"p1","é":1e+21},"type":"CREATED"}`
	const vector = `{"purchase":{"a":null,"cryptoAmount":"2000000","fiatValue":100,"id":"p1","é":1e+21},"type":"RELEASED"}`
	const known = "MEUCIQC4w8NEY3nX4Lm7z/BD8KmQCA7KGI/C6jYcCe+BpDWusAIgObB9bHLwij8yecxFhUtC+hfhgB3ilZPITU4Ta4Ft0gI="
	o := order()
	g := mustOpen(accountOf(), nil)
	cases := []struct {
		name, body, signature, path string
		want                        error
	}{
		{"known", vector, known, hook(&o), gateway.ErrMalformed}, // genuine, but its purchase has no asset
		{"known, as it may come", `{"type":"RELEASED", "purchase":{"id":"p1","fiatValue":1e2,"cryptoAmount":"2000000","\u00e9":1000000000000000000000,"a":null}}`, known, hook(&o), gateway.ErrMalformed},
		{"known, but changed", strings.Replace(vector, "2000000", "2000001", 1), known, hook(&o), gateway.ErrForged},
		{"low", canonicalBody, signBody(scalar, []byte(canonicalBody), false), hook(&o), nil},
		{"high", canonicalBody, signBody(scalar, []byte(canonicalBody), true), hook(&o), nil},
		{"another key", canonicalBody, signBody(big.NewInt(7), []byte(canonicalBody), false), hook(&o), gateway.ErrForged},
		{"doubled member", `{"purchase":{"id":"p1"},"type":"CREATED","type":"RELEASED"}`, signBody(scalar, []byte(`{"purchase":{"id":"p1"},"type":"RELEASED"}`), false), hook(&o), gateway.ErrForged},
		{"no reference", canonicalBody, signBody(scalar, []byte(canonicalBody), false), "/gateways/ramp/webhook/" + project, gateway.ErrForged},
		{"another order", canonicalBody, signBody(scalar, []byte(canonicalBody), false), strings.Replace(hook(&o), "ord_01", "ord_02", 1), gateway.ErrForged},
		{"another type", canonicalBody, signBody(scalar, []byte(canonicalBody), false), strings.Replace(hook(&o), "type=buy", "type=sell", 1), gateway.ErrForged},
		{"cut reference", canonicalBody, signBody(scalar, []byte(canonicalBody), false), strings.TrimSuffix(hook(&o), hook(&o)[len(hook(&o))-1:]), gateway.ErrForged},
		{"more of a query", canonicalBody, signBody(scalar, []byte(canonicalBody), false), hook(&o) + "&more=1", nil},
		{"a bad query", canonicalBody, signBody(scalar, []byte(canonicalBody), false), hook(&o) + "&%zz", gateway.ErrForged},
	}
	for _, tt := range cases {
		n := gateway.Notification{ProjectID: project, Path: tt.path, Header: map[string][]string{header: {tt.signature}}, Body: []byte(tt.body), Now: now}
		if updates, err := g.ParseNotification(t.Context(), n); !errors.Is(err, tt.want) || (err == nil) != (len(updates) == 1) {
			t.Errorf("%s: %+v, %v; want %v", tt.name, updates, err, tt.want)
		}
	}
	for name, a := range map[string]gateway.Account{"demo": accountOf("webhookPublicKey", ""), "production": accountOf("webhookPublicKey", "", "environment", "production")} {
		n := gateway.Notification{ProjectID: project, Path: hook(&o), Header: map[string][]string{header: {known}}, Body: []byte(vector), Now: now}
		if _, err := mustOpen(a, nil).ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
			t.Errorf("by the documented key of %s: %v", name, err)
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	for _, tt := range []struct {
		o            *checkout.Order
		crypto, hash string
	}{{&buy, "0.024625", "0xabc"}, {&sell, "0.025", "0xdef"}} {
		updates, err := mustOpen(accountOf(), nil).ParseNotification(t.Context(), notify(tt.o, "RELEASED", "1", now))
		if err != nil || len(updates) != 1 {
			t.Fatalf("%+v, %v", updates, err)
		}
		if u := updates[0]; u.CryptoAmount.String() != tt.crypto || u.TransactionHash != tt.hash || u.ExternalOrderID != "p-ord_01" {
			t.Errorf("%s: %+v", tt.o.Type, u)
		}
	}
}

// TestPoll asks for the purchases that an order has had: none, and two, of which one came through.
func TestPoll(t *testing.T) {
	t.Parallel()
	o := order()
	a := accountOf()
	poll := func(server http.Handler) ([]gateway.Update, error) {
		return mustOpen(a, server).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
	}
	if updates, err := poll(nil); err != nil || len(updates) != 0 {
		t.Errorf("before any notification: %+v, %v", updates, err)
	}
	mux := http.NewServeMux()
	for id, status := range map[string]string{"first": "RELEASED", "second": "CANCELLED"} {
		p := purchaseOf(&o, status, "1")
		p["id"], p["purchaseViewToken"] = id, "token-"+id
		mux.HandleFunc("GET /api/host-api/purchase/"+id, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "secret=token-"+id {
				t.Errorf("asked with %s", r.URL.RawQuery)
			}
			w.Write(marshal(p))
		})
		for range 2 { // the second time is a replay
			if _, err := mustOpen(a, nil).ParseNotification(t.Context(), signed(&o, marshal(map[string]any{"type": "CREATED", "purchase": p}))); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept, err := a.Tokens.Known(t.Context(), "view ord_01")
	if err != nil || len(kept) != 2 {
		t.Errorf("kept: %q, %v", kept, err)
	}
	if updates, err := poll(mux); err != nil || len(updates) != 1 || updates[0].Status != checkout.OrderCompleted || updates[0].ExternalOrderID != "first" {
		t.Errorf("two purchases: %+v, %v", updates, err)
	}
	other := o
	other.Network = "base"
	updates, err := mustOpen(a, mux).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &other, Now: now})
	if err != nil || len(updates) != 1 || updates[0].Status != checkout.OrderCompleted || updates[0].Paid.Network != "ethereum" {
		t.Errorf("another network: %+v, %v", updates, err)
	}
	for _, server := range []http.Handler{gatewaytest.Answer(500, `{"message":"secret token-first token-second"}`), nil} {
		if updates, err := poll(server); err == nil || strings.Contains(err.Error(), "token-first") || strings.Contains(err.Error(), "token-second") {
			t.Errorf("a view token in an error: %+v, %v", updates, err)
		}
	}
}

// TestAddress binds URLs to the payer's address, where the account has a secret for it.
func TestAddress(t *testing.T) {
	t.Parallel()
	o := order()
	g := mustOpen(accountOf("ipHashSecret", "secret-a"), nil)
	open := func(address string) (gateway.Checkout, error) {
		return g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now, Address: netip.MustParseAddr(address)})
	}
	for address, form := range map[string]string{"203.0.113.42": "203.0.113.42", "::ffff:203.0.113.42": "203.0.113.42", "2001:db8:0::1": "2001:db8::1"} {
		c, err := open(address)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(c.URL)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte("secret-a-key-" + form))
		if got := u.Query().Get("ipHash"); got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: ipHash = %s", address, got)
		}
		verifyURL(t, gateway.Request{Order: &o, Now: now}, u)
	}
	if c, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now}); err == nil || strings.Contains(err.Error(), "secret-a") {
		t.Errorf("for an unknown address: %s, %v", c.URL, err)
	}
}

// TestCatalogue looks at what the account serves once the lists have been loaded.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	a := accountOf()
	loaded, err := mustOpen(a, fake(t)).(gateway.Loader).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.Catalogue = loaded
	g := mustOpen(a, nil)
	for kind, want := range map[checkout.OrderType][]string{
		checkout.Buy:  {"BTC/bitcoin", "ETH/ethereum", "ETH/zksync", "USDC/polygon", "SOL/solana", "BRL  ", "EUR 4.5 20000", "USD 4.5 20000"},
		checkout.Sell: {"BTC/bitcoin", "ETH/ethereum", "EUR 6.62 ", "USD 6.62 "},
	} {
		var got []string
		listed := g.(gateway.Lister).List(kind, "")
		for _, a := range listed.Assets {
			for _, n := range a.Networks {
				got = append(got, a.Code+"/"+n.Network)
			}
		}
		for _, f := range listed.Fiats {
			got = append(got, f.Currency+" "+f.Min.String()+" "+f.Max.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestProduction looks at the hosts of the other world, and at those that an operator may set.
func TestProduction(t *testing.T) {
	t.Parallel()
	live := accountOf()
	live.Mode = checkout.ModeLive
	for want, a := range map[string]gateway.Account{
		"https://app.rampnetwork.com?hostApiKey=key&": live, "http://127.0.0.1:9/w?hostApiKey=key&": accountOf("widgetBaseURL", "http://127.0.0.1:9/w/"),
	} {
		o := order()
		c, err := mustOpen(a, nil).(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || !strings.HasPrefix(c.URL, want) {
			t.Errorf("%q, %v; want %s…", c.URL, err, want)
		}
	}
	pem := "-----BEGIN PRIVATE KEY-----\n" + signingKey + "\n-----END PRIVATE KEY-----\n"
	public := "-----BEGIN PUBLIC KEY-----\n" + publicKey(scalar)[:64] + "\n" + publicKey(scalar)[64:] + "\n-----END PUBLIC KEY-----\n"
	if _, err := ramp.New(nil).Open(accountOf("signingKey", pem, "webhookPublicKey", public)); err != nil {
		t.Errorf("keys in PEM: %v", err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	if err := mustOpen(accountOf(), fake(t)).(gateway.Prober).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	err := mustOpen(accountOf(), gatewaytest.Answer(400, `{"code":"SERVICES.HOST_API.INVALID_KEY"}`)).(gateway.Prober).Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "hostApiKey was not taken") {
		t.Errorf("a wrong key: %v", err)
	}
}

func FuzzParseNotification(f *testing.F) {
	o := order()
	path, key := hook(&o), secp256k1.PrivKeyFromBytes(seed)
	f.Add("MEUCIQC4w8NE", []byte(`{"type":"RELEASED","purchase":{"id":"1","asset":{"decimals":18},"cryptoAmount":"1","fiatValue":1e2}}`))
	gatewaytest.Fuzz(f, suite(f), func(body []byte) gateway.Notification {
		n := gateway.Notification{ProjectID: project, Path: path, Body: body, Now: now, Header: map[string][]string{}}
		if canonical, err := jcs.Transform(body); err == nil {
			sum := sha256.Sum256(canonical)
			n.Header[header] = []string{base64.StdEncoding.EncodeToString(ecdsa.Sign(key, sum[:]).Serialize())}
		}
		return n
	})
}
