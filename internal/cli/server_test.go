package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const session = `{"externalCustomerId": "user-1"}`

// TestDevKeepsItsKeys: the same directory means the same keys, over restarts and even without its database, and nobody but
// the owner reads them.
func TestDevKeepsItsKeys(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	dev := func() *server { return launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir) }
	first := dev()
	if status, body := call(t, "POST", first.URL+"/v1/sessions", first.SecretKey, session); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	second := command(nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
	if text, err := second.CombinedOutput(); err == nil || !strings.Contains(string(text), "another sliproad serves this database") {
		t.Errorf("a second server on the directory: %v\n%s", err, text)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "dev.json": 0o600, "sliproad.db": 0o600, "sliproad.db-wal": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, want %v (%v)", name, info.Mode().Perm(), mode, err)
		}
	}
	first.stop(t)
	again := dev()
	list := func(s *server) string {
		t.Helper()
		status, body := call(t, "GET", s.URL+"/v1/sessions", first.SecretKey, "")
		if status != 200 {
			t.Fatalf("list: %d %s", status, body)
		}
		return body
	}
	if body := list(again); !strings.Contains(body, `"total":1,`) {
		t.Errorf("after a restart: %s", body)
	}
	again.stop(t)
	files, err := filepath.Glob(filepath.Join(dir, "sliproad.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	anew := dev()
	if body := list(anew); !strings.Contains(body, `"total":0,`) {
		t.Errorf("without its database: %s", body)
	}
	anew.stop(t)
	for _, s := range []*server{again, anew} {
		if s.SecretKey != first.SecretKey || s.PublicKey != first.PublicKey || s.ProjectID != first.ProjectID {
			t.Errorf("other keys: %+v", s)
		}
		if strings.Contains(s.stderr.String(), first.SecretKey) {
			t.Error("the log has the secret key")
		}
	}
}

// TestInside: metrics and profiles are on a listener of their own, on loopback, and not where payers come.
func TestInside(t *testing.T) {
	t.Parallel()
	s := launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	call(t, "POST", s.URL+"/v1/sessions", s.SecretKey, session)
	u, err := url.Parse(s.MetricsURL)
	if err != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		t.Fatalf("metrics at %q: %v", s.MetricsURL, err)
	}
	status, text := call(t, "GET", s.MetricsURL, "", "")
	for _, want := range []string{`sliproad_http_request_duration_seconds_count{op="createSession",status="2xx"} 1`, "sliproad_http_panics_total 0", "go_goroutines"} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("metrics: %d, without %s", status, want)
		}
	}
	if strings.Contains(text, s.ProjectID) || strings.Contains(text, "user-1") {
		t.Error("the metrics tell of projects or customers")
	}
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/v1/sessions": 404} {
		if status, _ := call(t, "GET", "http://"+u.Host+path, "", ""); status != want {
			t.Errorf("inside: %s is %d, want %d", path, status, want)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars"} {
		if status, _ := call(t, "GET", s.URL+path, s.SecretKey, ""); status != 404 {
			t.Errorf("outside: %s is %d", path, status)
		}
	}
	s.stop(t)
}

// The master keys of a ring, base64 of 32 bytes.
const (
	oldKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	newKey = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// TestServe takes a production server through a rotation of its master key; a revoked key stops within a second.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := func(keys string) []string {
		return []string{
			"SLIPROAD_DATABASE_URL=sqlite:" + filepath.Join(dir, "x.db"), "SLIPROAD_MASTER_KEY=" + keys, "SLIPROAD_METRICS_ADDR=off", "SLIPROAD_RATE_LIMIT=0",
			"SLIPROAD_ADDR=127.0.0.1:0", "SLIPROAD_PUBLIC_URL=https://pay.example.com/",
		}
	}
	run := func(keys string, args ...string) string {
		t.Helper()
		text, err := command(env(keys), args...).CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(text)
		}
		return string(text)
	}
	run(oldKey, "migrate", "up")
	created := run(oldKey, "project", "create", "--name", "Shop", "--mode", "test")
	word := func(text, prefix string) string {
		t.Helper()
		for _, w := range strings.Fields(text) {
			if strings.HasPrefix(w, prefix) {
				return w
			}
		}
		t.Fatalf("no %s… in %q", prefix, text)
		return ""
	}
	sk, project := word(created, "sk_test_"), strings.Fields(created)[1]
	s := launch(t, env(oldKey), "serve", "--json")
	status, made := call(t, "POST", s.URL+"/v1/sessions", sk, session)
	if status != 201 || !strings.Contains(made, `"checkoutUrl":"https://pay.example.com/checkout/sess_`) {
		t.Fatalf("create: %d %s", status, made)
	}
	id, secret := strings.Split(strings.Split(made, `"id":"`)[1], `"`)[0], strings.Split(strings.Split(made, `"clientSecret":"`)[1], `"`)[0]
	s.stop(t)
	if text := run(newKey, "serve"); !strings.Contains(text, "exit status 1") || !strings.Contains(text, "NEW,OLD") {
		t.Errorf("without the old master key: %s", text)
	}
	s = launch(t, env(newKey+","+oldKey), "serve", "--json")
	if status, body := call(t, "POST", s.URL+"/v1/sessions/"+id+"/confirm", sk, `{"clientSecret": "`+secret+`"}`); status != 200 {
		t.Errorf("confirm with the old clientSecret: %d %s", status, body)
	}
	key := ""
	for line := range strings.Lines(run(oldKey, "key", "list", "--project", project)) {
		if strings.Contains(line, "secret") {
			key = word(line, "key_")
		}
	}
	run(oldKey, "key", "revoke", key, "--project", project)
	deadline := time.Now().Add(time.Second + 500*time.Millisecond)
	for status = 0; status != 401 && time.Now().Before(deadline); {
		status, _ = call(t, "GET", s.URL+"/v1/sessions", sk, "")
	}
	if status != 401 {
		t.Errorf("a revoked key is still answered with %d after a second", status)
	}
	if strings.Contains(s.stderr.String(), "sess_secret_") || strings.Contains(s.stderr.String(), sk) {
		t.Error("the log has a secret")
	}
	s.stop(t)
	launch(t, env(newKey), "serve", "--json").stop(t) // the old one has been the newest for the last time
}

