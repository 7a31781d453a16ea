package gatewaytest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sliproad/sliproad/internal/gateway"
)

// Fuzz fuzzes the gateway's parser of notifications: with the body, and with the signature, that it makes up, and with such
// bodies genuinely signed, where sign can sign them. The headers and the path are those of a genuine notification.
func Fuzz(f *testing.F, c Case, sign func(body []byte) gateway.Notification) {
	f.Helper()
	g := c.Gateway
	if g == nil {
		a := c.Remote.Account
		if a.Tokens == nil {
			a.Tokens = NewTokens()
		}
		var err error
		if g, err = c.Remote.Provider(nil).Open(a); err != nil {
			f.Fatal(err)
		}
	}
	o := c.Order
	genuine := c.Notify(&o, c.Statuses[0].Theirs, "n1", c.Now)
	signature := ""
	if values := genuine.Header[c.SignatureHeader]; len(values) == 1 {
		signature = values[0]
	}
	for _, s := range c.Statuses {
		f.Add(signature, c.Notify(&o, s.Theirs, "n2", c.Now).Body)
	}
	f.Add("", genuine.Body)
	for _, body := range []string{"", "{}", "null", "[]", `{"type":1}`, `{"data":{}}`, `{"data":null,"id":""}`} {
		f.Add(signature+"0", []byte(body))
	}
	f.Fuzz(func(t *testing.T, made string, body []byte) {
		n := genuine
		n.Body = body
		if !c.SignatureInBody {
			n.Header = map[string][]string{}
			for name, values := range genuine.Header {
				n.Header[name] = values
			}
			n.Header[c.SignatureHeader] = []string{made}
		}
		updates, err := g.ParseNotification(t.Context(), n)
		if !c.Canonical && !c.SignatureInBody && err == nil && !bytes.Equal(body, genuine.Body) {
			t.Errorf("a forged notification passes: %q %q", made, body)
		}
		checkParsed(t, body, updates, err)
		if sign == nil {
			return
		}
		updates, err = g.ParseNotification(t.Context(), sign(body))
		if errors.Is(err, gateway.ErrForged) && !c.Canonical {
			t.Errorf("a signed notification is called forged: %q", body)
		}
		checkParsed(t, body, updates, err)
	})
}

func checkParsed(t *testing.T, body []byte, updates []gateway.Update, err error) {
	t.Helper()
	if err != nil && (len(updates) > 0 || !errors.Is(err, gateway.ErrForged) && !errors.Is(err, gateway.ErrMalformed)) {
		t.Errorf("%q gives %+v, %v", body, updates, err)
	}
	for _, u := range updates {
		if _, known := u.Status.Info(); !known || u.DedupKey == "" || u.OrderID == "" {
			t.Errorf("%q gives %+v", body, u)
		}
	}
}
