package asset_test

import (
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/asset"
)

// checksummed has right addresses of every form that has a checksum.
var checksummed = []vector{
	{network: "ethereum", addr: familiarSample},
	{network: "ethereum", addr: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
	{network: "bitcoin", addr: "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"},
	{network: "bitcoin", addr: "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm"},
	{network: "bitcoin", addr: "bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv"},
	{network: "bitcoin", addr: "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"},
	{network: "bitcoin", addr: "bc1p83n3au0rjylefxq2nc2xh2y4jzz4pm6zxj4mw5pagdjjr2a9f36s6jjnnu"},
	{network: "litecoin", addr: "LT2KVaAy1ppRuxRgrS5RNU3vBsy7RibPeA"},
	{network: "litecoin", addr: "ltc1qxtm55gultqzhqzl2p3ks50hg2478y3hehuj6dz"},
	{network: "dogecoin", addr: "DD4KSSuBJqcjuTcvUg1CgUKeurPUFeEZkE"},
	{network: "bitcoin-cash", addr: "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
	{network: "bitcoin-cash", addr: "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
	{network: "tron", addr: "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL"},
	{network: "tezos", addr: "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn"},
	{network: "xrp", addr: "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"},
	{network: "xrp", addr: "XVLhHMPHU98es4dbozjVtdWzVrDjtV8AqEL4xcZj5whKbmc"},
	{network: "ton", addr: "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"},
	{network: "cardano", addr: "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8"},
	{network: "cardano", addr: "addr1gx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer5pnz75xxcrzqf96k"},
	{network: "cardano", addr: "Ae2tdPwUPEZHvh7P2QsxENNDeHZ9K4vw4Pfk3LY9gxkrAVVLSTmXaCvxxFf"},
	{network: "cosmos", addr: "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"},
	{network: "stellar", addr: "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"},
	{network: "stellar", addr: "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK"},
	{network: "algorand", addr: "4EWWI7JNVXSFN4YRYA5DMN53U7NUHYC5YSMF67FAXDNRLDWDIWGM5DQGBA"},
	{network: "polkadot", addr: "12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZU"},
}

// Every other printable character in every place of every address above is found out.
func TestEveryWrongCharacterIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range checksummed {
		t.Run(v.network+"/"+v.addr, func(t *testing.T) {
			t.Parallel()
			on := network(t, v.network)
			if result, err := on.CheckAddress(v.addr); err != nil || result.ChecksumMismatch {
				t.Fatalf("the address itself: %+v, %v", result, err)
			}
			for i := range len(v.addr) {
				for c := byte(' '); c <= '~'; c++ {
					// - and + are the same digit of TON's two alphabets.
					if c == v.addr[i] || v.network == "ton" && v.addr[i] == '-' && c == '+' {
						continue
					}
					wrong := v.addr[:i] + string(c) + v.addr[i+1:]
					if result, err := on.CheckAddress(wrong); err == nil && !result.ChecksumMismatch {
						t.Errorf("%s is accepted", wrong)
					}
				}
			}
		})
	}
}

// So are a lost character, a doubled one and two neighbours swapped.
func TestEverySlipIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range checksummed {
		on := network(t, v.network)
		for i := range len(v.addr) {
			slips := []string{v.addr[:i] + v.addr[i+1:], v.addr[:i+1] + v.addr[i:]}
			if i > 0 {
				slips = append(slips, v.addr[:i-1]+string(v.addr[i])+string(v.addr[i-1])+v.addr[i+1:])
			}
			for _, wrong := range slips {
				if wrong == v.addr || strings.HasPrefix(v.addr, "bitcoincash:") && !strings.Contains(wrong, ":") {
					continue
				}
				if result, err := on.CheckAddress(wrong); err == nil && !result.ChecksumMismatch {
					t.Errorf("%s: %s is accepted", v.network, wrong)
				}
			}
		}
	}
}

func accepts(t *rapid.T, id, addr string) bool {
	n, ok := asset.LookupNetwork(id)
	if !ok {
		t.Fatalf("no network %s", id)
	}
	_, err := n.CheckAddress(addr)
	return err == nil
}

// substitute changes one character to another of the alphabet.
func substitute(t *rapid.T, addr, alphabet string, from int) string {
	at := rapid.IntRange(from, len(addr)-1).Draw(t, "at")
	rest := strings.ReplaceAll(alphabet, string(addr[at]), "")
	to := rapid.IntRange(0, len(rest)-1).Draw(t, "to")
	return addr[:at] + string(rest[to]) + addr[at+1:]
}

func TestBase58CheckProperty(t *testing.T) {
	t.Parallel()
	versions := map[string][]byte{
		"bitcoin": {0x00, 0x05}, "litecoin": {0x30, 0x32, 0x05}, "dogecoin": {0x1e, 0x16},
		"bitcoin-cash": {0x00, 0x05}, "tron": {0x41}, "bitcoin-testnet": {0x6f, 0xc4},
	}
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "hash")
		version := rapid.Byte().Draw(t, "version")
		addr := base58.CheckEncode(hash, version)
		short, long := base58.CheckEncode(hash[1:], version), base58.CheckEncode(append(hash, 0), version)
		for id, own := range versions {
			if got, want := accepts(t, id, addr), strings.IndexByte(string(own), version) >= 0; got != want {
				t.Fatalf("%s accepts %s (version %#x): %t", id, addr, version, got)
			}
			if accepts(t, id, short) || accepts(t, id, long) {
				t.Fatalf("%s accepts a hash of 19 or 21 bytes", id)
			}
			const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
			if wrong := substitute(t, addr, alphabet, 0); accepts(t, id, wrong) {
				t.Fatalf("%s accepts %s", id, wrong)
			}
		}
	})
}

func TestBech32Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.ByteRange(0, 31).Draw(t, "version")
		program := rapid.SliceOfN(rapid.Byte(), 0, 44).Draw(t, "program")
		modern := rapid.Bool().Draw(t, "bech32m")
		groups, err := bech32.ConvertBits(program, 8, 5, true)
		if err != nil {
			t.Fatal(err)
		}
		encode := bech32.Encode
		if modern {
			encode = bech32.EncodeM
		}
		addr, err := encode("bc", append([]byte{version}, groups...))
		if err != nil {
			t.Fatal(err)
		}
		size := len(program)
		want := version == 0 && !modern && (size == 20 || size == 32) ||
			version >= 1 && version <= 16 && modern && size >= 2 && size <= 40
		if got := accepts(t, "bitcoin", addr); got != want {
			t.Fatalf("accepts %s: %t, want %t", addr, got, want)
		}
		if accepts(t, "litecoin", addr) || accepts(t, "bitcoin-testnet", addr) {
			t.Fatalf("%s is accepted on another network", addr)
		}
		const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
		if wrong := substitute(t, addr, alphabet, 3); accepts(t, "bitcoin", wrong) {
			t.Fatalf("accepts %s", wrong)
		}
	})
}

func TestChecksumEVMProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addr := "0x" + rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcdefABCDEF")), 40, 40, 40).Draw(t, "digits")
		sum := asset.ChecksumEVM(addr)
		if asset.ChecksumEVM(sum) != sum || !asset.SameAddress(sum, addr) || asset.ChecksumEVM(strings.ToLower(addr)) != sum {
			t.Fatalf("ChecksumEVM(%s) = %s", addr, sum)
		}
		n, _ := asset.LookupNetwork("ethereum")
		result, err := n.CheckAddress(sum)
		if result.ChecksumMismatch || (err != nil) != (strings.Trim(addr[2:], "0") == "") {
			t.Fatalf("%s: %+v, %v", sum, result, err)
		}
	})
}
