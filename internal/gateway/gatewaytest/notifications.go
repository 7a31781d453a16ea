package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// parse wants exactly one update of the order.
func (c Case) parse(t *testing.T, o *checkout.Order, n gateway.Notification) gateway.Update {
	t.Helper()
	updates, err := c.Gateway.ParseNotification(context.Background(), n)
	if err != nil || len(updates) != 1 || updates[0].OrderID != o.ID || updates[0].DedupKey == "" {
		t.Fatalf("ParseNotification(%s) = %+v, %v; want one update of %s with a key", n.Body, updates, err, o.ID)
	}
	return updates[0]
}

func (c Case) testStatuses(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		for _, s := range of(c.Statuses, o.Type) {
			u := c.parse(t, o, c.Notify(o, s.Theirs, "n1", c.Now))
			if u.Type != "" && u.Type != o.Type {
				t.Errorf("%s to %s is told as one to %q", s.Theirs, o.Type, u.Type)
			}
			if u.Status != s.Ours {
				t.Errorf("%s: %s becomes %s, want %s", name, s.Theirs, u.Status, s.Ours)
			}
		}
		if u := c.parse(t, o, c.Notify(o, c.Unknown, "n1", c.Now)); u.Status.Final() || u.Status == checkout.OrderCreating {
			t.Errorf("%s: the unknown status %s becomes %s", name, c.Unknown, u.Status)
		}
	}
}

func (c Case) testReplay(t *testing.T) {
	t.Parallel()
	o, status := c.Order, c.Statuses[0].Theirs
	first := c.parse(t, &o, c.Notify(&o, status, "n1", c.Now))
	if again := c.parse(t, &o, c.Notify(&o, status, "n1", c.Now)); again.DedupKey != first.DedupKey {
		t.Errorf("a replay has the key %q, want %q", again.DedupKey, first.DedupKey)
	}
	if next := c.parse(t, &o, c.Notify(&o, status, "n2", c.Now)); next.DedupKey == first.DedupKey {
		t.Errorf("another notification has the same key %q", next.DedupKey)
	}
}

// testReordered tells of all statuses, the last first: each must mean what it does alone, and an order that has ended stays
// so, except that money may be given back.
func (c Case) testReordered(t *testing.T) {
	t.Parallel()
	for name, o := range c.orders() {
		keys := map[string]string{}
		for i, s := range slices.Backward(of(c.Statuses, o.Type)) {
			u := c.parse(t, o, c.Notify(o, s.Theirs, "r"+strconv.Itoa(i), c.Now))
			if u.Status != s.Ours {
				t.Errorf("%s: told backwards, %s becomes %s, want %s", name, s.Theirs, u.Status, s.Ours)
			}
			if other, taken := keys[u.DedupKey]; taken {
				t.Errorf("%s: %s and %s have the same key %q", name, s.Theirs, other, u.DedupKey)
			}
			keys[u.DedupKey] = s.Theirs
		}
	}
}

func (c Case) testForged(t *testing.T) {
	t.Parallel()
	o := c.Order
	forge := func(change func(n *gateway.Notification)) gateway.Notification {
		n := c.Notify(&o, c.Statuses[0].Theirs, "n1", c.Now)
		n.Header = maps.Clone(n.Header)
		n.Body = bytes.Clone(n.Body)
		change(&n)
		return n
	}
	forgeries := map[string]gateway.Notification{
		"no body":            forge(func(n *gateway.Notification) { n.Body = nil }),
		"truncated body":     forge(func(n *gateway.Notification) { n.Body = n.Body[:len(n.Body)-1] }),
		"half a body":        forge(func(n *gateway.Notification) { n.Body = n.Body[:len(n.Body)/2] }),
		"changed body":       forge(func(n *gateway.Notification) { n.Body[len(n.Body)/2] ^= 1 }),
		"huge body":          forge(func(n *gateway.Notification) { n.Body = bytes.Repeat([]byte(`{"a":`), 200_000) }),
		"two bodies":         forge(func(n *gateway.Notification) { n.Body = append(n.Body, n.Body...) }),
		"of another project": forge(func(n *gateway.Notification) { n.ProjectID = "6f1b7a3e-0000-4000-8000-000000000bad" }),
	}
	if !c.Canonical && !c.SignatureInBody {
		forgeries["longer body"] = forge(func(n *gateway.Notification) { n.Body = append(n.Body, ' ') })
	}
	if !c.SignatureInBody {
		c.forgeSignatures(t, forge, forgeries)
	}
	if c.Tolerance > 0 {
		forgeries["too old"] = forge(func(n *gateway.Notification) { n.Now = n.Now.Add(c.Tolerance + time.Second) })
		forgeries["ahead of its time"] = forge(func(n *gateway.Notification) { n.Now = n.Now.Add(-c.Tolerance - time.Second) })
		c.parse(t, &o, forge(func(n *gateway.Notification) { n.Now = n.Now.Add(c.Tolerance) }))
	}
	for name, n := range forgeries {
		updates, err := c.Gateway.ParseNotification(context.Background(), n)
		if !errors.Is(err, gateway.ErrForged) || len(updates) != 0 {
			t.Errorf("%s: ParseNotification = %+v, %v; want ErrForged", name, updates, err)
		}
		if err != nil {
			c.hides(t, err.Error())
		}
	}
}

