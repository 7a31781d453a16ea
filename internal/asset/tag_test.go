package asset_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/asset"
)

// TestSplitTag has the vectors of XLS-5 (https://github.com/XRPLF/XRPL-Standards/tree/master/XLS-0005-x-address-format).
func TestSplitTag(t *testing.T) {
	t.Parallel()
	const classic = "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"
	for address, tag := range map[string]string{
		"XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb": "",
		"XVLhHMPHU98es4dbozjVtdWzVrDjtV8AqEL4xcZj5whKbmc": "0",
		"XVLhHMPHU98es4dbozjVtdWzVrDjtV8xvjGQTYPiAx6gwDC": "1",
		"XVLhHMPHU98es4dbozjVtdWzVrDjtVoKj3MnFGMXEFMnvJV": "276",
		"XVLhHMPHU98es4dbozjVtdWzVrDjtVqrDUk2vDpkTjPsY73": "16781933",
		"XVLhHMPHU98es4dbozjVtdWzVrDjtV18pX8yuPT7y4xaEHi": "4294967295",
	} {
		if gotAddress, gotTag := asset.SplitTag("xrp", address); gotAddress != classic || gotTag != tag {
			t.Errorf("%s: %s and %q, want %q", address, gotAddress, gotTag, tag)
		}
	}
	for network, address := range map[string]string{
		"xrp": classic, "ethereum": "XVLhHMPHU98es4dbozjVtdWzVrDjtV8AqEL4xcZj5whKbmc", "unknown": "X", "dogecoin": "XVLhHMPHU98es4dbozjVtdWzVrDjtV",
	} {
		if got, tag := asset.SplitTag(network, address); got != address || tag != "" {
			t.Errorf("%s on %s becomes %s and %q", address, network, got, tag)
		}
	}
	for _, wrong := range []string{"X", "XVLhHMPHU98es4dbozjVtdWzVrDjtV8AqEL4xcZj5whKbmd", "X0", "X\x00"} {
		if got, tag := asset.SplitTag("xrp", wrong); got != wrong || tag != "" {
			t.Errorf("%q becomes %q and %q", wrong, got, tag)
		}
	}
}

func TestCheckTag(t *testing.T) {
	t.Parallel()
	for network, cases := range map[string]struct{ good, bad []string }{
		"xrp":      {[]string{"0", "1", "4294967295"}, []string{"", "-1", "4294967296", "007", "+1", "1.0", "abc", " 1"}},
		"stellar":  {[]string{"1", "18446744073709551615", strings.Repeat("x", 28), "zwölf"}, []string{"", strings.Repeat("x", 29), strings.Repeat("ö", 15), "a\nb", "a\x00"}},
		"ton":      {[]string{"order 17", strings.Repeat("ö", 120)}, []string{"", strings.Repeat("x", 121), "a\tb", "\xff"}},
		"cosmos":   {[]string{"102345678"}, []string{"", strings.Repeat("x", 257)}},
		"ethereum": {nil, []string{"1", ""}},
	} {
		n, ok := asset.LookupNetwork(network)
		if !ok || (n.TagName() == "") != (cases.good == nil) {
			t.Errorf("%s: %v, %q", network, ok, n.TagName())
		}
		for _, tag := range cases.good {
			if err := n.CheckTag(tag); err != nil {
				t.Errorf("%s: %q %v", network, tag, err)
			}
		}
		for _, tag := range cases.bad {
			if n.CheckTag(tag) == nil {
				t.Errorf("%s: %q is taken", network, tag)
			}
		}
	}
	if err := asset.CheckTag("anything"); err != nil {
		t.Error(err)
	}
	if asset.CheckTag("two\nlines") == nil || asset.CheckTag("") == nil {
		t.Error("two lines, or none, are taken")
	}
}

func TestSameWallet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		network, a, b string
		same          bool
	}{
		{"ethereum", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0xd8da6bf26964af9d7eed9e03e53415d37aa96045", true},
		{"ethereum", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0xd8da6bf26964af9d7eed9e03e53415d37aa96046", false},
		{"bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", true},
		{"solana", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", true},
		{"solana", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", "7ecDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", false},
		{"bitcoin-cash", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", true},
		{"ton", "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N", "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI", true},
		{"ton", "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N", "0:83DFD552E63729B472FCBCC8C45EBCC6691702558B68EC7527E1BA403A0F31A8", true},
		{"ton", "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N", "-1:83dfd552e63729b472fcbcc8c45ebcc6691702558b68ec7527e1ba403a0f31a8", false},
	} {
		if asset.SameWallet(c.network, c.a, c.b) != c.same {
			t.Errorf("%s: %s and %s, want %v", c.network, c.a, c.b, c.same)
		}
	}
}
