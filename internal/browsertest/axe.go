package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeCore is the accessibility checker, as npm has it.
const axeCore = "axe-core@4.14.1"

// axeSource installs axe-core once in a test process, and reads it.
var axeSource = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "browsertest-axe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", axeCore)
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install %s: %w\n%s", axeCore, err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(text), err
})

// Violation is what axe-core found wrong: a rule, and each element that breaks it.
type Violation struct {
	ID      string
	Impact  string
	Help    string
	HelpURL string
	Nodes   []struct {
		HTML           string
		Target         []any
		FailureSummary string
	}
}

func (v Violation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s): %s, %s", v.ID, v.Impact, v.Help, v.HelpURL)
	for _, n := range v.Nodes {
		fmt.Fprintf(&text, "\n\t%v: %s\n\t\t%s", n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n\t\t"))
	}
	return text.String()
}

// axeRun runs all rules that axe-core has for WCAG up to 2.2 AA, and those of good practice, on the whole page.
const axeRun = `(async () => {
	` + settle + `;
	const result = await axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}});
	return JSON.stringify(result.violations);
})()`

// Violations are what axe-core finds on the page as it is now. It looks from a world of its own, where the page's Content-
// Security-Policy doesn't reach and the page notices nothing. The test is skipped where npm is missing.
func (p *Page) Violations() []Violation {
	p.tb.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		missing(p.tb, err)
	}
	source, err := axeSource()
	if err != nil {
		p.fatalf("%v", err)
	}
	if p.set.noScript { // axe-core is a script; those of the document, which has been read, don't come back by this
		call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
		defer call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	tree := call(p, page.GetFrameTree, cdp.Empty{})
	world := call(p, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
	p.evaluateIn(world.ExecutionContextID, source+"; undefined")
	var found []Violation
	if err := json.Unmarshal([]byte(p.evaluateIn(world.ExecutionContextID, axeRun)), &found); err != nil {
		p.fatalf("axe-core's answer: %v", err)
	}
	return found
}

// evaluateIn is the string that the expression comes to in an execution context.
func (p *Page) evaluateIn(in runtime.ExecutionContextID, expression string) string {
	p.tb.Helper()
	yes := true
	result := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: in, AwaitPromise: &yes, ReturnByValue: &yes})
	if result.ExceptionDetails != nil {
		p.fatalf("%v", &chromedp.ExceptionError{ExceptionDetails: result.ExceptionDetails})
	}
	var text string
	if len(result.Result.Value) > 0 {
		if err := json.Unmarshal(result.Result.Value, &text); err != nil {
			p.fatalf("%v", err)
		}
	}
	return text
}

// Axe fails the test for each violation; what says what was looked at.
func (p *Page) Axe(what string) {
	p.tb.Helper()
	for _, v := range p.Violations() {
		p.tb.Errorf("%s: axe-core: %s", what, v)
	}
}
