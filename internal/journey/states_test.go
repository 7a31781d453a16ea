package journey_test

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
	_ "modernc.org/sqlite" // to move the server's time
)

// stateCase is one state of the page, and how it is come to.
type stateCase struct {
	name  string // of the case; the state's unless it has several
	state string
	make  func(t *testing.T, h *house, p *browsertest.Page)
	back  bool   // there is a way back to the shop
	on    bool   // there is a way on to the gateway
	says  string // a word that must be there
}

// ordered opens the page of a session whose order has gone through the statuses.
func ordered(statuses ...string) func(*testing.T, *house, *browsertest.Page) {
	return func(t *testing.T, h *house, p *browsertest.Page) {
		s := h.session(t, h.locked())
		h.move(t, h.order(t, s).ID, statuses...)
		p.Go(s.Attributes.CheckoutURL)
	}
}

// session opens the page of a session that was changed.
func session(change func(*api.CreateSessionRequest)) func(*testing.T, *house, *browsertest.Page) {
	return func(t *testing.T, h *house, p *browsertest.Page) {
		r := h.locked()
		change(&r)
		p.Go(h.session(t, r).Attributes.CheckoutURL)
	}
}

// address opens the page at the address of a session that was changed.
func address(change func(address, secret string) string) func(*testing.T, *house, *browsertest.Page) {
	return func(t *testing.T, h *house, p *browsertest.Page) {
		s := h.session(t, h.locked())
		p.Allow("status of (403|404)")
		p.Go(change(s.Attributes.CheckoutURL, s.Attributes.ClientSecret))
	}
}

var stateCases = []stateCase{
	{name: "loading", make: func(t *testing.T, h *house, p *browsertest.Page) {
		release := p.Hold("*/public/v1/checkouts/*")
		t.Cleanup(release)
		p.Go(h.session(t, h.locked()).Attributes.CheckoutURL)
	}},
	{name: "form", make: session(func(*api.CreateSessionRequest) {}), says: "Ethereum"},
	{name: "form-sale", state: "form", make: session(func(r *api.CreateSessionRequest) { r.Type, r.DestinationAddress = "offramp", "" }), says: "Sell"},
	{name: "form-free", state: "form", make: func(t *testing.T, h *house, p *browsertest.Page) {
		p.Go(h.session(t, h.free()).Attributes.CheckoutURL)
		p.Await(amountField)
	}},
	{name: "form-filled", state: "form", make: func(t *testing.T, h *house, p *browsertest.Page) {
		p.Go(h.session(t, h.free()).Attributes.CheckoutURL)
		fillFree(p)
		p.AwaitText("main", "0.07")
	}, says: "0.07"},
	{name: "form-wrong", state: "form", make: func(t *testing.T, h *house, p *browsertest.Page) {
		p.Go(h.session(t, h.free()).Attributes.CheckoutURL)
		p.Choose(cryptoField, "ETH")
		p.Fill(amountField, "1.234")
		p.Fill(addressField, bitcoin)
		p.Click(submitButton)
		p.Await(problem("walletAddress"))
	}, says: "Bitcoin"},
	{name: "form-late", state: "form", make: func(t *testing.T, h *house, p *browsertest.Page) {
		r := h.locked()
		r.ExpiresInSeconds = 100
		p.Go(h.session(t, r).Attributes.CheckoutURL)
		p.Await(timeLeft)
	}},
	{name: "redirecting", make: func(t *testing.T, h *house, p *browsertest.Page) {
		p.Go(h.session(t, h.locked()).Attributes.CheckoutURL)
		p.Nowhere("*/sandbox/pay/*")
		p.Click(submitButton)
		p.AwaitHeld(1)
	}},
	{name: "waiting", make: ordered(), on: true},
	{name: "processing", make: ordered("processing"), back: true},
	{name: "completed", make: ordered("completed"), back: true, says: "0.02475"},
	{name: "failed", make: ordered("failed"), back: true},
	{name: "cancelled", make: ordered("cancelled"), back: true},
	{name: "cancelled-session", state: "cancelled", make: func(t *testing.T, h *house, p *browsertest.Page) {
		s := h.session(t, h.locked())
		_ = must(h.secret.CancelSession(t.Context(), s.ID))(t)
		p.Go(s.Attributes.CheckoutURL)
	}, back: true},
	{name: "expired", make: ordered("expired"), back: true},
	{name: "expired-session", state: "expired", make: func(t *testing.T, h *house, p *browsertest.Page) {
		r := h.locked()
		r.ExpiresInSeconds = 1
		s := h.session(t, r)
		await(t, "the session to expire", func() bool { return must(h.secret.GetSession(t.Context(), s.ID))(t).Attributes.Status == "expired" })
		p.Go(s.Attributes.CheckoutURL)
	}, back: true},
	{name: "refunded", make: ordered("completed", "refunded"), back: true},
	{name: "used", make: func(t *testing.T, h *house, p *browsertest.Page) {
		s := h.session(t, h.locked())
		h.order(t, s)
		h.gatewayTimePasses(t)
		p.Go(s.Attributes.CheckoutURL)
	}},
	{name: "unknown-tampered", state: "unknown", make: address(func(address, secret string) string {
		return strings.TrimSuffix(address, secret) + secret[:len(secret)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(secret, "A")]
	})},
	{name: "unknown-bare", state: "unknown", make: address(func(address, _ string) string { bare, _, _ := strings.Cut(address, "#"); return bare })},
	{name: "unknown-session", state: "unknown", make: address(func(address, _ string) string { return strings.Replace(address, "/sess_", "/sess_x", 1) })},
	{name: "unknown-project", state: "unknown", make: address(func(address, _ string) string {
		head, tail, _ := strings.Cut(address, "#")
		return head[:strings.LastIndex(head, "/")] + "/00000000-0000-4000-8000-000000000000#" + tail
	})},
	{name: "unknown-return", state: "unknown", make: func(t *testing.T, h *house, p *browsertest.Page) {
		s := h.session(t, h.locked())
		p.Allow("status of (403|404)")
		p.Go(h.URL + "/checkout/" + s.ID + "/" + h.ProjectID + "/return?k=nonsense")
	}},
	{name: "offline", make: func(t *testing.T, h *house, p *browsertest.Page) {
		p.Allow("net::ERR_")
		p.Unreachable("*://*:*/public/v1/checkouts/*")
		p.Go(h.session(t, h.locked()).Attributes.CheckoutURL)
	}},
}

