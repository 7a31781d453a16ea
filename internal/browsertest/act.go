package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys that have no character.
const (
	Tab       = kb.Tab
	Enter     = kb.Enter
	Space     = " "
	Escape    = kb.Escape
	Down      = kb.ArrowDown
	Backspace = kb.Backspace
)

// quote is the text as a string of JavaScript.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has a form in JSON
	}
	return string(quoted)
}

// Eval is the value of a JavaScript expression in the page; a promise is waited for.
func Eval[T any](p *Page, expression string) T {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Limit)
	defer cancel()
	value, err := evaluate[T](ctx, expression)
	if err != nil {
		p.fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// evaluate is Eval with an error. An undefined value is T's zero value.
func evaluate[T any](ctx context.Context, expression string) (value T, err error) {
	yes := true
	result, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, AwaitPromise: &yes, ReturnByValue: &yes})
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

// Until waits for a JavaScript expression to be true, across navigations; what says what that means.
func (p *Page) Until(what, expression string) {
	p.tb.Helper()
	if err := p.until(expression, Limit); err != nil {
		p.fatalf("waited for %s for %v: %v", what, Limit, err)
	}
}

// until answers what kept the expression from being true.
func (p *Page) until(expression string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := errors.New("it did not come")
	for {
		// Between two documents there is nothing to evaluate in.
		holds, err := evaluate[bool](ctx, "!!("+expression+")")
		switch {
		case err == nil && holds:
			return nil
		case err != nil && ctx.Err() == nil:
			last = err
		case err == nil:
			last = errors.New("it did not come")
		}
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
	}
}

