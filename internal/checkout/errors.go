package checkout

import (
	"errors"
	"strings"
)

// Code names a kind of failure on the wire (contract §1).
type Code string

// The error codes of the contract. Each has one row in Codes.
const (
	CodeMissingAPIKey         Code = "MISSING_API_KEY"
	CodeInvalidAPIKey         Code = "INVALID_API_KEY"
	CodeInvalidSignature      Code = "INVALID_SIGNATURE"
	CodeForbidden             Code = "FORBIDDEN"
	CodeValidation            Code = "VALIDATION_ERROR"
	CodeInvalidGateway        Code = "INVALID_GATEWAY"
	CodeInvalidCurrency       Code = "INVALID_CURRENCY"
	CodeInvalidNetwork        Code = "INVALID_NETWORK"
	CodeInvalidAmount         Code = "INVALID_AMOUNT"
	CodePayloadTooLarge       Code = "PAYLOAD_TOO_LARGE"
	CodeUnsupportedMediaType  Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeNotFound              Code = "NOT_FOUND"
	CodeTransactionNotFound   Code = "TRANSACTION_NOT_FOUND"
	CodeMethodNotAllowed      Code = "METHOD_NOT_ALLOWED"
	CodeSessionAlreadyUsed    Code = "SESSION_ALREADY_USED"
	CodeSessionExpired        Code = "SESSION_EXPIRED"
	CodeSessionCancelled      Code = "SESSION_CANCELLED"
	CodeIdempotencyConflict   Code = "IDEMPOTENCY_CONFLICT"
	CodeIdempotencyInProgress Code = "IDEMPOTENCY_IN_PROGRESS"
	CodeRateLimitExceeded     Code = "RATE_LIMIT_EXCEEDED"
	CodeInternal              Code = "INTERNAL_ERROR"
	CodeGatewayUnavailable    Code = "GATEWAY_UNAVAILABLE"
	CodeDatabaseUnavailable   Code = "DATABASE_UNAVAILABLE"
)

// CodeInfo is what a code means and what its reader can do.
type CodeInfo struct {
	Code    Code
	Meaning string
	Remedy  string
}

// Codes lists every error code; docs/errors.md is generated from it.
var Codes = []CodeInfo{
	{CodeMissingAPIKey, "The request carries no API key.", "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`."},
	{CodeInvalidAPIKey, "The API key is unknown, malformed, revoked or expired.", "Use a current key of the project; `sliproad key list` shows which there are."},
	{CodeInvalidSignature, "A gateway's notification carries no valid signature. Nothing was changed.", "Check the notification secret that the gateway has."},
	{CodeForbidden, "The key may not do this, or the `clientSecret` is not the session's.", "Use the secret key on routes of the backend; use the `clientSecret` that came with this very session."},
	{CodeValidation, "The request is malformed, or a value breaks a rule or a lock of the session. `details` lists every failing member.", "Correct the members named in `details`."},
	{CodeInvalidGateway, "The gateway is unknown, or not enabled for this project.", "Leave `gateway` out to use the project's default."},
	{CodeInvalidCurrency, "The gateway does not serve this fiat or crypto currency.", "Choose another currency or gateway."},
	{CodeInvalidNetwork, "The gateway does not serve the currency on this network.", "Choose a network of the currency."},
	{CodeInvalidAmount, "The amount is outside the gateway's limits.", "Choose an amount within the limits that the message names."},
	{CodePayloadTooLarge, "The body is larger than 64 KiB.", "Send less; `metadata` takes at most 4096 bytes."},
	{CodeUnsupportedMediaType, "The body's `Content-Type` is not JSON.", "Send `Content-Type: application/json`."},
	{CodeNotFound, "There is no such route, or no such resource in this project.", "Check the path, the id, and that the key belongs to the resource's project."},
	{CodeTransactionNotFound, "There is no such order in the project that `projectId` names.", "Check the order's id and the project's."},
	{CodeMethodNotAllowed, "The route exists, but not for this method.", "Use a method that the `Allow` header names."},
	{CodeSessionAlreadyUsed, "The session already has its order.", "Read the session: its `orderId` names the order. Create a new session for a new purchase."},
	{CodeSessionExpired, "The session's time is over.", "Create a new session."},
	{CodeSessionCancelled, "The session was cancelled.", "Create a new session."},
	{CodeIdempotencyConflict, "The `Idempotency-Key` was used with another method, path or body.", "Use a fresh key for a different request."},
	{CodeIdempotencyInProgress, "The first request with this `Idempotency-Key` is still running.", "Repeat the same request after `Retry-After` seconds."},
	{CodeRateLimitExceeded, "Too many requests.", "Wait `Retry-After` seconds."},
	{CodeInternal, "The server failed. Nothing about the cause is told.", "Repeat with the same `Idempotency-Key`; if it stays, tell the operator the `requestId`."},
	{CodeGatewayUnavailable, "The payment gateway failed or did not answer in time. The session is not used up.", "Repeat after a moment, or name another gateway."},
	{CodeDatabaseUnavailable, "The server can't reach its database at the moment.", "Repeat after `Retry-After` seconds with the same `Idempotency-Key`."},
}

// FieldError is one failing member of a request.
type FieldError struct {
	Field   string
	Message string
}

// Error is a failure that the caller is told of. Anything that is not an *Error is an internal error.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError
	cause   error
}

// Fail makes an Error without fields.
func Fail(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// FailField makes an Error about one member of the request.
func FailField(code Code, field, message string) *Error {
	return &Error{Code: code, Message: field + " " + message + ".", Fields: []FieldError{{field, message}}}
}

// Because returns the error with its cause, which is logged and never told.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

func (e *Error) Error() string {
	if e.cause != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.cause.Error()
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// CodeOf is the code of the error, or CodeInternal where it is no *Error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// NotFound is the error for a resource that the caller's project doesn't have, or for the project itself.
func NotFound(kind string) *Error {
	if kind == "project" {
		return Fail(CodeNotFound, "There is no such project.")
	}
	return Fail(CodeNotFound, "There is no such "+kind+" in this project.")
}

// Problems collects the failing members of a request, so that all are told at once (contract §1).
type Problems struct{ list []FieldError }

// Add notes that the member fails; the message continues the member's name ("must be …").
func (p *Problems) Add(field, message string) {
	p.list = append(p.list, FieldError{field, message})
}

// AddError notes the error's text for the member, if there is an error.
func (p *Problems) AddError(field string, err error) {
	if err != nil {
		p.Add(field, err.Error())
	}
}

// Has tells whether the member, or one inside it, has already failed.
func (p *Problems) Has(field string) bool {
	for _, f := range p.list {
		if f.Field == field || strings.HasPrefix(f.Field, field+".") {
			return true
		}
	}
	return false
}

// Err is nil without problems, else a VALIDATION_ERROR that lists them.
func (p *Problems) Err() error {
	switch len(p.list) {
	case 0:
		return nil
	case 1:
		return FailField(CodeValidation, p.list[0].Field, p.list[0].Message)
	}
	names := make([]string, len(p.list))
	for i, f := range p.list {
		names[i] = f.Field
	}
	return &Error{Code: CodeValidation, Message: "These members are not valid: " + strings.Join(names, ", ") + ".", Fields: p.list}
}