// gatewayTimePasses has the gateway's links of all orders be past their time, which nothing from outside can wait for.
func (h *house) gatewayTimePasses(t *testing.T) {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+h.Database()+"?_pragma=busy_timeout(10000)"))(t)
	defer db.Close()
	_ = must(db.ExecContext(t.Context(), "update orders set checkout_seconds = 0"))(t)
}

// TestStatesLook comes to each state of the page, and looks at it in all windows and schemes.
func TestStatesLook(t *testing.T) {
	t.Parallel()
	shared := start(t)
	for _, tt := range stateCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := shared.withShop(t)
			if tt.name == "used" {
				h = start(t) // whose time passes for all orders
			}
			p := browsertest.Open(t, browsertest.ReducedMotion())
			tt.make(t, h, p)
			want := tt.state
			if want == "" {
				want = tt.name
			}
			p.Await(state(want))
			p.AwaitText("main", tt.says)
			if p.Text(state(want)+" h1") == "" {
				t.Error("the page has no title")
			}
			if got := p.Sees(wayBack); got != tt.back && !strings.HasPrefix(want, "form") {
				t.Errorf("the way back is there: %v, want %v", got, tt.back)
			}
			if got := p.Sees(wayOn); got != tt.on && want != "redirecting" {
				t.Errorf("the way on is there: %v, want %v", got, tt.on)
			}
			if got := p.Sees(submitButton); got != (want == "form") {
				t.Errorf("the button to order is there: %v", got)
			}
			if tt.name != "unknown-project" && !strings.Contains(strings.ToUpper(p.Text("body")), "TEST") {
				t.Error("nothing says that this is a test")
			}
			if moving := browsertest.Eval[string](p, `document.getAnimations().filter(a => a.effect.getComputedTiming().endTime === Infinity)
				.map(a => a.animationName + " of " + a.effect.target.tagName).join(", ")`); moving != "" {
				t.Errorf("to one who wants less motion this moves for ever: %s", moving)
			}
			wholeText(t, p)
			looks(t, p, tt.name)
			if again := p.Count(state(want)); again != 1 {
				t.Errorf("the page did not stay in the state %s", want)
			}
			ownOnly(t, h, p)
			for _, r := range p.Sent(http.MethodPost, "/order") {
				if want != "redirecting" {
					t.Errorf("an order was sent: %s", r.URL)
				}
			}
		})
	}
}

// TestNoScriptLooks opens the page where scripts don't run: it says so, in the payer's language, and nothing else.
func TestNoScriptLooks(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	for _, language := range []string{"en", "de", "ar"} {
		p := browsertest.Open(t, browsertest.NoScript(), browsertest.Phone(320), browsertest.Language(language))
		p.Go(s.Attributes.CheckoutURL)
		p.AwaitText("noscript", "JavaScript")
		absent(t, p, "form", submitButton)
		for _, part := range []string{"Loading", "Lade", "Wird geladen"} {
			if strings.Contains(p.Text("body"), part) {
				t.Errorf("%s: a page that can't load says that it is loading: %s", language, p.Text("body"))
			}
		}
		if got := p.Attribute("html", "lang"); got != language {
			t.Errorf("the page is in %q, want %q", got, language)
		}
		if wide := p.Overflow(); wide != "" {
			t.Errorf("%s: it scrolls sideways: %s", language, wide)
		}
		p.Axe("noscript, " + language)
		p.Screenshot("noscript-" + language)
	}
}
