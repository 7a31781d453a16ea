package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/stripe"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	project   = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	orderID   = "ord_01kaz8y0x9fe1j3m5q7t9w2b4d6f8h0k2m4pq"
	sessionID = "cos_1NamBL2eZvKYlo2CP38sZVEW"
	wallet    = "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"
	secretKey = "sk_live_51Nv0a1B2c3D4e5F6"
	whsec     = "whsec_5f8e2a1c9d7b4e558c21aa10b2c3d4e5"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

func order() checkout.Order {
	return checkout.Order{
		ID: orderID, ProjectID: project, Type: checkout.Buy, Status: checkout.OrderCreated, Country: "US", WalletAddress: wallet, ExternalOrderID: sessionID,
		FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", RedirectURL: "https://shop.example/ok",
	}
}

func settings(more ...string) gateway.Settings {
	s := gateway.Settings{"secretKey": secretKey, "webhookSecret": whsec}
	for i := 0; i < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	return s
}

func account(s gateway.Settings) gateway.Account {
	return gateway.Account{ProjectID: project, Mode: checkout.ModeLive, Settings: s}
}

func open(tb testing.TB, a gateway.Account, wire *gatewaytest.Wire) gateway.Gateway {
	tb.Helper()
	g, err := stripe.New(&http.Client{Transport: wire}).Open(a)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// server is a fake of Stripe's API, by https://docs.stripe.com/api/crypto/onramp_sessions and .../onramp_quotes.
func server(tb testing.TB) http.Handler {
	tb.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gatewaytest.Meant(r, "api.stripe.com") && !strings.HasPrefix(r.Host, "127.0.0.1:") {
			tb.Errorf("%s %s went to %s", r.Method, r.URL, r.Host)
		}
		if r.Header.Get("Authorization") != "Bearer "+secretKey || strings.Contains(r.URL.String(), secretKey) {
			tb.Errorf("the request %s has the credentials %q", r.URL, r.Header.Get("Authorization"))
		}
		w.Header().Set("Content-Type", "application/json")
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/crypto/onramp_sessions":
			form := formOf(tb, r)
			checkForm(tb, form)
			if key := r.Header.Get("Idempotency-Key"); !strings.HasPrefix(key, form.Get("metadata[order_id]")+"-") || len(key) > 255 {
				tb.Errorf("Idempotency-Key: %q", key)
			}
			sum := sha256.Sum256([]byte(r.Header.Get("Idempotency-Key")))
			fmt.Fprintf(w, `{"id":"cos_%x","object":"crypto.onramp_session","client_secret":"cos_x_secret_y","created":1691010131,"kyc_details_provided":false,"livemode":true,
				"metadata":{"order_id":%q},"redirect_url":"https://crypto.link.com?session_hash=%x","status":"initialized","transaction_details":{"fees":null}}`,
				sum[:4], form.Get("metadata[order_id]"), sum[4:8])
		case "GET /v1/crypto/onramp_sessions":
			io.WriteString(w, `{"object":"list","url":"/v1/crypto/onramp_sessions","has_more":false,"data":[]}`)
		case "GET /v1/crypto/onramp_sessions/" + sessionID:
			fmt.Fprintf(w, sessionJSON, sessionID, "requires_payment", orderID)
		case "GET /v1/crypto/onramp_quotes":
			io.WriteString(w, quotesJSON)
		default:
			if !gatewaytest.Outside(r) || !strings.HasPrefix(r.URL.Path, "/v1/crypto/onramp_sessions/cos_") { // of a real server's other orders
				tb.Errorf("nobody is asked for %s %s", r.Method, r.URL)
			}
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

func formOf(tb testing.TB, r *http.Request) url.Values {
	tb.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Error(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		tb.Errorf("the body %q of %s: %v", body, r.Header.Get("Content-Type"), err)
	}
	return form
}

// checkForm refuses what Stripe would: parameters and values that its reference doesn't name.
func checkForm(tb testing.TB, form url.Values) {
	tb.Helper()
	const currencies, networks = "avax btc eth matic sol usdc usdt wld xlm", "avalanche base bitcoin celo ethereum optimism polygon solana stellar sui tempo worldchain"
	allowed := map[string]string{
		"source_currency": "usd eur", "destination_currency": currencies, "destination_currencies[]": currencies,
		"destination_network": networks, "destination_networks[]": networks, "lock_wallet_address": "true",
	}
	free := []string{"source_amount", "customer_ip_address", "customer_information[email]", "kyc_details[email]", "metadata[order_id]", "wallet_addresses[destination_tags][stellar]"}
	for name, values := range form {
		key, isAddress := strings.CutPrefix(name, "wallet_addresses[")
		list, isListed := allowed[name]
		switch {
		case len(values) != 1:
			tb.Errorf("%s is sent %d times", name, len(values))
		case isListed && !slices.Contains(strings.Fields(list), values[0]):
			tb.Errorf("%s may not be %q", name, values[0])
		case isListed || slices.Contains(free, name):
		case isAddress && key == "base]":
			tb.Error("wallet_addresses[base] is refused: it is base_network")
		case isAddress && slices.Contains(strings.Fields(networks+" base_network"), strings.TrimSuffix(key, "]")):
		default:
			tb.Errorf("Stripe knows no parameter %s", name)
		}
	}
}

// sessionJSON is the object as https://docs.stripe.com/api/crypto/onramp_sessions/object has it, with id, status and reference.
const sessionJSON = `{"id":%q,"object":"crypto.onramp_session","client_secret":"cos_x_secret_y","created":1691010131,"livemode":true,"redirect_url":null,"status":%q,
	"metadata":{"order_id":%q},"transaction_details":{"destination_amount":"0.029133919178255537","destination_currency":"eth","destination_network":"ethereum",
	"fees":{"network_fee_monetary":"0.07","transaction_fee_monetary":"4.04"},"lock_wallet_address":true,"source_amount":"100.00","source_currency":"usd","transaction_id":"cxt_1ABC2DEF3ghi4jkl5"}}`

// quotesJSON is as https://docs.stripe.com/api/crypto/onramp_quotes/object has it.
const quotesJSON = `{"id":"610a15d9","object":"crypto.onramp.quotes","livemode":true,"rate_fetched_at":1691010131.3408287,"source_amount":"100.00","source_currency":"usd",
	"destination_network_quotes":{
	"avalanche":[{"id":"a","destination_amount":"3.474296399973076273","destination_currency":"avax","destination_network":"avalanche",
		"fees":{"network_fee_monetary":"0.03","transaction_fee_monetary":"4.04"},"source_total_amount":"104.07"}],
	"base_network":[{"id":"b","destination_amount":"99.500000","destination_currency":"usdc","destination_network":"base",
		"fees":{"network_fee_monetary":"0.00","transaction_fee_monetary":"4.04"},"source_total_amount":"104.04"}],
	"ethereum":[{"id":"c","destination_amount":"100.000000","destination_currency":"usdc","destination_network":"ethereum",
		"fees":{"network_fee_monetary":"5.80","transaction_fee_monetary":"12.76"},"source_total_amount":"118.56"},
		{"id":"d","destination_amount":"0.025","destination_currency":"eth","destination_network":"ethereum",
		"fees":{"network_fee_monetary":"1.45","transaction_fee_monetary":"4.04"},"source_total_amount":"105.49"}],
	"polygon":[{"destination_amount":"400","destination_currency":"pol","source_total_amount":"104.04"},{"destination_currency":"zzz"}],
	"worldchain":[{"destination_amount":"50","destination_currency":"wld","source_total_amount":"104.04"}],"tempo":[]}}`

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

var refusals = []gatewaytest.Refusal{
	refuse("crypto", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.CryptoCurrency = "DOGE" }, "cryptoCurrency"),
	refuse("fiat", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency = "GBP" }, "fiatCurrency"),
	refuse("network", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "arbitrum" }, "network"),
	refuse("none", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
	refuse("Britain", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "GB" }, "gateway"),
	refuse("base in the EU", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Country, o.Network = "DE", "base" }, "network"),
	refuse("AVAX in the EU", checkout.CodeInvalidCurrency, func(o *checkout.Order) {
		o.Country, o.CryptoCurrency, o.Network = "FR", "AVAX", "avalanche"
	}, "cryptoCurrency"),
	refuse("sell", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Type = checkout.Sell }, "gateway"),
	refuse("a memo where Stripe takes none", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "7" }, "walletTag"),
	refuse("several", checkout.CodeInvalidCurrency, func(o *checkout.Order) {
		o.FiatCurrency, o.Network, o.FiatAmount = "GBP", "tron", money.Amount{}
	}, "fiatCurrency", "network", "fiatAmount"),
}

