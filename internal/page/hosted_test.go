package page_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/page"
)

func policyOfShell(style, ancestors string) string {
	return "default-src 'none'; script-src 'self'; style-src " + style + "; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors " + ancestors + "; require-trusted-types-for 'script'; trusted-types 'none'"
}

// messageHeaders are those of a page that says one thing.
var messageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
	"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	"Cache-Control": "no-store", "Vary": "Accept-Language, Accept-Encoding", "Etag": "",
}

// TestShell: the page is the same for every session and without the secret, whether its project is known or not.
func TestShell(t *testing.T) {
	t.Parallel()
	h := newHost()
	s := serve(t, h)
	headers := map[string]string{
		"Content-Security-Policy": policyOfShell("'self'", "'none'"), "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "private, no-cache", "Vary": "Accept-Language, Accept-Encoding",
		"X-Frame-Options": "DENY", "Permissions-Policy": "camera=(), geolocation=(), microphone=()", "Access-Control-Allow-Origin": "", "Set-Cookie": "",
	}
	first := s.get(shellPath)
	for _, target := range []string{
		shellPath, "/checkout/sess_2", "/checkout/sess_2/" + project, "/checkout/sess_1/" + strings.ToUpper(project), shellPath + "/return?k=token&status=completed",
		"/checkout/sess_1/return?k=token", "/checkout/sess_1/6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d12", "/checkout/sess_1/garbage", "/checkout/%00%ff/%00",
	} {
		r := s.get(target)
		r.want(t, target, http.StatusOK, headers)
		if !bytes.Equal(r.body, first.body) || bytes.Contains(r.body, []byte("token")) {
			t.Errorf("%s: another page: %s", target, r.body)
		}
	}
	s.representations("shell", shellPath)
	if a, b := first.header.Get("Etag"), s.get(shellPath+"?lang=de").header.Get("Etag"); a == b && len(first.body) > 0 {
		t.Error("two languages have one tag")
	}
	h.lookErr = errors.New("the database is away")
	s.get(shellPath).want(t, "without the database", http.StatusOK, headers)
}

// TestShellLoadsOnlyOurs: the page names nothing but what we serve, and everything that it names is there.
func TestShellLoadsOnlyOurs(t *testing.T) {
	t.Parallel()
	h := newHost()
	h.look.Brand.Logo = checkout.Logo{Type: "image/png", Hash: "0011223344556677", Bytes: []byte("picture")}
	s := serve(t, h)
	seen := map[string]bool{}
	for _, lang := range []string{"en", "de", "ar", "zh-Hans"} {
		body := s.shell("Accept-Language", lang).body
		for _, link := range links.FindAllStringSubmatch(string(body), -1) {
			r := s.get(link[1])
			r.want(t, link[1], http.StatusOK, map[string]string{"Cache-Control": "public, max-age=31536000, immutable"})
			seen[r.header.Get("Content-Type")] = true
		}
		if bytes.Contains(body, []byte("style=")) || bytes.Contains(body, []byte("<script>")) || bytes.Contains(body, []byte("://")) {
			t.Errorf("%s: inline style or script, or another's address: %s", lang, body)
		}
	}
	for _, media := range []string{"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/png"} {
		if !seen[media] {
			t.Errorf("the page has no %s: %v", media, seen)
		}
	}
}

// TestShellBrand: what a project set is on its page, as text and not as HTML.
func TestShellBrand(t *testing.T) {
	t.Parallel()
	h := newHost()
	h.look.Project.Mode = checkout.ModeTest
	h.look.Brand.Name, h.look.Brand.Accent = `<b>"Müller & Söhne"</b>`, "#0b5c4a"
	s := serve(t, h)
	r := s.shell()
	found := styles.FindAllStringSubmatch(string(r.body), -1)
	if len(found) != 1 {
		t.Fatalf("%d style elements: %s", len(found), r.body)
	}
	r.want(t, "brand", http.StatusOK, map[string]string{"Content-Security-Policy": policyOfShell("'self' "+hashOf(found[0][1]), "'none'")})
	accent, _ := page.NewAccent("#0b5c4a")
	for _, colour := range []string{
		"--accent:" + accent.Fill, "--accent-over:" + accent.Over, "--on-accent:" + accent.OnFill, "--accent-ink:" + accent.Ink,
		"--accent:" + accent.DarkFill, "--accent-over:" + accent.DarkOver, "--on-accent:" + accent.DarkOn, "--accent-ink:" + accent.DarkInk,
	} {
		if !strings.Contains(found[0][1], colour) {
			t.Errorf("the style lacks %s: %s", colour, found[0][1])
		}
	}
	if text := string(r.body); strings.Contains(text, "<b>") || !strings.Contains(text, "Müller &amp; Söhne") || !strings.Contains(text, "Test mode") {
		t.Errorf("name or test banner: %s", text)
	}
	s.representations("branded shell", shellPath)
	h.look.Brand.Accent, h.look.Project.Mode = "red", checkout.ModeLive // nobody can store it
	r = s.get(shellPath)
	r.want(t, "no colour", http.StatusOK, map[string]string{"Content-Security-Policy": policyOfShell("'self'", "'none'")})
	if strings.Contains(string(r.body), "Test mode") || styles.Match(r.body) {
		t.Errorf("live, without a colour: %s", r.body)
	}
}

