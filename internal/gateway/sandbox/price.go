package sandbox

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// maxPlaces bounds the decimal places of a crypto amount; an asset with fewer has its own.
const maxPlaces = 8

// assetPrices are US dollars for one unit. They are round numbers, of the right size but of no day, and never change: tests
// may rely on them.
const assetPrices = `
	BTC 100000  ETH 4000   USDC 1     USDT 1     SOL 200    XRP 2.5      BNB 800      DOGE 0.2
	ADA 0.8     TRX 0.3    TON 3      AVAX 25    LTC 100    BCH 500      DOT 4        LINK 20
	XLM 0.4     SUI 3      APT 5      NEAR 3     ALGO 0.25  ATOM 4       OSMO 0.2     TIA 2
	INJ 12      XTZ 0.8    POL 0.25   MATIC 0.25 ARB 0.5    OP 0.8       CELO 0.4     WLD 1.25
	DAI 1       EURC 1.2   PYUSD 1    WBTC 100000           CBBTC 100000 UNI 10       AAVE 300
	SHIB 0.0000125         PEPE 0.00001          BONK 0.00002`

// fiatPrices are US dollars for one unit; a currency that is not here counts as a dollar.
const fiatPrices = `
	USD 1       EUR 1.2    GBP 1.25   CHF 1.25   JPY 0.008  CNY 0.125    AUD 0.64     CAD 0.72
	NZD 0.6     SEK 0.1    NOK 0.1    DKK 0.16   PLN 0.25   CZK 0.05     HUF 0.0025   RON 0.24
	BGN 0.6     TRY 0.025  ILS 0.3    AED 0.25   SAR 0.25   KWD 3.2      BHD 2.5      OMR 2.5
	JOD 1.4     INR 0.0125 PKR 0.0036 BDT 0.008  IDR 0.00006             MYR 0.24     SGD 0.8
	THB 0.03    VND 0.00004           PHP 0.0175 KRW 0.00075             TWD 0.032    HKD 0.128
	BRL 0.2     MXN 0.05   ARS 0.001  CLP 0.001  COP 0.00025             PEN 0.28     ZAR 0.05
	NGN 0.0006  KES 0.0075 EGP 0.02   UAH 0.025`

var (
	usdPerAsset = mustPrices(assetPrices)
	usdPerFiat  = mustPrices(fiatPrices)

	// A buyer gets what 99 % of the fiat amount buys; a seller gives what 101 % of it is worth.
	buyShare  = decimal.New(99, -2)
	sellShare = decimal.New(101, -2)

	evmNetworks = findEVM()
)

func mustPrices(table string) map[string]decimal.Decimal {
	fields := strings.Fields(table)
	prices := make(map[string]decimal.Decimal, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		prices[fields[i]] = decimal.RequireFromString(fields[i+1])
	}
	return prices
}

// findEVM asks every network of the catalogue about an address that is in mixed case without being its EIP-55 checksum:
// only an EVM chain has an opinion on that.
func findEVM() map[string]bool {
	evm := map[string]bool{}
	for _, n := range asset.Networks() {
		result, err := n.CheckAddress("0x" + strings.Repeat("aB", 20))
		evm[n.ID] = err == nil && result.ChecksumMismatch
	}
	return evm
}

// cryptoAmount is what the order's fiat amount comes to by the price table, less the fee of 1 %, rounded down to the places
// of the asset on its network or maxPlaces, but never to nothing. Of an order that Check refuses it is not set.
func cryptoAmount(o *checkout.Order) money.Amount {
	price, ok := usdPerAsset[o.CryptoCurrency]
	coin, known := asset.LookupAsset(o.CryptoCurrency)
	on, served := coin.OnNetwork(o.Network)
	if !ok || !known || !served || !o.FiatAmount.IsSet() {
		return money.Amount{}
	}
	share := buyShare
	if o.Type == checkout.Sell {
		share = sellShare
	}
	usd := o.FiatAmount.Decimal().Mul(share)
	if rate, listed := usdPerFiat[o.FiatCurrency]; listed {
		usd = usd.Mul(rate)
	}
	places := int32(min(on.Decimals, maxPlaces))
	quotient, _ := usd.QuoRem(price, places) // exact, cut off after the places
	if quotient.IsZero() {
		quotient = decimal.New(1, -places)
	}
	amount, err := money.Parse(quotient.String()) // String leaves out zeros at the end: 0.02475, not 0.02475000
	if err != nil {
		return money.Amount{} // more digits than an amount has, which the limits of Check rule out
	}
	return amount
}
