package transak_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/transak"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

var statuses = []gatewaytest.Status{
	{Theirs: "AWAITING_PAYMENT_FROM_USER", Ours: checkout.OrderPending},
	{Theirs: "PAYMENT_DONE_MARKED_BY_USER", Ours: checkout.OrderProcessing},
	{Theirs: "PROCESSING", Ours: checkout.OrderProcessing},
	{Theirs: "PENDING_DELIVERY_FROM_TRANSAK", Ours: checkout.OrderProcessing},
	{Theirs: "ON_HOLD_PENDING_DELIVERY_FROM_TRANSAK", Ours: checkout.OrderProcessing},
	{Theirs: "COMPLETED", Ours: checkout.OrderCompleted},
	{Theirs: "FAILED", Ours: checkout.OrderFailed},
	{Theirs: "CANCELLED", Ours: checkout.OrderCancelled},
	{Theirs: "EXPIRED", Ours: checkout.OrderExpired},
	{Theirs: "REFUNDED", Ours: checkout.OrderRefunded},
}

func refuse(name string, code checkout.Code, change func(o *checkout.Order), fields ...string) gatewaytest.Refusal {
	return gatewaytest.Refusal{Name: name, Change: change, Code: code, Fields: fields}
}

var refusals = []gatewaytest.Refusal{
	refuse("crypto", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.CryptoCurrency = "NOPE" }, "cryptoCurrency"),
	refuse("fiat", checkout.CodeInvalidCurrency, func(o *checkout.Order) { o.FiatCurrency = "XAU" }, "fiatCurrency"),
	refuse("network of another asset", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "bitcoin" }, "network"),
	refuse("unknown network", checkout.CodeInvalidNetwork, func(o *checkout.Order) { o.Network = "nope" }, "network"),
	refuse("too little", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("4.99") }, "fiatAmount"),
	refuse("too much", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = amount("5000.01") }, "fiatAmount"),
	refuse("no amount", checkout.CodeInvalidAmount, func(o *checkout.Order) { o.FiatAmount = money.Amount{} }, "fiatAmount"),
	refuse("a tag that the coin hasn't", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.WalletTag = "1" }, "walletTag"),
	refuse("a tag that the coin may not have there", checkout.CodeInvalidGateway, func(o *checkout.Order) {
		o.CryptoCurrency, o.Network, o.WalletTag = "ATOM", "cosmos", "1"
	}, "walletTag"),
	refuse("country", checkout.CodeInvalidGateway, func(o *checkout.Order) { o.Country = "FR" }, "gateway"),
	refuse("several", checkout.CodeInvalidCurrency, func(o *checkout.Order) {
		o.FiatCurrency, o.Network, o.FiatAmount = "XAU", "nope", money.Amount{}
	}, "fiatCurrency", "network", "fiatAmount"),
}

const (
	apiURL     = "https://api-stg.transak.com"
	sessionURL = "https://api-gateway-stg.transak.com/api/v2/auth/session"
	quoteURL   = apiURL + "/api/v1/pricing/public/quotes?partnerApiKey=" + apiKey + "&fiatCurrency=USD&cryptoCurrency=ETH&network=ethereum&quoteCountryCode=DE"
)

func refreshed() gatewaytest.Call {
	return gatewaytest.Call{
		Method: http.MethodPost, URL: apiURL + "/partners/api/v2/refresh-token", Body: `{"apiKey":"` + apiKey + `"}`,
		Header: map[string]string{"Api-Secret": apiSecret, "X-Api-Key": apiKey},
	}
}

func opened(params string) gatewaytest.Call {
	return gatewaytest.Call{
		Method: http.MethodPost, URL: sessionURL,
		Header: map[string]string{"Access-Token": token, "X-Api-Key": apiKey, "X-User-Ip": "203.0.113.42"},
		Body:   `{"widgetParams":{"apiKey":"` + apiKey + `","referrerDomain":"shop.example",` + params + `}}`,
	}
}

func priced(query string) gatewaytest.Call {
	return gatewaytest.Call{Method: http.MethodGet, URL: quoteURL + query, Header: map[string]string{"X-Api-Key": apiKey, "X-User-Ip": "203.0.113.42"}}
}

const (
	customer = `"partnerCustomerId":"8d9c7a52-7b0e-4a0b-9a57-111111111111","email":"jo@example.com","redirectURL":"https://shop.example/ok?a=1&b=2"`
	wallet   = `"walletAddress":"0x742d35Cc6634C0532925a3b844Bc454e4438f44e","disableWalletAddressForm":true`
)

