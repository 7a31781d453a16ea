package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// testPoll asks what became of orders.
func (c Case) testPoll(t *testing.T) {
	t.Parallel()
	_, polls := c.Gateway.(gateway.Poller)
	if every := c.Gateway.Describe().PollEvery; polls != (every > 0) || polls != (c.Polled != nil) || polls != (c.Unheard != nil) {
		t.Fatalf("a Poller (%v) has PollEvery (%v) and its case Polled and Unheard; nothing else has", polls, every)
	}
	if !polls {
		t.Skip("it can't be asked")
	}
	statuses := c.PollStatuses
	if statuses == nil {
		statuses = c.Statuses
	}
	for name, o := range c.orders() {
		o.CreatedAt = c.Now.Add(-time.Minute)
		for _, s := range append([]Status{{Theirs: c.Unknown}}, of(statuses, o.Type)...) {
			updates, err := c.open(t, c.Polled(t, o, s.Theirs)).(gateway.Poller).Poll(t.Context(), c.request(o))
			if err != nil || len(updates) != 1 || updates[0].OrderID != o.ID || updates[0].DedupKey == "" {
				t.Fatalf("%s: Poll of %s = %+v, %v; want one update of %s with a key", name, s.Theirs, updates, err, o.ID)
			}
			got := updates[0].Status
			if s.Ours != "" && got != s.Ours || s.Ours == "" && got.Final() {
				t.Errorf("%s: asked for, %s becomes %s, want %s", name, s.Theirs, got, s.Ours)
			}
		}
		updates, err := c.open(t, c.Unheard).(gateway.Poller).Poll(t.Context(), c.request(o))
		if err != nil || len(updates) != 0 {
			t.Errorf("%s: Poll of an order unheard of = %+v, %v; want nothing", name, updates, err)
		}
	}
}

// fault is what goes wrong between a gateway and its server.
type fault struct {
	name string
	// server stands in for the gateway's. Nil: answer does, which ends the call by stop where it must end.
	server http.Handler
	answer func(r *http.Request, stop func()) (*http.Response, error)
	status int  // of the *gatewaycall.Error that is wanted; 0: any error
	shape  bool // the answer is JSON, but of another shape: some calls can't tell
}

func answering(status int, header map[string]string, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// endless is a body of white space that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// broken is a body that breaks off, after waiting for its request to end.
type broken struct {
	ctx  context.Context
	stop func()
}

func (b broken) Read([]byte) (int, error) {
	b.stop()
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

const elsewhere = "elsewhere.example"

func (c Case) faults() []fault {
	echo := `{"error":"not for you: ` + strings.Join(c.secrets(), " ") + `"}`
	json := map[string]string{"Content-Type": "application/json"}
	faults := []fault{
		{name: "no connection", answer: func(*http.Request, func()) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }},
		{name: "no answer", answer: func(r *http.Request, stop func()) (*http.Response, error) {
			stop()
			<-r.Context().Done()
			return nil, r.Context().Err()
		}},
		{name: "slow answer", answer: func(r *http.Request, stop func()) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(broken{r.Context(), stop}), Request: r}, nil
		}},
		{name: "endless answer", answer: func(r *http.Request, _ func()) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(endless{}), Request: r}, nil
		}},
		{name: "empty", server: answering(http.StatusOK, json, "")},
		{name: "HTML", server: answering(http.StatusOK, map[string]string{"Content-Type": "text/html"}, "<html>"+echo)},
		{name: "cut", server: answering(http.StatusOK, json, `{"data":{"id":"`)},
		{name: "429", server: answering(http.StatusTooManyRequests, map[string]string{"Retry-After": "7"}, echo), status: http.StatusTooManyRequests},
	}
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable} {
		faults = append(faults, fault{name: fmt.Sprint(status), server: answering(status, json, echo), status: status})
	}
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		faults = append(faults, fault{
			name: fmt.Sprint("redirect ", status), server: answering(status, map[string]string{"Location": "https://" + elsewhere + "/"}, ""),
		})
	}
	for _, body := range []string{"null", "{}", "[]", `"text"`, "7", `{"data":7}`, `[[]]`, `[{}]`, `{"data":{}}`} {
		faults = append(faults, fault{name: "answer " + body, server: answering(http.StatusOK, json, body), shape: true})
	}
	return faults
}

// line is a transport with a fault.
type line struct {
	fault fault
	stop  func()
	mu    sync.Mutex
	hosts []string
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.hosts = append(l.hosts, r.URL.Host)
	l.mu.Unlock()
	if r.Body != nil {
		r.Body.Close()
	}
	if l.fault.server == nil {
		return l.fault.answer(r, l.stop)
	}
	recorder := httptest.NewRecorder()
	l.fault.server.ServeHTTP(recorder, r)
	res := recorder.Result()
	res.Request = r
	return res, nil
}

// errand is something for which a gateway may ask its server.
type errand struct {
	name string
	run  func(ctx context.Context, g gateway.Gateway) (made any, err error)
}

