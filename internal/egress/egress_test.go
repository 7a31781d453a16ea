package egress_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/egress"
)

// addresses are hosts by what may reach them: p a PublicOnly client, l one that allows loopback.
var addresses = []struct {
	name, host string
	public     bool
	loopback   bool // allowed by AllowLoopback
}{
	{"public IPv4", "93.184.216.34", true, true},
	{"public IPv6", "2606:2800:220:1::1", true, true},
	{"public, next to a private range", "172.32.0.1", true, true},
	{"loopback", "127.0.0.1", false, true},
	{"loopback, elsewhere in its range", "127.255.0.9", false, true},
	{"loopback IPv6", "::1", false, true},
	{"loopback, mapped into IPv6", "::ffff:127.0.0.1", false, true},
	{"localhost", "localhost", false, true},
	{"private 10/8", "10.0.0.1", false, false},
	{"private 172.16/12, low", "172.16.0.1", false, false},
	{"private 172.16/12, high", "172.31.255.254", false, false},
	{"private 192.168/16", "192.168.1.1", false, false},
	{"private, mapped into IPv6", "::ffff:10.0.0.1", false, false},
	{"link-local", "169.254.0.1", false, false},
	{"metadata", "169.254.169.254", false, false},
	{"metadata, mapped into IPv6", "::ffff:169.254.169.254", false, false},
	{"metadata, mapped, in hexadecimal", "::ffff:a9fe:a9fe", false, false},
	{"metadata of AWS in IPv6", "fd00:ec2::254", false, false},
	{"carrier-grade NAT", "100.64.0.1", false, false},
	{"metadata of Alibaba, in carrier-grade NAT", "100.100.100.200", false, false},
	{"unspecified", "0.0.0.0", false, false},
	{"this network", "0.1.2.3", false, false},
	{"unspecified IPv6", "::", false, false},
	{"unspecified, mapped", "::ffff:0.0.0.0", false, false},
	{"unique local", "fc00::1", false, false},
	{"unique local, fd", "fd12:3456:789a::1", false, false},
	{"link-local IPv6", "fe80::1", false, false},
	{"link-local IPv6 with a zone", "fe80::1%eth0", false, false},
	{"public IPv6 with a zone", "2606:2800:220:1::1%eth0", false, false},
	{"site-local", "fec0::1", false, false},
	{"documentation 1", "192.0.2.1", false, false},
	{"documentation 2", "198.51.100.1", false, false},
	{"documentation 3", "203.0.113.1", false, false},
	{"documentation IPv6", "2001:db8::1", false, false},
	{"benchmarks", "198.18.0.1", false, false},
	{"protocol assignments", "192.0.0.1", false, false},
	{"multicast", "224.0.0.1", false, false},
	{"multicast IPv6", "ff02::1", false, false},
	{"reserved", "240.0.0.1", false, false},
	{"broadcast", "255.255.255.255", false, false},
	{"6to4 of a private address", "2002:0a00:0001::1", false, false},
	{"NAT64 of the metadata address", "64:ff9b::a9fe:a9fe", false, false},
	{"Teredo", "2001::1", false, false},
	{"IPv4-compatible loopback", "::127.0.0.1", false, false},
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	clients := []struct {
		name    string
		policy  egress.Policy
		allowed func(i int) bool
	}{
		{"PublicOnly", egress.PublicOnly, func(i int) bool { return addresses[i].public }},
		{"AllowLoopback", egress.AllowLoopback, func(i int) bool { return addresses[i].loopback }},
		{"AllowPrivate", egress.AllowPrivate, func(int) bool { return true }},
	}
	for _, c := range clients {
		client := egress.New(c.policy, time.Second)
		for i, a := range addresses {
			t.Run(c.name+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				err := client.Check(t.Context(), a.host)
				if want := c.allowed(i); want != (err == nil) {
					t.Errorf("Check(%q): %v, want allowed: %v", a.host, err, want)
				}
				if err != nil && !errors.Is(err, egress.ErrRefused) {
					t.Errorf("Check(%q): %v, want ErrRefused", a.host, err)
				}
			})
		}
	}
}

func TestUnknownHostPassesCheck(t *testing.T) {
	t.Parallel()
	client := egress.New(egress.PublicOnly, time.Second)
	if err := client.Check(t.Context(), "no-such-host.invalid"); err != nil {
		t.Errorf("%v, want none: it is checked again at every connection", err)
	}
	if _, _, err := client.Post(t.Context(), "http://no-such-host.invalid/", nil, http.NoBody, 10); err == nil {
		t.Error("a post to no host succeeded")
	}
}