var checkouts = []gatewaytest.Checkout{
	{
		Name: "buy", URL: "https://global-stg.transak.com?apiKey=" + apiKey + "&sessionId=BUYord_01",
		Sent: []gatewaytest.Call{refreshed(), opened(`"productsAvailed":"BUY","fiatAmount":100.00,"fiatCurrency":"USD","cryptoCurrencyCode":"ETH",
			"network":"ethereum","partnerOrderId":"ord_01",` + wallet + `,` + customer)},
	},
	{
		Name: "buy with a tag", Change: func(r *gateway.Request) {
			r.Order.CryptoCurrency, r.Order.Network, r.Order.WalletAddress, r.Order.WalletTag = "XRP", "xrp", "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", "12345678"
		},
		Sent: []gatewaytest.Call{refreshed(), opened(`"productsAvailed":"BUY","fiatAmount":100.00,"fiatCurrency":"USD","cryptoCurrencyCode":"XRP",
			"network":"mainnet","partnerOrderId":"ord_01","disableWalletAddressForm":true,
			"walletAddressesData":{"coins":{"XRP":{"address":"rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9","addressAdditionalData":"12345678"}}},` + customer)},
	},
	{
		Name: "buy with nothing but what is needed", Change: func(r *gateway.Request) {
			r.Order.Email, r.Order.RedirectURL, r.Order.CustomerID, r.Order.ExternalCustomerID = "", "", "", "cust_1"
		},
		Sent: []gatewaytest.Call{refreshed(), opened(`"productsAvailed":"BUY","fiatAmount":100.00,"fiatCurrency":"USD","cryptoCurrencyCode":"ETH",
			"network":"ethereum","partnerOrderId":"ord_01","partnerCustomerId":"cust_1",` + wallet)},
	},
	{
		Name: "sell", Sell: true, URL: "https://global-stg.transak.com?apiKey=" + apiKey + "&sessionId=SELLord_01s-sell",
		Sent: []gatewaytest.Call{
			priced("&isBuyOrSell=BUY&fiatAmount=100.00"), priced("&isBuyOrSell=SELL&cryptoAmount=0.024125"), priced("&isBuyOrSell=SELL&cryptoAmount=0.02525253"),
			refreshed(), opened(`"productsAvailed":"SELL","cryptoAmount":0.02525253,"fiatCurrency":"USD","cryptoCurrencyCode":"ETH",
				"network":"ethereum","partnerOrderId":"ord_01s-sell",` + wallet + `,` + customer),
		},
	},
	{
		Name: "sell an amount that is known, from any wallet", Sell: true, Change: func(r *gateway.Request) {
			r.Order.CryptoAmount, r.Order.WalletAddress = amount("0.025"), ""
		},
		Sent: []gatewaytest.Call{refreshed(), opened(`"productsAvailed":"SELL","cryptoAmount":0.025,"fiatCurrency":"USD","cryptoCurrencyCode":"ETH",
			"network":"ethereum","partnerOrderId":"ord_01s-sell",` + customer)},
	},
	{Name: "of what is served no more", Change: func(r *gateway.Request) { r.Order.Network = "osmosis" }, Refused: "INVALID_NETWORK"},
}

func quotes() []gatewaytest.Quote {
	fee := func(kind gateway.FeeType, text string) gateway.Fee {
		return gateway.Fee{Type: kind, Amount: amount(text)}
	}
	refused := func(name string, code checkout.Code, status int, body string) gatewaytest.Quote {
		return gatewaytest.Quote{Name: name, Server: gatewaytest.Answer(status, body), Code: code, Failed: code == ""}
	}
	return []gatewaytest.Quote{
		{
			Name: "buy", Sent: []gatewaytest.Call{priced("&isBuyOrSell=BUY&fiatAmount=100.00")},
			Want: gateway.Quote{
				FiatAmount: amount("100"), CryptoAmount: amount("0.024125"), Rate: amount("4000"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
				Fees: []gateway.Fee{fee(gateway.FeeGateway, "2"), fee(gateway.FeeNetwork, "1.5")},
			},
		},
		{
			Name: "buy by Apple Pay", Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "apple-pay" },
			Sent: []gatewaytest.Call{priced("&isBuyOrSell=BUY&fiatAmount=100.00&paymentMethod=apple_pay")},
			Want: gateway.Quote{
				FiatAmount: amount("100"), CryptoAmount: amount("0.024125"), Rate: amount("4000"), PaymentMethod: "apple-pay", Serves: time.Minute,
				Fees: []gateway.Fee{fee(gateway.FeeGateway, "2"), fee(gateway.FeeNetwork, "1.5")},
			},
		},
		{
			Name: "sell", Sell: true,
			Want: gateway.Quote{
				FiatAmount: amount("100.0000188"), CryptoAmount: amount("0.02525253"), Rate: amount("4000"), PaymentMethod: "debit-credit-card", Serves: time.Minute,
				Fees: []gateway.Fee{fee(gateway.FeeGateway, "1.0101012")},
			},
		},
		{
			Name: "fees that don't add up, and floats", Server: gatewaytest.Answer(200, `{"response":{"fiatAmount":1e2,"cryptoAmount":2.5e-2,"totalFee":1.6099999999999999999,"paymentMethod":"pm_wire",
				"feeBreakdown":[{"id":"partner_fee","value":1},{"id":"network_fee","value":0}]}}`),
			Want: gateway.Quote{
				FiatAmount: amount("100"), CryptoAmount: amount("0.025"), Rate: amount("3935.6"), PaymentMethod: "wire", Serves: time.Minute,
				Fees: []gateway.Fee{fee(gateway.FeeGateway, "1.609999999999999999")},
			},
		},
		{
			Name: "the partner's fee", Server: gatewaytest.Answer(200, `{"response":{"fiatAmount":100,"cryptoAmount":0.0245,"totalFee":2,
				"feeBreakdown":[{"id":"partner_fee","value":1},{"id":"network_fee","value":0},{"id":"transak_fee","value":1}]}}`),
			Want: gateway.Quote{
				FiatAmount: amount("100"), CryptoAmount: amount("0.0245"), Rate: amount("4000"), Serves: time.Minute,
				Fees: []gateway.Fee{fee(gateway.FeeGateway, "1"), fee(gateway.FeePartner, "1")},
			},
		},
		{Name: "a way to pay that it hasn't", Change: func(r *gateway.QuoteRequest) { r.PaymentMethod = "cash" }, Code: checkout.CodeValidation},
		{Name: "not served", Change: func(r *gateway.QuoteRequest) { r.Order.Network = "nope" }, Code: checkout.CodeInvalidNetwork},
		{Name: "less than the operator allows", Change: func(r *gateway.QuoteRequest) { r.Order.FiatAmount = amount("19.99") }, Code: checkout.CodeInvalidAmount},
		{Name: "more than the operator allows", Change: func(r *gateway.QuoteRequest) { r.Order.FiatAmount = amount("5000.01") }, Code: checkout.CodeInvalidAmount},
		{Name: "a country that the operator leaves out", Change: func(r *gateway.QuoteRequest) { r.Order.Country = "FR" }, Code: checkout.CodeInvalidGateway},
		refused("too little", checkout.CodeInvalidAmount, 400, `{"error":{"statusCode":400,"message":"Minimum fiat amount for this payment method is 30 USD."}}`),
		refused("too little, with success", checkout.CodeInvalidAmount, 200, `{"error":{"message":"Minimum crypto amount is 1"}}`),
		refused("no such way", checkout.CodeValidation, 422, `{"error":{"message":"Payment method not supported"}}`),
		refused("no such network", checkout.CodeInvalidNetwork, 404, `{"error":{"message":"Invalid network"}}`),
		refused("no such crypto", checkout.CodeInvalidCurrency, 400, `{"message":"Crypto currency is suspended"}`),
		refused("no such fiat", checkout.CodeInvalidCurrency, 400, `{"error":{"message":"Fiat is not there"}}`),
		refused("no such country", checkout.CodeInvalidGateway, 400, `{"error":{"message":"Country blocked"}}`),
		refused("nothing for the payer", "", 400, `{"error":{"message":"Oops"}}`),
		refused("a secret told", "", 400, `{"error":{"message":"Invalid amount `+apiSecret+`"}}`),
		refused("no words", "", 400, `{"error":[]}`),
		refused("no amounts", "", 200, `{"response":{"fiatAmount":0,"cryptoAmount":0,"totalFee":0}}`),
		refused("negative", "", 200, `{"response":{"fiatAmount":100,"cryptoAmount":-1,"totalFee":0}}`),
		refused("all fees", "", 200, `{"response":{"fiatAmount":100,"cryptoAmount":1,"totalFee":100}}`),
		refused("a negative fee", "", 200, `{"response":{"fiatAmount":100,"cryptoAmount":1,"totalFee":1,"feeBreakdown":[{"id":"a","value":-1}]}}`),
	}
}

