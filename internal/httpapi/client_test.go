package httpapi_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/store"
)

func trust(prefixes ...string) func(*parts) {
	return func(p *parts) {
		for _, text := range prefixes {
			p.api.TrustedProxies = append(p.api.TrustedProxies, netip.MustParsePrefix(text))
		}
	}
}

// TestClientAddress sees whom the server takes for its client by the country of a session (contract §1, Client address).
func TestClientAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trust("10.0.0.0/8", "fd00::/8", "127.0.0.1/32"))
	const proxy = "10.0.0.1:555"
	for _, c := range []struct {
		name, from string
		forwarded  []string // X-Forwarded-For headers
		country    string
	}{
		{"the connection's", inDE + ":4711", nil, "DE"},
		{"IPv6", "[" + inJPv6 + "]:4711", nil, "JP"},
		{"IPv4 in IPv6", "[::ffff:" + inUS + "]:1", nil, "US"},
		{"an untrusted client claims another", inDE + ":1", []string{inUS}, "DE"},
		{"from a trusted proxy", proxy, []string{inUS}, "US"},
		{"from a trusted proxy, IPv4 in IPv6", "[::ffff:10.0.0.1]:1", []string{inUS}, "US"},
		{"from a trusted proxy over IPv6", "[fd00::1]:1", []string{inJPv6}, "JP"},
		{"the rightmost counts", proxy, []string{inUS + ", " + inDE}, "DE"},
		{"trusted ones on the right are skipped", proxy, []string{inUS + "," + inDE + " , 10.9.9.9,127.0.0.1"}, "DE"},
		{"a trusted one further left is not", proxy, []string{"10.9.9.9, " + inUS + ", 10.8.8.8"}, "US"},
		{"several headers are one list", proxy, []string{inUS, inDE, "10.9.9.9"}, "DE"},
		{"with a port", proxy, []string{inUS + ":8080"}, "US"},
		{"IPv6 with a port", proxy, []string{"[" + inJPv6 + "]:8080"}, "JP"},
		{"IPv6 in brackets", proxy, []string{"[" + inJPv6 + "]"}, "JP"},
		{"IPv6 with a zone", proxy, []string{inJPv6 + "%eth0"}, "JP"},
		{"IPv4 in IPv6, forwarded", proxy, []string{"::ffff:" + inDE}, "DE"},
		{"garbage ends the chain", proxy, []string{inUS + ", garbage"}, ""},
		{"garbage left of the client is its own claim", proxy, []string{"garbage, , 999.1.1.1, " + inUS}, "US"},
		{"garbage between proxies", proxy, []string{inUS + ", unknown, 10.9.9.9"}, ""},
		{"nothing", proxy, []string{""}, ""},
		{"a comma", proxy, []string{inUS + ","}, ""},
		{"all trusted", proxy, []string{"10.1.1.1, 10.2.2.2"}, ""},
		{"private client", proxy, []string{"192.168.1.1"}, ""},
		{"a host name", proxy, []string{"example.com"}, ""},
		{"a CIDR", proxy, []string{inUS + "/32"}, ""},
		{"no connection address", "", nil, ""},
		{"a broken connection address", "pipe", []string{inUS}, ""},
	} {
		header := []string{"Forwarded", "for=" + inUS, "X-Real-Ip", inUS} // not believed
		for _, f := range c.forwarded {
			header = append(header, "X-Forwarded-For", f)
		}
		a := w.send(t, c.from, http.MethodPost, "/v1/sessions", w.sk, `{"externalCustomerId": "u"}`, header...).want(t, 201)
		if a.attr("country") != c.country {
			t.Errorf("%s: country %q, want %q", c.name, a.attr("country"), c.country)
		}
	}
}

// TestPayerCountry: a country that came from the backend's address is looked up anew from the payer's, on the payer's
// first call with the public key, and only then; one given never changes (contract §2.1).
func TestPayerCountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type call struct{ method, action, key, from string }
	read := func(key, from string) call { return call{http.MethodGet, "", key, from} }
	confirm := func(key, from string) call { return call{http.MethodPost, "/confirm", key, from} }
	order := func(key, from string) call { return call{http.MethodPost, "/order", key, from} }
	for _, c := range []struct {
		name, given string
		calls       []call
		country     string
	}{
		{"nobody called", "", nil, "US"},
		{"the backend reads", "", []call{read(w.sk, inDE)}, "US"},
		{"the backend confirms", "", []call{confirm(w.sk, inDE)}, "US"},
		{"the backend orders", "", []call{order(w.sk, inDE)}, "US"},
		{"the payer reads", "", []call{read(w.pk, inDE)}, "DE"},
		{"the payer confirms", "", []call{confirm(w.pk, inDE)}, "DE"},
		{"the payer orders", "", []call{order(w.pk, inDE)}, "DE"},
		{"the payer has no country", "", []call{read(w.pk, inside)}, ""},
		{"only the first call of the payer", "", []call{read(w.pk, inDE), confirm(w.pk, inJP), order(w.pk, inJP)}, "DE"},
		{"a first call without a country is the first", "", []call{read(w.pk, inside), confirm(w.pk, inJP)}, ""},
		{"the backend's calls don't count", "", []call{read(w.sk, inJP), confirm(w.sk, inJP), order(w.pk, inDE)}, "DE"},
		{"after the order it is settled", "", []call{order(w.sk, inJP), read(w.pk, inDE)}, "US"},
		{"given", "fr", []call{read(w.pk, inDE), confirm(w.pk, inDE), order(w.pk, inDE)}, "FR"},
	} {
		body := `{"externalCustomerId": "u", "destinationAddress": "` + wallet + `"`
		if c.given != "" {
			body += `, "country": "` + c.given + `"`
		}
		made := w.send(t, inUS+":1", http.MethodPost, "/v1/sessions", w.sk, body+"}").want(t, 201)
		session := "/v1/sessions/" + made.attr("sessionId")
		for _, call := range c.calls {
			body := ""
			if call.method == http.MethodPost {
				body = orderBody(made.attr("clientSecret"), someone)
			}
			a := w.send(t, call.from+":1", call.method, session+call.action, call.key, body)
			if a.status > 201 {
				t.Errorf("%s: %d %s", c.name, a.status, a.raw)
			}
		}
		if got := w.get(t, session, w.sk).want(t, 200).attr("country"); got != c.country {
			t.Errorf("%s: country %q, want %q", c.name, got, c.country)
		}
	}
}

