package asset_test

import (
	"strings"
	"testing"
)

// BIP-173 and BIP-350: every vector of their lists of segwit addresses, valid and
// invalid, on the network of its prefix.
func TestSegwit(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// Both documents.
		valid("bitcoin", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
		valid("bitcoin-testnet",
			"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
			"tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy"),
		// The examples of BIP-173.
		valid("bitcoin",
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
			"bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"),
		valid("bitcoin-testnet", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
		// Valid in BIP-173 and made invalid by BIP-350.
		broken("bitcoin", "expected a bech32m checksum",
			"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
			"BC1SW50QA3JX3S",
			"bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj"),
		// Valid in BIP-350.
		valid("bitcoin",
			"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
			"BC1SW50QGDZ25J",
			"bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
			"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
		valid("bitcoin-testnet", "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c"),
		// Invalid in BIP-173.
		broken("bitcoin", "expected it to begin with bc1", "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty"),
		broken("bitcoin", "checksum", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
		broken("bitcoin", "witness version is above 16", "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2"),
		broken("bitcoin", "bech32m", "bc1rw5uspcuh",
			"bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90",
			"bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du"),
		broken("bitcoin", "20 or 32 bytes, found 16", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P"),
		broken("bitcoin-testnet", "letter case", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7"),
		broken("bitcoin-testnet", "padding", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv"),
		broken("bitcoin", "more than a prefix", "bc1gmk9yu"),
		// Invalid in BIP-350.
		broken("bitcoin", "expected it to begin with bc1", "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut"),
		broken("bitcoin", "expected a bech32m checksum",
			"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
			"BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL"),
		broken("bitcoin-testnet", "expected a bech32m checksum", "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf"),
		broken("bitcoin", "expected a bech32 checksum", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh"),
		broken("bitcoin-testnet", "expected a bech32 checksum", "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47"),
		broken("bitcoin", "expected bech32", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4"),
		broken("bitcoin", "witness version is above 16", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R"),
		broken("bitcoin", "2 to 40 bytes, found 1", "bc1pw5dgrnzv"),
		broken("bitcoin", "2 to 40 bytes, found 41", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav"),
		broken("bitcoin-testnet", "letter case", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq"),
		broken("bitcoin", "padding", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf"),
		broken("bitcoin-testnet", "padding", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j"),
		// The other network's addresses, and an upper-case prefix on lower-case data.
		broken("bitcoin", "expected it to begin with bc1", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
		broken("bitcoin-testnet", "expected it to begin with tb1", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
		broken("bitcoin", "letter case", "BC1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
		broken("bitcoin", "at most 90 characters", "bc1q"+strings.Repeat("q", 100)),
	))
}

// Bitcoin Core, src/test/data/key_io_valid.json.
func TestBitcoinKeyIO(t *testing.T) {
	t.Parallel()
	main := []string{
		"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm",
		"1FjL87pn8ky6Vbavd1ZHeChRXtoxwRGCRd", "3BZECeAH8gSKkjrTx8PwMrNQBLG18yHpvf",
		"bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv",
		"bc1qyucykdlhp62tezs0hagqury402qwhk589q80tqs5myh3rxq34nwqhkdhv7",
		"bc1p83n3au0rjylefxq2nc2xh2y4jzz4pm6zxj4mw5pagdjjr2a9f36s6jjnnu",
		"bc1z2rksukkjr8",
	}
	testnet := []string{
		"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", "2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK",
		"n4YNbYuFdPwFrxSP8sjHFbAhUbLMUiY9jE",
		"tb1qcrh3yqn4nlleplcez2yndq2ry8h9ncg3qh7n54",
		"tb1p35n52jy6xkm4wd905tdy8qtagrn73kqdz73xe4zxpvq9t3fp50aqk3s6gz",
		"tb1rgv5m6uvdk3kc7qsuz0c79v88ycr5w4wa",
	}
	checkVectors(t, join(
		valid("bitcoin", main...),
		valid("bitcoin-testnet", testnet...),
		broken("bitcoin", "expected it to begin with", testnet...),
		broken("bitcoin-testnet", "expected it to begin with", main...),
		// Private keys, and an address of the local test chain.
		broken("bitcoin", "expected it to begin with",
			"5JuW2AMDYu4xVwRG9DZW18VbzQrGcd5RCgb99sS6ehJsNQXu5b9",
			"L5nJeqKmpHp4P7F8ZYyjwc5a7P4d8EabuGAzfGJk7yC1BJyzNaEd",
			"bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9"),
		broken("bitcoin", "base58 checksum does not match", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp"),
		broken("bitcoin", "expected base58", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2m0", "1FsSia9rv4NeEwvJ2GvXrX7Lyx spbN2mo", "3é"),
		broken("bitcoin", "base58 checksum does not match", "1", "3Q"),
		// A right checksum over the version alone.
		broken("bitcoin", "hash of 20 bytes, found 0", "1Wh4bh"),
	))
}

func TestLitecoinAndDogecoin(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		// Litecoin Core, src/test/data/key_io_valid.json; ltc1… from Bisq's asset
		// tests; 3… is Bitcoin's, the same script under the old version.
		valid("litecoin",
			"LT2KVaAy1ppRuxRgrS5RNU3vBsy7RibPeA", "MHrYRxAiMNBTku3eoDHwhA1LQGDjUStZW2",
			"M9dw1FAoWpHC6PcMzoCHhqQ9McvTyG5Ywj", "LbfVMz974gbbGFqXF7FZUpSBWSbwBHDwR5",
			"ltc1qxtm55gultqzhqzl2p3ks50hg2478y3hehuj6dz", "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm"),
		broken("litecoin", "expected it to begin with ltc1",
			"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "mwXn5Vhicdav8Av3KMokx4YNuHoGRKxtWs",
			"QXaUgLHkZcbJb2j5XgMYzY8cF9YM48Y81Z", "bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv",
			"pgc1qhdhvrwe6rgqns8fz28tee0hphr5x7ulw5exv4w"),
		broken("litecoin", "checksum", "LT2KVaAy1ppRuxRgrS5RNU3vBsy7RibPeB", "ltc1qxtm55gultqzhqzl2p3ks50hg2478y3hehuj6dq"),
		// Dogecoin Core, src/test/data/base58_keys_valid.json.
		valid("dogecoin",
			"DD4KSSuBJqcjuTcvUg1CgUKeurPUFeEZkE", "A7HRQk3GFCW2QasvdZxXuYj8kkQK5QrYLs",
			"DBjW6kna7rUPE4Mj9j4B3oK3xVA1SDHrdt", "9zYnVRaekPtdKBYuPw5QiBtv3NNrzD2LLW",
			"DMYFDsuFamS4kogsiqxQRXK9diCfmJzNLh"),
		broken("dogecoin", "expected it to begin with D",
			"nhRsrUaxZou6sewjqaS37cJrMRJRgwVXdk", "2MsvyG12kxxipe276Au4zKqvd2xdrBuHWb3",
			"QP5rQxpaP8HHPEdCEqxTjiHGWRvsyPvzZJeJ9BCxpfT13FN9VesQ", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"),
		broken("dogecoin", "expected it to begin with D", "96MAePnF8ppQm8165ABvzSEShnNy3vgxjmMhcqEkQVZ9FtPV2XL"), // a private key
		broken("dogecoin", "checksum", "DD4KSSuBJqcjuTcvUg1CgUKeurPUFeEZkF"),
	))
}

// The CashAddr specification, its section on test vectors.
func TestBitcoinCash(t *testing.T) {
	t.Parallel()
	cash := []string{
		"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy",
		"qqq3728yw0y47sqn6l2na30mcw6zm78dzqre909m2r", "ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
		"pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e", "pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37",
		"qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2",
		// CHIP-2022-02 CashTokens: addresses of wallets that hold tokens.
		"qr7fzmep8g7h7ymfxy74lgc0v950j3r2959lhtxxsl", "zr7fzmep8g7h7ymfxy74lgc0v950j3r295z4y4gq0v",
		// Bitcoin Cash Node: the vector of the specification as such an address.
		"zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe",
		// A script hash of 32 bytes (CHIP-2022-05), from the GraphSense tests.
		"pvhfadjrmc4adxl8payajshf34wauh4jlrfnpuyetfnzh5llrnh9w3q8y9qcp",
	}
	for _, addr := range cash {
		full := "bitcoincash:" + addr
		checkVectors(t, join(
			valid("bitcoin-cash", addr, full, strings.ToUpper(addr), strings.ToUpper(full)),
			broken("bitcoin-cash", "letter case", "bitcoincash:"+strings.ToUpper(addr), strings.ToUpper(addr[:9])+addr[9:]),
			broken("bitcoin-cash", "expected it to begin with the prefix bitcoincash", "bchtest:"+addr, ":"+addr),
			broken("bitcoin-cash", "expected a CashAddr", "bitcoincash:"+full, full+"!"),
			broken("bitcoin-cash", "checksum", addr+"q", addr[1:], addr[:len(addr)-1]),
		))
	}
	const notPayable = "which the network cannot pay"
	checkVectors(t, join(
		valid("bitcoin-cash",
			"1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR",
			"16w1D5WRVKJuZUsSRzdLp9w3YGcgoxDXb", "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC",
			"3LDsS579y7sruadqu11beEJoTjdFiFCdX4", "31nwvkZwyPdgzjBJZXfDmSWsC4ZLKpYyUw"),
		broken("bitcoin-cash", "base58 checksum", "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggv"),
		// The larger vectors: their checksums are right, but no such output exists.
		broken("bitcoin-cash", notPayable,
			"bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0",
			"bitcoincash:qgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcw59jxxuz",
			"bitcoincash:qvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq5nlegake",
			"bitcoincash:qnq8zwpj8cq05n7pytfmskuk9r4gzzel8qtsvwz79zdskftrzxtar994cgutavfklv39gr3uvz",
			"bitcoincash:qh3krj5607v3qlqh5c3wq3lrw3wnuxw0sp8dv0zugrrt5a3kj6ucysfz8kxwv2k53krr7n933jfsunqex2w82sl",
			"bitcoincash:qmvl5lzvdm6km38lgga64ek5jhdl7e3aqd9895wu04fvhlnare5937w4ywkq57juxsrhvw8ym5d8qx7sz7zz0zvcypqscw8jd03f",
			"bitcoincash:qlg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc0pv3nchp52amk97tqa5zygg96mtky5sv5w"),
		broken("bitcoin-cash", "expected it to begin with the prefix bitcoincash",
			"bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t", "pref:pr6m7j9njldwwzlg9v7v53unlr4jkmx6ey65nvtks5",
			"bchtest:pvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq7fqng6m6",
			"prefix:x64nx6hz", "p:gpf8m4h7", "prefix:0qxsg0rgpa"),
		// A test address without its prefix: the checksum covers the prefix.
		broken("bitcoin-cash", "checksum", "qr7fzmep8g7h7ymfxy74lgc0v950j3r295pdnvy3hr", "pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t"),
		// A right checksum over all 32 characters in turn, no address.
		broken("bitcoin-cash", "hash", "bitcoincash:qpzry9x8gf2tvdw0s3jn54khce6mua7lcw20ayyn"),
		broken("bitcoin-cash", "more than a prefix", "bitcoincash:", "bitcoincash:qqqqqqqq"),
	))
}