func suite(server, unheard http.Handler) gatewaytest.Case {
	notify := func(o *checkout.Order, status, id string, _ time.Time) gateway.Notification {
		return notification(signed(claims(o, status, id)))
	}
	all := func(bodies map[string]string) map[string]gateway.Notification {
		made := map[string]gateway.Notification{}
		for name, body := range bodies {
			made[name] = notification(signed(body))
		}
		return made
	}
	return gatewaytest.Case{
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return transak.New(client) },
			Account:  account(), Server: server,
			Malformed: map[string][]string{
				"apiKey": {"a b", "a\nb"}, "apiSecret": {"secret with space", "sécret"},
				"referrerDomain": {"https://shop.example", "shop.example/", ".", "shop example", "-x"},
			},
			Another: gateway.Settings{"apiSecret": "another's"},
		},
		Order: order(), Refusals: refusals, Statuses: statuses, Unknown: "COMPLETED_MAYBE",
		Checkouts: checkouts, NeedsAddress: true, BindsAddress: true, Quotes: quotes(),
		Notify: notify, SignatureInBody: true, Now: now,
		Unreadable: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return all(map[string]string{
				"empty": "", "not JSON": "<xml>", "array": "[]", "trailing": `{"eventID":"KYC"}{}`, "no data": `{"eventID":"ORDER_CREATED"}`,
				"data of another kind":   `{"eventID":"ORDER_CREATED","webhookData":[]}`,
				"no id":                  `{"eventID":"ORDER_CREATED","webhookData":{"status":"FAILED","partnerOrderId":"o"}}`,
				"no status":              `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","partnerOrderId":"o"}}`,
				"status of another kind": `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","partnerOrderId":"o","status":7}}`,
				"negative amount":        `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","partnerOrderId":"o","status":"COMPLETED","cryptoAmount":-1}}`,
				"endless amount":         `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","partnerOrderId":"o","status":"COMPLETED","cryptoAmount":1e999999999}}`,
			})
		},
		Ignored: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return all(map[string]string{
				"KYC": `{"eventID":"KYC_SUBMITTED","webhookData":{"status":"SUBMITTED"}}`, "nothing": `{}`, "null": "null",
				"no reference":   `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","status":"FAILED","partnerOrderId":null}}`,
				"long reference": `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","status":"FAILED","partnerOrderId":"` + strings.Repeat("x", 256) + `"}}`,
				"NUL":            `{"eventID":"ORDER_CREATED","webhookData":{"id":"1","status":"FAILED","partnerOrderId":"o\u0000"}}`,
			})
		},
		Polled: func(t *testing.T, o *checkout.Order, status string) http.Handler {
			t.Helper()
			return &fake{t: t, orders: []map[string]any{orderAt("ord_other", "COMPLETED", "t0"), orderAt(refer(o), status, "t1")}}
		},
		Unheard: unheard,
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, suite(&fake{t: t}, &fake{t: t, orders: []map[string]any{orderAt("ord_other", "COMPLETED", "t0")}}))
}

