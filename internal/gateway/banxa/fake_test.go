package banxa_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	apiKey    = "bx/key+1:2"
	apiSecret = "bx/secret+1="
	hookPath  = "/proxied/gateways/banxa/webhook"
	apiURL    = "https://api.banxa-sandbox.com/acme/v2"
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
		FiatAmount: amount("100.00"), FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "ethereum",
		WalletAddress: "0x742d35Cc6634C0532925a3b844Bc454e4438f44e", CustomerID: "8d9c7a52-7b0e-4a0b-9a57-111111111111",
		ExternalCustomerID: "jo@example.com", Email: "jo@example.com", RedirectURL: "https://shop.example/ok?a=1&b=2",
		Country: "DE", CreatedAt: now.Add(-time.Minute),
	}
}

func account() gateway.Account {
	o := order()
	return gateway.Account{
		ProjectID: o.ProjectID, Mode: checkout.ModeTest, NotifyURL: "https://pay.example/gateways/banxa/webhook/" + string(o.ProjectID),
		Settings: gateway.Settings{
			"partner": "acme", "apiKey": apiKey, "apiSecret": apiSecret, "webhookPath": hookPath,
			"minAmount": "20", "maxAmount": "5000", "countries": "DE,US",
			"ipBinding": `{"customerIp":{"method":"hash","version":{version},"value":"{hash}"}}`,
		},
	}
}

// signature is hexadecimal HMAC-SHA256 over the lines that
// https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/webhooks names.
func signature(secret, method, path, nonce, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, strings.Join([]string{method, path, nonce, body}, "\n"))
	return hex.EncodeToString(mac.Sum(nil))
}

func authorized(authorization, body string) gateway.Notification {
	o := order()
	return gateway.Notification{
		ProjectID: o.ProjectID, Header: map[string][]string{"Content-Type": {"application/json"}, "Authorization": {authorization}},
		Path: "/gateways/banxa/webhook/" + string(o.ProjectID), Body: []byte(body), Now: now,
	}
}

func bearer(nonce, body string) string {
	return "Bearer " + apiKey + ":" + signature(apiSecret, "POST", hookPath, nonce, body) + ":" + nonce
}

func signed(body string, at time.Time) gateway.Notification {
	n := authorized(bearer(strconv.FormatInt(at.UnixMilli(), 10), body), body)
	n.Now = at
	return n
}

// told is the body of a notification, in the form of the documentation's sample, dates without a space included. Our
// references of sales end with s.
func told(reference, status, id string) string {
	external, _ := json.Marshal(reference)
	if reference == "" {
		external = []byte("null")
	}
	side := "BUY"
	if strings.HasSuffix(reference, "s") {
		side = "SELL"
	}
	return fmt.Sprintf(`{"order_id":%q,"status":%q,"status_date":"2026-01-1604:04:21","created_at":"2026-01-1604:04:20","updated_at":"2026-01-1604:04:20",
		"external_id":%s,"order_type":%q,"crypto_coin":"USDT","crypto_blockchain":"ETH","crypto_amount":"67.1000000000000000","fiat_currency":"AUD",
		"fiat_amount":"100","asset_price":"1.490312965722801","payment_method":"payid-bank-transfer","processing_fee":"0","network_fee":"0",
		"usd_exchange_rate":"1.4923330","transaction_hash":"0","metadata":[]}`, id, status, external, side)
}

// sides are what Banxa calls buying and selling.
var sides = map[checkout.OrderType]string{checkout.Buy: "BUY", checkout.Sell: "SELL"}

// toldOf tells of the order what was ordered. A member that means nothing makes each notification another.
func toldOf(o *checkout.Order, status, id string) string {
	var members map[string]any
	if err := json.Unmarshal([]byte(told(string(o.ID), status, cmp.Or(o.ExternalOrderID, id))), &members); err != nil {
		panic(err)
	}
	members["order_type"], members["crypto_coin"], members["fiat_currency"], members["status_id"] = sides[o.Type], o.CryptoCurrency, o.FiatCurrency, id
	raw, _ := json.Marshal(members)
	return string(raw)
}

