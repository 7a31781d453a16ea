package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/httpapi"
)

// hosted is a session, for the calls of its page.
type hosted struct {
	w          *world
	id, secret string
}

// hosted creates a session with the members given, beside its customer.
func (w *world) hosted(tb testing.TB, members string) hosted {
	tb.Helper()
	if members != "" {
		members = ", " + members
	}
	made := w.send(tb, inUS+":1", http.MethodPost, "/v1/sessions", w.sk, `{"externalCustomerId": "user-1"`+members+`}`).want(tb, 201)
	return hosted{w, made.attr("sessionId"), made.attr("clientSecret")}
}

const toWallet = `"destinationAddress": "` + wallet + `"`

func (h hosted) path(action string) string { return "/public/v1/checkouts/" + h.id + action }

func (h hosted) url(action string) string {
	return h.path(action) + "?projectId=" + string(h.w.project)
}

// call is one of the page's calls, as its payer makes it. Whatever the answer is, it is nobody else's to read or keep, and
// doesn't hold the secret.
func (h hosted) call(tb testing.TB, method, target, credential, body string, header ...string) answer {
	tb.Helper()
	a := h.w.send(tb, inDE+":1", method, target, credential, body, header...)
	if a.header.Get("Cache-Control") != "no-store" || bytes.Contains(a.raw, []byte(h.secret)) {
		tb.Errorf("%s %s: %v %s", method, target, a.header, a.raw)
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			tb.Errorf("%s %s answers with %s", method, target, name)
		}
	}
	return a
}

func (h hosted) read(tb testing.TB, credential string) answer {
	tb.Helper()
	return h.call(tb, http.MethodGet, h.url(""), credential, "")
}

func (h hosted) order(tb testing.TB, members ...string) answer {
	tb.Helper()
	return h.call(tb, http.MethodPost, h.url("/order"), h.secret, pageOrder(members...))
}