func FuzzParseNotification(f *testing.F) {
	gatewaytest.Fuzz(f, suite(nil, nil), func(body []byte) gateway.Notification { return notification(signed(string(body))) })
}

func open(t *testing.T, change func(a *gateway.Account), server http.Handler) (gateway.Gateway, *gatewaytest.Wire) {
	t.Helper()
	a := account()
	if change != nil {
		change(&a)
	}
	wire := gatewaytest.NewWire(server)
	g, err := transak.New(&http.Client{Transport: wire}).Open(a)
	if err != nil {
		t.Fatal(err)
	}
	return g, wire
}

func openCheckout(ctx context.Context, g gateway.Gateway) (gateway.Checkout, error) {
	o := order()
	opener, ok := g.(gateway.Opener)
	if !ok {
		return gateway.Checkout{}, errors.New("no Opener")
	}
	return opener.OpenCheckout(ctx, gateway.Request{Order: &o, Address: gatewaytest.Payer, Now: now})
}

// silent keeps no tokens, and can't read any.
type silent struct{ tokens }

var errSilent = errors.New("the store is silent")

func (silent) Known(context.Context, string) ([]string, error) { return nil, errSilent }
func (silent) Reject(context.Context, string, string) error    { return errSilent }

func TestSignature(t *testing.T) {
	t.Parallel()
	o := order()
	body := claims(&o, "COMPLETED", "t1")
	header := `{"alg":"HS256","typ":"JWT"}`
	good := signed(body)
	parts := strings.Split(good, ".")
	cases := map[string]struct {
		data    string
		genuine bool
	}{
		"the current token":   {good, true},
		"the one before":      {sign(sha256.New, oldToken, header, body), true},
		"no type":             {sign(sha256.New, token, `{"alg":"HS256"}`, body), true},
		"a token never given": {sign(sha256.New, "other", header, body), false},
		"the secret":          {sign(sha256.New, apiSecret, header, body), false},
		"the key":             {sign(sha256.New, apiKey, header, body), false},
		"an empty key":        {sign(sha256.New, "", header, body), false},
		"the key decoded":     {sign(sha256.New, decoded("tok"), header, body), false},
		"none":                {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", false},
		"none, signed":        {sign(sha256.New, token, `{"alg":"none"}`, body), false},
		"HS512":               {sign(sha512.New, token, `{"alg":"HS512"}`, body), false},
		"HS256 called HS512":  {sign(sha256.New, token, `{"alg":"HS512"}`, body), false},
		"HS512 called HS256":  {sign(sha512.New, token, header, body), false},
		"RS256":               {sign(sha256.New, token, `{"alg":"RS256"}`, body), false},
		"small letters":       {sign(sha256.New, token, `{"alg":"hs256"}`, body), false},
		"no algorithm":        {sign(sha256.New, token, `{}`, body), false},
		"algorithms":          {sign(sha256.New, token, `{"alg":["HS256"]}`, body), false},
		"critical":            {sign(sha256.New, token, `{"alg":"HS256","crit":["b64"],"b64":false}`, body), false},
		"no header":           {sign(sha256.New, token, ``, body), false},
		"padded":              {good + "=", false},
		"a line break":        {good[:len(good)-5] + "\n" + good[len(good)-5:], false},
		"bits to spare":       {good[:len(good)-1] + string(good[len(good)-1]+1), false},
		"space":               {" " + good, false},
		"two parts":           {parts[0] + "." + parts[1], false},
		"four parts":          {good + ".", false},
		"another's signature": {parts[0] + "." + strings.Split(signed("{}"), ".")[1] + "." + parts[2], false},
		"nothing":             {"", false},
		"dots":                {"..", false},
		"no signature":        {parts[0] + "." + parts[1] + ".", false},
		"half a signature":    {good[:len(good)-20], false},
	}
	g, _ := open(t, nil, nil)
	for name, tt := range cases {
		updates, err := g.ParseNotification(t.Context(), notification(tt.data))
		if tt.genuine && (err != nil || len(updates) != 1) || !tt.genuine && (!errors.Is(err, gateway.ErrForged) || updates != nil) {
			t.Errorf("%s: %+v, %v", name, updates, err)
		}
	}
	n := notification(good)
	n.Body = []byte(`{"data":["` + good + `"]}`)
	if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("a list of tokens: %v", err)
	}
	for name, known := range map[string]gateway.Tokens{"none known": tokens{}, "an empty one known": tokens{[]string{""}}, "nowhere to look": nil} {
		g, _ := open(t, func(a *gateway.Account) { a.Tokens = known }, nil)
		for _, data := range []string{good, sign(sha256.New, "", header, body)} {
			if _, err := g.ParseNotification(t.Context(), notification(data)); !errors.Is(err, gateway.ErrForged) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	unread, _ := open(t, func(a *gateway.Account) { a.Tokens = silent{} }, nil)
	if _, err := unread.ParseNotification(t.Context(), notification(good)); !errors.Is(err, errSilent) || errors.Is(err, gateway.ErrForged) {
		t.Errorf("while the tokens can't be read: %v", err)
	}
}

func decoded(text string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	return string(raw)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	g, _ := open(t, nil, nil)
	o := order()
	parse := func(status string) gateway.Update {
		t.Helper()
		updates, err := g.ParseNotification(t.Context(), notification(signed(claims(&o, status, "t1"))))
		if err != nil || len(updates) != 1 {
			t.Fatalf("%s: %+v, %v", status, updates, err)
		}
		return updates[0]
	}
	done := parse("COMPLETED")
	if done.CryptoAmount.String() != "0.024125" || done.TransactionHash != "0xabc" || done.ExternalOrderID != "t1" || done.FailureReason != "" {
		t.Errorf("completed: %+v", done)
	}
	if early := parse("PROCESSING"); early.CryptoAmount.IsSet() {
		t.Errorf("an estimate is told as the amount: %+v", early)
	}
	for _, status := range []string{"FAILED", "CANCELLED", "EXPIRED", "REFUNDED"} {
		if u := parse(status); u.FailureReason == "" || u.CryptoAmount.IsSet() {
			t.Errorf("%s: %+v", status, u)
		}
	}
}

// TestPaid: what was bought or sold is told in our terms, and what can't be is left out, by a notification and when asked.
func TestPaid(t *testing.T) {
	t.Parallel()
	bought := checkout.Paid{FiatAmount: amount("100"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: order().WalletAddress}
	with := func(change func(p *checkout.Paid)) checkout.Paid {
		p := bought
		change(&p)
		return p
	}
	for name, tt := range map[string]struct {
		reference string
		change    func(o map[string]any)
		want      checkout.Paid
	}{
		"bought":               {"ord_01", nil, bought},
		"sold":                 {"ord_01-sell", nil, checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"}},
		"in lists, without id": {"ord_01", func(o map[string]any) { o["_id"] = o["id"]; delete(o, "id") }, bought},
		"another sum":          {"ord_01", func(o map[string]any) { o["fiatAmount"] = json.Number("99.5") }, with(func(p *checkout.Paid) { p.FiatAmount = amount("99.5") })},
		"small letters":        {"ord_01", func(o map[string]any) { o["fiatCurrency"], o["cryptoCurrency"], o["network"] = "eur", "eth", "BASE" }, with(func(p *checkout.Paid) { p.FiatCurrency, p.Network = "EUR", "base" })},
		"of its own chain, with a tag": {"ord_01", func(o map[string]any) {
			o["cryptoCurrency"], o["network"], o["walletAddress"], o["addressAdditionalData"] = "XRP", "mainnet", "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", "12345678"
		}, with(func(p *checkout.Paid) {
			p.CryptoCurrency, p.Network, p.WalletAddress, p.WalletTag = "XRP", "xrp", "rN7n3473SaZBCG4dFL83w7a1RXtXtbk2D9", "12345678"
		})},
		"a tag as yes or no": {"ord_01", func(o map[string]any) { o["addressAdditionalData"] = true }, bought},
		"unknown asset":      {"ord_01", func(o map[string]any) { o["network"] = "moon" }, with(func(p *checkout.Paid) { p.CryptoCurrency, p.Network = "", "" })},
		"unknown fiat":       {"ord_01", func(o map[string]any) { o["fiatCurrency"] = "EURO" }, with(func(p *checkout.Paid) { p.FiatCurrency = "" })},
		"neither side":       {"ord_01", func(o map[string]any) { delete(o, "isBuyOrSell") }, checkout.Paid{FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"}},
		"of other kinds": {"ord_01", func(o map[string]any) {
			o["fiatCurrency"], o["cryptoCurrency"], o["network"], o["walletAddress"], o["fiatAmount"] = 7, []int{}, nil, map[string]int{}, "-1"
		}, checkout.Paid{}},
		"what can't be stored": {"ord_01", func(o map[string]any) { o["walletAddress"] = "0x\x00" }, with(func(p *checkout.Paid) { p.WalletAddress = "" })},
	} {
		one := orderAt(tt.reference, "COMPLETED", "t1")
		if tt.change != nil {
			tt.change(one)
		}
		o := order()
		if tt.reference != "ord_01" {
			o.Type = checkout.Sell
		}
		g, _ := open(t, nil, &fake{t: t, orders: []map[string]any{one}})
		raw, _ := json.Marshal(map[string]any{"webhookData": one, "eventID": "ORDER_COMPLETED"})
		noticed, err := g.ParseNotification(t.Context(), notification(signed(string(raw))))
		poller, _ := g.(gateway.Poller)
		polled, pollErr := poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || pollErr != nil || len(noticed) != 1 || len(polled) != 1 {
			t.Errorf("%s: %+v, %v; asked: %+v, %v", name, noticed, err, polled, pollErr)
			continue
		}
		for _, u := range []gateway.Update{noticed[0], polled[0]} {
			if diff := cmp.Diff(tt.want, u.Paid, digits); diff != "" || u.ExternalOrderID != "t1" || u.Deposit != nil {
				t.Errorf("%s: %+v (-want +got):\n%s", name, u, diff)
			}
		}
	}
}

// TestSwapped: where an account may not sell, the widget lets the payer buy instead. That is not what was ordered, however it ends.
func TestSwapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reference, side, status string
		want                    checkout.OrderStatus // empty: nothing is told
	}{
		{"ord_01-sell", "BUY", "COMPLETED", checkout.OrderProcessing},
		{"ord_01-sell", "BUY", "REFUNDED", checkout.OrderProcessing},
		{"ord_01-sell", "BUY", "PROCESSING", checkout.OrderProcessing},
		{"ord_01-sell", "BUY", "AWAITING_PAYMENT_FROM_USER", ""},
		{"ord_01-sell", "BUY", "EXPIRED", ""},
		{"ord_01", "SELL", "COMPLETED", checkout.OrderProcessing},
		{"ord_01", "SELL", "FAILED", ""},
		{"ord_01-sell", "SELL", "COMPLETED", checkout.OrderCompleted},
		{"ord_01", "BUY", "FAILED", checkout.OrderFailed},
		{"-sell", "SELL", "COMPLETED", ""},
	} {
		one := orderAt(tt.reference, tt.status, "t1")
		one["isBuyOrSell"] = tt.side
		g, _ := open(t, nil, &fake{t: t, orders: []map[string]any{one}})
		raw, _ := json.Marshal(map[string]any{"webhookData": one, "eventID": "ORDER_COMPLETED"})
		updates, err := g.ParseNotification(t.Context(), notification(signed(string(raw))))
		var got checkout.OrderStatus
		if len(updates) == 1 && updates[0].OrderID == "ord_01" {
			got = updates[0].Status
		}
		swapped := strings.HasSuffix(tt.reference, "-sell") != (tt.side == "SELL")
		if err != nil || got != tt.want || got != "" && swapped != strings.Contains(updates[0].FailureReason, "selling must be enabled") {
			t.Errorf("%+v: %+v, %v", tt, updates, err)
		}
		o := order()
		if strings.HasSuffix(tt.reference, "-sell") {
			o.Type = checkout.Sell
		}
		poller, _ := g.(gateway.Poller)
		if polled, err := poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil || (len(polled) > 0) == swapped && tt.reference != "-sell" {
			t.Errorf("%+v, asked: %+v, %v", tt, polled, err)
		}
	}
}

var digits = cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })

// TestTokenIsShared: however many payers come at once, one token is asked for.
func TestTokenIsShared(t *testing.T) {
	t.Parallel()
	var refreshes atomic.Int32
	server := &fake{t: t, tokens: func() string { refreshes.Add(1); return token }}
	shared := gatewaytest.NewTokens()
	var payers sync.WaitGroup
	for range 3 { // nodes
		g, _ := open(t, func(a *gateway.Account) { a.Tokens = shared }, server)
		for range 5 {
			payers.Go(func() {
				if made, err := openCheckout(t.Context(), g); err != nil || made.Serves != 5*time.Minute || made.ExternalOrderID != "" {
					t.Errorf("OpenCheckout = %+v, %v", made, err)
				}
			})
		}
	}
	payers.Wait()
	if n := refreshes.Load(); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
}

// TestTokenEndedElsewhere: another who has the API key has got a token, which has ended ours.
func TestTokenEndedElsewhere(t *testing.T) {
	t.Parallel()
	var refreshes atomic.Int32
	current := func(n int32) string { return fmt.Sprint("token-", n) }
	server := &fake{t: t, tokens: func() string { return current(refreshes.Add(1)) }}
	server.takes = func(given string) bool { return given == current(refreshes.Load()) }
	shared := gatewaytest.NewTokens()
	g, wire := open(t, func(a *gateway.Account) { a.Tokens = shared }, server)
	if _, err := openCheckout(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	refreshes.Add(1)
	if _, err := openCheckout(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	var given []string
	for _, call := range wire.Calls() {
		given = append(given, call.Header["Access-Token"])
	}
	if want := []string{"", "token-1", "token-1", "", "token-3"}; !slices.Equal(given, want) {
		t.Errorf("tokens were used so: %q, want %q", given, want)
	}
	o := order()
	for _, key := range []string{"token-1", "token-3"} { // what was signed before is still on its way
		data := sign(sha256.New, key, `{"alg":"HS256"}`, claims(&o, "COMPLETED", "t1"))
		if updates, err := g.ParseNotification(t.Context(), notification(data)); err != nil || len(updates) != 1 {
			t.Errorf("signed by %s: %+v, %v", key, updates, err)
		}
	}
}

func TestTokenNeverTaken(t *testing.T) {
	t.Parallel()
	g, wire := open(t, nil, &fake{t: t, takes: func(string) bool { return false }})
	for name, ask := range map[string]func() error{
		"open": func() error { _, err := openCheckout(t.Context(), g); return err },
		"probe": func() error {
			prober, _ := g.(gateway.Prober)
			return prober.Probe(t.Context())
		},
	} {
		before := len(wire.Calls())
		err := ask()
		var answer *gatewaycall.Error
		if !errors.As(err, &answer) || answer.Status != http.StatusUnauthorized {
			t.Errorf("%s: %v, want the answer 401", name, err)
			continue
		}
		if n := len(wire.Calls()) - before; n != 4 { // a token, the call, another token, the call
			t.Errorf("%s: %d requests, want 4", name, n)
		}
		if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), apiSecret) {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
	g, _ = open(t, func(a *gateway.Account) { a.Tokens = silent{} }, &fake{t: t, takes: func(string) bool { return false }})
	if _, err := openCheckout(t.Context(), g); !errors.Is(err, errSilent) {
		t.Errorf("a token that can't be given up: %v", err)
	}
	g, _ = open(t, func(a *gateway.Account) { a.Tokens = nil }, nil)
	if _, err := openCheckout(t.Context(), g); err == nil {
		t.Error("without a place for tokens a checkout is made")
	}
}

func TestTokenAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"data":{"accessToken":"","expiresAt":1}}`, `{"data":{"accessToken":"x"}}`, `{"data":{"accessToken":"x","expiresAt":0}}`,
		`{"data":{"accessToken":"x","expiresAt":-5}}`, `{"data":{"accessToken":"x","expiresAt":1.5}}`, `{"data":{"accessToken":"x y","expiresAt":1}}`,
	} {
		g, _ := open(t, nil, gatewaytest.Answer(http.StatusOK, body))
		if _, err := openCheckout(t.Context(), g); err == nil || !strings.Contains(err.Error(), "accessToken") {
			t.Errorf("%s: %v", body, err)
		}
	}
	// A token is a secret from the moment on that it is given, in whatever form.
	for _, body := range []string{
		`{"data":{"accessToken":"new-t0ken","expiresAt":"2026-09-08T12:00:00Z"}}`, `{"data":{"accessToken":"new-t0ken","expi`,
		`{"data":{"accessToken":["new-t0ken"]}}`, `{"data":"new-t0ken"}`, `new-t0ken`,
	} {
		g, _ := open(t, nil, gatewaytest.Answer(http.StatusOK, body))
		if _, err := openCheckout(t.Context(), g); err == nil || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: %v", body, err)
		}
	}
	for unit, perSecond := range map[string]int64{"seconds": 1, "milliseconds": 1000} {
		var kept gateway.Token
		ends := now.Add(7 * 24 * time.Hour)
		g, _ := open(t, func(a *gateway.Account) { a.Tokens = keeper{into: &kept} }, &fake{t: t, expires: ends.Unix() * perSecond})
		if _, err := openCheckout(t.Context(), g); err != nil || !kept.Expires.Equal(ends) {
			t.Errorf("in %s: the token %v is kept, %v", unit, kept, err)
		}
	}
}

// keeper shows the token that it got.
type keeper struct {
	tokens
	into *gateway.Token
}

func (k keeper) Current(ctx context.Context, _ string, renew func(context.Context) (gateway.Token, error)) (string, error) {
	var err error
	*k.into, err = renew(ctx)
	return k.into.Value, err
}

// TestPollTries: a payer may try several times under one reference.
func TestPollTries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ theirs, want string }{
		{"FAILED AWAITING_PAYMENT_FROM_USER EXPIRED", "AWAITING_PAYMENT_FROM_USER"},
		{"EXPIRED FAILED", "EXPIRED"},
		{"AWAITING_PAYMENT_FROM_USER PROCESSING FAILED", "PROCESSING"},
		{"PROCESSING COMPLETED REFUNDED", "COMPLETED"},
		{"SOMETHING_NEW REFUNDED CANCELLED", "REFUNDED"},
		{"AWAITING_PAYMENT_FROM_USER SOMETHING_NEW", "SOMETHING_NEW"},
	} {
		o := order()
		server := &fake{t: t}
		for _, status := range strings.Fields(tt.theirs) {
			server.orders = append(server.orders, orderAt(string(o.ID), status, "t "+status))
		}
		g, _ := open(t, nil, server)
		poller, _ := g.(gateway.Poller)
		updates, err := poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || len(updates) != 1 || updates[0].ExternalOrderID != "t "+tt.want {
			t.Errorf("of %s: %+v, %v", tt.theirs, updates, err)
		}
	}
	for _, broken := range []string{`{"data":[null]}`, `{"data":[{"partnerOrderId":"ord_01"}]}`, `{"data":null}`} {
		g, _ := open(t, func(a *gateway.Account) { a.Tokens = gatewaytest.NewTokens() }, both(broken))
		poller, _ := g.(gateway.Poller)
		o := order()
		if updates, err := poller.Poll(t.Context(), gateway.Request{Order: &o, Now: now}); len(updates) > 0 || err == nil && broken != `{"data":[null]}` {
			t.Errorf("%s: %+v, %v", broken, updates, err)
		}
	}
}

