package journey_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

const depositLeft = "[data-deposit-left]"

// sale is a session of a sale whose gateway leaves it to us to tell where the crypto goes, once its order names depositor.
func (h *house) sale() api.CreateSessionRequest {
	r := h.xrp()
	r.Type = "offramp"
	return r
}

const depositor = "deposit@sandbox.test"

// depositing is a sale that waits for its crypto.
func (h *house) depositing(t *testing.T) (*api.Session, *api.CreatedOrder) {
	t.Helper()
	s := h.session(t, h.sale())
	return s, must(h.Public().CreateOrder(t.Context(), s.ID, api.CreateOrderRequest{
		ClientSecret: s.Attributes.ClientSecret, FiatAmount: "100.00", FiatCurrency: "USD", CryptoCurrency: "XRP", Network: "xrp", Email: depositor,
	}))(t)
}

// showsDeposit wants the page to tell all that the payer needs, and to copy it.
func (h *house) showsDeposit(t *testing.T, p *browsertest.Page, session string) *api.Deposit {
	t.Helper()
	p.Await(state("deposit"))
	d := h.onlyOrder(t, session).Deposit
	if d == nil || d.Tag == nil || d.Amount == nil {
		t.Fatalf("the order's deposit is %+v", d)
	}
	shows(t, p, "h1", "Send 40.4\u00a0XRP on XRP Ledger to this address")
	shows(t, p, "[data-deposit-address]", d.Address)
	shows(t, p, "[data-deposit-tag]", *d.Tag)
	shows(t, p, "[data-deposit-tag] .warning", "XRP is lost")
	shows(t, p, depositLeft, "Time left to send: 1") // 14:59
	if p.Count("[data-deposit-address] svg[data-qr]") != 1 {
		t.Error("there is no QR code of the address")
	}
	_ = browsertest.Eval[bool](p, "!!(navigator.clipboard.writeText = async text => { window.copied = text; })")
	for name, want := range map[string]string{"address": d.Address, "tag": *d.Tag, "amount": "40.4"} {
		p.Click("[data-copy-" + name + "]")
		p.AwaitText("[data-copy-"+name+"]", "Copied")
		if got := browsertest.Eval[string](p, "window.copied"); got != want {
			t.Errorf("%s: %q is copied, want %q", name, got, want)
		}
	}
	return d
}

// TestDeposits sells where we tell the payer where to send the crypto.
func TestDeposits(t *testing.T) {
	t.Parallel()
	shared := start(t)
	for name, journey := range map[string]func(*testing.T, *house){
		"sold":  depositSold,
		"comes": depositComes,
		"over":  depositOver,
		"bare":  depositBare,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journey(t, shared.withShop(t))
		})
	}
}

// depositSold sells at a gateway that leaves it to us to say where the crypto goes: the payer comes back to where it is shown,
// and the page follows until it is over.
func depositSold(t *testing.T, h *house) {
	s := h.session(t, h.sale())
	p := checkout(t, s)
	p.Fill(emailField, depositor)
	h.toGateway(t, p)
	p.Click(payButton)
	d := h.showsDeposit(t, p, s.ID)
	at := p.URL()
	_ = returnToken(t, at)

	other := browsertest.Open(t, browsertest.Phone(360)) // a browser that has never had the secret
	other.Go(at)
	_ = h.showsDeposit(t, other, s.ID)
	other.Await(wayBack)
	// Without a clipboard, as in frames of some browsers, what is shown is selected and copied.
	_ = browsertest.Eval[bool](other, `(() => {
		navigator.clipboard.writeText = async () => { throw new Error("not allowed"); };
		document.addEventListener("copy", () => { window.copied = getSelection().toString(); });
		return true;
	})()`)
	other.Until("the button to be as before", `document.querySelector("[data-copy-address]").innerText === "Copy"`)
	other.Click("[data-copy-address]")
	other.AwaitText("[data-copy-address]", "Copied")
	if got := browsertest.Eval[string](other, "window.copied"); got != d.Address {
		t.Errorf("%q is copied, want %q", got, d.Address)
	}

	h.move(t, h.onlyOrder(t, s.ID).OrderID, "processing")
	for _, page := range []*browsertest.Page{p, other} {
		page.Await(state("processing"))
		if text := solid(page, "body"); strings.Contains(text, d.Address) || strings.Contains(text, *d.Tag) {
			t.Errorf("the address is still shown: %s", text)
		}
	}
	other.Close()
	h.move(t, h.onlyOrder(t, s.ID).OrderID, "completed")
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")
	h.keepsSecret(t, p, s)
}

// depositComes has the page wait for an order, and take up by itself that there is something to send.
func depositComes(t *testing.T, h *house) {
	s, o := h.depositing(t)
	p := browsertest.Open(t)
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("waiting"))
	h.move(t, o.ID, "pending")
	_ = h.showsDeposit(t, p, s.ID)
	if got := p.Focused(); got == "" {
		t.Error("the focus is lost")
	}
	looks(t, p, "deposit")
	p.Go(strings.Replace(s.Attributes.CheckoutURL, "#", "?lang=ar#", 1))
	p.Await(state("deposit"))
	inLanguage(t, p, "ar")
	fits(t, p, "deposit-ar")
	h.move(t, o.ID, "failed")
	p.Await(state("failed"))
	absent(t, p, depositLeft, "[data-deposit-address]")
}

// depositOver has the time to send the crypto end while the payer looks: nobody is led to send anything any more.
func depositOver(t *testing.T, h *house) {
	s, o := h.depositing(t)
	h.move(t, o.ID, "pending")
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "deposit", sessionPath, `
		window.until ??= new Date(Date.parse(data.now) + 3000).toISOString();
		data.order.deposit.until = window.until;`)
	p.AwaitText(depositLeft, "0:0")
	p.AwaitText("h1", "Time is up")
	absent(t, p, depositLeft, "[data-deposit-address]", "svg[data-qr]")
	shows(t, p, "main", "Send nothing now.")
	p.Await(state("deposit"))
	p.Await(wayBack)
	if d := h.onlyOrder(t, s.ID).Deposit; strings.Contains(solid(p, "body"), d.Address) {
		t.Error("the address is still shown")
	}
	fits(t, p, "deposit-over")
}

// depositBare has a gateway tell the address alone: no amount, no tag, no time.
func depositBare(t *testing.T, h *house) {
	s, o := h.depositing(t)
	h.move(t, o.ID, "pending")
	p := browsertest.Open(t)
	opens(p, s.Attributes.CheckoutURL, "deposit", sessionPath, `Object.assign(data.order.deposit, {amount: null, tag: null, until: null, qr: null});`)
	shows(t, p, "h1", "Send XRP on XRP Ledger to this address")
	absent(t, p, depositLeft, "[data-deposit-tag]", "[data-deposit-amount]", "svg[data-qr]")
	wholeText(t, p)
}
