package asset_test

import (
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"
)

func TestSolana(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// Solana's documents: the mints of USDC and of wrapped SOL, the token program,
		// the system program (32 zero bytes).
		valid("solana",
			"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v", "So11111111111111111111111111111111111111112",
			"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", strings.Repeat("1", 32)),
		broken("solana", "32 bytes, found 31", strings.Repeat("1", 31), "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1"),
		broken("solana", "32 bytes, found 33", strings.Repeat("1", 33), "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1vvv"),
		broken("solana", "expected base58", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt10", familiarSample, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1é"),
	))
}

func TestTronAndTezos(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// TRON's developer documents, and the contract of USDT.
		valid("tron", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
		broken("tron", "expected it to begin with T",
			"418840E6C55B9ADA326D211D818C34A994AECED808", familiarSample, "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"),
		broken("tron", "checksum", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeM"),
		broken("tron", "checksum", "T", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqe"),
		// Octez: the contract of tzBTC, a sandbox account, the BLS test key (tz4); the
		// alice of the Tezos tutorials; bakers of the main network (tz2, tz3).
		valid("tezos",
			"KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn", "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx",
			"tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb", "tz2TSvNTh2epDMhZHrw73nV9piBX7kLZ9K9m", "tz3WXYtyDUNL91qfiCJtVUX746QpNv5i5ve5",
			"tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm"),
		broken("tezos", "checksum", "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjc", "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXito"),
		broken("tezos", "expected it to begin with tz1", "edpkvGfYw3LyB1UcCahKQk4rF2tvbMUk8GFiTuMjL75uGXrpvKXhjn"),
	))
}

func TestXRP(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// xrpl.org, Addresses: special addresses, and the sample of the accounts page.
		valid("xrp",
			"rrrrrrrrrrrrrrrrrrrrrhoLvTp", "rrrrrrrrrrrrrrrrrrrrBZbvji", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
			"rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn", "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"),
		// ripple-address-codec (XLS-5): the account above without a tag and with the
		// tags 0, 1, 276, 16781933 and 2^32-1.
		valid("xrp",
			"XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb", "XVLhHMPHU98es4dbozjVtdWzVrDjtV8AqEL4xcZj5whKbmc",
			"XVLhHMPHU98es4dbozjVtdWzVrDjtV8xvjGQTYPiAx6gwDC", "XVLhHMPHU98es4dbozjVtdWzVrDjtVoKj3MnFGMXEFMnvJV",
			"XVLhHMPHU98es4dbozjVtdWzVrDjtVqrDUk2vDpkTjPsY73", "XVLhHMPHU98es4dbozjVtdWzVrDjtV18pX8yuPT7y4xaEHi"),
		broken("xrp", "test network", "T7oKJ3q7s94kDH6tpkBowhetT1JKfcfdSCmAXbS75iATyLD"),
		broken("xrp", "checksum", "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpg", "XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXc"),
		broken("xrp", "checksum", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"), // Bitcoin's alphabet
		broken("xrp", "expected base58", familiarSample, "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYp0", "rGWrZé"),
		broken("xrp", "begin with r or X", "sn259rEFXrQrWyx3Q7XneWcwV6dfL"), // a secret seed, from the codec's tests
		// Flags that XLS-5 keeps for later, and set bytes that the flag leaves unused.
		broken("xrp", "destination tag", xAddress(2, 0), xAddress(2, 1), xAddress(255, 0), xAddress(0, 1), xAddress(1, 1<<32)),
		valid("xrp", xAddress(0, 0), xAddress(1, 1<<32-1)),
	))
}

// xAddress builds an X-address of the account 0 with any flag and tag.
func xAddress(flag byte, tag uint64) string {
	body := make([]byte, 30) // after the first version byte, 0x05
	body[0] = 0x44
	body[21] = flag
	for i := range 8 {
		body[22+i] = byte(tag >> (8 * i))
	}
	const usual = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	const ripple = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
	return strings.Map(func(r rune) rune {
		return rune(ripple[strings.IndexRune(usual, r)])
	}, base58.CheckEncode(body, 0x05))
}

func TestTON(t *testing.T) {
	t.Parallel()
	const root = "-1:e56754f83426f69b09267bd876ac97c44821345b7e266bd956a7bfbfb98df35c"
	checkVectors(t, join(
		// TEP-2, then the TON documents (address formats, cookbook).
		valid("ton",
			root, "-1:"+strings.ToUpper(root[3:]),
			"Ef_lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7-_uY3zXDvq", "Uf_lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7-_uY3zXGYv",
			"Ef/lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7+/uY3zXDvq", // in plain base64
			"0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e",
			"EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF", "UQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPuwA"),
		broken("ton", "test network",
			"kQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPgpP", "0QDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPleK"),
		broken("ton", "CRC-16", "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHG", "eQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"),
		// A public key, from TEP-2: a right checksum under another tag.
		broken("ton", "begin with E or U", "Pubjns2gp7DGCnEH7EOWeCnb6Lw1akm538YYaz6sdLVHfRB2"),
		broken("ton", "48 characters",
			"Ef/lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7-_uY3zXDvq", // both alphabets mixed
			"EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrH", "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHFA",
			"EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPr==", "EQDKbjIcfM6ezt8KjKJJ\r\nLshZJJSqX7XOA4ff-W72r5gqPrHF",
			"EQDKbjIcfM6ezt8KjKJJ\nshZJJSqX7XOA4ff-W72r5gqPrHF", root[:len(root)-1], root+"0", "0:"+root[3:len(root)-1]+"g"),
		broken("ton", "workchain", "1:"+root[3:], "-0:"+root[3:], "00:"+root[3:], ":"+root[3:], "-1:"+root),
	))
}