// post is the request for a session with these parameters.
func post(pairs ...string) []gatewaytest.Call {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return []gatewaytest.Call{{
		Method: "POST", URL: "https://api.stripe.com/v1/crypto/onramp_sessions", Body: form.Encode(),
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer " + secretKey},
	}}
}

func checkouts() []gatewaytest.Checkout {
	fixed := []string{"source_currency", "usd", "source_amount", "100.00", "lock_wallet_address", "true", "metadata[order_id]", orderID}
	eth := append(slices.Clone(fixed), "destination_currency", "eth", "destination_currencies[]", "eth", "destination_network", "ethereum",
		"destination_networks[]", "ethereum", "wallet_addresses[ethereum]", wallet)
	usdc := append(slices.Clone(fixed), "destination_currency", "usdc", "destination_currencies[]", "usdc", "destination_network", "base",
		"destination_networks[]", "base", "wallet_addresses[base_network]", wallet, "customer_ip_address", "203.0.113.42")
	xlm := append(slices.Clone(fixed), "destination_currency", "xlm", "destination_currencies[]", "xlm", "destination_network", "stellar",
		"destination_networks[]", "stellar", "wallet_addresses[stellar]", "GABC", "wallet_addresses[destination_tags][stellar]", "7", "customer_ip_address", "2001:db8::7")
	from := func(address string) func(r *gateway.Request) {
		return func(r *gateway.Request) { r.Address = netip.MustParseAddr(address) }
	}
	return []gatewaytest.Checkout{
		{Name: "plain", Sent: post(append(slices.Clone(eth), "customer_ip_address", "203.0.113.42")...)},
		{Name: "e-mail", Sent: post(append(slices.Clone(eth), "customer_ip_address", "203.0.113.42", "customer_information[email]", "jo+1@example.com")...), Change: func(r *gateway.Request) {
			r.Order.Email = "jo+1@example.com"
		}},
		{Name: "base", Sent: post(usdc...), Change: func(r *gateway.Request) { r.Order.CryptoCurrency, r.Order.Network = "USDC", "base" }},
		{Name: "memo", Sent: post(xlm...), Change: func(r *gateway.Request) {
			r.Order.CryptoCurrency, r.Order.Network, r.Order.WalletAddress, r.Order.WalletTag, r.Address = "XLM", "stellar", "GABC", "7", gatewaytest.Other
		}},
		{Name: "in IPv6's clothes", Sent: post(append(slices.Clone(eth), "customer_ip_address", "203.0.113.42")...), Change: from("::ffff:203.0.113.42")},
		{Name: "private address", Sent: post(eth...), Change: from("192.168.1.7")},
		{Name: "loopback", Sent: post(eth...), Change: from("::1")},
		{Name: "unknown address", Sent: post(eth...), Change: func(r *gateway.Request) { r.Address = netip.Addr{} }},
		{Name: "memo where there is none", Refused: "memo", Change: func(r *gateway.Request) { r.Order.WalletTag = "7" }},
		{Name: "no wallet", Refused: "wallet", Change: func(r *gateway.Request) { r.Order.WalletAddress = "" }},
		{Name: "to sell", Refused: "offramp", Change: func(r *gateway.Request) { r.Order.Type = checkout.Sell }},
	}
}

