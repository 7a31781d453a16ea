package asset_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/asset"
)

// vector is one address on one network. reason is part of the error wanted; empty
// means that the address is right.
type vector struct {
	network, addr, reason string
}

func valid(network string, addrs ...string) []vector {
	return broken(network, "", addrs...)
}

func broken(network, reason string, addrs ...string) []vector {
	vectors := make([]vector, 0, len(addrs))
	for _, addr := range addrs {
		vectors = append(vectors, vector{network, addr, reason})
	}
	return vectors
}

func join(lists ...[]vector) []vector {
	var all []vector
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func network(tb testing.TB, id string) asset.Network {
	tb.Helper()
	found, ok := asset.LookupNetwork(id)
	if !ok {
		tb.Fatalf("network %q is not in the catalogue", id)
	}
	return found
}

func checkVectors(t *testing.T, vectors []vector) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.network+"/"+v.addr, func(t *testing.T) {
			t.Parallel()
			on := network(t, v.network)
			result, err := on.CheckAddress(v.addr)
			if v.reason == "" {
				if err != nil || result.ChecksumMismatch {
					t.Fatalf("got %+v, %v; want it accepted", result, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("accepted; want an error about %q", v.reason)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "is not a valid "+on.Name+" address: ") || !strings.Contains(text, v.reason) {
				t.Errorf("error %q; want one about %q", text, v.reason)
			}
			if len(v.addr) > 20 && strings.Contains(text, v.addr) {
				t.Errorf("error %q repeats the address", text)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z0-9-]{1,40}$`) // contract §2.1
	seen := map[string]bool{}
	for _, n := range asset.Networks() {
		if !form.MatchString(n.ID) || n.Name == "" || seen[n.ID] {
			t.Errorf("network %q %q: bad id, no name, or twice", n.ID, n.Name)
		}
		seen[n.ID] = true
		if found, ok := asset.LookupNetwork(n.ID); !ok || found != n {
			t.Errorf("LookupNetwork(%q) does not find it", n.ID)
		}
		// No form takes anything: that would be a network whose addresses aren't checked.
		if _, err := n.CheckAddress("?not an address!"); err == nil {
			t.Errorf("network %q accepts nonsense", n.ID)
		}
	}
	for _, id := range []string{"", "Ethereum", "ethereum ", "eth"} {
		if _, ok := asset.LookupNetwork(id); ok {
			t.Errorf("LookupNetwork(%q) finds something", id)
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Z0-9.]{1,20}$`) // contract §2.1
	seen := map[string]bool{}
	for _, a := range asset.Assets() {
		if !form.MatchString(a.Code) || a.Name == "" || seen[a.Code] {
			t.Errorf("asset %q %q: bad code, no name, or twice", a.Code, a.Name)
		}
		seen[a.Code] = true
		if found, ok := asset.LookupAsset(a.Code); !ok || !cmp.Equal(found, a) {
			t.Errorf("LookupAsset(%q) does not find it", a.Code)
		}
		defaults, on := 0, map[string]bool{}
		for _, an := range a.Networks {
			n, ok := asset.LookupNetwork(an.Network)
			if !ok || n.Testnet || on[an.Network] {
				t.Errorf("%s on %q: unknown, a test network, or twice", a.Code, an.Network)
			}
			on[an.Network] = true
			if an.Decimals < 1 || an.Decimals > 24 {
				t.Errorf("%s on %s has %d decimals", a.Code, an.Network, an.Decimals)
			}
			if an.Default {
				defaults++
			}
			if found, ok := a.OnNetwork(an.Network); !ok || found != an {
				t.Errorf("%s.OnNetwork(%q) does not find it", a.Code, an.Network)
			}
		}
		if defaults != 1 || a.DefaultNetwork() != a.Networks[0].Network {
			t.Errorf("%s: %d default networks, DefaultNetwork %q", a.Code, defaults, a.DefaultNetwork())
		}
	}
	for _, code := range []string{"", "usdc", "USDC ", "NOPE"} {
		if _, ok := asset.LookupAsset(code); ok {
			t.Errorf("LookupAsset(%q) finds something", code)
		}
	}
}

// Decimals that are easy to get wrong, from the token contracts.
func TestDecimals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, network string
		want          int
	}{
		{"USDC", "ethereum", 6},
		{"USDC", "polygon", 6},
		{"USDC", "solana", 6},
		{"USDC", "stellar", 7},
		{"USDC", "bsc", 18},
		{"USDT", "tron", 6},
		{"USDT", "ton", 6},
		{"USDT", "bsc", 18},
		{"BTC", "bitcoin", 8},
		{"ETH", "arbitrum", 18},
		{"SOL", "solana", 9},
		{"XRP", "xrp", 6},
		{"TON", "ton", 9},
		{"NEAR", "near", 24},
		{"BONK", "solana", 5},
	} {
		a, _ := asset.LookupAsset(tt.code)
		if on, ok := a.OnNetwork(tt.network); !ok || on.Decimals != tt.want {
			t.Errorf("%s on %s: got %+v, %t; want %d decimals", tt.code, tt.network, on, ok, tt.want)
		}
	}
	usdc, _ := asset.LookupAsset("USDC")
	if _, ok := usdc.OnNetwork("bitcoin"); ok {
		t.Error("USDC is listed on Bitcoin")
	}
	if usdc.DefaultNetwork() != "ethereum" || (asset.Asset{}).DefaultNetwork() != "" {
		t.Error("wrong default network")
	}
}

