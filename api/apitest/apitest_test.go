package apitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/api/apitest"
)

const (
	acknowledged = `{"success":true}`
	session      = `{"type":"session","id":"sess_5f0kQ2v7cXr1yB8mZt3wLa","attributes":{"sessionId":"sess_5f0kQ2v7cXr1yB8mZt3wLa",` +
		`"projectId":"7b0f6c1e-3d1c-4f0e-9f57-2f9a1a4f6f10","type":"onramp","status":"pending",` +
		`"customerId":"2c1d7e54-8a44-4f43-8a0c-1f6a5b7d9e02","externalCustomerId":null,"sourceAmount":"100",` +
		`"sourceCurrency":null,"destinationCurrency":null,"destinationAddress":null,"destinationTag":null,"network":null,"redirectUrl":null,` +
		`"country":null,"fieldLocks":{"sourceAmount":{"locked":true}},"expiresAt":"2026-03-01T12:30:00Z",` +
		`"createdAt":"2026-03-01T12:00:00Z","orderId":null,"warnings":[]}}`
)

func envelope(code string) string {
	return `{"success":false,"error":{"code":"` + code + `","message":"m","details":[],"requestId":"req_1"}}`
}

// with changes the session once.
func with(was, is string) string { return strings.Replace(session, was, is, 1) }

// headers are those of an answer under /v1, with changes: "Name: value" sets, "-Name" removes.
func headers(changes ...string) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Request-Id", "req_1")
	h.Set("X-RateLimit-Limit", "100")
	h.Set("X-RateLimit-Remaining", "99")
	h.Set("X-RateLimit-Reset", "1772366400")
	for _, c := range changes {
		if name, removed := strings.CutPrefix(c, "-"); removed {
			h.Del(name)
			continue
		}
		name, value, _ := strings.Cut(c, ": ")
		h.Set(name, value)
	}
	return h
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const get = "GET /v1/sessions/sess_1"
	bare := []string{"-X-RateLimit-Limit", "-X-RateLimit-Remaining", "-X-RateLimit-Reset"}
	yaml := append([]string{"Content-Type: application/yaml"}, bare...)
	cases := []struct {
		name    string
		request string
		status  int
		headers []string
		body    string
		problem string // part of the one problem; empty if all is well
	}{
		{"a session", get, 200, nil, session, ""},
		{"an escaped id", "GET /v1/sessions/a%2Fb", 404, nil, envelope("NOT_FOUND"), ""},
		{"HEAD", "HEAD /v1/sessions/sess_1", 200, nil, "", ""},
		{"preflight", "OPTIONS /v1/sessions/sess_1", 204, bare, "", ""},
		{"said by net/http", get, 431, []string{"-Content-Type"}, "431", ""},
		{"the document", "GET /openapi.yaml", 200, yaml, "openapi: 3.1.0", ""},
		{"health", "GET /healthz", 200, bare, `{"status":"ok"}`, ""},
		{"not ready", "GET /readyz", 503, bare, envelope("DATABASE_UNAVAILABLE"), ""},
		{"a notification", "POST /gateways/sandbox/webhook/p", 200, nil, acknowledged, ""},
		{"no key", get, 401, bare, envelope("MISSING_API_KEY"), ""},
		{
			"replayed error", "POST /v1/sessions/s/order", 409,
			[]string{"X-Request-Id: req_2", "Idempotent-Replayed: true"},
			envelope("SESSION_ALREADY_USED"), "",
		},
		{"unknown route", "GET /v1/nothing", 404, bare, envelope("NOT_FOUND"), ""},
		{"unknown route elsewhere", "GET /nothing", 404, bare, envelope("NOT_FOUND"), ""},
		{"a page", "GET /checkout/sess_1", 200, []string{"Content-Type: text/html"}, "<html>", ""},
		{"a page's error", "GET /checkout/sess_1", 404, []string{"Content-Type: text/html"}, "<html>", ""},
		{"wrong method", "PUT /v1/sessions", 405, []string{"Allow: GET, POST"}, envelope("METHOD_NOT_ALLOWED"), ""},

		{"undocumented attribute", get, 200, nil, with(`"orderId":null`, `"orderId":null,"extra":1`), "extra"},
		{"undocumented lock", get, 200, nil, with(`"fieldLocks":{`, `"fieldLocks":{"country":{"locked":true},`), "country"},
		{"missing attribute", get, 200, nil, with(`"orderId":null,`, ``), "orderId"},
		{"a secret out of place", get, 200, nil, with(`"onramp"`, `"onramp","clientSecret":"x"`), "clientSecret"},
		{"amount as number", get, 200, nil, with(`"sourceAmount":"100"`, `"sourceAmount":100`), "sourceAmount"},
		{"fractions of a second", get, 200, nil, with(`00:00Z"`, `00:00.5Z"`), "createdAt"},
		{"not a UUID", get, 200, nil, with(`"7b0f6c1e-`, `"7b0f6c1e`), "uuid"},
		{"unknown status of a session", get, 200, nil, with("pending", "creating"), "status"},
		{"not JSON", get, 200, nil, "{", "body"},
		{"trailing value", get, 200, nil, session + "{}", "body"},
		{"wrong media", get, 200, []string{"Content-Type: text/plain"}, session, "Content-Type"},
		{"no media", get, 200, []string{"-Content-Type"}, session, "Content-Type"},
		{"no request id", get, 200, []string{"-X-Request-Id"}, session, "X-Request-Id: missing"},
		{"bad request id", get, 200, []string{"X-Request-Id: 1"}, session, "X-Request-Id"},
		{"other request id", get, 404, []string{"X-Request-Id: req_2"}, envelope("NOT_FOUND"), "req_2"},
		{"no rate limit", get, 200, []string{"-X-RateLimit-Limit"}, session, "X-RateLimit-Limit: missing"},
		{"rate limit not a number", get, 200, []string{"X-RateLimit-Reset: soon"}, session, "not an integer"},
		{"negative rate limit", get, 200, []string{"X-RateLimit-Remaining: -1"}, session, "X-RateLimit-Remaining"},
		{"no Retry-After", get, 429, nil, envelope("RATE_LIMIT_EXCEEDED"), "Retry-After: missing"},
		{"undocumented status", get, 418, nil, envelope("NOT_FOUND"), "undocumented status"},
		{"code of another status", get, 404, nil, envelope("SESSION_EXPIRED"), "code"},
		{"unknown code", get, 404, nil, envelope("GONE"), "code"},
		{"details null", get, 404, nil, strings.Replace(envelope("NOT_FOUND"), "[]", "null", 1), "details"},
		{"success true", get, 404, nil, strings.Replace(envelope("NOT_FOUND"), "false", "true", 1), "success"},
		{"wrong method, no Allow", "PUT /v1/sessions", 405, nil, envelope("METHOD_NOT_ALLOWED"), "Allow: missing"},
		{"wrong method, well", "DELETE /v1/sessions/s", 200, nil, session, "want 405"},
		{"unknown route, plain", "GET /v1/nothing", 404, []string{"Content-Type: text/plain"}, "404", "Content-Type"},
		{"unknown route, wrong code", "GET /v1/sessions/", 404, nil, envelope("FORBIDDEN"), "code"},
		{"unknown route, well", "GET /v1/nothing", 200, nil, session, "undocumented operation"},
		{"JSON error elsewhere", "GET /nothing", 500, nil, `{"error":"x"}`, "body"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(c.request, " ")
			got := apitest.Check(method, path, c.status, headers(c.headers...), []byte(c.body))
			switch {
			case c.problem == "" && len(got) > 0:
				t.Errorf("problems %q", got)
			case c.problem != "" && (len(got) != 1 || !strings.Contains(got[0], c.problem)):
				t.Errorf("problems %q, want one with %q", got, c.problem)
			}
		})
	}
}

