package coinbase_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/coinbase"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	project = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	orderID = "ord_01kaz8y0x9fe1j3m5q7t9w2b4d6f8h0k2m4pq" // 41 characters, as all have
	keyID   = "organizations/0f3c1a52-0000-4000-8000-0000000000a1/apiKeys/7c9e6679-7425-40de-944b-e07fc1f90ae7"
	wallet  = "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"
	whsec   = "3f0e2a1c-9d7b-4e55-8c21-aa10b2c3d4e5"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// edKey is the 64 bytes of an Ed25519 key, as the portal gives them.
var edKey = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

func ecKey() *ecdsa.PrivateKey {
	// A private key is a number; this one is fixed, so that what fails fails again.
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte("fedcba9876543210fedcba9876543210"))
	if err != nil {
		panic(err)
	}
	return key
}

func pemOf(tb testing.TB, kind string, der []byte, err error) string {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func sec1(tb testing.TB, key *ecdsa.PrivateKey) string {
	tb.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	return pemOf(tb, "EC PRIVATE KEY", der, err)
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
		ID: orderID, ProjectID: project, Type: checkout.Buy, Status: checkout.OrderCreated, Country: "US", WalletAddress: wallet,
		FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "base", RedirectURL: "https://shop.example/ok?a=1&b=2",
	}
}

func sellOrder() *checkout.Order {
	o := order()
	o.Type = checkout.Sell
	return &o
}

func settings(more ...string) gateway.Settings {
	s := gateway.Settings{
		"keyId": keyID, "keySecret": base64.StdEncoding.EncodeToString(edKey), "webhookSecret": whsec, "environment": "production",
	}
	for i := 0; i < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	return s
}

func account(s gateway.Settings) gateway.Account {
	return gateway.Account{ProjectID: project, Mode: checkout.ModeLive, Settings: s, Now: func() time.Time { return now }}
}

func open(tb testing.TB, a gateway.Account, server http.Handler) gateway.Gateway {
	tb.Helper()
	return openWire(tb, a, gatewaytest.NewWire(server))
}

func openWire(tb testing.TB, a gateway.Account, wire *gatewaytest.Wire) gateway.Gateway {
	tb.Helper()
	g, err := coinbase.New(&http.Client{Transport: wire}).Open(a)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// cdp is a fake of CDP's two hosts. It takes a request only with a token that its documentation allows.
type cdp struct {
	tb     testing.TB
	verify func(signed, signature []byte) bool
	alg    string
	mu     sync.Mutex
	nonces map[string]bool
	paths  []string
	answer map[string]string // by method and path, in place of the usual
}

func newCDP(tb testing.TB) *cdp {
	tb.Helper()
	return &cdp{
		tb: tb, alg: "EdDSA", nonces: map[string]bool{}, answer: map[string]string{},
		verify: func(signed, signature []byte) bool {
			return ed25519.Verify(edKey.Public().(ed25519.PublicKey), signed, signature)
		},
	}
}

func verifyES256(key *ecdsa.PublicKey) func(signed, signature []byte) bool {
	return func(signed, signature []byte) bool {
		sum := sha256.Sum256(signed)
		if len(signature) != 64 {
			return false
		}
		return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
}

// checkToken reads the token by RFC 7515 and holds it to what
// https://docs.cdp.coinbase.com/api-reference/v2/authentication says.
func (c *cdp) checkToken(r *http.Request, host string) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return fmt.Errorf("no bearer token: %q", token)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return err
		}
	}
	var head struct{ Alg, Kid, Nonce, Typ string }
	var claims struct {
		Sub, Iss      string
		Nbf, Iat, Exp int64
		URIs          []string
	}
	if err := json.Unmarshal(raw[0], &head); err != nil {
		return err
	}
	if err := json.Unmarshal(raw[1], &claims); err != nil {
		return err
	}
	c.mu.Lock()
	used := c.nonces[head.Nonce]
	c.nonces[head.Nonce] = true
	c.paths = append(c.paths, r.URL.RequestURI())
	c.mu.Unlock()
	uri := r.Method + " " + host + r.URL.EscapedPath()
	switch {
	case head.Alg != c.alg || head.Kid != keyID || head.Typ != "JWT" || len(head.Nonce) != 32 || used:
		return fmt.Errorf("the header is %+v, its nonce used before: %v", head, used)
	case claims.Sub != keyID || claims.Iss != "cdp" || !gatewaytest.IsNow(r, now, time.Unix(claims.Iat, 0)) || claims.Nbf != claims.Iat || claims.Exp != claims.Iat+120:
		return fmt.Errorf("the claims are %+v", claims)
	case !slices.Equal(claims.URIs, []string{uri}):
		return fmt.Errorf("the token is for %q, the request %q", claims.URIs, uri)
	case !c.verify([]byte(parts[0]+"."+parts[1]), raw[2]):
		return fmt.Errorf("the signature is wrong")
	}
	return nil
}

