package browsertest

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Request is one request of a page, and what came of it. Each redirect is one more.
type Request struct {
	URL      string // without the fragment, as it is sent
	Method   string
	Type     string            // "Document", "Script", "Stylesheet", "Image", "Fetch"…
	Header   map[string]string // as sent, names in lower case
	Body     string
	Status   int // 0: no answer (yet)
	Answer   map[string]string
	Bytes    int // over the wire, headers included
	Cached   bool
	Finished bool
	Failed   string // the browser's error
}

type netLog struct {
	mu    sync.Mutex
	order []*Request
	open  map[network.RequestID]*Request
	early map[network.RequestID]map[string]string // headers that came before their request
}

func newNetLog() *netLog {
	return &netLog{open: map[network.RequestID]*Request{}, early: map[network.RequestID]map[string]string{}}
}

func lower(headers network.Headers) map[string]string {
	plain := map[string]string{}
	for name, value := range headers {
		if text, ok := value.(string); ok {
			plain[strings.ToLower(name)] = text
		}
	}
	return plain
}

// hear takes in one event of the tab. It runs where the tab's messages are read, and must not wait.
func (l *netLog) hear(event any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		l.sent(e)
	case *network.EventRequestWillBeSentExtraInfo:
		if r := l.open[e.RequestID]; r != nil && r.Status == 0 {
			maps.Copy(r.Header, lower(e.Headers))
		} else {
			l.early[e.RequestID] = lower(e.Headers)
		}
	case *network.EventResponseReceived:
		if r := l.open[e.RequestID]; r != nil {
			r.answered(e.Response)
		}
	case *network.EventLoadingFinished:
		if r := l.open[e.RequestID]; r != nil {
			r.Bytes, r.Finished = int(e.EncodedDataLength), true
		}
	case *network.EventLoadingFailed:
		if r := l.open[e.RequestID]; r != nil {
			r.Failed, r.Finished = e.ErrorText, true
		}
	}
}

func (l *netLog) sent(e *network.EventRequestWillBeSent) {
	if before := l.open[e.RequestID]; before != nil && e.RedirectResponse != nil {
		before.answered(e.RedirectResponse)
		before.Bytes, before.Finished = int(e.RedirectResponse.EncodedDataLength), true
	}
	r := &Request{URL: e.Request.URL, Method: e.Request.Method, Type: string(e.Type), Header: lower(e.Request.Headers)}
	for _, part := range e.Request.PostDataEntries {
		r.Body += string(part.Bytes)
	}
	maps.Copy(r.Header, l.early[e.RequestID])
	delete(l.early, e.RequestID)
	l.open[e.RequestID] = r
	l.order = append(l.order, r)
}

func (r *Request) answered(response *network.Response) {
	r.Status, r.Answer = int(response.Status), lower(response.Headers)
	r.Cached = response.FromDiskCache
}

func (l *netLog) requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Request
	for _, r := range l.order {
		if strings.HasPrefix(r.URL, "http") { // what is inside the browser goes over no network
			c := *r
			c.Header, c.Answer = maps.Clone(r.Header), maps.Clone(r.Answer)
			all = append(all, c)
		}
	}
	return all
}

// Requests are all that the tab has sent, in order, those of its frames included.
func (p *Page) Requests() []Request { return p.log.requests() }

// Sent are the requests of the method whose address contains the text.
func (p *Page) Sent(method, text string) []Request {
	return slices.DeleteFunc(p.Requests(), func(r Request) bool { return r.Method != method || !strings.Contains(r.URL, text) })
}

// AwaitRequest waits for a request of the method, whose address contains the text, to have been answered or to have failed.
func (p *Page) AwaitRequest(method, text string) Request {
	p.tb.Helper()
	return p.awaitRequest(method, text, func(r Request) bool { return r.Finished })
}

// AwaitSent is AwaitRequest where the answer is not waited for.
func (p *Page) AwaitSent(method, text string) Request {
	p.tb.Helper()
	return p.awaitRequest(method, text, func(Request) bool { return true })
}

func (p *Page) awaitRequest(method, text string, done func(Request) bool) Request {
	p.tb.Helper()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for deadline := time.Now().Add(Limit); ; <-ticker.C {
		for _, r := range p.Sent(method, text) {
			if done(r) {
				return r
			}
		}
		if time.Now().After(deadline) {
			p.fatalf("waited for %s of an address with %q for %v", method, text, Limit)
		}
	}
}

// Quiet waits until every request has been answered or has failed.
func (p *Page) Quiet() {
	p.tb.Helper()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for deadline := time.Now().Add(Limit); ; <-ticker.C {
		i := slices.IndexFunc(p.Requests(), func(r Request) bool { return !r.Finished })
		if i < 0 {
			return
		}
		if time.Now().After(deadline) {
			p.fatalf("%s has not been answered within %v", p.Requests()[i].URL, Limit)
		}
	}
}

// Offline takes the network away from the tab, or gives it back. The page is told, as a browser tells it.
func (p *Page) Offline(offline bool) {
	p.tb.Helper()
	conditions := network.Conditions{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}
	call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{&conditions}})
	call(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
}

// Unreachable makes requests fail whose address matches the pattern, in which * stands for anything, though the browser takes
// itself to be online; without a pattern all are let through again.
func (p *Page) Unreachable(patterns ...string) {
	p.tb.Helper()
	var blocked []*network.BlockPattern
	for _, pattern := range patterns {
		blocked = append(blocked, &network.BlockPattern{URLPattern: pattern, Block: true})
	}
	call(p, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: blocked})
}

// holder keeps requests from being sent.
type holder struct {
	ctx     context.Context // of the tab
	mu      sync.Mutex
	held    int
	nowhere bool
}

// hear takes in one event of the tab. It runs where the tab's messages are read, and must not wait.
func (h *holder) hear(event any) {
	e, ok := event.(*fetch.EventRequestPaused)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held++
	if h.nowhere {
		go func() { // should it fail, the page shows it
			_, _ = chromedp.Call(h.ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{RequestID: e.RequestID, ResponseCode: http.StatusNoContent})
		}()
	}
}

// Nowhere has links and redirects lead nowhere whose address matches the pattern, in which * stands for anything: the tab stays
// at the page that it shows, as if the next one took for ever.
func (p *Page) Nowhere(pattern string) {
	p.tb.Helper()
	p.hold.mu.Lock()
	p.hold.nowhere = true
	p.hold.mu.Unlock()
	call(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}})
}

// Hold keeps requests from being sent whose address matches the pattern, in which * stands for anything, until release is
// called: what the page shows meanwhile can be looked at, unless it is the document of the tab itself that is held.
func (p *Page) Hold(pattern string) (release func()) {
	p.tb.Helper()
	call(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}})
	return func() {
		p.tb.Helper()
		// What is held goes on by itself when holding ends.
		call(p, fetch.Disable, cdp.Empty{})
	}
}

// AwaitHeld waits until so many requests are held.
func (p *Page) AwaitHeld(count int) {
	p.tb.Helper()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for deadline := time.Now().Add(Limit); ; <-ticker.C {
		p.hold.mu.Lock()
		held := p.hold.held
		p.hold.mu.Unlock()
		if held >= count {
			return
		}
		if time.Now().After(deadline) {
			p.fatalf("%d requests are held after %v, want %d", held, Limit, count)
		}
	}
}

// Paint waits until the browser has drawn the page twice, so that what follows from an input has happened.
func (p *Page) Paint() {
	p.tb.Helper()
	_ = Eval[bool](p, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}
