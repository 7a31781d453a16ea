package httpapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/gateway"
)

// TestNotificationRoute: whatever media type a gateway gives, its bytes arrive as they are, up to a bound; a stale or foreign
// notification is taken, a forged one refused; and whoever only looks is told what the route takes.
func TestNotificationRoute(t *testing.T) {
	t.Parallel()
	var got gateway.Notification
	says := error(nil)
	o := &odd{parse: func(n gateway.Notification) ([]gateway.Update, error) {
		got = n
		return []gateway.Update{{DedupKey: "seen before", OrderID: "ord_nobodys", Status: "completed"}}, says
	}}
	w := newWorld(t, with(o))
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	path := "/gateways/odd/webhook/" + string(w.project)
	for name, c := range map[string]struct {
		method, media, body string
		chunked             bool
		says                error
		status              int
	}{
		"JSON":                  {http.MethodPost, "application/json", `{"a": 1}`, false, nil, 200},
		"a form":                {http.MethodPost, "application/x-www-form-urlencoded", "a=1", false, nil, 200},
		"text":                  {http.MethodPost, "text/plain; charset=utf-8", " x \n", false, nil, 200},
		"no media type":         {http.MethodPost, "", "\x00\xff", false, nil, 200},
		"a malformed one":       {http.MethodPost, "; ;", "b", false, nil, 200},
		"nothing":               {http.MethodPost, "application/json", "", false, nil, 200},
		"in chunks":             {http.MethodPost, "application/json", `{"a": 2}`, true, nil, 200},
		"as large as may be":    {http.MethodPost, "application/json", strings.Repeat("x", 256<<10), false, nil, 200},
		"too large":             {http.MethodPost, "application/json", strings.Repeat("x", 256<<10+1), false, nil, 413},
		"too large, in chunks":  {http.MethodPost, "application/json", strings.Repeat("x", 256<<10+1), true, nil, 413},
		"forged":                {http.MethodPost, "application/json", "c", false, gateway.ErrForged, 401},
		"signed and unreadable": {http.MethodPost, "application/json", "d", false, gateway.ErrMalformed, 400},
		"a look":                {http.MethodGet, "", "", false, nil, 405},
		"a short look":          {http.MethodHead, "", "", false, nil, 405},
		"another method":        {http.MethodPut, "application/json", "{}", false, nil, 405},
	} {
		got, says = gateway.Notification{}, c.says
		r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+path+"?k=1", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.chunked {
			r.ContentLength = -1
		}
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status || c.status == 405 && res.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: answered %d %v", name, res.StatusCode, res.Header)
		}
		if c.status < 402 && (string(got.Body) != c.body || got.Path != path+"?k=1" || got.ProjectID != w.project) {
			t.Errorf("%s: the gateway got %q at %s", name, got.Body, got.Path)
		}
	}
}

// TestNotificationNowhere: whoever sends notifications to a wrong place is told which part of it is.
func TestNotificationNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]string{
		"/gateways/sandbox/webhook/6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11": "There is no such project.",
		"/gateways/sandbox/webhook/shop":                                 "There is no such project.",
		"/gateways/nope/webhook/" + string(w.project):                    "There is no such gateway in this project.",
	} {
		if a := w.post(t, path, "", "{}").want(t, 404); !strings.Contains(string(a.raw), `"message":"`+want+`"`) {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
}

// TestNotificationUnreadable: of a genuine notification that can't be read the log says whose it is and why, as nobody else would
// notice; of a forged one, which anybody can send, it says nothing.
func TestNotificationUnreadable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says error
		logs bool
	}{
		"unreadable": {fmt.Errorf("%w: status is a list now", gateway.ErrMalformed), true},
		"forged":     {fmt.Errorf("%w: status is a list now", gateway.ErrForged), false},
	} {
		var log strings.Builder
		o := &odd{parse: func(gateway.Notification) ([]gateway.Update, error) { return nil, c.says }}
		w := newWorld(t, with(o), func(p *parts) { p.api.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		a := w.post(t, "/gateways/odd/webhook/"+string(w.project)+"?mac=hidden", "", "{}")
		path := "path=/gateways/odd/webhook/" + string(w.project)
		if told := strings.Contains(log.String(), path) && strings.Contains(log.String(), "status is a list now"); told != c.logs || strings.Contains(log.String(), "hidden") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
		if strings.Contains(string(a.raw), "list now") {
			t.Errorf("%s: the sender is told %s", name, a.raw)
		}
	}
}