// hostile sends bytes to the server and returns the status of its answer, 0 if it hangs up without, and the body.
func hostile(t *testing.T, s *server, send func(io.Writer)) (status int, body string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	go send(conn) // it may block: the server need not read it
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			t.Error("the server neither answers nor hangs up")
		}
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// TestHostileClients: whatever comes, it ends in a clean error, and the server serves on.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	s := launch(t, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--log-requests", "no")
	t.Cleanup(func() { s.stop(t) })
	head := "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nX-API-Key: " + s.SecretKey + "\r\n"
	junk := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		send   func(io.Writer)
		status string // one of these
		code   string // in the envelope
	}{
		"slow loris": {func(w io.Writer) { _, _ = io.WriteString(w, "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nX-A: ") }, "0 408", ""},
		"huge header": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"X-Big: "+junk+"\r\n\r\n")
		}, "431", ""},
		"many headers": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+strings.Repeat("X-A: b\r\n", 20_000)+"\r\n")
		}, "431", ""},
		"huge target": {func(w io.Writer) { _, _ = io.WriteString(w, "GET /"+junk+" HTTP/1.1\r\nHost: x\r\n\r\n") }, "414 431", ""},
		"huge body": {func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%sContent-Length: %d\r\n\r\n%s", head, len(junk), junk)
		}, "413", "PAYLOAD_TOO_LARGE"},
		"huge body, announced": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Content-Length: 9223372036854775807\r\nExpect: 100-continue\r\n\r\n")
		}, "413", "PAYLOAD_TOO_LARGE"},
		"huge body in chunks": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1000\r\n"+junk[:0x1000]+"\r\n", 17)+"0\r\n\r\n")
		}, "413", "PAYLOAD_TOO_LARGE"},
		"endless body in chunks": {func(w io.Writer) {
			_, err := io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\n")
			for err == nil {
				_, err = io.WriteString(w, "1000\r\n"+junk[:0x1000]+"\r\n")
			}
		}, "413", "PAYLOAD_TOO_LARGE"},
		"broken chunks": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
		}, "400", "VALIDATION_ERROR"},
		"not HTTP": {func(w io.Writer) { _, _ = io.WriteString(w, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") }, "400", ""},
		"two lengths": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}")
		}, "400", ""},
		"NUL in a header": {func(w io.Writer) { _, _ = io.WriteString(w, head+"X-A: \x00\r\n\r\n") }, "400", ""},
		"no host":         {func(w io.Writer) { _, _ = io.WriteString(w, "GET /v1/sessions HTTP/1.1\r\n\r\n") }, "400", ""},
		"body cut short": {func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Content-Length: 100\r\n\r\n{")
			if c, ok := w.(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
		}, "400", "VALIDATION_ERROR"},
		"deep JSON": {func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%sContent-Length: 60000\r\n\r\n%s", head, strings.Repeat("[", 60_000))
		}, "400", "VALIDATION_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := hostile(t, s, c.send)
			if !strings.Contains(" "+c.status+" ", fmt.Sprintf(" %d ", status)) || !strings.Contains(body, c.code) {
				t.Errorf("status %d, want %s: %.200s", status, c.status, body)
			}
			if c.code != "" && (!strings.HasPrefix(body, `{"success":false,"error":{`) || !strings.Contains(body, `"requestId":"req_`)) {
				t.Errorf("no envelope: %s", body)
			}
			if status, body := call(t, "POST", s.URL+"/v1/sessions", s.SecretKey, session); status != 201 {
				t.Errorf("the next client gets %d %s", status, body)
			}
		})
	}
}
