package moonpay_test

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/moonpay"
	"github.com/sliproad/sliproad/internal/money"
)

var (
	_ gateway.Provider = (*moonpay.Provider)(nil)

	//go:embed testdata/currencies.json
	currencies string
	//go:embed testdata/countries.json
	countries string

	now = time.Unix(1492774577, 0)
)

const (
	project = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	wallet  = "0xde0b295669a9fd93d5f28d9ec85e40f4cb697bae"
	header  = "Moonpay-Signature-V2"
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
		CustomerID: "cus_1", ExternalCustomerID: "their/1", Email: "jo+x@example.com", Country: "DE",
	}
}

func accountOf(change ...string) gateway.Account {
	settings := gateway.Settings{"apiKey": "pk_test_key", "secretKey": "sk_test_key", "webhookKey": "wk_test_key"}
	for i := 0; i+1 < len(change); i += 2 {
		settings[change[i]] = change[i+1]
	}
	return gateway.Account{ProjectID: project, Mode: checkout.ModeTest, Settings: settings, NotifyURL: "https://us.example/gateways/moonpay/webhook/" + project}
}

func open(t *testing.T, a gateway.Account, server http.Handler) gateway.Gateway {
	t.Helper()
	g, err := moonpay.New(&http.Client{Transport: gatewaytest.NewWire(server)}).Open(a)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// sign is the recipe of widget/on-ramp/customization/url-signing and ip-matching.
func sign(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// TestRecipe holds the test's own recipe, by which URLs are verified, to the published vectors.
func TestRecipe(t *testing.T) {
	t.Parallel()
	cases := []struct{ key, message, want string }{
		{"sk_test_key", "?apiKey=pk_test_key&currencyCode=eth&walletAddress=" + wallet, "o1eO2arzL16TstEolGakHHFa33Mb61RCTfqToRWg7PA="},
		{"secretKey2", "1.2.3.4", "CN35SFB5PKS4vkiZ4CglTxRgTAaUHBLGZcenAw6gHEY="},
		{"secretKey2", "?apiKey=apiKey2&currencyCode=btc&walletAddress=bitcoin%3A123123&baseCurrencyCode=usd&baseCurrencyAmount=500&externalTransactionId=123123&redirectURL=bitpay%3A%2F%2Fmoonpay&allowedIpAddress=CN35SFB5PKS4vkiZ4CglTxRgTAaUHBLGZcenAw6gHEY%3D", "3XxjRX3EMj2RNaoAwgOwFBOiVTXsgAS7C50uJf9SsvM="},
		{"secretKey2", "?apiKey=apiKey2&baseCurrencyCode=btc&baseCurrencyAmount=500&externalTransactionId=123123&redirectURL=bitpay%3A%2F%2Fmoonpay&quoteCurrencyCode=usd&refundWalletAddress=bitcoin%3A123123", "otiVaKVxKT+RNOfkSMOk07U3JxY4DrpPAztiXl5Wvjc="},
	}
	for _, tt := range cases {
		if got := sign(tt.key, tt.message); got != tt.want {
			t.Errorf("%s by %s: %s, want %s", tt.message, tt.key, got, tt.want)
		}
	}
}

// verifyURL recomputes the signature over the bytes that are sent, and the hash of the payer's address.
func verifyURL(t *testing.T, r gateway.Request, u *url.URL) {
	t.Helper()
	signed, signature, ok := strings.Cut("?"+u.RawQuery, "&signature=")
	if text, err := url.QueryUnescape(signature); !ok || err != nil || text != sign("sk_test_key", signed) {
		t.Errorf("the signature of %s is wrong", u)
	}
	if strings.Contains(u.RawQuery, "+") {
		t.Errorf("%s has a plus sign, which is a space to some", u)
	}
	want := sign("sk_test_key", r.Address.String())
	if r.Order.Type == checkout.Sell {
		want = ""
	}
	if got := u.Query().Get("allowedIpAddress"); got != want {
		t.Errorf("allowedIpAddress = %q, want %q", got, want)
	}
}

// fake is MoonPay's API in good health. It takes requests as they are documented only.
func fake(tb testing.TB) http.Handler {
	tb.Helper()
	mux := http.NewServeMux()
	answer := func(pattern string, want url.Values, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !gatewaytest.Meant(r, "api.moonpay.com") || strings.Contains(r.URL.RawQuery, "sk_") || r.Header.Get("Authorization") != "" {
				tb.Errorf("request to %s%s", r.Host, r.RequestURI)
			}
			for name, values := range want {
				if !slices.Equal(r.URL.Query()[name], values) {
					tb.Errorf("%s: %s = %q, want %q", r.URL.Path, name, r.URL.Query()[name], values)
				}
			}
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		})
	}
	key := url.Values{"apiKey": {"pk_test_key"}}
	answer("GET /v3/currencies/eth/buy_quote", key, `{"baseCurrencyAmount":95.01,"quoteCurrencyAmount":0.0237,"quoteCurrencyPrice":4008.86,"feeAmount":3.99,"extraFeeAmount":0,"networkFeeAmount":1,"totalAmount":100,"paymentMethod":"credit_debit_card","signature":"x"}`)
	answer("GET /v3/currencies/eth/sell_quote", key, `{"baseCurrencyAmount":0.026,"quoteCurrencyAmount":100,"baseCurrencyPrice":4000,"feeAmount":3,"extraFeeAmount":1,"payoutMethod":"sepa_bank_transfer","expiresAt":"2017-04-21T11:38:17.000Z"}`)
	answer("GET /v3/currencies/btc/limits", url.Values{"apiKey": {"pk_test_key"}, "baseCurrencyCode": {"usd"}}, `{"paymentMethod":"credit_debit_card"}`)
	answer("GET /v3/currencies", nil, currencies)
	answer("GET /v3/countries", nil, countries)
	answer("GET /v1/transactions/ext/{id}", key, `[]`)
	answer("GET /v3/sell_transactions/ext/{id}", key, `[]`)
	return mux
}

