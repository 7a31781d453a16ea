package journey_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

type answer struct {
	status int
	header http.Header
	body   string // not compressed
	bytes  int    // as sent
}

// page sends the request as it is, and reads the answer.
func page(t *testing.T, r *http.Request) answer {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw := must(io.ReadAll(resp.Body))(t)
	a := answer{resp.StatusCode, resp.Header, string(raw), len(raw)}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		a.body = string(must(io.ReadAll(must(gzip.NewReader(strings.NewReader(a.body)))(t)))(t))
	}
	return a
}

// fetch gets the address, with the given headers, names and values in turn.
func fetch(t *testing.T, address string, header ...string) answer {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))(t)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return page(t, r)
}

// shell is the address of the session's page, as it is sent.
func shell(s *api.Session) string {
	bare, _, _ := strings.Cut(s.Attributes.CheckoutURL, "#")
	return bare
}

const strictPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// TestHeaders holds the page's documents to their headers, and what they load to being cached for ever.
func TestHeaders(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	for _, address := range []string{shell(s), shell(s) + "/return?k=x", h.URL + "/checkout/" + s.ID, h.URL + "/checkout/sess_none"} {
		a := fetch(t, address)
		want := map[string]string{
			"Content-Security-Policy": strictPolicy,
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Content-Type":            "text/html; charset=utf-8",
		}
		for name, value := range want {
			if got := a.header.Get(name); got != value {
				t.Errorf("%s: %s: %q, want %q", address, name, got, value)
			}
		}
		if a.status != http.StatusOK {
			t.Errorf("%s: status %d", address, a.status)
		}
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-cache") && !strings.Contains(got, "no-store") {
			t.Errorf("%s: Cache-Control: %q, want it asked about each time", address, got)
		}
		if vary := strings.Join(a.header.Values("Vary"), ","); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Accept-Encoding") {
			t.Errorf("%s: Vary: %q", address, vary)
		}
		if len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s sets a cookie", address)
		}
		for _, bad := range []string{"style=", " onclick", " onload", "javascript:"} {
			if strings.Contains(a.body, bad) {
				t.Errorf("%s: the document has %q, which its policy forbids", address, bad)
			}
		}
		if inline := regexp.MustCompile(`<script[^>]*>[^<]`).FindString(a.body); inline != "" {
			t.Errorf("%s: the document has a script in it", address)
		}
		again := fetch(t, address, "If-None-Match", a.header.Get("Etag"))
		if a.header.Get("Etag") == "" || again.status != http.StatusNotModified || again.bytes != 0 {
			t.Errorf("%s: Etag %q brings %d with %d bytes, want 304", address, a.header.Get("Etag"), again.status, again.bytes)
		}
	}
	assets := regexp.MustCompile(`(?:href|src)="(/[^"]+\.(?:css|js))"`).FindAllStringSubmatch(fetch(t, shell(s)).body, -1)
	if len(assets) != 2 {
		t.Fatalf("the document loads %v, want a style sheet and a script", assets)
	}
	for _, found := range assets {
		heldForEver(t, h.URL+found[1])
	}
	a := fetch(t, h.URL+"/sliproad.js")
	again := fetch(t, h.URL+"/sliproad.js", "If-None-Match", a.header.Get("Etag"))
	if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "no-cache") || again.status != http.StatusNotModified {
		t.Errorf("/sliproad.js: %d %v, then %d", a.status, a.header, again.status)
	}
}

// heldForEver wants the asset to be immutable, its name to change with its content, and another name to be nothing.
func heldForEver(t *testing.T, address string) {
	t.Helper()
	name := regexp.MustCompile(`\.[0-9a-f]{8,}\.(css|js)$`)
	if !name.MatchString(address) {
		t.Errorf("%s has no hash in its name", address)
	}
	plain, packed := fetch(t, address), fetch(t, address, "Accept-Encoding", "gzip, br")
	for _, a := range []answer{plain, packed} {
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept-Encoding") || a.header.Get("Etag") == "" {
			t.Errorf("%s: %d %v", address, a.status, a.header)
		}
	}
	if packed.header.Get("Content-Encoding") != "gzip" || packed.body != plain.body || packed.bytes >= plain.bytes || packed.header.Get("Etag") == plain.header.Get("Etag") {
		t.Errorf("%s: %d bytes compressed, %d plain, Etags %s and %s", address, packed.bytes, plain.bytes, packed.header.Get("Etag"), plain.header.Get("Etag"))
	}
	if other := fetch(t, name.ReplaceAllString(address, ".0123456789abcdef.$1")); other.status != http.StatusNotFound {
		t.Errorf("an asset of another hash is answered with %d", other.status)
	}
}

// framing has the page in a frame of the shop's, which says hello to it and shows what it answers.
const framing = `<iframe title="checkout" width="400" height="700" src="%s"></iframe><ol></ol><script>
const frame = document.querySelector("iframe");
addEventListener("message", e => {
	const item = document.createElement("li");
	item.textContent = e.origin + " " + (e.data && e.data.type) + " " + (e.data && e.data.sessionId);
	document.querySelector("ol").append(item);
});
setInterval(() => frame.contentWindow.postMessage({sliproad: 1, type: "hello"}, "*"), 100);
</script>`

