package browsertest_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/browsertest"
)

// site serves pages of the test's own making, by their path, each with the given headers.
func site(t *testing.T, pages map[string]string, header ...string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// page is a whole document that nothing is wrong with.
func page(body string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
		`<title>Test</title><link rel="icon" href="data:,"></head><body><main><h1>Test</h1>` + body + `</main></body></html>`
}

func contains(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) })
}

// TestProblems shows that each kind of problem is heard, and that a page without one has none.
func TestProblems(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, body, csp, want string }{
		{"nothing", "<p>fine</p>", "", ""},
		{"exception", "<script>throw new Error('thrown here')</script>", "", "thrown here"},
		{"promise", "<script>Promise.reject(new Error('rejected here'))</script>", "", "rejected here"},
		{"console.error", "<script>console.error('said here', 7)</script>", "", "said here"},
		{"not found", "<img alt='x' src='/missing.png'>", "", "404"},
		{"inline script", "<script>let x</script>", "script-src 'self'", "Content-Security-Policy"},
		{"inline style", "<p style='color:red'>x</p>", "style-src 'self'", "Content-Security-Policy"},
		{"foreign image", "<img alt='x' src='http://localhost:9/x.png'>", "img-src 'self'", "Content-Security-Policy"},
		{"trusted types", "<script src='/inner.js'></script>", "require-trusted-types-for 'script'", "TrustedHTML"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := browsertest.Open(t)
			p.Go(site(t, map[string]string{"/": page(tt.body), "/inner.js": "document.body.innerHTML = 'x'"}, "Content-Security-Policy", tt.csp))
			p.Quiet()
			p.Paint()
			if found := p.Problems(); contains(found, tt.want) == (len(found) == 0) {
				t.Errorf("problems %q, want %q", found, tt.want)
			}
			if tt.want != "" {
				p.Allow("")
			}
		})
	}
}

// TestBrowser shows that a page gets the browser that the options describe.
func TestBrowser(t *testing.T) {
	t.Parallel()
	where := site(t, map[string]string{"/": page(`<noscript>no script here</noscript><p id="wide">x</p>`)})
	seen := func(p *browsertest.Page, query string) bool {
		return browsertest.Eval[bool](p, "matchMedia('"+query+"').matches")
	}
	cases := []struct {
		name    string
		options []browsertest.Option
		width   int
		want    []string // media queries
		accept  string
	}{
		{"default", nil, 1280, []string{"(prefers-color-scheme: light)", "(prefers-reduced-motion: no-preference)", "(hover: none)"}, "en-US,en;q=0.9"},
		{
			"phone",
			[]browsertest.Option{browsertest.Phone(360), browsertest.Dark(), browsertest.ReducedMotion(), browsertest.Language("pt-BR,pt")},
			360,
			[]string{"(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)", "(pointer: coarse)"},
			"pt-BR,pt;q=0.9",
		},
	}
	for _, tt := range cases {
		p := browsertest.Open(t, tt.options...)
		p.Go(where)
		for _, query := range tt.want {
			if !seen(p, query) {
				t.Errorf("%s: %s does not match", tt.name, query)
			}
		}
		if got := browsertest.Eval[int](p, "innerWidth"); got != tt.width {
			t.Errorf("%s: the window is %d wide, want %d", tt.name, got, tt.width)
		}
		if got := p.Sent("GET", where)[0].Header["accept-language"]; got != tt.accept {
			t.Errorf("%s: Accept-Language %q, want %q", tt.name, got, tt.accept)
		}
		if p.Sees("noscript") || p.Overflow() != "" {
			t.Errorf("%s: noscript %v, overflow %q", tt.name, p.Sees("noscript"), p.Overflow())
		}
		_ = browsertest.Eval[bool](p, "!!(document.querySelector('#wide').style.width = '3000px')")
		if p.Overflow() == "" {
			t.Errorf("%s: an element of 3000 px is no overflow", tt.name)
		}
	}
	p := browsertest.Open(t, browsertest.NoScript())
	p.Go(where)
	p.AwaitText("noscript", "no script here")
}