// TestFrames: the origins that the project lists may frame the page, and can say nothing else in its policy.
func TestFrames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins   []string
		ancestors string
	}{
		{nil, "'none'"},
		{[]string{"https://shop.example"}, "https://shop.example"},
		{[]string{"https://shop.example:8443", "http://localhost:3000"}, "https://shop.example:8443 http://localhost:3000"},
		{[]string{"http://[::1]:3000", "https://shop.example"}, "https://shop.example"},
		{[]string{"https://a;script-src *"}, "'none'"},
		{[]string{"https://a; script-src 'unsafe-inline'", "https://b\r\nSet-Cookie: x=1", "https://c,d", "https://*", "https://*.example"}, "'none'"},
		{[]string{"'self'", "*", "https:", "https://", "data:", "", "https://a b", "https://a'b", "https://ä.example"}, "'none'"},
		{[]string{"*; script-src *://a.example", "javascript://a.example", "x://a.example"}, "'none'"},
	} {
		h := newHost()
		h.look.Project.AllowedOrigins = c.origins
		r := serve(t, h).get(shellPath)
		deny := ""
		if len(c.origins) == 0 {
			deny = "DENY"
		}
		want := map[string]string{"Content-Security-Policy": policyOfShell("'self'", c.ancestors), "Set-Cookie": ""}
		if len(c.origins) == 0 || c.ancestors != "'none'" {
			want["X-Frame-Options"] = deny
		}
		r.want(t, fmt.Sprint(c.origins), http.StatusOK, want)
	}
}

// TestAssets: what has its content's hash in its name is kept for ever; what partners load is asked about each time.
func TestAssets(t *testing.T) {
	t.Parallel()
	s := serve(t, newHost())
	for _, link := range links.FindAllStringSubmatch(string(s.shell().body), -1) {
		if !strings.HasPrefix(link[1], "/checkout/assets/") {
			t.Errorf("an asset elsewhere: %s", link[1])
			continue
		}
		s.get(link[1]).want(t, link[1], http.StatusOK, map[string]string{
			"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding", "Access-Control-Allow-Origin": "",
		})
		s.representations(link[1], link[1])
	}
}

func TestPartnerScript(t *testing.T) {
	t.Parallel()
	s := serve(t, newHost())
	r := s.get("/sliproad.js")
	r.want(t, "sliproad.js", http.StatusOK, map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, no-cache", "Cross-Origin-Resource-Policy": "cross-origin",
		"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding",
	})
	if want, err := os.ReadFile("assets/sliproad.js"); err != nil || !bytes.Equal(want, r.body) {
		t.Errorf("another script is served: %v", err)
	}
	s.representations("sliproad.js", "/sliproad.js")
}

// TestScripts: each language has one script, which begins with its texts and then is the same for all.
func TestScripts(t *testing.T) {
	t.Parallel()
	s := serve(t, newHost())
	script := regexp.MustCompile(`src="(/checkout/assets/[^"]+\.js)"`)
	rest := ""
	for _, code := range codes(t) {
		found := script.FindStringSubmatch(string(s.shell("Accept-Language", code).body))
		if found == nil {
			t.Fatalf("%s: no script", code)
		}
		if !strings.HasPrefix(found[1], "/checkout/assets/checkout."+code+".") {
			t.Errorf("%s: has %s", code, found[1])
		}
		first, others, _ := strings.Cut(string(s.get(found[1]).body), "\n")
		table, ok := strings.CutPrefix(first, `const LANG = "`+code+`", TEXTS = `)
		table, ok2 := strings.CutSuffix(table, ";")
		want := texts(t, code)
		for key := range want {
			if strings.HasPrefix(key, "sandbox_") || strings.HasPrefix(key, "hop_") || strings.HasPrefix(key, "noscript_") {
				delete(want, key)
			}
		}
		if !ok || !ok2 || !sameTexts(t, table, want) {
			t.Errorf("%s: the script begins with %.200s", code, first)
		}
		if strings.Contains(first, "\u2028") || strings.Contains(first, "</script") {
			t.Errorf("%s: the texts hold what must not stand in a script", code)
		}
		if rest == "" {
			rest = others
		}
		if others != rest {
			t.Errorf("%s: another script", code)
		}
	}
}

