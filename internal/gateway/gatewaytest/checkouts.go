package gatewaytest

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

func (c Case) testCheck(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		if err := c.Gateway.Check(o); err != nil {
			t.Errorf("%s: Check: %v", name, err)
		}
	}
	seen := map[checkout.Code]bool{}
	for _, r := range c.Refusals {
		o := c.Order
		r.Change(&o)
		var e *checkout.Error
		if err := c.Gateway.Check(&o); !errors.As(err, &e) {
			t.Errorf("%s: Check = %v, want a *checkout.Error", r.Name, err)
			continue
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
		if e.Code != r.Code || !slices.Equal(fields, r.Fields) {
			t.Errorf("%s: Check = %v on %v, want %s on %v", r.Name, e, fields, r.Code, r.Fields)
		}
		seen[e.Code] = true
	}
	for _, code := range []checkout.Code{checkout.CodeInvalidCurrency, checkout.CodeInvalidNetwork, checkout.CodeInvalidAmount} {
		if !seen[code] {
			t.Errorf("no refusal with %s was tried", code)
		}
	}
}

var methodForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// testList holds what the gateway lists to our catalogue and to its own Check.
func (c Case) testList(t *testing.T) {
	t.Parallel()
	lister, ok := c.Gateway.(gateway.Lister)
	if !ok {
		t.Skip("it lists nothing")
	}
	for name, o := range c.orders() {
		listed := lister.List(o.Type, "")
		var methods []string
		for _, m := range listed.Methods {
			methods = append(methods, m.ID)
			if !methodForm.MatchString(m.ID) || m.Name == "" {
				t.Errorf("%s: payment method %+v; want an id in lower case with hyphens, and a name", name, m)
			}
		}
		fiats := map[string]bool{}
		for _, f := range listed.Fiats {
			fiats[f.Currency] = true
			if _, known := money.LookupCurrency(f.Currency); !known {
				t.Errorf("%s: fiat %s is not of ISO 4217", name, f.Currency)
			}
			for _, id := range f.Methods {
				if !slices.Contains(methods, id) {
					t.Errorf("%s: %s names the payment method %s, which isn't listed", name, f.Currency, id)
				}
			}
		}
		if !fiats[o.FiatCurrency] {
			t.Errorf("%s: %s isn't listed, though an order in it is served", name, o.FiatCurrency)
		}
		c.checkAssets(t, name, o, listed)
	}
}

func (c Case) checkAssets(t *testing.T, name string, o *checkout.Order, listed gateway.Catalogue) {
	t.Helper()
	found := false
	for _, a := range listed.Assets {
		coin, known := asset.LookupAsset(a.Code)
		if !known || len(a.Networks) == 0 {
			t.Errorf("%s: asset %s is not in our catalogue or has no network", name, a.Code)
		}
		for _, on := range a.Networks {
			found = found || a.Code == o.CryptoCurrency && on.Network == o.Network
			if _, lives := coin.OnNetwork(on.Network); !lives {
				t.Errorf("%s: our catalogue has no %s on %s", name, a.Code, on.Network)
			}
			of := *o
			of.CryptoCurrency, of.Network = a.Code, on.Network
			if err := c.Gateway.Check(&of); err != nil && checkout.CodeOf(err) != checkout.CodeInvalidAmount {
				t.Errorf("%s: %s on %s is listed, but refused: %v", name, a.Code, on.Network, err)
			}
		}
	}
	if !found {
		t.Errorf("%s: %s on %s isn't listed, though an order of it is served", name, o.CryptoCurrency, o.Network)
	}
}

// reach makes the checkout to which the payer is sent, by the hop where there is one.
func reach(t *testing.T, g gateway.Gateway, r gateway.Request) (gateway.Checkout, error) {
	t.Helper()
	made, err := g.CreateCheckout(t.Context(), r)
	if err != nil || made.URL != "" {
		return made, err
	}
	opener, ok := g.(gateway.Opener)
	if !ok {
		t.Fatal("CreateCheckout gives no URL, and there is no OpenCheckout")
	}
	return opener.OpenCheckout(t.Context(), r)
}

func (c Case) testCheckout(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, request := t.Context(), c.request(o)
			first, err := c.Gateway.CreateCheckout(ctx, request)
			_, opens := c.Gateway.(gateway.Opener)
			if err != nil || first.URL == "" && !opens {
				t.Fatalf("CreateCheckout = %+v, %v", first, err)
			}
			if again, err := c.Gateway.CreateCheckout(ctx, request); err != nil || again != first {
				t.Errorf("the same order again: %+v, %v; want %+v", again, err, first)
			}
			if found, err := c.Gateway.FindCheckout(ctx, request); err != nil || found != first {
				t.Errorf("FindCheckout = %+v, %v; want %+v", found, err, first)
			}
			one, err := reach(t, c.Gateway, request)
			if u, parseErr := url.Parse(one.URL); err != nil || parseErr != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				t.Fatalf("the checkout is %+v, %v; want an URL", one, err)
			}
			if c.VerifyURL != nil {
				u, _ := url.Parse(one.URL)
				c.VerifyURL(t, request, u)
			}
			other := *o
			other.ID += "x"
			if second, err := reach(t, c.Gateway, c.request(&other)); err != nil || second.URL == one.URL {
				t.Errorf("another order: %+v, %v; want a checkout of its own", second, err)
			}
		})
	}
}