// TestIsolation shows that tabs of one browser share what they keep, and browsers don't.
func TestIsolation(t *testing.T) {
	t.Parallel()
	where := site(t, map[string]string{"/": page("")})
	one := browsertest.Open(t)
	one.Go(where)
	_ = browsertest.Eval[string](one, "localStorage.x = 'kept'")
	tab, other := one.NewTab(), browsertest.Open(t)
	for _, p := range []*browsertest.Page{tab, other} {
		p.Go(where)
	}
	if got := browsertest.Eval[string](tab, "localStorage.x ?? ''"); got != "kept" {
		t.Errorf("another tab of the same browser has %q", got)
	}
	if got := browsertest.Eval[string](other, "localStorage.x ?? ''"); got != "" {
		t.Errorf("another browser has %q", got)
	}
}

const form = `<form><label>Name <input name="who" value="before"></label>
<label>Kind <select name="kind"><option value="a">A</option><option value="b">B</option></select></label>
<button type="button" id="go">Go</button></form><p id="said">-</p>
<script>
let times = 0;
document.querySelector("#go").addEventListener("click", e => {
	if (!e.isTrusted) return;
	times++;
	document.querySelector("#said").textContent = times + " " + document.forms[0].elements.who.value + " " + document.forms[0].elements.kind.value;
});
document.forms[0].elements.who.addEventListener("input", e => { document.title = e.target.value; });
</script>`

// TestHands shows that the mouse and the keyboard reach the page as a payer's do.
func TestHands(t *testing.T) {
	t.Parallel()
	p := browsertest.Open(t)
	p.Go(site(t, map[string]string{"/": page(form), "/next": page("next")}) + "/?a=1#f")
	p.Fill("input[name=who]", "Zoë 漢字")
	p.Choose("select[name=kind]", "b")
	p.Click("#go")
	p.AwaitText("#said", "1 Zoë 漢字 b")
	p.DoubleClick("#go")
	p.AwaitText("#said", "3 Zoë 漢字 b")
	if got := browsertest.Eval[string](p, "document.title"); got != "Zoë 漢字" {
		t.Errorf("typing made the title %q", got)
	}
	if got := p.Focused(); got != "button Go" {
		t.Errorf("focus is on %q", got)
	}
	p.ShiftTab()
	p.Keys("A", browsertest.Tab, browsertest.Enter)
	p.AwaitText("#said", "4 Zoë 漢字 a")
	p.Fill("input[name=who]", "")
	if got := p.Value("input[name=who]"); got != "" {
		t.Errorf("an emptied field holds %q", got)
	}
	first := p.URL()
	p.Go(strings.Replace(first, "/?a=1#f", "/next", 1))
	p.AwaitText("main", "next")
	p.Back()
	if got := p.URL(); got != first {
		t.Errorf("back leads to %s, want %s", got, first)
	}
	p.Reload()
	if got := p.Text("#said"); got != "-" {
		t.Errorf("after a reload the page says %q", got)
	}
	if p.Sees("#none") || p.Count("label") != 2 || p.Attribute("select", "name") != "kind" || p.Attribute("select", "none") != "" {
		t.Error("Sees, Count or Attribute is wrong")
	}
}

const asks = `<p id="said">-</p><script>
async function ask() {
	try { document.querySelector("#said").textContent = await (await fetch("/data", {headers: {"X-Mine": "7"}, method: "POST", body: "sent"})).text(); }
	catch (e) { document.querySelector("#said").textContent = "failed " + navigator.onLine; }
}
addEventListener("online", () => { document.querySelector("#said").textContent = "online"; });
</script>`

// TestNetwork shows what is told of requests, and that they can be held back and cut off.
func TestNetwork(t *testing.T) {
	t.Parallel()
	where := site(t, map[string]string{"/": page(asks), "/data": strings.Repeat("x", 5000)})
	p := browsertest.Open(t, browsertest.Allow("net::ERR_"))
	p.Go(where + "/?q=1#fragment")
	ask := func() { _ = browsertest.Eval[bool](p, "(ask(), true)") }

	release := p.Hold("*/data")
	ask()
	p.AwaitHeld(1)
	if got := p.Text("#said"); got != "-" {
		t.Errorf("while the request is held the page says %q", got)
	}
	release()
	p.AwaitText("#said", "xxx")
	r := p.AwaitRequest("POST", "/data")
	if r.Body != "sent" || r.Header["x-mine"] != "7" || r.Status != 200 || r.Bytes < 5000 || r.Bytes > 6000 || r.Type != "Fetch" ||
		!strings.HasPrefix(r.Header["referer"], where) || r.Answer["content-type"] != "text/html; charset=utf-8" {
		t.Errorf("the request is told as %+v", r)
	}
	if first := p.Requests()[0]; first.URL != where+"/?q=1" || first.Type != "Document" || first.Header["referer"] != "" {
		t.Errorf("the first request is told as %+v", first)
	}

	p.Offline(true)
	ask()
	p.AwaitText("#said", "failed false")
	p.Offline(false)
	p.AwaitText("#said", "online")
	p.Unreachable("*://*:*/data")
	ask()
	p.AwaitText("#said", "failed true")
	p.Unreachable()
	ask()
	p.AwaitText("#said", "xxx")
	p.Nowhere("*/elsewhere")
	_ = browsertest.Eval[bool](p, "(location.href = '/elsewhere', true)")
	p.AwaitHeld(2)
	p.Paint()
	if got := p.URL(); got != where+"/?q=1#fragment" {
		t.Errorf("a link to nowhere led to %s", got)
	}
	if failure := p.GoNowhere("http://127.0.0.1:9/"); !strings.Contains(failure, "ERR_") {
		t.Errorf("nothing is served there, and the browser says %q", failure)
	}
}