func (c *cdp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := "api.developer.coinbase.com"
	if strings.HasPrefix(r.URL.Path, "/platform/") {
		host = "api.cdp.coinbase.com"
	}
	if !gatewaytest.Meant(r, host) && !strings.HasPrefix(r.Host, "proxy.") && !strings.HasPrefix(r.Host, "127.0.0.1:") {
		c.tb.Errorf("%s %s went to %s", r.Method, r.URL, r.Host)
	}
	if err := c.checkToken(r, host); err != nil {
		c.tb.Error(err)
		http.Error(w, `{"errorType":"unauthorized"}`, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.tb.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	if answer, ok := c.answer[r.Method+" "+r.URL.Path]; ok {
		io.WriteString(w, answer)
		return
	}
	c.usual(w, r, body)
}

func (c *cdp) usual(w http.ResponseWriter, r *http.Request, body []byte) {
	var in map[string]any
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(body, &in); err != nil {
			c.tb.Error(err)
		}
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /platform/v2/onramp/sessions":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"session":{"onrampUrl":"https://pay.coinbase.com/buy?sessionToken=tok-%s"}}`, in["partnerUserRef"])
	case "POST /onramp/v1/token":
		sum := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		fmt.Fprintf(w, `{"token":"tok-%x","channel_id":""}`, sum[:4])
	case "POST /onramp/v1/buy/quote":
		io.WriteString(w, buyAnswer)
	case "POST /onramp/v1/sell/quote":
		fmt.Fprintf(w, `{"cashout_total":{"value":"100.00","currency":"USD"},"cashout_subtotal":{"value":"101.00","currency":"USD"},
			"sell_amount":{"value":"%s","currency":"ETH"},"coinbase_fee":{"value":"1.00","currency":"USD"},"quote_id":"q"}`, in["sell_amount"])
	case "GET /onramp/v1/buy/config", "GET /onramp/v1/sell/config":
		io.WriteString(w, configAnswer)
	case "GET /onramp/v1/buy/options":
		io.WriteString(w, optionsOf(r, "payment_currencies", "purchase_currencies"))
	case "GET /onramp/v1/sell/options":
		io.WriteString(w, optionsOf(r, "cashout_currencies", "sell_currencies"))
	default:
		if strings.HasSuffix(r.URL.Path, "/transactions") {
			io.WriteString(w, `{"transactions":[],"next_page_key":"","total_count":"0"}`)
			return
		}
		c.tb.Errorf("nobody is asked for %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	}
}

// optionsOf has wider limits for cards in Germany.
func optionsOf(r *http.Request, fiats, assets string) string {
	answer := fmt.Sprintf(optionsAnswer, fiats, assets)
	if r.URL.Query().Get("country") == "DE" {
		answer = strings.ReplaceAll(strings.ReplaceAll(answer, `"min":"2"`, `"min":"1.5"`), `"max":"7500"`, `"max":"10000"`)
	}
	return answer
}

const buyAnswer = `{"payment_total":{"value":"100","currency":"USD"},"payment_subtotal":{"value":"98.96","currency":"USD"},
	"purchase_amount":{"value":"0.0247","currency":"ETH"},"coinbase_fee":{"value":"0","currency":"USD"},
	"network_fee":{"value":"1.04","currency":"USD"},"quote_id":"52e59e24-54f4-4480-b529-7a4ba6e9d022"}`

const configAnswer = `{"countries":[{"id":"US","subdivisions":["CA","NY"],"payment_methods":[{"id":"CARD"},{"id":"ACH_BANK_ACCOUNT"},{"id":"CRYPTO_WALLET"}]},
	{"id":"DE","subdivisions":[],"payment_methods":[{"id":"CARD"}]},{"id":"??","payment_methods":["CARD"]},
	{"id":"SG","payment_methods":[{"id":"CRYPTO_WALLET"}]}]}`

const optionsAnswer = `{%q:[{"id":"USD","limits":[{"id":"CARD","min":"2","max":"7500"},{"id":"ACH_BANK_ACCOUNT","min":"1","max":"25000"}]},
	{"id":"EUR","limits":[{"id":"CARD","min":"2","max":"7500"}]},{"id":"CHF","limits":[{"id":"CARD"},{"id":"ACH_BANK_ACCOUNT","min":"1","max":"2"}]},{"id":"CAD","limits":[{"id":"ACH_BANK_ACCOUNT","min":"1","max":"5"}]},{"id":"XAU","limits":[]}],
	%q:[{"symbol":"BTC","networks":[{"name":"bitcoin"},{"name":"base"}]},{"symbol":"ETH","networks":[{"name":"ethereum-mainnet"},{"name":"base"},{"name":"polygon"}]},
	{"symbol":"USDC","networks":[{"name":"polygon","contract_address":"0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"},{"name":"base","contract_address":"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"}]},{"symbol":"AVAX","networks":[{"name":"avacchain"}]},{"symbol":"XRP","networks":[{"name":"ripple"}]},{"symbol":"CGLD","networks":[{"name":"celo"}]},{"symbol":"ZZZ","networks":[{"name":"zzz"}]}]}`

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

var refusals = []gatewaytest.Refusal{
	refuse("crypto", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.CryptoCurrency = "DOGE" }, "cryptoCurrency"),
	refuse("fiat", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency = "JPY" }, "fiatCurrency"),
	refuse("network", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "polygon" }, "network"),
	refuse("wrapped under the original's name", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.CryptoCurrency = "BTC" }, "network"),
	refuse("none", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
	refuse("Japan", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "JP" }, "gateway"),
	refuse("a memo", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "7" }, "walletTag"),
	refuse("a seller's memo", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Type, o.WalletTag = checkout.Sell, "7" }, "walletTag"),
	refuse("several", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency, o.Network = "JPY", "tron" }, "fiatCurrency", "network"),
	refuse("sell for what the page takes no amount in", checkout.CodeInvalidCurrency, func(o *checkout.Order) {
		o.Type, o.FiatCurrency = checkout.Sell, "CHF"
	}, "fiatCurrency"),
}

