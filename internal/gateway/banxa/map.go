package banxa

import (
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// outcome is what a status of Banxa's means.
type outcome struct {
	status checkout.OrderStatus
	reason string // for people
}

// outcomes are the statuses of https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/order-statuses, and
// those that only Banxa's SDKs and public wallets name. One that is not here is processing.
var outcomes = map[string]outcome{
	"pendingPayment":          {checkout.OrderPending, ""},
	waitingPayment:            {checkout.OrderProcessing, ""},
	"paymentReceived":         {checkout.OrderProcessing, ""},
	"inProgress":              {checkout.OrderProcessing, ""},
	"coinTransferred":         {checkout.OrderProcessing, ""},
	"cryptoTransferred":       {checkout.OrderProcessing, ""},
	"cryptoTransferInitiated": {checkout.OrderProcessing, ""},
	"cryptoTransferPending":   {checkout.OrderProcessing, ""},
	"cryptoTransferComplete":  {checkout.OrderProcessing, ""},
	"extraVerification":       {checkout.OrderProcessing, ""},
	"complete":                {checkout.OrderCompleted, ""},
	"completed":               {checkout.OrderCompleted, ""},
	"succeeded":               {checkout.OrderCompleted, ""},
	"declined":                {checkout.OrderFailed, "The payment was declined at Banxa."},
	"cancelled":               {checkout.OrderCancelled, "The order was cancelled at Banxa."},
	"expired":                 {checkout.OrderExpired, "The payment did not reach Banxa in time."},
	"refunded":                {checkout.OrderRefunded, "Banxa gave the payment back."},
}

// waitingPayment: the buyer has paid as far as they are concerned, and Banxa waits for the payment to arrive; or the seller is
// to send the crypto.
const waitingPayment = "waitingPayment"

func outcomeOf(kind checkout.OrderType, status string) outcome {
	if status == waitingPayment && kind == checkout.Sell {
		return outcome{checkout.OrderPending, ""}
	}
	if known, ok := outcomes[status]; ok {
		return known
	}
	return outcome{checkout.OrderProcessing, ""}
}

// networks are our ids of Banxa's blockchains, as public wallets map them: gemwalletcom/core, crates/fiat/src/providers/banxa.
var networks = map[string]string{
	"BTC": "bitcoin", "LTC": "litecoin", "ETH": "ethereum", "TRON": "tron", "BSC": "bsc", "BNB": "bsc", "SOL": "solana",
	"MATIC": "polygon", "ATOM": "cosmos", "AVAX-C": "avalanche", "XRP": "xrp", "DOGE": "dogecoin", "APT": "aptos", "TON": "ton",
	"SUI": "sui", "NEAR": "near", "CELO": "celo", "XLM": "stellar", "ADA": "cardano", "DOT": "polkadot", "ALGO": "algorand",
	"ZKSYNC": "zksync", "BCH": "bitcoin-cash", "WLD": "world-chain", "OPTIMISM": "optimism", "LINEA": "linea",
	"UNICHAIN": "unichain", "ARB": "arbitrum", "BASE": "base", "INJ": "injective",
}

// tagNetworks are those for which Banxa names walletAddressTag, ".../docs/api-integration/create-buy-order": "memo for XLM,
// destination tag for XRP". Whether it hands on those of other networks is not documented.
var tagNetworks = map[string]bool{"stellar": true, "xrp": true}

func servedAsset(code, blockchain string) gateway.ServedAsset {
	network := networks[blockchain]
	return gateway.ServedAsset{Code: code, Network: network, TheirCode: code, TheirNetwork: blockchain, Tag: tagNetworks[network]}
}

const card = "debit-credit-card"

// ourMethods are the ways to pay that other gateways have too, under one id and name.
var ourMethods = map[string]gateway.PaymentMethod{
	card:                 {ID: card, Name: "Credit or debit card"},
	"apple-pay":          {ID: "apple-pay", Name: "Apple Pay"},
	"google-pay":         {ID: "google-pay", Name: "Google Pay"},
	"sepa-bank-transfer": {ID: "sepa", Name: "SEPA bank transfer"},
	"ach-bank-transfer":  {ID: "ach", Name: "US bank transfer (ACH)"},
	"gbp-bank-transfer":  {ID: "bank-transfer", Name: "Bank transfer"},
	"zar-bank-transfer":  {ID: "bank-transfer", Name: "Bank transfer"},
}

func methodOf(theirs, name string) gateway.ServedMethod {
	if ours, ok := ourMethods[theirs]; ok {
		return gateway.ServedMethod{ID: ours.ID, Name: ours.Name, Theirs: theirs}
	}
	id := strings.Join(strings.FieldsFunc(strings.ToLower(theirs), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
	if name == "" {
		name = strings.ReplaceAll(id, "-", " ")
	}
	return gateway.ServedMethod{ID: id, Name: name, Theirs: theirs}
}

// The built-in minimum, in lines of what comes first and what belongs to it. Ways to pay are those that Banxa's own SDK
// lists with their currencies (BanxaOfficial/ios-payment-sdk, README); payouts those of
// https://docs.banxa.com/products/hosted-checkout/docs/on-ramp-off-ramp/off-ramp-overview. The rest comes with Load.
const (
	builtInMethods = `
		debit-credit-card AED ARS AUD BRL CAD CHF CZK DKK EUR GBP HKD IDR INR JPY KRW MXN MYR NGN NOK NZD PHP PLN QAR SAR SEK SGD THB TRY TWD USD VND ZAR
		apple-pay AUD EUR GBP USD
		google-pay AUD EUR USD
		sepa-bank-transfer EUR
		gbp-bank-transfer GBP
		payid-bank-transfer AUD
		interac-bank-transfer CAD
		zar-bank-transfer ZAR
		ideal-bank-transfer EUR
		klarna-paynow EUR
		pix BRL
		pse COP
		khipu CLP
		spei MXN`
	builtInPayouts = `
		sepa-bank-transfer EUR
		payid-bank-transfer AUD
		pix BRL`
	builtInAssets = `
		BTC BTC
		ETH ETH
		LTC LTC
		DOGE DOGE
		BCH BCH
		SOL SOL
		XRP XRP
		ADA ADA
		TRX TRON
		TON TON
		ATOM ATOM
		DOT DOT
		AVAX AVAX-C
		NEAR NEAR
		XLM XLM
		SUI SUI
		APT APT
		USDC ETH
		USDT ETH TRON`
)

var methodNames = map[string]string{
	"payid-bank-transfer": "PayID", "interac-bank-transfer": "Interac", "ideal-bank-transfer": "iDEAL", "klarna-paynow": "Klarna",
	"pix": "Pix", "pse": "PSE", "khipu": "Khipu", "spei": "SPEI",
}

func builtIn() *gateway.Serving {
	s := &gateway.Serving{
		Buy:  gateway.Served{Fiats: builtInFiats(builtInMethods)},
		Sell: gateway.Served{Fiats: builtInFiats(builtInPayouts)},
	}
	for line := range strings.Lines(builtInAssets) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			a := servedAsset(fields[0], fields[i])
			s.Buy.Assets, s.Sell.Assets = append(s.Buy.Assets, a), append(s.Sell.Assets, a)
		}
	}
	return s.Tidy()
}

func builtInFiats(table string) []gateway.ServedFiat {
	var fiats []gateway.ServedFiat
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			at := slices.IndexFunc(fiats, func(f gateway.ServedFiat) bool { return f.Currency == fields[i] })
			if at < 0 {
				at = len(fiats)
				fiats = append(fiats, gateway.ServedFiat{Currency: fields[i]})
			}
			fiats[at].Methods = append(fiats[at].Methods, methodOf(fields[0], methodNames[fields[0]]))
		}
	}
	return fiats
}