// TestPopup shows that a tab that the page opens is had, with what it asks for.
func TestPopup(t *testing.T) {
	t.Parallel()
	where := site(t, map[string]string{"/": page(`<button id="go">Go</button><script>
document.querySelector("#go").onclick = () => { const w = open("", "_blank"); setTimeout(() => { w.location = "/other"; }, 50); };
</script>`), "/other": page("other")})
	p := browsertest.Open(t)
	p.Go(where)
	popup := p.Popup(func() { p.Click("#go") })
	popup.AwaitURL(where + "/other")
	popup.AwaitText("main", "other")
}

// TestAxe shows that axe-core finds what is wrong, looks through a strict policy, and leaves no trace of itself.
func TestAxe(t *testing.T) {
	t.Parallel()
	const strict = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
	cases := []struct{ name, body, want string }{
		{"fine", "<p>fine</p>", ""},
		{"label", "<input name='x'>", "label"},
		{"contrast", "<p style='color:#aaa;background:#fff'>pale</p>", "color-contrast"},
		{"target size", "<button style='width:9px;height:9px;padding:0'>a</button><button style='width:9px;height:9px;padding:0'>b</button>", "target-size"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := browsertest.Open(t)
			p.Go(site(t, map[string]string{"/": page(tt.body)}, "Content-Security-Policy", strict))
			var got []string
			for _, v := range p.Violations() {
				got = append(got, v.ID)
				if !strings.Contains(v.String(), "<") || len(v.Nodes) == 0 {
					t.Errorf("the violation names no element: %s", v)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("axe-core finds %q, want %q", got, tt.want)
			}
			p.Allow("^issue: FormInputHasNoLabel|^issue: FormLabel|^issue: FormInput")
			if got := browsertest.Eval[string](p, "typeof axe"); got != "undefined" {
				t.Errorf("the page sees axe: %s", got)
			}
		})
	}
}

// TestPicture shows that a picture is of the whole page, in the size of the window.
func TestPicture(t *testing.T) {
	t.Parallel()
	where := site(t, map[string]string{"/": page("<div style='height:2000px'></div>")})
	for _, width := range []int{360, 1280} {
		p := browsertest.Open(t, browsertest.Size(width, 600))
		p.Go(where)
		picture, err := png.Decode(bytes.NewReader(p.Picture()))
		if err != nil {
			t.Fatal(err)
		}
		if size := picture.Bounds().Size(); size.X != width || size.Y < 2000 {
			t.Errorf("the picture is %v, want %d wide and 2000 high", size, width)
		}
	}
}

// TestFind shows that a browser is found, or said to be missing.
func TestFind(t *testing.T) {
	own := filepath.Join(t.TempDir(), "my-chromium")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLIPROAD_TEST_CHROMIUM", own)
	if path, err := browsertest.Find(); err != nil || path != own {
		t.Errorf("found %q, %v; want %q", path, err, own)
	}
	t.Setenv("SLIPROAD_TEST_CHROMIUM", own+"-not")
	if _, err := browsertest.Find(); err == nil || !strings.Contains(err.Error(), "SLIPROAD_TEST_CHROMIUM") {
		t.Errorf("a program that isn't there: %v", err)
	}
	t.Setenv("SLIPROAD_TEST_CHROMIUM", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := browsertest.Find(); err == nil || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("no browser at all: %v", err)
	}
}