func TestCardano(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// CIP-19, types 00 to 07 of the main network.
		valid("cardano",
			"addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x",
			"addr1z8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gten0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgs9yc0hh",
			"addr1yx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzerkr0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shs2z78ve",
			"addr1x8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gt7r0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shskhj42g",
			"addr1gx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer5pnz75xxcrzqf96k",
			"addr128phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtupnz75xxcrtw79hu",
			"addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
			"addr1w8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcyjy7wx"),
		// The same document: stake addresses, then the test network.
		broken("cardano", "stake address",
			"stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw",
			"stake178phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcccycj5"),
		broken("cardano", "test network",
			"addr_test1qz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgs68faae",
			"addr_test1wrphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcl6szpr",
			"addr1vpu5vlrf4xkxv2qpwngf6cjhtw542ayty80v8dyr49rf5eg0yu80w", // a test address under the main prefix
			"37btjrVyb4KDXBNC4haBVPCrro8AQPHwvCMp3RFhhSVWwfFmZ6wwzSK6JK1hY6wHNmtrpTf1kdbva8TCneM2YsiXT7mrzT21EacHnPpz5YyUdj64na"),
		broken("cardano", "bech32 checksum",
			"addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl9",
			"addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl"),
		broken("cardano", "letter case", "addr1Vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8"),
		// Right checksums over wrong contents.
		broken("cardano", "expected 28 bytes after the header, found 27", encode32("addr", append([]byte{0x61}, make([]byte, 27)...))),
		broken("cardano", "expected 56 bytes after the header, found 28", encode32("addr", append([]byte{0x01}, make([]byte, 28)...))),
		broken("cardano", "address type", encode32("addr", append([]byte{0xe1}, make([]byte, 28)...))),
		broken("cardano", "no further 1", encode32("addr1x", append([]byte{0x61}, make([]byte, 28)...))),
		broken("cardano", "more than a prefix", encode32("addr", nil)),
		broken("cardano", "stake pointer",
			encode32("addr", append([]byte{0x41}, make([]byte, 28)...)),                // none
			encode32("addr", append([]byte{0x41}, make([]byte, 30)...)),                // two numbers
			encode32("addr", append([]byte{0x41}, make([]byte, 32)...)),                // four
			encode32("addr", append(append([]byte{0x41}, make([]byte, 30)...), 0x80))), // the third goes on
		valid("cardano", encode32("addr", append([]byte{0x41}, make([]byte, 31)...))),
		// Byron: an Icarus address made by cardano-cli, one of Daedalus from the wild.
		valid("cardano",
			"Ae2tdPwUPEZHvh7P2QsxENNDeHZ9K4vw4Pfk3LY9gxkrAVVLSTmXaCvxxFf",
			"DdzFFzCqrhsgwQmeWNBTsG8VjYunBLK9GNR93GSLTGj1FeMm8kFoby2cTHxEHBEraHQXmgTtFGz7fThjDRNNvwzcaw6fQdkYySBneRas"),
		broken("cardano", "Byron address in base58",
			"Ae2tdPwUPEZHvh7P2QsxENNDeHZ9K4vw4Pfk3LY9gxkrAVVLSTmXaCvxxF", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", familiarSample),
		broken("cardano", "CRC-32", "Ae2tdPwUPEZHvh7P2QsxENNDeHZ9K4vw4Pfk3LY9gxkrAVVLSTmXaCvxxFg"),
	))
}

// encode32 is bech32 with a right checksum over any bytes.
func encode32(prefix string, data []byte) string {
	encoded, err := bech32.EncodeFromBase256(prefix, data)
	if err != nil {
		panic(err)
	}
	return encoded
}

