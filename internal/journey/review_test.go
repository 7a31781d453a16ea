package journey_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

// What the server can't be brought to answer from outside, the browser is told in its stead: what comes from the real server is
// changed on its way to the page's script.
const (
	quotesPath  = "/onramp/quotes"
	sessionPath = "/public/v1/checkouts/"
)

// answers changes what the page's script gets from addresses that hold the text: the JavaScript may change `data`, or return a
// Response of its own. It holds until the next document.
func answers(p *browsertest.Page, path, change string) {
	_ = browsertest.Eval[bool](p, `(() => {
		const real = window.fetch;
		window.fetch = async (url, options) => {
			const response = await real(url, options);
			if (!String(url).includes("`+path+`") || String(url).includes("/address") || String(url).includes("/order?")) return response;
			const answer = await response.json();
			const other = await (async data => {`+change+`})(answer.data);
			return other ?? new Response(JSON.stringify(answer), {status: response.status, headers: response.headers});
		};
		return true;
	})()`)
}

// opens is checkout where the page's first answers are changed too: the page meets no server until they are.
func opens(p *browsertest.Page, address, want, path, change string) {
	p.Allow("net::ERR_")
	p.Unreachable("*://*:*/public/v1/*")
	p.Go(address)
	p.Await(state("offline"))
	answers(p, path, change)
	p.Unreachable()
	p.Await(state(want))
}

// otherGateway is a second one beside the sandbox's, with the second-best price, until `window.gone` is true.
const otherGateway = `if (data && !window.gone) data.quotes.push({...data.quotes[0], gateway: "other", gatewayName: "Other Pay", isBestRate: false});`

// ranged is a session whose amount is free between 50 and 200.
func (h *house) ranged() api.CreateSessionRequest {
	r := h.locked()
	low, high := "50", "200"
	r.FieldLocks = map[string]api.FieldLock{"sourceAmount": {Locked: true, Min: &low, Max: &high}}
	return r
}

// unordered wants no order to have been sent.
func unordered(t *testing.T, p *browsertest.Page) {
	t.Helper()
	if sent := p.Sent(http.MethodPost, "/order?"); len(sent) != 0 {
		t.Errorf("%d orders were sent: %s", len(sent), sent[0].Body)
	}
}

// idle waits for the button to order to be no longer at work.
func idle(p *browsertest.Page) { p.Await(submitButton + `[aria-disabled=false]`) }

// TestChosenGatewayGoes has the gateway that the payer chose give no price any more, while they click to order: nothing is
// ordered elsewhere until they choose again.
func TestChosenGatewayGoes(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.ranged())
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "form", quotesPath, otherGateway)
	p.Click(`[data-gateway=other] label`)
	p.AwaitText(submitButton, "Other Pay")
	_ = browsertest.Eval[bool](p, "window.gone = true")
	release := p.Hold("*" + quotesPath + "*")
	p.Fill(amountField, "120")
	p.Click(submitButton)
	p.AwaitHeld(1)
	release()
	p.Await(problem("gateway"))
	idle(p)
	unordered(t, p)
	if text := p.Text(submitButton); strings.Contains(text, "Sandbox") {
		t.Errorf("the button says %q to one who has chosen another", text)
	}
	p.Click(submitButton) // once more does not help
	p.Paint()
	idle(p)
	unordered(t, p)
	p.Click(`[data-gateway=sandbox] label`)
	p.AwaitText(submitButton, "Sandbox")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.Gateway != "sandbox" {
		t.Errorf("the order is at %s", o.Gateway)
	}
}

// TestQuotesFail has no prices come: nothing is ordered from a gateway that nobody has shown, and what the payer chose before is
// still chosen when there are prices again.
func TestQuotesFail(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.ranged())
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "form", quotesPath, otherGateway+`
		if (window.broken) return new Response(JSON.stringify({success: false, error: {code: "INTERNAL_ERROR"}}), {status: 500});`)
	p.Click(`[data-gateway=other] label`)
	p.AwaitText(submitButton, "Other Pay")
	_ = browsertest.Eval[bool](p, "window.broken = true")
	p.Fill(amountField, "120")
	p.Click(submitButton)
	p.AwaitText("[data-quotes]", "can't be loaded")
	idle(p)
	p.Click(submitButton)
	p.Paint()
	idle(p)
	unordered(t, p)
	_ = browsertest.Eval[bool](p, "!(window.broken = false)")
	p.Click("[data-quotes] button")
	p.AwaitText(submitButton, "Other Pay")
	unordered(t, p)
}

// TestAmountInAnotherLanguage types an amount that means a thousand times as much in another language, and goes there.
func TestAmountInAnotherLanguage(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, tt := range []struct{ from, typed, to, want string }{
		{"en", "1,234", "de", "1.234"}, {"de", "1.234", "en", "1,234"}, {"en", "150.5", "de", "150,50"}, {"de", "1.234,56", "fr", "1\u202f234,56"},
	} {
		t.Run(tt.from+"-"+tt.typed, func(t *testing.T) {
			t.Parallel()
			p := checkout(t, h.session(t, h.free()), browsertest.Language(tt.from))
			p.Choose(fiatField, "EUR")
			p.Fill(amountField, tt.typed)
			p.Choose(languageField, tt.to)
			p.Until("the other language", "document.documentElement.lang === '"+tt.to+"'")
			p.Await(state("form"))
			holds(t, p, amountField, tt.want)
			p.Reload()
			p.Await(state("form"))
			holds(t, p, amountField, tt.want)
		})
	}
}

