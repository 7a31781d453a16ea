package gatewaytest

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the server's database

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// tryAccount tries the credentials, and waits for what the gateway publishes.
func (x *outside) tryAccount(t *testing.T) {
	s := x.newShop(t, "account", x.Remote.Server, nil)
	if _, probes := x.Gateway.(gateway.Prober); probes {
		if out := s.command(t, nil, "gateway", "check", "--project", s.ProjectID, x.id); out.Code != 0 || !strings.Contains(out.Stdout, "takes the credentials") {
			t.Errorf("gateway check: %+v", out)
		}
	}
	_, loads := x.Gateway.(gateway.Loader)
	if !loads {
		return
	}
	eventually(t, "what the gateway publishes is loaded", func() bool {
		var list []struct {
			Gateway     string
			CatalogueAt *string
			Problem     *string
		}
		out := s.command(t, nil, "gateway", "list", "--json", "--project", s.ProjectID)
		if err := json.Unmarshal([]byte(out.Stdout), &list); err != nil || out.Code != 0 {
			t.Fatalf("gateway list: %+v, %v", out, err)
		}
		for _, one := range list {
			if one.Problem != nil {
				t.Errorf("%s: %s", one.Gateway, *one.Problem)
			}
			if one.Gateway == x.id && one.CatalogueAt != nil {
				return true
			}
		}
		return false
	})
	s.pay(t, "buy") // by what was loaded
}

