package browsertest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Limit is how long a page may take for anything that a test waits for, on a busy machine.
const Limit = 20 * time.Second

// tick is how often a page is looked at while a test waits for something on it.
const tick = 25 * time.Millisecond

// Page is one tab. Its methods end the test where the browser fails them; they are for the test's own goroutine.
type Page struct {
	tb   testing.TB
	ctx  context.Context // chromedp keeps the tab in a context
	set  settings
	log  *netLog
	said *problems
	hold *holder
}

type settings struct {
	width, height int
	mobile, dark  bool
	reducedMotion bool
	noScript      bool
	language      string // of Accept-Language and navigator.languages
	allowed       []*regexp.Regexp
}

// Option says what kind of browser the payer has.
type Option func(*settings)

// Size is the size of the window in CSS pixels; 1280 by 900 is the default.
func Size(width, height int) Option { return func(s *settings) { s.width, s.height = width, height } }

// Phone is a window of the width, with touch and with what else a phone's browser does differently.
func Phone(width int) Option {
	return func(s *settings) { s.width, s.height, s.mobile = width, 740, true }
}

// Dark prefers a dark colour scheme.
func Dark() Option { return func(s *settings) { s.dark = true } }

// ReducedMotion prefers less motion.
func ReducedMotion() Option { return func(s *settings) { s.reducedMotion = true } }

// NoScript has the page's scripts not run.
func NoScript() Option { return func(s *settings) { s.noScript = true } }

// Language is what the browser asks for, as in Accept-Language: "pt-BR,pt;q=0.9". The default is "en-US,en".
func Language(accept string) Option { return func(s *settings) { s.language = accept } }

// Allow has what matches the regular expression on the console not fail the test.
func Allow(expression string) Option {
	return func(s *settings) { s.allowed = append(s.allowed, regexp.MustCompile(expression)) }
}

// Open opens an empty tab of a browser that has no history, cookies or cache. The test's end closes it, and holds it to what it
// has said. Without a browser the test is skipped.
func Open(tb testing.TB, options ...Option) *Page {
	tb.Helper()
	parent := browser(tb)
	set := settings{width: 1280, height: 900, language: "en-US,en"}
	for _, o := range options {
		o(&set)
	}
	return open(tb, parent, set, chromedp.WithNewBrowserContext())
}

// NewTab opens another tab of the same payer's browser.
func (p *Page) NewTab() *Page {
	p.tb.Helper()
	return open(p.tb, p.ctx, p.set)
}

// Popup is the tab that the action opens.
func (p *Page) Popup(action func()) *Page {
	p.tb.Helper()
	// The browser tells of the tabs of all tests.
	own := chromedp.FromContext(p.ctx).BrowserContextID
	id := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return i.Type == "page" && i.BrowserContextID == own })
	action()
	select {
	case found := <-id:
		return open(p.tb, p.ctx, p.set, chromedp.WithTargetID(found))
	case <-time.After(Limit):
		p.fatalf("no tab was opened")
		return nil
	}
}

func open(tb testing.TB, parent context.Context, set settings, options ...chromedp.ContextOption) *Page {
	tb.Helper()
	p := &Page{tb: tb, set: set, log: newNetLog(), said: &problems{allowed: set.allowed}, hold: &holder{}}
	options = append(options, chromedp.WithListener(p.log.hear), chromedp.WithListener(p.said.hear), chromedp.WithListener(p.hold.hear))
	ctx, end := chromedp.NewContext(parent, options...)
	p.ctx, p.hold.ctx = ctx, ctx
	tb.Cleanup(func() {
		tb.Helper()
		if tb.Failed() {
			p.describe()
		}
		for _, problem := range p.said.all() {
			tb.Errorf("the page at %s: %s", p.lastURL(), problem)
		}
		end()
	})
	if err := chromedp.Do(ctx); err != nil { // which must have the tab's own context
		tb.Fatalf("open a tab: %v", err)
	}
	p.prepare()
	return p
}

// prepare has the tab be what the options say.
func (p *Page) prepare() {
	p.tb.Helper()
	call(p, network.Enable, network.EnableParams{})
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, audits.Enable, cdp.Empty{})
	// A tab in the background would neither be drawn nor have the focus, and tests run in parallel.
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: p.set.mobile})
	p.Resize(p.set.width, p.set.height)
	if p.set.mobile {
		call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	}
	p.Scheme(p.set.dark)
	agent := Eval[string](p, "navigator.userAgent")
	agent = strings.Replace(agent, "HeadlessChrome", "Chrome", 1)
	call(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: p.set.language})
	if p.set.noScript {
		call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
}

// Resize gives the window another size.
func (p *Page) Resize(width, height int) {
	p.tb.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: p.set.mobile,
	})
}

