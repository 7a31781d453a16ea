package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/page"
	"github.com/sliproad/sliproad/internal/store"
)

// late are pages that are made once their application is.
type late struct{ *page.Pages }

func (l *late) Paths() []string { return (*page.Pages)(nil).Paths() }

// withPages has the world serve its pages too.
func withPages(tb testing.TB, change ...func(*parts)) *world {
	tb.Helper()
	pages := &late{}
	w := newWorld(tb, append(change, func(p *parts) { p.api.Pages = pages })...)
	pages.Pages = page.New(w.app, slog.New(slog.DiscardHandler))
	return w
}

// visit is a payer's browser at the address.
func (w *world) visit(tb testing.TB, from, target string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	r.RemoteAddr = from
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec
}

// clicked is a gateway that makes a URL for each click.
type clicked struct {
	odd
	mu   sync.Mutex
	from []string
}

func (c *clicked) OpenCheckout(_ context.Context, r gateway.Request) (gateway.Checkout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from = append(c.from, r.Address.String())
	return gateway.Checkout{URL: "https://gateway.example/" + string(r.Order.ID), ExternalOrderID: "ext"}, nil
}

// TestHopAddress: the gateway is told the payer's own address, in its one form, whatever the way that they come.
func TestHopAddress(t *testing.T) {
	t.Parallel()
	g := &clicked{}
	w := withPages(t, trust("10.0.0.0/8"), func(p *parts) {
		g.Gateway = p.app.Sandbox
		g.create = func(context.Context, gateway.Request) (gateway.Checkout, error) { return gateway.Checkout{}, nil }
		p.app.Providers = append(p.app.Providers, gateway.Static(g)...)
	})
	h := w.hosted(t, toWallet)
	made := h.order(t, `"gateway": "odd"`).want(t, 201)
	id, _ := made.data("orderId").(string)
	link, _ := made.data("checkoutUrl").(string)
	link, ours := strings.CutPrefix(link, publicURL)
	if !ours || !strings.HasPrefix(link, "/c/") {
		t.Fatalf("the link is %s", link)
	}
	var want []string
	for _, c := range []struct{ from, forwarded, address string }{
		{inUS + ":1", "", inUS},
		{"[::ffff:" + inDE + "]:1", "", inDE},
		{"[" + inJPv6 + "]:1", "", inJPv6},
		{"[" + inJPv6 + "%eth0]:1", "", inJPv6},
		{"10.0.0.1:1", inDE, inDE},
		{"[::ffff:10.0.0.1]:1", "9.9.9.9, ::ffff:" + inUS, inUS},
		{inDE + ":1", inUS, inDE},
		{"pipe", "", "invalid IP"},
	} {
		var header []string
		if c.forwarded != "" {
			header = []string{"X-Forwarded-For", c.forwarded}
		}
		rec := w.visit(t, c.from, link, header...)
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "https://gateway.example/"+id || rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("from %s: %d %v", c.from, rec.Code, rec.Header())
		}
		want = append(want, c.address)
	}
	if !slices.Equal(g.from, want) {
		t.Errorf("the gateway was told %q, want %q", g.from, want)
	}
	w.pass(30 * time.Minute)
	rec := w.visit(t, inUS+":1", link)
	back := "return?k=" // to our own page, which goes on to the shop
	if rec.Code != http.StatusGone || !strings.Contains(rec.Body.String(), "The time to pay is over") || !strings.Contains(rec.Body.String(), back) || len(g.from) != len(want) {
		t.Errorf("past its time: %d %s", rec.Code, rec.Body)
	}
}

// TestPagesLimited: pages count against the payer's address, as the calls that they make do; what costs nothing doesn't.
func TestPagesLimited(t *testing.T) {
	t.Parallel()
	w := withPages(t, func(p *parts) { p.api.AddressRate = httpapi.Rate{PerSecond: 1, Burst: 3} })
	h := w.hosted(t, toWallet)
	shell := "/checkout/" + h.id + "/" + string(w.project)
	for i, target := range []string{shell, "/c/x", "/checkout/assets/" + string(w.project)} {
		if rec := w.visit(t, inUS+":1", target); rec.Code == http.StatusTooManyRequests {
			t.Errorf("page %d: %d", i, rec.Code)
		}
	}
	for _, target := range []string{shell, "/c/x", "/sandbox/pay/p/o", "/checkout/assets/" + string(w.project), "/checkout/assets/x.css", "/checkout/assets/logo/" + string(w.project) + "/x"} {
		if rec := w.visit(t, inUS+":1", target); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", target, rec.Code, rec.Header())
		}
	}
	for range 5 {
		if rec := w.visit(t, inUS+":1", "/sliproad.js"); rec.Code != http.StatusOK {
			t.Errorf("sliproad.js: %d", rec.Code)
		}
	}
	if rec := w.visit(t, inDE+":1", shell); rec.Code != http.StatusOK {
		t.Errorf("another payer: %d", rec.Code)
	}
}

// TestShellOfProject: the project's brand and who may frame it are on its page, whatever of the brand is set, and the same as
// long as the session is unknown.
func TestShellOfProject(t *testing.T) {
	t.Parallel()
	w := withPages(t)
	project, err := w.db.Project(t.Context(), w.project)
	if err != nil {
		t.Fatal(err)
	}
	project.AllowedOrigins = []string{"https://shop.example"}
	if err := w.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateProject(project) }); err != nil {
		t.Fatal(err)
	}
	shell := "/checkout/sess_none/" + string(w.project)
	logo, err := checkout.ParseLogo([]byte("<svg/>"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*checkout.Brand){
		"nothing": func(*checkout.Brand) {},
		"a name":  func(b *checkout.Brand) { b.Name = "Shop" },
		"all":     func(b *checkout.Brand) { b.Name, b.Accent, b.Logo = "Shop", "#0b5c4a", logo },
		"none":    func(b *checkout.Brand) { *b = checkout.Brand{ProjectID: b.ProjectID} },
	} {
		if _, err := w.app.SetBrand(t.Context(), w.project, change); err != nil {
			t.Fatal(err)
		}
		look, err := w.app.PageLook(t.Context(), w.project)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rec := w.visit(t, inUS+":1", shell)
		policy := rec.Header().Get("Content-Security-Policy")
		if rec.Code != http.StatusOK || !strings.Contains(policy, "frame-ancestors https://shop.example;") || strings.Contains(policy, "sha256") != (look.Brand.Accent != "") {
			t.Errorf("%s: %d %s", name, rec.Code, policy)
		}
		rec = w.visit(t, inUS+":1", "/checkout/assets/logo/"+string(w.project)+"/"+logo.Hash)
		if (rec.Code == http.StatusOK) != (look.Brand.Logo.Type != "") || rec.Code == http.StatusOK && rec.Body.String() != "<svg/>" {
			t.Errorf("%s: its logo: %d %s", name, rec.Code, rec.Body)
		}
	}
	h := w.hosted(t, toWallet)
	if a := h.read(t, h.secret).want(t, 200); !slices.Equal(a.data("partnerOrigins").([]any), []any{"https://shop.example"}) { //nolint:forcetypeassert // else the test ends
		t.Errorf("partnerOrigins: %s", a.raw)
	}
}
