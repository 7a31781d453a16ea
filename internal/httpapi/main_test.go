package httpapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sliproad/sliproad/api/apitest"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

// TestMain runs every test on SQLite, and then on PostgreSQL.
func TestMain(m *testing.M) { os.Exit(pgtest.Twice(m.Run)) }

const publicURL = "http://127.0.0.1:8080"

// Addresses of clients, with their country in the built-in table; those not on the public internet have none.
const (
	inUS   = "8.8.8.8"
	inDE   = "193.99.144.80"
	inJP   = "202.12.27.33"
	inJPv6 = "2001:200:dff:fff1:216:3eff:feb1:44d7"
	inside = "10.1.2.3"
)

const wallet = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // EIP-55's own vector

// world is a whole API in this process, over a real database, with one test project and a clock that the test moves.
type world struct {
	dir     string
	url     string // of the database
	ring    *vault.Ring
	db      *store.DB
	app     *app.App
	sandbox *sandbox.Gateway
	api     *httpapi.Server
	project checkout.ProjectID
	sk, pk  string

	mu  sync.Mutex
	now time.Time
}

// parts are what a test may change before the world is made.
type parts struct {
	app app.Config
	api httpapi.Config
}

func newWorld(tb testing.TB, change ...func(*parts)) *world {
	tb.Helper()
	ring, err := vault.Parse(vault.Generate())
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{dir: tb.TempDir(), ring: ring, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.start(tb, change...)
	_, keys, err := w.app.CreateProject(tb.Context(), checkout.Project{Name: "Test", Mode: checkout.ModeTest})
	if err != nil {
		tb.Fatal(err)
	}
	w.project, w.sk, w.pk = keys[0].Key.ProjectID, keys[0].Text, keys[1].Text
	return w
}

// start begins a process, as it were, on the world's directory; after a restart too.
func (w *world) start(tb testing.TB, change ...func(*parts)) {
	tb.Helper()
	var err error
	switch {
	case w.url != "":
	case pgtest.Second():
		w.url = pgtest.URL(tb)
	default:
		w.url = "sqlite:" + w.path()
	}
	w.db, err = store.Open(tb.Context(), w.url, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	db := w.db
	tb.Cleanup(func() { _ = db.Close() })
	if _, err := w.db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	countries, err := geoip.Open("")
	if err != nil {
		tb.Fatal(err)
	}
	w.sandbox = sandbox.New(publicURL, w.ring)
	quiet := slog.New(slog.DiscardHandler)
	p := parts{
		app: app.Config{
			DB: w.db, Ring: w.ring, Countries: countries, Providers: gateway.Static(w.sandbox), Sandbox: w.sandbox,
			PublicURL: publicURL, Now: w.clock,
		},
		api: httpapi.Config{Log: quiet, Metrics: prometheus.NewRegistry()},
	}
	for _, c := range change {
		c(&p)
	}
	w.app = app.New(p.app)
	p.api.App = w.app
	w.api = httpapi.New(p.api)
}

// path is that of SQLite's file.
func (w *world) path() string { return filepath.Join(w.dir, "test.db") }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any // nil where it is no JSON object
}

// send makes one request as a client at the address, with headers as name, value, name, value …, and holds the answer to
// the OpenAPI document.
func (w *world) send(tb testing.TB, from, method, target, key, body string, header ...string) answer {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = from
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return w.answer(tb, r)
}

func (w *world) answer(tb testing.TB, r *http.Request) answer {
	tb.Helper()
	rec := httptest.NewRecorder()
	path := r.URL.EscapedPath()
	w.api.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Header(), raw: rec.Body.Bytes()}
	for _, problem := range apitest.Check(r.Method, path, a.status, a.header, a.raw) {
		tb.Errorf("%s %s: %d: %s\n%s", r.Method, path, a.status, problem, a.raw)
	}
	if bytes.HasPrefix(a.raw, []byte("{")) {
		dec := json.NewDecoder(bytes.NewReader(a.raw))
		dec.UseNumber()
		if err := dec.Decode(&a.body); err != nil {
			tb.Errorf("%s %s: %v", r.Method, path, err)
		}
	}
	return a
}

func (w *world) get(tb testing.TB, target, key string, header ...string) answer {
	tb.Helper()
	return w.send(tb, "127.0.0.1:4000", http.MethodGet, target, key, "", header...)
}

func (w *world) post(tb testing.TB, target, key, body string, header ...string) answer {
	tb.Helper()
	return w.send(tb, "127.0.0.1:4000", http.MethodPost, target, key, body, header...)
}

// want ends the test unless the answer has the status and, for an error, the code.
func (a answer) want(tb testing.TB, status int, code ...string) answer {
	tb.Helper()
	if a.status != status || len(code) > 0 && a.code() != code[0] {
		tb.Fatalf("status %d, want %d %v\n%s", a.status, status, code, a.raw)
	}
	return a
}

func (a answer) code() string {
	e, _ := a.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (a answer) attr(name string) string {
	attrs, _ := a.body["attributes"].(map[string]any)
	text, _ := attrs[name].(string)
	return text
}

// session creates one and returns its id and clientSecret. It is an onramp to the wallet.
func (w *world) session(tb testing.TB, header ...string) (id, secret string) {
	tb.Helper()
	a := w.post(tb, "/v1/sessions", w.sk, `{"externalCustomerId": "user-1", "destinationAddress": "`+wallet+`"}`, header...).want(tb, 201)
	return a.attr("sessionId"), a.attr("clientSecret")
}

func orderBody(secret, email string) string {
	return `{"clientSecret": "` + secret + `", "fiatAmount": "100", "fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum", "email": "` + email + `"}`
}

const someone = "payer@example.com"