// tryCheckout holds the URL to which the payer is led, and the requests that were made for it, to those of the case.
func (k trade) tryCheckout(t *testing.T) {
	want, language := k.plain(t)
	a := k.payIn(t, k.kind, language)
	u, err := url.Parse(a.order.CheckoutURL)
	if err != nil || u.Host == "" {
		t.Fatalf("the payer is led to %s, %v", a.order.CheckoutURL, err)
	}
	if k.VerifyURL != nil {
		k.VerifyURL(t, gateway.Request{Order: a.order, Address: Payer, Language: language, Now: time.Now()}, u)
	}
	was := k.Case.order(k.kind == "sell")
	pairs := []string{string(was.ID), string(a.order.ID)}
	for from, to := range map[string]string{string(was.CustomerID): string(a.order.CustomerID), was.RedirectURL: a.order.RedirectURL} {
		if from != "" {
			pairs = append(pairs, from, to)
		}
	}
	ours := strings.NewReplacer(pairs...).Replace
	if whole, err := url.Parse(want.URL); want.URL != "" {
		if err != nil {
			t.Fatal(err)
		}
		if widget := k.fake.url + "/widget"; strings.HasPrefix(a.order.CheckoutURL, widget) {
			want.URL = strings.Replace(want.URL, whole.Scheme+"://"+whole.Host, widget, 1)
		}
		if got, want := plainURL(a.order.CheckoutURL, want.Varying), ours(plainURL(want.URL, want.Varying)); got != want {
			t.Errorf("the URL differs (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
	for _, call := range want.Sent {
		if !slices.ContainsFunc(k.fake.asked(), func(got Call) bool { return matches(got, call, ours) }) {
			t.Errorf("this request was not made, but with other ids: %+v\namong these: %+v", call, k.fake.asked())
		}
	}
}

// plain is the checkout of the case's own order, for a payer of some language if there is one, for that is always told.
func (k trade) plain(t *testing.T) (want Checkout, language string) {
	t.Helper()
	found := false
	for _, c := range k.Checkouts {
		request, own := k.request(k.Case.order(c.Sell)), k.request(k.Case.order(c.Sell))
		if c.Change != nil {
			c.Change(&request)
		}
		own.Language = request.Language
		same := reflect.DeepEqual(request.Order, own.Order)
		own.Order = request.Order
		if c.Sell == (k.kind == "sell") && c.Refused == "" && same && request == own && (!found || language == "") {
			found, want, language = true, c, request.Language
		}
	}
	if !found {
		t.Fatalf("Checkouts have no plain order to %s", k.kind)
	}
	return want, language
}

// matches tells whether a request that reached the fake is the wanted one, but for its host, and with our ids.
func matches(got, want Call, ours func(string) string) bool {
	u, err := url.Parse(want.URL)
	if err != nil || got.Method != want.Method {
		return false
	}
	for name, value := range want.Header {
		if got.Header[http.CanonicalHeaderKey(name)] != value {
			return false
		}
	}
	return plainURL(got.URL, nil) == ours(plainURL(u.RequestURI(), nil)) && plainBody(got.Body) == ours(plainBody(want.Body))
}

// earlier are statuses of the kind by which an order may come to its end, in order.
func (c Case) earlier(kind string) []Status {
	var path []Status
	statuses := of(c.Statuses, checkout.OrderType(kind))
	for _, ours := range []checkout.OrderStatus{checkout.OrderPending, checkout.OrderProcessing} {
		if i := slices.IndexFunc(statuses, func(s Status) bool { return s.Ours == ours }); i >= 0 {
			path = append(path, statuses[i])
		}
	}
	return path
}

// tryStatuses leads a fresh order to each status, and to each final one by way of earlier ones too.
func (k trade) tryStatuses(t *testing.T) {
	for _, status := range of(k.Statuses, checkout.OrderType(k.kind)) {
		k.follow(t, nil, status)
		if status.Ours.Final() {
			k.follow(t, k.earlier(k.kind), status)
		}
	}
	a := k.pay(t, k.kind)
	a.tell(t, k.Unknown)
	if a.order.Status.Final() {
		t.Errorf("the unknown status %s ends the order: %s", k.Unknown, a.order.Status)
	}
}

// follow leads a fresh order through the statuses to the last, tells that again, and then of ones that came before.
func (k trade) follow(t *testing.T, through []Status, last Status) {
	t.Helper()
	a := k.pay(t, k.kind)
	for _, status := range through {
		a.tell(t, status.Theirs)
		a.is(t, status)
	}
	n := a.tell(t, last.Theirs)
	a.is(t, last)
	before := a.state(t).body
	unchanged := func(what string) {
		t.Helper()
		if diff := cmp.Diff(before, a.state(t).body); diff != "" {
			t.Errorf("%s, after %s has changed the order (-before +after):\n%s", what, last.Theirs, diff)
		}
	}
	if got := k.post(t, k.ProjectID, n); got.status != http.StatusOK {
		t.Errorf("%s again: %v", last.Theirs, got)
	}
	unchanged("the same again")
	if !last.Ours.Final() {
		return
	}
	for _, status := range k.earlier(k.kind) {
		a.tell(t, status.Theirs)
		unchanged(status.Theirs)
	}
	if to := a.click(t); strings.HasPrefix(a.link, k.server.URL) && to.status < 400 {
		t.Errorf("%s: the payer is still led to pay: %v %v", last.Theirs, to, to.header)
	}
}

// is wants the order to have the status, and the session to have followed.
func (a *sale) is(t *testing.T, status Status) {
	t.Helper()
	if a.order.Status != status.Ours {
		t.Errorf("to %s, %s becomes %s, want %s: %s", a.order.Type, status.Theirs, a.order.Status, status.Ours, a.order.FailureReason)
	}
	if len(a.differs) > 0 {
		t.Errorf("to %s, %s: what was paid is told to differ from what was ordered: %+v", a.order.Type, status.Theirs, a.differs)
	}
	want := checkout.SessionProcessing
	if info, _ := status.Ours.Info(); info.Session != "" {
		want = info.Session
	}
	got := read[api.Session](t, a.shop.call(t, a.shop.SecretKey, http.MethodGet, "/v1/sessions/"+a.session, nil), http.StatusOK).Attributes
	if got.Status != string(want) || got.OrderID == nil || *got.OrderID != string(a.order.ID) {
		t.Errorf("the order is %s, and its session %s with the order %v; want %s with %s", a.order.Status, got.Status, got.OrderID, want, a.order.ID)
	}
}

// tryForged posts notifications that nobody has signed, or somebody else: none moves the order, and then the genuine one does.
func (k trade) tryForged(t *testing.T) {
	if len(k.Remote.Another) == 0 {
		t.Error("Remote needs Another: the secrets of another account")
	}
	statuses := of(k.Statuses, checkout.OrderType(k.kind))
	i := slices.IndexFunc(statuses, func(s Status) bool { return s.Ours == checkout.OrderCompleted })
	if i < 0 {
		t.Skipf("no notification ends an order to %s", k.kind)
	}
	a, other := k.pay(t, k.kind), k.pay(t, k.kind)
	another := k.newShop(t, "another "+k.kind, nil, k.Remote.Another)
	none := k.project(t, "none "+k.kind)
	before := a.state(t).body
	genuine := func() gateway.Notification {
		n := a.notify(statuses[i].Theirs)
		n.Header, n.Body = maps.Clone(n.Header), bytes.Clone(n.Body)
		return n
	}
	refused := func(name, project string, want int, n gateway.Notification) {
		t.Helper()
		if got := k.post(t, project, n); got.status != want {
			t.Errorf("%s: %v, want %d", name, got, want)
		}
		if diff := cmp.Diff(before, a.state(t).body); diff != "" {
			t.Errorf("%s has changed the order (-before +after):\n%s", name, diff)
		}
	}
	for name, n := range k.forgeries(genuine, other.notify(statuses[i].Theirs)) {
		refused(name, k.ProjectID, http.StatusUnauthorized, n)
	}
	refused("to a project with another secret", another.ProjectID, http.StatusUnauthorized, genuine())
	refused("to a project without an account", none.ProjectID, http.StatusNotFound, genuine())
	refused("to no project", "6f1b7a3e-0000-4000-8000-000000000bad", http.StatusNotFound, genuine())
	a.tell(t, statuses[i].Theirs)
	a.is(t, statuses[i])
}

// forgeries are made of genuine notifications, and of one about another order.
func (c Case) forgeries(genuine func() gateway.Notification, other gateway.Notification) map[string]gateway.Notification {
	changed, cut, none := genuine(), genuine(), genuine()
	changed.Body[len(changed.Body)/2] ^= 1
	cut.Body = cut.Body[:len(cut.Body)-1]
	none.Body = nil
	all := map[string]gateway.Notification{"changed body": changed, "cut body": cut, "no body": none}
	if c.Tolerance > 0 {
		old := c.Notify(c.order(false), c.Statuses[0].Theirs, "e3", time.Now().Add(-c.Tolerance-time.Minute))
		all["too old"] = old
	}
	if c.SignatureInBody {
		return all
	}
	unsigned, wrong, swapped := genuine(), genuine(), genuine()
	delete(unsigned.Header, c.SignatureHeader)
	text := strings.Join(wrong.Header[c.SignatureHeader], "")
	if len(text) < 3 {
		return all // which the suite has told of already
	}
	at := len(text) - 2
	wrong.Header[c.SignatureHeader] = []string{text[:at-1] + string(text[at-1]^1) + text[at:]}
	swapped.Header[c.SignatureHeader] = other.Header[c.SignatureHeader]
	all["no signature"], all["wrong signature"], all["another order's signature"] = unsigned, wrong, swapped
	return all
}

// tryDown orders while nobody answers for the gateway, while it is broken and while it says nothing: what fails is told and
// loses nothing, so that the same session, or the same link, serves once the gateway is back.
func (x *outside) tryDown(t *testing.T) {
	wire := NewWire(x.Remote.Server)
	if _, err := reach(t, x.openClient(t, &http.Client{Transport: wire}), x.request(x.Case.order(false))); err != nil {
		t.Fatal(err)
	}
	asks := len(wire.Calls()) > 0
	s := x.newShop(t, "down", nil, nil)
	a := s.begin(t, "buy")
	a.try(t, "nobody is there", asks)
	s.fake = x.standIn(t, x.Remote.Server)
	s.set(t, s.fake.url, nil)
	eventually(t, "the gateway serves at its new place", func() bool { return a.reaches(t) })
	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, strings.Join(x.secrets(), " "))
	})
	over := make(chan struct{}) // for who is more patient than a payer
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	})
	defer close(over)
	for name, handler := range map[string]http.Handler{"503": broken, "silence": silent} {
		b := s.begin(t, "buy")
		s.fake.serve(handler)
		b.try(t, name, asks)
		s.fake.serve(x.Remote.Server)
		if !b.reaches(t) {
			t.Errorf("after %s, the payer doesn't reach the gateway", name)
		}
	}
}

