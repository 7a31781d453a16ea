package app_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/vault"
)

// silent is a gateway that gives no URL with its checkout.
type silent struct {
	bare
	says []gateway.Update
}

func (s *silent) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

func (s *silent) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

func (s *silent) ParseNotification(context.Context, gateway.Notification) ([]gateway.Update, error) {
	return s.says, nil
}

// opener is one that makes a URL for each click, and remembers for whom.
type opener struct {
	silent
	mu    sync.Mutex
	asked []string // "order address"
	open  func(ctx context.Context, click string) (gateway.Checkout, error)
}

func (o *opener) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	o.mu.Lock()
	o.asked = append(o.asked, string(r.Order.ID)+" "+r.Address.String())
	click := strconv.Itoa(len(o.asked))
	o.mu.Unlock()
	if o.open != nil {
		return o.open(ctx, click)
	}
	return checkoutOf(click), nil
}

func checkoutOf(click string) gateway.Checkout {
	return gateway.Checkout{URL: "https://gateway.example/pay/" + click, ExternalOrderID: "ext-" + click}
}

// hophouse is a house whose gateway is an opener, with a clock that the test moves.
type hophouse struct {
	*house
	gateway *opener
	silent  *silent
	keys    string // of the ring
	now     time.Time
}

func newHophouse(t *testing.T) *hophouse {
	t.Helper()
	h := &hophouse{house: newHouse(t), gateway: &opener{silent: silent{bare: named("opener")}}, silent: &silent{bare: named("silent")}}
	h.keys, h.now = vault.Generate(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h.config.Providers = append(h.config.Providers, gateway.Static(h.gateway, h.silent)...)
	h.config.Now = func() time.Time { return h.now }
	h.reopen(h.keys)
	return h
}

// reopen begins another process on the database, with these master keys.
func (h *hophouse) reopen(keys string) {
	h.t.Helper()
	ring, err := vault.Parse(keys)
	must(h.t, err)
	h.config.Ring = ring
	h.app = app.New(h.config)
}

// begin makes a session, and what orders from it at the gateway.
func (h *hophouse) begin(gatewayID string) (checkout.SessionID, func() (*checkout.Order, error)) {
	h.t.Helper()
	user, wallet := "user", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	s, err := h.app.CreateSession(h.t.Context(), h.call(), &checkout.CreateSession{ExternalCustomerID: &user, DestinationAddress: &wallet})
	must(h.t, err)
	hundred, err := money.Parse("100")
	must(h.t, err)
	return s.Session.ID, func() (*checkout.Order, error) {
		return h.app.CreateOrder(h.t.Context(), h.call(), s.Session.ID, &checkout.CreateOrder{
			ClientSecret: &s.ClientSecret, FiatAmount: hundred, FiatCurrency: ptr("USD"), CryptoCurrency: ptr("ETH"), Network: ptr("ethereum"), Gateway: &gatewayID,
		})
	}
}

func (h *hophouse) ordered() *checkout.Order {
	h.t.Helper()
	_, order := h.begin("opener")
	o, err := order()
	must(h.t, err)
	return o
}

const hopPrefix = "http://127.0.0.1/c/"

func opaqueOf(o *checkout.Order) string { return strings.TrimPrefix(o.CheckoutURL, hopPrefix) }

func (h *hophouse) click(opaque, from string) (string, *checkout.Order, error) {
	h.t.Helper()
	return h.app.OpenCheckout(h.t.Context(), h.app.NewCall(netip.MustParseAddr(from)), opaque)
}

func (h *hophouse) stored(o *checkout.Order) *checkout.Order {
	h.t.Helper()
	row, err := h.app.DB.Order(h.t.Context(), o.ProjectID, o.ID)
	must(h.t, err)
	return row
}

// notify has the gateway say something of the order.
func (h *hophouse) notify(o *checkout.Order, u gateway.Update) {
	h.t.Helper()
	u.OrderID, u.DedupKey = o.ID, string(u.Status)
	h.gateway.says = []gateway.Update{u}
	must(h.t, h.app.ReceiveNotification(h.t.Context(), "opener", gateway.Notification{ProjectID: o.ProjectID, Body: []byte("{}")}))
}

// TestOpenCheckout: the order's link is ours; each click on it asks the gateway for a URL of its own, for the payer's own
// address, and the gateway's id of it is kept.
func TestOpenCheckout(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	o := h.ordered()
	if !strings.HasPrefix(o.CheckoutURL, hopPrefix) || o.ExternalOrderID != "" || len(h.gateway.asked) != 0 || strings.Contains(o.CheckoutURL, string(o.ID)) {
		t.Fatalf("the order is %+v, the gateway was asked %q", o, h.gateway.asked)
	}
	if stored := h.stored(o); stored.CheckoutURL != o.CheckoutURL {
		t.Errorf("stored is %s", stored.CheckoutURL)
	}
	for i, from := range []string{"8.8.8.8", "2001:db8::1", "8.8.8.8"} {
		h.now = h.now.Add(time.Minute)
		click := strconv.Itoa(i + 1)
		url, of, err := h.click(opaqueOf(o), from)
		if err != nil || url != "https://gateway.example/pay/"+click || of.ID != o.ID {
			t.Errorf("click %s: %q of %+v, %v", click, url, of, err)
		}
		if asked := h.gateway.asked[len(h.gateway.asked)-1]; len(h.gateway.asked) != i+1 || asked != string(o.ID)+" "+from {
			t.Errorf("click %s asked %q", click, h.gateway.asked)
		}
		want := *o
		row := h.stored(o)
		want.ExternalOrderID, want.UpdatedAt, want.Version = "ext-"+click, h.now, row.Version
		if diff := cmp.Diff(&want, row, cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })); diff != "" {
			t.Errorf("click %s changed:\n%s", click, diff)
		}
	}
	h.gateway.open = func(context.Context, string) (gateway.Checkout, error) {
		return gateway.Checkout{URL: "https://gateway.example/x", ExternalOrderID: "a\x00\xff"}, nil
	}
	if _, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil || h.stored(o).ExternalOrderID != "a\ufffd\ufffd" {
		t.Errorf("an id that can't be stored: %q, %v", h.stored(o).ExternalOrderID, err)
	}
	h.gateway.open = func(context.Context, string) (gateway.Checkout, error) {
		return gateway.Checkout{URL: "https://gateway.example/y"}, nil
	}
	if url, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil || url != "https://gateway.example/y" || h.stored(o).ExternalOrderID != "a\ufffd\ufffd" {
		t.Errorf("without an id: %q, %v", url, err)
	}
}

