package browsertest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// problems are what a page's console and the browser's audits said of it.
type problems struct {
	mu      sync.Mutex
	heard   []string
	allowed []*regexp.Regexp
}

// hear takes in one event of the tab. It runs where the tab's messages are read, and must not wait.
func (s *problems) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		d := e.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		s.add("exception: %s (%s:%d)", text, d.URL, d.LineNumber+1)
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeAssert && e.Type != runtime.ConsoleAPICalledTypeWarning {
			return
		}
		var words []string
		for _, a := range e.Args {
			words = append(words, string(a.Value)+a.Description)
		}
		s.add("console.%s: %s", e.Type, strings.Join(words, " "))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			s.add("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		s.issue(e.Issue)
	}
}

func (s *problems) issue(issue *audits.InspectorIssue) {
	switch d := issue.Details; {
	case d.ContentSecurityPolicyIssueDetails != nil:
		c := d.ContentSecurityPolicyIssueDetails
		s.add("Content-Security-Policy: %s blocks %q (%s)", c.ViolatedDirective, c.BlockedURL, c.ContentSecurityPolicyViolationType)
	case issue.Code == audits.InspectorIssueCodeBounceTrackingIssue:
	case d.GenericIssueDetails != nil && d.GenericIssueDetails.ErrorType == "NavigationEntryMarkedSkippable":
		// Both tell of pages that lead on without having been touched, as the one that payers return to does.
	case d.GenericIssueDetails != nil:
		s.add("issue: %s %s", d.GenericIssueDetails.ErrorType, d.GenericIssueDetails.ViolatingNodeAttribute)
	default:
		s.add("issue: %s", issue.Code)
	}
}

func (s *problems) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf(format, args...))
}

// all are those that the test doesn't allow, each once.
func (s *problems) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, text := range s.heard {
		if !slices.Contains(all, text) && !slices.ContainsFunc(s.allowed, func(r *regexp.Regexp) bool { return r.MatchString(text) }) {
			all = append(all, text)
		}
	}
	return all
}

// Problems are what the page has been found to do wrong until now, and has not been told to be allowed. The test's end reports
// them all the same.
func (p *Page) Problems() []string { return p.said.all() }

// Allow has what matches the regular expression on the console not fail the test, what was said before included.
func (p *Page) Allow(expression string) {
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	p.said.allowed = append(p.said.allowed, regexp.MustCompile(expression))
}
