// Package asset is the catalogue of crypto assets and networks, and the check
// of wallet addresses against the rules of their network (contract §2.3).
//
// It is not a list of what a gateway sells (each gateway knows that itself), it
// doesn't ask a chain whether an address exists or belongs to anyone, and it
// never rewrites an address.
//
// Invariant: every network in the catalogue has an address form that is really
// checked, checksum included where the form has one, and every asset names only
// networks of the catalogue, exactly one of them as its default.
package asset

// Asset is one crypto currency or token.
type Asset struct {
	// Code is the upper-case ticker, such as USDC.
	Code string
	// Name is the name shown to people.
	Name string
	// Networks are the networks it lives on, the default first. Shared: not to be changed.
	Networks []Listing
}

// Listing is one asset on one network.
type Listing struct {
	// Network is the id of a network of the catalogue.
	Network string
	// Decimals is the number of decimal places the asset has on this network.
	Decimals int
	// Default marks the one network meant when none is named.
	Default bool
}

// LookupAsset finds an asset by its upper-case code.
func LookupAsset(code string) (Asset, bool) {
	asset, ok := assetByCode[code]
	return asset, ok
}

// Assets returns the whole catalogue in its display order.
func Assets() []Asset {
	return append([]Asset(nil), assets...)
}

// OnNetwork finds the asset on the network with this lower-case id.
func (a Asset) OnNetwork(id string) (Listing, bool) {
	for _, on := range a.Networks {
		if on.Network == id {
			return on, true
		}
	}
	return Listing{}, false
}

// DefaultNetwork is the id of the network meant when none is named; empty only
// for the zero Asset.
func (a Asset) DefaultNetwork() string {
	for _, on := range a.Networks {
		if on.Default {
			return on.Network
		}
	}
	return ""
}
