package coinbase_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/coinbase"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
)

var statuses = []gatewaytest.Status{
	{Theirs: "ONRAMP_TRANSACTION_STATUS_CREATED", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_TRANSACTION_STATUS_AWAITING_AUTH", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_TRANSACTION_STATUS_AWAITING_PAYMENT", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_TRANSACTION_STATUS_IN_PROGRESS", Ours: checkout.OrderProcessing},
	{Theirs: "ONRAMP_TRANSACTION_STATUS_SUCCESS", Ours: checkout.OrderCompleted},
	{Theirs: "ONRAMP_TRANSACTION_STATUS_FAILED", Ours: checkout.OrderFailed},
	{Theirs: "ONRAMP_ORDER_STATUS_PENDING_AUTH", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_ORDER_STATUS_PENDING_VERIFICATION", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_ORDER_STATUS_PENDING_PAYMENT", Ours: checkout.OrderPending},
	{Theirs: "ONRAMP_ORDER_STATUS_PROCESSING", Ours: checkout.OrderProcessing},
	{Theirs: "ONRAMP_ORDER_STATUS_COMPLETED", Ours: checkout.OrderCompleted},
	{Theirs: "ONRAMP_ORDER_STATUS_FAILED", Ours: checkout.OrderFailed},
	{Theirs: "ONRAMP_ORDER_STATUS_UNSPECIFIED", Ours: checkout.OrderProcessing},
	{Theirs: "TRANSACTION_STATUS_CREATED", Ours: checkout.OrderPending},
	{Theirs: "TRANSACTION_STATUS_STARTED", Ours: checkout.OrderProcessing},
	{Theirs: "TRANSACTION_STATUS_SUCCESS", Ours: checkout.OrderCompleted},
	{Theirs: "TRANSACTION_STATUS_FAILED", Ours: checkout.OrderFailed},
	{Theirs: "TRANSACTION_STATUS_EXPIRED", Ours: checkout.OrderExpired},
	{Theirs: "TRANSACTION_STATUS_UNSPECIFIED", Ours: checkout.OrderProcessing},
}

func hmacHex(secret, message string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, message)
	return hex.EncodeToString(mac.Sum(nil))
}

// v0Of and v1Of are the signatures as https://docs.cdp.coinbase.com/webhooks/verify-signatures.md has them.
func v0Of(secret, stamp, body string) string { return hmacHex(secret, stamp+"."+body) }

func v1Of(secret, stamp, names string, values []string, body string) string {
	return hmacHex(secret, stamp+"."+names+"."+strings.Join(values, ".")+"."+body)
}

func notification(body string, header map[string][]string, at time.Time) gateway.Notification {
	return gateway.Notification{ProjectID: project, Header: header, Path: "/gateways/coinbase/webhook/" + project, Body: []byte(body), Now: at}
}

// signed signs a body by v0.
func signed(body string) gateway.Notification {
	stamp := strconv.FormatInt(now.Unix(), 10)
	return notification(body, map[string][]string{coinbase.SignatureHeader: {"t=" + stamp + ",v0=" + v0Of(whsec, stamp, body)}}, now)
}

func bodyOf(o *checkout.Order, status, id string) string {
	if o.Type == checkout.Sell {
		return fmt.Sprintf(`{"eventType":"offramp.transaction.updated","transactionId":"a1b2-%[2]s","status":%[1]q,"asset":"ETH","network":"base",
			"sellAmount":{"currency":"ETH","value":"0.025"},"total":{"currency":"USD","value":"100.00"},"partnerUserRef":"sell-%[2]s","txHash":"0xabc","updatedAt":%[3]q}`, status, o.ID, id)
	}
	return fmt.Sprintf(`{"eventType":"onramp.transaction.updated","transactionId":"1f087a54-%[2]s","status":%[1]q,"purchaseCurrency":"ETH","purchaseNetwork":"base",
		"purchaseAmount":{"currency":"ETH","value":"0.025"},"partnerUserRef":%[2]q,"txHash":"0x","completedAt":%[3]q}`, status, o.ID, id)
}