// post posts an empty object to the URL.
func post(t *testing.T, c *egress.Client, to string, limit int64) (int, []byte, error) {
	t.Helper()
	return c.Post(t.Context(), to, map[string]string{"Content-Type": "application/json", "X-Test": "yes"}, strings.NewReader("{}"), limit)
}

// TestConnectionsAreRefused: whatever was checked before, and whatever a name resolves to by now, no connection is made
// to an address that is not allowed. A name that resolves to loopback stands for one whose DNS answer has changed.
func TestConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inside.Close)
	u, err := url.Parse(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := egress.New(egress.PublicOnly, 2*time.Second)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]", "LOCALHOST", "localhost."} {
		to := "http://" + net.JoinHostPort(strings.Trim(host, "[]"), u.Port()) + "/"
		status, _, err := post(t, client, to, 10)
		if err == nil || status != 0 {
			t.Errorf("%s: status %d, %v", to, status, err)
		}
		if strings.ToLower(host) != "localhost." && !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", to, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the server inside was reached %d times", n)
	}
	if status, _, err := post(t, egress.New(egress.AllowLoopback, 2*time.Second), inside.URL, 10); status != 200 || err != nil {
		t.Errorf("with AllowLoopback: %d, %v", status, err)
	}
}

// TestPost: what arrives is what was given, and nothing else.
func TestPost(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	}))
	t.Cleanup(srv.Close)
	client := egress.New(egress.AllowLoopback, 5*time.Second)
	for range 2 {
		status, response, err := post(t, client, srv.URL+"/path?q=1", 100)
		if err != nil || status != 202 || string(response) != "thanks" {
			t.Fatalf("%d %q %v", status, response, err)
		}
		if got.Method != http.MethodPost || got.URL.String() != "/path?q=1" || string(body) != "{}" || got.Header.Get("X-Test") != "yes" ||
			got.ContentLength != 2 || got.Header.Get("Cookie") != "" {
			t.Errorf("arrived: %s %s %q %v", got.Method, got.URL, body, got.Header)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/target", func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	mux.HandleFunc("/from/{code}", func(w http.ResponseWriter, r *http.Request) {
		code := map[string]int{"301": 301, "302": 302, "303": 303, "307": 307, "308": 308}[r.PathValue("code")]
		http.Redirect(w, r, "/target", code)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	client := egress.New(egress.AllowLoopback, 5*time.Second)
	for code, want := range map[string]int{"301": 301, "302": 302, "303": 303, "307": 307, "308": 308} {
		if status, _, err := post(t, client, srv.URL+"/from/"+code, 10); err != nil || status != want {
			t.Errorf("%s: status %d, %v", code, status, err)
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestResponseIsBounded: of an answer no more is returned than asked for, and an endless one is not read to its end.
func TestResponseIsBounded(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 10_000)) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("y"), 32<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			w.Header().Add("X-Long", strings.Repeat("z", 1000))
		}
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	client := egress.New(egress.AllowLoopback, 5*time.Second)
	for _, path := range []string{"/long", "/endless"} {
		start := time.Now()
		status, response, err := post(t, client, srv.URL+path, 2048)
		if err != nil || status != 200 || len(response) != 2048 {
			t.Errorf("%s: %d, %d bytes, %v", path, status, len(response), err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s took %v", path, took)
		}
	}
	if status, _, err := post(t, client, srv.URL+"/headers", 2048); err == nil {
		t.Errorf("100 kB of headers: %d, no error", status)
	}
	if status, response, err := post(t, client, srv.URL+"/empty", 2048); err != nil || status != 204 || len(response) != 0 {
		t.Errorf("/empty: %d %q %v", status, response, err)
	}
}

// TestTimeout: an attempt ends after its time, be it the answer or its body that does not come; so it does with its
// context.
func TestTimeout(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/stalled", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	client := egress.New(egress.AllowLoopback, 200*time.Millisecond)
	for _, path := range []string{"/silent", "/stalled"} {
		start := time.Now()
		if _, _, err := client.Post(t.Context(), srv.URL+path, nil, http.NoBody, 10); err == nil {
			t.Errorf("%s: no error", path)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s took %v, limit 200 ms", path, took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := client.Post(ctx, srv.URL+"/silent", nil, http.NoBody, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("with its context ended: %v", err)
	}
}

// TestProxySettingsAreIgnored: a proxy from the environment would be asked to connect in our stead, unguarded.
func TestProxySettingsAreIgnored(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	client := egress.New(egress.AllowLoopback, time.Second)
	_, _, err := client.Post(t.Context(), "http://no-such-host.invalid/", nil, http.NoBody, 10)
	if err == nil || asked.Load() != 0 {
		t.Errorf("the proxy was asked %d times; %v", asked.Load(), err)
	}
}