// visible is an expression for the first element of the selector that takes up room and is not hidden, or undefined.
func visible(selector string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].find(e => e.checkVisibility({visibilityProperty: true}))`, quote(selector))
}

// Await waits for an element of the CSS selector to be seen.
func (p *Page) Await(selector string) {
	p.tb.Helper()
	p.Until(selector+" to be seen", visible(selector))
}

// AwaitText waits for an element of the CSS selector that is seen to hold the text.
func (p *Page) AwaitText(selector, text string) {
	p.tb.Helper()
	p.Until(fmt.Sprintf("%s to say %q", selector, text), visible(selector)+"?.innerText.includes("+quote(text)+")")
}

// Sees tells whether an element of the CSS selector is seen now.
func (p *Page) Sees(selector string) bool {
	p.tb.Helper()
	return Eval[bool](p, "!!"+visible(selector))
}

// Count is how many elements of the CSS selector there are, seen or not.
func (p *Page) Count(selector string) int {
	p.tb.Helper()
	return Eval[int](p, "document.querySelectorAll("+quote(selector)+").length")
}

// Text is what the payer reads in the first element of the CSS selector that is seen; one that is not there ends the test.
func (p *Page) Text(selector string) string {
	p.tb.Helper()
	p.Await(selector)
	return strings.TrimSpace(Eval[string](p, visible(selector)+".innerText"))
}

// Attribute is that of the first element of the CSS selector; "" where there is none.
func (p *Page) Attribute(selector, name string) string {
	p.tb.Helper()
	return Eval[string](p, fmt.Sprintf(`document.querySelector(%s)?.getAttribute(%s) ?? ""`, quote(selector), quote(name)))
}

// Value is that of the first form control of the CSS selector; one that is not there ends the test.
func (p *Page) Value(selector string) string {
	p.tb.Helper()
	return Eval[string](p, "document.querySelector("+quote(selector)+").value")
}

type point struct{ X, Y float64 }

// spot is where the element can be hit, once it stands still and nothing lies over it.
func (p *Page) spot(selector string) point {
	p.tb.Helper()
	p.Await(selector)
	const script = `(async () => {
		const e = %s;
		if (!e) return null;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const at = () => { const r = e.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; };
		const before = at();
		await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
		const now = at(), hit = document.elementFromPoint(now.x, now.y);
		const label = hit && hit.closest("label");
		const ours = hit && (e.contains(hit) || hit.contains(e) && hit.tagName === "LABEL" || label && label.control === e);
		return ours && !e.matches(":disabled") && before.x === now.x && before.y === now.y ? now : null;
	})()`
	deadline := time.Now().Add(Limit)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, Limit)
		found, err := evaluate[*point](ctx, fmt.Sprintf(script, visible(selector)))
		cancel()
		switch {
		case err == nil && found != nil:
			return *found
		case time.Now().After(deadline):
			p.fatalf("%s can't be clicked: it moves, is disabled or lies under something (%v)", selector, err)
		}
	}
}

// Click clicks the middle of the first element of the CSS selector that is seen, as soon as it can be.
func (p *Page) Click(selector string) {
	p.tb.Helper()
	p.clicks(selector, 1)
}

// DoubleClick clicks twice, faster than any page answers.
func (p *Page) DoubleClick(selector string) {
	p.tb.Helper()
	p.clicks(selector, 2)
}

// clicks clicks until the element has been hit: where it moves away between the look and the click, a payer clicks again.
func (p *Page) clicks(selector string, times int) {
	p.tb.Helper()
	for deadline := time.Now().Add(Limit); ; {
		at := p.spot(selector)
		_ = Eval[bool](p, fmt.Sprintf(`(() => {
			window.clickHit = false;
			const e = %s;
			if (e) (e.control ?? e).addEventListener("click", () => { window.clickHit = true; }, {capture: true, once: true});
			return true;
		})()`, visible(selector)))
		p.mouse(at, times)
		ctx, cancel := context.WithTimeout(p.ctx, Limit)
		// Another document has no such mark: the click has led there.
		hit, err := evaluate[bool](ctx, "window.clickHit !== false")
		cancel()
		if err != nil || hit || p.set.noScript { // without scripts nobody hears it
			return
		}
		if time.Now().After(deadline) {
			p.fatalf("%s moves away from each click", selector)
		}
	}
}

// mouse presses and releases the button so many times, without a pause.
func (p *Page) mouse(at point, times int) {
	p.tb.Helper()
	for i := range times {
		for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type: kind, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: int64(i + 1),
			})
		}
	}
}

// Keys types on the keyboard, wherever the focus is.
func (p *Page) Keys(keys ...string) {
	p.tb.Helper()
	p.press(strings.Join(keys, ""))
}

// ShiftTab goes back by one control.
func (p *Page) ShiftTab() {
	p.tb.Helper()
	p.press(Tab, chromedp.KeyModifiers(chromedp.ModifierShift))
}

func (p *Page) press(keys string, options ...chromedp.KeyOption) {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Limit)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys, options...)); err != nil {
		p.fatalf("type %q: %v", keys, err)
	}
}

// Fill clicks the field, and types the text in place of what it holds.
func (p *Page) Fill(selector, text string) {
	p.tb.Helper()
	p.Click(selector)
	_ = Eval[bool](p, "document.querySelector("+quote(selector)+").select() === undefined")
	if text == "" {
		p.Keys(Backspace)
		return
	}
	p.Keys(text)
}

// Choose chooses the option of the value in a select element, as its list does, which is the browser's and not the page's.
func (p *Page) Choose(selector, value string) {
	p.tb.Helper()
	p.Until(fmt.Sprintf("%s to have the option %q", selector, value),
		fmt.Sprintf(`[...(%s?.options ?? [])].some(o => o.value === %s && !o.disabled)`, visible(selector), quote(value)))
	_ = Eval[bool](p, fmt.Sprintf(`(() => {
		const e = %s;
		e.focus();
		e.value = %s;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, visible(selector), quote(value)))
}

// Focused says which element has the focus: its tag, and its name or else its text.
func (p *Page) Focused() string {
	p.tb.Helper()
	return Eval[string](p, `(() => {
		const e = document.activeElement;
		if (!e || e === document.body) return "";
		const name = e.getAttribute("name") || e.innerText.trim().replace(/\s+/g, " ");
		return e.tagName.toLowerCase() + (e.type === "radio" ? "[radio]" : "") + " " + name;
	})()`)
}

// Overflow names the elements that are wider than the window, by which the page could be scrolled sideways; none is "".
func (p *Page) Overflow() string {
	p.tb.Helper()
	return Eval[string](p, `(() => {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return "";
		const wide = [...document.querySelectorAll("body *")].filter(e => {
			const r = e.getBoundingClientRect();
			return r.width > 0 && (r.right > width + 0.5 || r.left < -0.5);
		});
		return document.documentElement.scrollWidth + " px in " + width + ": " + wide.map(e =>
			e.tagName.toLowerCase() + (e.className && typeof e.className === "string" ? "." + e.className : "") + " " + (e.innerText || "").slice(0, 40)).join("; ");
	})()`)
}