// TestOpenCheckoutFails: a gateway that makes no URL changes nothing, and the next click may have one.
func TestOpenCheckoutFails(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	h.config.GatewayTimeout = 20 * time.Millisecond
	h.reopen(h.keys)
	o := h.ordered()
	before := h.stored(o)
	for name, open := range map[string]func(context.Context, string) (gateway.Checkout, error){
		"failing": func(context.Context, string) (gateway.Checkout, error) {
			return gateway.Checkout{}, errors.New("inner secret")
		},
		"failing with an id": func(context.Context, string) (gateway.Checkout, error) {
			return checkoutOf("x"), errors.New("inner secret")
		},
		"no URL": func(context.Context, string) (gateway.Checkout, error) {
			return gateway.Checkout{ExternalOrderID: "ext"}, nil
		},
		"slow": func(ctx context.Context, _ string) (gateway.Checkout, error) {
			<-ctx.Done()
			return gateway.Checkout{}, ctx.Err()
		},
	} {
		h.gateway.open = open
		url, of, err := h.click(opaqueOf(o), "8.8.8.8")
		var told *checkout.Error
		if url != "" || of == nil || of.ID != o.ID || checkout.CodeOf(err) != checkout.CodeGatewayUnavailable || !errors.As(err, &told) || strings.Contains(told.Message, "secret") {
			t.Errorf("%s: %q of %+v, %v", name, url, of, err)
		}
		if after := h.stored(o); after.Version != before.Version {
			t.Errorf("%s: changed to %+v", name, after)
		}
	}
	h.gateway.open = nil
	if _, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	h.config.Providers = h.config.Providers[:1]
	h.reopen(h.keys)
	if _, of, err := h.click(opaqueOf(o), "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable || of == nil {
		t.Errorf("a gateway that is gone: %v", err)
	}
}

