package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// auth is the key that an endpoint needs.
type auth int

const (
	authNone    auth = iota
	authSession      // no key, but what opens the session's hosted page; the use case checks it
	authPublic       // any key of a project
	authSecret       // its secret key
	authTest         // the secret key of a test project
)

func (a auth) keyless() bool { return a <= authSession }

func (a auth) String() string { return [...]string{"none", "session", "public", "secret", "test"}[a] }

// endpoint is one operation.
type endpoint struct {
	op           string // the operationId, the name of the use case
	method       string
	path         string
	auth         auth
	cors         bool // browsers of any origin may call it
	limited      bool // without a key: limited by client address
	bodyOptional bool
	rawBody      bool // not ours to parse: a gateway's notification
	handle       func(*Server, *exchange) (status int, body any, err error)
}

// endpoints is the API, as data.
var endpoints = slices.Concat(sessionEndpoints, webhookEndpoints, publicEndpoints, checkoutEndpoints, otherEndpoints)

var sessionEndpoints = []endpoint{
	{op: "createSession", method: http.MethodPost, path: "/v1/sessions", auth: authSecret, handle: createSession},
	{op: "listSessions", method: http.MethodGet, path: "/v1/sessions", auth: authSecret, handle: listSessions},
	{op: "getSession", method: http.MethodGet, path: "/v1/sessions/{id}", auth: authPublic, cors: true, handle: getSession},
	{op: "confirmSession", method: http.MethodPost, path: "/v1/sessions/{id}/confirm", auth: authPublic, cors: true, handle: confirmSession},
	{op: "createOrder", method: http.MethodPost, path: "/v1/sessions/{id}/order", auth: authPublic, cors: true, handle: createOrder},
	{op: "cancelSession", method: http.MethodPost, path: "/v1/sessions/{id}/cancel", auth: authSecret, bodyOptional: true, handle: cancelSession},
	{op: "listOrders", method: http.MethodGet, path: "/v1/orders", auth: authSecret, handle: listOrders},
	{op: "getOrder", method: http.MethodGet, path: "/v1/orders/{id}", auth: authSecret, handle: getOrder},
	{op: "simulateOrder", method: http.MethodPost, path: "/v1/test_helpers/orders/{id}/simulate", auth: authTest, handle: simulateOrder},
}

var otherEndpoints = []endpoint{
	{op: "receiveNotification", method: http.MethodPost, path: "/gateways/{gatewayId}/webhook/{projectId}", rawBody: true, limited: true, handle: receiveNotification},
	{op: "getOpenAPI", method: http.MethodGet, path: "/openapi.yaml", limited: true, handle: getOpenAPI},
	{op: "getHealth", method: http.MethodGet, path: "/healthz", handle: getHealth},
	{op: "getReadiness", method: http.MethodGet, path: "/readyz", handle: getReadiness},
}

// maxNotificationBytes bounds what a gateway may post.
const maxNotificationBytes = 256 << 10

func (e *endpoint) maxBody() int64 {
	if e.rawBody {
		return maxNotificationBytes
	}
	return checkout.MaxBodyBytes
}

func (x *exchange) sessionID() checkout.SessionID { return checkout.SessionID(x.inPath("id")) }
func (x *exchange) orderID() checkout.OrderID     { return checkout.OrderID(x.inPath("id")) }

// inPath is a part of the path that names something; empty, which names nothing, where nothing can have such a name.
func (x *exchange) inPath(part string) string {
	name := x.r.PathValue(part)
	if !checkout.Storable(name) {
		return ""
	}
	return name
}

