package page_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/page"
)

// host is what all pages need, in memory: one project, and one order behind whatever link.
type host struct {
	backend
	look    app.PageLook
	lookErr error
	target  string // of the link
	openErr error
	noOrder bool // openErr comes without the order

	mu     sync.Mutex
	opened []string // "opaque address" of every link followed
}

func (h *host) PageLook(_ context.Context, id checkout.ProjectID) (app.PageLook, error) {
	switch {
	case h.lookErr != nil:
		return app.PageLook{}, h.lookErr
	case id != project:
		return app.PageLook{}, checkout.NotFound("project")
	}
	return h.look, nil
}

func (h *host) PageLogo(_ context.Context, id checkout.ProjectID) (checkout.Logo, error) {
	if id != project || h.look.Brand.Logo.Type == "" {
		return checkout.Logo{}, checkout.NotFound("logo")
	}
	return h.look.Brand.Logo, nil
}

func (h *host) OpenCheckout(_ context.Context, call *checkout.Call, opaque string) (string, *checkout.Order, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = append(h.opened, opaque+" "+call.Address.String())
	o := &h.order
	if h.noOrder {
		o = nil
	}
	return h.target, o, h.openErr
}

// newHost has a live project, without a brand.
func newHost() *host {
	return &host{backend: backend{order: order()}, look: app.PageLook{
		Project: &checkout.Project{ID: project, Mode: checkout.ModeLive}, Brand: &checkout.Brand{ProjectID: project},
	}, target: "https://gateway.example/pay?once=1&x=%20#a"}
}

const shellPath = "/checkout/sess_1/" + project

// site serves the pages over a connection, so that HEAD and 304 are what a browser gets.
type site struct {
	t   *testing.T
	url string
}

func serve(t *testing.T, h *host) site {
	t.Helper()
	pages := page.New(h, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.ServePage(w, r, &checkout.Call{Address: netip.MustParseAddr("192.0.2.7"), RequestID: "req_1"})
	}))
	t.Cleanup(server.Close)
	return site{t, server.URL}
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask makes a request with headers as name, value, name, value …
func (s site) ask(method, target string, header ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, body}
}

func (s site) get(target string, header ...string) reply {
	s.t.Helper()
	return s.ask(http.MethodGet, target, header...)
}

// want holds an answer to its status and headers, of which an empty one must not be there.
func (r reply) want(t *testing.T, name string, status int, header map[string]string) {
	t.Helper()
	if r.status != status {
		t.Errorf("%s: status %d, want %d: %.200s", name, r.status, status, r.body)
	}
	for key, value := range header {
		if got := strings.Join(r.header.Values(key), ", "); got != value {
			t.Errorf("%s: %s: %q, want %q", name, key, got, value)
		}
	}
}

// shell is the page of a session. The script and the style sheet are named in it.
func (s site) shell(header ...string) reply {
	s.t.Helper()
	return s.get(shellPath, header...)
}

// representations holds what is at the address to HTTP: the plain and the compressed body are the same, each has a tag of its
// own, each tag gets 304, and HEAD gets the headers alone.
func (s site) representations(name, target string) {
	s.t.Helper()
	plain, gz := s.get(target), s.get(target, "Accept-Encoding", "br, gzip")
	if plain.status != http.StatusOK || gz.status != http.StatusOK || plain.header.Get("Content-Encoding") != "" || gz.header.Get("Content-Encoding") != "gzip" {
		s.t.Errorf("%s: %d %v, compressed %d %v", name, plain.status, plain.header, gz.status, gz.header)
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(gz.body))
	if err != nil {
		s.t.Fatal(name, err)
	}
	if body, err := io.ReadAll(z); err != nil || !bytes.Equal(body, plain.body) {
		s.t.Errorf("%s: the compressed body is another: %v", name, err)
	}
	if a, b := plain.header.Get("Etag"), gz.header.Get("Etag"); a == "" || b == "" || a == b || a[0] != '"' || b[0] != '"' {
		s.t.Errorf("%s: the tags are %q and %q", name, a, b)
	}
	for encoding, first := range map[string]reply{"": plain, "gzip": gz} {
		if !strings.Contains(strings.Join(first.header.Values("Vary"), ", "), "Accept-Encoding") {
			s.t.Errorf("%s: Vary: %q", name, first.header.Values("Vary"))
		}
		tag := first.header.Get("Etag")
		for given, status := range map[string]int{
			tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, strings.Trim(tag, `"`): 200, `"x` + tag[1:]: 200,
		} {
			r := s.get(target, "Accept-Encoding", encoding, "If-None-Match", given)
			if r.status != status || r.status == 304 && (len(r.body) > 0 || r.header.Get("Etag") != tag || r.header.Get("Cache-Control") != first.header.Get("Cache-Control")) {
				s.t.Errorf("%s in %q: If-None-Match %s: %d %v", name, encoding, given, r.status, r.header)
			}
		}
		head := s.ask(http.MethodHead, target, "Accept-Encoding", encoding)
		head.header.Del("Date")
		first.header.Del("Date")
		if head.status != http.StatusOK || len(head.body) > 0 || len(head.header) != len(first.header) || head.header.Get("Content-Length") != first.header.Get("Content-Length") {
			s.t.Errorf("%s in %q: HEAD: %d %v, GET %v", name, encoding, head.status, head.header, first.header)
		}
	}
	if r := s.get(target, "Accept-Encoding", "gzip;q=0, identity"); r.header.Get("Content-Encoding") != "" {
		s.t.Errorf("%s: compressed for one who refuses it", name)
	}
}

var (
	links  = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	styles = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