// TestAllowedOrigins: a project may list the origins whose pages read the answers; without a list, all may. Routes for
// secret keys have no CORS headers at all.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, secret := w.session(t)
	const shop, evil = "https://shop.example", "https://evil.example"
	check := func(name, origin, want string, a answer) {
		t.Helper()
		got := a.header.Get("Access-Control-Allow-Origin")
		if varies := a.header.Get("Vary") == "Origin"; got != want || varies != (origin != "" && want != "*") {
			t.Errorf("%s from %q: allows %q, want %q; Vary %q", name, origin, got, want, a.header.Get("Vary"))
		}
		if got != "" && a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials are allowed", name)
		}
	}
	session := "/v1/sessions/" + id
	calls := map[string]func(origin string) answer{
		"get": func(o string) answer { return w.get(t, session, w.pk, "Origin", o).want(t, 200) },
		"confirm": func(o string) answer {
			return w.post(t, session+"/confirm", w.pk, orderBody(secret, someone), "Origin", o).want(t, 200)
		},
		"order": func(o string) answer { return w.post(t, session+"/order", w.pk, "{", "Origin", o).want(t, 400) },
		"404":   func(o string) answer { return w.get(t, session+"x", w.pk, "Origin", o).want(t, 404) },
	}
	for name, call := range calls {
		check(name+", any origin", evil, "*", call(evil))
	}
	project, err := w.db.Project(t.Context(), w.project)
	if err != nil {
		t.Fatal(err)
	}
	project.AllowedOrigins = []string{shop, "http://localhost:3000"}
	if err := w.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateProject(project) }); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second) // within which nodes take changes up
	for name, call := range calls {
		check(name, shop, shop, call(shop))
		check(name, evil, "", call(evil))
		check(name, "", "", call(""))
		check(name, shop+".evil.example", "", call(shop+".evil.example"))
	}
	check("no key", shop, "*", w.get(t, session, "", "Origin", shop).want(t, 401)) // whose project is not known
	preflight := w.send(t, "", http.MethodOptions, session, "", "", "Origin", shop, "Access-Control-Request-Method", "GET").want(t, 204)
	check("preflight", shop, "*", preflight)
	for _, a := range []answer{
		w.post(t, "/v1/sessions", w.sk, `{"externalCustomerId": "u"}`, "Origin", shop).want(t, 201),
		w.get(t, "/v1/orders", w.sk, "Origin", shop).want(t, 200),
		w.send(t, "", http.MethodOptions, "/v1/sessions", "", "", "Origin", shop).want(t, 405),
	} {
		for name := range a.header {
			if len(name) > 15 && name[:15] == "Access-Control-" {
				t.Errorf("a secret-key route answers with %s", name)
			}
		}
	}
}

// TestKeylessRateLimit: routes without a key are limited by client address, and tell so; keys have their own buckets.
func TestKeylessRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trust("10.0.0.0/8"), func(p *parts) {
		p.api.AddressRate = httpapi.Rate{PerSecond: 1, Burst: 2}
		p.api.KeyRate = httpapi.Rate{PerSecond: 10, Burst: 3}
	})
	document := func(client string) answer {
		return w.send(t, "10.0.0.1:1", http.MethodGet, "/openapi.yaml", "", "", "X-Forwarded-For", client)
	}
	for i, want := range []struct {
		status    int
		remaining string
	}{{200, "1"}, {200, "0"}, {429, "0"}, {429, "0"}} {
		a := document(inDE)
		if a.status != want.status || a.header.Get("X-Ratelimit-Remaining") != want.remaining || a.header.Get("X-Ratelimit-Limit") != "2" {
			t.Errorf("request %d: %d, limit %v", i, a.status, a.header)
		}
		if a.status == 429 && (a.code() != string(checkout.CodeRateLimitExceeded) || a.header.Get("Retry-After") != "1") {
			t.Errorf("request %d: %s, Retry-After %q", i, a.raw, a.header.Get("Retry-After"))
		}
	}
	document(inUS).want(t, 200) // another client's bucket
	for range 3 {
		w.send(t, inDE+":1", http.MethodGet, "/v1/orders", w.sk, "").want(t, 200)
	}
	w.send(t, inDE+":1", http.MethodGet, "/v1/orders", w.sk, "").want(t, 429)
	w.send(t, inDE+":1", http.MethodGet, "/v1/orders", w.pk, "").want(t, 403) // another key's bucket
	w.send(t, inDE+":1", http.MethodGet, "/healthz", "", "").want(t, 200)
	w.pass(time.Second)
	document(inDE).want(t, 200)
	document(inDE).want(t, 429)
}
