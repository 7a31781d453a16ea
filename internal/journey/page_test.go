package journey_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

// What the page promises to be found by.
const (
	amountField   = "input[name=fiatAmount]"
	fiatField     = "select[name=fiatCurrency]"
	cryptoField   = "select[name=cryptoCurrency]"
	networkField  = "select[name=network]"
	addressField  = "input[name=walletAddress]"
	emailField    = "input[name=email]"
	submitButton  = "button[type=submit]"
	languageField = "select[name=lang]"
	wayBack       = "a[data-return]"
	wayOn         = "a[data-continue]"
	timeLeft      = "[data-time-left]"
)

func fixed(field string) string   { return "[data-fixed=" + field + "]" }
func problem(field string) string { return "[data-problem=" + field + "]" }
func state(name string) string    { return `main[data-state="` + name + `"]` }

// checkout opens the session's page in a browser of its own, and waits for its form.
func checkout(t *testing.T, s *api.Session, options ...browsertest.Option) *browsertest.Page {
	t.Helper()
	p := browsertest.Open(t, options...)
	p.Go(s.Attributes.CheckoutURL)
	p.Await(state("form"))
	return p
}

// toGateway goes on from the form to the sandbox's page.
func (h *house) toGateway(t *testing.T, p *browsertest.Page) {
	t.Helper()
	p.Click(submitButton)
	h.atGateway(t, p)
}

func (h *house) atGateway(t *testing.T, p *browsertest.Page) {
	t.Helper()
	p.AwaitURL(h.URL + "/sandbox/pay/")
	p.Await(payButton)
}

// fillFree fills in everything that a free session asks a buyer for.
func fillFree(p *browsertest.Page) {
	p.Choose(fiatField, "EUR")
	p.Choose(cryptoField, "ETH")
	p.Choose(networkField, "base")
	p.Fill(amountField, "250.50")
	p.Fill(addressField, wallet)
}

var space = regexp.MustCompile(`\s+`)

// solid is what the payer reads in the element, without any space: addresses are shown in groups, amounts as the language has it.
func solid(p *browsertest.Page, selector string) string {
	return space.ReplaceAllString(p.Text(selector), "")
}

// shows wants the element to be seen and to hold the text, spaces aside.
func shows(t *testing.T, p *browsertest.Page, selector, text string) {
	t.Helper()
	if got := solid(p, selector); !strings.Contains(got, space.ReplaceAllString(text, "")) {
		t.Errorf("%s says %q, want %q", selector, got, text)
	}
}

// holds wants the form control to hold the value.
func holds(t *testing.T, p *browsertest.Page, selector, value string) {
	t.Helper()
	p.Await(selector)
	if got := p.Value(selector); got != value {
		t.Errorf("%s holds %q, want %q", selector, got, value)
	}
}

// absent wants no element of the selector to be seen.
func absent(t *testing.T, p *browsertest.Page, selectors ...string) {
	t.Helper()
	for _, selector := range selectors {
		if p.Sees(selector) {
			t.Errorf("%s is seen, and should not be", selector)
		}
	}
}

// keepsSecret holds the way of a page to where the session's secret may go: in the Authorization header, to us. It is in no
// address that was asked for, no Referer, not in what the shop got and not in the server's log.
func (h *house) keepsSecret(t *testing.T, p *browsertest.Page, s *api.Session) {
	t.Helper()
	secret := s.Attributes.ClientSecret
	found := false
	for _, r := range p.Requests() {
		if strings.Contains(r.URL, secret) {
			t.Errorf("the secret is in the address %s", r.URL)
		}
		for name, value := range r.Header {
			if !strings.Contains(value, secret) {
				continue
			}
			found = true
			if name != "authorization" || !strings.HasPrefix(r.URL, h.URL+"/public/v1/checkouts/") {
				t.Errorf("the secret is sent to %s in %s", r.URL, name)
			}
		}
		if r.Header["referer"] != "" && r.Type == "Document" {
			t.Errorf("%s is told where the payer comes from: %s", r.URL, r.Header["referer"])
		}
	}
	if !found {
		t.Error("no request has the secret, so this looked at nothing")
	}
	if strings.Contains(h.Log(), secret) {
		t.Error("the secret is in the server's log")
	}
	for _, v := range h.shop.came() {
		if strings.Contains(v.url.String(), secret) {
			t.Errorf("the secret is in the shop's address %s", v.url)
		}
	}
}

// returnToken is the token in an address of the return page.
func returnToken(t *testing.T, address string) string {
	t.Helper()
	u := must(url.Parse(address))(t)
	token := u.Query().Get("k")
	if token == "" || !strings.HasSuffix(u.Path, "/return") {
		t.Fatalf("%s is no address of the return page", address)
	}
	return token
}
