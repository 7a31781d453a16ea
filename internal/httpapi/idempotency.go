package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"unicode/utf8"

	"github.com/sliproad/sliproad/internal/checkout"
)

// idempotent runs the request once for its Idempotency-Key and replays the first answer afterwards (contract §1).
func (s *Server) idempotent(ctx context.Context, x *exchange, run func() (int, any, error)) (int, any, error) {
	key := x.r.Header.Get("Idempotency-Key")
	if key == "" || x.r.Method != http.MethodPost || x.endpoint.auth.keyless() { // its scope is the key's project
		return run()
	}
	if utf8.RuneCountInString(key) > checkout.MaxIdempotencyChars || !checkout.Storable(key) {
		return 0, nil, checkout.FailField(checkout.CodeValidation, "Idempotency-Key", "must have at most 255 characters, in UTF-8")
	}
	rec, replay, err := s.App.BeginIdempotent(ctx, x.call, key, fingerprint(x))
	if err != nil {
		return 0, nil, err
	}
	if replay != nil {
		requestID, body, _ := bytes.Cut(replay.Body, []byte{'\n'})
		x.w.Header().Set("Idempotent-Replayed", "true")
		x.w.Header().Set("X-Request-Id", string(requestID)) // the same as error.requestId in the body
		return replay.Status, stored{jsonType, body}, nil
	}
	status, body := s.guarded(x, run)
	answer, err := encode(body)
	if err != nil {
		return 0, nil, err
	}
	kept := append([]byte(x.requestID+"\n"), answer.bytes...)
	return status, answer, s.App.FinishIdempotent(detached(ctx), rec, status, kept)
}

// fingerprint is what makes a request the same as the first with its key: kind of key, method, path and body.
func fingerprint(x *exchange) [32]byte {
	h := sha256.New()
	for _, part := range []string{string(x.call.Key.Kind), x.r.Method, x.r.URL.RequestURI()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(x.raw)
	return [32]byte(h.Sum(nil))
}