// data is a transaction as the documentation shows it. The status may have a reason after a slash.
func data(o *checkout.Order, status, id string) map[string]any {
	status, reason, _ := strings.Cut(status, "/")
	stages := []map[string]any{{"stage": "stage_one_ordering", "status": "success", "failureReason": nil}}
	if reason != "" {
		stages = append(stages, map[string]any{"stage": "stage_three_processing", "status": "failed", "failureReason": reason})
	}
	d := map[string]any{
		"id": "bda09e91-" + o.ID, "createdAt": "2022-08-31T10:00:03.640Z", "updatedAt": "2022-08-31T10:00:31.251Z-" + id,
		"status": status, "externalTransactionId": o.ID, "externalCustomerId": o.CustomerID, "feeAmount": json.Number("3.99"), "extraFeeAmount": 0,
		"failureReason": nil, "stages": stages,
	}
	if o.Type == checkout.Sell {
		d["externalTransactionId"] = o.ID + "-sell"
		d["baseCurrencyAmount"], d["quoteCurrencyAmount"] = json.Number("0.1819"), json.Number("100.00")
		d["baseCurrency"] = map[string]any{"type": "crypto", "code": "eth", "metadata": map[string]any{"networkCode": "ethereum"}}
		d["quoteCurrency"] = map[string]any{"type": "fiat", "code": "usd"}
		d["depositHash"], d["refundHash"], d["refundWalletAddress"] = "0xdeposit", nil, o.WalletAddress
		return d
	}
	d["baseCurrencyAmount"], d["quoteCurrencyAmount"], d["networkFeeAmount"] = json.Number("95.45"), json.Number("0.1819"), json.Number("0.56")
	d["areFeesIncluded"], d["walletAddress"], d["walletAddressTag"] = true, o.WalletAddress, nil
	d["baseCurrency"], d["cryptoTransactionId"] = map[string]any{"type": "fiat", "code": "usd"}, "0x6751"
	d["currency"] = map[string]any{"type": "crypto", "code": "eth"}
	return d
}