// listedOf is the order in the answers of the API.
func listedOf(o *checkout.Order, status, id string) map[string]any {
	reference := "ord_" + map[checkout.OrderType]string{checkout.Buy: "b", checkout.Sell: "s"}[o.Type]
	all := listed(reference, status, cmp.Or(o.ExternalOrderID, id))
	all["externalId"], all["externalCustomerId"] = o.ID, o.CustomerID
	return all
}

// deposit is an address of Banxa's.
const deposit = "0x03EA4c7ED1d8199510017D88f2783Ef43ab5a4fd"

// listed is an order in the answers of the API, as .../transaction-lifecycle/order-lookup has it.
func listed(reference, status, id string) map[string]any {
	o := map[string]any{
		"id": id, "externalId": reference, "externalCustomerId": string(order().CustomerID), "country": "DE", "orderType": "BUY",
		"crypto": map[string]any{"id": "ETH", "blockchain": "ETH", "address": "0x0000000000000000000000000000000000000000", "network": "1"},
		"fiat":   "EUR", "fiatAmount": "100.00", "cryptoAmount": "0.024125", "processingFee": "0.30", "networkFee": "1.67", "partnerFee": "",
		"walletAddress": order().WalletAddress, "walletAddressTag": nil,
		"status": status, "transactionHash": "0xabc", "createdAt": "2026-09-01T11:59:30.000Z",
	}
	if strings.HasSuffix(reference, "s") {
		o["orderType"], o["fiatAmount"], o["walletAddress"] = "SELL", "99.87", deposit
	}
	return o
}

// fake is Banxa's sandbox, by its documentation. It fails the test where a request is wrong.
type fake struct {
	t      *testing.T
	orders []map[string]any
	of     *checkout.Order // that is asked for; nil: order()
	made   atomic.Int32
}

