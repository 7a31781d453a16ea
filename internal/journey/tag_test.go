package journey_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

// Addresses of the XRP Ledger: a classic one, and the same with the destination tag 276 inside (XLS-5).
const (
	onXRP       = "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"
	onXRPTagged = "XVLhHMPHU98es4dbozjVtdWzVrDjtVoKj3MnFGMXEFMnvJV"

	tagField = "input[name=walletTag]"
)

// fits looks at the page on the narrowest screen.
func fits(t *testing.T, p *browsertest.Page, name string) {
	t.Helper()
	p.Resize(320, 740)
	p.Paint()
	if wide := p.Overflow(); wide != "" {
		t.Errorf("%s: it scrolls sideways: %s", name, wide)
	}
	p.Axe(name)
	p.Screenshot(name)
	p.Resize(1280, 900)
}

// xrp is a session of which all but the wallet is given.
func (h *house) xrp() api.CreateSessionRequest {
	r := h.locked()
	r.DestinationCurrency, r.Network, r.DestinationAddress = "XRP", "xrp", ""
	return r
}

// TestTags goes through all that a payer may do with a memo or destination tag.
func TestTags(t *testing.T) {
	t.Parallel()
	shared := start(t)
	for name, journey := range map[string]func(*testing.T, *house){
		"typed":              tagTyped,
		"inside the address": tagWhereThereIsOne,
		"locked":             tagLocked,
		"suggested":          tagSuggested,
		"refused":            tagRefused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journey(t, shared.withShop(t))
		})
	}
}

// tagTyped types destination tags, wrong and right, beside the address: what is typed is what is ordered.
func tagTyped(t *testing.T, h *house) {
	s := h.session(t, h.xrp())
	p := checkout(t, s)
	p.Fill(addressField, onXRP)
	p.AwaitText("[data-address-state]", "valid")
	for _, wrong := range []string{"4294967296", "my memo"} {
		p.Fill(tagField, wrong)
		p.AwaitText(problem("walletTag"), "doesn't fit")
		if !p.Sees("svg[data-qr]") {
			t.Error("what is known of the address is gone while the tag is typed")
		}
		p.Click(submitButton)
		p.Paint()
		holds(t, p, tagField, wrong)
		if got := p.Focused(); got != "input walletTag" {
			t.Errorf("the focus is on %q, want the tag", got)
		}
	}
	fits(t, p, "tag-wrong")
	unordered(t, p)
	p.Fill(tagField, " ٢٧٦ ")
	p.Keys(browsertest.Tab)
	p.Until("the tag to be written in our digits", "document.querySelector('"+tagField+"').value === '276'")
	p.Until("the problem to go", "document.querySelector('"+problem("walletTag")+"').hidden")
	p.Reload()
	p.Await(state("form"))
	holds(t, p, tagField, "276")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletAddress == nil || *o.WalletAddress != onXRP || o.WalletTag == nil || *o.WalletTag != "276" {
		t.Errorf("the order is %+v", o)
	}
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("waiting"))
	shows(t, p, "main", "Memo or destination tag276")
}

// tagWhereThereIsOne asks for a tag on networks that have them, and not beside an address that has its own inside.
func tagWhereThereIsOne(t *testing.T, h *house) {
	s := h.session(t, h.free())
	p := checkout(t, s)
	fillFree(p)
	absent(t, p, tagField)
	p.Choose(cryptoField, "XRP")
	p.Await(tagField)
	p.Fill(tagField, "17")
	p.Fill(addressField, onXRPTagged)
	p.AwaitText("main", "The destination tag 276 is part of this address.")
	absent(t, p, tagField)
	p.Fill(addressField, onXRP)
	p.Await(tagField)
	holds(t, p, tagField, "17")
	p.Fill(addressField, onXRPTagged)
	p.Until("the field to go", "document.querySelector('"+tagField+"').closest('.field').hidden")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletAddress == nil || *o.WalletAddress != onXRPTagged || o.WalletTag != nil {
		t.Errorf("the order is %+v", o)
	}
}

// tagLocked has the session give the tag with a locked address: it is shown as fixed, and ordered.
func tagLocked(t *testing.T, h *house) {
	r := h.xrp()
	r.DestinationAddress, r.DestinationTag = onXRP, "4711"
	s := h.session(t, r)
	p := checkout(t, s)
	shows(t, p, fixed("destinationAddress"), onXRP)
	shows(t, p, fixed("destinationTag"), "4711")
	absent(t, p, addressField, tagField)
	fits(t, p, "tag-locked")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletTag == nil || *o.WalletTag != "4711" {
		t.Errorf("the order is %+v", o)
	}
}