func (c Case) errands() []errand {
	buy := c.order(false)
	request := c.request(buy)
	errands := []errand{
		{"CreateCheckout", func(ctx context.Context, g gateway.Gateway) (any, error) { return g.CreateCheckout(ctx, request) }},
		{"FindCheckout", func(ctx context.Context, g gateway.Gateway) (any, error) { return g.FindCheckout(ctx, request) }},
	}
	if _, ok := c.Gateway.(gateway.Opener); ok {
		errands = append(errands, errand{"OpenCheckout", func(ctx context.Context, g gateway.Gateway) (any, error) {
			return g.(gateway.Opener).OpenCheckout(ctx, request)
		}})
		if c.Gateway.Describe().Sell {
			sell := c.request(c.order(true))
			errands = append(errands, errand{"OpenCheckout to sell", func(ctx context.Context, g gateway.Gateway) (any, error) {
				return g.(gateway.Opener).OpenCheckout(ctx, sell)
			}})
		}
	}
	if _, ok := c.Gateway.(gateway.Quoter); ok {
		errands = append(errands, errand{"Quote", func(ctx context.Context, g gateway.Gateway) (any, error) {
			return g.(gateway.Quoter).Quote(ctx, gateway.QuoteRequest{Order: buy, Now: c.Now, Address: Payer})
		}})
	}
	if _, ok := c.Gateway.(gateway.Poller); ok {
		errands = append(errands, errand{"Poll", func(ctx context.Context, g gateway.Gateway) (any, error) {
			return g.(gateway.Poller).Poll(ctx, request)
		}})
	}
	if _, ok := c.Gateway.(gateway.Prober); ok {
		errands = append(errands, errand{"Probe", func(ctx context.Context, g gateway.Gateway) (any, error) {
			return nil, g.(gateway.Prober).Probe(ctx)
		}})
	}
	if _, ok := c.Gateway.(gateway.Loader); ok {
		errands = append(errands, errand{"Load", func(ctx context.Context, g gateway.Gateway) (any, error) {
			return g.(gateway.Loader).Load(ctx)
		}})
	}
	return errands
}

// testFaults runs each errand first with a server in good health, to see that it works and whether it asks at all, and then
// with each fault.
func (c Case) testFaults(t *testing.T) {
	t.Parallel()
	for _, e := range c.errands() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			wire := NewWire(c.Remote.Server)
			if _, err := e.run(t.Context(), c.openClient(t, &http.Client{Transport: wire})); err != nil {
				t.Fatalf("with nothing wrong: %v", err)
			}
			if len(wire.Calls()) == 0 {
				t.Skip("it asks nobody")
			}
			for _, f := range c.faults() {
				t.Run(f.name, func(t *testing.T) { c.checkFault(t, e, f) })
			}
		})
	}
}

func (c Case) checkFault(t *testing.T, e errand, f fault) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	bad := &line{fault: f, stop: stop}
	made, err := e.run(ctx, c.openClient(t, &http.Client{Transport: bad}))
	for _, host := range bad.hosts {
		if host == elsewhere {
			t.Errorf("a redirect was followed, with whatever credentials the request has")
		}
	}
	if err == nil && f.shape {
		c.checkShape(t, e, made)
		return
	}
	if err == nil {
		t.Fatalf("no error, but %+v", made)
	}
	c.hides(t, err.Error())
	var told *checkout.Error
	var answer *gatewaycall.Error
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		t.Errorf("the fault is taken for an order that doesn't exist: %v", err)
	case e.name == "Quote" && errors.As(err, &told) && told.Code != checkout.CodeGatewayUnavailable:
		t.Errorf("the payer is told of the fault as %v", told)
	case f.status != 0 && (!errors.As(err, &answer) || answer.Status != f.status):
		t.Errorf("%v is no *gatewaycall.Error with %d", err, f.status)
	case f.status == http.StatusTooManyRequests && answer.RetryAfter != 7*time.Second:
		t.Errorf("the error says to wait %v, the gateway 7s", answer.RetryAfter)
	case (f.name == "no answer" || f.name == "slow answer") && !errors.Is(err, context.Canceled):
		t.Errorf("%v doesn't say that the caller's patience ended", err)
	}
}

// checkShape looks at what an errand made of an answer that it can't have understood.
func (c Case) checkShape(t *testing.T, e errand, made any) {
	t.Helper()
	switch made := made.(type) {
	case gateway.Checkout:
		t.Errorf("a checkout was made of it: %+v", made)
	case gateway.Quote, []byte:
		t.Errorf("%s makes of it %+v", e.name, made)
	case []gateway.Update:
		for _, u := range made {
			t.Errorf("an update was made of it: %+v", u)
		}
	default: // a Probe may be content with any answer
	}
}

// testLoad loads the catalogue and opens the account with it, and with ones that make no sense.
func (c Case) testLoad(t *testing.T) {
	t.Parallel()
	loader, ok := c.Gateway.(gateway.Loader)
	if !ok {
		t.Skip("it publishes nothing")
	}
	loaded, err := loader.Load(t.Context())
	if err != nil || len(loaded) == 0 {
		t.Fatalf("Load = %d bytes, %v", len(loaded), err)
	}
	for name, catalogue := range map[string][]byte{"loaded": loaded, "none": nil, "cut": loaded[:len(loaded)/2], "of another release": []byte(`{"v":0}`)} {
		with := c
		remote := *c.Remote
		remote.Account.Catalogue = catalogue
		with.Remote = &remote
		with.Gateway = with.open(t, remote.Server)
		t.Run(name, func(t *testing.T) {
			for kind, o := range with.orders() {
				if err := with.Gateway.Check(o); err != nil {
					t.Errorf("%s: Check: %v", kind, err)
				}
			}
			t.Run("list", with.testList)
		})
	}
}
