package journey_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/browsertest"
)

// TestDoubleClick orders once, however often the payer clicks.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := checkout(t, s)
	release := p.Hold("*/order?*")
	p.DoubleClick(submitButton)
	p.AwaitHeld(1)
	p.Keys(browsertest.Enter, browsertest.Enter)
	p.Paint()
	release()
	h.atGateway(t, p)
	if sent := p.Sent(http.MethodPost, "/order"); len(sent) != 1 {
		t.Errorf("%d orders were sent, want 1", len(sent))
	}
	_ = h.onlyOrder(t, s.ID)
}

// TestBack comes back from the gateway by the browser's button: the page offers to go on with the one order.
func TestBack(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := checkout(t, s)
	h.toGateway(t, p)
	p.Back()
	p.Await(state("waiting"))
	p.Click(wayOn)
	h.atGateway(t, p)
	p.Click(payButton)
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")

	// And from the shop: the page says that it is done, and leads nobody to pay again.
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("completed"))
	absent(t, p, wayOn, submitButton)
}

// TestTwoTabs orders in one tab while the form is open in another: the other offers the order that there is.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	one := checkout(t, s, browsertest.Allow("status of 409"))
	two := one.NewTab()
	two.Go(s.Attributes.CheckoutURL)
	two.Await(state("form"))
	h.toGateway(t, one)
	two.Click(submitButton)
	two.Until("no form any more", "!document.querySelector('"+state("form")+"') && !document.querySelector('"+state("loading")+"')")
	// In either case the payer can go on with the first order, and there is no second.
	if strings.HasPrefix(two.URL(), h.URL+"/checkout/") {
		two.Await(state("waiting"))
		two.Click(wayOn)
	}
	h.atGateway(t, two)
	if one.URL() != two.URL() {
		t.Errorf("the tabs are at %s and %s", one.URL(), two.URL())
	}
	o := h.onlyOrder(t, s.ID)
	one.Click(payButton)
	one.Await(state("completed"))
	two.Click(cancelButton)
	two.Await(state("completed"))
	if now := h.onlyOrder(t, s.ID); now.Status != "completed" || now.OrderID != o.OrderID {
		t.Errorf("the order is %+v", now)
	}
}

// TestReload keeps what was typed.
func TestReload(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.free())
	p := checkout(t, s)
	fillFree(p)
	p.Fill(emailField, "payer@example.com")
	p.Reload()
	p.Await(state("form"))
	for field, value := range map[string]string{
		amountField: "250.50", fiatField: "EUR", cryptoField: "ETH", networkField: "base", addressField: wallet, emailField: "payer@example.com",
	} {
		holds(t, p, field, value)
	}
	h.toGateway(t, p)

	// What was typed for one session is no other's.
	p.Go(h.session(t, h.free()).Attributes.CheckoutURL)
	p.Await(state("form"))
	holds(t, p, addressField, "")
}

// TestOffline loses the network at each step: the page comes back by itself to where it was, with what was typed.
func TestOffline(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.free())
	p := browsertest.Open(t, browsertest.Allow("net::ERR_"))
	p.Unreachable("*://*:*/public/v1/checkouts/*")
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("offline"))
	p.Unreachable() // of which the browser tells nobody: the page tries by itself
	p.Await(state("form"))
	fillFree(p)

	p.Offline(true)
	p.Await(state("offline"))
	p.Offline(false)
	p.Await(state("form"))
	holds(t, p, amountField, "250.50")
	holds(t, p, addressField, wallet)
	h.toGateway(t, p)
	p.Back()
	p.Await(state("waiting"))
	p.Offline(true)
	p.Await(state("offline"))
	p.Offline(false)
	p.Await(state("waiting"))
	p.Click(wayOn)
	h.atGateway(t, p)
	_ = h.onlyOrder(t, s.ID)
}

// TestLostAnswer loses the answer to the order, not the order: the page finds it, and makes no second.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := checkout(t, s, browsertest.Allow("net::ERR_|status of 409"))
	p.Unreachable("*://*:*/public/v1/checkouts/*/order*")
	p.Click(submitButton)
	p.AwaitRequest(http.MethodPost, "/order")
	_ = h.order(t, s) // as if it had arrived
	p.Unreachable()
	if p.Sees(submitButton) {
		p.Click(submitButton)
	}
	p.Until("a way on", "document.querySelector('"+wayOn+"') || location.pathname.startsWith('/sandbox/')")
	if p.Sees(wayOn) {
		p.Click(wayOn)
	}
	h.atGateway(t, p)
	_ = h.onlyOrder(t, s.ID)
}

// TestKeyboard buys without a mouse, from start to end, and always sees where the focus is.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.free())
	p := checkout(t, s)
	var order []string
	to := func(selector string) {
		t.Helper()
		for range 40 {
			p.Keys(browsertest.Tab)
			if browsertest.Eval[bool](p, "document.activeElement.matches('"+selector+"')") {
				order = append(order, selector)
				focusShows(t, p, selector)
				return
			}
		}
		t.Fatalf("the keyboard does not lead to %s; it has led to %v", selector, order)
	}
	fields := []struct{ selector, keys, value string }{
		{amountField, "100", "100"}, {fiatField, "USD", "USD"}, {cryptoField, "ETH", "ETH"}, {networkField, "Ethereum", "ethereum"}, {addressField, wallet, wallet},
	}
	visit := map[string]bool{}
	for len(visit) < len(fields) {
		// The order is the page's; each field comes once, top to bottom.
		before := len(visit)
		for range 40 {
			p.Keys(browsertest.Tab)
			for _, f := range fields {
				if !visit[f.selector] && browsertest.Eval[bool](p, "document.activeElement.matches('"+f.selector+"')") {
					visit[f.selector] = true
					focusShows(t, p, f.selector)
					typed(p, f.selector, f.keys, f.value)
					holds(t, p, f.selector, f.value)
				}
			}
			if len(visit) > before {
				break
			}
		}
		if len(visit) == before {
			t.Fatalf("the keyboard leads to %v only", visit)
		}
	}
	p.AwaitText("main", "0.02475")
	to(submitButton)
	p.Keys(browsertest.Enter)
	h.atGateway(t, p)
	to(payButton)
	p.Keys(browsertest.Enter)
	p.Await(state("completed"))
	to(wayBack)
	p.Keys(browsertest.Enter)
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")
}

