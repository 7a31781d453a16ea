package httpapi

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

// Config is what a Server is made of.
type Config struct {
	App            *app.App
	Log            *slog.Logger
	LogRequests    bool           // a line for every request
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	KeyRate        Rate           // for each API key
	AddressRate    Rate           // for each client address, on routes without a key
	Metrics        prometheus.Registerer
	Pages          Pages // what people see; nil: nothing
}

// Pages serves what is for people rather than programs.
type Pages interface {
	// ServePage serves one request. The call has the client's address.
	ServePage(w http.ResponseWriter, r *http.Request, call *checkout.Call)
	// ServeBusy answers in place of ServePage where there are too many requests.
	ServeBusy(w http.ResponseWriter, r *http.Request)
	// Paths are the beginnings of the paths that are its own.
	Paths() []string
	// Cheap tells of a path that may be asked for without limit.
	Cheap(path string) bool
}

// Server answers the API. It is an http.Handler.
type Server struct {
	Config
	mux       *http.ServeMux
	keys      *limiter[checkout.KeyID]
	addresses *limiter[netip.Prefix]
	gateways  *limiter[netip.Prefix] // for notifications
	metrics   *metrics
}

// New makes a Server.
func New(c Config) *Server {
	s := &Server{
		Config: c, mux: http.NewServeMux(),
		keys: newLimiter[checkout.KeyID](c.KeyRate), addresses: newLimiter[netip.Prefix](c.AddressRate),
		gateways: newLimiter[netip.Prefix](c.AddressRate.times(gatewayShare)),
		metrics:  newMetrics(c.Metrics),
	}
	routes := map[string][]*endpoint{}
	for i := range endpoints {
		e := &endpoints[i]
		routes[e.path] = append(routes[e.path], e)
	}
	for path, list := range routes {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, list) })
	}
	if c.Pages != nil {
		for _, path := range c.Pages.Paths() {
			s.mux.HandleFunc(path, s.servePage)
			if bare, ok := strings.CutSuffix(path, "/"); ok {
				s.mux.HandleFunc(bare, s.unknown) // no redirect
			}
		}
	}
	s.mux.HandleFunc("/", s.unknown)
	return s
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, &endpoint{op: "unknown", limited: true, handle: func(*Server, *exchange) (int, any, error) {
		return 0, nil, checkout.Fail(checkout.CodeNotFound, "There is no route "+r.URL.Path+"; see /openapi.yaml.")
	}})
}

// Endpoints lists the operations, for tests that hold the specification to the code.
func Endpoints() []Endpoint {
	list := make([]Endpoint, len(endpoints))
	for i, e := range endpoints {
		list[i] = Endpoint{e.op, e.method, e.path, e.auth.String(), e.cors}
	}
	return list
}

// Endpoint is one row of the table of endpoints.
type Endpoint struct {
	Operation string
	Method    string
	Path      string
	Auth      string // "none", "session" (what opens a session's hosted page), "public" (any key), "secret" or "test" (the secret key of a test project)
	CORS      bool
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The standard mux would redirect such paths; there is nothing at their clean form that we would send anyone to.
	if strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/.") {
		s.unknown(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// dispatch finds the endpoint of the method. HEAD is answered as GET; browsers ask with OPTIONS.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, list []*endpoint) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if i := slices.IndexFunc(list, func(e *endpoint) bool { return e.method == method }); i >= 0 {
		s.serve(w, r, list[i])
		return
	}
	allow := allowed(list)
	if method == http.MethodOptions && slices.ContainsFunc(list, func(e *endpoint) bool { return e.cors }) {
		s.preflight(w, r, allow)
		return
	}
	s.serve(w, r, &endpoint{op: "unknown", limited: true, handle: func(_ *Server, x *exchange) (int, any, error) {
		x.w.Header().Set("Allow", allow)
		return 0, nil, checkout.Fail(checkout.CodeMethodNotAllowed, "This route takes "+allow+", not "+r.Method+".")
	}})
}

func allowed(list []*endpoint) string {
	var methods []string
	for _, e := range list {
		methods = append(methods, e.method)
		if e.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		if e.cors {
			methods = append(methods, http.MethodOptions)
		}
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

// serve runs one request through its endpoint and writes the answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e *endpoint) {
	x := &exchange{w: w, r: r, op: e.op, requestID: "req_" + rand.Text(), endpoint: e}
	header := w.Header()
	header["X-Request-Id"] = []string{x.requestID}
	if e.cors {
		allowOrigin(header, r, nil)
	}
	x.call = s.App.NewCall(clientAddress(r, s.TrustedProxies))
	x.call.RequestID = x.requestID
	status, body := s.guarded(x, func() (int, any, error) { return s.checked(x) })
	if header["X-Ratelimit-Limit"] == nil {
		s.addresses.peek(network(x.call.Address), x.call.Now).headers(header)
	}
	s.write(x, status, body)
	took := s.App.Now().Sub(x.call.Now)
	s.metrics.observe(e.op, status, took)
	if s.LogRequests {
		s.log(x, status, took)
	}
}

func (s *Server) log(x *exchange, status int, took time.Duration) {
	path := x.r.URL.Path
	if strings.HasPrefix(path, "/c/") {
		path = "/c/…" // the whole link opens an order's payment
	}
	attrs := []slog.Attr{
		slog.String("op", x.op), slog.String("method", x.r.Method), slog.String("path", path), slog.Int("status", status),
		slog.Duration("took", took), slog.String("requestId", x.requestID),
	}
	if x.call.Project != nil {
		attrs = append(attrs, slog.String("projectId", string(x.call.Project.ID)))
	}
	s.Log.LogAttrs(x.r.Context(), slog.LevelInfo, "request", attrs...)
}

// guarded turns everything that may happen, a panic included, into a status and a body.
func (s *Server) guarded(x *exchange, run func() (int, any, error)) (status int, body any) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			status, body = s.fail(x, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	status, body, err := run()
	if err != nil {
		status, body = s.fail(x, err)
	}
	return status, body
}
