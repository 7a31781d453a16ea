package asset_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/asset"
)

// The test cases of EIP-55: all caps, all lower, normal.
var eip55 = []string{
	"0x52908400098527886E0F7030069857D2E4169EE7",
	"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
	"0xde709f2102306220921060314715629080e2fb77",
	"0x27b1fdb04752bbc536007a920d24acb045561c26",
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
	"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
	"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
}

const (
	// The sample of the reference documentation, whose checksum is wrong.
	contractSample    = "0x742d35Cc6634C0532925a3b844Bc9e7595f1bD21"
	contractSampleSum = "0x742D35CC6634C0532925A3b844bc9E7595F1BD21"
	familiarSample    = "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"
)

func TestEVM(t *testing.T) {
	t.Parallel()
	plain := strings.ToLower(contractSample)
	for _, id := range []string{
		"ethereum", "base", "polygon", "arbitrum", "optimism", "bsc", "avalanche", "linea", "zksync",
		"scroll", "unichain", "world-chain", "celo", "ethereum-sepolia", "polygon-amoy",
	} {
		checkVectors(t, join(
			valid(id, eip55...),
			valid(id, familiarSample, plain, "0x"+strings.ToUpper(plain[2:]), contractSampleSum),
			valid(id, "0x1111111111111111111111111111111111111111"), // no letters at all
			broken(id, "zero address", "0x0000000000000000000000000000000000000000"),
			broken(id, "lower-case 0x", "0X"+plain[2:]),
			broken(id, "begin with 0x", plain[2:], "xx"+plain[2:]),
			broken(id, "40 hexadecimal digits", plain[:41], plain+"0", plain[:41]+"g", "0x"+plain[2:41]+"é", plain+plain[2:]),
		))
	}
}

func TestEVMChecksumMismatch(t *testing.T) {
	t.Parallel()
	wrong := []string{contractSample}
	for _, addr := range eip55[4:] {
		wrong = append(wrong, swapCase(addr))
	}
	for _, addr := range wrong {
		got, err := network(t, "ethereum").CheckAddress(addr)
		if err != nil || got != (asset.Result{ChecksumMismatch: true}) {
			t.Errorf("%s: got %+v, %v; want a mismatch and no error", addr, got, err)
		}
	}
}

// swapCase changes the case of the first letter after 0x.
func swapCase(addr string) string {
	at := 2 + strings.IndexAny(strings.ToLower(addr[2:]), "abcdef")
	return addr[:at] + string(addr[at]^0x20) + addr[at+1:]
}

func TestChecksumEVM(t *testing.T) {
	t.Parallel()
	for _, want := range append(eip55, familiarSample, contractSampleSum) {
		for _, addr := range []string{want, strings.ToLower(want), "0x" + strings.ToUpper(want[2:])} {
			if got := asset.ChecksumEVM(addr); got != want {
				t.Errorf("ChecksumEVM(%s) = %s, want %s", addr, got, want)
			}
		}
	}
	for _, other := range []string{"", "0x", "0xZ", "0X" + eip55[2][2:], eip55[2] + "0", "bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv"} {
		if got := asset.ChecksumEVM(other); got != other {
			t.Errorf("ChecksumEVM(%q) = %q, want it unchanged", other, got)
		}
	}
}

func TestSameAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{contractSample, strings.ToLower(contractSample), true},
		{contractSample, contractSampleSum, true},
		{contractSample, familiarSample, false},
		{"0xabc", "0XABC", false},  // 0X is no address anywhere
		{"0xk", "0x\u212a", false}, // the Kelvin sign
		{"0xabc", "abc", false},
		{"TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL", true},
		{"TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL", "tnpeeaafb7k9cmo4uqpcu32zgk8g1nyqel", false},
		{"bc1qvyq0", "BC1QVYQ0", false},
		{"", "", true},
		{"", "0x", false},
	} {
		if got := asset.SameAddress(tt.a, tt.b); got != tt.want {
			t.Errorf("SameAddress(%q, %q) = %t", tt.a, tt.b, got)
		}
		if asset.SameAddress(tt.a, tt.b) != asset.SameAddress(tt.b, tt.a) {
			t.Errorf("SameAddress(%q, %q) depends on the order", tt.a, tt.b)
		}
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	// From the Move book (address) and Aptos AIP-40 (the long form is required for
	// all but special addresses, which are nobody's wallet).
	const addr = "0xe51ff5cd221a81c3d6e22b9e670ddf99004d71de4f769b0312b68c7c4872e2f1"
	for _, id := range []string{"sui", "aptos"} {
		checkVectors(t, join(
			valid(id, addr, "0x"+strings.ToUpper(addr[2:]), swapCase(addr)),
			broken(id, "64 hexadecimal digits", "0x1", "0xa", addr[:65], addr+"0", addr[:65]+"g", familiarSample),
			broken(id, "lower-case 0x", "0X"+addr[2:]),
			broken(id, "begin with 0x", addr[2:]),
			broken(id, "zero address", "0x"+strings.Repeat("0", 64)),
		))
	}
}