// checkouts are what https://docs.cdp.coinbase.com and openapi.yaml of coinbase/cdp-sdk say.
func checkouts() []gatewaytest.Checkout {
	const sessions, tokens = "https://api.cdp.coinbase.com/platform/v2/onramp/sessions", "https://api.developer.coinbase.com/onramp/v1/token"
	full := `{"destinationAddress":"` + wallet + `","destinationNetwork":"base","purchaseCurrency":"ETH","paymentAmount":"100.00",
		"paymentCurrency":"USD","redirectUrl":"https://shop.example/ok?a=1&b=2","clientIp":"203.0.113.42","partnerUserRef":"` + orderID + `"}`
	bare := `{"destinationAddress":"` + wallet + `","destinationNetwork":"base","purchaseCurrency":"ETH","paymentAmount":"100.00",
		"paymentCurrency":"USD","partnerUserRef":"` + orderID + `"}`
	token := `{"addresses":[{"address":"` + wallet + `","blockchains":["base"]}],"assets":["ETH"],"clientIp":"203.0.113.42"}`
	onramp := "https://pay.coinbase.com/buy?sessionToken=tok-" + orderID
	return []gatewaytest.Checkout{
		{Name: "buy", URL: onramp, Sent: []gatewaytest.Call{{Method: "POST", URL: sessions, Body: full}}},
		{Name: "buy with nothing more", URL: onramp, Sent: []gatewaytest.Call{{Method: "POST", URL: sessions, Body: bare}}, Change: func(r *gateway.Request) {
			r.Order.RedirectURL, r.Order.Country, r.Address = "", "", gateway.Request{}.Address
		}},
		{Name: "buy with a memo", Refused: "memo", Change: func(r *gateway.Request) { r.Order.WalletTag = "7" }},
		{Name: "buy without a wallet", Refused: "wallet", Change: func(r *gateway.Request) { r.Order.WalletAddress = "" }},
		{Name: "buy what is no longer served", Refused: "no longer", Change: func(r *gateway.Request) { r.Order.Network = "tron" }},
		{Name: "buy with an endless id", Refused: "too long", Change: func(r *gateway.Request) { r.Order.ID += "123456789" }},
		{
			Name: "sell", Sell: true, Varying: []string{"sessionToken"},
			URL: "https://pay.coinbase.com/v3/sell/input?defaultAsset=ETH&defaultNetwork=base&disableEdit=true&fiatCurrency=USD&partnerUserRef=sell-" + orderID +
				"&presetFiatAmount=100.00&redirectUrl=" + url.QueryEscape("https://shop.example/ok?a=1&b=2&partnerUserRef=sell-"+orderID),
			Sent: []gatewaytest.Call{{Method: "POST", URL: tokens, Body: token}},
		},
		{Name: "sell for nobody known", Sell: true, Refused: "address", Change: func(r *gateway.Request) { r.Address = gateway.Request{}.Address }},
		{Name: "sell without a way back", Sell: true, Refused: "redirectUrl", Change: func(r *gateway.Request) { r.Order.RedirectURL = "" }},
	}
}

