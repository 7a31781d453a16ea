package journey_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/browsertest"
)

const (
	dialogFrame = "dialog iframe"
	boxFrame    = "#box iframe"
)

// partner is a site that embeds the checkout, with a Content-Security-Policy as strict as can be. Its style sheet is one that
// would spoil a dialog that doesn't defend itself.
type partner struct {
	URL string
}

const (
	partnerPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The shop</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
<script src="%[1]s/sliproad.js"></script><script src="%[1]s/sliproad.js"></script><script src="/page.js"></script>
<body><h1>The shop</h1><button id="buy">Buy</button><div id="box"></div><p class="tall">More.</p></body></html>`

	partnerStyle = `button { width: 100%; background: red } dialog { padding: 5em; width: 200px } iframe { border: 9px solid red } .tall { height: 3000px }`

	// A click opens what `options` says. An exception of the shop's own must not reach the checkout.
	partnerScript = `const events = [], faults = [], heard = []; let options, opened;
addEventListener("error", e => { faults.push(e.message); e.preventDefault(); });
addEventListener("message", e => heard.push(e.origin + " " + e.data?.type));
const onEvent = e => { events.push(e); if (e.type === "ready") throw new Error("the shop's own"); };
addEventListener("DOMContentLoaded", () => document.querySelector("#buy").addEventListener("click", () => {
	opened = Sliproad.open({...options, onEvent});
}));`

	// It says in the checkout's place that all is paid.
	liarPage   = `<!doctype html><title>A liar</title><script src="/liar.js"></script>`
	liarScript = `for (const type of ["completed", "close"]) parent.postMessage({sliproad: 1, type, orderId: "ord_x"}, "*");`
)

func newPartner(t *testing.T, h *house) *partner {
	t.Helper()
	policy := fmt.Sprintf("default-src 'none'; script-src 'self' %[1]s; style-src 'self'; img-src data:; frame-src 'self' %[1]s; require-trusted-types-for 'script'; trusted-types 'none'", h.URL)
	files := map[string][2]string{
		"/liar": {"text/html", liarPage}, "/liar.js": {"text/javascript", liarScript},
		"/page.js": {"text/javascript", partnerScript}, "/page.css": {"text/css", partnerStyle}, "/": {"text/html", fmt.Sprintf(partnerPage, h.URL)},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", file[0]+"; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = io.WriteString(w, file[1])
	}))
	t.Cleanup(server.Close)
	return &partner{server.URL}
}

// embedding is a house whose project lists the partner's origin, and a session of it.
func embedding(t *testing.T) (*house, *partner) {
	t.Helper()
	h := start(t)
	site := newPartner(t, h)
	h.list(t, site.URL)
	return h, site
}

// list has the project allow the origins, and waits until the server knows.
func (h *house) list(t *testing.T, origins ...string) {
	t.Helper()
	args := []string{"project", "update", h.ProjectID}
	for _, o := range origins {
		args = append(args, "--allowed-origin", o)
	}
	if out := h.Command(args...); out.Code != 0 {
		t.Fatalf("project update: %+v", out)
	}
	page := shell(h.session(t, h.locked()))
	await(t, "the policy to name the origins", func() bool {
		return strings.Contains(fetch(t, page).header.Get("Content-Security-Policy"), "frame-ancestors "+strings.Join(origins, " ")+";")
	})
}

// visit opens the partner's page, with its button set to open the session. Further options are in JavaScript.
func (site *partner) visit(t *testing.T, s *api.Session, more string, options ...browsertest.Option) *browsertest.Page {
	t.Helper()
	p := browsertest.Open(t, options...)
	p.Go(site.URL + "/")
	_ = browsertest.Eval[bool](p, fmt.Sprintf("!!(options = {checkoutUrl: %q, %s})", s.Attributes.CheckoutURL, more))
	return p
}

// event is what the partner's page is told.
type event struct{ Type, SessionID, OrderID, Status string }

func events(p *browsertest.Page) []event { return browsertest.Eval[[]event](p, "events") }

func awaitEvent(p *browsertest.Page, kind string) {
	p.Until("the event "+kind, fmt.Sprintf("events.some(e => e.type === %q)", kind))
}

// wantEvents holds the events to the types, and to plain objects of the session.
func wantEvents(t *testing.T, p *browsertest.Page, s *api.Session, types ...string) {
	t.Helper()
	var got []string
	for _, e := range events(p) {
		got = append(got, e.Type)
		if e.SessionID != s.ID {
			t.Errorf("the event %+v is not of the session %s", e, s.ID)
		}
	}
	if diff := cmp.Diff(types, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// gone wants the page to be as if nothing had been opened, with the focus where it was.
func gone(t *testing.T, p *browsertest.Page) {
	t.Helper()
	p.Until("the dialog to be gone", `!document.querySelector("dialog, iframe")`)
	if style := p.Attribute("html", "style"); style != "" {
		t.Errorf("the page keeps the style %q", style)
	}
	if at := p.Focused(); at != "button Buy" {
		t.Errorf("the focus is at %q, want where it was: on the button that opened the dialog", at)
	}
}

// TestEmbedPurchase buys in a dialog on a partner's page: the gateway comes in a window of its own, and the page is told of
// everything in order.
func TestEmbedPurchase(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	s := h.session(t, h.locked())
	p := site.visit(t, s, "")
	p.Click("#buy")
	awaitEvent(p, "ready")
	f := p.Frame(dialogFrame)
	f.Await(state("form"))
	p.Screenshot("dialog")
	popup := p.Popup(func() { f.Click(submitButton) })
	popup.AwaitURL(h.URL + "/sandbox/pay/")
	awaitEvent(p, "order")
	f.Await(state("waiting"))
	popup.Click(payButton)
	awaitEvent(p, "completed")
	f.Await(state("completed"))
	p.Screenshot("completed")

	o := h.onlyOrder(t, s.ID)
	if o.Status != "completed" {
		t.Errorf("the order is %s", o.Status)
	}
	all := events(p)
	steps := []string{"created", "pending", "processing", "completed"}
	var told []string
	for i, e := range all {
		switch {
		case i == 0:
			if e != (event{Type: "ready", SessionID: s.ID}) {
				t.Errorf("the first event is %+v", e)
			}
		case e.OrderID != o.OrderID || e.SessionID != s.ID:
			t.Errorf("the event %+v is not of the order %s", e, o.OrderID)
		case e.Type == "status":
			told = append(told, e.Status)
		}
	}
	if all[1].Type != "order" || all[len(all)-1].Type != "completed" || len(told) != len(all)-3 {
		t.Errorf("the events are %+v, want ready, order, each status, completed", all)
	}
	if !slices.IsSortedFunc(told, func(a, b string) int { return slices.Index(steps, a) - slices.Index(steps, b) }) || told[len(told)-1] != "completed" {
		t.Errorf("the statuses are %v, want some of %v in order", told, steps)
	}
	if faults := browsertest.Eval[[]string](p, "faults"); len(faults) == 0 {
		t.Error("the exception of the page's own function was swallowed")
	}
	before := len(all)
	p.Click("dialog button")
	gone(t, p)
	_ = browsertest.Eval[bool](p, "opened.close() === undefined && opened.close() === undefined")
	if after := events(p)[before:]; len(after) != 1 || after[0].Type != "close" {
		t.Errorf("after the closing: %+v, want one close", after)
	}
	h.keepsSecret(t, p, s)
}

// TestEmbedDialog looks at what the dialog does to the page around it, and at every way to close it.
func TestEmbedDialog(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	closings := []struct {
		name  string
		close func(*browsertest.Page)
	}{
		{"by Esc", func(p *browsertest.Page) { p.Keys(browsertest.Escape) }},
		{"by its button", func(p *browsertest.Page) { p.Click("dialog button") }},
		{"by the page", func(p *browsertest.Page) { _ = browsertest.Eval[bool](p, "opened.close() === undefined") }},
		{"by Esc inside", func(p *browsertest.Page) {
			p.Frame(dialogFrame).Click("h1")
			p.Keys(browsertest.Escape)
		}},
	}
	for _, tt := range closings {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := h.session(t, h.locked())
			p := site.visit(t, s, "")
			p.Click("#buy")
			awaitEvent(p, "ready")
			p.Frame(dialogFrame).Await(state("form"))
			tt.close(p)
			gone(t, p)
			wantEvents(t, p, s, "ready", "close")
			p.Click("#buy") // the session is as it was
			p.Until("the checkout to be there again", `events.filter(e => e.type === "ready").length === 2`)
		})
	}

	t.Run("size", func(t *testing.T) {
		t.Parallel()
		s := h.session(t, h.locked())
		const measure = `(() => { const r = document.querySelector("dialog").getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round); })()`
		for _, tt := range []struct {
			option browsertest.Option
			want   []int
		}{
			{browsertest.Phone(360), []int{0, 0, 360, 740}},
			{browsertest.Size(1280, 900), []int{400, 82, 480, 736}},
			{browsertest.Size(1280, 500), []int{400, 0, 480, 500}},
		} {
			p := site.visit(t, s, `language: "ar"`, tt.option)
			p.Click("#buy")
			awaitEvent(p, "ready")
			if diff := cmp.Diff(tt.want, browsertest.Eval[[]int](p, measure)); diff != "" {
				t.Errorf("the dialog's place and size (-want +got):\n%s", diff)
			}
			if !browsertest.Eval[bool](p, `document.querySelector("dialog").matches(":modal") && getComputedStyle(document.documentElement).overflowY === "hidden"`) {
				t.Error("the page behind can still be reached")
			}
			label, lang := p.Attribute("dialog button", "aria-label"), browsertest.FrameEval[string](p.Frame(dialogFrame), "document.documentElement.lang")
			if label != "إغلاق" || lang != "ar" {
				t.Errorf("the button is called %q and the page is in %q, want both in Arabic", label, lang)
			}
			p.Screenshot(fmt.Sprintf("dialog%d", tt.want[2]))
		}
	})

	t.Run("two", func(t *testing.T) {
		t.Parallel()
		first, second := h.session(t, h.locked()), h.session(t, h.locked())
		p := site.visit(t, first, "")
		p.Click("#buy")
		awaitEvent(p, "ready")
		_ = browsertest.Eval[bool](p, fmt.Sprintf("!!Sliproad.open({checkoutUrl: %q, onEvent})", second.Attributes.CheckoutURL))
		p.Until("the second to be there", `events.filter(e => e.type === "ready").length === 2`)
		if n := p.Count("dialog"); n != 1 {
			t.Errorf("%d dialogs are open, want the second one", n)
		}
		want := []event{{Type: "ready", SessionID: first.ID}, {Type: "close", SessionID: first.ID}, {Type: "ready", SessionID: second.ID}}
		if diff := cmp.Diff(want, events(p)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		p.Keys(browsertest.Escape)
		gone(t, p)
	})
}

// TestEmbedContainer has the checkout in an element of the partner's, as high as it needs.
func TestEmbedContainer(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	s := h.session(t, h.locked())
	p := site.visit(t, s, `container: "#box"`)
	p.Click("#buy")
	awaitEvent(p, "ready")
	f := p.Frame(boxFrame)
	f.Await(state("form"))
	fits := func(what string) int {
		t.Helper()
		f.Until("the frame to be as high as "+what, `document.documentElement.scrollHeight <= innerHeight && Math.abs(innerHeight - document.body.getBoundingClientRect().height) <= 1`)
		return browsertest.FrameEval[int](f, "innerHeight")
	}
	form := fits("the form")
	p.Screenshot("form")
	popup := p.Popup(func() { f.Click(submitButton) })
	popup.AwaitURL(h.URL + "/sandbox/pay/")
	f.Await(state("waiting"))
	if waiting := fits("what waits"); waiting == form {
		t.Errorf("form and waiting are both %d high: the test shows nothing", form)
	}
	if p.Sees("dialog") || p.Attribute("html", "style") != "" {
		t.Error("a checkout in a container has changed the page around it")
	}
	f.Click("h1")
	p.Keys(browsertest.Escape) // which closes dialogs only
	p.Paint()
	if p.Count(boxFrame) != 1 {
		t.Error("Esc has closed a checkout that is a part of the page")
	}
	_ = browsertest.Eval[bool](p, "opened.close() === undefined")
	if n := p.Count("#box *"); n != 0 {
		t.Errorf("%d elements are left in the container", n)
	}
}

// TestEmbedBlocked is where the project doesn't list the partner's origin.
func TestEmbedBlocked(t *testing.T) {
	t.Parallel()
	h := start(t)
	site := newPartner(t, h)
	s := h.session(t, h.locked())
	p := site.visit(t, s, "", browsertest.Allow("frame-ancestors|X-Frame-Options|ERR_BLOCKED|chrome-error|target origin provided|BlockedByResponse|the checkout does not answer"))
	p.Click("#buy")
	awaitEvent(p, "blocked")
	wantEvents(t, p, s, "blocked")
	p.Screenshot("blocked")
	p.Click("dialog a")
	p.AwaitURL(s.Attributes.CheckoutURL)
	p.Await(state("form"))
}

// TestEmbedStrangers posts what only the other side may say.
func TestEmbedStrangers(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	s := h.session(t, h.locked())
	p := site.visit(t, s, `container: "#box"`, browsertest.Allow("target origin provided"))
	p.Click("#buy")
	awaitEvent(p, "ready")
	p.Frame(boxFrame).Await(state("form"))

	// The partner's own window has the right to greet, and none to speak for the checkout.
	_ = browsertest.Eval[bool](p, `(() => {
		for (const type of ["completed", "close", "resize"]) postMessage({sliproad: 1, type, height: 3999, orderId: "ord_x"}, "*");
		return true;
	})()`)
	// The frame has the right origin and source for what it says, and nobody but a listed origin gets an answer.
	_ = browsertest.FrameEval[bool](p.Frame(boxFrame), `(() => {
		for (const data of [null, "completed", 7, {type: "completed"}, {sliproad: 2, type: "completed"}, {sliproad: "1", type: "completed"},
			{sliproad: 1, type: "resize", height: "9e9"}, {sliproad: 1, type: "resize", height: -5}, {sliproad: 1, type: "resize"}, {sliproad: 1}]) parent.postMessage(data, "*");
		parent.postMessage({sliproad: 1, type: "resize", height: 1e9}, "*");
		return true;
	})()`)
	p.Until("the height to be bounded", `document.querySelector("#box iframe").offsetHeight === 4000`)
	// Another site in the checkout's frame has its window, and not its origin.
	_ = browsertest.Eval[bool](p, `!!(document.querySelector("#box iframe").src = "/liar")`)
	p.Until("the liar to have spoken", `heard.filter(e => e === origin + " close").length === 2`)
	wantEvents(t, p, s, "ready")
}

// TestEmbedSeveral has two checkouts on one page, each of which hears of its own.
func TestEmbedSeveral(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	first, second := h.session(t, h.locked()), h.session(t, h.locked())
	p := site.visit(t, first, `container: "#box"`)
	p.Click("#buy")
	awaitEvent(p, "ready")
	_ = browsertest.Eval[bool](p, fmt.Sprintf(`!!Sliproad.open({checkoutUrl: %q, container: document.querySelector(".tall"), onEvent})`, second.Attributes.CheckoutURL))
	p.Until("the second to be there", fmt.Sprintf("events.some(e => e.sessionId === %q)", second.ID))
	_ = browsertest.Eval[bool](p, "opened.close() === undefined")
	want := []event{{Type: "ready", SessionID: first.ID}, {Type: "ready", SessionID: second.ID}, {Type: "close", SessionID: first.ID}}
	if diff := cmp.Diff(want, events(p)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestEmbedArguments tells what is wrong with them, and never the secret.
func TestEmbedArguments(t *testing.T) {
	t.Parallel()
	h, site := embedding(t)
	s := h.session(t, h.locked())
	p := site.visit(t, s, "", browsertest.Allow("NavigationEntryMarkedSkippable")) // a payer would have clicked
	whole, secret := s.Attributes.CheckoutURL, s.Attributes.ClientSecret
	bare, _, _ := strings.Cut(whole, "#")
	cases := []struct{ options, want string }{
		{"undefined", "TypeError: Sliproad: checkoutUrl must be"},
		{"null", "TypeError: Sliproad: checkoutUrl must be"},
		{"{}", "TypeError: Sliproad: checkoutUrl must be"},
		{"{checkoutUrl: null}", "given: null"},
		{"{checkoutUrl: 5}", "given: number"},
		{fmt.Sprintf("{checkoutUrl: %q}", secret), "given: string"},
		{fmt.Sprintf("{checkoutUrl: %q}", bare), "from the # on"},
		{fmt.Sprintf("{checkoutUrl: %q}", h.URL+"/#"+secret), "TypeError: Sliproad: checkoutUrl must be"},
		{fmt.Sprintf("{checkoutUrl: %q}", strings.Replace(whole, h.URL, "https://evil.example", 1)), "Error: Sliproad: checkoutUrl is of https://evil.example, but sliproad.js of " + h.URL},
		{fmt.Sprintf("{checkoutUrl: %q}", "javascript:alert(1)//checkout/x#"+secret), "Error: Sliproad: checkoutUrl is of null"},
		{fmt.Sprintf("{checkoutUrl: %q, language: 'x y'}", whole), "language must be"},
		{fmt.Sprintf("{checkoutUrl: %q, onEvent: 5}", whole), "onEvent must be a function; given: number"},
		{fmt.Sprintf("{checkoutUrl: %q, container: '#nowhere'}", whole), "container must be an element"},
		{fmt.Sprintf("{checkoutUrl: %q, container: 5}", whole), "given: number"},
	}
	for _, tt := range cases {
		got := browsertest.Eval[string](p, fmt.Sprintf(`(() => { try { Sliproad.open(%s); return "nothing"; } catch (e) { return e.name + ": " + e.message; } })()`, tt.options))
		if !strings.Contains(got, tt.want) || strings.Contains(got, secret) {
			t.Errorf("open(%s) throws %q, want %q and no secret", tt.options, got, tt.want)
		}
	}
	if p.Count("dialog, iframe") != 0 {
		t.Error("a refused argument has left something on the page")
	}
	_ = browsertest.Eval[bool](p, fmt.Sprintf("Sliproad.redirectToCheckout({checkoutUrl: %q, language: 'fr'}) === undefined", whole))
	p.AwaitURL(bare + "?lang=fr#" + secret)
	p.Await(state("form"))
}

// TestEmbedScript is small, and asked about each time.
func TestEmbedScript(t *testing.T) {
	t.Parallel()
	h := start(t)
	got := fetch(t, h.URL+"/sliproad.js")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") || !strings.Contains(got.header.Get("Cache-Control"), "no-cache") ||
		got.header.Get("Etag") == "" {
		t.Errorf("%d, %v", got.status, got.header)
	}
	var packed bytes.Buffer
	z := must(gzip.NewWriterLevel(&packed, gzip.BestCompression))(t)
	_, _ = io.WriteString(z, got.body)
	_ = z.Close()
	if packed.Len() > 3<<10 {
		t.Errorf("sliproad.js has %d bytes compressed, want at most 3 KB", packed.Len())
	}
}

// TestEmbedExample runs docs/examples/embed.html as it is, but for the server's address.
func TestEmbedExample(t *testing.T) {
	t.Parallel()
	h := start(t)
	example := must(os.ReadFile("../../docs/examples/embed.html"))(t)
	const address = "http://127.0.0.1:8080"
	if !bytes.Contains(example, []byte(address)) {
		t.Fatalf("the example has lost %s, the address of `sliproad dev`", address)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.ReplaceAll(example, []byte(address), []byte(h.URL)))
	}))
	t.Cleanup(site.Close)
	h.list(t, site.URL)
	s := h.session(t, h.locked())
	p := browsertest.Open(t)
	p.Go(site.URL + "/embed.html")
	p.Click("#dialog")
	p.AwaitText("#status", "checkoutUrl must be")
	p.Fill("#url", s.Attributes.CheckoutURL)
	ready := string(must(json.Marshal(map[string]string{"type": "ready", "sessionId": s.ID}))(t))
	for _, one := range []struct{ button, frame string }{{"#inline", "#checkout iframe"}, {"#dialog", dialogFrame}} {
		p.Click(one.button)
		p.Frame(one.frame).Await(state("form"))
		p.Until("the event to be shown", fmt.Sprintf(`[...document.querySelectorAll("#events li")].some(e => {
			const got = JSON.parse(e.innerText), want = JSON.parse(%q);
			return got.type === want.type && got.sessionId === want.sessionId;
		})`, ready))
	}
	p.Keys(browsertest.Escape)
	p.Click("#redirect")
	p.AwaitURL(s.Attributes.CheckoutURL)
}