func TestCosmos(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// The address tests of Trust Wallet Core.
		valid("cosmos", "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02", "COSMOS1HSK6JRYYQJFHP5DHC55TC9JTCKYGX0EPH6DD02"),
		valid("osmosis", "osmo1mky69cn8ektwy0845vec9upsdphktxt0en97f5", "osmo18s0hdnsllgcclweu9aymw4ngktr2k0rkvn7jmn"),
		valid("celestia", "celestia1mry47pkga5tdswtluy0m8teslpalkdq00tp7xc"),
		valid("noble", "noble1mry47pkga5tdswtluy0m8teslpalkdq0kz9xym"),
		valid("injective", "inj14py36sx57ud82t9yrks9z6hdsrpn5x6k8tf7m3"),
		valid("cosmos", encode32("cosmos", make([]byte, 32))),
		broken("cosmos", "expected it to begin with cosmos1",
			"osmo1mky69cn8ektwy0845vec9upsdphktxt0en97f5", "cosmosvaloper1sxx9mszve0gaedz5ld7qdkjkfv8z992ax69k08", "cosmos"),
		broken("osmosis", "expected it to begin with osmo1", "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"),
		broken("cosmos", "checksum", "cosmos1xsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"),
		broken("cosmos", "letter case", "cosmos1Hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"),
		broken("cosmos", "20 or 32 bytes", encode32("cosmos", make([]byte, 19)), encode32("cosmos", make([]byte, 33))),
		broken("cosmos", "no further 1", encode32("cosmos1", make([]byte, 20))),
		broken("cosmos", "more than a prefix", encode32("cosmos", nil)),
		broken("cosmos", "checksum", encode32m("cosmos", make([]byte, 20))),
	))
}

func encode32m(prefix string, data []byte) string {
	groups, err := bech32.ConvertBits(data, 8, 5, true)
	if err != nil {
		panic(err)
	}
	encoded, err := bech32.EncodeM(prefix, groups)
	if err != nil {
		panic(err)
	}
	return encoded
}

// SEP-23: all its test cases. What isn't an account can't be paid to.
func TestStellar(t *testing.T) {
	t.Parallel()
	const wantAccount = "expected an account"
	checkVectors(t, join(
		valid("stellar",
			"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK"),
		// Valid strkeys of other things: payloads, a contract, a pool, a balance.
		broken("stellar", wantAccount,
			"PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAQACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IBZGM",
			"PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAOQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUAAAAFGBU",
			"CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA",
			"LA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUPJN",
			"BAAD6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGR4TU"),
		// Invalid.
		broken("stellar", wantAccount,
			"GAAAAAAAACGC6",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUR",
			"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZA",
			"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUACUSI",
			"G47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVP2I",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLKA",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAAV75I",
			"M47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUK===",
			"PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAQACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IAAAAAAAAPM",
			"PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAOQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4Z2PQ",
			"PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAOQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DXFH6",
			"BAAD6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGR4TV",
			"BAAT6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGXACA"),
		broken("stellar", "CRC-16",
			"MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUO",
			"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA"),
		// Go's decoder skips line breaks.
		broken("stellar", wantAccount,
			"GA7QYNF7SOWQ3GLR2BGMZEHX\nAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
			"ga7qynf7sowq3glr2bgmzehxavirza4kvwltjjfc7mgxua74p7ujvsgz"),
	))
}

// CAIP-10 for Algorand: an account, a contract and a logic signature.
func TestAlgorand(t *testing.T) {
	t.Parallel()
	const account = "4EWWI7JNVXSFN4YRYA5DMN53U7NUHYC5YSMF67FAXDNRLDWDIWGM5DQGBA"
	checkVectors(t, join(
		valid("algorand", account,
			"XSKED5VKZZCSYNDWXZJI65JM2HP7HZFJWCOBIMOONKHTK5UVKENBNVDEYM",
			"KI4DJG2OOFJGUERJGSWCYGFZWDNEU2KWTU56VRJHITP62PLJ5VYMBFDBFE"),
		broken("algorand", "checksum does not match", "A"+account[1:], account[:57]+"E"),
		broken("algorand", "58 characters",
			account[:57]+"B", // the same bytes with an unused bit set
			account[:57], account+"A", strings.ToLower(account), account+"======"),
	))
}

// The Substrate documents (subkey inspect) and the well-known development account
// Alice on Polkadot, Kusama and any chain; Trust Wallet's tests (14Ph…).
func TestPolkadot(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		valid("polkadot",
			"12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZU", "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5",
			"14PhJGbzPxhQbiq7k9uFjDQx3MNiYxnjFRSiVBvBBBfnkAoM"),
		broken("polkadot", "another network",
			"HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
		broken("polkadot", "checksum", "12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZV", "12bzRJfh7arnnfPPUZHeJUaE62QLEwhK48QnH9LXeK2m1iZ"),
		broken("polkadot", "expected base58 of 35 bytes", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"),
	))
}

// The NEAR specification, Account ID rules: its lists of examples, and both kinds
// of implicit accounts.
func TestNEAR(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		valid("near",
			"ok", "bowen", "ek-2", "ek.near", "com", "google.com", "bowen.google.com", "near",
			"illia.cheap-accounts.near", "max_99.near", "100", "near2019", "over.9000", "a.bro",
			"98793cd91a3f870fb126f66285808c7e094afcfc4eda8a970f6648cdf0dbd6de",
			strings.ToLower(familiarSample), strings.Repeat("a", 64)),
		broken("near", "expected 2 to 64",
			"not ok", "a", "100-", "bo__wen", "_illia", ".near", "near.", "a..near", "$$$", "WAT",
			"me@google.com", "a.-b", "a-.b", strings.Repeat("a", 65), familiarSample),
	))
}