// TestOpenCheckoutOver: nobody is sent to pay what is paid, or over.
func TestOpenCheckoutOver(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	for status, code := range map[checkout.OrderStatus]checkout.Code{
		checkout.OrderPending: "", checkout.OrderProcessing: checkout.CodeSessionAlreadyUsed, checkout.OrderCompleted: checkout.CodeSessionAlreadyUsed,
		checkout.OrderFailed: checkout.CodeSessionAlreadyUsed, checkout.OrderCancelled: checkout.CodeSessionAlreadyUsed,
		checkout.OrderExpired: checkout.CodeSessionAlreadyUsed,
	} {
		o := h.ordered()
		h.notify(o, gateway.Update{Status: status})
		asked := len(h.gateway.asked)
		url, of, err := h.click(opaqueOf(o), "8.8.8.8")
		if (err == nil) != (code == "") || err != nil && checkout.CodeOf(err) != code || of == nil || of.Status != status || (url != "") != (code == "") {
			t.Errorf("%s: %q of %+v, %v", status, url, of, err)
		}
		if now := len(h.gateway.asked); (now > asked) != (code == "") {
			t.Errorf("%s: the gateway was asked %d times", status, now-asked)
		}
	}
	o := h.ordered()
	h.now = h.now.Add(30*time.Minute - time.Microsecond)
	if _, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil {
		t.Errorf("in time: %v", err)
	}
	h.now = h.now.Add(time.Microsecond)
	if url, of, err := h.click(opaqueOf(o), "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeSessionExpired || of == nil || url != "" {
		t.Errorf("past its time: %q, %v", url, err)
	}
}

// TestOpenCheckoutMeanwhile: a notification may move the order while the gateway makes a URL. The id of the URL is kept all the
// same; but once money has come, the id that it came by stays, and nobody is sent to pay again.
func TestOpenCheckoutMeanwhile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		update gateway.Update
		code   checkout.Code
		id     string
	}{
		{"moved", gateway.Update{Status: checkout.OrderPending}, "", "ext-1"},
		{"moved, with another's id", gateway.Update{Status: checkout.OrderPending, ExternalOrderID: "other"}, "", "ext-1"},
		{"paid by another URL", gateway.Update{Status: checkout.OrderProcessing, ExternalOrderID: "other"}, checkout.CodeSessionAlreadyUsed, "other"},
		{"paid by this one", gateway.Update{Status: checkout.OrderCompleted, ExternalOrderID: "ext-1"}, checkout.CodeSessionAlreadyUsed, "ext-1"},
		{"paid, the gateway names no id", gateway.Update{Status: checkout.OrderProcessing}, checkout.CodeSessionAlreadyUsed, ""},
		{"failed", gateway.Update{Status: checkout.OrderFailed}, checkout.CodeSessionAlreadyUsed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHophouse(t)
			o := h.ordered()
			h.gateway.open = func(_ context.Context, click string) (gateway.Checkout, error) {
				h.notify(o, c.update)
				made := checkoutOf(click)
				if strings.Contains(c.name, "names no id") {
					made.ExternalOrderID = ""
				}
				return made, nil
			}
			_, of, err := h.click(opaqueOf(o), "8.8.8.8")
			row := h.stored(o)
			if (err == nil) != (c.code == "") || err != nil && checkout.CodeOf(err) != c.code || row.Status != c.update.Status || row.ExternalOrderID != c.id {
				t.Errorf("%v; stored is %s with %q, want %q", err, row.Status, row.ExternalOrderID, c.id)
			}
			if of == nil || of.Status != row.Status {
				t.Errorf("told is %+v", of)
			}
		})
	}
}