// returnURL is where the gateway sends the payer of the session's order back to.
func (h hosted) returnURL(tb testing.TB, order string) *url.URL {
	tb.Helper()
	o, err := h.w.db.Order(tb.Context(), h.w.project, checkout.OrderID(order))
	if err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(o.RedirectURL)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// pageOrder is an order's body, with further members or others.
func pageOrder(members ...string) string {
	all := map[string]json.RawMessage{}
	for _, part := range append([]string{`"fiatAmount": "100", "fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum"`}, members...) {
		if err := json.Unmarshal([]byte("{"+part+"}"), &all); err != nil {
			panic(err)
		}
	}
	body, _ := json.Marshal(all) // of valid JSON
	return string(body)
}

// data is the member at the path, such as "order.status", of what is in the envelope. null and what is absent are nil.
func (a answer) data(path string) any {
	at := a.body["data"]
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

// fields are the members that the error names, in their order.
func (a answer) fields() (names []string) {
	e, _ := a.body["error"].(map[string]any)
	list, _ := e["details"].([]any)
	for _, one := range list {
		detail, _ := one.(map[string]any)
		name, _ := detail["field"].(string)
		names = append(names, name)
	}
	return names
}

// TestCheckoutAccess: nothing but the session's own secret opens it, whatever else is right; where the project is wrong, there
// is no such session.
func TestCheckoutAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h, other := w.hosted(t, toWallet), w.hosted(t, toWallet)
	foreign, _, err := w.app.CreateProject(t.Context(), checkout.Project{Name: "Other", Mode: checkout.ModeTest})
	if err != nil {
		t.Fatal(err)
	}
	in := "?projectId="
	for _, c := range []struct {
		name, id, query, credential string
		status                      int
		code                        string
	}{
		{"no credential", h.id, in + string(w.project), "", 403, "FORBIDDEN"},
		{"wrong", h.id, in + string(w.project), "sess_secret_x", 403, "FORBIDDEN"},
		{"cut", h.id, in + string(w.project), h.secret[:len(h.secret)-1], 403, "FORBIDDEN"},
		{"longer", h.id, in + string(w.project), h.secret + "A", 403, "FORBIDDEN"},
		{"without its prefix", h.id, in + string(w.project), strings.TrimPrefix(h.secret, "sess_secret_"), 403, "FORBIDDEN"},
		{"another session's", h.id, in + string(w.project), other.secret, 403, "FORBIDDEN"},
		{"the public key", h.id, in + string(w.project), w.pk, 403, "FORBIDDEN"},
		{"the secret key", h.id, in + string(w.project), w.sk, 403, "FORBIDDEN"},
		{"tampered id", h.id[:len(h.id)-1] + "~", in + string(w.project), h.secret, 403, "FORBIDDEN"},
		{"unstorable id", "%00%ff", in + string(w.project), h.secret, 403, "FORBIDDEN"},
		{"wrong and bare", h.id, "", other.secret, 403, "FORBIDDEN"},
		{"wrong in another project", h.id, in + string(foreign.ID), other.secret, 403, "FORBIDDEN"},
		{"another project", h.id, in + string(foreign.ID), h.secret, 404, "NOT_FOUND"},
		{"unknown project", h.id, in + "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11", h.secret, 404, "NOT_FOUND"},
		{"malformed project", h.id, in + "shop", h.secret, 400, "VALIDATION_ERROR"},
		{"empty project", h.id, in, h.secret, 400, "VALIDATION_ERROR"},
		{"malformed query", h.id, "?projectId=%zz", h.secret, 400, "VALIDATION_ERROR"},
		{"malformed rest of the query", h.id, in + string(w.project) + "&x=%zz", h.secret, 400, "VALIDATION_ERROR"},
	} {
		for action, body := range map[string]string{"": "", "/address": `{"network": "ethereum", "address": "` + wallet + `"}`, "/order": pageOrder()} {
			method := http.MethodGet
			if body != "" {
				method = http.MethodPost
			}
			a := h.call(t, method, "/public/v1/checkouts/"+c.id+action+c.query, c.credential, body)
			if a.status != c.status || a.code() != c.code {
				t.Errorf("%s %s: %d %s", c.name, action, a.status, a.raw)
			}
		}
	}
	for name, a := range map[string]answer{
		"project": h.read(t, h.secret), "bare": h.call(t, http.MethodGet, h.path(""), h.secret, ""),
		"X-API-Key":  h.call(t, http.MethodGet, h.url(""), "", "", "X-Api-Key", h.secret),
		"lower case": h.call(t, http.MethodGet, h.url(""), "", "", "Authorization", "bearer "+h.secret),
		"upper case": h.call(t, http.MethodGet, h.path("?projectId="+strings.ToUpper(string(w.project))), h.secret, ""),
		"more query": h.call(t, http.MethodGet, h.url("")+"&utm_source=gateway", h.secret, ""),
	} {
		if a.want(t, 200); a.data("sessionId") != h.id || a.data("projectId") != string(w.project) || a.data("access") != "full" || a.data("status") != "pending" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
}

// TestCheckoutWhole: what the page shows of a session, and what of it one sees who has come back with the token alone.
func TestCheckoutWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const doubtful = "0x5aaeB6053F3E94C9b9A09f33669435E7Ef1BeAed"
	h := w.hosted(t, `"destinationAddress": "`+doubtful+`", "network": "base", "destinationCurrency": "usdc", "sourceAmount": "100.00", "sourceCurrency": "eur",
		"country": "de", "redirectUrl": "https://shop.example/done?x=1", "metadata": {"private": "of the partner"}, "fieldLocks": {"sourceAmount": {"locked": true, "min": "50", "max": "200"}}`)
	whole := h.read(t, h.secret).want(t, 200)
	created := "2026-03-01T12:00:00Z"
	locked := map[string]any{"locked": true}
	want := map[string]any{
		"sessionId": h.id, "projectId": string(w.project), "mode": "test", "type": "onramp", "status": "pending", "access": "full",
		"sourceAmount": "100.00", "sourceCurrency": "EUR", "minorUnits": json.Number("2"), "destinationCurrency": "USDC", "cryptoName": "USD Coin", "network": "base", "networkName": "Base",
		"tagName": nil, "routed": false, "destinationAddress": doubtful, "destinationTag": nil, "country": "DE", "redirectUrl": "https://shop.example/done?x=1", "partnerOrigins": []any{},
		"createdAt": created, "now": created, "expiresAt": "2026-03-01T12:30:00Z", "order": nil,
		"fieldLocks": map[string]any{
			"destinationAddress": locked, "network": locked, "destinationCurrency": locked, "sourceCurrency": locked,
			"sourceAmount": map[string]any{"locked": true, "min": "50", "max": "200"},
		},
		"warnings": whole.data("warnings"),
	}
	if diff := cmp.Diff(want, whole.body["data"]); diff != "" {
		t.Errorf("whole:\n%s", diff)
	}
	if text := string(whole.raw); !strings.Contains(text, "ADDRESS_CHECKSUM") || strings.Contains(text, "partner\"") || strings.Contains(text, "metadata") {
		t.Errorf("warnings or metadata: %s", text)
	}
	w.pass(time.Minute)
	made := h.order(t, `"fiatCurrency": "EUR", "cryptoCurrency": "USDC", "network": "base"`).want(t, 201)
	id, _ := made.data("orderId").(string)
	token := h.returnURL(t, id).Query().Get("k")
	returned := h.read(t, token).want(t, 200)
	ordered := map[string]any{
		"orderId": id, "status": "created", "gateway": "sandbox", "gatewayName": "Sandbox", "fiatAmount": "100", "fiatCurrency": "EUR",
		"cryptoCurrency": "USDC", "cryptoAmount": nil, "network": "base", "networkName": "Base", "walletAddress": doubtful, "walletTag": nil, "deposit": nil, "transactionHash": nil,
		"checkoutUrl": made.data("checkoutUrl"), "createdAt": "2026-03-01T12:01:00Z", "checkoutExpiresAt": "2026-03-01T12:31:00Z",
	}
	if diff := cmp.Diff(ordered, made.body["data"]); diff != "" || made.data("checkoutUrl") == nil {
		t.Errorf("the order:\n%s", diff)
	}
	want["status"], want["now"], want["order"] = "processing", "2026-03-01T12:01:00Z", ordered
	if diff := cmp.Diff(want, h.read(t, h.secret).want(t, 200).body["data"]); diff != "" {
		t.Errorf("with its order:\n%s", diff)
	}
	want["access"], want["sourceAmount"], want["destinationAddress"], want["country"] = "status", nil, nil, nil
	want["fieldLocks"], want["warnings"] = map[string]any{}, []any{}
	ordered["walletAddress"], ordered["checkoutUrl"] = nil, nil
	if diff := cmp.Diff(want, returned.body["data"]); diff != "" {
		t.Errorf("by the token of the return page:\n%s", diff)
	}
	if a := h.call(t, http.MethodPost, h.url("/order"), token, pageOrder()).want(t, 403, "FORBIDDEN"); strings.Contains(string(a.raw), token) {
		t.Errorf("the token is told: %s", a.raw)
	}
	h.call(t, http.MethodGet, w.hosted(t, "").url(""), token, "").want(t, 403, "FORBIDDEN")
	h.call(t, http.MethodGet, h.path(""), token, "").want(t, 404, "NOT_FOUND")                  // only the secret has all projects searched
	for _, target := range []string{"/v1/orders/" + id, "/v1/sessions/" + h.id, "/v1/orders"} { // partners have no use for it
		if a := w.get(t, target, w.sk).want(t, 200); strings.Contains(string(a.raw), token) {
			t.Errorf("%s tells the token of the return page", target)
		}
	}
}

// TestCheckoutCountry: the page's first call is the payer's, and looks the country up anew (contract §2.1).
func TestCheckoutCountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name, given, want string
		call              func(h hosted, from string) answer
	}{
		{"read", "", "DE", func(h hosted, from string) answer {
			return w.send(t, from, http.MethodGet, h.url(""), h.secret, "")
		}},
		{"order", "", "DE", func(h hosted, from string) answer {
			return w.send(t, from, http.MethodPost, h.url("/order"), h.secret, pageOrder())
		}},
		{"refused", "", "US", func(h hosted, from string) answer {
			w.send(t, from, http.MethodGet, h.url(""), h.secret+"x", "")
			return w.send(t, from, http.MethodPost, h.url("/order"), h.secret, "{}")
		}},
		{"given", `, "country": "FR"`, "FR", func(h hosted, from string) answer {
			return w.send(t, from, http.MethodGet, h.url(""), h.secret, "")
		}},
	} {
		h := w.hosted(t, toWallet+c.given)
		first := c.call(h, inDE+":1")
		if c.name == "read" && first.data("country") != "DE" {
			t.Errorf("%s: the answer tells %v", c.name, first.data("country"))
		}
		if got := w.get(t, "/v1/sessions/"+h.id, w.sk).want(t, 200).attr("country"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.want == "DE" { // only the first
			c.call(h, inJP+":1")
			if got := w.get(t, "/v1/sessions/"+h.id, w.sk).want(t, 200).attr("country"); got != "DE" {
				t.Errorf("%s: a second call made it %q", c.name, got)
			}
		}
	}
}

