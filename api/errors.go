package api

import (
	"fmt"
	"slices"
	"strings"
)

// Error codes (contract §1). A code always comes with the same HTTP status.
const (
	CodeMissingAPIKey         = "MISSING_API_KEY"
	CodeInvalidAPIKey         = "INVALID_API_KEY"
	CodeInvalidSignature      = "INVALID_SIGNATURE"
	CodeForbidden             = "FORBIDDEN"
	CodeValidation            = "VALIDATION_ERROR"
	CodeInvalidGateway        = "INVALID_GATEWAY"
	CodeInvalidCurrency       = "INVALID_CURRENCY"
	CodeInvalidNetwork        = "INVALID_NETWORK"
	CodeInvalidAmount         = "INVALID_AMOUNT"
	CodePayloadTooLarge       = "PAYLOAD_TOO_LARGE"
	CodeUnsupportedMediaType  = "UNSUPPORTED_MEDIA_TYPE"
	CodeNotFound              = "NOT_FOUND"
	CodeTransactionNotFound   = "TRANSACTION_NOT_FOUND"
	CodeMethodNotAllowed      = "METHOD_NOT_ALLOWED"
	CodeSessionAlreadyUsed    = "SESSION_ALREADY_USED"
	CodeSessionExpired        = "SESSION_EXPIRED"
	CodeSessionCancelled      = "SESSION_CANCELLED"
	CodeIdempotencyConflict   = "IDEMPOTENCY_CONFLICT"
	CodeIdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS"
	CodeRateLimitExceeded     = "RATE_LIMIT_EXCEEDED"
	CodeInternal              = "INTERNAL_ERROR"
	CodeGatewayUnavailable    = "GATEWAY_UNAVAILABLE"
	CodeDatabaseUnavailable   = "DATABASE_UNAVAILABLE"
)

var errorCodes = []string{
	CodeMissingAPIKey, CodeInvalidAPIKey, CodeInvalidSignature, CodeForbidden, CodeValidation, CodeInvalidGateway,
	CodeInvalidCurrency, CodeInvalidNetwork, CodeInvalidAmount, CodePayloadTooLarge, CodeUnsupportedMediaType, CodeNotFound,
	CodeTransactionNotFound, CodeMethodNotAllowed, CodeSessionAlreadyUsed, CodeSessionExpired, CodeSessionCancelled,
	CodeIdempotencyConflict, CodeIdempotencyInProgress, CodeRateLimitExceeded, CodeInternal, CodeGatewayUnavailable, CodeDatabaseUnavailable,
}

// ErrorCodes returns every code of the document, in its order.
func ErrorCodes() []string { return slices.Clone(errorCodes) }

// ErrorEnvelope is the body of every answer that is not 2xx (contract §1). Success is false.
type ErrorEnvelope struct {
	Success bool      `json:"success"`
	Error   ErrorBody `json:"error"`
}

// ErrorBody says what went wrong. Details is never nil on the wire: [] where it is about no member.
type ErrorBody struct {
	Code      string       `json:"code"`
	Message   string       `json:"message"`
	Details   []FieldError `json:"details"`
	RequestID string       `json:"requestId"`
}

// FieldError is one member of the request that is wrong.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is what the client returns for an answer that is not 2xx. Code is empty if the answer was not Sliproad's own, such
// as a proxy's.
type Error struct {
	Status    int
	Code      string
	Message   string
	Details   []FieldError
	RequestID string
}

// Error tells status, code, message, details and request id in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sliproad: %d", e.Status)
	if e.Code != "" {
		fmt.Fprintf(&b, " %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	for i, d := range e.Details {
		sep := "; "
		if i == 0 {
			sep = " ("
		}
		fmt.Fprintf(&b, "%s%s %s", sep, d.Field, d.Message)
	}
	if len(e.Details) > 0 {
		b.WriteString(")")
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [%s]", e.RequestID)
	}
	return b.String()
}