func createSession(s *Server, x *exchange) (int, any, error) {
	in := &checkout.CreateSession{}
	b, p := x.body, &in.Problems
	in.ExternalCustomerID, in.CustomerID, in.Type = b.text(p, "externalCustomerId"), b.text(p, "customerId"), b.text(p, "type")
	in.SourceAmount, in.SourceCurrency = b.amount(p, "sourceAmount"), b.text(p, "sourceCurrency")
	in.DestinationCurrency, in.Network = b.text(p, "destinationCurrency"), b.text(p, "network")
	in.DestinationTag = b.text(p, "destinationTag")
	in.DestinationAddress, in.DestinationTag, in.RedirectURL = b.text(p, "destinationAddress"), b.text(p, "destinationTag"), b.text(p, "redirectUrl")
	in.Country, in.ExpiresInSeconds = b.text(p, "country"), b.integer(p, "expiresInSeconds")
	in.Metadata, in.FieldLocks = b.metadata(p), b.fieldLocks(p)
	made, err := s.App.CreateSession(x.r.Context(), x.call, in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, newSession(made, x.call), nil
}

func listSessions(s *Server, x *exchange) (int, any, error) {
	q := parseQuery(x.r)
	page := q.page()
	filter := checkout.SessionFilter{
		Status: oneOf(q, "status", checkout.SessionStatuses), Type: oneOf(q, "type", []checkout.SessionType{checkout.Onramp, checkout.Offramp}),
		CustomerID: q.customer(), ExternalCustomerID: q.text("externalCustomerId"),
		CreatedAfter: q.time("createdAfter"), CreatedBefore: q.time("createdBefore"),
	}
	if err := q.Err(); err != nil {
		return 0, nil, err
	}
	rows, err := s.App.ListSessions(x.r.Context(), x.call, filter, page)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, list(rows, page, func(row *checkout.Session) api.Session { return session(row, x.call) }), nil
}

func getSession(s *Server, x *exchange) (int, any, error) {
	row, err := s.App.GetSession(x.r.Context(), x.call, x.sessionID())
	return sessionAnswer(row, x, err)
}

func confirmSession(s *Server, x *exchange) (int, any, error) {
	in := &checkout.ConfirmSession{}
	b, p := x.body, &in.Problems
	in.ClientSecret, in.DestinationAddress, in.Network = b.text(p, "clientSecret"), b.text(p, "destinationAddress"), b.text(p, "network")
	in.DestinationTag = b.text(p, "destinationTag")
	row, err := s.App.ConfirmSession(x.r.Context(), x.call, x.sessionID(), in)
	return sessionAnswer(row, x, err)
}

func cancelSession(s *Server, x *exchange) (int, any, error) {
	row, err := s.App.CancelSession(x.r.Context(), x.call, x.sessionID())
	return sessionAnswer(row, x, err)
}

func sessionAnswer(row *checkout.Session, x *exchange, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, session(row, x.call), nil
}

func createOrder(s *Server, x *exchange) (int, any, error) {
	in := &checkout.CreateOrder{}
	in.ClientSecret = x.body.text(&in.Problems, "clientSecret")
	readOrder(x.body, in)
	made, err := s.App.CreateOrder(x.r.Context(), x.call, x.sessionID(), in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, createdOrder(made, x.call), nil
}

func listOrders(s *Server, x *exchange) (int, any, error) {
	q := parseQuery(x.r)
	page := q.page()
	statuses := make([]checkout.OrderStatus, 0, len(checkout.OrderStatusTable))
	for _, row := range checkout.OrderStatusTable {
		statuses = append(statuses, row.Status)
	}
	filter := checkout.OrderFilter{
		Status: oneOf(q, "status", statuses), Gateway: q.text("gateway"), SessionID: checkout.SessionID(q.text("sessionId")),
		CustomerID: q.customer(), ExternalCustomerID: q.text("externalCustomerId"),
	}
	if err := q.Err(); err != nil {
		return 0, nil, err
	}
	rows, err := s.App.ListOrders(x.r.Context(), x.call, filter, page)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, list(rows, page, order), nil
}

func getOrder(s *Server, x *exchange) (int, any, error) {
	row, err := s.App.GetOrder(x.r.Context(), x.call, x.orderID())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, order(row), nil
}

func simulateOrder(s *Server, x *exchange) (int, any, error) {
	in := &app.SimulateOrder{}
	in.Status = x.body.text(&in.Problems, "status")
	row, err := s.App.SimulateOrder(x.r.Context(), x.call, x.orderID(), in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, order(row), nil
}

func receiveNotification(s *Server, x *exchange) (int, any, error) {
	// Once it is read, it is applied, even if the gateway hangs up.
	err := s.App.ReceiveNotification(detached(x.r.Context()), x.inPath("gatewayId"), gateway.Notification{
		ProjectID: checkout.ProjectID(x.inPath("projectId")), Header: x.r.Header, Path: x.r.URL.RequestURI(), Body: x.raw,
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, api.Acknowledgement{Success: true}, nil
}

func getOpenAPI(_ *Server, x *exchange) (int, any, error) {
	x.w.Header().Set("Cache-Control", "public, max-age=3600")
	return http.StatusOK, stored{"application/yaml", api.OpenAPI()}, nil
}

func getHealth(*Server, *exchange) (int, any, error) {
	return http.StatusOK, api.Health{Status: "ok"}, nil
}

func getReadiness(s *Server, x *exchange) (int, any, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), 2*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.App.DB.Ping(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done(): // a commit under way is waited for, but a probe is not kept waiting
		err = ctx.Err()
	}
	if err != nil {
		return 0, nil, checkout.Fail(checkout.CodeDatabaseUnavailable, "The server can't reach its database.").Because(err)
	}
	return http.StatusOK, api.Health{Status: "ready"}, nil
}
