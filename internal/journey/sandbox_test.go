package journey_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/browsertest"
)

const (
	payButton     = "button[name=outcome][value=pay]"
	declineButton = "button[name=outcome][value=decline]"
	cancelButton  = "button[name=outcome][value=cancel]"
)

// TestSandboxPage goes through the sandbox's page from an order that a partner's own frontend made.
func TestSandboxPage(t *testing.T) {
	t.Parallel()
	h := start(t)
	cases := []struct{ button, status string }{
		{payButton, "completed"}, {declineButton, "failed"}, {cancelButton, "cancelled"},
	}
	for _, tt := range cases {
		t.Run(tt.status, func(t *testing.T) {
			t.Parallel()
			h := h.withShop(t)
			s := h.session(t, h.locked())
			o := h.order(t, s)
			p := browsertest.Open(t)
			p.Go(o.Attributes.Checkout.URL)
			p.AwaitText("body", "TEST")
			p.Click(tt.button)
			h.returned(t, p, s.ID, o.ID, tt.status)
			if got := h.onlyOrder(t, s.ID).Status; got != tt.status {
				t.Errorf("the order is %s", got)
			}
		})
	}
}

// TestSandboxPageWithoutScript pays without JavaScript, by keyboard, in a narrow window.
func TestSandboxPageWithoutScript(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	o := h.order(t, s)
	p := browsertest.Open(t, browsertest.Phone(320), browsertest.NoScript())
	p.Go(o.Attributes.Checkout.URL)
	for range 10 {
		if p.Keys(browsertest.Tab); strings.HasPrefix(p.Focused(), "button") {
			break
		}
	}
	p.Keys(browsertest.Enter)
	await(t, "the order to be completed", func() bool { return h.onlyOrder(t, s.ID).Status == "completed" })
}

// TestSandboxPageLooks looks at the page in each state, in all windows and schemes.
func TestSandboxPageLooks(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, status := range []string{"created", "completed", "failed", "cancelled", "expired", "refunded"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			o := h.order(t, h.session(t, h.locked()))
			switch status {
			case "created":
			case "refunded":
				h.move(t, o.ID, "completed", status)
			default:
				h.move(t, o.ID, status)
			}
			p := browsertest.Open(t)
			p.Go(o.Attributes.Checkout.URL)
			p.Await("main h1")
			looks(t, p, "sandbox-"+status)
			p.Quiet()
			ownOnly(t, h, p)
		})
	}
}

// looks holds the page, as it is now, to what is asked of every page: nothing for axe-core to find, no need to scroll sideways
// at any width, light and dark. It leaves screenshots.
func looks(t *testing.T, p *browsertest.Page, name string) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		p.Scheme(dark)
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int{320, 360, 1280} {
			p.Resize(width, 740)
			p.Paint()
			if wide := p.Overflow(); wide != "" {
				t.Errorf("%s, %s, %d px wide: it scrolls sideways: %s", name, scheme, width, wide)
			}
			if width != 320 {
				p.Screenshot(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			}
			// What axe-core finds depends on the width only by what is shown, which is checked at both ends.
			if width == 320 || width == 1280 && !dark {
				p.Axe(fmt.Sprintf("%s, %s, %d px", name, scheme, width))
			}
		}
	}
	p.Scheme(false)
	p.Resize(1280, 900)
}

// ownOnly holds the page to asking nobody but us.
func ownOnly(t *testing.T, h *house, p *browsertest.Page) {
	t.Helper()
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r.URL, h.URL+"/") && !strings.HasPrefix(r.URL, h.shop.URL+"/") {
			t.Errorf("the page asks a third party: %s", r.URL)
		}
	}
}