func quotes() []gatewaytest.Quote {
	refusing := func(message string) http.Handler {
		return gatewaytest.Answer(http.StatusBadRequest, `{"errorType":"invalid_request","errorMessage":"`+message+`"}`)
	}
	const url, sellURL = "https://api.developer.coinbase.com/onramp/v1/buy/quote", "https://api.developer.coinbase.com/onramp/v1/sell/quote"
	ask := func(method string) gatewaytest.Call {
		return gatewaytest.Call{Method: "POST", URL: url, Body: `{"purchase_currency":"ETH","purchase_network":"base","payment_amount":"100.00",
			"payment_currency":"USD","payment_method":"` + method + `","country":"US","subdivision":"CA"}`}
	}
	guess := ask("CARD")
	guess.Body = strings.Replace(guess.Body, "100.00", "100", 1)
	bought := gateway.Quote{
		FiatAmount: amount("100"), CryptoAmount: amount("0.0247"), Rate: amount("4006.477732793522"),
		Fees: []gateway.Fee{{Type: gateway.FeeNetwork, Amount: amount("1.04")}}, PaymentMethod: "debit-credit-card", Serves: time.Minute,
	}
	byACH := bought
	byACH.PaymentMethod = "ach"
	return []gatewaytest.Quote{
		{Name: "buy", Want: bought, Sent: []gatewaytest.Call{ask("CARD")}},
		{Name: "buy by bank", Want: byACH, Sent: []gatewaytest.Call{ask("ACH_BANK_ACCOUNT")}, Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "ach" }},
		// 100 USD buy 0.0247 ETH at 98.96, which is 0.02495958 ETH for 100.
		{Name: "sell", Sell: true, Want: gateway.Quote{
			FiatAmount: amount("100.00"), CryptoAmount: amount("0.02495958"), Rate: amount("4046.54244983289"),
			Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("1.00")}}, PaymentMethod: "ach", Serves: time.Minute,
		}, Sent: []gatewaytest.Call{guess, {Method: "POST", URL: sellURL, Body: `{"sell_currency":"ETH","sell_network":"base",
			"sell_amount":"0.02495958","cashout_currency":"USD","payment_method":"ACH_BANK_ACCOUNT","country":"US","subdivision":"CA"}`}}},
		{Name: "nowhere", Code: checkout.CodeValidation, Change: func(r *gateway.QuoteRequest) { r.Order.Country = "" }},
		{Name: "by what it hasn't", Code: checkout.CodeValidation, Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "pix" }},
		{Name: "of what isn't served", Code: checkout.CodeInvalidNetwork, Change: func(r *gateway.QuoteRequest) { r.Order.Network = "tron" }},
		{Name: "too little", Code: checkout.CodeInvalidAmount, Server: refusing("Payment amount is below the minimum.")},
		{Name: "too little to sell", Sell: true, Code: checkout.CodeInvalidAmount, Server: refusing("sell amount must be higher")},
		{Name: "refused method", Code: checkout.CodeValidation, Server: refusing("payment_method is not supported")},
		{Name: "refused country", Code: checkout.CodeInvalidGateway, Server: refusing("Country not supported")},
		{Name: "refused network", Code: checkout.CodeInvalidNetwork, Server: refusing("unsupported network")},
		{Name: "refused asset", Code: checkout.CodeInvalidCurrency, Server: refusing("unknown asset")},
		{Name: "refused for reasons unknown", Failed: true, Server: refusing("computer says no")},
		{Name: "in another currency", Code: checkout.CodeInvalidCurrency, Server: gatewaytest.Answer(200, buyAnswer), Change: func(r *gateway.QuoteRequest) {
			r.Order.FiatCurrency, r.Order.Country = "EUR", "DE"
		}},
		{Name: "negative", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(buyAnswer, `"98.96"`, `"-98.96"`))},
		{Name: "no number", Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(buyAnswer, `"100"`, `"1e2"`))},
		{Name: "no crypto to start a sale from", Sell: true, Failed: true, Server: gatewaytest.Answer(200, strings.ReplaceAll(buyAnswer, `"0.0247"`, `"0"`))},
		// As the documentation's example has it, below data and with amount in place of value.
		{Name: "as the example", Want: bought, Server: gatewaytest.Answer(200, `{"data":`+strings.ReplaceAll(buyAnswer, `"value"`, `"amount"`)+`}`)},
	}
}

