package gatewaytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// gatewayTimeout is how long the server waits for a gateway here.
const gatewayTimeout = 3 * time.Second

// nobody is a base URL where nobody listens.
const nobody = "http://127.0.0.1:1"

// outside is a real server, driven as its users and its gateways drive it: by HTTP and the command line.
type outside struct {
	Case
	id     string // the gateway's
	server *sliproadtest.Server
	web    *http.Client // follows no redirect

	mu   sync.Mutex
	told strings.Builder // all that the server and its commands have answered, and the URLs that it has asked for
}

// testOutside drives the real server from outside. Its parts wait more than they compute, and go on side by side.
func (c Case) testOutside(t *testing.T) {
	t.Parallel()
	if c.Remote.Unregistered {
		t.Skip("no server knows it")
	}
	if testing.Short() {
		t.Skip("-short: no server is started")
	}
	x := &outside{Case: c, id: c.Gateway.Describe().ID}
	x.server = sliproadtest.Start(t, sliproadtest.SQLite(), sliproadtest.Env(
		"SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8,::1/128", "SLIPROAD_GATEWAY_TIMEOUT="+gatewayTimeout.String()))
	x.web = &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(x.web.CloseIdleConnections)
	var trades []trade
	for kind := range c.orders() {
		trades = append(trades, trade{x.newShop(t, kind, c.Remote.Server, nil), kind})
	}
	var parts sync.WaitGroup
	parts.Go(func() { t.Run("account", x.tryAccount) })
	parts.Go(func() { t.Run("down", x.tryDown) })
	for _, k := range trades {
		parts.Go(func() { t.Run("checkout "+k.kind, k.tryCheckout) })
		parts.Go(func() { t.Run("statuses "+k.kind, k.tryStatuses) })
		parts.Go(func() { t.Run("forged "+k.kind, k.tryForged) })
		parts.Go(func() { t.Run("poll "+k.kind, k.tryPoll) })
	}
	parts.Wait()
	if t.Failed() {
		for line := range strings.Lines(x.server.Log()) {
			if !strings.Contains(line, "level=INFO") {
				t.Log(line)
			}
		}
	}
	x.web.CloseIdleConnections()
	x.server.Stop()
	x.trySecrets(t)
}

// trySecrets looks for the accounts' secrets in all that there is to see, once the server has stopped.
func (x *outside) trySecrets(t *testing.T) {
	t.Helper()
	x.hides(t, x.server.Log())
	x.hides(t, x.told.String())
	for place, content := range x.server.AtRest(t) {
		for _, secret := range x.secrets() {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s of the database has a secret in the clear", place)
			}
		}
	}
}

func (x *outside) note(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.told.WriteString(text + "\n")
}

// command runs a command of the binary beside the server.
func (x *outside) command(t *testing.T, env []string, args ...string) sliproadtest.Output {
	t.Helper()
	env = append(slices.Clone(env), "SLIPROAD_DATA="+x.server.Dir, "SLIPROAD_PUBLIC_URL="+x.server.URL)
	out := sliproadtest.Run(t, sliproadtest.Build(t), env, args...)
	x.note(out.Stdout + out.Stderr)
	return out
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func (a answer) code() string {
	var env api.ErrorEnvelope
	_ = json.Unmarshal([]byte(a.body), &env)
	return env.Error.Code
}

// send sends a request as somebody at the payer's address.
func (x *outside) send(t *testing.T, method, url string, header map[string][]string, body []byte) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{}
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	r.Header.Set("X-Forwarded-For", Payer.String())
	res, err := x.web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{res.StatusCode, res.Header, string(text)}
	x.note(fmt.Sprint(a, a.header))
	return a
}

// standIn stands for the gateway's servers, behind apiBaseURL and widgetBaseURL. It keeps what it is asked.
type standIn struct {
	url     string
	outside *outside

	mu      sync.Mutex
	handler http.Handler
	calls   []Call
}

type outsideKey struct{}

