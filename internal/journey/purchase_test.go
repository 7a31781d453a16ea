package journey_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestPurchase buys with everything locked, as most partners have it, to each end that a payment has.
func TestPurchase(t *testing.T) {
	t.Parallel()
	house := start(t)
	cases := []struct{ button, status, cryptoAmount string }{
		{payButton, "completed", "0.02475"}, {declineButton, "failed", ""}, {cancelButton, "cancelled", ""},
	}
	for _, tt := range cases {
		t.Run(tt.status, func(t *testing.T) {
			t.Parallel()
			h := house.withShop(t)
			s := h.session(t, h.locked())
			p := checkout(t, s, browsertest.Phone(360))
			shows(t, p, fixed("sourceAmount"), "100.00")
			shows(t, p, fixed("sourceAmount"), "$")
			shows(t, p, fixed("destinationCurrency"), "ETH")
			shows(t, p, fixed("network"), "Ethereum")
			shows(t, p, fixed("destinationAddress"), wallet)
			absent(t, p, amountField, fiatField, cryptoField, networkField, addressField)
			h.toGateway(t, p)
			p.Click(tt.button)
			p.AwaitURL(h.URL + "/checkout/" + s.ID + "/" + h.ProjectID + "/return?")
			p.Await(state(tt.status))
			o := h.onlyOrder(t, s.ID)
			if tt.status != "completed" { // then the page leaves the going to the payer
				p.Click(wayBack)
			}
			h.returned(t, p, s.ID, o.OrderID, tt.status)
			if o.Status != tt.status || o.FiatAmount != "100.00" || o.FiatCurrency != "USD" || o.CryptoCurrency != "ETH" || o.Network != "ethereum" ||
				o.WalletAddress == nil || *o.WalletAddress != wallet || o.Type != "buy" || o.Gateway != "sandbox" {
				t.Errorf("the order is %+v", o)
			}
			if tt.cryptoAmount != "" && (o.CryptoAmount == nil || *o.CryptoAmount != tt.cryptoAmount) {
				t.Errorf("the crypto amount is %v, want %s", o.CryptoAmount, tt.cryptoAmount)
			}
			h.keepsSecret(t, p, s)
			ownOnly(t, h, p)
		})
	}
}

// TestPurchaseOnTwoNodes buys from two nodes with one database behind a balancer: whatever one of them makes, the other serves.
func TestPurchaseOnTwoNodes(t *testing.T) {
	t.Parallel()
	h := start(t, sliproadtest.Postgres("", 2))
	s := h.session(t, h.locked())
	p := checkout(t, s)
	h.toGateway(t, p)
	p.Click(payButton)
	p.Await(state("completed"))
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")
}

// TestFreePurchase fills in everything: what is typed is what is ordered.
func TestFreePurchase(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.free())
	p := checkout(t, s)
	absent(t, p, fixed("sourceAmount"), fixed("destinationCurrency"), fixed("network"), fixed("destinationAddress"))
	fillFree(p)
	p.Fill(emailField, "payer@example.com")
	p.AwaitText("main", "0.074399") // 250.5 EUR × 0.99 × 1.2 ÷ 4000, rounded
	p.AwaitText("main", "Sandbox")
	h.toGateway(t, p)
	p.AwaitText("main", "250.5")
	p.Click(payButton)
	o := h.onlyOrder(t, s.ID)
	h.returned(t, p, s.ID, o.OrderID, "completed")
	o = h.onlyOrder(t, s.ID)
	if o.Status != "completed" || strings.TrimRight(o.FiatAmount, "0") != "250.5" || o.FiatCurrency != "EUR" || o.CryptoCurrency != "ETH" || o.Network != "base" ||
		o.WalletAddress == nil || *o.WalletAddress != wallet || o.Email == nil || *o.Email != "payer@example.com" ||
		o.CryptoAmount == nil || *o.CryptoAmount != "0.0743985" {
		t.Errorf("the order is %+v", o)
	}
	h.keepsSecret(t, p, s)
	ownOnly(t, h, p)
}

// TestSale sells, with everything locked and with everything free. No wallet is needed.
func TestSale(t *testing.T) {
	t.Parallel()
	house := start(t)
	for _, free := range []bool{false, true} {
		t.Run(map[bool]string{false: "locked", true: "free"}[free], func(t *testing.T) {
			t.Parallel()
			h := house.withShop(t)
			r := h.locked()
			r.DestinationAddress = ""
			if free {
				r = h.free()
			}
			r.Type = "offramp"
			s := h.session(t, r)
			p := checkout(t, s)
			if !strings.Contains(p.Text("h1"), "Sell") {
				t.Errorf("the title is %q, which says nothing of a sale", p.Text("h1"))
			}
			if free {
				p.Choose(fiatField, "USD")
				p.Choose(cryptoField, "ETH")
				p.Choose(networkField, "ethereum")
				p.Fill(amountField, "100")
			}
			p.AwaitText("main", "0.02525")
			h.toGateway(t, p)
			p.Click(payButton)
			p.Await(state("completed"))
			o := h.onlyOrder(t, s.ID)
			h.returned(t, p, s.ID, o.OrderID, "completed")
			if o.Type != "sell" || o.WalletAddress != nil || o.CryptoAmount == nil || *o.CryptoAmount != "0.02525" {
				t.Errorf("the order is %+v", o)
			}
			h.keepsSecret(t, p, s)
		})
	}
}

