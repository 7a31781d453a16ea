// Package gatewaycall makes the calls to gateways' APIs: one request, one answer of JSON, under the caller's deadline.
//
// It knows no gateway, and has no say in what is asked. Invariant: what it returns as an error holds none of the secrets that
// it was told of, and no answer is read beyond its limit.
package gatewaycall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxAnswerBytes bounds an answer. Lists of what a gateway serves are a few megabytes.
const maxAnswerBytes = 16 << 20

// maxExcerptChars bounds what an error tells of an answer.
const maxExcerptChars = 300

// idleConns are kept open to one host; of the default two, the others of a busy time would each begin with a TLS handshake.
const idleConns = 64

// transport is that of clients that have none of their own.
var transport = func() http.RoundTripper {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	own := standard.Clone()
	own.MaxIdleConns, own.MaxIdleConnsPerHost = 4*idleConns, idleConns
	return own
}()

// Client calls one gateway's API for one account. The zero Client has no secrets and calls as http.DefaultClient
// does. No redirect is followed.
type Client struct {
	HTTP    *http.Client
	Secrets []string // which no error may tell
}

// Error is an answer that is not 2xx.
type Error struct {
	Status     int
	Body       []byte        // whole, to look for the gateway's own code; not for people
	RetryAfter time.Duration // 0: not told
	text       string
}

func (e *Error) Error() string { return e.text }

// Pause makes it a gateway.TooMany.
func (e *Error) Pause() (time.Duration, bool) {
	return e.RetryAfter, e.Status == http.StatusTooManyRequests || e.RetryAfter > 0
}

// Status is the status of the answer that the error is; 0: it is none.
func Status(err error) int {
	var answer *Error
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.Status
}

// Request is one call. Body, if not nil, is sent as JSON; Form, if not nil, as a form.
type Request struct {
	Method  string
	URL     string
	Header  http.Header
	Body    any
	Raw     []byte // sent as it is, in place of Body: where the bytes are signed
	Form    url.Values
	Private bool // an answer of success brings a new secret, of which no error may tell
}

// attempts is how often a question without effect is asked.
const attempts = 2

// JSON makes the call and decodes the answer, with numbers into json.Number, unless into is nil. A GET that meets a broken
// connection or a 502, 503 or 504 is asked once more, unless it was told to wait. An answer that is not 2xx is an *Error.
func (c *Client) JSON(ctx context.Context, r Request, into any) error {
	var err error
	for range attempts {
		if err = c.once(ctx, r, into); err == nil || r.Method != http.MethodGet || !passing(err) || ctx.Err() != nil {
			break
		}
	}
	return c.hide(err)
}

// passing tells of a failure that may be over the next moment.
func passing(err error) bool {
	var answer *Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		return false
	}
	var sent *url.Error
	switch Status(err) {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return errors.As(err, &sent)
}

func (c *Client) once(ctx context.Context, r Request, into any) error {
	request, err := newRequest(ctx, r)
	if err != nil {
		return err
	}
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	if client.Transport == nil {
		client.Transport = transport
	}
	// No gateway's API redirects, and the credentials of the request, many in headers of their own, would go along.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	err = errors.Join(err, res.Body.Close())
	where := r.Method + " " + request.URL.Host + request.URL.Path
	switch {
	case err != nil:
		return fmt.Errorf("%s: the answer broke off: %w", where, err)
	case len(body) > maxAnswerBytes:
		return fmt.Errorf("%s: the answer is larger than %d bytes", where, maxAnswerBytes)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return &Error{
			Status: res.StatusCode, Body: body, RetryAfter: retryAfter(res.Header),
			text: fmt.Sprintf("%s: answered %d: %s", where, res.StatusCode, c.excerpt(body)),
		}
	case into == nil:
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	switch err := decoder.Decode(into); {
	case err != nil && r.Private:
		return fmt.Errorf("%s: the answer, of %d bytes, is not what was expected", where, len(body))
	case err != nil:
		return fmt.Errorf("%s: the answer is not what was expected: %w: %s", where, err, c.excerpt(body))
	}
	return nil
}

func newRequest(ctx context.Context, r Request) (*http.Request, error) {
	body, media := r.Raw, "application/json"
	switch {
	case r.Form != nil:
		body, media = []byte(r.Form.Encode()), "application/x-www-form-urlencoded"
	case r.Body != nil:
		var err error
		if body, err = json.Marshal(r.Body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "sliproad")
	if body != nil {
		request.Header.Set("Content-Type", media)
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return request, nil
}

// retryAfter reads for how long to wait: seconds, or a time, which is compared with the answer's own.
func retryAfter(h http.Header) time.Duration {
	given := h.Get("Retry-After")
	wait, err := time.ParseDuration(given + "s")
	if err != nil {
		until, err1 := http.ParseTime(given)
		now, err2 := http.ParseTime(h.Get("Date"))
		if err1 != nil || err2 != nil {
			return 0
		}
		wait = until.Sub(now)
	}
	return max(0, wait)
}

// excerpt is the beginning of the answer, without the secrets: one that is cut in two would not be found any more.
func (c *Client) excerpt(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(c.without(string(body)), "�")), " ")
	if utf8.RuneCountInString(text) > maxExcerptChars {
		text = string([]rune(text)[:maxExcerptChars]) + "…"
	}
	return text
}

// hidden is an error without the secrets; what it was stays known to errors.As and errors.Is.
type hidden struct {
	text  string
	cause error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.cause }

// hide takes the secrets out of the error's text: an URL or an answer may repeat them, plain or escaped.
func (c *Client) hide(err error) error {
	if err == nil {
		return nil
	}
	if text := c.without(err.Error()); text != err.Error() {
		return hidden{text, err}
	}
	return err
}

func (c *Client) without(text string) string {
	var all []string
	for _, secret := range c.Secrets {
		if secret != "" {
			all = append(all, forms(secret)...)
		}
	}
	// The longest first: of a secret that begins with another, the rest would stay.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, form := range all {
		text = strings.ReplaceAll(text, form, "[hidden]")
	}
	return text
}

// forms are the ways in which an URL or JSON may have the secret; some writers of JSON escape slashes, some angle brackets.
func forms(secret string) []string {
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(secret) // can't fail: it is text
	angled, _ := json.Marshal(secret)
	for _, quoted := range []string{strings.TrimSuffix(plain.String(), "\n"), string(angled)} {
		inner := quoted[1 : len(quoted)-1]
		all = append(all, inner, strings.ReplaceAll(inner, "/", `\/`))
	}
	return all
}