func quotes() []gatewaytest.Quote {
	refusing := func(code string) http.Handler {
		return gatewaytest.Answer(http.StatusBadRequest, `{"error":{"type":"invalid_request_error","code":"`+code+`","message":"not for you"}}`)
	}
	eth := gateway.Quote{
		FiatAmount: amount("105.49"), CryptoAmount: amount("0.025"), Rate: amount("4000"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
		Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("4.04")}, {Type: gateway.FeeNetwork, Amount: amount("1.45")}},
	}
	usdc := gateway.Quote{
		FiatAmount: amount("104.04"), CryptoAmount: amount("99.500000"), Rate: amount("1.005025125628"), PaymentMethod: "ach", Serves: time.Minute,
		Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("4.04")}},
	}
	onEthereum := gateway.Quote{
		FiatAmount: amount("118.56"), CryptoAmount: amount("100.000000"), Rate: amount("1"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
		Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("12.76")}, {Type: gateway.FeeNetwork, Amount: amount("5.80")}},
	}
	older := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/crypto/onramp/quotes" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, quotesJSON)
	})
	const query = "?source_currency=usd&source_amount=100.00&destination_currencies[]=eth&destination_networks[]=ethereum"
	ask := func(path string) gatewaytest.Call {
		return gatewaytest.Call{Method: "GET", URL: "https://api.stripe.com" + path + query}
	}
	return []gatewaytest.Quote{
		{Name: "ETH", Want: eth, Sent: []gatewaytest.Call{ask("/v1/crypto/onramp_quotes")}},
		{Name: "USDC on base by bank", Want: usdc, Change: func(r *gateway.QuoteRequest) {
			r.Order.CryptoCurrency, r.Order.Network, r.PaymentMethod = "USDC", "base", "ach"
		}},
		{Name: "USDC on ethereum", Want: onEthereum, Change: func(r *gateway.QuoteRequest) { r.Order.CryptoCurrency = "USDC" }},
		{Name: "at the older path", Want: eth, Server: older, Sent: []gatewaytest.Call{ask("/v1/crypto/onramp_quotes"), ask("/v1/crypto/onramp/quotes")}},
		{Name: "at no path", Failed: true, Server: http.NotFoundHandler()},
		{Name: "of nothing", Failed: true, Change: func(r *gateway.QuoteRequest) { r.Order.CryptoCurrency, r.Order.Network = "SOL", "solana" }},
		{Name: "by what it hasn't", Code: checkout.CodeValidation, Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "pix" }},
		{Name: "euros by a US bank", Code: checkout.CodeValidation, Change: func(r *gateway.QuoteRequest) { r.Order.FiatCurrency, r.PaymentMethod = "EUR", "ach" }},
		{Name: "of what isn't served", Code: checkout.CodeInvalidNetwork, Change: func(r *gateway.QuoteRequest) { r.Order.Network = "tron" }},
		{Name: "country", Code: checkout.CodeInvalidGateway, Server: refusing("crypto_onramp_unsupported_country")},
		{Name: "payer", Code: checkout.CodeInvalidGateway, Server: refusing("crypto_onramp_unsupportable_customer")},
		{Name: "pair", Code: checkout.CodeInvalidNetwork, Server: refusing("crypto_onramp_invalid_source_destination_pair")},
		{Name: "amount", Code: checkout.CodeInvalidAmount, Server: refusing("crypto_onramp_invalid_source_amount")},
		{Name: "amount by its parameter", Code: checkout.CodeInvalidAmount, Server: refusing(`parameter_invalid","param":"source_amount`)},
		{Name: "disabled", Failed: true, Server: refusing("crypto_onramp_disabled")},
		{Name: "no total", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(quotesJSON, `"105.49"`, "null"))},
		{Name: "negative", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(quotesJSON, `"105.49"`, `"-105.49"`))},
		{Name: "exponent", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(quotesJSON, `"0.025"`, `2.5e-2`))},
		{Name: "more fees than money", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(quotesJSON, `"1.45"`, `"105"`))},
	}
}