// TestRange has the payer choose an amount within a range, and no other.
func TestRange(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.SourceAmount = "100"
	low, high := "50", "200"
	r.FieldLocks = map[string]api.FieldLock{"sourceAmount": {Locked: true, Min: &low, Max: &high}}
	s := h.session(t, r)
	p := checkout(t, s)
	holds(t, p, amountField, "100")
	for _, tt := range []struct{ amount, says string }{{"49.99", "50"}, {"200.01", "200"}, {"", ""}, {"abc", ""}, {"75.123", ""}, {"0", ""}} {
		p.Fill(amountField, tt.amount)
		p.Click(submitButton)
		p.Await(problem("fiatAmount"))
		if text := p.Text(problem("fiatAmount")); text == "" || !strings.Contains(text, tt.says) {
			t.Errorf("amount %q: the page says %q, want %q in it", tt.amount, text, tt.says)
		}
		holds(t, p, amountField, tt.amount)
		if p.Attribute(amountField, "aria-invalid") != "true" {
			t.Errorf("amount %q: the field is not marked as wrong", tt.amount)
		}
	}
	if sent := p.Sent(http.MethodPost, "/order"); len(sent) > 0 {
		t.Errorf("%d orders were sent, which could only be refused", len(sent))
	}
	p.Fill(amountField, "75.5")
	p.Until("the problem to go", "!document.querySelector('"+problem("fiatAmount")+"')?.innerText.trim()")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); strings.TrimRight(o.FiatAmount, "0") != "75.5" {
		t.Errorf("the order is of %s", o.FiatAmount)
	}
}

// TestAddress types addresses wrong and right: the form, the checksum, another network's.
func TestAddress(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.DestinationAddress = ""
	s := h.session(t, r)
	p := checkout(t, s)
	wrong := []struct{ address, says string }{
		{"", ""}, {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "Ethereum"}, {bitcoin, "Bitcoin"}, {"nonsense", ""},
	}
	for _, tt := range wrong {
		p.Fill(addressField, tt.address)
		if tt.address == "" {
			p.Click(submitButton) // what was never typed is asked for then only
		}
		p.AwaitText(problem("walletAddress"), tt.says)
		p.Click(submitButton)
		p.Paint()
		if p.Text(problem("walletAddress")) == "" {
			t.Errorf("address %q: the page says nothing", tt.address)
		}
		holds(t, p, addressField, tt.address)
	}
	if sent := p.Sent(http.MethodPost, "/order"); len(sent) > 0 {
		t.Errorf("%d orders were sent, which could only be refused", len(sent))
	}

	// A wrong checksum is a warning, with the address as the wallet would show it; the payer may go on.
	mixed := "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	p.Fill(addressField, mixed)
	p.Until("the address with its checksum", "document.querySelector('main').innerText.replace(/\\s+/g, '').includes('"+wallet+"')")

	// A right one is shown again, in groups and as a QR code, to compare with the wallet. Space around it doesn't matter.
	p.Fill(addressField, " "+otherWallet+" ")
	p.Until("the address in groups", "[...document.querySelectorAll('[data-address]')].some(e => e.textContent.replace(/\\s+/g, '').includes('"+otherWallet+"'))")
	if got := p.Count("svg[data-qr]"); got == 0 {
		t.Error("there is no QR code of the address")
	}
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.WalletAddress == nil || *o.WalletAddress != otherWallet {
		t.Errorf("the order goes to %v, want %s", o.WalletAddress, otherWallet)
	}
}

// TestGatewayFails has the gateway refuse: the payer is told, keeps what was typed, and orders again from the same session.
func TestGatewayFails(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.free())
	p := checkout(t, s, browsertest.Allow("503"))
	fillFree(p)
	p.Fill(emailField, "unavailable@sandbox.test")
	p.Click(submitButton)
	if r := p.AwaitRequest(http.MethodPost, "/order"); r.Status != http.StatusServiceUnavailable {
		t.Fatalf("the order is answered with %d", r.Status)
	}
	p.Await(state("form"))
	p.Await(`[role=alert], [aria-live], [data-problem]`)
	holds(t, p, amountField, "250.50")
	holds(t, p, addressField, wallet)
	p.Fill(emailField, "payer@example.com")
	h.toGateway(t, p)
	if o := h.onlyOrder(t, s.ID); o.Email == nil || *o.Email != "payer@example.com" {
		t.Errorf("the order is %+v", o)
	}
}