// both gives a token, and then the answer.
func both(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "refresh-token") {
			answer(w, http.StatusOK, `{"data":{"accessToken":"x","expiresAt":1788000000}}`)
			return
		}
		answer(w, http.StatusOK, body)
	})
}

func TestHosts(t *testing.T) {
	t.Parallel()
	live := func(a *gateway.Account) { a.Mode = checkout.ModeLive }
	for name, tt := range map[string]struct {
		change func(a *gateway.Account)
		hosts  []string
		url    string
	}{
		"test":       {nil, []string{"https://api-stg.transak.com/", "https://api-gateway-stg.transak.com/"}, "https://w.example/x?s=1"},
		"live":       {live, []string{"https://api.transak.com/", "https://api-gateway.transak.com/"}, "https://w.example/x?s=1"},
		"by setting": {func(a *gateway.Account) { live(a); a.Settings["environment"] = "sandbox" }, []string{"https://api-stg.transak.com/", "https://api-gateway-stg.transak.com/"}, "https://w.example/x?s=1"},
		"proxied":    {func(a *gateway.Account) { a.Settings["apiBaseURL"] = "http://127.0.0.1:1/t/" }, []string{"http://127.0.0.1:1/t/", "http://127.0.0.1:1/t/"}, "https://w.example/x?s=1"},
		"elsewhere":  {func(a *gateway.Account) { a.Settings["widgetBaseURL"] = "http://127.0.0.1:2/w/" }, nil, "http://127.0.0.1:2/w/x?s=1"},
	} {
		g, wire := open(t, tt.change, both(`{"data":{"widgetUrl":"https://w.example/x?s=1"}}`))
		if made, err := openCheckout(t.Context(), g); err != nil || made.URL != tt.url {
			t.Errorf("%s: %+v, %v; want %s", name, made, err, tt.url)
		}
		for i, host := range tt.hosts {
			if calls := wire.Calls(); !strings.HasPrefix(calls[i].URL, host) {
				t.Errorf("%s: request %d went to %s, want %s", name, i+1, calls[i].URL, host)
			}
		}
	}
	for _, bad := range []string{"", "javascript:alert(1)", "/x", "https://", "://"} {
		raw, _ := json.Marshal(map[string]any{"data": map[string]string{"widgetUrl": bad}})
		g, _ := open(t, nil, both(string(raw)))
		if made, err := openCheckout(t.Context(), g); err == nil {
			t.Errorf("the widgetUrl %q makes %+v", bad, made)
		}
	}
}