// TestCheckoutEnds: a session past its time has ended from that instant on, and takes no order; nor does a cancelled one.
func TestCheckoutEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h, cancelled := w.hosted(t, toWallet), w.hosted(t, toWallet)
	w.post(t, "/v1/sessions/"+cancelled.id+"/cancel", w.sk, "").want(t, 200)
	if a := cancelled.read(t, cancelled.secret).want(t, 200); a.data("status") != "cancelled" || a.data("order") != nil {
		t.Errorf("cancelled: %s", a.raw)
	}
	cancelled.order(t).want(t, 409, "SESSION_CANCELLED")
	w.pass(30*time.Minute - time.Microsecond)
	if a := h.read(t, h.secret).want(t, 200); a.data("status") != "pending" {
		t.Errorf("before its time: %s", a.raw)
	}
	w.pass(time.Microsecond)
	if a := h.read(t, h.secret).want(t, 200); a.data("status") != "expired" || a.data("now") != a.data("expiresAt") || a.data("order") != nil {
		t.Errorf("at its time: %s", a.raw)
	}
	h.order(t).want(t, 409, "SESSION_EXPIRED")
}

// TestCheckoutFollows: the page follows the order to its end. It can be paid until money has come, and in its time.
func TestCheckoutFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		moves   []string
		order   string
		session string
		payable bool
	}{
		{nil, "created", "processing", true},
		{[]string{"pending"}, "pending", "processing", true},
		{[]string{"processing"}, "processing", "processing", false},
		{[]string{"processing", "completed"}, "completed", "completed", false},
		{[]string{"failed"}, "failed", "cancelled", false},
		{[]string{"cancelled"}, "cancelled", "cancelled", false},
		{[]string{"expired"}, "expired", "expired", false},
		{[]string{"completed", "refunded"}, "refunded", "completed", false},
	} {
		h := w.hosted(t, toWallet)
		id, _ := h.order(t).want(t, 201).data("orderId").(string)
		for _, status := range c.moves {
			w.post(t, "/v1/test_helpers/orders/"+id+"/simulate", w.sk, `{"status": "`+status+`"}`).want(t, 200)
		}
		a := h.read(t, h.secret).want(t, 200)
		if a.data("status") != c.session || a.data("order.status") != c.order || (a.data("order.checkoutUrl") != nil) != c.payable {
			t.Errorf("%v: %s", c.moves, a.raw)
		}
		if completed := a.data("status") == "completed"; (a.data("order.transactionHash") != nil) != completed || (a.data("order.cryptoAmount") != nil) != completed {
			t.Errorf("%v: what came of it: %s", c.moves, a.raw)
		}
		h.order(t).want(t, 409, "SESSION_ALREADY_USED")
	}
	h := w.hosted(t, toWallet+`, "expiresInSeconds": 60`)
	h.order(t).want(t, 201)
	w.pass(30*time.Minute - time.Microsecond)
	if a := h.read(t, h.secret).want(t, 200); a.data("order.checkoutUrl") == nil || a.data("status") != "processing" {
		t.Errorf("in the order's time, after the session's: %s", a.raw)
	}
	w.pass(time.Microsecond)
	if a := h.read(t, h.secret).want(t, 200); a.data("order.checkoutUrl") != nil || a.data("order.status") != "created" {
		t.Errorf("past the order's time: %s", a.raw)
	}
}

