package httpapi

import (
	"crypto/rand"
	"net/http"

	"github.com/sliproad/sliproad/internal/checkout"
)

// allowOrigin lets pages of any origin read the answer or, once the project is known and lists origins, only theirs.
func allowOrigin(h http.Header, r *http.Request, project *checkout.Project) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return // not a browser's call across origins
	}
	switch {
	case project == nil || len(project.AllowedOrigins) == 0:
		h.Set("Access-Control-Allow-Origin", "*")
	case project.AllowsOrigin(origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Vary", "Origin")
	default:
		h.Del("Access-Control-Allow-Origin")
		h.Set("Vary", "Origin")
	}
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Idempotent-Replayed")
}

// preflight answers a browser's question before a call. It carries no key, so the project is not known yet: its allowed
// origins are held to in the answer of the call itself.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	call := s.App.NewCall(clientAddress(r, s.TrustedProxies))
	h.Set("X-Request-Id", "req_"+rand.Text())
	s.addresses.peek(network(call.Address), call.Now).headers(h)
	allowOrigin(h, r, nil)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, X-API-Key")
	h.Set("Access-Control-Max-Age", "7200")
	h.Set("Allow", methods)
	w.WriteHeader(http.StatusNoContent)
}