// signed signs a body by the recipe of api-reference/widget/webhooks/signature.
func signed(body []byte, at time.Time) gateway.Notification {
	mac := hmac.New(sha256.New, []byte("wk_test_key"))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	value := fmt.Sprintf("t=%d,s=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
	return gateway.Notification{ProjectID: project, Header: map[string][]string{header: {value}}, Body: body, Now: at}
}

func marshal(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}

func notify(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
	kind := "transaction_updated"
	if o.Type == checkout.Sell {
		kind = "sell_transaction_updated"
	}
	return signed(marshal(map[string]any{"type": kind, "data": data(o, status, id), "externalCustomerId": "cus_1"}), at)
}

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

func suite(tb testing.TB) gatewaytest.Case {
	tb.Helper()
	currency, network, amt := checkout.CodeInvalidCurrency, checkout.CodeInvalidNetwork, checkout.CodeInvalidAmount
	polled := func(_ *testing.T, o *checkout.Order, status string) http.Handler {
		mux := http.NewServeMux()
		path := "GET /v1/transactions/ext/" + string(o.ID)
		if o.Type == checkout.Sell {
			path = "GET /v3/sell_transactions/ext/" + string(o.ID) + "-sell"
		}
		mux.Handle(path, gatewaytest.Answer(http.StatusOK, string(marshal([]any{data(o, status, "p")}))))
		return mux
	}
	return gatewaytest.Case{
		Page: "../../../docs/gateways/moonpay.md",
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return moonpay.New(client) },
			Account:  accountOf("minAmount", "20 USD", "maxAmount", "5000 USD", "countries", "DE, US"), Server: fake(tb),
			Malformed: map[string][]string{
				"apiKey":    {"pk_live_key", "sk_test_key", "pk_test_", "nonsense"},
				"secretKey": {"sk_live_keykey", "pk_test_keykey", "nonsense"},
			},
			Another: gateway.Settings{"webhookKey": "wk_test_another"},
		},
		Order: order(),
		Refusals: []gatewaytest.Refusal{
			refuse("crypto", currency, func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "cryptoCurrency"),
			refuse("fiat", currency, func(o *checkout.Order) { o.FiatCurrency = "JPY" }, "fiatCurrency"),
			refuse("network", network, func(o *checkout.Order) { o.Network = "linea" }, "network"),
			refuse("too little", amt, func(o *checkout.Order) { o.FiatAmount = amount("19.99") }, "fiatAmount"),
			refuse("too much", amt, func(o *checkout.Order) { o.FiatAmount = amount("5000.01") }, "fiatAmount"),
			refuse("no amount", amt, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
			refuse("several", currency, func(o *checkout.Order) { o.FiatCurrency, o.Network, o.FiatAmount = "JPY", "linea", money.Amount{} }, "fiatCurrency", "network", "fiatAmount"),
			refuse("country", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "FR" }, "gateway"),
			refuse("tag", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "12" }, "walletTag"),
			refuse("tag of a refund", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Type, o.WalletTag = checkout.Sell, "12" }, "walletTag"),
		},
		Statuses: []gatewaytest.Status{
			{Theirs: "waitingPayment", Ours: checkout.OrderPending},
			{Theirs: "waitingAuthorization", Ours: checkout.OrderPending},
			{Theirs: "waitingForDeposit", Ours: checkout.OrderPending},
			{Theirs: "waitingCapture", Ours: checkout.OrderPending},
			{Theirs: "pending", Ours: checkout.OrderProcessing},
			{Theirs: "completed", Ours: checkout.OrderCompleted},
			{Theirs: "failed", Ours: checkout.OrderFailed},
			{Theirs: "failed/card_not_supported", Ours: checkout.OrderFailed},
			{Theirs: "failed/payment_authorization_declined", Ours: checkout.OrderFailed},
			{Theirs: "failed/error", Ours: checkout.OrderFailed},
			{Theirs: "failed/cancelled", Ours: checkout.OrderCancelled},
			{Theirs: "failed/timeout_bank_transfer", Ours: checkout.OrderExpired},
			{Theirs: "failed/timeout_3d_secure", Ours: checkout.OrderExpired},
			{Theirs: "failed/Deposit timeout", Ours: checkout.OrderExpired},
			{Theirs: "failed/refund", Ours: checkout.OrderRefunded},
		},
		Unknown: "completedMaybe", Checkouts: checkouts(), VerifyURL: verifyURL, NeedsAddress: true, BindsAddress: true, Quotes: quotes(),
		Notify: notify, Unreadable: unreadable, Ignored: ignored,
		SignatureHeader: header, Tolerance: 300 * time.Second, Now: now, Polled: polled, Unheard: gatewaytest.Answer(http.StatusNotFound, `{"message":"Not found"}`),
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, suite(t))
}