func (x *outside) standIn(t *testing.T, handler http.Handler) *standIn {
	t.Helper()
	f := &standIn{outside: x, handler: handler}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	call := Call{Method: r.Method, URL: r.RequestURI, Header: map[string]string{}, Body: string(body)}
	for name := range r.Header {
		call.Header[name] = r.Header.Get(name)
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	handler := f.handler
	f.mu.Unlock()
	f.outside.note(r.Method + " " + r.RequestURI) // its URL, which logs on the way would have
	r = r.WithContext(context.WithValue(r.Context(), outsideKey{}, time.Now()))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	handler.ServeHTTP(w, r)
}

func (f *standIn) serve(handler http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = handler
}

func (f *standIn) asked() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Outside tells whether it is a real server that asks a fake, on the real clock and about orders of its own.
func Outside(r *http.Request) bool { return r.Context().Value(outsideKey{}) != nil }

// Meant tells whether a request to a fake is for the host. A real server sends it to the fake's own, by apiBaseURL.
func Meant(r *http.Request, host string) bool { return Outside(r) || r.Host == host }

// Clock is the time by which a fake judges a request: the case's, or the real one where a real server asks.
func Clock(r *http.Request, now time.Time) time.Time {
	if came, outside := r.Context().Value(outsideKey{}).(time.Time); outside {
		return came
	}
	return now
}

// IsNow tells whether a time that a request tells is that of the request; a real server's is of a moment ago.
func IsNow(r *http.Request, now, told time.Time) bool {
	if came, outside := r.Context().Value(outsideKey{}).(time.Time); outside {
		return !told.After(came) && came.Sub(told) < time.Minute
	}
	return told.Equal(now)
}

// shop is a project of the server with an account at the gateway.
type shop struct {
	*outside
	ProjectID string
	SecretKey string
	PublicKey string
	fake      *standIn // nil: nobody
}

// trade is what a shop does: it buys or it sells.
type trade struct {
	*shop
	kind string // "buy" or "sell"
}

// project makes a project of the account's mode.
func (x *outside) project(t *testing.T, name string) *shop {
	t.Helper()
	s := &shop{outside: x}
	out := sliproadtest.Run(t, sliproadtest.Build(t), []string{"SLIPROAD_DATA=" + x.server.Dir},
		"project", "create", "--name", name, "--mode", string(x.Remote.Account.Mode), "--json")
	if err := json.Unmarshal([]byte(out.Stdout), s); err != nil || out.Code != 0 {
		t.Fatalf("project create: %+v, %v", out, err)
	}
	return s
}

// newShop makes a project with the case's account, whose settings are changed as given. No handler: nobody is there.
func (x *outside) newShop(t *testing.T, name string, handler http.Handler, change gateway.Settings) *shop {
	t.Helper()
	s := x.project(t, name)
	settings := maps.Clone(x.Remote.Account.Settings)
	maps.Copy(settings, change)
	base := nobody
	if handler != nil {
		s.fake = x.standIn(t, handler)
		base = s.fake.url
	}
	s.set(t, base, settings)
	return s
}

// set sets the account's settings, by the environment as secrets should be, and where the gateway is.
func (s *shop) set(t *testing.T, base string, settings gateway.Settings) {
	t.Helper()
	args := []string{"gateway", "set", "--project", s.ProjectID, s.id, "apiBaseURL=" + base + s.Remote.APIPath, "widgetBaseURL=" + base + "/widget"}
	var env []string
	for key, value := range settings {
		name := "GATEWAYTEST_" + strings.ToUpper(key)
		args, env = append(args, key+"=env:"+name), append(env, name+"="+value)
	}
	if out := s.command(t, env, args...); out.Code != 0 {
		t.Fatalf("gateway set: %+v", out)
	}
}

// call calls the API with the key.
func (s *shop) call(t *testing.T, key, method, path string, body any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string][]string{"Authorization": {"Bearer " + key}}
	if body == nil {
		text = nil
	} else {
		header["Content-Type"] = []string{"application/json"}
	}
	return s.send(t, method, s.server.URL+path, header, text)
}

// read reads a resource.
func read[T any](t *testing.T, a answer, status int) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal([]byte(a.body), v); err != nil || a.status != status {
		t.Fatalf("got %v, want %d", a, status)
	}
	return v
}

// sale is a session, and the order that comes of it.
type sale struct {
	shop    *shop
	kind    string // "buy" or "sell"
	session string
	secret  string
	order   *checkout.Order // as the case has it, with what the server made; nil: none yet
	link    string          // to the checkout
	told    int             // how many notifications have told of it
	differs []api.Discrepancy

	language string // the payer's; empty: untold
}

// begin makes a session for an order of the kind.
func (s *shop) begin(t *testing.T, kind string) *sale {
	t.Helper()
	o := s.order(kind == "sell")
	in := api.CreateSessionRequest{
		ExternalCustomerID: "payer", Type: "onramp", Country: o.Country, RedirectURL: strings.ReplaceAll(o.RedirectURL, " ", "%20"),
	}
	if kind == "sell" {
		in.Type = "offramp"
	}
	made := read[api.Session](t, s.call(t, s.SecretKey, http.MethodPost, "/v1/sessions", in), http.StatusCreated)
	return &sale{shop: s, kind: kind, session: made.ID, secret: made.Attributes.ClientSecret}
}

// ask asks for the session's order.
func (a *sale) ask(t *testing.T) answer {
	t.Helper()
	o := a.shop.Case.order(a.kind == "sell")
	return a.shop.call(t, a.shop.PublicKey, http.MethodPost, "/v1/sessions/"+a.session+"/order", api.CreateOrderRequest{
		ClientSecret: a.secret, FiatAmount: o.FiatAmount.String(), FiatCurrency: o.FiatCurrency, CryptoCurrency: o.CryptoCurrency,
		Network: o.Network, WalletAddress: o.WalletAddress, WalletTag: o.WalletTag, Email: o.Email, Gateway: a.shop.id,
	})
}