// What a caller does to a list must not reach the next caller.
func TestListsAreCopies(t *testing.T) {
	t.Parallel()
	networks, assets := asset.Networks(), asset.Assets()
	networks[0].ID, assets[0].Code = "spoilt", "SPOILT"
	if asset.Networks()[0].ID == "spoilt" || asset.Assets()[0].Code == "SPOILT" {
		t.Error("the catalogue was changed")
	}
}

func TestCheckAddressAnyNetwork(t *testing.T) {
	t.Parallel()
	for _, n := range asset.Networks() {
		checkVectors(t, join(
			broken(n.ID, "empty", ""),
			broken(n.ID, "white space", " 0x742d35Cc6634C0532925a3b844Bc454e4438f44e", "bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv\n"),
			broken(n.ID, "longer than 255", strings.Repeat("1", 256), strings.Repeat("a", 1<<16)),
			broken(n.ID, " ", "\x00", "\xff\xfe", "é", "0", ":", "1", "q", "r", "G", "T", "t", "addr1:", "日本語"),
		))
	}
	if _, err := (asset.Network{}).CheckAddress("x"); err == nil {
		t.Error("the zero Network accepts an address")
	}
}

// An address of one family is no address of another, those of the same form aside.
func TestAddressesDontCross(t *testing.T) {
	t.Parallel()
	own := map[string][]string{
		"bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv":                 {"bitcoin", "near"},
		"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo":                         {"bitcoin", "bitcoin-cash"},
		"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm":                         {"bitcoin", "bitcoin-cash", "litecoin"},
		"DD4KSSuBJqcjuTcvUg1CgUKeurPUFeEZkE":                         {"dogecoin"},
		"TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL":                         {"tron"},
		"rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf":                         {"xrp"},
		"cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02":              {"cosmos", "near"},
		"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v":                {"solana", "solana-devnet"},
		"12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZU":           {"polkadot"},
		"EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF":           {"ton"},
		"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ":   {"stellar"},
		"4EWWI7JNVXSFN4YRYA5DMN53U7NUHYC5YSMF67FAXDNRLDWDIWGM5DQGBA": {"algorand"},
		"KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn":                       {"tezos"},
	}
	for addr, want := range own {
		got := []string{}
		for _, n := range asset.Networks() {
			if _, err := n.CheckAddress(addr); err == nil {
				got = append(got, n.ID)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("networks that accept %s (-want +got):\n%s", addr, diff)
		}
	}
}
