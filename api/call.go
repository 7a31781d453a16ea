package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// responseBytesMax bounds what the client reads of an answer: a page of 100 resources is far below.
const responseBytesMax = 8 << 20

// retryAfterMax bounds how long a server can make the client wait between two attempts.
const retryAfterMax = 30 * time.Second

// call is one request, before its attempts.
type call struct {
	method         string
	path           string
	query          url.Values
	body           any
	idempotencyKey string
	// creates is set where sending twice would make two things, so that an idempotency key is always sent.
	creates bool
}

// repeatable: sent twice, the request still takes effect once.
func (c *call) repeatable() bool { return c.method == http.MethodGet || c.idempotencyKey != "" }

// send makes the request, again where that is safe and may help, and decodes the answer.
func send[T any](ctx context.Context, c *Client, cl call, opts []CallOption) (*T, error) {
	for _, o := range opts {
		o(&cl)
	}
	if cl.creates && cl.idempotencyKey == "" {
		cl.idempotencyKey = rand.Text()
	}
	var body []byte
	if cl.body != nil {
		var err error
		if body, err = json.Marshal(cl.body); err != nil {
			return nil, fmt.Errorf("sliproad: encode request: %w", err)
		}
	}
	for attempt := 0; ; attempt++ {
		answer, retryAfter, err := c.attempt(ctx, &cl, body)
		if err == nil {
			out := new(T)
			if err := json.Unmarshal(answer, out); err != nil {
				return nil, fmt.Errorf("sliproad: decode answer: %w", err)
			}
			return out, nil
		}
		if attempt >= c.retries || !cl.repeatable() || !transient(err) || ctx.Err() != nil {
			return nil, err
		}
		if !wait(ctx, c.pause(attempt, retryAfter)) {
			return nil, err
		}
	}
}

// attempt sends the request once. It returns the body of a 2xx answer, or an error, with the server's Retry-After if any.
func (c *Client) attempt(ctx context.Context, cl *call, body []byte) ([]byte, time.Duration, error) {
	target := c.base + cl.path
	if len(cl.query) > 0 {
		target += "?" + cl.query.Encode()
	}
	// A nil reader inside a non-nil interface would announce a body, so none is given for requests without.
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, target, reader)
	if err != nil {
		return nil, 0, &permanentError{err}
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if cl.idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", cl.idempotencyKey)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("sliproad: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, responseBytesMax+1))
	if err != nil {
		return nil, 0, fmt.Errorf("sliproad: read answer: %w", err)
	}
	if len(answer) > responseBytesMax {
		return nil, 0, &permanentError{fmt.Errorf("answer is larger than %d bytes", responseBytesMax)}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, retryAfter(resp.Header), answerError(resp, answer)
	}
	return answer, 0, nil
}

// answerError reads the envelope; an answer without one, such as a proxy's, keeps its status only.
func answerError(resp *http.Response, body []byte) *Error {
	var env ErrorEnvelope
	if err := json.Unmarshal(body, &env); err != nil || env.Error.Code == "" {
		return &Error{
			Status:    resp.StatusCode,
			Message:   http.StatusText(resp.StatusCode),
			RequestID: resp.Header.Get("X-Request-Id"),
		}
	}
	return &Error{
		Status:    resp.StatusCode,
		Code:      env.Error.Code,
		Message:   env.Error.Message,
		Details:   env.Error.Details,
		RequestID: env.Error.RequestID,
	}
}

// permanentError is one that another attempt cannot help.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return "sliproad: " + e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// transient: another attempt may help. Besides 429 and 503 that is the answer to a repeated request whose first one, on a
// connection since lost, is still at work.
func transient(err error) bool {
	var answer *Error
	if errors.As(err, &answer) {
		return answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusServiceUnavailable ||
			answer.Code == CodeIdempotencyInProgress
	}
	var permanent *permanentError
	return !errors.As(err, &permanent)
}

// retryAfter reads the header's seconds; 0 if there is none. The server sends no dates.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, retryAfterMax)
}

// pause is how long to wait before the attempt after this one: what the server asked for, or a doubling delay with jitter
// so that clients do not come back all at once.
func (c *Client) pause(attempt int, asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	delay := min(min(c.delay, retryAfterMax)<<min(attempt, 8), retryAfterMax)
	if delay <= 0 {
		return 0
	}
	return delay/2 + mathrand.N(delay/2+1) //nolint:gosec // jitter is no secret
}

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
