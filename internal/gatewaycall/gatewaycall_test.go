package gatewaycall_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// serve answers with the handler and counts the requests.
func serve(t *testing.T, handler http.HandlerFunc) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestSent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, media, body string
		request           gatewaycall.Request
	}{
		{"nothing", "", "", gatewaycall.Request{Method: http.MethodGet}},
		{"JSON", "application/json", `{"a":"1.50"}`, gatewaycall.Request{Method: http.MethodPost, Body: map[string]string{"a": "1.50"}}},
		{"bytes as they are", "application/json", `{ "signed":1 }`, gatewaycall.Request{Method: http.MethodPost, Raw: []byte(`{ "signed":1 }`)}},
		{"a form", "application/x-www-form-urlencoded", "a=b+c&d%5B%5D=1", gatewaycall.Request{Method: http.MethodPost, Form: url.Values{"a": {"b c"}, "d[]": {"1"}}}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != tt.body || r.Header.Get("Content-Type") != tt.media || r.Header.Get("X-Key") != "k" || r.Header.Get("Accept") != "application/json" {
					t.Errorf("got %s %v: %v", body, r.Header, err)
				}
				_, _ = io.WriteString(w, `{"amount": 12345678901234567.123456789}`)
			})
			tt.request.URL, tt.request.Header = address+"/x?y=1", http.Header{"x-key": {"k"}}
			var answer struct{ Amount any }
			if err := (&gatewaycall.Client{}).JSON(t.Context(), tt.request, &answer); err != nil || answer.Amount != json.Number("12345678901234567.123456789") {
				t.Errorf("%v %v", answer, err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		asked   int64
		status  int // of the *Error; 0: none
		text    string
	}{
		{"refused", http.MethodGet, answer(400, `{"code":"too_low", "echo":"se cret/+"}`), 1, 400, "answered 400: "},
		{"away for a moment", http.MethodGet, answer(503, "busy"), 2, 503, "answered 503: busy"},
		{"away for a while", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 1, 503, "answered 503"},
		{"a POST is not repeated", http.MethodPost, answer(503, "busy"), 1, 503, "answered 503"},
		{"not JSON", http.MethodGet, answer(200, "<html>se+cret%2F%2B"), 1, 0, "not what was expected"},
		{"nothing", http.MethodGet, answer(200, ""), 1, 0, "not what was expected"},
		{"elsewhere", http.MethodGet, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, 1, 302, "answered 302"},
		{"endless", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 17<<20)) }, 1, 0, "larger than"},
		{"broken off", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, 1, 0, "broke off"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, asked := serve(t, tt.handler)
			client := &gatewaycall.Client{Secrets: []string{"", "se cret/+"}}
			err := client.JSON(t.Context(), gatewaycall.Request{Method: tt.method, URL: address + "/v1/quote?key=" + url.QueryEscape("se cret/+")}, &struct{}{})
			var told *gatewaycall.Error
			if errors.As(err, &told) != (tt.status != 0) || gatewaycall.Status(err) != tt.status || asked.Load() != tt.asked {
				t.Fatalf("%v after %d requests", err, asked.Load())
			}
			if text := err.Error(); !strings.Contains(text, tt.text) || strings.Contains(text, "cret") || len(text) > 700 {
				t.Errorf("the error is %s", text)
			}
		})
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestRetryAfter: how long to wait is told in seconds, or by the answer's own clock.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{
		"7": 7 * time.Second, "Sun, 01 Mar 2026 12:00:09 GMT": 9 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0, "-7": 0, "soon": 0, "": 0,
	} {
		address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Sun, 01 Mar 2026 12:00:00 GMT")
			w.Header().Set("Retry-After", given)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		var told *gatewaycall.Error
		err := (&gatewaycall.Client{}).JSON(t.Context(), gatewaycall.Request{Method: http.MethodGet, URL: address}, nil)
		if !errors.As(err, &told) || told.RetryAfter != want {
			t.Errorf("%s: %+v, %v", given, told, err)
			continue
		}
		if pause, often := told.Pause(); !often || pause != want {
			t.Errorf("%s: a pause of %v, %v", given, pause, often)
		}
	}
	if pause, often := (&gatewaycall.Error{Status: http.StatusInternalServerError}).Pause(); often {
		t.Errorf("a mere failure asks for a pause of %v", pause)
	}
}

// TestConnections: those that were opened for many calls at once serve the next ones.
func TestConnections(t *testing.T) {
	t.Parallel()
	const calls = 16
	var opened atomic.Int64
	var meet sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		meet.Done()
		meet.Wait()
		_, _ = io.WriteString(w, "{}")
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	for range 4 {
		meet.Add(calls)
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				client := gatewaycall.Client{HTTP: &http.Client{}}
				if err := client.JSON(t.Context(), gatewaycall.Request{Method: http.MethodPost, URL: server.URL}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := opened.Load(); n > 2*calls {
		t.Errorf("%d connections for four times %d calls", n, calls)
	}
}

// TestSecretForms: a secret is hidden however JSON may write it, and whole where another is its beginning.
func TestSecretForms(t *testing.T) {
	t.Parallel()
	const short, long = "hush", `hush/a+b<"c"`
	client := gatewaycall.Client{Secrets: []string{short, long}}
	for _, echo := range []string{long, `hush\/a+b<\"c\"`, `hush/a+b\u003c\"c\"`, `hush\/a+b\u003c\"c\"`} {
		address, _ := serve(t, answer(http.StatusBadRequest, `{"you sent":"`+echo+`"}`))
		err := client.JSON(t.Context(), gatewaycall.Request{Method: http.MethodPost, URL: address}, nil)
		if err == nil || strings.Contains(err.Error(), "a+b") || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), `"[hidden]"`) {
			t.Errorf("%s: %v", echo, err)
		}
	}
}

// TestGivenUp: nobody is kept waiting beyond their deadline, and the secrets in the URL stay secret then too.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	address, asked := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := (&gatewaycall.Client{Secrets: []string{"hush"}}).JSON(ctx, gatewaycall.Request{Method: http.MethodGet, URL: address + "?key=hush"}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hush") || asked.Load() > 1 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	err = (&gatewaycall.Client{Secrets: []string{"hush"}}).JSON(t.Context(), gatewaycall.Request{Method: http.MethodGet, URL: closed.URL + "?key=hush"}, nil)
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestSecretAnswers: neither half a secret is told, nor anything of an answer that is one.
func TestSecretAnswers(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, answer(http.StatusBadRequest, strings.Repeat("x", 296)+"hush-hush"))
	client := gatewaycall.Client{Secrets: []string{"hush-hush"}}
	err := client.JSON(t.Context(), gatewaycall.Request{Method: http.MethodPost, URL: address}, nil)
	if err == nil || strings.Contains(err.Error(), "hus") {
		t.Errorf("at the end of the excerpt: %v", err)
	}
	address, _ = serve(t, answer(http.StatusOK, `{"token":"new","expires":"never"}`))
	var told struct{ Expires json.Number }
	for private, tells := range map[bool]bool{true: false, false: true} {
		err = client.JSON(t.Context(), gatewaycall.Request{Method: http.MethodPost, URL: address, Private: private}, &told)
		if err == nil || strings.Contains(err.Error(), "new") != tells || strings.Contains(err.Error(), "never") != tells {
			t.Errorf("private: %v: %v", private, err)
		}
	}
}