func signV0(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
	body, stamp := bodyOf(o, status, id), strconv.FormatInt(at.Unix(), 10)
	return notification(body, map[string][]string{coinbase.SignatureHeader: {"t=" + stamp + ",v0=" + v0Of(whsec, stamp, body)}}, at)
}

const v1Names = "content-type x-event-id x-event-type"

// signV1 signs headers too, which come in whatever letter case, and has the event's id in one of them alone.
func signV1(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
	body, stamp := bodyOf(o, status, ""), strconv.FormatInt(at.Unix(), 10)
	mac := v1Of(whsec, stamp, v1Names, []string{"application/json", id, "onramp.transaction.updated"}, body)
	return notification(body, map[string][]string{
		"content-type": {"application/json"}, "X-EVENT-ID": {id}, "x-event-type": {"onramp.transaction.updated"},
		coinbase.SignatureHeader: {"t=" + stamp + ",h=" + v1Names + ",v1=" + mac},
	}, at)
}

func unreadable(o *checkout.Order, _ time.Time) map[string]gateway.Notification {
	bodies := map[string]string{
		"empty": "", "not JSON": "<xml>", "null": "null", "array": "[]", "text": `"x"`, "trailing": bodyOf(o, "ONRAMP_TRANSACTION_STATUS_FAILED", "") + "{}",
		"no type":         `{"status":"ONRAMP_TRANSACTION_STATUS_FAILED","partnerUserRef":"` + orderID + `"}`,
		"no status":       `{"eventType":"onramp.transaction.updated","partnerUserRef":"` + orderID + `"}`,
		"status a number": `{"eventType":"onramp.transaction.updated","status":7,"partnerUserRef":"` + orderID + `"}`,
	}
	for name, value := range map[string]string{"negative": `"-1"`, "exponent": `"1e3"`, "words": `"much"`, "endless": `"` + strings.Repeat("9", 41) + `"`, "list": "[]"} {
		bodies["amount "+name] = strings.Replace(bodyOf(o, "ONRAMP_TRANSACTION_STATUS_SUCCESS", ""), `"0.025"`, value, 1)
	}
	bodies["long hash"] = strings.Replace(bodyOf(o, "ONRAMP_TRANSACTION_STATUS_SUCCESS", ""), `"0x"`, `"`+strings.Repeat("f", 256)+`"`, 1)
	bodies["NUL"] = strings.Replace(bodyOf(o, "ONRAMP_TRANSACTION_STATUS_SUCCESS", ""), `"0x"`, `"\u0000"`, 1)
	notifications := map[string]gateway.Notification{}
	for name, body := range bodies {
		notifications[name] = signed(body)
	}
	return notifications
}

func ignored(_ *checkout.Order, _ time.Time) map[string]gateway.Notification {
	const success = `{"eventType":"onramp.transaction.success","transactionId":"1","status":"ONRAMP_TRANSACTION_STATUS_SUCCESS"`
	return map[string]gateway.Notification{
		"another event":          signed(`{"eventType":"wallet.activity.detected","data":{}}`),
		"somebody else's":        signed(success + `}`),
		"somebody's own":         signed(success + `,"partnerUserRef":""}`),
		"of the sandbox":         signed(success + `,"partnerUserRef":"sandbox-` + orderID + `"}`),
		"of the sandbox's empty": signed(success + `,"partnerUserRef":"sandbox-"}`),
	}
}