// testCheckouts makes the checkouts of the case and holds their URLs and requests to what is wanted.
func (c Case) testCheckouts(t *testing.T) {
	t.Parallel()
	sells := false
	for _, want := range c.Checkouts {
		sells = sells || want.Sell
		t.Run(want.Name, func(t *testing.T) {
			t.Parallel()
			c.checkCheckout(t, want)
		})
	}
	if c.Remote != nil && (len(c.Checkouts) == 0 || c.Gateway.Describe().Sell != sells) {
		t.Errorf("there must be checkouts to buy, and to sell where the gateway does that")
	}
}

func (c Case) checkCheckout(t *testing.T, want Checkout) {
	t.Helper()
	g, wire := c.Gateway, NewWire(nil)
	if c.Remote != nil {
		wire = NewWire(c.Remote.Server)
		g = c.openClient(t, &http.Client{Transport: wire})
	}
	request := c.request(c.order(want.Sell))
	if want.Change != nil {
		want.Change(&request)
	}
	made, err := reach(t, g, request)
	if want.Refused != "" {
		if err == nil || !strings.Contains(err.Error(), want.Refused) {
			t.Fatalf("the checkout is %+v, %v; want an error with %q", made, err, want.Refused)
		}
		return
	}
	if err != nil {
		t.Fatalf("the checkout isn't made: %v", err)
	}
	if got, want := plainURL(made.URL, want.Varying), plainURL(want.URL, want.Varying); want != "" && got != want {
		t.Errorf("the URL differs (-want +got):\n%s", cmp.Diff(want, got))
	}
	if u, err := url.Parse(made.URL); c.VerifyURL != nil {
		if err != nil {
			t.Fatal(err)
		}
		c.VerifyURL(t, request, u)
	}
	if want.Sent != nil {
		compareCalls(t, wire.Calls(), want.Sent)
	}
}

// testAddress asks for the checkout as the payer, as somebody else and as nobody known.
func (c Case) testAddress(t *testing.T) {
	t.Parallel()
	if !c.NeedsAddress && !c.BindsAddress {
		t.Skip("the payer's address is of no interest")
	}
	traces := map[netip.Addr]string{}
	for _, address := range []netip.Addr{Payer, Other, {}} {
		g, wire := c.Gateway, NewWire(nil)
		if c.Remote != nil {
			wire = NewWire(c.Remote.Server)
			g = c.openClient(t, &http.Client{Transport: wire})
		}
		request := c.request(c.order(false))
		request.Address = address
		made, err := reach(t, g, request)
		if !address.IsValid() {
			if c.NeedsAddress && err == nil {
				t.Errorf("a payer without an address is sent to %s", made.URL)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		trace := made.URL
		for _, call := range wire.Calls() {
			trace += "\n" + call.URL + call.Body
			for name, value := range call.Header {
				if !strings.EqualFold(name, "Authorization") { // which may be another each time
					trace += "\n" + name + value
				}
			}
		}
		traces[address] = trace
	}
	if c.BindsAddress && traces[Payer] == traces[Other] {
		t.Error("two payers' checkouts are the same")
	}
}

// testQuotes asks the prices of the case. What doesn't add up is wrong whatever is wanted.
func (c Case) testQuotes(t *testing.T) {
	t.Parallel()
	_, quotes := c.Gateway.(gateway.Quoter)
	if quotes && c.Remote != nil && len(c.Quotes) == 0 {
		t.Error("it is a Quoter: Quotes are wanted")
	}
	for _, want := range c.Quotes {
		t.Run(want.Name, func(t *testing.T) {
			t.Parallel()
			c.checkQuote(t, want)
		})
	}
}

func (c Case) checkQuote(t *testing.T, want Quote) {
	t.Helper()
	g, wire := c.Gateway, NewWire(nil)
	if c.Remote != nil {
		wire = NewWire(c.Remote.Server)
		if want.Server != nil {
			wire = NewWire(want.Server)
		}
		g = c.openClient(t, &http.Client{Transport: wire})
	}
	o := c.order(want.Sell)
	o.ID, o.WalletAddress = "", ""
	r := gateway.QuoteRequest{Order: o, Now: c.Now, Address: Payer}
	if want.Change != nil {
		want.Change(&r)
	}
	quoter, ok := g.(gateway.Quoter)
	if !ok {
		t.Fatal("it is no Quoter")
	}
	got, err := quoter.Quote(t.Context(), r)
	var told *checkout.Error
	switch isTold := errors.As(err, &told); {
	case want.Code != "" && (!isTold || told.Code != want.Code || told.Message == ""):
		t.Fatalf("Quote = %+v, %v; want %s", got, err, want.Code)
	case want.Failed && (err == nil || isTold):
		t.Fatalf("Quote = %+v, %v; want an error that no payer is told", got, err)
	case want.Code != "" || want.Failed:
		c.hides(t, err.Error())
		return
	case err != nil:
		t.Fatalf("Quote: %v", err)
	}
	digits := cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want.Want, got, digits); diff != "" {
		t.Errorf("the quote differs (-want +got):\n%s", diff)
	}
	if want.Sent != nil {
		compareCalls(t, wire.Calls(), want.Sent)
	}
	addsUp(t, r.Order, got)
}

// addsUp wants fiat = crypto × rate, with the fees on top for a buyer and off for a seller, to within a hundredth: gateways
// round.
func addsUp(t *testing.T, o *checkout.Order, q gateway.Quote) {
	t.Helper()
	fees := q.TotalFees()
	if o.Type == checkout.Sell {
		fees = fees.Neg()
	}
	fiat := q.FiatAmount.Decimal()
	off := q.CryptoAmount.Decimal().Mul(q.Rate.Decimal()).Add(fees).Sub(fiat).Abs()
	if off.Cmp(fiat.Div(decimal.NewFromInt(100))) > 0 || q.Serves <= 0 {
		t.Errorf("the quote %+v is off by %s or serves for no time", q, off)
	}
}
