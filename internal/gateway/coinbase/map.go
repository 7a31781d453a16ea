package coinbase

import (
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// statuses are those of transactions (openapi.yaml of coinbase/cdp-sdk: OnrampTransactionPayload, OnrampOrderPayload and
// OfframpTransactionPayload). One that is not here becomes processing: it never ends an order.
var statuses = map[string]checkout.OrderStatus{
	"ONRAMP_TRANSACTION_STATUS_CREATED":          checkout.OrderPending,
	"ONRAMP_TRANSACTION_STATUS_AWAITING_AUTH":    checkout.OrderPending,
	"ONRAMP_TRANSACTION_STATUS_AWAITING_PAYMENT": checkout.OrderPending,
	"ONRAMP_TRANSACTION_STATUS_IN_PROGRESS":      checkout.OrderProcessing,
	"ONRAMP_TRANSACTION_STATUS_SUCCESS":          checkout.OrderCompleted,
	"ONRAMP_TRANSACTION_STATUS_FAILED":           checkout.OrderFailed,

	"ONRAMP_ORDER_STATUS_PENDING_AUTH":         checkout.OrderPending,
	"ONRAMP_ORDER_STATUS_PENDING_VERIFICATION": checkout.OrderPending,
	"ONRAMP_ORDER_STATUS_PENDING_PAYMENT":      checkout.OrderPending,
	"ONRAMP_ORDER_STATUS_PROCESSING":           checkout.OrderProcessing,
	"ONRAMP_ORDER_STATUS_COMPLETED":            checkout.OrderCompleted,
	"ONRAMP_ORDER_STATUS_FAILED":               checkout.OrderFailed,

	"TRANSACTION_STATUS_CREATED": checkout.OrderPending,
	"TRANSACTION_STATUS_STARTED": checkout.OrderProcessing,
	"TRANSACTION_STATUS_SUCCESS": checkout.OrderCompleted,
	"TRANSACTION_STATUS_FAILED":  checkout.OrderFailed,
	"TRANSACTION_STATUS_EXPIRED": checkout.OrderExpired,
}

func statusOf(theirs string) checkout.OrderStatus {
	if ours, known := statuses[theirs]; known {
		return ours
	}
	return checkout.OrderProcessing
}

// networkNames are networks whose names at Coinbase are not ours. A stored answer of the Buy Options API has avacchain,
// bitcoincash and ripple; older lists have avalanche-c-chain.
var networkNames = map[string]string{
	"avacchain": "avalanche", "avalanche-c-chain": "avalanche", "bitcoincash": "bitcoin-cash", "ripple": "xrp",
	"bnb-chain": "bsc", "worldchain": "world-chain",
}

// networkOf is our name of a network; empty where the catalogue doesn't have it. The documentation's examples have names such
// as ethereum-mainnet.
func networkOf(theirs string) string {
	name := strings.TrimSuffix(strings.ToLower(theirs), "-mainnet")
	if ours, other := networkNames[name]; other {
		return ours
	}
	if _, known := asset.LookupNetwork(name); known {
		return name
	}
	return ""
}

// assetNames are tickers that are not ours.
var assetNames = map[string]string{"CGLD": "CELO"}

// memoNetworks are those on which a deposit to an exchange may need a memo. The offramp's transactions have no member for
// one (https://docs.cdp.coinbase.com/onramp/offramp/transaction-status.md), so that crypto could be lost on them.
var memoNetworks = []string{"xrp", "stellar", "ton", "cosmos", "osmosis", "noble", "celestia", "injective"}

// awaiting are the statuses of a sale that waits for the crypto, as long as there is no hash: CREATED by its name, STARTED as
// live sales have it (Coinbase's coinbase/onramp-v2-mobile-demo sends to the address that it finds then).
var awaiting = []string{"TRANSACTION_STATUS_CREATED", "TRANSACTION_STATUS_STARTED"}

// changing are the networks on which a wallet sends from another address each time: "Bitcoin-based assets don't validate
// from_address" (https://docs.cdp.coinbase.com/onramp/offramp/offramp-integration-guide.md).
var changing = []string{"bitcoin", "bitcoin-cash", "litecoin", "dogecoin", "cardano"}

// manyForms are the networks on which one account has addresses that look different, and no page says which Coinbase tells.
var manyForms = []string{"bitcoin-cash", "xrp", "ton", "stellar", "aptos", "sui", "injective"}

// method is a way to pay, or to be paid. The first of the names is the one to ask with.
type method struct {
	gateway.PaymentMethod
	theirs []string
}

// methods are those of the Buy and Sell Quote APIs (https://docs.cdp.coinbase.com/onramp/reference.md). The payer's own crypto
// (CRYPTO_ACCOUNT) is none: nothing is bought with it.
var methods = []method{
	{gateway.PaymentMethod{ID: "debit-credit-card", Name: "Credit or debit card"}, []string{"CARD", "GUEST_CHECKOUT_CARD"}},
	{gateway.PaymentMethod{ID: "apple-pay", Name: "Apple Pay"}, []string{"APPLE_PAY", "GUEST_CHECKOUT_APPLE_PAY"}},
	{gateway.PaymentMethod{ID: "google-pay", Name: "Google Pay"}, []string{"GUEST_CHECKOUT_GOOGLE_PAY", "GOOGLE_PAY"}},
	{gateway.PaymentMethod{ID: "ach", Name: "US bank transfer (ACH)"}, []string{"ACH_BANK_ACCOUNT", "ACH"}},
	{gateway.PaymentMethod{ID: "rtp", Name: "US instant bank transfer (RTP)"}, []string{"RTP"}},
	{gateway.PaymentMethod{ID: "paypal", Name: "PayPal"}, []string{"PAYPAL"}},
	{gateway.PaymentMethod{ID: "coinbase-balance", Name: "Balance at Coinbase"}, []string{"FIAT_WALLET"}},
}

func methodByID(id string) (method, bool) {
	i := slices.IndexFunc(methods, func(m method) bool { return m.ID == id })
	if i < 0 {
		return method{}, false
	}
	return methods[i], true
}

// builtIn is what is offered before Coinbase's own lists are loaded: what the documentation names, and a stored answer of the
// Buy Options API confirms. Avalanche waits for the lists, as its name differs between them.
var builtIn = published{
	Buy: publishedSide{
		Assets: builtInAssets,
		Fiats: []publishedFiat{
			{"USD", limitsOf("CARD", "ACH_BANK_ACCOUNT", "FIAT_WALLET")},
			{"EUR", limitsOf("CARD", "FIAT_WALLET")},
			{"GBP", limitsOf("CARD", "FIAT_WALLET")},
			{"CAD", limitsOf("CARD", "FIAT_WALLET")},
		},
	},
	Sell: publishedSide{
		Assets: builtInAssets,
		Fiats: []publishedFiat{
			{"USD", limitsOf("ACH_BANK_ACCOUNT", "FIAT_WALLET")},
			{"EUR", limitsOf("FIAT_WALLET")},
			{"GBP", limitsOf("FIAT_WALLET")},
			{"CAD", limitsOf("FIAT_WALLET")},
		},
	},
}

var builtInAssets = []publishedAsset{
	{"BTC", []string{"bitcoin"}},
	{"ETH", []string{"ethereum", "base", "arbitrum", "optimism"}},
	{"USDC", []string{"ethereum", "base", "polygon", "arbitrum", "optimism", "solana"}},
	{"SOL", []string{"solana"}},
}

// sellFiats are the currencies in which the offramp's page takes an amount (presetFiatAmount in
// https://docs.cdp.coinbase.com/onramp/offramp/generating-offramp-url). In others the payer would choose one.
var sellFiats = []string{"USD", "EUR", "GBP", "CAD"}

// notServed are countries where Coinbase says it has no onramp (https://docs.cdp.coinbase.com/onramp/additional-resources/faq).
var notServed = []string{"JP"}

func limitsOf(names ...string) []publishedLimit {
	limits := make([]publishedLimit, len(names))
	for i, name := range names {
		limits[i].Method = name
	}
	return limits
}
