package stripe

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// statuses are those of a session (https://docs.stripe.com/api/crypto/onramp_sessions/object; quote_ready is in an example of
// the reference alone). One that is not here becomes processing: it never ends an order.
var statuses = map[string]checkout.OrderStatus{
	"initialized":            checkout.OrderCreated,
	"requires_payment":       checkout.OrderPending, // also after a payment that failed: the payer may try again
	"quote_ready":            checkout.OrderPending,
	"fulfillment_processing": checkout.OrderProcessing,
	"fulfillment_complete":   checkout.OrderCompleted,
	"rejected":               checkout.OrderFailed,
}

func statusOf(theirs string) checkout.OrderStatus {
	if ours, known := statuses[theirs]; known {
		return ours
	}
	return checkout.OrderProcessing
}

// fiats are all that source_currency may be.
var fiats = []string{"EUR", "USD"}

// pair is an asset on a network, in our names. Stripe's are ours in small letters, but for those in networkNames.
type pair struct{ asset, network string }

// builtIn are the pairs that Stripe lists (https://docs.stripe.com/crypto/onramp/standalone-onramp-guide), as far as the API
// has codes for them. It lists POL too, for which the reference has no code; Load takes it up where Stripe quotes it.
var builtIn = []pair{
	{"BTC", "bitcoin"},
	{"ETH", "ethereum"},
	{"ETH", "base"},
	{"USDC", "ethereum"},
	{"USDC", "base"},
	{"USDC", "polygon"},
	{"USDC", "avalanche"},
	{"USDC", "solana"},
	{"USDC", "stellar"},
	{"SOL", "solana"},
	{"AVAX", "avalanche"},
	{"XLM", "stellar"},
	{"MATIC", "polygon"},
}

// notInEU are those that the same page says are not sold in the EU.
var notInEU = []pair{
	{"ETH", "base"},
	{"MATIC", "polygon"},
	{"AVAX", "avalanche"},
	{"USDC", "solana"},
	{"USDC", "polygon"},
	{"USDC", "avalanche"},
	{"USDC", "base"},
}

func (p pair) notInEU() bool { return slices.Contains(notInEU, p) }

func (p pair) currency() string { return strings.ToLower(p.asset) }

// networkNames are networks whose names at Stripe are not ours.
var networkNames = map[string]string{"world-chain": "worldchain"}

func networkName(ours string) string {
	if theirs, other := networkNames[ours]; other {
		return theirs
	}
	return ours
}

// baseKey is what Base is called where a network is the name of a member: in wallet_addresses and in answers of quotes. The
// session object has it so, and wallet_addresses[base] is known to be refused.
const baseKey = "base_network"

func memberName(ours string) string {
	if ours == "base" {
		return baseKey
	}
	return networkName(ours)
}

// networkOf is our name of a network, or of a member named after one.
func networkOf(theirs string) string {
	for ours, other := range networkNames {
		if theirs == other {
			return ours
		}
	}
	if theirs == baseKey {
		return "base"
	}
	return theirs
}

// tagNetworks are those for which wallet_addresses[destination_tags] has a member.
var tagNetworks = []string{"stellar"}

// methods are what Stripe's page offers; the payer chooses there, and the API is told none.
var methods = []gateway.PaymentMethod{
	{ID: "debit-credit-card", Name: "Credit or debit card"},
	{ID: "apple-pay", Name: "Apple Pay"},
	{ID: "google-pay", Name: "Google Pay"},
	{ID: "ach", Name: "US bank transfer (ACH)"},
}

// methodsOf are the ids of those for the currency: a US bank pays in dollars.
func methodsOf(fiat string) []string {
	var ids []string
	for _, m := range methods {
		if m.ID != "ach" || fiat == "USD" {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// region is as much of a country as counts. Stripe's onramp serves the US, without Hawaii in part, and the EU.
type region int

const (
	regionUnknown region = iota
	regionUS
	regionEU
	regionElsewhere
)

const members = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

func regionOf(country string) region {
	switch {
	case country == "":
		return regionUnknown
	case country == "US":
		return regionUS
	case len(country) == 2 && slices.Contains(strings.Fields(members), country):
		return regionEU
	}
	return regionElsewhere
}

// stored is what Load gives: pairs in our names. An entry that a release doesn't know is left out.
type stored struct {
	Pairs [][2]string `json:"pairs"`
}

// storedPairs reads what Load gave; the built-in pairs where that is nothing.
func storedPairs(catalogue []byte) []pair {
	var s stored
	if json.Unmarshal(catalogue, &s) != nil {
		return builtIn
	}
	var pairs []pair
	for _, p := range s.Pairs {
		coin, known := asset.LookupAsset(p[0])
		if _, on := coin.OnNetwork(p[1]); known && on {
			pairs = append(pairs, pair{p[0], p[1]})
		}
	}
	if len(pairs) == 0 {
		return builtIn
	}
	return pairs
}

// makeLists makes the catalogue of each region.
func (a *account) makeLists() map[region]gateway.Catalogue {
	lists := map[region]gateway.Catalogue{}
	for _, r := range []region{regionUnknown, regionUS, regionEU} {
		c := gateway.Catalogue{Methods: methods}
		for _, code := range fiats {
			f := gateway.Fiat{Currency: code, Methods: methodsOf(code)}
			f.Narrow(a.limits)
			c.Fiats = append(c.Fiats, f)
		}
		for _, coin := range asset.Assets() {
			entry := gateway.Asset{Code: coin.Code}
			for _, on := range coin.Networks {
				p := pair{coin.Code, on.Network}
				if slices.Contains(a.pairs, p) && !(r == regionEU && p.notInEU()) {
					entry.Networks = append(entry.Networks, gateway.AssetNetwork{Network: on.Network})
				}
			}
			if len(entry.Networks) > 0 {
				c.Assets = append(c.Assets, entry)
			}
		}
		lists[r] = c
	}
	return lists
}

// List tells what Stripe sells to payers of the country's region, as far as the operator allows.
func (a *account) List(kind checkout.OrderType, country string) gateway.Catalogue {
	allowed := country == "" || a.limits.Countries == nil || slices.Contains(a.limits.Countries, country)
	if kind == checkout.Sell || !allowed {
		return gateway.Catalogue{}
	}
	return a.lists[regionOf(country)]
}