// TestLimits: what the operator doesn't allow isn't listed.
func TestLimits(t *testing.T) {
	t.Parallel()
	g, _ := open(t, nil, nil)
	lister, _ := g.(gateway.Lister)
	for _, f := range lister.List(checkout.Buy, "DE").Fiats {
		if limited := f.Currency == "USD"; limited != (f.Min.String() == "20") || limited != (f.Max.String() == "5000") {
			t.Errorf("%s is listed from %s to %s", f.Currency, f.Min, f.Max)
		}
	}
	if listed := lister.List(checkout.Buy, "FR"); len(listed.Fiats)+len(listed.Assets) > 0 {
		t.Errorf("in another country: %+v", listed)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	g, _ := open(t, nil, &fake{t: t})
	loader, _ := g.(gateway.Loader)
	loaded, err := loader.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, _ = open(t, func(a *gateway.Account) {
		a.Catalogue = loaded
		delete(a.Settings, "countries")
		delete(a.Settings, "minAmount")
	}, nil)
	lister, _ := g.(gateway.Lister)
	show := func(c gateway.Catalogue) string {
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
	for name, tt := range map[string]struct {
		kind          checkout.OrderType
		country, want string
	}{
		"buy":         {checkout.Buy, "", "JPY - debit-credit-card, USD 5-5000 debit-credit-card+apple-pay+wire, BTC/bitcoin, ETH/ethereum, ETH/base, USDC/arbitrum, XLM/stellar"},
		"buy in US":   {checkout.Buy, "US", "JPY - debit-credit-card, USD 5-5000 debit-credit-card+apple-pay+wire, BTC/bitcoin, ETH/ethereum, USDC/arbitrum, XLM/stellar"},
		"sell":        {checkout.Sell, "DE", "USD 10-5000 debit-credit-card, BTC/bitcoin, ETH/ethereum"},
		"not allowed": {checkout.Buy, "KP", ""},
	} {
		if got := show(lister.List(tt.kind, tt.country)); got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
	o := order()
	o.Network, o.Country = "base", "US"
	if err := g.Check(&o); checkout.CodeOf(err) != checkout.CodeInvalidNetwork {
		t.Errorf("ETH on Base for the US: %v", err)
	}
	o.Country = "DE"
	if err := g.Check(&o); err != nil {
		t.Errorf("ETH on Base for Germany: %v", err)
	}
	o.Type = checkout.Sell
	if err := g.Check(&o); checkout.CodeOf(err) != checkout.CodeInvalidNetwork {
		t.Errorf("to sell ETH on Base: %v", err)
	}
	o = order()
	o.CryptoCurrency, o.Network, o.WalletTag = "XLM", "stellar", "12345"
	if err := g.Check(&o); err != nil {
		t.Errorf("XLM with a memo, which the list has: %v", err)
	}
	o.CryptoCurrency, o.Network = "BTC", "bitcoin"
	if err := g.Check(&o); checkout.CodeOf(err) != checkout.CodeInvalidGateway {
		t.Errorf("BTC with a memo, which the list has not: %v", err)
	}
	for name, part := range map[string][2]string{
		"no countries":  {"/countries", `{"response":[]}`},
		"no fiats":      {"/fiat-currencies", `{"response":[]}`},
		"no cryptos":    {"/crypto-currencies", `{"response":[{"symbol":"NOPE","network":{"name":"ethereum"},"isAllowed":true}]}`},
		"a wrong limit": {"/fiat-currencies", `{"response":[{"symbol":"USD","isAllowed":true,"paymentOptions":[{"id":"x","isActive":true,"minAmount":-1}]}]}`},
		"nothing":       {"/crypto-currencies", `{}`},
	} {
		server := &fake{t: t}
		g, _ := open(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, part[0]) {
				answer(w, http.StatusOK, part[1])
				return
			}
			server.ServeHTTP(w, r)
		}))
		loader, _ := g.(gateway.Loader)
		if loaded, err := loader.Load(t.Context()); err == nil {
			t.Errorf("%s: loaded %s", name, loaded)
		}
	}
}