var statuses = []gatewaytest.Status{
	{Theirs: "initialized", Ours: checkout.OrderCreated},
	{Theirs: "requires_payment", Ours: checkout.OrderPending},
	{Theirs: "quote_ready", Ours: checkout.OrderPending},
	{Theirs: "fulfillment_processing", Ours: checkout.OrderProcessing},
	{Theirs: "fulfillment_complete", Ours: checkout.OrderCompleted},
	{Theirs: "rejected", Ours: checkout.OrderFailed},
}

// v1Of is the signature as https://docs.stripe.com/webhooks has it.
func v1Of(secret, stamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, stamp+"."+body)
	return hex.EncodeToString(mac.Sum(nil))
}

func notification(body, signature string, at time.Time) gateway.Notification {
	return gateway.Notification{
		ProjectID: project, Header: map[string][]string{stripe.SignatureHeader: {signature}}, Path: "/gateways/stripe/webhook/" + project, Body: []byte(body), Now: at,
	}
}

func signed(body string, at time.Time) gateway.Notification {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return notification(body, "t="+stamp+",v1="+v1Of(whsec, stamp, body), at)
}

func eventOf(id, session string) string {
	return `{"id":"` + id + `","object":"event","api_version":"2024-04-10","livemode":true,"type":"crypto.onramp_session.updated","data":{"object":` + session + `}}`
}

func notify(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
	return signed(eventOf("evt_"+id, fmt.Sprintf(sessionJSON, o.ExternalOrderID, status, o.ID)), at)
}

func unreadable(_ *checkout.Order, at time.Time) map[string]gateway.Notification {
	good := fmt.Sprintf(sessionJSON, sessionID, "fulfillment_complete", orderID)
	bodies := map[string]string{
		"empty": "", "not JSON": "<xml>", "null": "null", "array": "[]", "trailing": eventOf("evt_1", good) + "{}",
		"no id": eventOf("", good), "no type": `{"id":"evt_1"}`, "long id": eventOf(strings.Repeat("x", 256), good), "NUL": eventOf(`\u0000`, good),
		"no object": `{"id":"evt_1","type":"crypto.onramp_session.updated","livemode":true}`, "object null": eventOf("evt_1", "null"), "object text": eventOf("evt_1", `"x"`),
		"no status": eventOf("evt_1", fmt.Sprintf(sessionJSON, sessionID, "", orderID)), "no session id": eventOf("evt_1", fmt.Sprintf(sessionJSON, "", "rejected", orderID)),
		"long session id": eventOf("evt_1", fmt.Sprintf(sessionJSON, strings.Repeat("x", 256), "rejected", orderID)),
	}
	for name, value := range map[string]string{"negative": `"-1"`, "exponent": `1e3`, "words": `"much"`, "endless": `"` + strings.Repeat("9", 41) + `"`, "list": "[]"} {
		bodies["amount "+name] = eventOf("evt_1", strings.Replace(good, `"0.029133919178255537"`, value, 1))
	}
	notifications := map[string]gateway.Notification{}
	for name, body := range bodies {
		notifications[name] = signed(body, at)
	}
	return notifications
}