func checkouts() []gatewaytest.Checkout {
	const (
		buy  = "https://buy-sandbox.moonpay.com?apiKey=pk_test_key&baseCurrencyCode=usd&baseCurrencyAmount=100.00&areFeesIncluded=true&lockAmount=true&externalTransactionId=ord_01&externalCustomerId=cus_1&email=jo%2Bx%40example.com&redirectURL=https%3A%2F%2Fshop.example%2Fok%3Fa%3Db%20c%26d%3De"
		sell = "https://sell-sandbox.moonpay.com?apiKey=pk_test_key&quoteCurrencyCode=usd&quoteCurrencyAmount=100.00&lockAmount=true&externalTransactionId=ord_01s-sell&externalCustomerId=cus_1&email=jo%2Bx%40example.com&redirectURL=https%3A%2F%2Fshop.example%2Fok%3Fa%3Db%20c%26d%3De"
	)
	varying := []string{"signature", "allowedIpAddress"}
	return []gatewaytest.Checkout{
		{Name: "buy", URL: buy + "&currencyCode=eth&walletAddress=" + wallet, Varying: varying, Sent: []gatewaytest.Call{}},
		{
			Name: "another network and wallet", Varying: varying, URL: buy + "&currencyCode=usdc_sol&walletAddress=EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
			Change: func(r *gateway.Request) {
				r.Order.CryptoCurrency, r.Order.Network, r.Order.WalletAddress = "USDC", "solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
			},
		},
		{
			Name: "language", URL: buy + "&currencyCode=eth&walletAddress=" + wallet + "&language=pt", Varying: varying,
			Change: func(r *gateway.Request) { r.Language = "pt-BR" },
		},
		{
			Name: "language without a code of two letters", URL: buy + "&currencyCode=eth&walletAddress=" + wallet, Varying: varying,
			Change: func(r *gateway.Request) { r.Language = "gsw-CH" },
		},
		{
			Name: "as little as there is", Varying: varying,
			URL: "https://buy-sandbox.moonpay.com?apiKey=pk_test_key&currencyCode=eth&baseCurrencyCode=eur&baseCurrencyAmount=20&areFeesIncluded=true&lockAmount=true&externalTransactionId=ord_02",
			Change: func(r *gateway.Request) {
				r.Order = &checkout.Order{ID: "ord_02", Type: checkout.Buy, FiatAmount: amount("20"), FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "ethereum"}
			},
		},
		{
			Name: "IPv6", URL: buy + "&currencyCode=eth&walletAddress=" + wallet, Varying: varying,
			Change: func(r *gateway.Request) { r.Address = gatewaytest.Other },
		},
		{Name: "sell", Sell: true, URL: sell + "&baseCurrencyCode=eth&refundWalletAddress=" + wallet, Varying: varying, Sent: []gatewaytest.Call{}},
		{
			Name: "language to sell", Sell: true, URL: sell + "&baseCurrencyCode=eth&refundWalletAddress=" + wallet + "&language=de", Varying: varying,
			Change: func(r *gateway.Request) { r.Language = "DE" },
		},
		{
			Name: "sell without a wallet", Sell: true, URL: sell + "&baseCurrencyCode=eth", Varying: varying,
			Change: func(r *gateway.Request) { r.Order.WalletAddress = "" },
		},
		{Name: "gone", Refused: "any longer", Change: func(r *gateway.Request) { r.Order.Network = "linea" }},
	}
}