// made takes up the order that the server has made.
func (a *sale) made(t *testing.T, made answer) {
	t.Helper()
	got := read[api.CreatedOrder](t, made, http.StatusCreated)
	a.link = got.Attributes.Checkout.URL
	a.order = a.shop.Case.order(a.kind == "sell")
	a.order.ID, a.order.ProjectID = checkout.OrderID(got.ID), checkout.ProjectID(a.shop.ProjectID)
	a.order.RedirectURL = strings.ReplaceAll(a.order.RedirectURL, " ", "%20")
	a.refresh(t)
	if got.Attributes.Gateway != a.shop.id || a.link == "" {
		t.Errorf("the order is at %s, its checkout %q", got.Attributes.Gateway, a.link)
	}
}

// state is the order as GET /v1/orders/{id} has it.
func (a *sale) state(t *testing.T) answer {
	t.Helper()
	return a.shop.call(t, a.shop.SecretKey, http.MethodGet, "/v1/orders/"+string(a.order.ID), nil)
}

// refresh reads what the server knows of the order.
func (a *sale) refresh(t *testing.T) *api.OrderAttributes {
	t.Helper()
	got := read[api.Order](t, a.state(t), http.StatusOK).Attributes
	created, err := time.Parse(time.RFC3339, got.CreatedAt)
	if err != nil {
		t.Error(err)
	}
	a.order.Status, a.order.CustomerID, a.order.CreatedAt = checkout.OrderStatus(got.Status), checkout.CustomerID(got.CustomerID), created
	if got.ExternalCustomerID != nil {
		a.order.ExternalCustomerID = *got.ExternalCustomerID
	}
	a.differs = got.Discrepancies
	a.order.ExternalOrderID, a.order.FailureReason = "", ""
	if got.ExternalOrderID != nil {
		a.order.ExternalOrderID = *got.ExternalOrderID
	}
	if got.FailureReason != nil {
		a.order.FailureReason = *got.FailureReason
	}
	if got.CryptoAmount != nil {
		if a.order.CryptoAmount, err = money.Parse(*got.CryptoAmount); err != nil {
			t.Error(err)
		}
	}
	return &got
}

// click follows the link as the payer does, up to the gateway.
func (a *sale) click(t *testing.T) answer {
	t.Helper()
	ours := strings.HasPrefix(a.link, a.shop.server.URL+"/c/")
	if !ours {
		return answer{status: http.StatusSeeOther, header: http.Header{"Location": {a.link}}}
	}
	header := map[string][]string{}
	if a.language != "" {
		header["Accept-Language"] = []string{a.language}
	}
	return a.shop.send(t, http.MethodGet, a.link, header, nil)
}

// pay makes an order and leads the payer to the gateway.
func (s *shop) pay(t *testing.T, kind string) *sale {
	t.Helper()
	return s.payIn(t, kind, "")
}

func (s *shop) payIn(t *testing.T, kind, language string) *sale {
	t.Helper()
	a := s.begin(t, kind)
	a.language = language
	a.made(t, a.ask(t))
	a.led(t, a.click(t))
	return a
}

// led takes up where the payer was led.
func (a *sale) led(t *testing.T, to answer) {
	t.Helper()
	if to.status != http.StatusSeeOther || to.header.Get("Location") == "" {
		t.Fatalf("the checkout answers %v", to)
	}
	a.order.CheckoutURL = to.header.Get("Location")
	a.refresh(t)
}

// notify makes another genuine notification, as of now.
func (a *sale) notify(theirs string) gateway.Notification {
	a.told++
	return a.shop.Notify(a.order, theirs, fmt.Sprintf("%s-%d", a.order.ID, a.told), time.Now())
}

// tell posts a genuine notification that the order has the gateway's status.
func (a *sale) tell(t *testing.T, theirs string) gateway.Notification {
	t.Helper()
	n := a.notify(theirs)
	if got := a.shop.post(t, a.shop.ProjectID, n); got.status != http.StatusOK {
		t.Errorf("a genuine notification of %s: %v", theirs, got)
	}
	a.refresh(t)
	return n
}

// post posts a notification to the project.
func (x *outside) post(t *testing.T, project string, n gateway.Notification) answer {
	t.Helper()
	url := x.server.URL + "/gateways/" + x.id + "/webhook/" + project
	if _, query, ok := strings.Cut(n.Path, "?"); ok {
		url += "?" + query
	}
	return x.send(t, http.MethodPost, url, n.Header, n.Body)
}

// eventually waits until it is so, looking every now and then.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(3 * patience); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