// polled is what https://docs.cdp.coinbase.com/onramp/core-features/transaction-status and
// https://docs.cdp.coinbase.com/onramp/offramp/transaction-status.md show.
func polled(t *testing.T, o *checkout.Order, status string) http.Handler {
	t.Helper()
	kind, ref, list := "buy", string(o.ID), `{"transactions":[{"status":%q,"purchase_currency":"ETH","purchase_network":"base","purchase_amount":{"value":"0.025","currency":"ETH"},
		"tx_hash":"0x31","created_at":"2026-03-01T11:59:00Z","transaction_id":"1ee7a7ec"}],"next_page_key":"eyJ=","total_count":"3"}`
	if o.Type == checkout.Sell {
		kind, ref, list = "sell", "sell-"+string(o.ID), `{"transactions":[{"id":"1ef6658f","asset":"ETH","status":%q,"network":"base","sell_amount":{"value":"0.025","currency":"ETH"},
			"total":null,"fromAddress":"0x7D","toAddress":"0x0b","tx_hash":"0x31"}],"next_page_key":"","total_count":"1"}`
	}
	path := "/onramp/v1/" + kind + "/user/" + ref + "/transactions?pageSize=20"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.RequestURI != path {
			t.Errorf("%s %s was asked, want %s", r.Method, r.RequestURI, path)
		}
		if err := newCDP(t).checkToken(r, "api.developer.coinbase.com"); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, list, status)
	})
}

// TestVectors has the signatures that were published, or made by programs that are not ours.
func TestVectors(t *testing.T) {
	t.Parallel()
	const ping = `{"type":"ping","id":"n-1"}`
	names := map[string][]string{"Content-Type": {"application/json"}, "X-Event-Id": {"evt_1"}, "X-Event-Type": {"onramp.transaction.success"}}
	hook0 := map[string][]string{"X-Event-Type": {"service.resource.verb"}, "X-Event-Id": {"1a01cb48-5142-4d9b-8f90-d20cca61f0ee"}}
	cases := []struct {
		name, secret, value, body string
		header                    map[string][]string
		at                        int64
	}{
		{"v0", "whsec_demo", "t=1728394718,v0=ca97d1daccbc6801a874a1bccdec491102cacace5f4603226163872148934930", ping, nil, 1728394718},
		{"v1", "whsec_demo", "t=1728394718,h=content-type x-event-id x-event-type,v1=c10611921436c12b08849e88b7c1c48ef59c0e93c9688dab745cdb89debee46c", ping, names, 1728394718},
		// Of Hook0's own client.
		{"Hook0", "secret", "t=1636936200,h=x-event-id x-event-type,v1=bc521546ba5de381b12f135782d2008b028c3065c191760b12b76850a8fc8f51", "hello !", hook0, 1636936200},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := open(t, account(settings("webhookSecret", tt.secret)), nil)
			header := map[string][]string{coinbase.SignatureHeader: {tt.value}}
			for name, values := range tt.header {
				header[name] = values
			}
			n := notification(tt.body, header, time.Unix(tt.at, 0))
			// They are genuine, and no transactions: the one has no eventType, the other is no JSON.
			if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrMalformed) {
				t.Errorf("ParseNotification = %v; want it to be taken for genuine, and unreadable", err)
			}
			for name := range tt.header {
				header[name] = []string{"another"}
				if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) && strings.Contains(tt.value, strings.ToLower(name)) {
					t.Errorf("with another %s: %v", name, err)
				}
			}
			n.Body = append(n.Body, ' ')
			if _, err := g.ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
				t.Errorf("with another body: %v", err)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	o := order()
	body, stamp := bodyOf(&o, "ONRAMP_TRANSACTION_STATUS_SUCCESS", ""), strconv.FormatInt(now.Unix(), 10)
	v0 := "v0=" + v0Of(whsec, stamp, body)
	v1 := "h=" + v1Names + ",v1=" + v1Of(whsec, stamp, v1Names, []string{"application/json", "evt_1", "x"}, body)
	header := func(values ...string) map[string][]string {
		return map[string][]string{"Content-Type": {"application/json"}, "X-Event-Id": {"evt_1"}, "X-Event-Type": {"x"}, coinbase.SignatureHeader: values}
	}
	changed := header("t=" + stamp + "," + v0 + "," + v1)
	changed["Content-Type"] = []string{"application/json; charset=utf-8"}
	sum := sha256.Sum256([]byte(body))
	byBody := hex.EncodeToString(sum[:])
	cases := []struct {
		name   string
		header map[string][]string
		key    string // empty: forged
	}{
		{"both", header("t=" + stamp + "," + v0 + "," + v1), "evt_1"},
		{"spaced", header(" t=" + stamp + ", " + v1), "evt_1"},
		{"in small letters", map[string][]string{"x-hook0-signature": {"t=" + stamp + "," + v0}}, byBody},
		{"v0 alone: the event's id is not signed", header("t=" + stamp + "," + v0), byBody},
		{"v0 where something on the way changed a header", changed, byBody},
		{"v1 of nothing, v0 genuine", header("t=" + stamp + "," + v0 + ",v1="), byBody},
		{"a scheme to come", header("t=" + stamp + "," + v0 + ",v2=zz"), byBody},
		{"v1 of another header list", header("t=" + stamp + "," + strings.Replace(v1, "content-type ", "", 1)), ""},
		{"v0 as v1", header("t=" + stamp + ",v1=" + strings.TrimPrefix(v0, "v0=")), ""},
		{"two headers", header("t="+stamp+","+v0, "t="+stamp+","+v0), ""},
		{"two times", header("t=" + stamp + ",t=" + stamp + "," + v0), ""},
		{"no time", header(v0), ""},
		{"another time", header("t=" + strconv.FormatInt(now.Unix()-1, 10) + "," + v0), ""},
		{"extreme time", header("t=-9223372036854775808," + v0), ""},
		{"endless time", header("t=99999999999999999999," + v0), ""},
		{"no signature", header("t=" + stamp), ""},
		{"empty ones", header("t=" + stamp + ",v0=,v1="), ""},
	}
	for _, tt := range cases {
		updates, err := open(t, account(settings()), nil).ParseNotification(t.Context(), notification(body, tt.header, now))
		switch {
		case tt.key == "" && !errors.Is(err, gateway.ErrForged):
			t.Errorf("%s: %+v, %v; want ErrForged", tt.name, updates, err)
		case tt.key != "" && (err != nil || len(updates) != 1 || updates[0].DedupKey != tt.key):
			t.Errorf("%s: %+v, %v; want the key %s", tt.name, updates, err, tt.key)
		}
	}
	// An account without a secret must not take the signature by an empty one.
	for _, none := range []string{"", ",", " , "} {
		s := settings()
		s["webhookSecret"] = none
		n := notification(body, header("t="+stamp+",v0="+v0Of("", stamp, body)), now)
		if _, err := open(t, account(s), nil).ParseNotification(t.Context(), n); !errors.Is(err, gateway.ErrForged) {
			t.Errorf("without a secret (%q): %v", none, err)
		}
	}
}