// typed types into the field that has the focus. A list takes letters that come a second apart for different words, which they
// do on a busy machine; it is then told again.
func typed(p *browsertest.Page, selector, keys, value string) {
	for range 5 {
		p.Keys(keys)
		if p.Value(selector) == value || !strings.HasPrefix(selector, "select") {
			return
		}
		browsertest.Eval[bool](p, `new Promise(told => setTimeout(() => told(true), 1500))`) // the list forgets what was typed
	}
}

// focusShows wants the element with the focus to look other than without it, and to be in the window.
func focusShows(t *testing.T, p *browsertest.Page, selector string) {
	t.Helper()
	// The browser scrolls to it a moment later.
	p.Until(selector+" shows that it has the focus", `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const outline = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
		return (outline || s.boxShadow !== "none") && r.bottom > 0 && r.top < innerHeight;
	})()`)
}

// TestFocusAfterAProblem leads the payer to the first field that has a problem, and a screen reader to what it is.
func TestFocusAfterAProblem(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.DestinationAddress = ""
	p := checkout(t, h.session(t, r))
	p.Click(submitButton)
	p.Await(problem("walletAddress"))
	if got := p.Focused(); got != "input walletAddress" {
		t.Errorf("the focus is on %q, want the field", got)
	}
	described := browsertest.Eval[bool](p, `(() => {
		const e = document.querySelector("`+addressField+`"), said = document.querySelector("`+problem("walletAddress")+`");
		const ids = ((e.getAttribute("aria-describedby") ?? "") + " " + (e.getAttribute("aria-errormessage") ?? "")).split(/\s+/);
		return e.getAttribute("aria-invalid") === "true" && ids.some(id => id && (said.id === id || said.closest("#" + id) || document.getElementById(id)?.contains(said)));
	})()`)
	if !described {
		t.Error("the field does not name its problem to a screen reader")
	}
}

// TestTimeLeft shows the time left near its end, counts it, and ends with the session.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := checkout(t, h.session(t, h.locked()))
	absent(t, p, timeLeft)

	r := h.locked()
	r.ExpiresInSeconds = 6
	s := h.session(t, r)
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("form"))
	first := p.Text(timeLeft)
	p.Until("the time left to go down", "document.querySelector('"+timeLeft+"')?.innerText.trim() !== "+"'"+first+"'")
	p.Await(state("expired"))
	absent(t, p, submitButton)
	p.Click(wayBack)
	h.returned(t, p, s.ID, "", "expired")
}

// TestCancelledMeanwhile orders from a session that the partner has cancelled since.
func TestCancelledMeanwhile(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := checkout(t, s, browsertest.Allow("status of 409"))
	_ = must(h.secret.CancelSession(t.Context(), s.ID))(t)
	p.Click(submitButton)
	p.Await(state("cancelled"))
	p.Click(wayBack)
	h.returned(t, p, s.ID, "", "cancelled")
	if n := len(h.orders(t, s.ID)); n != 0 {
		t.Errorf("there are %d orders", n)
	}
}

// TestZoom enlarges the text to twice its size: nothing is cut off or lost.
func TestZoom(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := checkout(t, h.session(t, h.locked()), browsertest.Size(640, 740))
	_ = browsertest.Eval[bool](p, "!!(document.documentElement.style.fontSize = '200%')")
	p.Paint()
	if wide := p.Overflow(); wide != "" {
		t.Errorf("with text of twice the size it scrolls sideways: %s", wide)
	}
	cut := browsertest.Eval[string](p, `[...document.querySelectorAll("main *")].filter(e => {
		const s = getComputedStyle(e);
		return e.checkVisibility() && (s.overflowX === "hidden" || s.overflowY === "hidden") && e.clientWidth > 1 && (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2);
	}).map(e => e.tagName + " " + e.innerText.slice(0, 40)).join("; ")`)
	if cut != "" {
		t.Errorf("with text of twice the size this is cut off: %s", cut)
	}
	h.toGateway(t, p)
}

// TestStableLayout has nothing jump while what the form waits for arrives, by which a click would hit something else.
func TestStableLayout(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, width := range []int{360, 1280} {
		p := checkout(t, h.session(t, h.locked()), browsertest.Size(width, 740))
		p.AwaitText("main", "0.02475")
		p.Quiet()
		p.Paint()
		// The browser's own measure of it, of which 0.1 is called good.
		shift := browsertest.Eval[float64](p, `new Promise(done => new PerformanceObserver(list =>
			done(list.getEntries().reduce((sum, e) => sum + e.value, 0))).observe({type: "layout-shift", buffered: true}) ?? setTimeout(() => done(0), 500))`)
		t.Logf("%d px: layout shift %.3f", width, shift)
		if shift > 0.1 {
			t.Errorf("%d px: the layout shifts by %.3f, want 0.1 at most", width, shift)
		}
	}
}
