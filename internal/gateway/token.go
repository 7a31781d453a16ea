package gateway

import (
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
)

// usdcContracts are those of the USDC that its issuer made (https://developers.circle.com/stablecoins/usdc-contract-addresses).
// On these networks there is, or was, another token called USDC, moved over from Ethereum by a bridge.
var usdcContracts = map[string]string{
	"arbitrum":  "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
	"avalanche": "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E",
	"base":      "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
	"ethereum":  "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
	"optimism":  "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85",
	"polygon":   "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
	"solana":    "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
}

// OtherToken tells that a contract is of a token that only has the same ticker as the asset, so that a payer would get what
// the order doesn't say. It knows USDC alone; a contract that isn't told is taken for the right one.
func OtherToken(code, network, contract string) bool {
	want, known := usdcContracts[network]
	return code == "USDC" && known && contract != "" && !asset.SameAddress(strings.TrimSpace(contract), want)
}
