package transak

import (
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// outcome is what a status of Transak's means.
type outcome struct {
	status checkout.OrderStatus
	reason string // for people
}

// outcomes are the statuses of https://docs.transak.com/guides/track-order-status. One that is not here is processing.
var outcomes = map[string]outcome{
	"AWAITING_PAYMENT_FROM_USER":            {checkout.OrderPending, ""},
	"PAYMENT_DONE_MARKED_BY_USER":           {checkout.OrderProcessing, ""},
	"PROCESSING":                            {checkout.OrderProcessing, ""},
	"PENDING_DELIVERY_FROM_TRANSAK":         {checkout.OrderProcessing, ""},
	"ON_HOLD_PENDING_DELIVERY_FROM_TRANSAK": {checkout.OrderProcessing, ""},
	"COMPLETED":                             {checkout.OrderCompleted, ""},
	"FAILED":                                {checkout.OrderFailed, "The payment failed at Transak."},
	"CANCELLED":                             {checkout.OrderCancelled, "The order was cancelled at Transak."},
	"EXPIRED":                               {checkout.OrderExpired, "The payment did not reach Transak in time."},
	"REFUNDED":                              {checkout.OrderRefunded, "Transak gave the payment back."},
}

func outcomeOf(status string) outcome {
	if known, ok := outcomes[status]; ok {
		return known
	}
	return outcome{checkout.OrderProcessing, ""}
}

// networkOf is our id of Transak's network, empty where we know none. Coins of their own chain are on "mainnet", and which
// chain that is, the coin's id tells. Slugs as public wallets map them: gemwalletcom/core, crates/fiat/src/providers/transak.
func networkOf(slug, coinID string) string {
	if slug == "mainnet" {
		return mainnets[coinID]
	}
	return slugs[slug]
}

var slugs = map[string]string{
	"ethereum": "ethereum", "polygon": "polygon", "bsc": "bsc", "arbitrum": "arbitrum", "optimism": "optimism", "base": "base",
	"avaxcchain": "avalanche", "linea": "linea", "zksync": "zksync", "celo": "celo", "unichain": "unichain",
	"solana": "solana", "tron": "tron", "ton": "ton", "sui": "sui", "aptos": "aptos", "stellar": "stellar", "algorand": "algorand",
	"osmosis": "osmosis", "injective": "injective",
}

var mainnets = map[string]string{
	"bitcoin": "bitcoin", "litecoin": "litecoin", "ripple": "xrp", "dogecoin": "dogecoin", "tron": "tron", "cosmos": "cosmos",
	"near": "near", "stellar": "stellar", "algorand": "algorand", "polkadot": "polkadot", "cardano": "cardano",
}

// ourMethods are the ways to pay that other gateways have too, under one id and name.
var ourMethods = map[string]gateway.PaymentMethod{
	"credit_debit_card":  {ID: "debit-credit-card", Name: "Credit or debit card"},
	"apple_pay":          {ID: "apple-pay", Name: "Apple Pay"},
	"google_pay":         {ID: "google-pay", Name: "Google Pay"},
	"sepa_bank_transfer": {ID: "sepa", Name: "SEPA bank transfer"},
	"gbp_bank_transfer":  {ID: "bank-transfer", Name: "Bank transfer"},
}

func methodOf(theirs, name string) gateway.ServedMethod {
	if ours, ok := ourMethods[theirs]; ok {
		return gateway.ServedMethod{ID: ours.ID, Name: ours.Name, Theirs: theirs}
	}
	id := strings.Join(strings.FieldsFunc(strings.ToLower(strings.TrimPrefix(theirs, "pm_")), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
	if name == "" {
		name = strings.ReplaceAll(id, "-", " ")
	}
	return gateway.ServedMethod{ID: id, Name: name, Theirs: theirs}
}

// The built-in minimum: what the samples of the documentation and public wallets show, as "asset network slug". The
// rest comes with Load.
const builtInAssets = `
	BTC bitcoin mainnet     LTC litecoin mainnet    DOGE dogecoin mainnet  XRP xrp mainnet     ADA cardano mainnet
	ATOM cosmos mainnet     DOT polkadot mainnet    NEAR near mainnet      SOL solana solana   TON ton ton
	SUI sui sui             APT aptos aptos         AVAX avalanche avaxcchain                  BNB bsc bsc
	ETH ethereum ethereum   ETH base base           ETH arbitrum arbitrum  ETH optimism optimism
	USDC ethereum ethereum  USDC polygon polygon    USDT ethereum ethereum`

func builtIn() *gateway.Serving {
	card, sepa := methodOf("credit_debit_card", ""), methodOf("sepa_bank_transfer", "")
	apple, google := methodOf("apple_pay", ""), methodOf("google_pay", "")
	s := &gateway.Serving{
		Buy: gateway.Served{Fiats: []gateway.ServedFiat{
			{Currency: "EUR", Methods: []gateway.ServedMethod{card, sepa}},
			{Currency: "GBP", Methods: []gateway.ServedMethod{card}},
			{Currency: "USD", Methods: []gateway.ServedMethod{card, apple, google}},
		}},
		Sell: gateway.Served{Fiats: []gateway.ServedFiat{
			{Currency: "EUR", Methods: []gateway.ServedMethod{card, sepa}},
			{Currency: "USD", Methods: []gateway.ServedMethod{card}},
		}},
	}
	fields := strings.Fields(builtInAssets)
	for i := 0; i < len(fields); i += 3 {
		a := gateway.ServedAsset{
			Code: fields[i], Network: fields[i+1], TheirCode: fields[i], TheirNetwork: fields[i+2],
			Tag: fields[i] == "XRP", // which coins else have a tag there, the list tells
		}
		s.Buy.Assets, s.Sell.Assets = append(s.Buy.Assets, a), append(s.Sell.Assets, a)
	}
	return s.Tidy()
}