// try orders and follows the link, where a gateway that is asked fails.
func (a *sale) try(t *testing.T, what string, asks bool) {
	t.Helper()
	made := a.ask(t)
	switch {
	case made.status == http.StatusCreated:
		a.made(t, made)
		to := a.click(t)
		if asks && to.status != http.StatusServiceUnavailable || !asks && to.status != http.StatusSeeOther {
			t.Errorf("%s: the checkout answers %v", what, to)
		}
		a.refresh(t)
		if a.order.Status != checkout.OrderCreated {
			t.Errorf("%s: the order becomes %s", what, a.order.Status)
		}
	case !asks || made.status != http.StatusServiceUnavailable || made.code() != string(checkout.CodeGatewayUnavailable):
		t.Errorf("%s: the order answers %v", what, made)
	default:
		got := read[api.Session](t, a.shop.call(t, a.shop.SecretKey, http.MethodGet, "/v1/sessions/"+a.session, nil), http.StatusOK).Attributes
		if got.Status != string(checkout.SessionPending) || got.OrderID != nil {
			t.Errorf("%s: the session is used up: %s", what, got.Status)
		}
	}
}

// reaches tells whether the payer gets to the gateway, by the order that is there or by a new one.
func (a *sale) reaches(t *testing.T) bool {
	t.Helper()
	if a.order == nil {
		made := a.ask(t)
		if made.status != http.StatusCreated {
			return false
		}
		a.made(t, made)
	}
	to := a.click(t)
	return to.status == http.StatusSeeOther && !strings.HasPrefix(to.header.Get("Location"), nobody)
}