// TestCheap: what is not limited is what costs nothing, and nothing else.
func TestCheap(t *testing.T) {
	t.Parallel()
	pages, s := page.New(newHost(), slog.New(slog.DiscardHandler)), serve(t, newHost())
	cheap := []string{"/sliproad.js"}
	for _, link := range links.FindAllStringSubmatch(string(s.get(shellPath).body), -1) {
		cheap = append(cheap, link[1])
	}
	style := regexp.MustCompile(`/sandbox/assets/[^"]+`).FindString(string(s.get("/c/x/y").body) + string(s.get("/nowhere").body))
	for _, path := range append(cheap, style) {
		if !pages.Cheap(path) {
			t.Errorf("%q is limited", path)
		}
	}
	for _, path := range []string{
		shellPath, shellPath + "/return", "/checkout/assets/logo/" + project + "/0011223344556677", "/c/x", "/sandbox/pay/" + project + "/ord_1",
		"/checkout/assets/" + project, "/checkout/assets/" + project + "/return", "/checkout/assets/x.css", "/checkout/assets/", "",
	} {
		if pages.Cheap(path) {
			t.Errorf("%q is not limited", path)
		}
	}
}

// TestLogo: a logo is kept for ever under its hash, runs nothing, and is not there under another.
func TestLogo(t *testing.T) {
	t.Parallel()
	h := newHost()
	h.look.Brand.Logo = checkout.Logo{Type: "image/svg+xml", Hash: "0011223344556677", Bytes: []byte("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")}
	s := serve(t, h)
	const path = "/checkout/assets/logo/" + project + "/0011223344556677"
	r := s.get(path)
	r.want(t, "logo", http.StatusOK, map[string]string{
		"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox", "Vary": "Accept-Encoding", "Etag": `"0011223344556677"`,
	})
	if !bytes.Equal(r.body, h.look.Brand.Logo.Bytes) {
		t.Errorf("another image: %s", r.body)
	}
	s.representations("logo", path)
	for _, target := range []string{
		strings.Replace(path, "0011", "0012", 1), strings.Replace(path, project, "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d12", 1),
		strings.Replace(path, project, "x", 1), path + "/x",
	} {
		s.get(target).want(t, target, http.StatusNotFound, messageHeaders)
	}
	h.look.Brand.Logo = checkout.Logo{}
	s.get(path).want(t, "removed", http.StatusNotFound, messageHeaders)
}

// TestUnknownPages: what is not there has a page that says so, in words and not in JSON.
func TestUnknownPages(t *testing.T) {
	t.Parallel()
	s := serve(t, newHost())
	for _, target := range []string{
		"/checkout/", "/checkout/sess_1/", "/checkout/sess_1/p/elsewhere", "/checkout/sess_1/p/return/x", "/checkout/assets/", "/checkout/assets/checkout.css",
		"/checkout/assets/checkout.0011223344556677.css", "/checkout/assets/checkout.en.0011223344556677.js", "/checkout/assets", "/checkout/assets/return",
		"/checkout/assets/" + project + "/return", "/checkout/assets/logo", "/checkout/assets/logo/return", "/c", "/sliproad.js/x", "/elsewhere",
	} {
		r := s.get(target)
		r.want(t, target, http.StatusNotFound, messageHeaders)
		if !bytes.Contains(r.body, []byte("This link does not work")) {
			t.Errorf("%s: %s", target, r.body)
		}
		if head := s.ask(http.MethodHead, target); head.status != http.StatusNotFound || len(head.body) > 0 {
			t.Errorf("HEAD %s: %d", target, head.status)
		}
	}
	for _, target := range []string{shellPath, shellPath + "/return", "/checkout/sess_1", "/sliproad.js", "/checkout/assets/x", "/c/opaque", "/elsewhere"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			r := s.ask(method, target)
			r.want(t, method+" "+target, http.StatusMethodNotAllowed, messageHeaders)
			r.want(t, method+" "+target, http.StatusMethodNotAllowed, map[string]string{"Allow": "GET, HEAD", "Access-Control-Allow-Origin": ""})
		}
	}
	if paths := page.New(newHost(), slog.New(slog.DiscardHandler)).Paths(); !slices.Equal(paths, []string{"/checkout/", "/c/", "/sandbox/", "/sliproad.js"}) {
		t.Errorf("paths: %q", paths)
	}
}

