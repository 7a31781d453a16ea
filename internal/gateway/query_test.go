package gateway_test

import (
	"net/netip"
	"testing"

	"github.com/sliproad/sliproad/internal/gateway"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	var q gateway.Query
	q.Add("z", "a b+c&d")
	q.Add("left out", "")
	q.Add("a", "1")
	if want := "z=a%20b%2Bc%26d&a=1"; q.String() != want {
		t.Errorf("%s, want %s", q.String(), want)
	}
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"203.0.113.42": "203.0.113.42", "::ffff:203.0.113.42": "203.0.113.42", "2001:db8::7": "2001:db8::7",
		"10.0.0.1": "", "::ffff:192.168.0.1": "", "127.0.0.1": "", "::1": "", "fe80::1%eth0": "", "fd00::1": "", "0.0.0.0": "",
	} {
		if got := gateway.PublicAddress(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if got := gateway.PublicAddress(netip.Addr{}); got != "" {
		t.Errorf("no address is %q", got)
	}
}