// TestOpenCheckoutTogether: many clicks at once each get a URL, and the id kept is that of one of them.
func TestOpenCheckoutTogether(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	o := h.ordered()
	const clicks = 12
	urls := make([]string, clicks)
	var all sync.WaitGroup
	for i := range clicks {
		all.Go(func() {
			var err error
			if urls[i], _, err = h.click(opaqueOf(o), "8.8.8.8"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, url := range urls {
		seen[strings.Replace(url, "https://gateway.example/pay/", "ext-", 1)] = true
	}
	if id := h.stored(o).ExternalOrderID; len(seen) != clicks || !seen[id] {
		t.Errorf("%d URLs, %q is kept", len(seen), id)
	}
}

// TestHopLink: a link is what we made of it and nothing like it.
func TestHopLink(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	o := h.ordered()
	good := opaqueOf(o)
	subject := string(o.ProjectID) + "/" + string(o.ID)
	sealed := func(subject, purpose string) string {
		return base64.RawURLEncoding.EncodeToString(h.config.Ring.Seal([]byte(subject), purpose))
	}
	token, _ := h.config.Ring.Token("checkout hop", subject)
	links := map[string]string{
		"nothing": "", "garbage": "garbage!", "the id": string(o.ID), "another purpose": sealed(subject, "checkout return"), "no purpose": sealed(subject, ""),
		"a token": token, "unknown order": sealed(string(o.ProjectID)+"/ord_x", "checkout hop"), "unknown project": sealed("x/"+string(o.ID), "checkout hop"),
		"no order": sealed(string(o.ProjectID), "checkout hop"), "padded": good + "=", "longer": good + "A",
		"twice": good + good, "in plain base64": strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+",
	}
	for i := range good {
		links["cut to "+strconv.Itoa(i)] = good[:i]
		for _, other := range []byte{good[i] ^ 1, 'A', '_'} {
			if other != good[i] {
				links["changed at "+strconv.Itoa(i)+" to "+string(other)] = good[:i] + string(other) + good[i+1:]
			}
		}
	}
	for name, opaque := range links {
		if url, of, err := h.click(opaque, "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeNotFound || url != "" || of != nil {
			t.Errorf("%s: %q, %v", name, url, err)
		}
	}
	if sane, _, err := h.click(sealed(subject, "checkout hop"), "8.8.8.8"); err != nil || sane == "" {
		t.Errorf("what the test makes is no link at all: %v", err)
	}
}

// TestHopLinkAfterRotation: links outlive the master key that made them as long as it is in the ring.
func TestHopLinkAfterRotation(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	o := h.ordered()
	newer := vault.Generate()
	h.reopen(newer + "," + h.keys)
	if _, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil {
		t.Errorf("with the old key behind: %v", err)
	}
	h.reopen(newer)
	if _, _, err := h.click(opaqueOf(o), "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeNotFound {
		t.Errorf("without it: %v", err)
	}
}

// TestHopLinkRecovered: the order of a node that died after it had asked the gateway gets its link from the node that finds it;
// until then there is nothing to open.
func TestHopLinkRecovered(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	var reserved checkout.OrderID
	h.config.Step = func(name string) {
		if name == app.StepAsked {
			runtime.Goexit()
		}
	}
	h.reopen(h.keys)
	id, order := h.begin("opener")
	var dying sync.WaitGroup
	dying.Go(func() { _, _ = order() }) // never returns
	dying.Wait()
	h.config.Step = nil
	h.reopen(h.keys)
	stale, err := h.app.DB.StaleReservations(t.Context(), h.now.Add(time.Hour), "me", true, 10)
	if err != nil || len(stale) != 1 {
		t.Fatalf("%d orders in creation, %v", len(stale), err)
	}
	reserved = stale[0].Order.ID
	opaque := base64.RawURLEncoding.EncodeToString(h.config.Ring.Seal([]byte(string(h.project.ID)+"/"+string(reserved)), "checkout hop"))
	if _, of, err := h.click(opaque, "8.8.8.8"); checkout.CodeOf(err) != checkout.CodeNotFound || of != nil {
		t.Errorf("in creation: %v", err)
	}
	h.now = h.now.Add(time.Minute)
	if n, err := h.app.RecoverOrders(t.Context()); n != 1 || err != nil {
		t.Fatalf("recovered %d, %v", n, err)
	}
	s, err := h.app.DB.Session(t.Context(), h.project.ID, id)
	must(t, err)
	o := h.stored(&checkout.Order{ProjectID: h.project.ID, ID: reserved})
	if s.OrderID != reserved || o.Status != checkout.OrderCreated || !strings.HasPrefix(o.CheckoutURL, hopPrefix) {
		t.Fatalf("recovered: %+v", o)
	}
	if url, _, err := h.click(opaqueOf(o), "8.8.8.8"); err != nil || url == "" {
		t.Errorf("its link: %v", err)
	}
}

// TestNoURL: a gateway that makes no URLs at clicks must give one with the order, else it has failed.
func TestNoURL(t *testing.T) {
	t.Parallel()
	h := newHophouse(t)
	id, order := h.begin("silent")
	if o, err := order(); checkout.CodeOf(err) != checkout.CodeGatewayUnavailable {
		t.Errorf("%+v, %v", o, err)
	}
	s, err := h.app.DB.Session(t.Context(), h.project.ID, id)
	must(t, err)
	if s.Status != checkout.SessionPending || s.OrderID != "" {
		t.Errorf("the session is %+v", s)
	}
}