func fee(kind gateway.FeeType, text string) gateway.Fee {
	return gateway.Fee{Type: kind, Amount: amount(text)}
}

func quotes() []gatewaytest.Quote {
	bought := gateway.Quote{
		FiatAmount: amount("100"), CryptoAmount: amount("0.0237"), Rate: amount("4008.86"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
		Fees: []gateway.Fee{fee(gateway.FeeGateway, "3.99"), fee(gateway.FeeNetwork, "1")},
	}
	computed := bought
	computed.FiatAmount, computed.CryptoAmount, computed.Rate, computed.Fees = amount("100"), amount("3"), amount("32.333333333333"), []gateway.Fee{fee(gateway.FeeGateway, "3")}
	sold := gateway.Quote{
		FiatAmount: amount("100"), CryptoAmount: amount("0.026"), Rate: amount("4000"), PaymentMethod: "sepa", Serves: 2 * time.Minute,
		Fees: []gateway.Fee{fee(gateway.FeeGateway, "3"), fee(gateway.FeePartner, "1")},
	}
	const base = "https://api.moonpay.com/v3/currencies/eth/"
	get := func(path string) []gatewaytest.Call { return []gatewaytest.Call{{Method: "GET", URL: base + path}} }
	refused := func(status int, body string) http.Handler { return gatewaytest.Answer(status, body) }
	return []gatewaytest.Quote{
		{Name: "buy", Want: bought, Sent: get("buy_quote?apiKey=pk_test_key&baseCurrencyCode=usd&baseCurrencyAmount=100.00&areFeesIncluded=true")},
		{
			Name: "by a method", Want: bought, Sent: get("buy_quote?apiKey=pk_test_key&baseCurrencyCode=usd&baseCurrencyAmount=100.00&areFeesIncluded=true&paymentMethod=google_pay"),
			Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "google-pay" },
		},
		{Name: "sell", Sell: true, Want: sold, Sent: get("sell_quote?apiKey=pk_test_key&quoteCurrencyCode=usd&quoteCurrencyAmount=100.00")},
		{Name: "no rate", Want: computed, Server: refused(200, `{"quoteCurrencyAmount":3,"feeAmount":3,"totalAmount":100,"paymentMethod":"credit_debit_card"}`)},
		{Name: "unknown method", Code: checkout.CodeValidation, Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "shells" }},
		{Name: "not served", Code: checkout.CodeInvalidCurrency, Change: func(r *gateway.QuoteRequest) { r.Order.CryptoCurrency = "NOPE" }},
		{Name: "too little", Code: checkout.CodeInvalidAmount, Server: refused(400, `{"moonPayErrorCode":"5_X","message":"Minimum purchase is $30","type":"BadRequestError"}`)},
		{Name: "unknown there", Code: checkout.CodeInvalidCurrency, Server: refused(404, `{"message":"Currency not found"}`)},
		{Name: "another refusal", Failed: true, Server: refused(400, `{"message":"Invalid API key sk_test_key"}`)},
		{Name: "negative", Failed: true, Server: refused(200, `{"quoteCurrencyAmount":-3,"feeAmount":3,"totalAmount":100}`)},
		{Name: "no amounts", Failed: true, Server: refused(200, `{"quoteCurrencyAmount":0,"totalAmount":100}`)},
		{Name: "fees above all", Failed: true, Server: refused(200, `{"quoteCurrencyAmount":1,"totalAmount":100,"feeAmount":101}`)},
	}
}