// TestCheckoutWhileMaking: while the gateway is asked there is no order yet, and no second one can be made.
func TestCheckoutWhileMaking(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan error)
	w := newWorld(t, func(p *parts) {
		slow := &odd{Gateway: p.app.Sandbox}
		slow.create = func(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
			asked <- struct{}{}
			if err := <-answer; err != nil {
				return gateway.Checkout{}, err
			}
			return p.app.Sandbox.CreateCheckout(ctx, r)
		}
		p.app.Providers = append(p.app.Providers, gateway.Static(slow)...)
	})
	h := w.hosted(t, toWallet)
	for _, c := range []struct {
		fails  error
		status int
		after  string
	}{{fmt.Errorf("down"), 503, "pending"}, {nil, 201, "processing"}} {
		var making sync.WaitGroup
		making.Go(func() { h.order(t, `"gateway": "odd"`).want(t, c.status) })
		<-asked
		if a := h.read(t, h.secret).want(t, 200); a.data("status") != "processing" || a.data("order") != nil {
			t.Errorf("while it is made: %s", a.raw)
		}
		h.order(t).want(t, 409, "SESSION_ALREADY_USED")
		answer <- c.fails
		making.Wait()
		if a := h.read(t, h.secret).want(t, 200); a.data("status") != c.after || (a.data("order") != nil) != (c.status == 201) {
			t.Errorf("afterwards: %s", a.raw)
		}
	}
}

