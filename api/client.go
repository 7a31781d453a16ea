package api

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls a Sliproad server with one API key. It is safe for concurrent use.
type Client struct {
	base      string
	key       string
	http      *http.Client
	userAgent string
	retries   int
	delay     time.Duration
}

// Option changes a [Client].
type Option func(*Client)

// WithHTTPClient has requests go through c. The default has a timeout of 60 seconds for each attempt.
func WithHTTPClient(c *http.Client) Option { return func(cl *Client) { cl.http = c } }

// WithUserAgent sets the User-Agent header.
func WithUserAgent(name string) Option { return func(cl *Client) { cl.userAgent = name } }

// WithRetries sets how often at most a request is tried again (default 3; 0 never) and the delay before the first such
// attempt (default 200 ms), which doubles each time. A Retry-After of the server is obeyed instead, up to 30 seconds.
func WithRetries(most int, delay time.Duration) Option {
	return func(cl *Client) { cl.retries, cl.delay = max(most, 0), delay }
}

// New returns a client for the server at baseURL, such as "https://pay.example.com", with a secret or public key.
func New(baseURL, key string, opts ...Option) *Client {
	c := &Client{
		base:      strings.TrimRight(baseURL, "/"),
		key:       key,
		http:      &http.Client{Timeout: time.Minute},
		userAgent: "sliproad-go",
		retries:   3,
		delay:     200 * time.Millisecond,
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

// CallOption changes one call that writes.
type CallOption func(*call)

// WithIdempotencyKey names the request (at most 255 characters), so that it takes effect once however often it is sent, and
// lets the client try it again. CreateSession, CreateOrder and the POSTs about webhooks and events make one of their own if
// none is given.
func WithIdempotencyKey(key string) CallOption { return func(c *call) { c.idempotencyKey = key } }

// CreateSession creates a session. Its ClientSecret and CheckoutURL are given this once.
func (c *Client) CreateSession(ctx context.Context, body CreateSessionRequest, opts ...CallOption) (*Session, error) {
	return send[Session](ctx, c, call{method: http.MethodPost, path: "/v1/sessions", body: body, creates: true}, opts)
}

// GetSession reads a session.
func (c *Client) GetSession(ctx context.Context, id string) (*Session, error) {
	return send[Session](ctx, c, call{method: http.MethodGet, path: sessionPath(id, "")}, nil)
}

// ListSessions reads one page of sessions.
func (c *Client) ListSessions(ctx context.Context, p ListSessionsParams) (*List[Session], error) {
	return send[List[Session]](ctx, c, call{method: http.MethodGet, path: "/v1/sessions", query: p.query()}, nil)
}

// Sessions goes through all sessions that match p, from its page or cursor on, reading page after page by cursor. It ends
// after the first error.
func (c *Client) Sessions(ctx context.Context, p ListSessionsParams) iter.Seq2[*Session, error] {
	return pages(func(cursor string) (*List[Session], error) {
		if cursor != "" {
			p.Page, p.Cursor = 0, cursor
		}
		return c.ListSessions(ctx, p)
	})
}

// ConfirmSession confirms a session. It is tried again only with an idempotency key.
func (c *Client) ConfirmSession(
	ctx context.Context, id string, body ConfirmSessionRequest, opts ...CallOption,
) (*Session, error) {
	return send[Session](ctx, c, call{method: http.MethodPost, path: sessionPath(id, "/confirm"), body: body}, opts)
}

// CreateOrder creates the order of a session.
func (c *Client) CreateOrder(
	ctx context.Context, sessionID string, body CreateOrderRequest, opts ...CallOption,
) (*CreatedOrder, error) {
	cl := call{method: http.MethodPost, path: sessionPath(sessionID, "/order"), body: body, creates: true}
	return send[CreatedOrder](ctx, c, cl, opts)
}

// CancelSession cancels a session. It is tried again only with an idempotency key.
func (c *Client) CancelSession(ctx context.Context, id string, opts ...CallOption) (*Session, error) {
	return send[Session](ctx, c, call{method: http.MethodPost, path: sessionPath(id, "/cancel")}, opts)
}

// GetOrder reads an order.
func (c *Client) GetOrder(ctx context.Context, id string) (*Order, error) {
	return send[Order](ctx, c, call{method: http.MethodGet, path: "/v1/orders/" + url.PathEscape(id)}, nil)
}

// ListOrders reads one page of orders.
func (c *Client) ListOrders(ctx context.Context, p ListOrdersParams) (*List[Order], error) {
	return send[List[Order]](ctx, c, call{method: http.MethodGet, path: "/v1/orders", query: p.query()}, nil)
}

// Orders goes through all orders that match p, as Sessions does.
func (c *Client) Orders(ctx context.Context, p ListOrdersParams) iter.Seq2[*Order, error] {
	return pages(func(cursor string) (*List[Order], error) {
		if cursor != "" {
			p.Page, p.Cursor = 0, cursor
		}
		return c.ListOrders(ctx, p)
	})
}

// SimulateOrder has the sandbox gateway report a status for one of its orders. Needs a test project's secret key.
func (c *Client) SimulateOrder(
	ctx context.Context, id string, body SimulateOrderRequest, opts ...CallOption,
) (*Order, error) {
	path := "/v1/test_helpers/orders/" + url.PathEscape(id) + "/simulate"
	return send[Order](ctx, c, call{method: http.MethodPost, path: path, body: body}, opts)
}

func sessionPath(id, action string) string { return "/v1/sessions/" + url.PathEscape(id) + action }

// errCursorLoop ends an iteration that would never end by itself.
var errCursorLoop = errors.New("sliproad: the list gave the same cursor twice")

func pages[T any](read func(cursor string) (*List[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		cursor := ""
		for {
			page, err := read(cursor)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Data {
				if !yield(&page.Data[i], nil) {
					return
				}
			}
			next := page.Pagination.NextCursor
			if next == nil || *next == "" {
				return
			}
			if *next == cursor {
				yield(nil, errCursorLoop)
				return
			}
			cursor = *next
		}
	}
}