// TestSpacesInAmounts reads spaces and apostrophes as what parts thousands, and as nothing else.
func TestSpacesInAmounts(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := checkout(t, h.session(t, h.free()))
	p.Choose(fiatField, "EUR")
	for _, tt := range []struct{ typed, want string }{
		{"100 50", ""}, {"1 0", ""}, {"12'34", ""}, {"1 234.5 0", ""}, {"1 234,5.6", ""}, {"1 234", "1,234"}, {"1'234.5", "1,234.50"}, {"12 345,67", "12,345.67"}, {"€ 150", "150"}, {"150 EUR", "150"},
	} {
		p.Fill(amountField, tt.typed)
		p.Keys(browsertest.Tab)
		if tt.want == "" {
			p.Await(problem("fiatAmount"))
			holds(t, p, amountField, tt.typed)
			continue
		}
		p.Until(tt.typed+" to be read as "+tt.want, "document.querySelector('"+amountField+"').value === '"+tt.want+"'")
	}
}

// TestTimeUpWhileOrdering has the session's time end while its order is being made: the page waits for the order.
func TestTimeUpWhileOrdering(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := browsertest.Open(t)
	opens(p, h.session(t, h.locked()).Attributes.CheckoutURL, "loading", sessionPath, `if (!window.made) data.status = "processing", data.expiresAt = data.now;`)
	p.AwaitText("h1", "Preparing your order")
	_ = browsertest.Eval[bool](p, "window.made = true")
	p.Await(state("form")) // it has come to nothing, and there is time left
}

// mixed is the wallet's address with one letter's case wrong.
const mixed = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

// TestUnseenAddressWarning clicks before the check of an address with a wrong checksum has been answered: the warning is shown
// first, and the second click orders.
func TestUnseenAddressWarning(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.DestinationAddress = ""
	s := h.session(t, r)
	p := checkout(t, s)
	p.AwaitText(submitButton, "Sandbox")
	release := p.Hold("*/address?*")
	p.Fill(addressField, mixed)
	p.Click(submitButton)
	p.AwaitHeld(1)
	p.Paint()
	unordered(t, p)
	release()
	p.Await("[data-address-state].warning")
	idle(p)
	unordered(t, p)
	if got := p.Focused(); got != "input walletAddress" {
		t.Errorf("the focus is on %q, want the address", got)
	}
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletAddress == nil || !strings.EqualFold(*o.WalletAddress, mixed) {
		t.Errorf("the order is %+v", o)
	}
}

// TestMinorUnits takes the decimal places that the server says a currency has, whatever the browser thinks of it.
func TestMinorUnits(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, taken := range []bool{true, false} {
		p := browsertest.Open(t)
		opens(p, h.session(t, h.ranged()).Attributes.CheckoutURL, "form", sessionPath, "data.minorUnits = "+map[bool]string{true: "2", false: "1"}[taken])
		// As browsers do with currencies whose cents they leave out.
		_ = browsertest.Eval[bool](p, `(() => {
			const real = Intl.NumberFormat.prototype.resolvedOptions;
			Intl.NumberFormat.prototype.resolvedOptions = function () { return {...real.call(this), maximumFractionDigits: 0}; };
			return true;
		})()`)
		p.Fill(amountField, "75.12")
		p.Keys(browsertest.Tab)
		if !taken {
			p.AwaitText(problem("fiatAmount"), "USD has 1")
			continue
		}
		p.AwaitText("[data-now=fiatAmount]", "75.12")
		absent(t, p, problem("fiatAmount"))
		p.AwaitText(submitButton, "Sandbox")
	}
}

// cameBack is a session that was paid, and the address of the page that its payer came back to.
func (h *house) cameBack(t *testing.T) (*api.Session, string) {
	t.Helper()
	s := h.session(t, h.locked())
	p := checkout(t, s)
	h.toGateway(t, p)
	p.Nowhere(h.shop.URL + "/*") // so that it stays there
	p.Click(payButton)
	p.Await(state("completed"))
	return s, p.URL()
}

// TestBackWithoutPaying comes back from the gateway with nothing but the return page's token, and with nothing paid: there is a
// way to the shop.
func TestBackWithoutPaying(t *testing.T) {
	t.Parallel()
	h := start(t)
	s, at := h.cameBack(t)
	other := browsertest.Open(t)
	opens(other, at, "waiting", sessionPath, `data.order.status = "created";`)
	other.Await(wayBack)
	other.Click(wayBack)
	h.returned(t, other, s.ID, h.onlyOrder(t, s.ID).OrderID, "created")
}