// TestCheckoutOrderRefused: what contradicts the session is refused by the request's own name for it, all at once.
func TestCheckoutOrderRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	locked := w.hosted(t, toWallet+`, "network": "ethereum", "destinationCurrency": "ETH", "sourceAmount": "100", "sourceCurrency": "USD"`)
	free := w.hosted(t, `"fieldLocks": {"sourceAmount": {"min": "50", "max": "200"}}`)
	const to = `"walletAddress": "` + wallet + `"`
	for _, c := range []struct {
		name    string
		h       hosted
		members string
		code    string
		fields  string
	}{
		{"amount", locked, `"fiatAmount": "100.01"`, "VALIDATION_ERROR", "fiatAmount"},
		{"currency", locked, `"fiatCurrency": "EUR"`, "VALIDATION_ERROR", "fiatCurrency"},
		{"crypto", locked, `"cryptoCurrency": "USDC"`, "VALIDATION_ERROR", "cryptoCurrency"},
		{"network", locked, `"network": "base"`, "VALIDATION_ERROR", "network"},
		{"wallet", locked, `"walletAddress": "0x52908400098527886E0F7030069857D2E4169EE7"`, "VALIDATION_ERROR", "walletAddress"},
		{
			"all", locked, `"fiatAmount": "1", "fiatCurrency": "EUR", "cryptoCurrency": "USDC", "network": "base", "walletAddress": "0x52908400098527886E0F7030069857D2E4169EE7"`,
			"VALIDATION_ERROR", "fiatAmount cryptoCurrency network fiatCurrency walletAddress",
		},
		{"below", free, to + `, "fiatAmount": "49.99"`, "VALIDATION_ERROR", "fiatAmount"},
		{"above", free, to + `, "fiatAmount": "200.01"`, "VALIDATION_ERROR", "fiatAmount"},
		{"digits", free, to + `, "fiatAmount": "100.001"`, "VALIDATION_ERROR", "fiatAmount"},
		{"no wallet", free, `"email": "payer@example.com"`, "VALIDATION_ERROR", "walletAddress"},
		{"bad wallet", free, `"walletAddress": "0x1"`, "VALIDATION_ERROR", "walletAddress"},
		{"e-mail", free, to + `, "email": "someone"`, "VALIDATION_ERROR", "email"},
		{"gateway", free, to + `, "gateway": "nobody"`, "INVALID_GATEWAY", "gateway"},
		{"not served", free, to + `, "cryptoCurrency": "XXX"`, "INVALID_CURRENCY", "cryptoCurrency"},
		{"not on it", free, `"network": "nowhere", ` + to, "INVALID_NETWORK", "network"},
		{"language", free, to + `, "language": "../x"`, "VALIDATION_ERROR", "language"},
		{"languages", free, to + `, "language": "de&embed=1"`, "VALIDATION_ERROR", "language"},
		{"language and more", free, to + `, "language": "", "fiatAmount": null, "email": 1`, "VALIDATION_ERROR", "email language fiatAmount"},
		{"types", free, to + `, "language": 1, "embedded": "yes", "network": {}`, "VALIDATION_ERROR", "embedded language network"},
	} {
		a := c.h.order(t, c.members).want(t, 400, c.code)
		fields := a.fields()
		want := strings.Fields(c.fields)
		slices.Sort(fields)
		slices.Sort(want)
		if !slices.Equal(fields, want) {
			t.Errorf("%s: names %q, want %q: %s", c.name, fields, want, a.raw)
		}
	}
	for _, h := range []hosted{locked, free} {
		if a := h.read(t, h.secret).want(t, 200); a.data("status") != "pending" {
			t.Errorf("a refused order used it up: %s", a.raw)
		}
	}
	locked.order(t).want(t, 201)
	free.order(t, `"fiatAmount": "50"`, to).want(t, 201)
}