func unreadable(o *checkout.Order, at time.Time) map[string]gateway.Notification {
	bodies := map[string]string{
		"empty": "", "not JSON": "<xml>", "null": "null", "array": "[]", "no type": `{"data":{}}`, "trailing": `{"type":"ping"}{}`,
		"type is a number": `{"type":1}`, "no data": `{"type":"transaction_updated"}`, "data is a text": `{"type":"transaction_updated","data":"x"}`,
		"no id":     `{"type":"transaction_updated","data":{"status":"pending","externalTransactionId":"ord_01"}}`,
		"no status": `{"type":"transaction_updated","data":{"id":"1","externalTransactionId":"ord_01"}}`,
		"amount":    `{"type":"transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":"ord_01","quoteCurrencyAmount":-1}}`,
		"long":      `{"type":"transaction_updated","data":{"id":"` + strings.Repeat("x", 256) + `","status":"pending","externalTransactionId":"ord_01"}}`,
		"wallet":    `{"type":"transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":"ord_01","walletAddress":"\u0000"}}`,
		"NUL":       `{"type":"transaction_updated","data":{"id":"1\u0000","status":"pending","externalTransactionId":"ord_01"}}`,
	}
	notifications := map[string]gateway.Notification{}
	for name, body := range bodies {
		notifications[name] = signed([]byte(body), at)
	}
	return notifications
}

func ignored(o *checkout.Order, at time.Time) map[string]gateway.Notification {
	bodies := map[string]string{
		"identity check": `{"type":"identity_check_updated","data":{"id":"1","status":"completed"},"externalCustomerId":"cus_1"}`,
		"swap":           `{"type":"swap_transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":"ord_01"}}`,
		"not from here":  `{"type":"transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":null}}`,
		"a sale":         `{"type":"sell_transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":"ord_01"}}`,
		"a purchase":     `{"type":"transaction_updated","data":{"id":"1","status":"completed","externalTransactionId":"ord_01-sell"}}`,
		"to come":        `{"type":"something_new"}`,
	}
	notifications := map[string]gateway.Notification{}
	for name, body := range bodies {
		notifications[name] = signed([]byte(body), at)
	}
	return notifications
}

// TestSignature holds ParseNotification to the published vector, and to what a header may look like.
func TestSignature(t *testing.T) {
	t.Parallel()
	const mac = "2184b720e77d898827abfeafa1f5f8cb588297e5c8b61592b9be9570bf45d41b"
	g := open(t, accountOf(), nil)
	cases := []struct {
		name, value string
		genuine     bool
	}{
		{"published", "t=1492774577,s=" + mac, true},
		{"reversed", "s=" + mac + ", t=1492774577", true},
		{"scheme to come", "t=1492774577,s=" + mac + ",v3=x", true},
		{"two times", "t=1492774577,t=1492774577,s=" + mac, false},
		{"two signatures", "t=1492774577,s=00,s=" + mac, false},
		{"other time", "t=1492774578,s=" + mac, false},
		{"no time", "s=" + mac, false},
		{"endless time", "t=99999999999999999999,s=" + mac, false},
		{"extreme time", "t=-9223372036854775808,s=" + mac, false},
		{"not hex", "t=1492774577,s=" + mac[:62] + "zz", false},
	}
	for _, tt := range cases {
		n := gateway.Notification{ProjectID: project, Header: map[string][]string{header: {tt.value}}, Body: []byte(`{"type":"ping","id":"n-1"}`), Now: now}
		if updates, err := g.ParseNotification(t.Context(), n); tt.genuine && err != nil || !tt.genuine && !errors.Is(err, gateway.ErrForged) || len(updates) != 0 {
			t.Errorf("%s: %v, %v", tt.name, updates, err)
		}
	}
}

