package page_test

import (
	"context"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/page"
)

const (
	project = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	wallet  = "0x52908400098527886E0F7030069857D2E4169EE7"
	token   = "tok-en_1"
	path    = "/sandbox/pay/" + project + "/ord_1"
)

// backend keeps one order in memory; its token is token.
type backend struct {
	order checkout.Order
	err   error
	asked []checkout.OrderStatus
}

func (b *backend) SandboxOrder(_ context.Context, p checkout.ProjectID, id checkout.OrderID, t string) (*checkout.Order, error) {
	if b.err != nil {
		return nil, b.err
	}
	if p != b.order.ProjectID || id != b.order.ID || t != token {
		return nil, checkout.NotFound("order")
	}
	o := b.order
	return &o, nil
}

func (b *backend) SandboxPay(ctx context.Context, p checkout.ProjectID, id checkout.OrderID, t string, status checkout.OrderStatus) (*checkout.Order, error) {
	if _, err := b.SandboxOrder(ctx, p, id, t); err != nil {
		return nil, err
	}
	b.asked = append(b.asked, status)
	b.order.Apply(checkout.OrderUpdate{Status: status}, b.order.CreatedAt)
	o := b.order
	return &o, nil
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
		ID: "ord_1", ProjectID: project, SessionID: "sess_1", Type: checkout.Buy, Status: checkout.OrderCreated,
		FiatAmount: amount("100.00"), FiatCurrency: "EUR", CryptoCurrency: "ETH", Network: "base", WalletAddress: wallet,
		RedirectURL: "https://shop.example/done?cart=7&x=%20a#top",
	}
}

func get(b *backend, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page.Sandbox(b, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

func post(b *backend, target string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	page.Sandbox(b, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func choose(outcome string) url.Values { return url.Values{"t": {token}, "outcome": {outcome}} }

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
)

// words is what a reader of the page gets.
func words(w *httptest.ResponseRecorder) string {
	return space.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(w.Body.String(), "")), " ")
}

// checkPage holds every page to its headers.
func checkPage(t *testing.T, name string, w *httptest.ResponseRecorder, status int, formAction string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("%s: status %d, want %d", name, w.Code, status)
	}
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + formAction + "; frame-ancestors 'none'; base-uri 'none'",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "no-store",
	}
	if status != http.StatusSeeOther {
		want["Content-Type"] = "text/html; charset=utf-8"
	}
	for key, value := range want {
		if got := w.Header().Get(key); got != value {
			t.Errorf("%s: %s: %q, want %q", name, key, got, value)
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	long := order()
	long.WalletAddress, long.CryptoCurrency, long.Network = `<b>"&`, "<i>", "some-net"
	sell := order()
	sell.Type, sell.WalletAddress, sell.RedirectURL = checkout.Sell, "", ""
	completed, failed, processing := order(), order(), order()
	completed.Status, completed.CryptoAmount = checkout.OrderCompleted, amount("0.02475")
	failed.Status, failed.RedirectURL = checkout.OrderFailed, ""
	processing.Status = checkout.OrderProcessing
	cases := []struct {
		name    string
		order   checkout.Order
		buttons bool
		back    bool
		action  string
		want    []string
	}{
		{"buy", order(), true, false, "'self' https://shop.example", []string{
			"TEST", "You buyEther (ETH)", "You pay100.00 EUR", "NetworkBase", "Wallet" + wallet, "Orderord_1", "Pay 100.00 EUR", "Decline", "Cancel",
		}},
		{"sell", sell, true, false, "'self'", []string{"You sellEther (ETH)", "You get100.00 EUR", "Sell for 100.00 EUR"}},
		{"processing", processing, true, false, "'self' https://shop.example", nil},
		{"escaped", long, true, false, "'self' https://shop.example", []string{"You buy<i>", `Wallet<b>"&`, "Networksome-net"}},
		{"completed", completed, false, true, "'self' https://shop.example", []string{"TEST", "Paid", "You buy0.02475 ETH", "Return to the shop"}},
		{"failed", failed, false, false, "'self'", []string{"Declined"}},
	}
	for _, tt := range cases {
		w := get(&backend{order: tt.order}, path+"?t="+token)
		checkPage(t, tt.name, w, http.StatusOK, tt.action)
		text, source := words(w), w.Body.String()
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the page lacks %q: %s", tt.name, want, text)
			}
		}
		form := `<form method="post" action="` + path + `">`
		if got := strings.Count(source, "<button") == 3 && strings.Contains(source, form) && strings.Contains(source, `name="t" value="`+token+`"`); got != tt.buttons {
			t.Errorf("%s: form and buttons: %v, want %v: %s", tt.name, got, tt.buttons, source)
		}
		back := `href="https://shop.example/done?cart=7&amp;x=%20a&amp;sessionId=sess_1&amp;orderId=ord_1&amp;status=completed#top"`
		if got := strings.Contains(source, back); got != tt.back {
			t.Errorf("%s: the way back is there: %v, want %v: %s", tt.name, got, tt.back, source)
		}
		if strings.Contains(source, "<script") || strings.Contains(source, "style=") || strings.Contains(source, "<b>") {
			t.Errorf("%s: script, inline style or unescaped text: %s", tt.name, source)
		}
	}
}

func TestEveryFinalStatusHasItsPage(t *testing.T) {
	t.Parallel()
	for _, info := range checkout.OrderStatusTable {
		o := order()
		o.Status = info.Status
		text := words(get(&backend{order: o}, path+"?t="+token))
		if strings.Contains(text, "Decline ") == info.Status.Final() || strings.HasPrefix(strings.TrimSpace(text), "·") {
			t.Errorf("%s: %s", info.Status, text)
		}
	}
}