// TestHop: who follows the link goes on to the gateway's URL as it is, and nobody learns where they came from.
func TestHop(t *testing.T) {
	t.Parallel()
	h := newHost()
	s := serve(t, h)
	s.get("/c/opa-que_1").want(t, "hop", http.StatusSeeOther, map[string]string{
		"Location": h.target, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Set-Cookie": "",
	})
	if !slices.Equal(h.opened, []string{"opa-que_1 192.0.2.7"}) {
		t.Errorf("opened %q", h.opened)
	}
	for _, c := range []struct {
		name        string
		err         error
		noOrder     bool
		status      int
		text        string
		back, again bool
		order       checkout.OrderStatus
	}{
		{"unknown", checkout.NotFound("order"), true, http.StatusNotFound, "This link does not work", false, false, ""},
		{"expired", checkout.Fail(checkout.CodeSessionExpired, "secret"), false, http.StatusGone, "The time to pay is over", true, false, ""},
		{"finished", checkout.Fail(checkout.CodeSessionAlreadyUsed, "secret"), false, http.StatusGone, "This order is finished", true, false, checkout.OrderFailed},
		{"processing", checkout.Fail(checkout.CodeSessionAlreadyUsed, "secret"), false, http.StatusGone, "Your order is being processed", true, false, checkout.OrderProcessing},
		{"gateway", checkout.Fail(checkout.CodeGatewayUnavailable, "secret"), false, http.StatusServiceUnavailable, "The payment provider does not answer", false, true, ""},
		{"database", checkout.Fail(checkout.CodeDatabaseUnavailable, "secret"), true, http.StatusServiceUnavailable, "The payment provider does not answer", false, true, ""},
		{"failure", errors.New("secret"), false, http.StatusServiceUnavailable, "The payment provider does not answer", false, true, ""},
	} {
		h.openErr, h.noOrder = c.err, c.noOrder
		if h.order.Status = checkout.OrderCreated; c.order != "" {
			h.order.Status = c.order
		}
		back := `href="https://shop.example/done?cart=7&amp;x=%20a&amp;sessionId=sess_1&amp;orderId=ord_1&amp;status=` + string(h.order.Status) + `#top"`
		r := s.get("/c/x")
		r.want(t, c.name, c.status, messageHeaders)
		text := string(r.body)
		if !strings.Contains(text, c.text) || strings.Contains(text, "secret") || strings.Contains(text, h.target) || strings.Contains(text, back) != c.back {
			t.Errorf("%s: %s", c.name, text)
		}
		if got := r.header.Get("Retry-After") != "" && strings.Contains(text, `href=""`); got != c.again {
			t.Errorf("%s: another attempt is offered: %v", c.name, got)
		}
	}
}

// TestHopAhead: a URL is made for a click alone. What a browser fetched in advance must not be what the click then shows, so it
// is no success.
func TestHopAhead(t *testing.T) {
	t.Parallel()
	h := newHost()
	s := serve(t, h)
	for _, header := range [][]string{
		{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"},
	} {
		s.get("/c/x", header...).want(t, fmt.Sprint(header), http.StatusServiceUnavailable, map[string]string{"Location": "", "Cache-Control": "no-store"})
	}
	s.ask(http.MethodHead, "/c/x").want(t, "HEAD", http.StatusNoContent, map[string]string{"Location": "", "Cache-Control": "no-store"})
	if len(h.opened) != 0 {
		t.Errorf("opened %q", h.opened)
	}
}

// TestBusy: who asks too often is told so on a page, in their language, and can ask again.
func TestBusy(t *testing.T) {
	t.Parallel()
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, shellPath+"?lang=de", nil)
	page.New(newHost(), slog.New(slog.DiscardHandler)).ServeBusy(w, r)
	if text := w.Body.String(); w.Code != http.StatusTooManyRequests || !strings.Contains(text, `lang="de"`) || !strings.Contains(text, `href=""`) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), text)
	}
}
