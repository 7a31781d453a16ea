package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Frame is what is in an iframe of the page. Its origin may be another, but not its site: a port is enough to make it another
// origin, and the browser keeps both in one process, where this can reach them.
type Frame struct {
	page     *Page
	selector string
}

// Frame is the frame in the first element of the CSS selector. It is looked up anew for everything that is done in it.
func (p *Page) Frame(selector string) *Frame { return &Frame{p, selector} }

// FrameEval is the value of a JavaScript expression in the frame, beside the scripts of its document.
func FrameEval[T any](f *Frame, expression string) T {
	f.page.tb.Helper()
	ctx, cancel := context.WithTimeout(f.page.ctx, Limit)
	defer cancel()
	value, err := evaluateIn[T](ctx, f, expression)
	if err != nil {
		f.page.fatalf("evaluate %s in the frame %s: %v", expression, f.selector, err)
	}
	return value
}

func evaluateIn[T any](ctx context.Context, f *Frame, expression string) (value T, err error) {
	yes := true
	element, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: "document.querySelector(" + quote(f.selector) + ")"})
	if err != nil {
		return value, err
	}
	if element.Result.ObjectID == "" {
		return value, errors.New("there is no such element")
	}
	node, err := chromedp.Call(ctx, dom.DescribeNode, dom.DescribeNodeParams{ObjectID: element.Result.ObjectID})
	if err != nil {
		return value, err
	}
	world, err := chromedp.Call(ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: node.Node.FrameID, WorldName: "test"})
	if err != nil {
		return value, err
	}
	result, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ContextID: world.ExecutionContextID, AwaitPromise: &yes, ReturnByValue: &yes,
	})
	switch {
	case err != nil:
		return value, err
	case result.ExceptionDetails != nil:
		return value, &chromedp.ExceptionError{ExceptionDetails: result.ExceptionDetails}
	case len(result.Result.Value) == 0:
		return value, nil
	}
	return value, json.Unmarshal(result.Result.Value, &value)
}

// Until waits for a JavaScript expression to be true in the frame; what says what that means.
func (f *Frame) Until(what, expression string) {
	f.page.tb.Helper()
	ctx, cancel := context.WithTimeout(f.page.ctx, Limit)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		holds, err := evaluateIn[bool](ctx, f, "!!("+expression+")")
		if err == nil && holds {
			return
		}
		select {
		case <-ctx.Done():
			f.page.fatalf("waited for %s in the frame %s for %v: %v", what, f.selector, Limit, err)
		case <-ticker.C:
		}
	}
}

// Await waits for an element of the CSS selector to be seen in the frame.
func (f *Frame) Await(selector string) {
	f.page.tb.Helper()
	f.Until(selector+" to be seen", visible(selector))
}

// Click clicks the middle of the first element of the CSS selector that is seen in the frame, as soon as it can be.
func (f *Frame) Click(selector string) {
	f.page.tb.Helper()
	f.Await(selector)
	f.Until(selector+" to be clickable", fmt.Sprintf(`(() => {
		const e = %s;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect();
		return !e.matches(":disabled") && e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
	})()`, visible(selector)))
	f.page.Paint()
	const middle = `(() => { const r = %s.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; })()`
	inside := FrameEval[point](f, fmt.Sprintf(middle, visible(selector)))
	corner := Eval[point](f.page, fmt.Sprintf(`(() => { const r = document.querySelector(%s).getBoundingClientRect(); return {x: r.x, y: r.y}; })()`,
		quote(f.selector)))
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		_ = call[input.DispatchMouseEventParams, cdp.Empty](f.page, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: corner.X + inside.X, Y: corner.Y + inside.Y, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1,
		})
	}
}
