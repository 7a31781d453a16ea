// Package page serves the pages that people see: here the payment page of the sandbox gateway (contract §5).
//
// It holds no rules and no state: what an order is and becomes, its backend says. Every page works without JavaScript and
// has none. Invariant: a page loads nothing but our own style sheet, can't be framed, is not cached, and hands the token in
// its address to nobody.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the page and its style sheet
	"encoding/hex"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

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

//go:embed assets/sandbox.css
var sandboxCSS []byte

//go:embed assets/sandbox.html
var sandboxHTML string

var (
	sandboxPage = template.Must(template.New("sandbox").Parse(sandboxHTML))
	sandboxHash = sha256.Sum256(sandboxCSS)
	// The name changes with the content, so that it may be cached for ever.
	sandboxCSSPath = "/sandbox/assets/sandbox." + hex.EncodeToString(sandboxHash[:8]) + ".css"
)

type sandbox struct{ backend SandboxBackend }

// Sandbox serves the sandbox's payment page: everything below /sandbox/.
func Sandbox(backend SandboxBackend) http.Handler {
	s := sandbox{backend}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/pay/{projectId}/{orderId}", s.show)
	mux.HandleFunc("POST /sandbox/pay/{projectId}/{orderId}", s.act)
	mux.HandleFunc("/sandbox/pay/{projectId}/{orderId}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD, POST")
		s.message(w, http.StatusMethodNotAllowed, "That does not work", "This page can be opened and its form be sent.")
	})
	mux.HandleFunc("GET "+sandboxCSSPath, serveCSS)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.notFound(w) })
	return mux
}

func serveCSS(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(sandboxCSS)))
	_, _ = w.Write(sandboxCSS)
}

func (s sandbox) show(w http.ResponseWriter, r *http.Request) {
	project, id := orderOf(r)
	token := r.URL.Query().Get("t")
	o, err := s.backend.SandboxOrder(r.Context(), project, id, token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.render(w, http.StatusOK, o.RedirectURL, viewOf(o, token))
}

func (s sandbox) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	status, known := outcomes[r.PostFormValue("outcome")] // of a body that can't be read, empty
	if !known {
		s.message(w, http.StatusBadRequest, "That did not work", "The form did not say whether to pay, decline or cancel. Go back and choose one.")
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
		target = pagePath(o) + "?t=" + url.QueryEscape(token)
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
		s.notFound(w)
	case code == checkout.CodeDatabaseUnavailable || code == checkout.CodeGatewayUnavailable:
		s.message(w, http.StatusServiceUnavailable, "Not just now", "The server is busy. Nothing has happened to the order; try again in a moment.")
	case errors.Is(err, context.Canceled): // the payer has gone
		s.message(w, http.StatusServiceUnavailable, "Not just now", "The request was given up. Try again.")
	default:
		slog.ErrorContext(r.Context(), "sandbox page failed", "orderId", r.PathValue("orderId"), "err", err)
		s.message(w, http.StatusInternalServerError, "That did not work", "Something went wrong on the server. Try again in a moment.")
	}
}

func (s sandbox) notFound(w http.ResponseWriter) {
	s.message(w, http.StatusNotFound, "No such payment", "The link is incomplete or no longer serves. Go back to where you came from and start again.")
}

func (s sandbox) message(w http.ResponseWriter, status int, title, text string) {
	s.render(w, status, "", view{Title: title, Text: text})
}

func (s sandbox) render(w http.ResponseWriter, status int, redirectURL string, v view) {
	v.CSS = sandboxCSSPath
	var page bytes.Buffer // so that a failure half-way is no half page
	if err := sandboxPage.Execute(&page, v); err != nil {
		panic("page: sandbox.html: " + err.Error()) // a fault of the template, which the tests would show
	}
	secure(w.Header(), redirectURL)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(page.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
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
		"default-src 'none'; style-src 'self'; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