// TestNobodyTakesIt has an amount that no gateway takes and that the payer can't change: the page says whom to ask, and offers
// nothing to continue with. Where the payer can change it, they can go on.
func TestNobodyTakesIt(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.SourceAmount = "0.01"
	p := checkout(t, h.session(t, r))
	p.AwaitText("[data-quotes]", "Ask the shop")
	absent(t, p, submitButton, emailField)
	if back := p.Attribute(wayBack, "href"); !strings.Contains(back, "status=pending") {
		t.Errorf("the way back is %q", back)
	}
	p.Axe("nobody takes it")

	p = checkout(t, h.session(t, h.free()))
	fillFree(p)
	p.AwaitText(submitButton, "Sandbox")
	p.Fill(amountField, "0.01")
	p.Click(submitButton)
	p.AwaitText(problem("fiatAmount"), "at least")
	p.Fill(amountField, "0.001") // what is said is about what stands there now
	p.AwaitText(problem("fiatAmount"), "decimal places")
	p.Fill(amountField, "100")
	p.AwaitText(submitButton, "Sandbox")
	absent(t, p, problem("fiatAmount"))
	h.toGateway(t, p)
}

// TestNoWayBack has a session without redirectUrl: the page says how it ended, and stays.
func TestNoWayBack(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.RedirectURL = ""
	s := h.session(t, r)
	p := checkout(t, s)
	h.toGateway(t, p)
	p.Click(payButton)
	p.Await(state("completed"))
	shows(t, p, "main", h.onlyOrder(t, s.ID).OrderID)
	absent(t, p, wayBack)
	at := p.URL()
	// Longer than a page with a way back would wait before it goes there.
	p.Until("eight seconds to pass", "performance.now() > 8000")
	if now := p.URL(); now != at {
		t.Errorf("the page has gone to %s", now)
	}
}

// TestEarlyLeave has a payer leave while the gateway still works: the shop is told that it does.
func TestEarlyLeave(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	o := h.order(t, s)
	h.move(t, o.ID, "processing")
	p := browsertest.Open(t)
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("processing"))
	p.Click(wayBack)
	h.returned(t, p, s.ID, o.ID, "processing")
}

// TestFollowing has the page follow an order that moves while the payer looks, without being touched.
func TestFollowing(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	o := h.order(t, s)
	p := browsertest.Open(t)
	p.Go(s.Attributes.CheckoutURL)
	for _, status := range []string{"waiting", "processing", "completed"} {
		if status != "waiting" {
			h.move(t, o.ID, status)
		}
		p.Await(state(status))
	}
}

// TestAnotherBrowser comes back from the gateway in a browser that has never had the secret, as happens where a bank's app
// opens the link: it shows where the order stands, and nothing of the payer's.
func TestAnotherBrowser(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.locked()
	r.RedirectURL = ""
	s := h.session(t, r)
	p := checkout(t, s)
	h.toGateway(t, p)
	p.Click(payButton)
	p.Await(state("completed"))
	at := p.URL()
	token := returnToken(t, at)

	other := browsertest.Open(t)
	other.Go(at + "&transactionStatus=completed&transactionId=4711")
	other.Await(state("completed"))
	if text := solid(other, "body"); strings.Contains(text, wallet) {
		t.Errorf("a browser without the secret is shown: %s", text)
	}
	for _, r := range other.Requests() {
		if strings.Contains(r.Header["authorization"], s.Attributes.ClientSecret) {
			t.Error("the other browser has the secret")
		}
	}
	if strings.Contains(h.Log(), token) {
		t.Error("the return page's token is in the server's log")
	}

	// The token reads, and does nothing else.
	fresh := h.session(t, h.locked())
	for _, path := range []string{"/public/v1/checkouts/" + s.ID + "/order", "/public/v1/checkouts/" + fresh.ID, "/public/v1/checkouts/" + fresh.ID + "/order"} {
		method := http.MethodPost
		if !strings.HasSuffix(path, "/order") {
			method = http.MethodGet
		}
		a := must(h.Client(token).Do(t.Context(), method, path+"?projectId="+h.ProjectID, map[string]string{
			"fiatAmount": "100.00", "fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum", "walletAddress": wallet,
		}))(t)
		if a.Status != http.StatusForbidden {
			t.Errorf("%s %s with the return page's token: %v, want 403", method, path, a)
		}
	}
}
