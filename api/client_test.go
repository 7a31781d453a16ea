package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
)

// seen is what a scripted server got in one request.
type seen struct {
	Method, URI, Key, Idempotency, Body string
}

// script answers the nth request with the nth step, and the last step from then on.
type script struct {
	mu    sync.Mutex
	steps []step
	got   []seen
}

type step struct {
	status     int
	body       string
	retryAfter string
	// drop closes the connection without an answer.
	drop bool
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := min(len(s.got), len(s.steps)-1)
	s.got = append(s.got, seen{
		r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), string(body),
	})
	s.mu.Unlock()
	st := s.steps[n]
	if st.drop {
		panic(http.ErrAbortHandler)
	}
	if st.retryAfter != "" {
		w.Header().Set("Retry-After", st.retryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(st.status)
	_, _ = io.WriteString(w, st.body)
}

func envelope(code string) string {
	return fmt.Sprintf(`{"success":false,"error":{"code":%q,"message":"m","details":[{"field":"f","message":"x"}],`+
		`"requestId":"req_1"}}`, code)
}

func serve(t *testing.T, steps ...step) (*api.Client, *script) {
	t.Helper()
	s := &script{steps: steps}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return api.New(server.URL+"/", "sk_test_x", api.WithRetries(2, time.Microsecond)), s
}

const sessionJSON = `{"type":"session","id":"sess_1","attributes":{"sourceAmount":"90071992547409.93","metadata":{"n":1e400}}}`

// TestClientRoutes: each method makes its operation's request.
func TestClientRoutes(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	none := api.CreateSessionRequest{ExternalCustomerID: "u", SourceAmount: "100.00"}
	cases := []struct {
		name string
		call func(context.Context, *api.Client) error
		want seen
	}{
		{"CreateSession", func(ctx context.Context, c *api.Client) error {
			_, err := c.CreateSession(ctx, none, api.WithIdempotencyKey("k"))
			return err
		}, seen{"POST", "/v1/sessions", "", "k", `{"externalCustomerId":"u","sourceAmount":"100.00"}`}},
		{"GetSession", func(ctx context.Context, c *api.Client) error {
			_, err := c.GetSession(ctx, "a/b?c")
			return err
		}, seen{"GET", "/v1/sessions/a%2Fb%3Fc", "", "", ""}},
		{"ListSessions", func(ctx context.Context, c *api.Client) error {
			_, err := c.ListSessions(ctx, api.ListSessionsParams{
				Page: 2, PageSize: 10, Cursor: "c", Status: "pending", CustomerID: "i", ExternalCustomerID: "e&f", Type: "onramp",
				CreatedAfter: when, CreatedBefore: when,
			})
			return err
		}, seen{"GET", "/v1/sessions?createdAfter=2026-03-01T12%3A00%3A00Z&createdBefore=2026-03-01T12%3A00%3A00Z" +
			"&cursor=c&customerId=i&externalCustomerId=e%26f&page=2&pageSize=10&status=pending&type=onramp", "", "", ""}},
		{"ConfirmSession", func(ctx context.Context, c *api.Client) error {
			_, err := c.ConfirmSession(ctx, "s", api.ConfirmSessionRequest{ClientSecret: "x"})
			return err
		}, seen{"POST", "/v1/sessions/s/confirm", "", "", `{"clientSecret":"x"}`}},
		{"CreateOrder", func(ctx context.Context, c *api.Client) error {
			body := api.CreateOrderRequest{ClientSecret: "x", FiatAmount: "1", CryptoCurrency: "ETH", Network: "n"}
			_, err := c.CreateOrder(ctx, "s", body, api.WithIdempotencyKey("k"))
			return err
		}, seen{
			"POST", "/v1/sessions/s/order", "", "k",
			`{"clientSecret":"x","fiatAmount":"1","cryptoCurrency":"ETH","network":"n"}`,
		}},
		{"CancelSession", func(ctx context.Context, c *api.Client) error {
			_, err := c.CancelSession(ctx, "s")
			return err
		}, seen{"POST", "/v1/sessions/s/cancel", "", "", ""}},
		{"GetOrder", func(ctx context.Context, c *api.Client) error {
			_, err := c.GetOrder(ctx, "o")
			return err
		}, seen{"GET", "/v1/orders/o", "", "", ""}},
		{"ListOrders", func(ctx context.Context, c *api.Client) error {
			_, err := c.ListOrders(ctx, api.ListOrdersParams{Status: "failed", SessionID: "s", Gateway: "g"})
			return err
		}, seen{"GET", "/v1/orders?gateway=g&sessionId=s&status=failed", "", "", ""}},
		{"SimulateOrder", func(ctx context.Context, c *api.Client) error {
			_, err := c.SimulateOrder(ctx, "o", api.SimulateOrderRequest{Status: "completed"})
			return err
		}, seen{"POST", "/v1/test_helpers/orders/o/simulate", "", "", `{"status":"completed"}`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, s := serve(t, step{status: 200, body: `{}`})
			if err := c.call(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			c.want.Key = "Bearer sk_test_x"
			if diff := cmp.Diff([]seen{c.want}, s.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClientRetries: what is tried again, and how often.
func TestClientRetries(t *testing.T) {
	t.Parallel()
	ok := step{status: 200, body: sessionJSON}
	get := func(ctx context.Context, c *api.Client) error { _, err := c.GetSession(ctx, "s"); return err }
	create := func(ctx context.Context, c *api.Client) error {
		_, err := c.CreateSession(ctx, api.CreateSessionRequest{})
		return err
	}
	confirm := func(opts ...api.CallOption) func(context.Context, *api.Client) error {
		return func(ctx context.Context, c *api.Client) error {
			_, err := c.ConfirmSession(ctx, "s", api.ConfirmSessionRequest{}, opts...)
			return err
		}
	}
	down, busy := step{status: 503, body: envelope("GATEWAY_UNAVAILABLE")}, step{status: 429, body: "<html>"}
	running := step{status: 409, body: envelope("IDEMPOTENCY_IN_PROGRESS")}
	cases := []struct {
		name   string
		call   func(context.Context, *api.Client) error
		steps  []step
		calls  int
		status int
	}{
		{"get, 503 then well", get, []step{down, ok}, 2, 0},
		{"get, 429 and a lost connection, then well", get, []step{busy, {drop: true}, ok}, 3, 0},
		{"get, always 503", get, []step{down}, 3, 503},
		{"get, 500 is not tried again", get, []step{{status: 500, body: envelope("INTERNAL_ERROR")}, ok}, 1, 500},
		{"get, 404 is not tried again", get, []step{{status: 404, body: envelope("NOT_FOUND")}, ok}, 1, 404},
		{"create makes a key", create, []step{{drop: true}, running, ok}, 3, 0},
		{"create, 409 is final", create, []step{{status: 409, body: envelope("IDEMPOTENCY_CONFLICT")}, ok}, 1, 409},
		{"confirm without a key", confirm(), []step{down, ok}, 1, 503},
		{"confirm with a key", confirm(api.WithIdempotencyKey("k")), []step{down, ok}, 2, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, s := serve(t, c.steps...)
			err := c.call(t.Context(), client)
			if len(s.got) != c.calls {
				t.Errorf("%d calls, want %d", len(s.got), c.calls)
			}
			for _, g := range s.got[1:] {
				if g != s.got[0] {
					t.Errorf("attempts differ: %v and %v", s.got[0], g)
				}
				if g.Method == http.MethodPost && g.Idempotency == "" {
					t.Error("repeated without a key")
				}
			}
			var answer *api.Error
			if errors.As(err, &answer) != (c.status != 0) || answer != nil && answer.Status != c.status {
				t.Errorf("error %v, want status %d", err, c.status)
			}
			if c.status == 0 && err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClientKeysDiffer: two creations are two requests.
func TestClientKeysDiffer(t *testing.T) {
	t.Parallel()
	client, s := serve(t, step{status: 201, body: sessionJSON})
	for range 2 {
		if _, err := client.CreateSession(t.Context(), api.CreateSessionRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if s.got[0].Idempotency == "" || s.got[0].Idempotency == s.got[1].Idempotency {
		t.Errorf("keys %q and %q", s.got[0].Idempotency, s.got[1].Idempotency)
	}
}

// TestClientError: the envelope arrives whole.
func TestClientError(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, step{status: 400, body: envelope("VALIDATION_ERROR")})
	_, err := client.GetOrder(t.Context(), "o")
	want := &api.Error{
		Status: 400, Code: api.CodeValidation, Message: "m", Details: []api.FieldError{{Field: "f", Message: "x"}},
		RequestID: "req_1",
	}
	var got *api.Error
	if !errors.As(err, &got) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := "sliproad: 400 VALIDATION_ERROR: m (f x) [req_1]"; got.Error() != text {
		t.Errorf("%q, want %q", got.Error(), text)
	}
}

// TestClientExact: amounts and metadata come as they were sent.
func TestClientExact(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, step{status: 200, body: sessionJSON})
	s, err := client.GetSession(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if *s.Attributes.SourceAmount != "90071992547409.93" || string(s.Attributes.Metadata) != `{"n":1e400}` {
		t.Errorf("%q %s", *s.Attributes.SourceAmount, s.Attributes.Metadata)
	}
}

func pageJSON(next string, ids ...string) string {
	list := api.List[api.Resource[struct{}]]{}
	for _, id := range ids {
		list.Data = append(list.Data, api.Resource[struct{}]{ID: id})
	}
	if next != "" {
		list.Pagination.NextCursor = &next
	}
	text, _ := json.Marshal(list)
	return string(text)
}

// TestClientIteration: page after page by cursor, with the filters, to the end, a break or an error.
func TestClientIteration(t *testing.T) {
	t.Parallel()
	one, two := step{status: 200, body: pageJSON("c1", "a", "b")}, step{status: 200, body: pageJSON("", "c")}
	cases := []struct {
		name  string
		steps []step
		stop  int
		ids   string
		uris  string
		err   string
	}{
		{"to the end", []step{one, two}, 9, "a b c", "/v1/orders?page=1&status=failed /v1/orders?cursor=c1&status=failed", ""},
		{"a break", []step{one, two}, 1, "a", "/v1/orders?page=1&status=failed", ""},
		{
			"an error",
			[]step{one, {status: 400, body: envelope("VALIDATION_ERROR")}},
			9, "a b",
			"/v1/orders?page=1&status=failed /v1/orders?cursor=c1&status=failed", "VALIDATION_ERROR",
		},
		{
			"a loop",
			[]step{one, one},
			9, "a b a b",
			"/v1/orders?page=1&status=failed /v1/orders?cursor=c1&status=failed", "same cursor",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, s := serve(t, c.steps...)
			var ids []string
			last := ""
			for o, err := range client.Orders(t.Context(), api.ListOrdersParams{Page: 1, Status: "failed"}) {
				if err != nil {
					last = err.Error()
					continue
				}
				if ids = append(ids, o.ID); len(ids) == c.stop {
					break
				}
			}
			var uris []string
			for _, g := range s.got {
				uris = append(uris, g.URI)
			}
			if strings.Join(ids, " ") != c.ids || strings.Join(uris, " ") != c.uris {
				t.Errorf("ids %v, uris %v", ids, uris)
			}
			if c.err == "" && last != "" || !strings.Contains(last, c.err) {
				t.Errorf("error %q, want %q", last, c.err)
			}
		})
	}
}

// inProcess answers without a network, so that time can be a bubble's.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w, in := httptest.NewRecorder(), r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	p.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

// TestClientWaits: Retry-After is obeyed up to 30 s, and the context ends a wait.
func TestClientWaits(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name       string
		retryAfter string
		deadline   time.Duration
		want       time.Duration
		calls      int
	}{
		{"seconds", "7", time.Hour, 7 * time.Second, 2},
		{"too long", "86400", time.Hour, 30 * time.Second, 2},
		{"the context ends first", "7", 3 * time.Second, 3 * time.Second, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: []step{
					{status: 429, body: envelope("RATE_LIMIT_EXCEEDED"), retryAfter: c.retryAfter},
					{status: 200, body: sessionJSON},
				}}
				client := api.New("http://x", "k", api.WithHTTPClient(&http.Client{Transport: inProcess{s}}))
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				start := time.Now()
				_, err := client.GetSession(ctx, "s")
				if took := time.Since(start); took != c.want || len(s.got) != c.calls || (err == nil) != (c.calls == 2) {
					t.Errorf("%v, %d calls, %v", took, len(s.got), err)
				}
			})
		})
	}
}

// FuzzClientAnswer: whatever a server says is a value or an error, and one or the other only.
func FuzzClientAnswer(f *testing.F) {
	f.Add(200, []byte(sessionJSON))
	f.Add(400, []byte(envelope("VALIDATION_ERROR")))
	f.Add(503, []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		s := &script{steps: []step{{status: status, body: string(body)}}}
		client := api.New("http://x", "k", api.WithHTTPClient(&http.Client{Transport: inProcess{s}}), api.WithRetries(0, 0))
		got, err := client.GetSession(t.Context(), "s")
		if (got == nil) == (err == nil) {
			t.Errorf("%v and %v", got, err)
		}
		if err != nil && err.Error() == "" {
			t.Error("an empty error")
		}
	})
}
