package page

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
)

// message is a page that says one thing.
type message struct {
	status int
	key    string // of the texts: KEY_title and KEY_text
	again  bool   // it is worth trying again
	back   string // where to return to; empty: nowhere
}

// messageData is what message.html shows.
type messageData struct {
	page
	Text  string
	Again string // what the link says; empty: none
	Back  string
}

var messagePage = template.Must(template.New("message.html").Parse(messageHTML))

func showMessage(w http.ResponseWriter, r *http.Request, m message) {
	l := localeOf(r)
	data := messageData{page: newPage(l, sandboxStyle), Text: l.text(m.key + "_text"), Back: m.back}
	data.Title = l.text(m.key + "_title")
	if m.again {
		data.Again = l.text("hop_unavailable_again")
	}
	body := render(messagePage, data)
	h := w.Header()
	protect(h, "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	writeBody(w, r, m.status, "", body, compress(body))
}

// hop sends the payer who follows an order's link on to the gateway. Each click makes a URL of its own, so only a click may:
// not a browser that fetches links in advance, nor one that asks for the headers.
func (p *Pages) hop(w http.ResponseWriter, r *http.Request, call *checkout.Call, opaque string) {
	w.Header().Set("Cache-Control", "no-store")
	ahead := strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose")+r.Header.Get("X-Moz"), "prefetch")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		p.unknown(w, r)
		return
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent)
		return
	case ahead:
		w.WriteHeader(http.StatusServiceUnavailable) // a success, even an empty one, would be kept and shown at the click
		return
	}
	call.Language = localeOf(r).code
	target, o, err := p.backend.OpenCheckout(r.Context(), call, opaque)
	if err == nil {
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, target, http.StatusSeeOther) //nolint:gosec // G710: the gateway's own URL
		return
	}
	m := message{back: ""}
	if o != nil {
		m.back, _ = returnURL(o)
	}
	switch checkout.CodeOf(err) {
	case checkout.CodeNotFound:
		m.status, m.key = http.StatusNotFound, "hop_unknown"
	case checkout.CodeSessionExpired:
		m.status, m.key = http.StatusGone, "hop_expired"
	case checkout.CodeSessionAlreadyUsed:
		m.status, m.key = http.StatusGone, "hop_finished"
		if !o.Status.Final() {
			m.key = "hop_processing"
		}
	default:
		m.status, m.key, m.again, m.back = http.StatusServiceUnavailable, "hop_unavailable", true, ""
		w.Header().Set("Retry-After", "5")
		p.log.WarnContext(r.Context(), "no checkout for a payer who came for it", "requestId", call.RequestID, "err", err)
	}
	showMessage(w, r, m)
}
