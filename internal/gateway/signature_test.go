package gateway_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/gateway"
)

// TestStamped: one of the secrets must fit; none fits where there is none.
func TestStamped(t *testing.T) {
	t.Parallel()
	body, now := []byte(`{"id":1}`), time.Unix(1_700_000_000, 0)
	header := func(secret, stamp string) string {
		return "t=" + stamp + ",v1=" + hex.EncodeToString(gateway.StampedMAC(secret, stamp, body))
	}
	for name, c := range map[string]struct {
		secrets []string
		header  string
		holds   bool
	}{
		"genuine":              {[]string{"a", "b"}, header("b", "1700000000"), true},
		"by another secret":    {[]string{"a", "b"}, header("c", "1700000000"), false},
		"too old":              {[]string{"a"}, header("a", "1699999000"), false},
		"too early":            {[]string{"a"}, header("a", "1700001000"), false},
		"no number":            {[]string{"a"}, header("a", "99999999999999999999"), false},
		"by the empty secret":  {[]string{"a", ""}, header("", "1700000000"), false},
		"where none was given": {nil, header("", "1700000000"), false},
	} {
		s := gateway.Stamped{Header: "X-Signature", Scheme: "v1", Most: 2, Secrets: c.secrets, ToleranceSeconds: 300}
		n := gateway.Notification{Header: map[string][]string{"x-signature": {c.header}}, Body: body, Now: now}
		if s.Holds(n) != c.holds {
			t.Errorf("%s: %v", name, !c.holds)
		}
	}
}
