package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/gateway"
)

// Wire hands a client's requests to a handler, without a network, and keeps them. The handler is asked in the place of every
// host: the request's Host and TLS tell which was meant.
type Wire struct {
	handler http.Handler
	mu      sync.Mutex
	calls   []Call
}

// NewWire makes a Wire. With no handler every request fails.
func NewWire(handler http.Handler) *Wire { return &Wire{handler: handler} }

// Calls are the requests so far, with the first value of each of their headers.
func (w *Wire) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// RoundTrip answers the request by the handler.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	call := Call{Method: r.Method, URL: r.URL.String(), Header: map[string]string{}}
	for name := range r.Header {
		call.Header[name] = r.Header.Get(name)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	call.Body = string(body)
	w.mu.Lock()
	w.calls = append(w.calls, call)
	w.mu.Unlock()
	if w.handler == nil {
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	served := r.Clone(r.Context())
	served.Body, served.RequestURI, served.Host, served.RemoteAddr = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI(), r.URL.Host, "192.0.2.1:1234"
	served.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, served)
	res := recorder.Result()
	res.Request = r
	return res, nil
}

// compareCalls holds the requests that were made to those that were wanted.
func compareCalls(t *testing.T, got, want []Call) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d requests were made, want %d: %+v", len(got), len(want), got)
		return
	}
	for i, w := range want {
		g := got[i]
		named := maps.Clone(g.Header)
		maps.DeleteFunc(named, func(name, _ string) bool {
			_, ok := w.Header[name]
			return !ok
		})
		if len(w.Header) == 0 {
			named = nil
		}
		g.Header = named
		g.URL, w.URL = plainURL(g.URL, nil), plainURL(w.URL, nil)
		g.Body, w.Body = plainBody(g.Body), plainBody(w.Body)
		if len(w.Header) == 0 {
			w.Header = nil
		}
		if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("request %d differs (-want +got):\n%s", i+1, diff)
		}
	}
}

// plainURL is the URL with its parameters in order, one a line, without those to leave out.
func plainURL(text string, without []string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	query := u.Query()
	for _, name := range without {
		query.Del(name)
	}
	u.RawQuery = ""
	lines := []string{u.String()}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			lines = append(lines, name+"="+value)
		}
	}
	return strings.Join(lines, "\n")
}

// plainBody is JSON in one form, or the text as it is.
func plainBody(text string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return text
	}
	plain, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return text
	}
	return string(plain)
}

// Answer is a server that gives every request the same answer of JSON.
func Answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// Tokens keeps tokens in memory.
type Tokens struct {
	mu    sync.Mutex
	known map[string][]string
}

var _ gateway.Tokens = (*Tokens)(nil)

// NewTokens makes a Tokens that has none.
func NewTokens() *Tokens { return &Tokens{known: map[string][]string{}} }

// Put makes the value the current token by the name.
func (k *Tokens) Put(name, value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[name] = append([]string{value}, k.known[name]...)
}

// Current is the newest token, or a new one.
func (k *Tokens) Current(ctx context.Context, name string, renew func(context.Context) (gateway.Token, error)) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.known[name]; len(known) > 0 && known[0] != "" {
		return known[0], nil
	}
	token, err := renew(ctx)
	if err != nil {
		return "", err
	}
	k.known[name] = append([]string{token.Value}, k.known[name]...)
	return token.Value, nil
}

// Known are the tokens by the name, the newest first.
func (k *Tokens) Known(_ context.Context, name string) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.known[name]), func(s string) bool { return s == "" }), nil
}

// Reject makes the next Current renew the token.
func (k *Tokens) Reject(_ context.Context, name, value string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.known[name]; len(known) > 0 && known[0] == value {
		k.known[name] = append([]string{""}, known...)
	}
	return nil
}

// patience bounds what is to end by itself.
const patience = 20 * time.Second
