package asset

// The forms of the chains that need more than a name.
var (
	bitcoinForm = bitcoin{
		legacy: base58Check{versions: "\x00\x05", versionLength: 1, hashLength: 20, leads: "13", begins: "bc1, 1 or 3"},
		prefix: "bc",
	}
	bitcoinTestForm = bitcoin{
		legacy: base58Check{versions: "\x6f\xc4", versionLength: 1, hashLength: 20, leads: "mn2", begins: "tb1, m, n or 2"},
		prefix: "tb",
	}
	// Version 0x05 is the old one of scripts, which looks like a Bitcoin address;
	// 0x32 took its place, but the network still pays both.
	litecoinForm = bitcoin{
		legacy: base58Check{versions: "\x30\x32\x05", versionLength: 1, hashLength: 20, leads: "LM3", begins: "ltc1, L, M or 3"},
		prefix: "ltc",
	}
	dogecoinForm = base58Check{versions: "\x1e\x16", versionLength: 1, hashLength: 20, leads: "D9A", begins: "D, 9 or A"}
	cashForm     = bitcoinCash{
		legacy: base58Check{versions: "\x00\x05", versionLength: 1, hashLength: 20, leads: "13", begins: "bitcoincash:, q, p, 1 or 3"},
		prefix: "bitcoincash",
	}
	tronForm = base58Check{versions: "\x41", versionLength: 1, hashLength: 20, leads: "T", begins: "T"}
	// The prefixes that make tz1, tz2, tz3, tz4 and KT1.
	tezosForm = base58Check{
		versions:      "\x06\xa1\x9f\x06\xa1\xa1\x06\xa1\xa4\x06\xa1\xa6\x02\x5a\x79",
		versionLength: 3, hashLength: 20, leads: "tK", begins: "tz1, tz2, tz3, tz4 or KT1",
	}
	polkadotForm = ss58{prefix: 0, begins: "1"}
)

var networks = []Network{
	{ID: "ethereum", Name: "Ethereum", form: evm{}},
	{ID: "base", Name: "Base", form: evm{}},
	{ID: "polygon", Name: "Polygon", form: evm{}},
	{ID: "arbitrum", Name: "Arbitrum One", form: evm{}},
	{ID: "optimism", Name: "OP Mainnet", form: evm{}},
	{ID: "bsc", Name: "BNB Smart Chain", form: evm{}},
	{ID: "avalanche", Name: "Avalanche C-Chain", form: evm{}},
	{ID: "linea", Name: "Linea", form: evm{}},
	{ID: "zksync", Name: "ZKsync Era", form: evm{}},
	{ID: "scroll", Name: "Scroll", form: evm{}},
	{ID: "unichain", Name: "Unichain", form: evm{}},
	{ID: "world-chain", Name: "World Chain", form: evm{}},
	{ID: "celo", Name: "Celo", form: evm{}},

	{ID: "bitcoin", Name: "Bitcoin", form: bitcoinForm},
	{ID: "litecoin", Name: "Litecoin", form: litecoinForm},
	{ID: "dogecoin", Name: "Dogecoin", form: dogecoinForm},
	{ID: "bitcoin-cash", Name: "Bitcoin Cash", form: cashForm},
	{ID: "solana", Name: "Solana", form: solana{}},
	{ID: "tron", Name: "TRON", form: tronForm},
	{ID: "xrp", Name: "XRP Ledger", form: xrp{}},
	{ID: "ton", Name: "TON", form: ton{}},
	{ID: "cardano", Name: "Cardano", form: cardano{}},
	{ID: "stellar", Name: "Stellar", form: stellar{}},
	{ID: "polkadot", Name: "Polkadot", form: polkadotForm},
	{ID: "algorand", Name: "Algorand", form: algorand{}},
	{ID: "tezos", Name: "Tezos", form: tezosForm},
	{ID: "sui", Name: "Sui", form: move{}},
	{ID: "aptos", Name: "Aptos", form: move{}},
	{ID: "near", Name: "NEAR", form: near{}},
	{ID: "cosmos", Name: "Cosmos Hub", form: cosmos{prefix: "cosmos"}},
	{ID: "osmosis", Name: "Osmosis", form: cosmos{prefix: "osmo"}},
	{ID: "noble", Name: "Noble", form: cosmos{prefix: "noble"}},
	{ID: "celestia", Name: "Celestia", form: cosmos{prefix: "celestia"}},
	{ID: "injective", Name: "Injective", form: cosmos{prefix: "inj"}},

	{ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Testnet: true, form: evm{}},
	{ID: "base-sepolia", Name: "Base Sepolia", Testnet: true, form: evm{}},
	{ID: "arbitrum-sepolia", Name: "Arbitrum Sepolia", Testnet: true, form: evm{}},
	{ID: "optimism-sepolia", Name: "OP Sepolia", Testnet: true, form: evm{}},
	{ID: "polygon-amoy", Name: "Polygon Amoy", Testnet: true, form: evm{}},
	{ID: "bsc-testnet", Name: "BNB Smart Chain Testnet", Testnet: true, form: evm{}},
	{ID: "avalanche-fuji", Name: "Avalanche Fuji", Testnet: true, form: evm{}},
	{ID: "bitcoin-testnet", Name: "Bitcoin Testnet", Testnet: true, form: bitcoinTestForm},
	{ID: "solana-devnet", Name: "Solana Devnet", Testnet: true, form: solana{}},
}

