package ramp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
)

// maxReferenceBytes bounds a webhook's query.
const maxReferenceBytes = 4096

// reference is what a webhook's URL says of its order. The payer can read it, and by its code can't change it; without the
// code, anyone could have a purchase of their own reported for somebody else's order.
type reference struct {
	order checkout.OrderID
	kind  checkout.OrderType
}

// text is what the code is made of, and the query without it.
func (r reference) text() string {
	return url.Values{"order": {string(r.order)}, "type": {string(r.kind)}}.Encode()
}

// referTo is the query of the order's webhook URL. Ramp keeps such parameters (webhooks#passing-custom-parameters-to-webhooks).
func (g *account) referTo(o *checkout.Order) string {
	text := reference{order: o.ID, kind: o.Type}.text()
	return text + "&mac=" + g.authenticate(text)
}

func (g *account) authenticate(text string) string {
	mac := hmac.New(sha256.New, g.reference)
	mac.Write([]byte(string(g.a.ProjectID) + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// readReference reads a path with its query, as a notification came to it; ok is false where the code is missing or wrong.
func (g *account) readReference(path string) (r reference, ok bool) {
	_, raw, _ := strings.Cut(path, "?")
	if len(raw) > maxReferenceBytes {
		return reference{}, false
	}
	given, err := url.ParseQuery(raw)
	if err != nil {
		return reference{}, false
	}
	r = reference{order: checkout.OrderID(given.Get("order")), kind: checkout.OrderType(given.Get("type"))}
	if r.order == "" || !hmac.Equal([]byte(given.Get("mac")), []byte(g.authenticate(r.text()))) {
		return reference{}, false
	}
	return r, true
}
