package asset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxAddressLength is in bytes (contract §2.1). It also bounds the work of a
// check: decoding base58 takes time quadratic in the length.
const maxAddressLength = 255

// Network is one chain that assets live on.
type Network struct {
	// ID is the lower-case id used on the wire, such as ethereum.
	ID string
	// Name is the name shown to people.
	Name string
	// Testnet marks a network whose coins have no value; no asset lists one.
	Testnet bool

	form form
}

// ErrChecksum is within the error about an address that has its network's form, but a character of which must be wrong.
var ErrChecksum = errors.New("checksum does not match")

// Result is what there is to say about an address that was accepted.
type Result struct {
	// ChecksumMismatch: a mixed-case EVM address whose letter case is not its
	// EIP-55 checksum. Whether to take it is the caller's decision (contract §2.3).
	ChecksumMismatch bool
}

// form is the address rule of a family of networks. The error says only what is
// wrong; it repeats nothing of the address, which may be a secret pasted by mistake.
type form interface {
	check(addr string) (Result, error)
}

// LookupNetwork finds a network by its id, already folded to lower case.
func LookupNetwork(id string) (Network, bool) {
	network, ok := networkByID[id]
	return network, ok
}

// Networks returns the whole catalogue in its display order.
func Networks() []Network {
	return append([]Network(nil), networks...)
}

// CheckAddress checks an address against the form of the network, with real
// checksums where the form has one (contract §2.3). The error is written for API
// users and is to follow the name of the member. Surrounding space is not forgiven.
func (n Network) CheckAddress(addr string) (Result, error) {
	if n.form == nil {
		return Result{}, errors.New("is for a network that is not known")
	}
	result, err := n.check(addr)
	if err != nil {
		return Result{}, fmt.Errorf("is not a valid %s address: %w", n.Name, err)
	}
	return result, nil
}

func (n Network) check(addr string) (Result, error) {
	switch {
	case addr == "":
		return Result{}, errors.New("it is empty")
	case len(addr) > maxAddressLength:
		return Result{}, fmt.Errorf("it is longer than %d characters", maxAddressLength)
	case strings.TrimSpace(addr) != addr:
		return Result{}, errors.New("it begins or ends with white space")
	}
	return n.form.check(addr)
}

// Alike lists the other networks whose form the address has, one for each form, so that a payer who mixed up networks can
// be told which. Forms that nearly any word has say nothing, and are left out.
func (n Network) Alike(addr string) []Network {
	var alike []Network
	for _, other := range networks {
		if _, loose := other.form.(near); loose || other.Testnet || other.form == n.form {
			continue
		}
		if slices.ContainsFunc(alike, func(a Network) bool { return a.form == other.form }) {
			continue
		}
		if _, err := other.check(addr); err == nil {
			alike = append(alike, other)
		}
	}
	return alike
}

// SameAddress tells whether two addresses are the same (contract §2.2): those
// beginning 0x are compared without letter case, others exactly.
func SameAddress(a, b string) bool {
	if !strings.HasPrefix(a, "0x") || !strings.HasPrefix(b, "0x") {
		return a == b
	}
	// Not EqualFold: its Unicode folding takes the Kelvin sign for a k.
	return lowerASCII(a) == lowerASCII(b)
}

// SameWallet tells whether two valid addresses on the network are the same wallet, in whatever form each is written. It is for
// comparing what a gateway writes with what was ordered. Of two addresses that differ in letter case alone, at most one has a right
// checksum; where there is none, letter case counts.
func SameWallet(network, a, b string) bool {
	switch network {
	case "ton":
		return rawTON(a) == rawTON(b)
	case "solana":
		return a == b
	}
	return lowerASCII(withoutScheme(a)) == lowerASCII(withoutScheme(b))
}

// withoutScheme is the address without what some write before it, as in bitcoincash:q….
func withoutScheme(address string) string {
	if _, after, ok := strings.Cut(address, ":"); ok {
		return after
	}
	return address
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