// TestCheckoutGatewayFails: a gateway that fails uses nothing up.
func TestCheckoutGatewayFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, toWallet)
	a := h.order(t, `"email": "unavailable@sandbox.test"`).want(t, 503, "GATEWAY_UNAVAILABLE")
	if strings.Contains(string(a.raw), "sandbox.test") {
		t.Errorf("the cause is told: %s", a.raw)
	}
	if a := h.read(t, h.secret).want(t, 200); a.data("status") != "pending" || a.data("order") != nil {
		t.Errorf("afterwards: %s", a.raw)
	}
	h.order(t).want(t, 201)
}

// TestCheckoutRace: of many orders at once, by the page and by the API, one is made.
func TestCheckoutRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, toWallet)
	const callers = 24
	answers := make([]answer, callers)
	var race sync.WaitGroup
	for i := range callers {
		race.Go(func() {
			if i%2 == 0 {
				answers[i] = h.order(t)
			} else {
				answers[i] = w.post(t, "/v1/sessions/"+h.id+"/order", w.pk, orderBody(h.secret, someone))
			}
		})
	}
	race.Wait()
	made := 0
	for i, a := range answers {
		switch {
		case a.status == 201:
			made++
		case a.status != 409 || a.code() != "SESSION_ALREADY_USED":
			t.Errorf("call %d: %d %s", i, a.status, a.raw)
		}
	}
	orders := w.get(t, "/v1/orders?sessionId="+h.id, w.sk).want(t, 200)
	if pages, _ := orders.body["pagination"].(map[string]any); made != 1 || fmt.Sprint(pages["total"]) != "1" {
		t.Errorf("%d made, %s", made, orders.raw)
	}
	if a := h.read(t, h.secret).want(t, 200); a.data("order.orderId") == nil {
		t.Errorf("no order: %s", a.raw)
	}
}

// TestCheckoutReturnURL: the gateway sends the payer of a page back to the page, and that of the API to the partner.
func TestCheckoutReturnURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const shop = `, "redirectUrl": "https://shop.example/done"`
	for _, c := range []struct{ members, lang, embed string }{
		{`"email": "a@b.example"`, "", ""},
		{`"language": "de", "embedded": false`, "de", ""},
		{`"language": "pt-BR", "embedded": true`, "pt-BR", "1"},
		{`"embedded": true, "language": null`, "", "1"},
	} {
		h := w.hosted(t, toWallet+shop)
		id, _ := h.order(t, c.members).want(t, 201).data("orderId").(string)
		u := h.returnURL(t, id)
		q := u.Query()
		if at := publicURL + "/checkout/" + h.id + "/" + string(w.project) + "/return"; u.Scheme+"://"+u.Host+u.Path != at || u.Fragment != "" {
			t.Errorf("%s: %s", c.members, u)
		}
		if q.Get("lang") != c.lang || q.Get("embed") != c.embed || q.Has("lang") != (c.lang != "") || len(q.Get("k")) < 40 || strings.Contains(u.String(), h.secret) {
			t.Errorf("%s: %s", c.members, u)
		}
	}
	h := w.hosted(t, toWallet+shop)
	made := w.post(t, "/v1/sessions/"+h.id+"/order", w.pk, orderBody(h.secret, someone)).want(t, 201)
	if u := h.returnURL(t, made.attr("orderId")); u.String() != "https://shop.example/done" {
		t.Errorf("by the API: %s", u)
	}
}

// TestCheckoutIdempotencyKey: the header, which needs a key's project, does nothing here.
func TestCheckoutIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, toWallet)
	for i, key := range []string{"k1", "k1", strings.Repeat("x", 300), "\xff"} {
		a := h.call(t, http.MethodPost, h.url("/order"), h.secret, pageOrder(), "Idempotency-Key", key)
		if i == 0 {
			a.want(t, 201)
		} else {
			a.want(t, 409, "SESSION_ALREADY_USED")
		}
		if a.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%q: replayed", key)
		}
	}
	h.call(t, http.MethodPost, h.url("/address"), h.secret, `{"network": "ethereum", "address": "`+wallet+`"}`, "Idempotency-Key", "k1").want(t, 200)
}