// TestTransport: the answer passes unchanged, and problems name the request.
func TestTransport(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range headers() {
			w.Header()[name] = values
		}
		body := session
		if strings.HasSuffix(r.URL.Path, "bad") {
			body = with("onramp", "loan")
		}
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	var mu sync.Mutex
	var problems []string
	client := &http.Client{Transport: apitest.NewTransport(nil, func(p string) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, p)
	})}
	for path, want := range map[string]string{"/v1/sessions/good": session, "/v1/sessions/bad": with("onramp", "loan")} {
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("%s: %s (%v)", path, got, err)
		}
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0], "GET /v1/sessions/bad: 200: body: ") {
		t.Errorf("problems %q", problems)
	}
}

// TestTransportCutAnswer: an answer that ends too early is the caller's to see.
func TestTransportCutAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	}))
	defer server.Close()
	client := &http.Client{Transport: apitest.NewTransport(nil, func(p string) { t.Error(p) })}
	resp, err := client.Get(server.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil || string(got) != "{" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestValidate: requests can be held to the document, too.
func TestValidate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		schema, text string
		valid        bool
	}{
		{"CreateSessionRequest", `{"externalCustomerId":"u","sourceAmount":90071992547409.93}`, true},
		{"CreateSessionRequest", `{"customerId":"2c1d7e54-8a44-4f43-8a0c-1f6a5b7d9e02","sourceAmount":"0.10"}`, true},
		{"CreateSessionRequest", `{}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":""}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","sourceAmount":"0.00"}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","sourceAmount":"1e3"}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","sourceAmount":0}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","expiresInSeconds":86401}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","fieldLocks":{"country":{"locked":true}}}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","fieldLocks":{"network":{"locked":true,"min":"1"}}}`, false},
		{"CreateSessionRequest", `{"externalCustomerId":"u","fieldLocks":{"sourceAmount":{"min":"1"}}}`, true},
		{"Nothing", `{}`, false},
	}
	for _, c := range cases {
		if err := apitest.Validate(c.schema, []byte(c.text)); (err == nil) != c.valid {
			t.Errorf("%s %s: %v", c.schema, c.text, err)
		}
	}
}

// FuzzCheck: whatever a server says, there is a verdict, and what is not JSON is no session.
func FuzzCheck(f *testing.F) {
	f.Add("GET", "/v1/sessions/sess_1", 200, "application/json", []byte(session))
	f.Add("POST", "/v1/%zz", 404, "text/html; x", []byte("<"))
	f.Fuzz(func(t *testing.T, method, path string, status int, media string, body []byte) {
		apitest.Check(method, path, status, headers("Content-Type: "+media), body)
		got := apitest.Check("GET", "/v1/sessions/sess_1", 200, headers(), body)
		if len(got) == 0 && !json.Valid(body) {
			t.Errorf("%q is well", body)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	h, body := headers(), []byte(session)
	for b.Loop() {
		if p := apitest.Check("GET", "/v1/sessions/sess_1", 200, h, body); len(p) > 0 {
			b.Fatal(p)
		}
	}
}