func ignored(_ *checkout.Order, at time.Time) map[string]gateway.Notification {
	session := fmt.Sprintf(sessionJSON, sessionID, "fulfillment_complete", orderID)
	return map[string]gateway.Notification{
		"another event": signed(`{"id":"evt_1","type":"charge.succeeded","livemode":true,"data":{"object":{"id":7}}}`, at),
		"somebody's":    signed(eventOf("evt_1", strings.Replace(session, `"order_id":"`+orderID+`"`, "", 1)), at),
		"no metadata":   signed(eventOf("evt_1", strings.Replace(session, `{"order_id":"`+orderID+`"}`, "null", 1)), at),
		"of test mode":  signed(strings.Replace(eventOf("evt_1", session), `"livemode":true`, `"livemode":false`, 1), at),
	}
}

func polled(t *testing.T, o *checkout.Order, status string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/crypto/onramp_sessions" { // see TestPaidEarlier
			io.WriteString(w, `{"object":"list","data":[]}`)
			return
		}
		if want := "GET /v1/crypto/onramp_sessions/" + o.ExternalOrderID; r.Method+" "+r.RequestURI != want || r.Header.Get("Authorization") != "Bearer "+secretKey {
			t.Errorf("%s %s was asked, want %s", r.Method, r.RequestURI, want)
		}
		fmt.Fprintf(w, sessionJSON, o.ExternalOrderID, status, o.ID)
	})
}

func testCase(tb testing.TB) gatewaytest.Case {
	tb.Helper()
	return gatewaytest.Case{
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return stripe.New(client) },
			Account:  account(settings()), Server: server(tb),
			Malformed: map[string][]string{
				"secretKey":     {"pk_live_51Nv0a1B2c3D4e5F6", "sk_test_51Nv0a1B2c3D4e5F6", "sk_live_", "nonsense", secretKey + "\n"},
				"webhookSecret": {"we_1NamBL2eZvKYlo2C", whsec + ",nonsense"},
				"apiVersion":    {"crypto_onramp_beta=v2", "2024-04-10\r\nX: y"},
			},
			Another: gateway.Settings{"webhookSecret": "whsec_another"},
		},
		Order: order(), Refusals: refusals, Statuses: statuses, Unknown: "on_hold",
		Checkouts: checkouts(), BindsAddress: true, Quotes: quotes(), Notify: notify, Unreadable: unreadable, Ignored: ignored,
		SignatureHeader: stripe.SignatureHeader, Tolerance: stripe.ToleranceSeconds * time.Second, Now: now,
		Polled: polled, Unheard: gatewaytest.Answer(http.StatusNotFound, `{"error":{"code":"resource_missing"}}`),
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, testCase(t))
}

func FuzzParseNotification(f *testing.F) {
	gatewaytest.Fuzz(f, testCase(f), func(body []byte) gateway.Notification { return signed(string(body), now) })
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	o := order()
	stamp := strconv.FormatInt(now.Unix(), 10)
	body := string(notify(&o, "requires_payment", "1", now).Body)
	v1 := "v1=" + v1Of(whsec, stamp, body)
	cases := map[string]bool{
		"t=" + stamp + "," + v1:                                           true,
		" t=" + stamp + " , " + v1:                                        true,
		"t=" + stamp + ", " + v1 + ",v0=z":                                true, // other schemes are ignored
		"t=" + stamp + ",v1=" + v1Of("whsec_old", stamp, body) + "," + v1: true, // while a secret is rolled
		"t=" + stamp + ",v0=" + v1Of(whsec, stamp, body):                  false,
		"t=" + stamp + ",t=" + stamp + "," + v1:                           false,
		"t=" + strconv.FormatInt(now.Unix()-1, 10) + "," + v1:             false,
		"t=99999999999999999999," + v1:                                    false,
		"t=-9223372036854775808," + v1:                                    false,
		"t=" + stamp + ",v1=":                                             false,
		"t=" + stamp + ",v1=xy":                                           false,
		"t=" + stamp + strings.Repeat(",v1=00", 16) + "," + v1:            false,
		v1: false,
	}
	g := open(t, account(settings("webhookSecret", "whsec_new, "+whsec)), nil)
	for value, want := range cases {
		updates, err := g.ParseNotification(t.Context(), notification(body, value, now))
		if want && (err != nil || len(updates) != 1) || !want && !errors.Is(err, gateway.ErrForged) {
			t.Errorf("%s: %+v, %v", value, updates, err)
		}
	}
	n := notification(body, "t="+stamp+","+v1, now)
	n.Header = map[string][]string{"stripe-signature": n.Header[stripe.SignatureHeader]}
	if _, err := g.ParseNotification(t.Context(), n); err != nil {
		t.Errorf("the header in small letters: %v", err)
	}
	n.Header["Stripe-Signature"] = n.Header["stripe-signature"]
	if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("two headers: %v", err)
	}
	for _, none := range []string{"", ","} {
		g := open(t, account(settings("webhookSecret", none)), nil)
		if _, err := g.ParseNotification(t.Context(), notification(body, "t="+stamp+",v1="+v1Of("", stamp, body), now)); !errors.Is(err, gateway.ErrForged) {
			t.Errorf("without a secret (%q): %v", none, err)
		}
	}
}