// forgeSignatures adds notifications whose signature was tampered with.
func (c Case) forgeSignatures(t *testing.T, forge func(func(*gateway.Notification)) gateway.Notification, into map[string]gateway.Notification) {
	t.Helper()
	signature := forge(func(*gateway.Notification) {}).Header[c.SignatureHeader]
	if len(signature) != 1 || signature[0] == "" {
		t.Fatalf("a genuine notification has the header %s: %q", c.SignatureHeader, signature)
	}
	text, last := signature[0], len(signature[0])-1
	for name, value := range map[string]string{
		"empty signature": "",
		"cut signature":   text[:last],
		"half of one":     text[:len(text)/2],
		"wrong signature": text[:last-2] + string([]byte{text[last-2] ^ 1}) + text[last-1:],
		"not a signature": "\x00=,;é",
		"huge signature":  strings.Repeat(text+",", 1<<20/len(text)),
	} {
		into[name] = forge(func(n *gateway.Notification) { n.Header[c.SignatureHeader] = []string{value} })
	}
	into["no headers"] = forge(func(n *gateway.Notification) { n.Header = nil })
	into["no signature"] = forge(func(n *gateway.Notification) { delete(n.Header, c.SignatureHeader) })
	into["no values"] = forge(func(n *gateway.Notification) { n.Header[c.SignatureHeader] = nil })
	another := c.order(false)
	another.ID += "x"
	into["another's signature"] = forge(func(n *gateway.Notification) {
		n.Header[c.SignatureHeader] = c.Notify(another, c.Statuses[0].Theirs, "n9", c.Now).Header[c.SignatureHeader]
	})
}

func (c Case) testUnreadable(t *testing.T) {
	t.Parallel()
	o := c.Order
	for name, n := range c.Unreadable(&o, c.Now) {
		updates, err := c.Gateway.ParseNotification(context.Background(), n)
		if !errors.Is(err, gateway.ErrMalformed) || len(updates) != 0 {
			t.Errorf("%s: ParseNotification = %+v, %v; want ErrMalformed", name, updates, err)
		}
	}
}

func (c Case) testIgnored(t *testing.T) {
	t.Parallel()
	if c.Ignored == nil {
		t.Skip("every notification is ours")
	}
	o := c.Order
	for name, n := range c.Ignored(&o, c.Now) {
		if updates, err := c.Gateway.ParseNotification(context.Background(), n); err != nil || len(updates) != 0 {
			t.Errorf("%s: ParseNotification = %+v, %v; want nothing", name, updates, err)
		}
	}
}

// testCanonical writes the same JSON in other ways, which must be taken, and as the same notification.
func (c Case) testCanonical(t *testing.T) {
	t.Parallel()
	if !c.Canonical {
		t.Skip("the signature is over the bytes")
	}
	o := c.Order
	n := c.Notify(&o, c.Statuses[0].Theirs, "n1", c.Now)
	want := c.parse(t, &o, n)
	var members map[string]json.RawMessage
	if err := json.Unmarshal(n.Body, &members); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, n.Body, "\r", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"sorted": sorted, "spaced": spaced.Bytes(), "trailing space": append(bytes.Clone(n.Body), ' ', '\n')} {
		n.Body = body
		if got := c.parse(t, &o, n); got.DedupKey != want.DedupKey || got.Status != want.Status {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
