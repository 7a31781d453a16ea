package contract_test

import (
	"strings"
	"testing"
)

// family is one form of wallet address. The contract names the families but
// not every network id, so networks holds the ids a catalogue may use: valid
// addresses pass on all of them, broken ones are refused on at least one.
type family struct {
	name     string
	networks string
	valid    []string
	broken   map[string]string
}

var families = []family{
	{
		"EVM", "ethereum",
		[]string{wallet, strings.ToLower(wallet), "0x" + strings.ToUpper(wallet[2:])},
		map[string]string{"39 digits": wallet[:41], "41 digits": wallet + "a", "not hex": wallet[:41] + "g", "no 0x": wallet[2:], "a Bitcoin address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
	},
	{
		"Bitcoin base58check", "bitcoin",
		[]string{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"},
		map[string]string{"checksum": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "letter case": "1a1zp1ep5qgefi2dmptftl5slmv7divfna", "a Dogecoin address": "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "an EVM address": wallet},
	},
	{
		"Bitcoin bech32", "bitcoin",
		[]string{"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ"},
		map[string]string{"checksum": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", "mixed case": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mDq", "another prefix": "ltc1q0q2cswyctj07gjjfept7yn7la6qt0l6hy2dlne"},
	},
	{
		"Bitcoin bech32m", "bitcoin",
		[]string{"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"},
		map[string]string{"checksum": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj1", "version 1 in bech32 (BIP-350)": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"},
	},
	{
		"Solana", "solana",
		[]string{"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"},
		map[string]string{"alphabet": "0PjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "31 bytes": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt", "an EVM address": wallet},
	},
	{
		"Tron", "tron",
		[]string{"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
		map[string]string{"checksum": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u", "a Bitcoin address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
	},
	{
		"XRP Ledger", "ripple xrp xrpl xrp-ledger",
		[]string{"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"},
		map[string]string{"checksum": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTr"},
	},
	{
		"TON", "ton the-open-network toncoin",
		[]string{"EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N", "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"},
		map[string]string{"checksum": "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2M"},
	},
	{
		"Litecoin", "litecoin",
		[]string{"LaMT348PWRnrqeeWArpwQPbuanpXDZGEUz", "ltc1q0q2cswyctj07gjjfept7yn7la6qt0l6hy2dlne"},
		map[string]string{"checksum": "LaMT348PWRnrqeeWArpwQPbuanpXDZGEUy", "bech32 checksum": "ltc1q0q2cswyctj07gjjfept7yn7la6qt0l6hy2dlnq"},
	},
	{
		"Dogecoin", "dogecoin",
		[]string{"DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"},
		map[string]string{"checksum": "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7M", "a Bitcoin address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
	},
	{
		"Cardano", "cardano",
		[]string{"addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8"},
		map[string]string{"checksum": "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl7"},
	},
	{
		"Cosmos", "cosmos cosmoshub cosmos-hub",
		[]string{"cosmos10q2cswyctj07gjjfept7yn7la6qt0l6hkvfs0y"},
		map[string]string{"checksum": "cosmos10q2cswyctj07gjjfept7yn7la6qt0l6hkvfs0q", "another prefix": "ltc1q0q2cswyctj07gjjfept7yn7la6qt0l6hy2dlne"},
	},
}

// TestAddresses: §2.3.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		for _, address := range f.valid {
			t.Run("§2.3 "+f.name+": valid: "+address, func(t *testing.T) {
				t.Parallel()
				for network := range strings.FieldsSeq(f.networks) {
					attrs := dev.session(t, obj{"network": network, "destinationAddress": address}).attrs
					same(t, attrs, obj{"destinationAddress": address, "warnings": []any{}})
				}
			})
		}
		for why, address := range f.broken {
			t.Run("§2.3 "+f.name+": broken: "+why, func(t *testing.T) {
				t.Parallel()
				for network := range strings.FieldsSeq(f.networks) {
					a := dev.create(t, obj{"network": network, "destinationAddress": address})
					if a.status != 201 {
						a.invalid(t, "destinationAddress")
						return
					}
				}
				t.Errorf("%s passes on %s", address, f.networks)
			})
		}
	}
}

// wrongCase is wallet with one letter's case turned: EIP-55 is wrong.
const wrongCase = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

func TestAddressChecksumWarning(t *testing.T) {
	t.Parallel()
	s := dev.session(t, obj{"network": "ethereum", "destinationAddress": wrongCase})
	warned := func(t *testing.T, attrs obj) {
		t.Helper()
		warnings, _ := attrs["warnings"].([]any)
		if len(warnings) != 1 {
			t.Fatalf("warnings are %v", attrs["warnings"])
		}
		warning, _ := warnings[0].(obj)
		same(t, warning, obj{"code": "ADDRESS_CHECKSUM", "field": "destinationAddress"})
	}
	t.Run("§2.3 a wrong EIP-55 checksum is accepted with a warning", func(t *testing.T) {
		t.Parallel()
		warned(t, s.attrs)
		same(t, s.attrs, obj{"destinationAddress": wrongCase})
	})
	t.Run("§2.4 the same resource: the warning stays", func(t *testing.T) {
		t.Parallel()
		warned(t, s.read(t))
	})
	t.Run("§2.3 a wrong EIP-55 checksum in confirm", func(t *testing.T) {
		t.Parallel()
		open := dev.session(t, obj{"network": "ethereum"})
		warned(t, open.confirm(t, obj{"destinationAddress": wrongCase}).ok(t, 200))
	})
	t.Run("§2.3 a wrong EIP-55 checksum in an order is accepted", func(t *testing.T) {
		t.Parallel()
		dev.session(t, nil).order(t, obj{"walletAddress": wrongCase}).ok(t, 201)
	})
	t.Run("§2.3 no network: form is not checked", func(t *testing.T) {
		t.Parallel()
		same(t, dev.session(t, obj{"destinationAddress": "any thing"}).attrs, obj{"destinationAddress": "any thing"})
	})
	t.Run("§2.3 unknown network: form is not checked", func(t *testing.T) {
		t.Parallel()
		same(t, dev.session(t, obj{"network": "made-up", "destinationAddress": wallet[:30]}).attrs, obj{"destinationAddress": wallet[:30], "warnings": []any{}})
	})
	runChecks(t, []check{
		{"§2.3 a broken address in confirm", func(t *testing.T) answer {
			return dev.session(t, obj{"network": "ethereum"}).confirm(t, obj{"destinationAddress": wallet[:41]})
		}, 400, "VALIDATION_ERROR", "destinationAddress"},
		{"§2.3 a broken address in an order", func(t *testing.T) answer {
			return dev.session(t, nil).order(t, obj{"walletAddress": wallet[:41]})
		}, 400, "VALIDATION_ERROR", "walletAddress"},
		{"§2.3 an address of another network in an order", func(t *testing.T) answer {
			return dev.session(t, nil).order(t, obj{"walletAddress": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"})
		}, 400, "VALIDATION_ERROR", "walletAddress"},
	})
}
