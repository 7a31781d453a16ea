package stripe

import (
	"encoding/json"
	"strings"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// paidDetails are what of transaction_details is only compared with the order.
type paidDetails struct {
	SourceAmount        text   `json:"source_amount"`
	SourceCurrency      string `json:"source_currency"`
	DestinationCurrency string `json:"destination_currency"`
	DestinationNetwork  string `json:"destination_network"`
	WalletAddress       string `json:"wallet_address"`
	WalletAddresses     struct {
		Tags map[string]string `json:"destination_tags"`
	} `json:"wallet_addresses"`
}

// paid is what the session says was paid. Its source_amount is "the amount of fiat we intend to onramp - excluding fees"
// (https://docs.stripe.com/api/crypto/onramp_sessions/object), as is the one that we send. In the sandbox amounts are overridden,
// and tell nothing. What can't be read is not told: it must not cost the order its status.
func (a *account) paid(s *session) checkout.Paid {
	var d paidDetails
	if json.Unmarshal(s.Details, &d) != nil {
		return checkout.Paid{}
	}
	p := named(d.DestinationCurrency, d.DestinationNetwork)
	if currency, known := money.LookupCurrency(d.SourceCurrency); known {
		p.FiatCurrency = currency.Code
	}
	if sum, err := amount(d.SourceAmount); err == nil && a.live && p.FiatCurrency != "" {
		p.FiatAmount = sum
	}
	if legible(d.WalletAddress) {
		p.WalletAddress = d.WalletAddress
	}
	if tag := d.WalletAddresses.Tags[memberName(p.Network)]; p.WalletAddress != "" && legible(tag) {
		p.WalletTag = tag
	}
	return p
}

// named has our names of the asset and the network, where they are ours. Polygon's own coin has two: what is ordered as the one
// may be told as the other.
func named(currency, network string) checkout.Paid {
	var p checkout.Paid
	if on, known := asset.LookupNetwork(networkOf(network)); known {
		p.Network = on.ID
	}
	coin, _ := asset.LookupAsset(strings.ToUpper(currency))
	if _, on := coin.OnNetwork(p.Network); on && coin.Code != "MATIC" && coin.Code != "POL" {
		p.CryptoCurrency = coin.Code
	}
	return p
}