// TestVector has the published vector: a ping, which is genuine and none of ours.
func TestVector(t *testing.T) {
	t.Parallel()
	g := open(t, account(settings("webhookSecret", "whsec_demo")), nil)
	n := notification(`{"type":"ping","id":"n-1"}`, "t=1728394718,v1=ca97d1daccbc6801a874a1bccdec491102cacace5f4603226163872148934930", time.Unix(1728394718, 0))
	if updates, err := g.ParseNotification(t.Context(), n); err != nil || len(updates) != 0 {
		t.Errorf("ParseNotification = %+v, %v; want nothing, for a ping is none of ours", updates, err)
	}
	n.Body[0] = ' '
	if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("with another body: %v", err)
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	g := open(t, account(settings()), nil)
	session := fmt.Sprintf(sessionJSON, sessionID, "fulfillment_complete", orderID)
	cases := []struct {
		name, session string
		want          gateway.Update
	}{
		{"done", session, gateway.Update{Status: checkout.OrderCompleted, CryptoAmount: amount("0.029133919178255537")}},
		{"with a hash", strings.Replace(session, "cxt_1ABC2DEF3ghi4jkl5", "0xabc", 1), gateway.Update{Status: checkout.OrderCompleted, CryptoAmount: amount("0.029133919178255537"), TransactionHash: "0xabc"}},
		{"no amount", strings.Replace(session, `"0.029133919178255537"`, "null", 1), gateway.Update{Status: checkout.OrderCompleted}},
		{"zero", strings.Replace(session, `"0.029133919178255537"`, `"0.000000"`, 1), gateway.Update{Status: checkout.OrderCompleted}},
		{"more places than ours", strings.Replace(session, `"0.029133919178255537"`, `"0.02913391917825553712"`, 1), gateway.Update{Status: checkout.OrderCompleted, CryptoAmount: amount("0.029133919178255537")}},
		{"no details", `{"id":"` + sessionID + `","status":"rejected","metadata":{"order_id":"` + orderID + `"},"transaction_details":null}`, gateway.Update{
			Status: checkout.OrderFailed, FailureReason: "Stripe rejected the payer: identity, sanctions or fraud checks did not pass.",
		}},
	}
	for _, tt := range cases {
		updates, err := g.ParseNotification(t.Context(), signed(eventOf("evt_1", tt.session), now))
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, updates, err)
			continue
		}
		tt.want.DedupKey, tt.want.OrderID, tt.want.Type, tt.want.ExternalOrderID = "evt_1", orderID, checkout.Buy, sessionID
		updates[0].Paid = checkout.Paid{} // see TestPaid
		if diff := cmp.Diff(tt.want, updates[0], digits); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestMemo: a memo is taken where it is handed on.
func TestMemo(t *testing.T) {
	t.Parallel()
	o := order()
	o.CryptoCurrency, o.Network, o.WalletTag = "XLM", "stellar", "7"
	if err := open(t, account(settings()), nil).Check(&o); err != nil {
		t.Error(err)
	}
}

