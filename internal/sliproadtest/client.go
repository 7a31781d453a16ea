package sliproadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sliproad/sliproad/api"
)

// Client calls the server with one key. The typed calls of [api.Client] never try twice; Do is for what they can't say: the
// bytes of an answer, its headers, a request without an Idempotency-Key. Every answer is held to the OpenAPI document.
type Client struct {
	*api.Client
	base string
	key  string
	web  *http.Client
}

// Client makes a client of the running server with the key; it serves until the next start.
func (s *Server) Client(key string) *Client {
	return &Client{
		Client: api.New(s.URL, key, api.WithHTTPClient(s.web), api.WithRetries(0, 0)),
		base:   s.URL, key: key, web: s.web,
	}
}

// Secret is a client with the development project's secret key, Public with its public key.
func (s *Server) Secret() *Client { return s.Client(s.SecretKey) }

// Public is a client with the development project's public key.
func (s *Server) Public() *Client { return s.Client(s.PublicKey) }

// Answer is one answer, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends one request and reads its answer. A body of []byte goes out as it is, nil not at all, anything else as JSON;
// header holds names and values in turn. The error is that of the connection; any answer is none.
func (c *Client) Do(ctx context.Context, method, path string, body any, header ...string) (Answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.web.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, err = io.ReadAll(resp.Body)
	return a, err
}

// Post is Do for POST where the connection's failure is the test's.
func (c *Client) Post(tb testing.TB, path string, body any, header ...string) Answer {
	tb.Helper()
	a, err := c.Do(context.Background(), http.MethodPost, path, body, header...)
	if err != nil {
		tb.Errorf("POST %s: %v", path, err)
	}
	return a
}

// Get is Do for GET where the connection's failure is the test's.
func (c *Client) Get(tb testing.TB, path string) Answer {
	tb.Helper()
	a, err := c.Do(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		tb.Errorf("GET %s: %v", path, err)
	}
	return a
}

// Code is the error code of an answer that is not 2xx.
func (a Answer) Code() string {
	var env api.ErrorEnvelope
	if json.Unmarshal(a.Body, &env) != nil {
		return ""
	}
	return env.Error.Code
}

// OK tells whether the answer is 2xx.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// String is the answer for a failure's message.
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// Decode reads a 2xx answer's body, such as an api.Session; any other answer ends the test.
func Decode[T any](tb testing.TB, a Answer) *T {
	tb.Helper()
	v := new(T)
	if !a.OK() {
		tb.Fatalf("want a 2xx answer, got %v", a)
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		tb.Fatalf("%v: %v", a, err)
	}
	return v
}
