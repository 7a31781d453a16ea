package transak_test

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	apiKey    = "a1d01dfa-83c0-4a55-863f-02bea44ab7e1"
	apiSecret = "s+e/c-r=t"
	referrer  = "shop.example"
	// The access tokens of the fake: the one that it gives, and the one that it gave before.
	token    = "eyJhbGciOiJIUzI1NiJ9.tok/en+1.sig"
	oldToken = "eyJhbGciOiJIUzI1NiJ9.tok/en+0.sig"
)

var now = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

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
		WalletAddress: "0x742d35Cc6634C0532925a3b844Bc454e4438f44e", CustomerID: "8d9c7a52-7b0e-4a0b-9a57-111111111111",
		Email: "jo@example.com", RedirectURL: "https://shop.example/ok?a=1&b=2", Country: "DE",
	}
}

// sign makes a JSON Web Token by RFC 7515.
func sign(algorithm func() hash.Hash, key, header, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(algorithm, []byte(key))
	io.WriteString(mac, text)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func signed(claims string) string {
	return sign(sha256.New, token, `{"alg":"HS256","typ":"JWT"}`, claims)
}

// notification is what Transak posts: the token, and beside it what nobody has signed.
func notification(data string) gateway.Notification {
	body, _ := json.Marshal(map[string]string{"data": data, "eventID": "ORDER_COMPLETED", "createdAt": "2026-09-01T12:00:00Z"})
	o := order()
	return gateway.Notification{
		ProjectID: o.ProjectID, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: body, Now: now,
		Path: "/gateways/transak/webhook/" + string(o.ProjectID),
	}
}

var events = map[string]string{
	"AWAITING_PAYMENT_FROM_USER": "ORDER_CREATED", "PAYMENT_DONE_MARKED_BY_USER": "ORDER_PAYMENT_VERIFYING",
	"COMPLETED": "ORDER_COMPLETED", "FAILED": "ORDER_FAILED", "CANCELLED": "ORDER_FAILED", "EXPIRED": "ORDER_FAILED", "REFUNDED": "ORDER_REFUNDED",
}

// refer is our reference of the order.
func refer(o *checkout.Order) string {
	if o.Type == checkout.Sell {
		return string(o.ID) + "-sell"
	}
	return string(o.ID)
}

func claims(o *checkout.Order, status, id string) string {
	event, ok := events[status]
	if !ok {
		event = "ORDER_PROCESSING"
	}
	raw, _ := json.Marshal(map[string]any{"webhookData": orderAt(refer(o), status, cmp.Or(o.ExternalOrderID, id)), "eventID": event, "iat": now.Unix()})
	return string(raw)
}

// orderAt is an order as Transak tells it, in the form of https://docs.transak.com/api/public/get-webhooks. Of a sale, by our
// reference that ends with -sell, what the seller gets is another figure than what was ordered, and there is no walletAddress.
func orderAt(reference, status, id string) map[string]any {
	o := map[string]any{
		"id": id, "status": status, "partnerOrderId": reference, "isBuyOrSell": "BUY", "fiatCurrency": "USD", "fiatAmount": 100,
		"amountPaid": 100, "walletAddress": order().WalletAddress,
		"cryptoCurrency": "ETH", "cryptoAmount": json.Number("0.024125"), "network": "ethereum", "addressAdditionalData": false,
		"transactionHash": "0xabc", "totalFeeInFiat": json.Number("3.5"), "fromWalletAddress": "0x085ee67132ec4297b85ed5d1b4c65424d36fda7d",
	}
	if strings.HasSuffix(reference, "-sell") {
		o["isBuyOrSell"], o["fiatAmount"], o["amountPaid"] = "SELL", json.Number("99.87"), json.Number("99.87")
		delete(o, "walletAddress")
	}
	return o
}

// tokens gives a new token each time that it is asked for one, so that nobody is in another's way.
type tokens struct{ known []string }

func (k tokens) Current(ctx context.Context, _ string, renew func(context.Context) (gateway.Token, error)) (string, error) {
	t, err := renew(ctx)
	return t.Value, err
}
func (k tokens) Known(context.Context, string) ([]string, error) { return k.known, nil }
func (k tokens) Reject(context.Context, string, string) error    { return nil }

func account() gateway.Account {
	o := order()
	return gateway.Account{
		ProjectID: o.ProjectID, Mode: checkout.ModeTest, NotifyURL: "https://pay.example/gateways/transak/webhook/" + string(o.ProjectID),
		Tokens: tokens{[]string{token, oldToken}},
		Settings: gateway.Settings{
			"apiKey": apiKey, "apiSecret": apiSecret, "referrerDomain": referrer,
			"minAmount": "20", "maxAmount": "5000 USD", "countries": "DE,US",
		},
	}
}

// fake is Transak's staging environment, by its documentation. It fails the test where a request is wrong.
type fake struct {
	t      *testing.T
	tokens func() string           // what refresh-token gives; nil: token
	takes  func(token string) bool // nil: token alone
	orders []map[string]any

	expires int64 // when the token that refresh-token gives ends; 0: in a week
}

func (f *fake) wrong(w http.ResponseWriter, status int, format string, args ...any) {
	f.t.Errorf("the fake got a wrong request: "+format, args...)
	answer(w, status, `{"error":{"message":"wrong"}}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := map[string]struct {
		host string
		then http.HandlerFunc
	}{
		"POST /partners/api/v2/refresh-token":      {"api-stg.transak.com", f.refresh},
		"GET /partners/api/v2/orders":              {"api-stg.transak.com", f.list},
		"POST /api/v2/auth/session":                {"api-gateway-stg.transak.com", f.session},
		"GET /api/v1/pricing/public/quotes":        {"api-stg.transak.com", f.quote},
		"GET /api/v2/currencies/fiat-currencies":   {"api-stg.transak.com", file(fiats)},
		"GET /api/v2/currencies/crypto-currencies": {"api-stg.transak.com", file(cryptos)},
		"GET /api/v2/countries":                    {"api-stg.transak.com", file(countries)},
	}
	route, ok := routes[r.Method+" "+r.URL.Path]
	if !ok || !gatewaytest.Meant(r, route.host) {
		f.wrong(w, http.StatusNotFound, "%s %s %s", r.Method, r.Host, r.URL.Path)
		return
	}
	if r.Header.Get("x-api-key") != apiKey {
		f.wrong(w, http.StatusUnauthorized, "x-api-key %q", r.Header.Get("x-api-key"))
		return
	}
	if ip := r.Header.Get("x-user-ip"); ip != "" {
		if address, err := netip.ParseAddr(ip); err != nil || address.Unmap().String() != ip {
			f.wrong(w, http.StatusBadRequest, "x-user-ip %q", ip)
			return
		}
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
		f.wrong(w, http.StatusUnsupportedMediaType, "Content-Type %q", r.Header.Get("Content-Type"))
		return
	}
	route.then(w, r)
}

func (f *fake) refresh(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["apiKey"] != apiKey || len(body) != 1 {
		f.wrong(w, http.StatusBadRequest, "refresh-token with %v, %v", body, err)
		return
	}
	if r.Header.Get("api-secret") != apiSecret || r.Header.Get("access-token") != "" {
		f.wrong(w, http.StatusUnauthorized, "api-secret %q", r.Header.Get("api-secret"))
		return
	}
	made := token
	if f.tokens != nil {
		made = f.tokens()
	}
	expires := cmp.Or(f.expires, gatewaytest.Clock(r, now).Add(7*24*time.Hour).Unix())
	answer(w, http.StatusOK, fmt.Sprintf(`{"data":{"accessToken":%q,"expiresAt":%d}}`, made, expires))
}

// authorised tells whether the request has a token that the fake takes.
func (f *fake) authorised(w http.ResponseWriter, r *http.Request) bool {
	given := r.Header.Get("access-token")
	if f.takes == nil && given != token {
		f.wrong(w, http.StatusUnauthorized, "access-token %q", given)
		return false
	}
	if f.takes != nil && !f.takes(given) {
		answer(w, http.StatusUnauthorized, `{"error":{"statusCode":401,"message":"Unauthorized `+given+`"}}`)
		return false
	}
	return true
}

func (f *fake) session(w http.ResponseWriter, r *http.Request) {
	if !f.authorised(w, r) {
		return
	}
	var body struct{ WidgetParams map[string]any }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("x-user-ip") == "" {
		f.wrong(w, http.StatusBadRequest, "a session for %q: %v", r.Header.Get("x-user-ip"), err)
		return
	}
	p := body.WidgetParams
	for _, mandatory := range []string{"apiKey", "referrerDomain", "productsAvailed", "fiatCurrency", "cryptoCurrencyCode", "network", "partnerOrderId"} {
		if text, ok := p[mandatory].(string); !ok || text == "" {
			f.wrong(w, http.StatusBadRequest, "no %s in %v", mandatory, p)
			return
		}
	}
	answer(w, http.StatusOK, fmt.Sprintf(`{"data":{"widgetUrl":"https://global-stg.transak.com?apiKey=%s&sessionId=%s%s"}}`, p["apiKey"], p["productsAvailed"], p["partnerOrderId"]))
}

// quote sells at 4000 USD for 2 % and 1.50 USD of the network's, and buys for 1 %.
func (f *fake) quote(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("partnerApiKey") != apiKey || q.Get("cryptoCurrency") != "ETH" || q.Get("network") != "ethereum" || q.Get("fiatCurrency") != "USD" || q.Get("quoteCountryCode") != "DE" || r.Header.Get("x-user-ip") == "" {
		f.wrong(w, http.StatusBadRequest, "a quote for %v", q)
		return
	}
	price, cent := decimal.NewFromInt(4000), decimal.New(1, -2)
	var fiat, crypto, fee decimal.Decimal
	var breakdown string
	switch side := q.Get("isBuyOrSell"); {
	case side == "BUY" && q.Has("fiatAmount") && !q.Has("cryptoAmount"):
		fiat = decimal.RequireFromString(q.Get("fiatAmount"))
		own, network := fiat.Mul(cent).Mul(decimal.NewFromInt(2)), decimal.New(150, -2)
		fee = own.Add(network)
		crypto = fiat.Sub(fee).DivRound(price, 8)
		breakdown = fmt.Sprintf(`{"name":"Transak fee","value":%s,"id":"transak_fee"},{"name":"Network/Exchange fee","value":%s,"id":"network_fee"}`, own, network)
	case side == "SELL" && q.Has("cryptoAmount") && !q.Has("fiatAmount"):
		crypto = decimal.RequireFromString(q.Get("cryptoAmount"))
		fee = crypto.Mul(price).Mul(cent)
		fiat = crypto.Mul(price).Sub(fee)
		breakdown = fmt.Sprintf(`{"name":"Transak fee","value":%s,"id":"transak_fee"}`, fee)
	default:
		f.wrong(w, http.StatusBadRequest, "a quote for %v", q)
		return
	}
	method := q.Get("paymentMethod")
	if method == "" {
		method = "credit_debit_card"
	}
	answer(w, http.StatusOK, fmt.Sprintf(`{"response":{"quoteId":"q1","conversionPrice":%s,"fiatCurrency":"USD","cryptoCurrency":"ETH",
		"fiatAmount":%s,"cryptoAmount":%s,"totalFee":%s,"feeDecimal":0.03,"slippage":1.5,"network":"ethereum","paymentMethod":%q,"feeBreakdown":[%s]}}`,
		decimal.NewFromInt(1).DivRound(price, 8), fiat, crypto, fee, method, breakdown))
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	if !f.authorised(w, r) {
		return
	}
	q := r.URL.Query()
	if q.Get("limit") == "1" { // a probe
		answer(w, http.StatusOK, `{"meta":{"limit":1,"skip":0,"totalCount":0},"data":[]}`)
		return
	}
	want := map[bool]string{false: `["BUY"]`, true: `["SELL"]`}[strings.HasSuffix(q.Get("filter[partnerOrderId]"), "-sell")]
	if !strings.HasPrefix(q.Get("filter[partnerOrderId]"), "ord_") || q.Get("filter[productsAvailed]") != want {
		f.wrong(w, http.StatusBadRequest, "a list of %v", q)
		return
	}
	raw, _ := json.Marshal(map[string]any{"meta": map[string]any{"limit": 100}, "data": f.orders})
	if f.orders == nil {
		raw = []byte(`{"meta":{"limit":100,"totalCount":0},"data":[]}`)
	}
	answer(w, http.StatusOK, string(raw))
}

func file(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body) }
}

// Cuttings from what the lists are, with what must not be taken.
const (
	fiats = `{"response":[
		{"symbol":"USD","name":"US Dollar","isAllowed":true,"isPayOutAllowed":true,"roundOff":2,"supportingCountries":["US"],"paymentOptions":[
			{"name":"Card Payment","id":"credit_debit_card","isActive":true,"limitCurrency":"USD","minAmount":5,"maxAmount":3000,"isPayOutAllowed":true,"minAmountForPayOut":10,"maxAmountForPayOut":25000},
			{"name":"Apple Pay","id":"apple_pay","isActive":true,"limitCurrency":"USD","minAmount":5.5,"maxAmount":3000,"isPayOutAllowed":false},
			{"name":"","id":"pm_wire","isActive":true,"limitCurrency":"USD","minAmount":1000,"maxAmount":10000,"isPayOutAllowed":false},
			{"name":"Off","id":"pm_off","isActive":false,"limitCurrency":"USD","minAmount":1,"maxAmount":99999}]},
		{"symbol":"JPY","name":"Yen","isAllowed":true,"isPayOutAllowed":false,"paymentOptions":[
			{"name":"Card Payment","id":"credit_debit_card","isActive":true,"limitCurrency":"USD","minAmount":5,"maxAmount":3000,"isPayOutAllowed":true}]},
		{"symbol":"GBP","name":"Pound","isAllowed":false,"paymentOptions":[{"name":"Card","id":"credit_debit_card","isActive":true}]},
		{"symbol":"ZZZ","name":"Nothing","isAllowed":true,"paymentOptions":[{"name":"Card","id":"credit_debit_card","isActive":true}]}]}`
	cryptos = `{"response":[
		{"coinId":"ethereum","uniqueId":"ETHethereum","symbol":"ETH","network":{"name":"ethereum"},"address":null,"isAllowed":true,"isSuspended":false,"isPayInAllowed":true,"kycCountriesNotSupported":[]},
		{"coinId":"ethereum","uniqueId":"ETHbase","symbol":"ETH","network":{"name":"base"},"isAllowed":true,"isPayInAllowed":false,"kycCountriesNotSupported":["US"]},
		{"coinId":"bitcoin","uniqueId":"BTCmainnet","symbol":"BTC","network":{"name":"mainnet"},"addressAdditionalData":false,"isAllowed":true,"isSuspended":null,"isPayInAllowed":true,"kycCountriesNotSupported":null},
		{"coinId":"ripple","uniqueId":"XRPmainnet","symbol":"XRP","network":{"name":"mainnet"},"isAllowed":true,"isSuspended":true,"isPayInAllowed":true},
		{"coinId":"stellar","uniqueId":"XLMmainnet","symbol":"XLM","network":{"name":"mainnet"},"addressAdditionalData":true,"isAllowed":true,"isPayInAllowed":false},
		{"coinId":"what","uniqueId":"LTCmainnet","symbol":"LTC","network":{"name":"mainnet"},"isAllowed":true},
		{"coinId":"usd-coin","uniqueId":"USDCarbitrum","symbol":"USDC","network":{"name":"arbitrum"},"address":"0xaf88d065e77c8cC2239327C5EDb3A432268e5831","isAllowed":true},
		{"coinId":"usd-coin","uniqueId":"USDCpolygon","symbol":"USDC","network":{"name":"polygon"},"address":"0x2791bca1f2de4661ed88a30c99a7a9449aa84174","isAllowed":true},
		{"coinId":"usd-coin","uniqueId":"USDCbitcoin","symbol":"USDC","network":{"name":"bitcoin"},"isAllowed":true},
		{"coinId":"solana","uniqueId":"SOLsolana","symbol":"SOL","network":{"name":"solana"},"isAllowed":false}]}`
	countries = `{"response":[{"alpha2":"US","isAllowed":true},{"alpha2":"DE","isAllowed":true},{"alpha2":"FR","isAllowed":true},{"alpha2":"KP","isAllowed":false}]}`
)