// tryPoll has no notification come, while the gateway, if it is asked, says that the order is over.
func (k trade) tryPoll(t *testing.T) {
	if k.Polled == nil {
		t.Skip("it can't be asked")
	}
	statuses := k.PollStatuses
	if statuses == nil {
		statuses = k.Statuses
	}
	statuses = of(statuses, checkout.OrderType(k.kind))
	i := slices.IndexFunc(statuses, func(s Status) bool { return s.Ours.Final() })
	if i < 0 {
		i = slices.IndexFunc(statuses, func(s Status) bool { return s.Ours == checkout.OrderProcessing })
	}
	if i < 0 {
		t.Fatal("polling tells of no status to which an order moves")
	}
	s := k.newShop(t, "poll "+k.kind, k.Remote.Server, nil)
	a := s.pay(t, k.kind)
	if k.PollsByNotification {
		a.tell(t, k.earlier(k.kind)[0].Theirs)
	}
	polled := k.Polled(t, a.order, statuses[i].Theirs)
	ids := []string{string(a.order.ID), string(a.order.CustomerID), a.order.ExternalOrderID}
	s.fake.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, id := range ids {
			if r.Method == http.MethodGet && id != "" && strings.Contains(r.RequestURI, id) {
				polled.ServeHTTP(w, r)
				return
			}
		}
		k.Remote.Server.ServeHTTP(w, r)
	}))
	eventually(t, "the order gets its status without a notification", func() bool {
		k.timePasses(t, a.order.ID)
		got := read[api.Order](t, a.state(t), http.StatusOK).Attributes
		return got.Status == string(statuses[i].Ours)
	})
	a.refresh(t)
	a.is(t, statuses[i])
}

// timePasses has the order be due to be asked about, for which one would have to wait half a minute, unless it is over.
func (x *outside) timePasses(t *testing.T, id checkout.OrderID) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+x.server.Database()+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "update orders set lease_until = 0 where id = $1", string(id)); err != nil {
		t.Fatal(err)
	}
}