// TestStaysWithThePayer comes back to an end, and touches the page: it stays, and the button leads on.
func TestStaysWithThePayer(t *testing.T) {
	t.Parallel()
	h := start(t)
	s, at := h.cameBack(t)
	p := browsertest.Open(t)
	p.Allow("net::ERR_")
	p.Unreachable("*://*:*/public/v1/*")
	p.Go(at)
	p.Await(state("offline"))
	// A busy machine could take longer to press a key than the page waits.
	_ = browsertest.Eval[bool](p, `(() => {
		new MutationObserver((_, self) => {
			const soon = document.querySelector("[data-soon]");
			if (!soon) return;
			self.disconnect();
			window.said = true;
			soon.dispatchEvent(new KeyboardEvent("keydown", {key: "Tab", bubbles: true}));
		}).observe(document.querySelector("main"), {childList: true, subtree: true});
		return true;
	})()`)
	p.Unreachable()
	p.Await(state("completed"))
	p.Until("the page to take back that it leaves", "window.said && !document.querySelector('[data-soon]')")
	since := browsertest.Eval[float64](p, "performance.now()")
	p.Until("the time to pass in which it would have left", fmt.Sprintf("performance.now() > %f", since+6000))
	p.Await(state("completed"))
	if n := len(h.shop.came()); n != 0 {
		t.Errorf("the shop was visited %d times", n)
	}
	p.Click(wayBack)
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")
}

// TestOfflineAtTheEnd loses the network at the end: what has happened stays on the page.
func TestOfflineAtTheEnd(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	h.move(t, h.order(t, s).ID, "failed")
	p := browsertest.Open(t)
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("failed"))
	p.Offline(true)
	p.Until("the browser to be offline", "!navigator.onLine")
	p.Paint()
	p.Await(state("failed"))
	if got := p.Count(state("offline")); got != 0 {
		t.Error("the page says that it is offline, and that it has failed no more")
	}
}

// TestFocusStays keeps the focus where it was when a state is drawn anew.
func TestFocusStays(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	_ = h.order(t, s)
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "waiting", sessionPath, `if (window.hash) data.order.transactionHash = "0xfeed";`)
	_ = browsertest.Eval[bool](p, "document.querySelector('"+wayOn+"').focus() === undefined")
	_ = browsertest.Eval[bool](p, "window.hash = true")
	p.AwaitText("main", "0xfeed")
	p.Until("the focus to be on the way on", "document.activeElement.matches('"+wayOn+"')")
}

// TestLinkEndsWhileOrdering has the server deny the session when the order is made: the page says so, with nothing on its console.
func TestLinkEndsWhileOrdering(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := checkout(t, h.session(t, h.locked()))
	p.AwaitText(submitButton, "Sandbox")
	_ = browsertest.Eval[bool](p, `!!(window.fetch = async () => new Response(JSON.stringify({success: false, error: {code: "FORBIDDEN"}}), {status: 403}))`)
	p.Click(submitButton)
	p.Await(state("unknown"))
	p.Paint()
	absent(t, p, submitButton)
}

// TestBareAddressKeepsItsProject asks with the project once it is known, where the address doesn't name it.
func TestBareAddressKeepsItsProject(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	_ = h.order(t, s)
	p := browsertest.Open(t)
	p.Go(strings.Replace(s.Attributes.CheckoutURL, "/"+h.ProjectID+"#", "#", 1))
	p.Await(state("waiting"))
	await(t, "the page to ask with the project", func() bool {
		return len(p.Sent(http.MethodGet, sessionPath+s.ID+"?projectId="+h.ProjectID)) > 0
	})
}

// TestFixedAmountRefused has the server refuse an amount that is fixed: the payer is sent to the currency, which is not.
func TestFixedAmountRefused(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.SourceCurrency = ""
	p := checkout(t, h.session(t, r))
	p.Choose(fiatField, "EUR")
	p.AwaitText(submitButton, "Sandbox")
	_ = browsertest.Eval[bool](p, `(() => {
		const real = window.fetch;
		window.fetch = (url, options) => !String(url).includes("/order?") ? real(url, options) : Promise.resolve(new Response(
			JSON.stringify({success: false, error: {code: "VALIDATION_ERROR", details: [{field: "fiatAmount", message: "too many places"}]}}), {status: 400}));
		return true;
	})()`)
	p.Click(submitButton)
	p.AwaitText(problem("fiatCurrency"), "currency")
	idle(p)
	if got := p.Focused(); got != "select fiatCurrency" {
		t.Errorf("the focus is on %q, want the currency", got)
	}
}

// TestFixedAmountUnfit has an amount fixed that the currency to be chosen has no decimal places for: the payer is told to choose
// another, and not that prices can't be loaded.
func TestFixedAmountUnfit(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.SourceAmount, r.SourceCurrency = "100.50", ""
	s := h.session(t, r)
	p := checkout(t, s, browsertest.Allow("status of 400"))
	p.Choose(fiatField, "JPY")
	p.AwaitText(problem("fiatCurrency"), "currency")
	p.Click(submitButton)
	p.Paint()
	unordered(t, p)
	p.Choose(fiatField, "EUR")
	p.AwaitText(submitButton, "Sandbox")
	absent(t, p, problem("fiatCurrency"))
	h.toGateway(t, p)
}