// TestSameSession has the payer come again: the same payer gets the same session, another address another.
func TestSameSession(t *testing.T) {
	t.Parallel()
	wire := gatewaytest.NewWire(server(t))
	g := open(t, account(settings()), wire).(gateway.Opener)
	o := order()
	var made []gateway.Checkout
	for _, address := range []netip.Addr{gatewaytest.Payer, gatewaytest.Payer, gatewaytest.Other} {
		c, err := g.OpenCheckout(t.Context(), gateway.Request{Order: &o, Address: address, Now: now.Add(time.Duration(len(made)) * time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, c)
	}
	if made[0] != made[1] || made[1] == made[2] || !strings.HasPrefix(made[0].ExternalOrderID, "cos_") || made[0].Serves != 0 {
		t.Errorf("the checkouts are %+v", made)
	}
}

// TestEmailParameter has a Stripe that doesn't know the parameter of the address any more, and settings that choose it.
func TestEmailParameter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ setting, unknown, want string }{
		{"", "", "customer_information[email]"},
		{"customer_information", "", "customer_information[email]"},
		{"kyc_details", "", "kyc_details[email]"},
		{"none", "", ""},
		{"", "customer_information", ""},
		{"", "customer_information[email]", ""},
		{"kyc_details", "kyc_details", ""},
	} {
		answer := server(t)
		wire := gatewaytest.NewWire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			form := formOf(t, r)
			r.Body = io.NopCloser(strings.NewReader(form.Encode()))
			if tt.unknown != "" && slices.ContainsFunc([]string{"customer_information[email]", "kyc_details[email]"}, form.Has) {
				gatewaytest.Answer(http.StatusBadRequest, `{"error":{"code":"parameter_unknown","param":"`+tt.unknown+`","message":"Received unknown parameter"}}`).ServeHTTP(w, r)
				return
			}
			answer.ServeHTTP(w, r)
		}))
		o := order()
		o.Email = "jo@example.com"
		g := open(t, account(settings("emailParameter", tt.setting)), wire)
		if _, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		calls := wire.Calls()
		form, err := url.ParseQuery(calls[len(calls)-1].Body)
		if err != nil || tt.want != "" && form.Get(tt.want) != "jo@example.com" || tt.want == "" && strings.Contains(calls[len(calls)-1].Body, "email") {
			t.Errorf("%+v: %s was sent at last", tt, calls[len(calls)-1].Body)
		}
		if len(calls) == 2 && calls[0].Header["Idempotency-Key"] == calls[1].Header["Idempotency-Key"] {
			t.Errorf("%+v: another request has the same idempotency key", tt)
		}
	}
}

// TestOpenRefused tells the payer nothing, but the operator what to do.
func TestOpenRefused(t *testing.T) {
	t.Parallel()
	o := order()
	for body, want := range map[string]checkout.Code{
		`{"error":{"code":"crypto_onramp_unsupportable_customer"}}`:                      checkout.CodeInvalidGateway,
		`{"error":{"code":"crypto_onramp_wallet_address_invalid"}}`:                      checkout.CodeValidation,
		`{"error":{"code":"crypto_onramp_wallet_addresses_not_all_networks_supported"}}`: checkout.CodeInvalidNetwork,
		`{"error":{"code":"crypto_onramp_disabled"}}`:                                    checkout.CodeInternal,
		`{"error":{"code":"parameter_unknown","param":"lock_wallet_address"}}`:           checkout.CodeInternal,
		`{"error":7}`: checkout.CodeInternal,
	} {
		g := open(t, account(settings()), gatewaytest.NewWire(gatewaytest.Answer(http.StatusBadRequest, body)))
		made, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now})
		if err == nil || checkout.CodeOf(err) != want {
			t.Errorf("%s: %+v, %v; want %s", body, made, err, want)
		}
	}
	for _, body := range []string{`{"id":"cos_1","redirect_url":null}`, `{"id":"cos_1","redirect_url":"javascript:alert(1)"}`, `{"redirect_url":"https://crypto.link.com"}`} {
		g := open(t, account(settings()), gatewaytest.NewWire(gatewaytest.Answer(http.StatusOK, body)))
		if made, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now}); err == nil {
			t.Errorf("%s: %+v", body, made)
		}
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	o := order()
	o.ExternalOrderID = ""
	wire := gatewaytest.NewWire(nil)
	if updates, err := open(t, account(settings()), wire).(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil || len(updates) > 0 || len(wire.Calls()) > 0 {
		t.Errorf("an order to which no payer came: %+v, %v", updates, err)
	}
	another := order()
	g := open(t, account(settings()), gatewaytest.NewWire(gatewaytest.Answer(http.StatusOK, fmt.Sprintf(sessionJSON, sessionID, "fulfillment_complete", "ord_another"))))
	if updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &another, Now: now}); err == nil {
		t.Errorf("another order's session: %+v", updates)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	if err := open(t, account(settings()), gatewaytest.NewWire(server(t))).(gateway.Prober).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	for status, want := range map[int]string{401: "copy it again", 400: "approved", 403: "approved", 404: "approved", 500: "500"} {
		err := open(t, account(settings()), gatewaytest.NewWire(gatewaytest.Answer(status, `{}`))).(gateway.Prober).Probe(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: Probe = %v; want %q in it", status, err, want)
		}
	}
}