func testCase(tb testing.TB, notify func(o *checkout.Order, status, id string, now time.Time) gateway.Notification) gatewaytest.Case {
	tb.Helper()
	return gatewaytest.Case{
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return coinbase.New(client) },
			Account:  account(settings()), Server: newCDP(tb),
			Malformed: map[string][]string{
				"keySecret": {
					"nonsense", "AAAA", base64.StdEncoding.EncodeToString(edKey[:32]), base64.StdEncoding.EncodeToString(append(slices.Clone(edKey[:63]), 0)),
					"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", sec1(tb, p384(tb)),
				},
				"subdivision": {"ny", "NEW YORK", "N"},
			},
			Another: gateway.Settings{"webhookSecret": "0f0e2a1c-9d7b-4e55-8c21-aa10b2c3d4e5"},
		},
		Order: order(), Sell: sellOrder(), Refusals: refusals, Statuses: statuses, Unknown: "ONRAMP_TRANSACTION_STATUS_UNSPECIFIED",
		Checkouts: checkouts(), BindsAddress: true, Quotes: quotes(), Notify: notify, Unreadable: unreadable, Ignored: ignored,
		SignatureHeader: coinbase.SignatureHeader, Tolerance: coinbase.ToleranceSeconds * time.Second, Now: now,
		Polled: polled, Unheard: gatewaytest.Answer(http.StatusOK, `{"transactions":[],"next_page_key":"","total_count":"0"}`),
	}
}

func p384(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), []byte(strings.Repeat("0123456789abcdef", 3)))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestGateway(t *testing.T) {
	t.Parallel()
	t.Run("v0", func(t *testing.T) {
		t.Parallel()
		gatewaytest.Run(t, testCase(t, signV0))
	})
	t.Run("v1", func(t *testing.T) {
		t.Parallel()
		c := testCase(t, signV1)
		c.Remote.Account.Settings["webhookSecret"] = "another-secret-that-is-leaving, " + whsec
		gatewaytest.Run(t, c)
	})
}

// TestKeys signs by each form of key that the portal has given out.
func TestKeys(t *testing.T) {
	t.Parallel()
	ec := ecKey()
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	pkcs8 := pemOf(t, "PRIVATE KEY", der, err)
	keys := map[string]string{
		"SEC 1": sec1(t, ec), "PKCS 8": pkcs8, "out of a JSON file": strings.ReplaceAll(sec1(t, ec), "\n", `\n`), "spaced": "\n " + sec1(t, ec) + " \n",
		"Ed25519": base64.StdEncoding.EncodeToString(edKey) + "\n",
	}
	for name, secret := range keys {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newCDP(t)
			if name != "Ed25519" {
				server.alg, server.verify = "ES256", verifyES256(&ec.PublicKey)
			}
			g := open(t, account(settings("keySecret", secret)), server)
			for range 300 { // a number of fewer than 32 bytes comes up in one signature of 128
				if err := g.(gateway.Prober).Probe(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestProxy has the requests go to another base URL, over a real connection, with tokens for Coinbase's own hosts.
func TestProxy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newCDP(t))
	defer server.Close()
	g, err := coinbase.New(server.Client()).Open(account(settings("apiBaseURL", server.URL+"/", "widgetBaseURL", "https://pay.proxy.example/")))
	if err != nil {
		t.Fatal(err)
	}
	o := order()
	for _, o := range []*checkout.Order{&o, sellOrder()} {
		made, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: o, Address: gatewaytest.Payer, Now: now})
		if err != nil || made.Serves != 5*time.Minute || made.ExternalOrderID != "" {
			t.Errorf("%s: %+v, %v", o.Type, made, err)
		}
		if o.Type == checkout.Sell && !strings.HasPrefix(made.URL, "https://pay.proxy.example/v3/sell/input?") {
			t.Errorf("the page is %s", made.URL)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{http.StatusUnauthorized: "keyId and keySecret", http.StatusForbidden: "keyId and keySecret", http.StatusInternalServerError: "500"} {
		g := open(t, account(settings()), gatewaytest.Answer(status, `{}`))
		if err := g.(gateway.Prober).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: Probe = %v; want %q in it", status, err, want)
		}
	}
	a := account(settings())
	a.Now = nil
	g := open(t, a, nil)
	if err := g.(gateway.Prober).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("without a clock: %v", err)
	}
	if _, err := g.(gateway.Loader).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("without a clock: %v", err)
	}
}
