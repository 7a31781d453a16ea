// Package httpapi is the API over HTTP: the table of endpoints, the one adapter that all of them go through, and what
// belongs to every request: keys, limits, idempotency, errors, CORS, request ids, logs and metrics.
//
// It decides nothing of the domain. Invariant: every non-2xx answer has the error envelope of contract §1 and a request
// id, and tells nothing of the inside.
package httpapi
