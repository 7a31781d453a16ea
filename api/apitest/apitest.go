// Package apitest holds answers of a Sliproad server to the OpenAPI document: status, headers and body.
//
// It is for tests. It does not check requests, and it is stricter than a client may be: an attribute, status or route under
// /v1 that the document does not have is a problem, so that nothing appears without being written down.
//
// Invariant: every schema is compiled once per process and never changed, so checks may run at once.
package apitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// NewTransport returns a transport that sends through next (nil: [http.DefaultTransport]) and reports whatever is wrong with
// an answer. report may be called from many goroutines; [testing.T.Error] fits, wrapped. The answer reaches the caller as it
// came.
func NewTransport(next http.RoundTripper, report func(problem string)) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{next: next, report: report}
}

type transport struct {
	next   http.RoundTripper
	report func(string)
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, cut := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if cut != nil {
		// How the reading ended is the caller's to see; only whole answers are checked.
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), &failingReader{cut}))
	} else {
		for _, p := range Check(req.Method, req.URL.EscapedPath(), resp.StatusCode, resp.Header, body) {
			t.report(fmt.Sprintf("%s %s: %d: %s", req.Method, req.URL.EscapedPath(), resp.StatusCode, p))
		}
	}
	return resp, nil
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// Check returns what is wrong with an answer; nothing if all is well. Paths that the document does not have may be answered
// 404 NOT_FOUND, and outside of /v1 and /gateways anything that is not an error in JSON.
func Check(method, escapedPath string, status int, header http.Header, body []byte) []string {
	s, err := loaded()
	if err != nil {
		return []string{"the document is broken: " + err.Error()}
	}
	// Preflights have no body; 431 is said by net/http before any handler.
	if method == http.MethodOptions || status == http.StatusRequestHeaderFieldsTooLarge {
		return nil
	}
	p := s.match(escapedPath)
	if p == nil {
		return s.checkUnknown(escapedPath, status, header, body)
	}
	op := p.operations[method]
	if op == nil && method == http.MethodHead {
		op, body = p.operations[http.MethodGet], nil
	}
	if op == nil {
		if status != http.StatusMethodNotAllowed {
			return []string{"undocumented operation: want 405"}
		}
		return s.methodNotAllowed.check(method, header, body)
	}
	r := op[status]
	if r == nil {
		return []string{"undocumented status"}
	}
	return r.check(method, header, body)
}

func (s *spec) checkUnknown(path string, status int, header http.Header, body []byte) []string {
	documented := strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/gateways/") || strings.HasPrefix(path, "/public/")
	switch {
	case status == http.StatusNotFound && (documented || isJSON(header)):
		return s.routeNotFound.check("", header, body)
	case status >= 400 && (documented || isJSON(header)):
		return s.anyError.check("", header, body)
	case status < 300 && documented:
		return []string{"undocumented operation"}
	}
	return nil
}

// Validate returns why a JSON text is not valid against a schema of the document's components, such as "SessionCreated";
// nil if it is. Undocumented members are not valid.
func Validate(schema string, text []byte) error {
	s, err := loaded()
	if err != nil {
		return err
	}
	v, ok := s.schemas[schema]
	if !ok {
		return fmt.Errorf("no schema %q", schema)
	}
	return validate(v, text)
}