// TestCheckoutRoutes: they are for our own page alone, and limited by the payer's address.
func TestCheckoutRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *parts) { p.api.AddressRate = httpapi.Rate{PerSecond: 1, Burst: 5} })
	h := w.hosted(t, toWallet)
	const origin = "https://shop.example"
	h.call(t, http.MethodGet, h.url(""), h.secret, "", "Origin", origin).want(t, 200)
	h.call(t, http.MethodPost, h.url("/order"), h.secret, "{", "Origin", origin).want(t, 400)
	h.call(t, http.MethodPost, h.url("/address"), "", "{}", "Origin", origin).want(t, 403)
	for _, action := range []string{"", "/order"} {
		a := w.send(t, inDE+":1", http.MethodOptions, h.url(action), "", "", "Origin", origin, "Access-Control-Request-Method", "POST").want(t, 405, "METHOD_NOT_ALLOWED")
		if got := a.header.Get("Access-Control-Allow-Origin") + a.header.Get("Access-Control-Allow-Methods"); got != "" {
			t.Errorf("OPTIONS %s allows %s", action, got)
		}
	}
	for _, action := range []string{"", "/address", "/order"} {
		method := http.MethodPost
		if action == "" {
			method = http.MethodGet
		}
		a := h.call(t, method, h.url(action), h.secret, pageOrder()).want(t, 429, "RATE_LIMIT_EXCEEDED")
		if a.header.Get("Retry-After") != "1" || a.header.Get("X-Ratelimit-Limit") != "5" || a.header.Get("X-Ratelimit-Remaining") != "0" {
			t.Errorf("%s: %v", action, a.header)
		}
	}
	w.send(t, inJP+":1", http.MethodGet, h.url(""), h.secret, "").want(t, 200) // another payer
	w.pass(time.Second)
	h.read(t, h.secret).want(t, 200)
}

// people is a page for whatever is asked.
type people struct{}

func (people) ServePage(w http.ResponseWriter, _ *http.Request, _ *checkout.Call) {
	w.WriteHeader(http.StatusNoContent)
}

func (people) ServeBusy(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write([]byte("a page"))
}
func (people) Paths() []string   { return []string{"/checkout/", "/c/", "/sandbox/"} }
func (people) Cheap(string) bool { return false }

// TestCheckoutLog: nothing that opens a session, an order or its payment comes into the log of requests.
func TestCheckoutLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var mu sync.Mutex
	w := newWorld(t, func(p *parts) {
		p.api.Log, p.api.LogRequests, p.api.Pages = slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil)), true, people{}
	})
	h := w.hosted(t, toWallet)
	made := h.order(t, `"email": "hop@sandbox.test"`).want(t, 201)
	id, _ := made.data("orderId").(string)
	link, _ := made.data("checkoutUrl").(string)
	back := h.returnURL(t, id)
	for _, target := range []string{strings.TrimPrefix(link, publicURL), back.RequestURI(), "/sandbox/pay/p/o?t=tok", "/checkout/" + h.id} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		w.api.ServeHTTP(httptest.NewRecorder(), r)
	}
	h.read(t, h.secret+"x").want(t, 403)
	h.read(t, back.Query().Get("k")).want(t, 200)
	mu.Lock()
	defer mu.Unlock()
	text := log.String()
	for _, secret := range []string{h.secret, back.Query().Get("k"), link[strings.LastIndex(link, "/")+1:], "tok"} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
	for _, there := range []string{"op=orderCheckout", "op=getCheckout", "path=/checkout/" + h.id, "op=page", "path=/c/"} {
		if !strings.Contains(text, there) {
			t.Errorf("the log lacks %q:\n%s", there, text)
		}
	}
}

// TestBusyPage: a person who asks too often gets a page, which is logged as any other.
func TestBusyPage(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(p *parts) {
		p.api.Log, p.api.LogRequests, p.api.Pages = slog.New(slog.NewTextHandler(&log, nil)), true, people{}
		p.api.AddressRate = httpapi.Rate{PerSecond: 1, Burst: 1}
	})
	for _, want := range []int{http.StatusNoContent, http.StatusTooManyRequests} {
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/checkout/sess_1", nil))
		if rec.Code != want || want == http.StatusTooManyRequests && (rec.Body.String() != "a page" || rec.Header().Get("Retry-After") != "1") {
			t.Errorf("%d %v %s, want %d", rec.Code, rec.Header(), rec.Body, want)
		}
	}
	if !strings.Contains(log.String(), "status=429") {
		t.Errorf("the log lacks it:\n%s", &log)
	}
}
