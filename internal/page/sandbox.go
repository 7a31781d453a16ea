package page

import (
	"cmp"
	"context"
	_ "embed" // the pages and their style sheet
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"

	"github.com/sliproad/sliproad/internal/checkout"
)

// SandboxBackend is what the sandbox's page needs of the application. Both answer a *checkout.Error with CodeNotFound where
// there is no such order or the token does not open it.
type SandboxBackend interface {
	SandboxOrder(ctx context.Context, project checkout.ProjectID, id checkout.OrderID, token string) (*checkout.Order, error)
	// SandboxPay moves the order to the status by a notification of the gateway, and returns the order as it then is. An
	// order already final stays as it is, which is no error.
	SandboxPay(ctx context.Context, project checkout.ProjectID, id checkout.OrderID, token string, status checkout.OrderStatus) (*checkout.Order, error)
}

// outcomes are what the page's buttons say and what becomes of the order.
var outcomes = map[string]checkout.OrderStatus{
	"pay":     checkout.OrderCompleted,
	"decline": checkout.OrderFailed,
	"cancel":  checkout.OrderCancelled,
}

// maxFormBytes bounds the form, which holds a token and a word.
const maxFormBytes = 4096

var (
	//go:embed assets/sandbox.css
	sandboxCSS []byte
	//go:embed assets/sandbox.html
	sandboxHTML string
	//go:embed assets/message.html
	messageHTML string
)

var (
	sandboxPage  = template.Must(template.New("sandbox.html").Parse(sandboxHTML))
	sandboxStyle = newStyle("/sandbox/assets/sandbox", sandboxCSS)
)

type sandbox struct {
	backend SandboxBackend
	log     *slog.Logger
}

// Sandbox serves the sandbox's payment page: everything below /sandbox/.
func Sandbox(backend SandboxBackend, log *slog.Logger) http.Handler {
	s := sandbox{backend, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/pay/{projectId}/{orderId}", s.show)
	mux.HandleFunc("POST /sandbox/pay/{projectId}/{orderId}", s.act)
	mux.HandleFunc("/sandbox/pay/{projectId}/{orderId}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD, POST")
		s.message(w, r, http.StatusMethodNotAllowed, "sandbox_method")
	})
	mux.HandleFunc("GET "+sandboxStyle.path, sandboxStyle.serve)
	mux.HandleFunc("/", s.notFound)
	return mux
}

func (s sandbox) show(w http.ResponseWriter, r *http.Request) {
	project, id := orderOf(r)
	token := r.URL.Query().Get("t")
	o, err := s.backend.SandboxOrder(r.Context(), project, id, token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := viewOf(localeOf(r), o, token)
	if v.Form != nil {
		v.Form.Action += langQuery(r, "?")
	}
	s.render(w, r, http.StatusOK, o.RedirectURL, v)
}

func (s sandbox) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	status, known := outcomes[r.PostFormValue("outcome")] // of a body that can't be read, empty
	if !known {
		s.message(w, r, http.StatusBadRequest, "sandbox_outcome")
		return
	}
	project, id := orderOf(r)
	token := r.PostFormValue("t")
	o, err := s.backend.SandboxPay(r.Context(), project, id, token, status)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	target, ok := returnURL(o)
	if !ok {
		target = pagePath(o) + "?t=" + url.QueryEscape(token) + langQuery(r, "&")
	}
	secure(w.Header(), o.RedirectURL)
	http.Redirect(w, r, target, http.StatusSeeOther) //nolint:gosec // G710: the target is the project's own redirectUrl, or ours
}

// orderOf is the order that the path names; empty ids name none.
func orderOf(r *http.Request) (checkout.ProjectID, checkout.OrderID) {
	project, order := r.PathValue("projectId"), r.PathValue("orderId")
	if !checkout.Storable(project) || !checkout.Storable(order) {
		return "", ""
	}
	return checkout.ProjectID(project), checkout.OrderID(order)
}

// langQuery carries on a language that the page was asked for in, behind the sign.
func langQuery(r *http.Request, sign string) string {
	if r.URL.Query().Get("lang") == "" {
		return ""
	}
	return sign + "lang=" + localeOf(r).code
}

func pagePath(o *checkout.Order) string {
	return "/sandbox/pay/" + url.PathEscape(string(o.ProjectID)) + "/" + url.PathEscape(string(o.ID))
}

// returnURL is where the payer goes in the end: the order's redirectUrl with sessionId, orderId and status after its own
// query.
func returnURL(o *checkout.Order) (string, bool) {
	u, err := url.Parse(o.RedirectURL)
	if err != nil || !web(u) {
		return "", false
	}
	query := "sessionId=" + url.QueryEscape(string(o.SessionID)) + "&orderId=" + url.QueryEscape(string(o.ID)) +
		"&status=" + url.QueryEscape(string(o.Status))
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery, u.ForceQuery = query, false
	return u.String(), true
}

func web(u *url.URL) bool { return (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" }

func (s sandbox) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch code := checkout.CodeOf(err); {
	case code == checkout.CodeNotFound:
		s.notFound(w, r)
	case code == checkout.CodeDatabaseUnavailable || code == checkout.CodeGatewayUnavailable:
		s.message(w, r, http.StatusServiceUnavailable, "sandbox_busy")
	case errors.Is(err, context.Canceled): // the payer has gone
		s.message(w, r, http.StatusServiceUnavailable, "sandbox_gone")
	default:
		s.log.ErrorContext(r.Context(), "sandbox page failed", "orderId", r.PathValue("orderId"), "err", err)
		s.message(w, r, http.StatusInternalServerError, "sandbox_error")
	}
}

func (s sandbox) notFound(w http.ResponseWriter, r *http.Request) {
	s.message(w, r, http.StatusNotFound, "sandbox_not_found")
}

// titles are the messages that share another's title.
var titles = map[string]string{"sandbox_gone": "sandbox_busy", "sandbox_outcome": "sandbox_error"}

func (s sandbox) message(w http.ResponseWriter, r *http.Request, status int, key string) {
	l := localeOf(r)
	v := view{page: newPage(l, sandboxStyle), Text: l.text(key + "_text")}
	v.Title = l.text(cmp.Or(titles[key], key) + "_title")
	s.render(w, r, status, "", v)
}

func (s sandbox) render(w http.ResponseWriter, r *http.Request, status int, redirectURL string, v view) {
	body := render(sandboxPage, v)
	secure(w.Header(), redirectURL)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	writeBody(w, r, status, "", body, compress(body))
}

// plainHost is what a host of a Content-Security-Policy may be made of. Others (IPv6, international names that are not in
// punycode) can't be named there.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)

// secure sets the headers of every page. The form may lead to us and to the origin of redirectURL, because Chromium holds
// the redirect that answers a form to form-action too.
func secure(h http.Header, redirectURL string) {
	action := "'self'"
	if u, err := url.Parse(redirectURL); err == nil && web(u) {
		if plainHost.MatchString(u.Host) {
			action += " " + u.Scheme + "://" + u.Host
		} else {
			action += " " + u.Scheme + ":"
		}
	}
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self'; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