// TestAccount has a test project, over a real connection, with the version of the beta.
func TestAccount(t *testing.T) {
	t.Parallel()
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer rk_test_51Nv0a1B2c3D" || r.Header.Get("Stripe-Version") != "2024-04-10;crypto_onramp_beta=v2" {
			t.Errorf("the headers are %v", r.Header)
		}
		io.WriteString(w, `{"id":"cos_1","redirect_url":"https://crypto.link.com?session_hash=1"}`)
	}))
	defer fake.Close()
	a := account(gateway.Settings{
		"secretKey": "rk_test_51Nv0a1B2c3D", "webhookSecret": whsec, "apiVersion": "2024-04-10;crypto_onramp_beta=v2", "apiBaseURL": fake.URL + "/",
	})
	a.Mode = checkout.ModeTest
	g, err := stripe.New(fake.Client()).Open(a)
	if err != nil {
		t.Fatal(err)
	}
	o := order()
	if _, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil {
		t.Error(err)
	}
	body := strings.Replace(string(notify(&o, "fulfillment_complete", "1", now).Body), `"livemode":true`, `"livemode":false`, 1)
	if updates, err := g.ParseNotification(t.Context(), signed(body, now)); err != nil || len(updates) != 1 {
		t.Errorf("an event of test mode: %+v, %v", updates, err)
	}
	if updates, err := g.ParseNotification(t.Context(), notify(&o, "fulfillment_complete", "1", now)); err != nil || len(updates) != 0 {
		t.Errorf("an event of live mode: %+v, %v", updates, err)
	}
	a.Settings["secretKey"] = secretKey
	var problems *gateway.SettingsError
	if _, err := stripe.New(nil).Open(a); !errors.As(err, &problems) || !strings.Contains(err.Error(), "sandbox") {
		t.Errorf("a live key in the sandbox: %v", err)
	}
}

// TestLists has what is listed for countries, before and after the prices told what there is.
func TestLists(t *testing.T) {
	t.Parallel()
	text := func(c gateway.Catalogue) string {
		var lines []string
		for _, f := range c.Fiats {
			lines = append(lines, fmt.Sprintf("%s %s-%s %v", f.Currency, f.Min, f.Max, f.Methods))
		}
		for _, a := range c.Assets {
			for _, on := range a.Networks {
				lines = append(lines, a.Code+"/"+on.Network)
			}
		}
		return strings.Join(lines, "\n")
	}
	a := account(settings("minAmount", "5 USD", "countries", "US,DE"))
	g := open(t, a, nil)
	list := g.(gateway.Lister).List
	const fiats = "EUR - [debit-credit-card apple-pay google-pay]\nUSD 5- [debit-credit-card apple-pay google-pay ach]\n"
	all := fiats + "BTC/bitcoin\nETH/ethereum\nETH/base\nUSDC/ethereum\nUSDC/base\nUSDC/polygon\nUSDC/avalanche\nUSDC/solana\nUSDC/stellar\nSOL/solana\nAVAX/avalanche\nXLM/stellar\nMATIC/polygon"
	eu := fiats + "BTC/bitcoin\nETH/ethereum\nUSDC/ethereum\nUSDC/stellar\nSOL/solana\nXLM/stellar"
	for country, want := range map[string]string{"": all, "US": all, "DE": eu, "FR": "", "GB": ""} {
		if got := text(list(checkout.Buy, country)); got != want {
			t.Errorf("%q (-want +got):\n%s", country, cmp.Diff(want, got))
		}
	}
	if got := text(list(checkout.Sell, "")); got != "" {
		t.Errorf("to sell: %s", got)
	}
	data, err := open(t, a, gatewaytest.NewWire(server(t))).(gateway.Loader).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.Catalogue = data
	after := fiats + "ETH/ethereum\nUSDC/ethereum\nUSDC/base\nAVAX/avalanche\nPOL/polygon\nWLD/world-chain"
	if got := text(open(t, a, nil).(gateway.Lister).List(checkout.Buy, "")); got != after {
		t.Errorf("after Load (-want +got):\n%s", cmp.Diff(after, got))
	}
	o := order()
	o.FiatAmount = amount("4.99")
	if err := g.Check(&o); checkout.CodeOf(err) != checkout.CodeInvalidAmount {
		t.Errorf("less than the operator allows: %v", err)
	}
	o.FiatAmount, o.FiatCurrency = amount("5000"), "EUR"
	if err := open(t, account(settings("maxAmount", "4999.99 EUR")), nil).Check(&o); checkout.CodeOf(err) != checkout.CodeInvalidAmount {
		t.Errorf("more than the operator allows: %v", err)
	}
	for _, body := range []string{`{"destination_network_quotes":{}}`, `{"destination_network_quotes":{"tempo":[{"destination_currency":"usdc"}]}}`} {
		if data, err := open(t, a, gatewaytest.NewWire(gatewaytest.Answer(http.StatusOK, body))).(gateway.Loader).Load(t.Context()); err == nil {
			t.Errorf("%s: Load = %s", body, data)
		}
	}
}