// Scheme changes the colour scheme that the payer prefers.
func (p *Page) Scheme(dark bool) {
	p.tb.Helper()
	scheme, motion := "light", "no-preference"
	if dark {
		scheme = "dark"
	}
	if p.set.reducedMotion {
		motion = "reduce"
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
}

// Go opens the address and waits until its document has been read. A page that can't be had ends the test.
func (p *Page) Go(address string) {
	p.tb.Helper()
	if failure := p.navigate(address); failure != "" {
		p.fatalf("open %s: %s", address, failure)
	}
}

// Send is Go where the document is not waited for, because something that it needs is held back.
func (p *Page) Send(address string) {
	p.tb.Helper()
	if result := call(p, page.Navigate, page.NavigateParams{URL: address}); result.ErrorText != "" {
		p.fatalf("open %s: %s", address, result.ErrorText)
	}
}

// GoNowhere is Go where the browser is to get no page: it returns the browser's own error, such as
// "net::ERR_INTERNET_DISCONNECTED".
func (p *Page) GoNowhere(address string) string {
	p.tb.Helper()
	failure := p.navigate(address)
	if failure == "" {
		p.fatalf("open %s: there is a page, and there should be none", address)
	}
	return failure
}

func (p *Page) navigate(address string) (failure string) {
	p.tb.Helper()
	result := call(p, page.Navigate, page.NavigateParams{URL: address})
	if result.ErrorText == "" {
		p.loaded()
	}
	return result.ErrorText
}

// loaded waits until the document has been read, with its scripts that are not asynchronous.
func (p *Page) loaded() {
	p.tb.Helper()
	p.Until("the document to be read", `document.readyState !== "loading" && location.href !== "about:blank"`)
}

// Reload is the browser's button.
func (p *Page) Reload() {
	p.tb.Helper()
	mark := p.mark()
	call(p, page.Reload, page.ReloadParams{})
	p.unmarked(mark)
}

// Back is the browser's button.
func (p *Page) Back() {
	p.tb.Helper()
	history := call(p, page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex == 0 {
		p.fatalf("there is nothing to go back to")
	}
	mark := p.mark()
	entry := history.Entries[history.CurrentIndex-1]
	call(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: entry.ID})
	p.unmarked(mark)
}

// mark marks the document, so that another one can be told from it.
func (p *Page) mark() string {
	p.tb.Helper()
	mark := fmt.Sprintf("mark%d", time.Now().UnixNano())
	_ = Eval[bool](p, "window."+mark+" = true")
	return mark
}

func (p *Page) unmarked(mark string) {
	p.tb.Helper()
	p.Until("another document", "window."+mark+` === undefined && document.readyState !== "loading"`)
}

// URL is the address of the document, fragment included.
func (p *Page) URL() string {
	p.tb.Helper()
	return Eval[string](p, "location.href")
}

// AwaitURL waits for an address that begins with the prefix, and for its document to be read.
func (p *Page) AwaitURL(prefix string) string {
	p.tb.Helper()
	p.Until("the address to begin with "+prefix, fmt.Sprintf("location.href.startsWith(%s) && document.readyState !== 'loading'", quote(prefix)))
	return p.URL()
}

// Close closes the tab, as a payer does.
func (p *Page) Close() {
	p.tb.Helper()
	call(p, page.Close, cdp.Empty{})
}

// call runs a command of the DevTools protocol on the tab.
func call[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Limit)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.fatalf("%s: %v", command.Method, err)
	}
	return result
}

// fatalf ends the test; what the page showed is said at the test's end.
func (p *Page) fatalf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Fatalf(format, args...)
}

// lastURL is the address of the last document that was asked for.
func (p *Page) lastURL() string {
	requests := p.log.requests()
	for i := len(requests) - 1; i >= 0; i-- {
		if requests[i].Type == "Document" {
			return requests[i].URL
		}
	}
	return "about:blank"
}

// describe logs what the page shows, for one who has to find out why the test failed.
func (p *Page) describe() {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	// Lists to choose from are long, and only what is chosen tells anything.
	text, err := evaluate[string](ctx, `location.href + " " + (document.querySelector("main")?.dataset.state ?? "") + "\n" +
		[...document.querySelectorAll("select")].reduce((text, s) => text.replace(s.innerText, "[" + s.value + "]"), document.body?.innerText ?? "").replace(/\n\s*\n/g, "\n")`)
	if err != nil {
		text = err.Error()
	}
	p.tb.Logf("the page as the test ends: %s", text)
	if keep() {
		if err := p.save(ctx, "failed"); err != nil {
			p.tb.Log(err)
		}
	}
}