// tagSuggested has the session give address and tag as a default: the tag stays with its address, and goes with it.
func tagSuggested(t *testing.T, h *house) {
	r := h.xrp()
	r.DestinationAddress, r.DestinationTag = onXRP, "4711"
	r.FieldLocks = map[string]api.FieldLock{"destinationAddress": {Locked: false}}
	s := h.session(t, r)
	p := checkout(t, s)
	holds(t, p, tagField, "4711")
	p.Fill(tagField, "")
	p.Keys(browsertest.Tab)
	holds(t, p, tagField, "4711")
	const other = "rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn"
	p.Fill(addressField, other)
	holds(t, p, tagField, "")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletAddress == nil || *o.WalletAddress != other || o.WalletTag != nil {
		t.Errorf("the order is %+v", o)
	}
}

// tagRefused has the server refuse the tag when the order is made: that is said at the field, with nothing lost.
func tagRefused(t *testing.T, h *house) {
	p := checkout(t, h.session(t, h.xrp()))
	p.Fill(addressField, onXRP)
	p.Fill(tagField, "5")
	p.AwaitText(submitButton, "Sandbox")
	_ = browsertest.Eval[bool](p, `(() => {
		const real = window.fetch;
		window.fetch = (url, options) => !String(url).includes("/order?") ? real(url, options) : Promise.resolve(new Response(
			JSON.stringify({success: false, error: {code: window.code ?? "VALIDATION_ERROR", details: [{field: "walletTag", message: "no"}]}}), {status: 400}));
		return true;
	})()`)
	p.Click(submitButton)
	p.AwaitText(problem("walletTag"), "doesn't fit")
	idle(p)
	holds(t, p, tagField, "5")
	if got := p.Focused(); got != "input walletTag" {
		t.Errorf("the focus is on %q, want the tag", got)
	}
	_ = browsertest.Eval[bool](p, `!!(window.code = "INVALID_GATEWAY")`) // which the gateway would lose
	p.Fill(tagField, "6")
	p.Click(submitButton)
	p.AwaitText(problem("gateway"), "Sandbox can't pass on a memo")
	idle(p)
	absent(t, p, problem("walletTag"))
}

// failing is a second gateway beside the sandbox's whose quote fails, and which may take the order all the same.
const failing = `if (data) data.errors.push({gateway: "other", code: "GATEWAY_UNAVAILABLE", message: "The gateway failed.", eligible: true});`

// TestGatewayWithoutPrice chooses a gateway whose quote failed: it stands below the others, and the order names it.
func TestGatewayWithoutPrice(t *testing.T) {
	t.Parallel()
	h := start(t)
	p := browsertest.Open(t)
	p.Allow("400")
	opens(p, h.session(t, h.locked()).Attributes.CheckoutURL, "form", quotesPath, failing)
	p.AwaitText(submitButton, "Sandbox")
	shows(t, p, ".card:last-child", "The price is shown on the provider's own page.")
	fits(t, p, "gateway-without-price")
	p.Click(`[data-gateway=other] label`)
	p.AwaitText(submitButton, "other")
	p.Click(submitButton)
	sent := p.AwaitRequest(http.MethodPost, "/order?")
	if !strings.Contains(sent.Body, `"gateway":"other"`) {
		t.Errorf("the order is %s", sent.Body)
	}
	p.AwaitText(problem("gateway"), "Choose another one")
}

// TestServerRoutes has the project leave the choice to the server: the order names no gateway unless the payer has chosen one.
func TestServerRoutes(t *testing.T) {
	t.Parallel()
	h := start(t)
	if out := h.Command("project", "update", h.ProjectID, "--default-gateway", "auto"); out.Code != 0 {
		t.Fatalf("%+v", out)
	}
	s := h.session(t, h.locked())
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "form", quotesPath, otherGateway)
	p.AwaitText(".card:last-child", "Other Pay")
	p.AwaitText("[data-now=estimate]", "0.02475") // the best price stands for what it will come to
	if p.Count(".card :checked") != 0 || p.Text(submitButton) != "Continue to payment" {
		t.Errorf("%d are chosen, and the button says %q", p.Count(".card :checked"), p.Text(submitButton))
	}
	h.toGateway(t, p)
	for _, r := range p.Sent(http.MethodPost, "/order?") {
		if strings.Contains(r.Body, "gateway") {
			t.Errorf("the order names a gateway: %s", r.Body)
		}
	}
	if o := h.onlyOrder(t, s.ID); o.Gateway != "sandbox" {
		t.Errorf("the order is %+v", o)
	}

	chosen := browsertest.Open(t)
	opens(chosen, h.session(t, h.locked()).Attributes.CheckoutURL, "form", quotesPath, otherGateway)
	chosen.Click(`[data-gateway=sandbox] label`)
	chosen.AwaitText(submitButton, "Sandbox")
	h.toGateway(t, chosen)
	if r := chosen.AwaitRequest(http.MethodPost, "/order?"); !strings.Contains(r.Body, `"gateway":"sandbox"`) {
		t.Errorf("the order names no gateway: %s", r.Body)
	}
}
