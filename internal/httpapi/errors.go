package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// CodeStatus is the HTTP status of every error code, and after how many seconds a repetition may succeed (0: none is
// told). It is the only place where codes meet HTTP.
var CodeStatus = map[checkout.Code]struct {
	Status            int
	RetryAfterSeconds int
}{
	checkout.CodeMissingAPIKey:         {http.StatusUnauthorized, 0},
	checkout.CodeInvalidAPIKey:         {http.StatusUnauthorized, 0},
	checkout.CodeInvalidSignature:      {http.StatusUnauthorized, 0},
	checkout.CodeForbidden:             {http.StatusForbidden, 0},
	checkout.CodeValidation:            {http.StatusBadRequest, 0},
	checkout.CodeInvalidGateway:        {http.StatusBadRequest, 0},
	checkout.CodeInvalidCurrency:       {http.StatusBadRequest, 0},
	checkout.CodeInvalidNetwork:        {http.StatusBadRequest, 0},
	checkout.CodeInvalidAmount:         {http.StatusBadRequest, 0},
	checkout.CodePayloadTooLarge:       {http.StatusRequestEntityTooLarge, 0},
	checkout.CodeUnsupportedMediaType:  {http.StatusUnsupportedMediaType, 0},
	checkout.CodeNotFound:              {http.StatusNotFound, 0},
	checkout.CodeTransactionNotFound:   {http.StatusNotFound, 0},
	checkout.CodeMethodNotAllowed:      {http.StatusMethodNotAllowed, 0},
	checkout.CodeSessionAlreadyUsed:    {http.StatusConflict, 0},
	checkout.CodeSessionExpired:        {http.StatusConflict, 0},
	checkout.CodeSessionCancelled:      {http.StatusConflict, 0},
	checkout.CodeIdempotencyConflict:   {http.StatusConflict, 0},
	checkout.CodeIdempotencyInProgress: {http.StatusConflict, 1},
	checkout.CodeRateLimitExceeded:     {http.StatusTooManyRequests, 1},
	checkout.CodeInternal:              {http.StatusInternalServerError, 0},
	checkout.CodeGatewayUnavailable:    {http.StatusServiceUnavailable, 2},
	checkout.CodeDatabaseUnavailable:   {http.StatusServiceUnavailable, 1},
}

// statusClientGone is what logs and metrics say of a request whose client hung up.
const statusClientGone = 499

// fail makes the answer of an error. What is not a *checkout.Error is internal: logged, not told.
func (s *Server) fail(x *exchange, err error) (status int, body any) {
	var e *checkout.Error
	if !errors.As(err, &e) {
		e = checkout.Fail(checkout.CodeInternal, "The server failed; repeat the request, and tell the operator the request id if it stays.").Because(err)
	}
	row, ok := CodeStatus[e.Code]
	if !ok {
		row = CodeStatus[checkout.CodeInternal]
	}
	if errors.Is(err, context.Canceled) && x.r.Context().Err() != nil {
		row.Status = statusClientGone // nobody reads the answer; it is no fault of ours
	}
	switch {
	case errors.Is(err, gateway.ErrMalformed): // genuine, so that nobody fills the log; and lost, unless somebody looks
		s.Log.LogAttrs(x.r.Context(), slog.LevelWarn, "a gateway's notification can't be read", slog.String("requestId", x.requestID), slog.String("path", x.r.URL.Path), slog.Any("error", err))
	case row.Status >= http.StatusInternalServerError:
		s.Log.LogAttrs(x.r.Context(), slog.LevelError, "request failed", slog.String("requestId", x.requestID), slog.String("op", x.op), slog.Any("error", err))
	}
	header := x.w.Header()
	if row.RetryAfterSeconds > 0 && header.Get("Retry-After") == "" {
		header.Set("Retry-After", strconv.Itoa(row.RetryAfterSeconds))
	}
	envelope := api.ErrorEnvelope{Error: api.ErrorBody{Code: string(e.Code), Message: e.Message, Details: []api.FieldError{}, RequestID: x.requestID}}
	for _, f := range e.Fields {
		envelope.Error.Details = append(envelope.Error.Details, api.FieldError{Field: f.Field, Message: f.Message})
	}
	return row.Status, envelope
}