// assets lists what ramps sell. The first network of each is its default. The
// decimals are those of the token contract or mint on that very network: what
// Binance issues on its chain has 18 even where the original has 6, and everything
// on Stellar has 7.
var assets = []Asset{
	newAsset("BTC", "Bitcoin", at(8, "bitcoin")),
	newAsset("ETH", "Ether", at(18, "ethereum", "base", "arbitrum", "optimism", "linea", "zksync", "scroll", "unichain", "world-chain")),
	newAsset("USDC", "USD Coin",
		at(6, "ethereum", "base", "polygon", "arbitrum", "optimism", "avalanche", "solana", "linea", "zksync", "unichain",
			"world-chain", "celo", "algorand", "aptos", "sui", "near", "noble"),
		at(7, "stellar"), at(18, "bsc")),
	newAsset("USDT", "Tether USD",
		at(6, "ethereum", "tron", "polygon", "arbitrum", "optimism", "avalanche", "solana", "ton", "celo", "aptos", "near"),
		at(18, "bsc")),
	newAsset("SOL", "Solana", at(9, "solana")),
	newAsset("XRP", "XRP", at(6, "xrp")),
	newAsset("BNB", "BNB", at(18, "bsc")),
	newAsset("DOGE", "Dogecoin", at(8, "dogecoin")),
	newAsset("ADA", "Cardano", at(6, "cardano")),
	newAsset("TRX", "TRON", at(6, "tron")),
	newAsset("TON", "Toncoin", at(9, "ton")),
	newAsset("AVAX", "Avalanche", at(18, "avalanche")),
	newAsset("LTC", "Litecoin", at(8, "litecoin")),
	newAsset("BCH", "Bitcoin Cash", at(8, "bitcoin-cash")),
	newAsset("DOT", "Polkadot", at(10, "polkadot")),
	newAsset("LINK", "Chainlink", at(18, "ethereum", "base", "polygon", "arbitrum", "optimism", "avalanche", "bsc")),
	newAsset("XLM", "Stellar Lumens", at(7, "stellar")),
	newAsset("SUI", "Sui", at(9, "sui")),
	newAsset("APT", "Aptos", at(8, "aptos")),
	newAsset("NEAR", "NEAR", at(24, "near")),
	newAsset("ALGO", "Algorand", at(6, "algorand")),
	newAsset("ATOM", "Cosmos", at(6, "cosmos")),
	newAsset("OSMO", "Osmosis", at(6, "osmosis")),
	newAsset("TIA", "Celestia", at(6, "celestia")),
	newAsset("INJ", "Injective", at(18, "injective", "ethereum")),
	newAsset("XTZ", "Tezos", at(6, "tezos")),
	newAsset("POL", "Polygon", at(18, "polygon", "ethereum")),
	// The former name of POL. Some gateways still sell Polygon's own coin under it.
	newAsset("MATIC", "Polygon (MATIC)", at(18, "polygon", "ethereum")),
	newAsset("ARB", "Arbitrum", at(18, "arbitrum", "ethereum")),
	newAsset("OP", "Optimism", at(18, "optimism")),
	newAsset("CELO", "Celo", at(18, "celo")),
	newAsset("WLD", "Worldcoin", at(18, "world-chain", "optimism", "ethereum")),
	newAsset("DAI", "Dai", at(18, "ethereum", "base", "polygon", "arbitrum", "optimism")),
	newAsset("EURC", "Euro Coin", at(6, "ethereum", "base", "avalanche", "solana"), at(7, "stellar")),
	newAsset("PYUSD", "PayPal USD", at(6, "ethereum", "arbitrum", "solana")),
	newAsset("WBTC", "Wrapped Bitcoin", at(8, "ethereum", "polygon", "arbitrum", "optimism")),
	newAsset("CBBTC", "Coinbase Wrapped BTC", at(8, "base", "ethereum", "arbitrum", "solana")),
	newAsset("UNI", "Uniswap", at(18, "ethereum", "polygon", "arbitrum", "optimism")),
	newAsset("AAVE", "Aave", at(18, "ethereum", "polygon")),
	newAsset("SHIB", "Shiba Inu", at(18, "ethereum")),
	newAsset("PEPE", "Pepe", at(18, "ethereum")),
	newAsset("BONK", "Bonk", at(5, "solana")),
}

var (
	networkByID = index(networks, func(n Network) string { return n.ID })
	assetByCode = index(assets, func(a Asset) string { return a.Code })
)

func newAsset(code, name string, groups ...[]Listing) Asset {
	asset := Asset{Code: code, Name: name}
	for _, group := range groups {
		asset.Networks = append(asset.Networks, group...)
	}
	asset.Networks[0].Default = true
	return asset
}

func at(decimals int, ids ...string) []Listing {
	on := make([]Listing, 0, len(ids))
	for _, id := range ids {
		on = append(on, Listing{Network: id, Decimals: decimals})
	}
	return on
}

func index[T any](list []T, key func(T) string) map[string]T {
	byKey := make(map[string]T, len(list))
	for _, entry := range list {
		byKey[key(entry)] = entry
	}
	return byKey
}
