package journey_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

func TestMain(m *testing.M) {
	code := browsertest.Main(m)
	pgtest.Stop()
	os.Exit(code)
}

// Addresses whose checksums were verified by hand: EIP-55's own vectors, and the first bech32 address of BIP 173.
const (
	wallet      = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	otherWallet = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
	bitcoin     = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
)

// must ends the test where the call has failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// visit is a payer's arrival at the shop.
type visit struct {
	url     *url.URL
	referer string
}

// shop is a partner's site, to which payers return. Its pages may be set, by path.
type shop struct {
	URL string

	mu     sync.Mutex
	pages  map[string]string
	visits []visit
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{pages: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page, ok := s.pages[r.URL.Path]
	if !ok {
		if strings.HasPrefix(r.URL.Path, "/done") {
			s.visits = append(s.visits, visit{r.URL, r.Referer()})
		}
		page = `<h1>The shop</h1>`
	}
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>The shop</title><link rel="icon" href="data:,"><body>%s</body></html>`, page)
}

func (s *shop) serve(path, page string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = page
}

// came are the arrivals until now.
func (s *shop) came() []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.visits)
}

// house is one running server, and a shop beside it.
type house struct {
	*sliproadtest.Server
	shop   *shop
	secret *sliproadtest.Client
}

func start(t *testing.T, options ...sliproadtest.Option) *house {
	t.Helper()
	s := sliproadtest.Start(t, append([]sliproadtest.Option{sliproadtest.SQLite()}, options...)...)
	return &house{s, newShop(t), s.Secret()}
}

// withShop is the same server beside a shop of the test's own, whose visits are the test's alone.
func (h *house) withShop(t *testing.T) *house {
	t.Helper()
	return &house{h.Server, newShop(t), h.secret}
}

// redirect is a redirectUrl of the shop that has a query and a fragment of its own.
func (h *house) redirect() string { return h.shop.URL + "/done?cart=7&x=%20a#thanks" }

// locked is a session of which everything is given.
func (h *house) locked() api.CreateSessionRequest {
	return api.CreateSessionRequest{
		ExternalCustomerID: "payer-1", SourceAmount: "100.00", SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
		DestinationAddress: wallet, RedirectURL: h.redirect(), Country: "DE",
	}
}

// free is a session of which nothing is given.
func (h *house) free() api.CreateSessionRequest {
	return api.CreateSessionRequest{ExternalCustomerID: "payer-1", RedirectURL: h.redirect(), Country: "DE"}
}

// session creates a session, and returns what only its creation tells.
func (h *house) session(t *testing.T, r api.CreateSessionRequest) *api.Session {
	t.Helper()
	s := must(h.secret.CreateSession(t.Context(), r))(t)
	if s.Attributes.ClientSecret == "" || !strings.HasPrefix(s.Attributes.CheckoutURL, h.URL+"/checkout/") {
		t.Fatalf("clientSecret %q, checkoutUrl %q", s.Attributes.ClientSecret, s.Attributes.CheckoutURL)
	}
	return s
}

// order makes an order from the session as a partner's own frontend does.
func (h *house) order(t *testing.T, s *api.Session) *api.CreatedOrder {
	t.Helper()
	return must(h.Public().CreateOrder(t.Context(), s.ID, api.CreateOrderRequest{
		ClientSecret: s.Attributes.ClientSecret, FiatAmount: "100.00", FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", WalletAddress: wallet,
	}))(t)
}

// move has the sandbox tell that the order has got the statuses, one after the other.
func (h *house) move(t *testing.T, order string, statuses ...string) {
	t.Helper()
	for _, status := range statuses {
		_ = must(h.secret.SimulateOrder(t.Context(), order, api.SimulateOrderRequest{Status: status}))(t)
	}
}

// orders are all orders of the session.
func (h *house) orders(t *testing.T, session string) []*api.Order {
	t.Helper()
	var all []*api.Order
	for o, err := range h.secret.Orders(t.Context(), api.ListOrdersParams{SessionID: session}) {
		all = append(all, must(o, err)(t))
	}
	return all
}

// onlyOrder is the one order of the session.
func (h *house) onlyOrder(t *testing.T, session string) api.OrderAttributes {
	t.Helper()
	all := h.orders(t, session)
	if len(all) != 1 {
		t.Fatalf("the session has %d orders, want 1", len(all))
	}
	return all[0].Attributes
}

// await polls until the condition holds, or fails the test; what says what that means.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(browsertest.Limit); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s for %v", what, browsertest.Limit)
		}
	}
}

// returned waits for the payer's arrival at the shop, with the order and its status, and holds it to the way back that every
// partner is promised: its own query first and as it was, its fragment kept, and no Referer.
func (h *house) returned(t *testing.T, p *browsertest.Page, session, order, status string) {
	t.Helper()
	want := "cart=7&x=%20a&sessionId=" + session
	if order != "" {
		want += "&orderId=" + order
	}
	want += "&status=" + status
	at := p.AwaitURL(h.shop.URL)
	if at != h.shop.URL+"/done?"+want+"#thanks" {
		t.Errorf("the payer is led to\n%s, want\n%s", at, h.shop.URL+"/done?"+want+"#thanks")
	}
	visits := h.shop.came()
	if len(visits) != 1 || visits[0].url.RawQuery != want || visits[0].referer != "" {
		t.Errorf("the shop was visited as %+v, want once, with %s and no Referer", visits, want)
	}
}
