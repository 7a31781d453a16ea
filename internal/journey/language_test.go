package journey_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/browsertest"
)

// languages are those that the page promises, with an Accept-Language that should lead to each, and its decimal separator.
var languages = []struct{ code, accept, decimal string }{
	{"en", "en-GB,en", "[.]"},
	{"de", "de-AT,de", ","},
	{"es", "es-MX", "[.,]"},
	{"fr", "fr-CA,fr", ","},
	{"it", "it", ","},
	{"pt-BR", "pt-BR,pt", ","},
	{"nl", "nl-BE", ","},
	{"pl", "pl", ","},
	{"tr", "tr", ","},
	{"ru", "ru-RU", ","},
	{"ar", "ar-EG,ar", "[.,٫]"},
	{"zh-Hans", "zh-CN,zh", "[.]"},
	{"ja", "ja-JP", "[.]"},
	{"ko", "ko", "[.]"},
	{"id", "id-ID", ","},
}

// maxPageBytes is what HTML, style sheet and script may come to on the wire together, headers included.
const maxPageBytes = 60 * 1024

var (
	placeholder = regexp.MustCompile(`\{[A-Za-z_]+\}`)
	amountForm  = regexp.MustCompile(`^1\D?234\D50$`)
	key         = regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`)
	nothing     = regexp.MustCompile(`\b(undefined|null|NaN|Invalid Date|\[object \w+\])\b`)
)

// wholeText wants all that is read or spoken on the page to be text: no key that has none, no placeholder, no value that isn't.
func wholeText(t *testing.T, p *browsertest.Page) {
	t.Helper()
	text := browsertest.Eval[string](p, `[document.title, document.body.innerText, ...[...document.querySelectorAll("body *")].flatMap(e =>
		["aria-label", "placeholder", "title", "alt", "aria-description"].map(a => e.getAttribute(a) ?? ""))].join("\n")`)
	for _, bad := range []*regexp.Regexp{placeholder, key, nothing} {
		if found := bad.FindString(text); found != "" {
			t.Errorf("the page shows %q: %s", found, text)
		}
	}
}

// TestLanguagesLook opens the form in each language, fills it in, and looks at it on the narrowest screen. What it weighs is
// held to its limit, and another language keeps what was typed.
func TestLanguagesLook(t *testing.T) {
	t.Parallel()
	h := start(t)
	for i, l := range languages {
		t.Run(l.code, func(t *testing.T) {
			t.Parallel()
			s := h.session(t, h.free())
			p := checkout(t, s, browsertest.Phone(320), browsertest.Language(l.accept))
			p.Quiet()
			weight := 0
			for _, r := range p.Requests() {
				if r.Type == "Document" || r.Type == "Stylesheet" || r.Type == "Script" {
					weight += r.Bytes
				}
			}
			if weight > maxPageBytes || weight < 5000 {
				t.Errorf("HTML, style and script weigh %d bytes, want at most %d", weight, maxPageBytes)
			}
			t.Logf("%s: %d bytes", l.code, weight)
			inLanguage(t, p, l.code)
			fillFree(p)
			p.Fill(amountField, "1234.5")
			// The quote is 1234.5 × 0.99 × 1.2 ÷ 4000; the form of numbers is the language's, what is typed is shown as typed.
			p.Until("the quote", `/[0٠]`+l.decimal+`[3٣][6٦][6٦]/.test(document.querySelector("main").innerText)`)
			inLanguage(t, p, l.code)
			title := p.Text("h1")
			if wide := p.Overflow(); wide != "" {
				t.Errorf("it scrolls sideways: %s", wide)
			}
			p.Quiet() // prices that are being fetched are faded
			p.Paint()
			p.Axe(l.code)
			p.Screenshot("form-" + l.code + "-320")

			other := languages[(i+1)%len(languages)].code
			p.Choose(languageField, other)
			p.Until("the other language", fmt.Sprintf("document.documentElement.lang === %q", other))
			p.Await(state("form"))
			inLanguage(t, p, other)
			if p.Text("h1") == title {
				t.Errorf("the title is %q in %s too", title, other)
			}
			// The amount stays what it is, and is written as this language does.
			if got := p.Value(amountField); !amountForm.MatchString(got) {
				t.Errorf("the amount is %q in %s, want 1234.50", got, other)
			}
			holds(t, p, addressField, wallet)
			holds(t, p, fiatField, "EUR")
			holds(t, p, networkField, "base")
			h.keepsSecret(t, p, s)
		})
	}
}

// inLanguage wants the page to say which language it is in, and to show nothing that isn't text.
func inLanguage(t *testing.T, p *browsertest.Page, code string) {
	t.Helper()
	dir := map[bool]string{false: "ltr", true: "rtl"}[code == "ar"]
	if lang, got := p.Attribute("html", "lang"), browsertest.Eval[string](p, "getComputedStyle(document.body).direction"); lang != code || got != dir {
		t.Errorf("the page is in %s and goes %s, want %s and %s", lang, got, code, dir)
	}
	holds(t, p, languageField, code)
	if n := p.Count(languageField + " option"); n != len(languages) {
		t.Errorf("there is a choice of %d languages, want %d", n, len(languages))
	}
	wholeText(t, p)
}

// TestLanguageOfAWholePurchase stays in the language that was chosen, to the gateway and back.
func TestLanguageOfAWholePurchase(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.session(t, h.locked())
	p := browsertest.Open(t, browsertest.Language("fr"))
	p.Go(strings.Replace(s.Attributes.CheckoutURL, "#", "?lang=ar#", 1))
	p.Await(state("form"))
	inLanguage(t, p, "ar")
	p.Choose(languageField, "ja")
	p.Until("Japanese", "document.documentElement.lang === 'ja'")
	p.Await(state("form"))
	h.toGateway(t, p)
	if got := p.Attribute("html", "lang"); got != "ja" {
		t.Errorf("the gateway's page is in %q, want ja", got)
	}
	p.Click(payButton)
	p.Await(state("completed"))
	if got := p.Attribute("html", "lang"); got != "ja" {
		t.Errorf("the page to come back to is in %q, want ja", got)
	}
	wholeText(t, p)
	h.returned(t, p, s.ID, h.onlyOrder(t, s.ID).OrderID, "completed")
}

// TestLanguageStates has every state that an order or a session can be in without text missing, in each language.
func TestLanguageStates(t *testing.T) {
	t.Parallel()
	h := start(t)
	sessions := map[string]string{}
	for _, status := range []string{"waiting", "processing", "completed", "failed", "cancelled", "expired", "refunded"} {
		s := h.session(t, h.locked())
		o := h.order(t, s)
		switch status {
		case "waiting":
		case "refunded":
			h.move(t, o.ID, "completed", status)
		default:
			h.move(t, o.ID, status)
		}
		sessions[status] = s.Attributes.CheckoutURL
	}
	s, o := h.depositing(t)
	h.move(t, o.ID, "pending")
	sessions["deposit"] = s.Attributes.CheckoutURL
	unknown, _, _ := strings.Cut(sessions["waiting"], "#")
	sessions["unknown"] = strings.Replace(unknown, "/sess_", "/sess_x", 1) + "#sess_secret_x"
	for _, l := range languages {
		t.Run(l.code, func(t *testing.T) {
			t.Parallel()
			p := browsertest.Open(t, browsertest.Phone(320), browsertest.Allow("status of (403|404)"))
			titles := map[string]string{}
			for name, address := range sessions {
				p.Go(strings.Replace(address, "#", "?lang="+l.code+"#", 1))
				p.Await(state(name))
				inLanguage(t, p, l.code)
				if wide := p.Overflow(); wide != "" {
					t.Errorf("%s: it scrolls sideways: %s", name, wide)
				}
				title := p.Text("h1")
				if twin := titles[title]; twin != "" {
					t.Errorf("%s and %s have the same title: %s", name, twin, title)
				}
				titles[title] = name
			}
		})
	}
	// A language that nobody has written is the first that the browser reads, or else English.
	for _, tt := range []struct{ accept, want string }{{"sw,fi", "en"}, {"sw,pl;q=0.5", "pl"}, {"zh-TW", "zh-Hans"}, {"pt", "pt-BR"}} {
		req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, unknown, nil))(t)
		req.Header.Set("Accept-Language", tt.accept)
		if got := page(t, req); !strings.Contains(got.body, `lang="`+tt.want+`"`) {
			t.Errorf("Accept-Language %s brings %.80s, want %s", tt.accept, got.body, tt.want)
		}
	}
}