// TestUpdates looks at what a transaction tells beside its status.
func TestUpdates(t *testing.T) {
	t.Parallel()
	g := open(t, accountOf(), nil)
	buy := order()
	sell := buy
	sell.Type = checkout.Sell
	cases := []struct {
		o                          *checkout.Order
		status, crypto, hash, fail string
	}{
		{&buy, "completed", "0.1819", "0x6751", ""},
		{&buy, "pending", "", "0x6751", ""},
		{&buy, "failed/cancelled", "", "0x6751", "cancelled"},
		{&sell, "completed", "0.1819", "0xdeposit", ""},
	}
	for _, tt := range cases {
		updates, err := g.ParseNotification(t.Context(), notify(tt.o, tt.status, "1", now))
		if err != nil || len(updates) != 1 {
			t.Fatalf("%s: %v, %v", tt.status, updates, err)
		}
		u := updates[0]
		if u.CryptoAmount.String() != tt.crypto || u.TransactionHash != tt.hash || u.FailureReason != tt.fail || u.ExternalOrderID != "bda09e91-ord_01" {
			t.Errorf("%s %s: %+v", tt.o.Type, tt.status, u)
		}
	}
}

// TestPollAttempts polls an order that the payer tried to pay several times: MoonPay has a transaction for each.
func TestPollAttempts(t *testing.T) {
	t.Parallel()
	o := order()
	cases := []struct {
		attempts []string
		want     checkout.OrderStatus
	}{
		{[]string{"failed/error", "completed"}, checkout.OrderCompleted},
		{[]string{"completed", "failed/error"}, checkout.OrderCompleted},
		{[]string{"failed/error", "pending"}, checkout.OrderProcessing},
		{[]string{"waitingPayment", "failed/timeout_3d_secure"}, checkout.OrderPending},
		{[]string{"failed/error", "failed/refund"}, checkout.OrderRefunded},
		{[]string{"failed/error", "failed/error"}, checkout.OrderFailed},
	}
	for _, tt := range cases {
		var list []any
		for i, status := range tt.attempts {
			list = append(list, data(&o, status, fmt.Sprint(i)))
		}
		g := open(t, accountOf(), gatewaytest.Answer(200, string(marshal(list))))
		updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want {
			t.Errorf("%v: %+v, %v; want %s", tt.attempts, updates, err, tt.want)
		}
	}
	other := o
	other.ID = "ord_99"
	for name, list := range map[string]any{"empty": []any{}, "another's": []any{data(&other, "completed", "1")}} {
		g := open(t, accountOf(), gatewaytest.Answer(200, string(marshal(list))))
		updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if len(updates) != 0 || (err != nil) != (name == "another's") {
			t.Errorf("%s: %+v, %v", name, updates, err)
		}
	}
}