func TestAct(t *testing.T) {
	t.Parallel()
	const done = "https://shop.example/done?cart=7&x=%20a&sessionId=sess_1&orderId=ord_1&status="
	cases := []struct {
		outcome, redirectURL string
		before, asked        checkout.OrderStatus
		location, action     string
	}{
		{"pay", order().RedirectURL, "created", "completed", done + "completed#top", "'self' https://shop.example"},
		{"decline", order().RedirectURL, "pending", "failed", done + "failed#top", "'self' https://shop.example"},
		{"cancel", order().RedirectURL, "processing", "cancelled", done + "cancelled#top", "'self' https://shop.example"},
		{"pay", order().RedirectURL, "expired", "completed", done + "expired#top", "'self' https://shop.example"},
		{"pay", "", "created", "completed", path + "?t=" + token, "'self'"},
		{"pay", "http://localhost:3000", "created", "completed", "http://localhost:3000?sessionId=sess_1&orderId=ord_1&status=completed", "'self' http://localhost:3000"},
		{"pay", "https://shop.example/?", "created", "completed", "https://shop.example/?sessionId=sess_1&orderId=ord_1&status=completed", "'self' https://shop.example"},
		{"pay", "http://[::1]:3000/", "created", "completed", "http://[::1]:3000/?sessionId=sess_1&orderId=ord_1&status=completed", "'self' http:"},
		{"pay", "https://a;script-src/", "created", "completed", "https://a;script-src/?sessionId=sess_1&orderId=ord_1&status=completed", "'self' https:"},
		{"pay", "javascript:alert(1)", "created", "completed", path + "?t=" + token, "'self'"},
	}
	for _, tt := range cases {
		o := order()
		o.Status, o.RedirectURL = tt.before, tt.redirectURL
		b := &backend{order: o}
		w := post(b, path, choose(tt.outcome))
		checkPage(t, tt.outcome+" "+tt.redirectURL, w, http.StatusSeeOther, tt.action)
		if got := w.Header().Get("Location"); got != tt.location {
			t.Errorf("%s, %q: Location: %q, want %q", tt.outcome, tt.redirectURL, got, tt.location)
		}
		if len(b.asked) != 1 || b.asked[0] != tt.asked {
			t.Errorf("%s: asked for %v, want %s", tt.outcome, b.asked, tt.asked)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, target string
		form         url.Values // nil: GET
		err          error
		status       int
		want         string
	}{
		{"wrong token", path + "?t=x", nil, nil, http.StatusNotFound, "No such payment"},
		{"no token", path, nil, nil, http.StatusNotFound, "No such payment"},
		{"unknown order", "/sandbox/pay/" + project + "/ord_2?t=" + token, nil, nil, http.StatusNotFound, "No such payment"},
		{"unknown page", "/sandbox/other", nil, nil, http.StatusNotFound, "No such payment"},
		{"unknown asset", "/sandbox/assets/sandbox.css", nil, nil, http.StatusNotFound, "No such payment"},
		{"wrong token in the form", path + "?t=" + token, url.Values{"t": {"x"}, "outcome": {"pay"}}, nil, http.StatusNotFound, "No such payment"},
		{"token in the address only", path + "?t=" + token, url.Values{"outcome": {"pay"}}, nil, http.StatusNotFound, "No such payment"},
		{"no outcome", path, url.Values{"t": {token}}, nil, http.StatusBadRequest, "That did not work"},
		{"outcome in the address only", path + "?outcome=pay", url.Values{"t": {token}}, nil, http.StatusBadRequest, "That did not work"},
		{"unknown outcome", path, choose("refund"), nil, http.StatusBadRequest, "That did not work"},
		{"long form", path, url.Values{"pad": {strings.Repeat("x", 5000)}, "t": {token}, "outcome": {"pay"}}, nil, http.StatusBadRequest, "That did not work"},
		{"failure", path + "?t=" + token, nil, errors.New("secret detail"), http.StatusInternalServerError, "Try again"},
		{"no database", path, choose("pay"), checkout.Fail(checkout.CodeDatabaseUnavailable, "secret detail"), http.StatusServiceUnavailable, "Try again"},
		{"payer gone", path + "?t=" + token, nil, context.Canceled, http.StatusServiceUnavailable, "Try again"},
	}
	for _, tt := range cases {
		b := &backend{order: order(), err: tt.err}
		w := get(b, tt.target)
		if tt.form != nil {
			w = post(b, tt.target, tt.form)
		}
		checkPage(t, tt.name, w, tt.status, "'self'")
		text := words(w)
		if !strings.Contains(text, tt.want) || !strings.Contains(text, "TEST") || strings.Contains(text, "secret") || len(b.asked) != 0 {
			t.Errorf("%s: asked for %v; page: %s", tt.name, b.asked, text)
		}
	}
	w := httptest.NewRecorder()
	page.Sandbox(&backend{}, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest(http.MethodDelete, path, nil))
	checkPage(t, "DELETE", w, http.StatusMethodNotAllowed, "'self'")
	if w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("DELETE: Allow: %q", w.Header().Get("Allow"))
	}
}

func TestStyleSheet(t *testing.T) {
	t.Parallel()
	b := &backend{order: order()}
	link := regexp.MustCompile(`<link rel="stylesheet" href="(/sandbox/assets/sandbox\.[0-9a-f]{16}\.css)">`)
	found := link.FindStringSubmatch(get(b, path+"?t="+token).Body.String())
	if found == nil {
		t.Fatal("the page has no style sheet")
	}
	w := get(b, found[1])
	h := w.Header()
	if w.Code != http.StatusOK || h.Get("Content-Type") != "text/css; charset=utf-8" ||
		h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("X-Content-Type-Options") != "nosniff" || w.Body.Len() == 0 {
		t.Errorf("style sheet: %d, %v", w.Code, h)
	}
}
