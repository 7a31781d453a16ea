package checkout

import "github.com/sliproad/sliproad/internal/asset"

// chooseWallet is the wallet that a request of the payer leaves the session with: its address and the memo or tag that belongs
// to it, either of which may be nil. The lock of the address holds both together; another address has another tag, or none.
func (s *Session) chooseWallet(p *Problems, addressField string, address *string, tagField string, tag *string) (wallet, walletTag string) {
	wallet, walletTag = s.DestinationAddress, s.DestinationTag
	locked := s.FieldLocks[LockDestinationAddress].Locked
	if address != nil {
		s.checkText(p, LockDestinationAddress, addressField, *address)
		if !locked {
			if !asset.SameAddress(wallet, *address) {
				walletTag = ""
			}
			wallet = *address
		}
	}
	switch {
	case tag == nil || *tag == walletTag:
	case locked && walletTag == "":
		p.Add(tagField, "must not be given: the session locks the address, without a tag")
	case locked:
		p.Add(tagField, "is locked to "+walletTag+" by the session")
	case wallet == "":
		p.Add(tagField, "belongs to "+addressField+", which is not given")
	default:
		walletTag = *tag
	}
	return wallet, walletTag
}

// checkTag holds a memo or tag to the form of its network, and to the address where that has one inside.
func checkTag(p *Problems, field, network, address, tag string) {
	if tag == "" || network == "" || p.Has(field) {
		return
	}
	if _, inside := asset.SplitTag(network, address); inside != "" && inside != tag {
		p.Add(field, "is not the destination tag inside the address, which is "+inside)
		return
	}
	check := asset.CheckTag
	if known, ok := asset.LookupNetwork(network); ok {
		check = known.CheckTag
	}
	p.AddError(field, check(tag))
}

// TagFits tells whether an order would take the memo or tag beside the address.
func TagFits(network, address, tag string) bool {
	var p Problems
	checkTag(&p, "tag", network, address, tag)
	return p.Err() == nil
}

// ForGateway is the order as its gateway is told of it: a tag that is inside the address stands beside it.
func (o *Order) ForGateway() *Order {
	address, tag := asset.SplitTag(o.Network, o.WalletAddress)
	if address == o.WalletAddress {
		return o
	}
	told := *o
	told.WalletAddress = address
	if tag != "" {
		told.WalletTag = tag
	}
	return &told
}