// TestCatalogue looks at what the account serves once the lists have been loaded.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	loaded, err := open(t, accountOf(), fake(t)).(gateway.Loader).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sandbox := accountOf()
	sandbox.Catalogue = loaded
	production := accountOf("apiKey", "pk_live_key", "secretKey", "sk_live_key")
	production.Mode, production.Catalogue = checkout.ModeLive, loaded
	cases := []struct {
		name    string
		a       gateway.Account
		kind    checkout.OrderType
		country string
		want    string
	}{
		{"sandbox", sandbox, checkout.Buy, "", "BTC/bitcoin ETH/ethereum USDC/polygon BCH/bitcoin-cash XLM/stellar OP/optimism"},
		{"production", production, checkout.Buy, "DE", "BTC/bitcoin ETH/ethereum USDC/polygon XRP/xrp BNB/bsc DOGE/dogecoin BCH/bitcoin-cash XLM/stellar WLD/world-chain"},
		{"not in the US", production, checkout.Buy, "US", "BTC/bitcoin ETH/ethereum USDC/polygon BNB/bsc BCH/bitcoin-cash XLM/stellar WLD/world-chain"},
		{"not in Canada", production, checkout.Buy, "CA", "ETH/ethereum XRP/xrp BNB/bsc DOGE/dogecoin BCH/bitcoin-cash XLM/stellar WLD/world-chain"},
		{"sell", production, checkout.Sell, "", "BTC/bitcoin ETH/ethereum USDC/polygon XRP/xrp DOGE/dogecoin WLD/world-chain"},
		{"sell in Canada", production, checkout.Sell, "CA", ""},
		{"nowhere", production, checkout.Buy, "BY", ""},
	}
	for _, tt := range cases {
		var got []string
		for _, a := range open(t, tt.a, nil).(gateway.Lister).List(tt.kind, tt.country).Assets {
			for _, n := range a.Networks {
				got = append(got, a.Code+"/"+n.Network)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	g := open(t, production, nil)
	for _, tt := range []struct {
		currency, amount, country string
		want                      checkout.Code
	}{
		{"USD", "20", "US", ""},
		{"USD", "19.99", "US", checkout.CodeInvalidAmount},
		{"USD", "30000.01", "US", checkout.CodeInvalidAmount},
		{"EUR", "20.49", "", checkout.CodeInvalidAmount},
		{"EUR", "1000000", "", ""},
		{"GBP", "50", "", checkout.CodeInvalidCurrency},
		{"BRL", "100", "BY", checkout.CodeInvalidGateway},
	} {
		o := order()
		o.FiatCurrency, o.FiatAmount, o.Country = tt.currency, amount(tt.amount), tt.country
		if err := g.Check(&o); (err != nil) != (tt.want != "") || err != nil && checkout.CodeOf(err) != tt.want {
			t.Errorf("%s %s in %q: %v, want %q", tt.amount, tt.currency, tt.country, err, tt.want)
		}
	}
}

// TestProduction looks at the hosts of the other world, and at those that an operator may set.
func TestProduction(t *testing.T) {
	t.Parallel()
	live := accountOf("apiKey", "pk_live_key", "secretKey", "sk_live_key")
	live.Mode = checkout.ModeLive
	override := accountOf("widgetBaseURL", "http://127.0.0.1:9/w/")
	for _, tt := range []struct {
		a         gateway.Account
		buy, sell string
	}{
		{live, "https://buy.moonpay.com?apiKey=pk_live_key&", "https://sell.moonpay.com?apiKey=pk_live_key&"},
		{override, "http://127.0.0.1:9/w?apiKey=pk_test_key&", "http://127.0.0.1:9/w?apiKey=pk_test_key&"},
	} {
		o := order()
		for kind, want := range map[checkout.OrderType]string{checkout.Buy: tt.buy, checkout.Sell: tt.sell} {
			o.Type = kind
			c, err := open(t, tt.a, nil).(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Address: gatewaytest.Payer, Now: now})
			if err != nil || !strings.HasPrefix(c.URL, want) {
				t.Errorf("%s: %q, %v; want %s…", kind, c.URL, err, want)
			}
		}
	}
	if _, err := moonpay.New(nil).Open(accountOf("environment", "production")); err == nil {
		t.Error("test keys are taken for production")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	if err := open(t, accountOf(), fake(t)).(gateway.Prober).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	err := open(t, accountOf(), gatewaytest.Answer(401, `{"moonPayErrorCode":"4_SYS_UNAUTHORIZED"}`)).(gateway.Prober).Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "copy the publishable key") {
		t.Errorf("a wrong key: %v", err)
	}
}

func FuzzParseNotification(f *testing.F) {
	gatewaytest.Fuzz(f, suite(f), func(body []byte) gateway.Notification { return signed(body, now) })
}
