package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

// exchange is one request and what is known of it so far.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	op        string
	requestID string
	endpoint  *endpoint
	call      *checkout.Call
	raw       []byte
	body      object
}

// checked takes the request through the checks in the contract's order: key, rate, kind of key, body; then the
// endpoint's own. An Idempotency-Key stands between them and the endpoint.
func (s *Server) checked(x *exchange) (int, any, error) {
	ctx := x.r.Context()
	e := x.endpoint
	if e.auth.keyless() {
		if err := s.limitAddress(x); err != nil {
			return 0, nil, err
		}
	} else {
		if err := s.App.Authenticate(ctx, x.call, apiKey(x.r)); err != nil {
			return 0, nil, err
		}
		if e.cors {
			allowOrigin(x.w.Header(), x.r, x.call.Project)
		}
		if err := s.limitKey(x); err != nil {
			return 0, nil, err
		}
	}
	if e.auth >= authSecret {
		if err := app.RequireSecret(x.call, e.auth == authTest); err != nil {
			return 0, nil, err
		}
	}
	if e.method != http.MethodPost && e.method != http.MethodPatch {
		return e.handle(s, x)
	}
	if err := x.read(e.maxBody()); err != nil {
		return 0, nil, err
	}
	s.App.Renew(x.call) // a slow body must not outlive a session's time
	if e.rawBody {
		return e.handle(s, x)
	}
	return s.idempotent(ctx, x, func() (int, any, error) {
		if len(bytes.TrimSpace(x.raw)) > 0 || !e.bodyOptional {
			var err error
			if x.body, err = parseObject(x.raw); err != nil {
				return 0, nil, err
			}
		}
		return e.handle(s, x)
	})
}

func apiKey(r *http.Request) string {
	if auth := r.Header.Get("Authorization"); auth != "" {
		if scheme, key, ok := strings.Cut(auth, " "); ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
	}
	return r.Header.Get("X-Api-Key")
}

// read reads the body, at most so many bytes, of JSON by its media type.
func (x *exchange) read(maxBytes int64) error {
	if x.r.ContentLength == 0 {
		return nil
	}
	if given := x.r.Header.Get("Content-Type"); given != "" && given != "application/json" && !x.endpoint.rawBody {
		media, _, err := mime.ParseMediaType(given)
		if err != nil || (media != "application/json" && !strings.HasSuffix(media, "+json")) {
			return checkout.Fail(checkout.CodeUnsupportedMediaType, "The body must be JSON; send Content-Type: application/json.")
		}
	}
	tooLarge := checkout.Fail(checkout.CodePayloadTooLarge, "The body must have at most "+strconv.FormatInt(maxBytes, 10)+" bytes.")
	if x.r.ContentLength > maxBytes {
		x.w.Header().Set("Connection", "close") // what is on its way is not read
		return tooLarge
	}
	body := http.MaxBytesReader(x.w, x.r.Body, maxBytes)
	var err error
	if x.r.ContentLength > 0 {
		x.raw = make([]byte, x.r.ContentLength)
		_, err = io.ReadFull(body, x.raw)
	} else {
		x.raw, err = io.ReadAll(body)
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case err != nil:
		return checkout.FailField(checkout.CodeValidation, "body", "could not be read to its end").Because(err)
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// stored is an answer already in bytes.
type stored struct {
	contentType string
	bytes       []byte
}

const jsonType = "application/json; charset=utf-8"

func encode(body any) (stored, error) {
	if ready, ok := body.(stored); ok {
		return ready, nil
	}
	buf, _ := buffers.Get().(*bytes.Buffer) // New makes nothing else
	defer buffers.Put(buf)
	buf.Reset()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return stored{}, err
	}
	return stored{jsonType, bytes.Clone(buf.Bytes())}, nil
}

func (s *Server) write(x *exchange, status int, body any) {
	answer, err := encode(body)
	if err != nil {
		var failed any
		status, failed = s.fail(x, err)
		answer, _ = encode(failed)
	}
	header := x.w.Header()
	header["Content-Type"] = []string{answer.contentType}
	header["Content-Length"] = []string{strconv.Itoa(len(answer.bytes))}
	header["X-Content-Type-Options"] = []string{"nosniff"}
	if x.endpoint.auth != authNone {
		header["Cache-Control"] = []string{"no-store"}
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(answer.bytes) // a client that has gone can't be told
}

// detached is a context that outlives the client's connection, for what must be finished once begun.
func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