// TestFraming lets origins frame the page that the project lists, and nobody else, and speaks to them only.
func TestFraming(t *testing.T) {
	t.Parallel()
	h := start(t)
	listed, stranger := h.shop, newShop(t)
	update := h.Command("project", "update", h.ProjectID, "--allowed-origin", listed.URL)
	if update.Code != 0 {
		t.Fatalf("project update: %+v", update)
	}
	s := h.session(t, h.locked())
	want := strings.Replace(strictPolicy, "frame-ancestors 'none'", "frame-ancestors "+listed.URL, 1)
	await(t, "the policy to name the listed origin", func() bool { return fetch(t, shell(s)).header.Get("Content-Security-Policy") == want })
	if got := fetch(t, shell(s)).header.Get("X-Frame-Options"); got == "DENY" {
		t.Errorf("X-Frame-Options: %q forbids what the policy allows", got)
	}

	listed.serve("/frame", fmt.Sprintf(framing, s.Attributes.CheckoutURL))
	p := browsertest.Open(t)
	p.Go(listed.URL + "/frame")
	p.AwaitText("li", h.URL+" ready "+s.ID)

	stranger.serve("/frame", fmt.Sprintf(framing, s.Attributes.CheckoutURL))
	q := browsertest.Open(t, browsertest.Allow("frame-ancestors|ERR_BLOCKED|X-Frame-Options|chrome-error"))
	q.Go(stranger.URL + "/frame")
	refused := q.AwaitRequest(http.MethodGet, shell(s))
	if refused.Failed == "" {
		t.Errorf("a stranger may frame the page: %+v", refused)
	}
	for _, r := range q.Requests() {
		if strings.HasPrefix(r.URL, h.URL+"/public/") {
			t.Errorf("the page runs in a stranger's frame: it asked for %s", r.URL)
		}
	}
	if q.Sees("li") {
		t.Errorf("the page speaks to a stranger: %s", q.Text("li"))
	}
}

// edgeContrast is the contrast of the button to order with what is around it, by its ground or by its edge (WCAG 1.4.11).
const edgeContrast = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number);
	const light = c => rgb(c).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const button = document.querySelector("button[type=submit]"), s = getComputedStyle(button);
	let around = button.parentElement;
	while (around && (rgb(getComputedStyle(around).backgroundColor)[3] ?? 1) === 0) around = around.parentElement;
	const ground = light(getComputedStyle(around ?? document.body).backgroundColor);
	const colours = [s.backgroundColor, ...(parseFloat(s.borderTopWidth) >= 1 && s.borderTopStyle !== "none" ? [s.borderTopColor] : [])];
	return Math.max(...colours.map(light).map(l => (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05)));
})()`

// TestBrandLooks shows the partner's name, logo and colour, which stay readable whatever the colour is.
func TestBrandLooks(t *testing.T) {
	t.Parallel()
	logo := filepath.Join(t.TempDir(), "logo.svg")
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" fill="#7a2cff"/></svg>`
	if err := os.WriteFile(logo, []byte(svg), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, accent := range []string{"#7a2cff", "#ffee00", "#000000", "#ffffff", "#808080"} {
		t.Run(accent, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			if set := h.Command("project", "brand", h.ProjectID, "--name", "Café <Ünïcode> & Co", "--accent", accent, "--logo", logo); set.Code != 0 {
				t.Fatalf("project brand: %+v", set)
			}
			s := h.session(t, h.locked())
			await(t, "the brand to be taken up", func() bool { return strings.Contains(fetch(t, shell(s)).body, "Café") })
			policy := fetch(t, shell(s)).header.Get("Content-Security-Policy")
			hash := regexp.MustCompile(`style-src 'self' 'sha256-[A-Za-z0-9+/]{43}='; `)
			if hash.ReplaceAllString(policy, "style-src 'self'; ") != strictPolicy {
				t.Errorf("Content-Security-Policy: %q, want the strict one and one hash of a style", policy)
			}
			p := checkout(t, s)
			if !strings.Contains(p.Text("body"), "Café <Ünïcode> & Co") && !browsertest.Eval[bool](p, `[...document.images].some(i => i.alt.includes("Café <Ünïcode> & Co"))`) {
				t.Errorf("the partner's name is not there: %s", p.Text("body"))
			}
			if !browsertest.Eval[bool](p, `[...document.images].some(i => i.complete && i.naturalWidth > 0 && i.getBoundingClientRect().height > 10)`) {
				t.Error("the logo is not shown")
			}
			for _, dark := range []bool{false, true} {
				p.Scheme(dark)
				if edge := browsertest.Eval[float64](p, edgeContrast); edge < 3 {
					t.Errorf("dark %v: the button stands out from what is around it by %.2f:1, want 3:1", dark, edge)
				}
			}
			looks(t, p, "brand-"+strings.TrimPrefix(accent, "#"))
			ownOnly(t, h, p)
		})
	}
}

// TestSlowPhone has the page shown before its script has come: the payer sees at once that something happens.
func TestSlowPhone(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := browsertest.Open(t, browsertest.Phone(360))
	release := p.Hold("*.js")
	p.Send(s.Attributes.CheckoutURL)
	p.AwaitHeld(1)
	p.AwaitText("main", "Loading")
	absent(t, p, "noscript")
	release()
	p.Await(state("form"))
	// What is needed to show the form, and no more: document, style, script, the session, prices.
	p.Quiet()
	if n := len(p.Requests()); n > 8 {
		t.Errorf("the page takes %d requests", n)
	}
}
