package asset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

var (
	errBech32        = errors.New("expected bech32: after the prefix and 1, letters and digits other than 1, b, i and o")
	errBech32Case    = errors.New("expected one letter case only, it mixes both")
	errBech32Sum     = fmt.Errorf("bech32 %w", ErrChecksum)
	errBech32Long    = errors.New("expected at most 90 characters")
	errBech32Empty   = errors.New("expected more than a prefix and a checksum")
	errBech32Padding = errors.New("its bech32 padding is not right")
)

// decodeBech32 decodes bech32 or bech32m of any length up to the package's limit.
// Its prefix must be the wanted one. The data comes back in groups of five bits.
func decodeBech32(addr, want string) ([]byte, bech32.Version, error) {
	prefix, groups, version, err := bech32.DecodeNoLimitWithVersion(addr)
	// The library's own texts repeat parts of the address and the right checksum.
	switch {
	case err == nil && prefix != want: // it holds a further 1, the last of which ends it
		err = fmt.Errorf("expected no further 1 after %s1", want)
	case err == nil && len(groups) == 0:
		err = errBech32Empty
	case err == nil:
		return groups, version, nil
	case errors.As(err, new(bech32.ErrMixedCase)):
		err = errBech32Case
	case errors.As(err, new(bech32.ErrInvalidChecksum)):
		err = errBech32Sum
	default:
		err = errBech32
	}
	return nil, bech32.VersionUnknown, err
}

func bech32Bytes(groups []byte) ([]byte, error) {
	data, err := bech32.ConvertBits(groups, 5, 8, false)
	if err != nil {
		return nil, errBech32Padding
	}
	return data, nil
}

// hasBech32Prefix tells whether addr is meant to be bech32 with this prefix.
func hasBech32Prefix(addr, prefix string) bool {
	return len(addr) > len(prefix) &&
		strings.EqualFold(addr[:len(prefix)], prefix) && addr[len(prefix)] == '1'
}

// bitcoin is the form of Bitcoin and Litecoin: base58check, or a segregated
// witness address with this bech32 prefix (BIP-173, BIP-350).
type bitcoin struct {
	legacy base58Check
	prefix string
}

func (f bitcoin) check(addr string) (Result, error) {
	if hasBech32Prefix(addr, f.prefix) {
		return Result{}, checkSegwit(addr, f.prefix)
	}
	return f.legacy.check(addr)
}

// checkSegwit follows BIP-350: version 0 is bech32 with 20 or 32 bytes, versions 1
// to 16 are bech32m with 2 to 40 bytes.
func checkSegwit(addr, want string) error {
	if len(addr) > 90 { // BIP-173
		return errBech32Long
	}
	groups, encoding, err := decodeBech32(addr, want)
	if err != nil {
		return err
	}
	version := groups[0]
	if version > 16 {
		return errors.New("its witness version is above 16")
	}
	if version == 0 && encoding != bech32.Version0 {
		return errors.New("expected a bech32 checksum for witness version 0, it has bech32m")
	}
	if version > 0 && encoding != bech32.VersionM {
		return fmt.Errorf("expected a bech32m checksum for witness version %d, it has bech32", version)
	}
	program, err := bech32Bytes(groups[1:])
	if err != nil {
		return err
	}
	if version == 0 && len(program) != 20 && len(program) != 32 {
		return fmt.Errorf("expected a witness program of 20 or 32 bytes, found %d", len(program))
	}
	if len(program) < 2 || len(program) > 40 {
		return fmt.Errorf("expected a witness program of 2 to 40 bytes, found %d", len(program))
	}
	return nil
}

// cosmos is the form of the Cosmos SDK chains: bech32 of 20 bytes (a key) or 32
// (a contract or module account, ADR-28), with the chain's own prefix.
type cosmos struct {
	prefix string
}

func (f cosmos) check(addr string) (Result, error) {
	if !hasBech32Prefix(addr, f.prefix) {
		return Result{}, fmt.Errorf("expected it to begin with %s1", f.prefix)
	}
	groups, encoding, err := decodeBech32(addr, f.prefix)
	if err != nil {
		return Result{}, err
	}
	if encoding != bech32.Version0 {
		return Result{}, errBech32Sum
	}
	account, err := bech32Bytes(groups)
	if err != nil {
		return Result{}, err
	}
	if len(account) != 20 && len(account) != 32 {
		return Result{}, fmt.Errorf("expected 20 or 32 bytes after %s1, found %d", f.prefix, len(account))
	}
	return Result{}, nil
}
