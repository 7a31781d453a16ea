package httpapi

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// servePage serves what is for people rather than programs, with what belongs to every request.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, op: "page", requestID: "req_" + rand.Text(), endpoint: &endpoint{op: "page", limited: !s.Pages.Cheap(r.URL.Path)}}
	x.call = s.App.NewCall(clientAddress(r, s.TrustedProxies))
	x.call.RequestID = x.requestID
	w.Header()["X-Request-Id"] = []string{x.requestID}
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.Log.LogAttrs(r.Context(), slog.LevelError, "page failed", slog.String("requestId", x.requestID), slog.Any("error", fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
			http.Error(seen, "Something went wrong on our side. Request "+x.requestID, http.StatusInternalServerError)
		}
		took := s.App.Now().Sub(x.call.Now)
		s.metrics.observe(x.op, seen.status, took)
		if s.LogRequests {
			s.log(x, seen.status, took)
		}
	}()
	if s.limitAddress(x) != nil {
		s.Pages.ServeBusy(seen, r)
		return
	}
	s.Pages.ServePage(seen, r, x.call)
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