// TestUpdates has notifications as the documentation shows them (https://docs.cdp.coinbase.com/webhooks/onramp.md).
func TestUpdates(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		want       gateway.Update
	}{
		{
			"guest checkout", `{"coinbaseFee":{"currency":"USD","value":"0"},"completedAt":"0001-01-01T00:00:00Z","country":"US","eventType":"onramp.transaction.updated",
			"exchangeRate":{"currency":"USDC","value":"1"},"networkFee":{"currency":"USD","value":"0.19"},"paymentTotal":{"currency":"USD","value":"5"},
			"purchaseAmount":{"currency":"USDC","value":"4.81"},"purchaseCurrency":"USDC","purchaseNetwork":"ethereum","status":"ONRAMP_TRANSACTION_STATUS_IN_PROGRESS",
			"transactionId":"1f087a54-ff1f-62e8-9f85-aa77ac0499a5","txHash":"0x","userType":"USER_TYPE_GUEST","partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderProcessing, ExternalOrderID: "1f087a54-ff1f-62e8-9f85-aa77ac0499a5", CryptoAmount: amount("4.81")},
		},
		{
			"headless", `{"orderId":"123e4567-e89b-12d3-a456-426614174000","eventType":"onramp.transaction.success","paymentTotal":"100.75","paymentCurrency":"USD",
			"purchaseAmount":"100.000000","purchaseCurrency":"USDC","fees":[{"feeType":"FEE_TYPE_NETWORK","feeAmount":"0.5","feeCurrency":"USD"}],"exchangeRate":"1",
			"status":"ONRAMP_ORDER_STATUS_COMPLETED","txHash":"0xabcdef","partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderCompleted, ExternalOrderID: "123e4567-e89b-12d3-a456-426614174000", CryptoAmount: amount("100.000000"), TransactionHash: "0xabcdef"},
		},
		{
			"amount in dollars", `{"eventType":"offramp.transaction.updated","transactionId":"a1","status":"TRANSACTION_STATUS_STARTED","asset":"ETH",
			"sellAmount":{"currency":"USD","value":"5.00"},"txHash":"0xabc","partnerUserRef":"sell-` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderProcessing, ExternalOrderID: "a1", TransactionHash: "0xabc"},
		},
		{
			"amount in dollars, of nothing named", `{"eventType":"onramp.transaction.updated","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_IN_PROGRESS",
			"purchaseAmount":{"currency":"USD","value":"5.00"},"partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderProcessing, ExternalOrderID: "a1"},
		},
		{
			"nothing yet", `{"eventType":"onramp.transaction.created","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_CREATED","purchaseAmount":null,"partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "a1"},
		},
		{
			"zero", `{"eventType":"onramp.transaction.created","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_CREATED","purchaseAmount":{"value":"0","currency":""},"partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "a1"},
		},
		{
			"more places than ours", `{"eventType":"onramp.transaction.success","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_SUCCESS",
			"purchaseAmount":{"value":1.1234567890123456789012,"currency":"NEAR"},"partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderCompleted, ExternalOrderID: "a1", CryptoAmount: amount("1.123456789012345678")},
		},
		{
			"not bought", `{"eventType":"onramp.transaction.failed","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_FAILED","failureReason":"FAILURE_REASON_BUY_FAILED",
			"errorCode":"ERROR_CODE_UNSPECIFIED","partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderFailed, ExternalOrderID: "a1", FailureReason: "The payment failed at Coinbase."},
		},
		{
			"not sent", `{"eventType":"onramp.transaction.failed","transactionId":"a1","status":"ONRAMP_TRANSACTION_STATUS_FAILED","failureReason":"FAILURE_REASON_SEND_FAILED",
			"errorCode":"ERROR_CODE_X","partnerUserRef":"` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderFailed, ExternalOrderID: "a1", FailureReason: "Coinbase took the payment, but could not send the crypto. (ERROR_CODE_X)"},
		},
		{
			"failed sale", `{"eventType":"offramp.transaction.failed","transactionId":"a1","status":"TRANSACTION_STATUS_FAILED","partnerUserRef":"sell-` + orderID + `"}`,
			gateway.Update{Status: checkout.OrderFailed, ExternalOrderID: "a1", FailureReason: "Coinbase did not complete the transaction."},
		},
	}
	g := open(t, account(settings()), nil)
	for _, tt := range cases {
		updates, err := g.ParseNotification(t.Context(), signed(tt.body))
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, updates, err)
			continue
		}
		got := updates[0]
		if got.CryptoAmount.String() != tt.want.CryptoAmount.String() || got.OrderID != orderID || got.Status != tt.want.Status ||
			got.ExternalOrderID != tt.want.ExternalOrderID || got.TransactionHash != tt.want.TransactionHash || got.FailureReason != tt.want.FailureReason {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestAttempts polls orders for which the payer tried more than once; the newest transaction comes first.
func TestAttempts(t *testing.T) {
	t.Parallel()
	const failed, going, done, waiting = "ONRAMP_TRANSACTION_STATUS_FAILED", "ONRAMP_TRANSACTION_STATUS_IN_PROGRESS", "ONRAMP_TRANSACTION_STATUS_SUCCESS", "ONRAMP_TRANSACTION_STATUS_AWAITING_AUTH"
	cases := []struct {
		attempts []string
		want     checkout.OrderStatus
		id       string
	}{
		{[]string{failed}, checkout.OrderFailed, "0"},
		{[]string{failed, done}, checkout.OrderCompleted, "1"},
		{[]string{done, failed}, checkout.OrderCompleted, "0"},
		{[]string{failed, going, failed}, checkout.OrderProcessing, "1"},
		{[]string{waiting, failed}, checkout.OrderPending, "0"},
		{[]string{waiting, going, done, done}, checkout.OrderCompleted, "2"},
	}
	for _, tt := range cases {
		var list []map[string]string
		for i, status := range tt.attempts {
			list = append(list, map[string]string{"transaction_id": strconv.Itoa(i), "status": status, "failure_reason": "FAILURE_REASON_BUY_FAILED"})
		}
		answer, err := json.Marshal(map[string]any{"transactions": list})
		if err != nil {
			t.Fatal(err)
		}
		o := order()
		g := open(t, account(settings()), gatewaytest.Answer(http.StatusOK, string(answer)))
		updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || len(updates) != 1 || updates[0].Status != tt.want || updates[0].ExternalOrderID != tt.id || (updates[0].FailureReason != "") != (tt.want == checkout.OrderFailed) {
			t.Errorf("%v: %+v, %v; want %s by %s", tt.attempts, updates, err, tt.want, tt.id)
		}
	}
	o := order()
	g := open(t, account(settings()), gatewaytest.Answer(http.StatusOK, `{"transactions":[{"transaction_id":"1"}]}`))
	if updates, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now}); err == nil {
		t.Errorf("a transaction without a status: %+v", updates)
	}
}

// TestSandbox has an account that moves no money: it marks its references, takes none without the mark, and doesn't sell.
func TestSandbox(t *testing.T) {
	t.Parallel()
	server := newCDP(t)
	a := account(settings("environment", "sandbox"))
	g := open(t, a, server)
	a.Mode, a.Settings["environment"] = checkout.ModeTest, ""
	for _, g := range []gateway.Gateway{g, open(t, a, server)} {
		o := order()
		made, err := g.(gateway.Opener).OpenCheckout(t.Context(), gateway.Request{Order: &o, Now: now})
		if err != nil || made.URL != "https://pay.coinbase.com/buy?sessionToken=tok-sandbox-"+orderID {
			t.Errorf("OpenCheckout = %+v, %v", made, err)
		}
		if _, err := g.(gateway.Poller).Poll(t.Context(), gateway.Request{Order: &o, Now: now}); err != nil {
			t.Error(err)
		}
		body := bodyOf(&o, "ONRAMP_TRANSACTION_STATUS_SUCCESS", "")
		if updates, err := g.ParseNotification(t.Context(), signed(body)); err != nil || len(updates) != 0 {
			t.Errorf("a real transaction: %+v, %v", updates, err)
		}
		updates, err := g.ParseNotification(t.Context(), signed(strings.ReplaceAll(body, orderID, "sandbox-"+orderID)))
		if err != nil || len(updates) != 1 || updates[0].OrderID != orderID {
			t.Errorf("a transaction of the sandbox: %+v, %v", updates, err)
		}
		if g.Describe().Sell || checkout.CodeOf(g.Check(sellOrder())) != checkout.CodeInvalidGateway || len(g.(gateway.Lister).List(checkout.Sell, "").Assets) > 0 {
			t.Error("the sandbox sells")
		}
		request := gateway.Request{Order: sellOrder(), Address: gatewaytest.Payer, Now: now}
		if made, err := g.(gateway.Opener).OpenCheckout(t.Context(), request); err == nil {
			t.Errorf("the sandbox opens a sale: %+v", made)
		}
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if want := "/onramp/v1/buy/user/sandbox-" + orderID + "/transactions?pageSize=20"; server.paths[1] != want {
		t.Errorf("%s was asked, want %s", server.paths[1], want)
	}
}

func FuzzParseNotification(f *testing.F) {
	c := testCase(f, signV0)
	gatewaytest.Fuzz(f, c, func(body []byte) gateway.Notification { return signed(string(body)) })
}