func (f *fake) wrong(w http.ResponseWriter, status int, format string, args ...any) {
	f.t.Errorf("the fake got a wrong request: "+format, args...)
	answer(w, status, `{"errors":[{"code":4002,"message":"wrong"}]}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := map[string]http.HandlerFunc{
		"POST /acme/v2/buy": f.create, "POST /acme/v2/sell": f.create,
		"GET /acme/v2/quotes/buy": f.quote, "GET /acme/v2/quotes/sell": f.quote,
		"GET /acme/v2/orders": f.list, "GET /acme/v2/countries": file(countries),
		"GET /acme/v2/fiats/buy": file(buyFiats), "GET /acme/v2/fiats/sell": file(sellFiats),
		"GET /acme/v2/crypto/buy": file(buyCryptos), "GET /acme/v2/crypto/sell": file(`{"data":` + sellCryptos + `}`),
	}
	then, ok := routes[r.Method+" "+r.URL.Path]
	switch {
	case !ok || !gatewaytest.Meant(r, "api.banxa-sandbox.com"):
		f.wrong(w, http.StatusNotFound, "%s %s %s", r.Method, r.Host, r.URL.Path)
	case r.Header.Get("x-api-key") != apiKey || r.Header.Get("Authorization") != "":
		f.wrong(w, http.StatusUnauthorized, "x-api-key %q", r.Header.Get("x-api-key"))
	case r.Header.Get("Accept") != "application/json":
		f.wrong(w, http.StatusNotAcceptable, "Accept %q", r.Header.Get("Accept"))
	default:
		then(w, r)
	}
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		f.wrong(w, http.StatusBadRequest, "%v", err)
		return
	}
	required := []string{"crypto", "blockchain", "fiat", "redirectUrl", "externalCustomerId", "externalOrderId", "walletAddress"}
	if strings.HasSuffix(r.URL.Path, "sell") {
		required = append(required, "cryptoAmount")
	} else {
		required = append(required, "fiatAmount")
	}
	for _, member := range required {
		if text, ok := body[member].(string); !ok || text == "" {
			f.wrong(w, http.StatusBadRequest, "%s is %v", member, body[member])
			return
		}
	}
	for member, value := range body {
		if value == nil || member != "customerIp" && fmt.Sprintf("%T", value) != "string" {
			f.wrong(w, http.StatusBadRequest, "%s is %v", member, value)
			return
		}
	}
	id := fmt.Sprintf("bx%d%s", f.made.Add(1), body["externalOrderId"])
	answer(w, http.StatusOK, fmt.Sprintf(`{"id":%q,"checkoutUrl":"https://checkout.banxa-sandbox.com/order/%s?t=1","externalOrderId":%q,"status":"pendingPayment"}`, id, id, body["externalOrderId"]))
}

func (f *fake) quote(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, name := range []string{"paymentMethodId", "crypto", "blockchain", "fiat", "fiatAmount"} {
		if q.Get(name) == "" {
			f.wrong(w, http.StatusBadRequest, "a quote for %v", q)
			return
		}
	}
	crypto := "0.02412500"
	if strings.HasSuffix(r.URL.Path, "sell") {
		crypto = "0.02587500"
	}
	answer(w, http.StatusOK, fmt.Sprintf(`{"paymentMethodId":%q,"cryptoAmount":%q,"fiatAmount":"100.00","processingFee":"2.00","networkFee":"1.50"}`, q.Get("paymentMethodId"), crypto))
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	of := order()
	if f.of != nil {
		of = *f.of
	}
	if f.of == nil && gatewaytest.Outside(r) { // a real server asks for any of its orders
		of.CustomerID = checkout.CustomerID(q.Get("externalCustomerId"))
		of.CreatedAt = gatewaytest.Clock(r, now)
	}
	day := func(plus int) string { return of.CreatedAt.UTC().AddDate(0, 0, plus).Format(time.DateOnly) }
	if q.Get("start") != day(-1) || q.Get("end") != day(1) || q.Get("externalCustomerId") != string(of.CustomerID) {
		f.wrong(w, http.StatusBadRequest, "a list of %v", q)
		return
	}
	orders := f.orders
	if orders == nil {
		orders = []map[string]any{}
	}
	raw, _ := json.Marshal(map[string]any{"orders": orders, "total": len(orders)})
	answer(w, http.StatusOK, string(raw))
}

func file(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body) }
}

// Cuttings from what the lists are, with what must not be taken.
const (
	countries = `[{"id":"DE","description":"Germany"},{"id":"US","description":"United States","states":[{"id":"NY"}]},{"code":"CA","name":"Canada"},{}]`
	buyFiats  = `[
		{"id":"EUR","description":"Euro","symbol":"€","supportedPaymentMethods":[
			{"id":"sepa-bank-transfer","name":"Sepa bank transfer","minimum":"46","maximum":"30000"},
			{"id":"google-pay","name":"Google pay","minimum":"17","maximum":"10000"},
			{"id":"debit-credit-card","name":"Debit credit card","minimum":"20","maximum":"15000"}]},
		{"id":"AUD","supportedPaymentMethods":[{"id":"payid_bank transfer","name":"","minimum":null,"maximum":15000}]},
		{"id":"XBT","supportedPaymentMethods":[{"id":"debit-credit-card"}]},
		{"id":"CHF","supportedPaymentMethods":[]}]`
	sellFiats  = `{"data":[{"id":"EUR","supportedPaymentMethods":[{"id":"sepa-bank-transfer","name":"Sepa bank transfer","minimum":"46","maximum":"30000"}]}]}`
	buyCryptos = `[
		{"id":"USDT","blockchains":[{"id":"TRON","isDefaultBlockchain":true,"unsupportedCountries":{"US":["NY"],"CA":[]}},{"id":"BNB","unsupportedCountries":[]},{"id":"BSC"},{"id":"WHAT"}]},
		{"id":"ETH","blockchains":[{"id":"ETH","unsupportedCountries":[]},{"id":"ARB"}]},
		{"id":"USDC","blockchains":[{"id":"MATIC","address":"0x2791bca1f2de4661ed88a30c99a7a9449aa84174"},{"id":"ARB","address":"0xaf88d065e77c8cC2239327C5EDb3A432268e5831"}]},
		{"id":"NOPE","blockchains":[{"id":"ETH"}]},{"id":"BTC"}]`
	sellCryptos = `[{"id":"ETH","blockchains":[{"id":"ETH"}]}]`
)
