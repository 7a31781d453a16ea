package app

import (
	"context"
	"errors"

	"rsc.io/qr"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
)

// maxAlike bounds how many other networks are named for an address that is not of its own.
const maxAlike = 3

// CheckAddress is a payer's question about the wallet address that they are typing.
type CheckAddress struct {
	CheckoutQuery
	Network *string
	Address *string
	Tag     *string // the memo or destination tag beside it; nil: none yet
}

// AddressProblem says what is wrong with an address.
type AddressProblem string

// What can be wrong: it has not the form of its network, or it has, and a character is wrong.
const (
	AddressForm     AddressProblem = "form"
	AddressChecksum AddressProblem = "checksum"
)

// CheckedAddress is what there is to say about an address.
type CheckedAddress struct {
	Network     string
	NetworkName string // empty: the catalogue doesn't know the network
	Checked     bool   // the network's form is known
	Valid       bool   // an order would take it
	Problem     AddressProblem
	Suggestion  string   // the address with its EIP-55 checksum, where that is wrong
	LooksLike   []string // names of other networks whose form it has
	QR          *qr.Code // of a valid address; nil: none

	TagName    string // what people call the tag beside an address of the network; empty: there is none, or nobody knows
	AddressTag string // the tag that the address has inside; empty: none
	TagValid   *bool  // an order would take the tag; nil: none was asked about
}

// CheckAddress tells what an order would say of the address (contract §2.3), and what helps the payer to compare it.
func (a *App) CheckAddress(ctx context.Context, call *checkout.Call, id checkout.SessionID, in *CheckAddress) (*CheckedAddress, error) {
	if _, err := a.openPage(ctx, call, id, &in.CheckoutQuery); err != nil {
		return nil, err
	}
	s, err := a.DB.Session(ctx, call.Project.ID, id)
	if _, err = found("session", s, err); err != nil {
		return nil, err
	}
	network, address, err := checkout.WalletQuestion(&in.Problems, in.Network, in.Address, in.Tag)
	if err != nil {
		return nil, err
	}
	out := &CheckedAddress{Network: network, Valid: true}
	known, ok := asset.LookupNetwork(network)
	if ok {
		out.NetworkName, out.TagName, out.Checked = known.Name, known.TagName(), true
		out.judge(known, address, call.Project.StrictAddress)
	}
	_, out.AddressTag = asset.SplitTag(network, address)
	if in.Tag != nil {
		valid := checkout.TagFits(network, address, *in.Tag)
		out.TagValid = &valid
	}
	if out.Valid {
		if out.QR, err = qr.Encode(address, qr.M); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *CheckedAddress) judge(network asset.Network, address string, strict bool) {
	result, err := network.CheckAddress(address)
	switch {
	case err == nil && result.ChecksumMismatch:
		c.Problem, c.Suggestion, c.Valid = AddressChecksum, asset.ChecksumEVM(address), !strict
		return
	case err == nil:
		return
	case errors.Is(err, asset.ErrChecksum):
		c.Problem = AddressChecksum
	default:
		c.Problem = AddressForm
	}
	c.Valid = false
	for _, other := range network.Alike(address) {
		if len(c.LooksLike) < maxAlike {
			c.LooksLike = append(c.LooksLike, other.Name)
		}
	}
}
