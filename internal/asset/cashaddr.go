package asset

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// cashCharset is in the order of the characters' values, as in bech32.
	cashCharset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	// cashSumLength is the length of the checksum, in characters.
	cashSumLength = 8
)

var (
	errCash      = errors.New("expected a CashAddr: after the prefix, letters and digits other than 1, b, i and o")
	errCashCase  = errors.New("expected one letter case only, it mixes both")
	errCashSum   = fmt.Errorf("CashAddr %w", ErrChecksum)
	errCashShort = errors.New("expected more than a prefix and a checksum")
)

// bitcoinCash is the form of Bitcoin Cash: CashAddr with this prefix, which may be
// left out, or the legacy base58check that Bitcoin has too.
type bitcoinCash struct {
	legacy base58Check
	prefix string
}

func (f bitcoinCash) check(addr string) (Result, error) {
	rest := addr
	if before, after, found := strings.Cut(addr, ":"); found {
		if !strings.EqualFold(before, f.prefix) {
			return Result{}, fmt.Errorf("expected it to begin with the prefix %s", f.prefix)
		}
		rest = after
	} else if strings.IndexByte(f.legacy.leads, addr[0]) >= 0 {
		return f.legacy.check(addr) // no CashAddr in use begins so: the type byte makes it q, p, z or r
	}
	if addr != strings.ToLower(addr) && addr != strings.ToUpper(addr) {
		return Result{}, errCashCase
	}
	return Result{}, checkCashAddr(f.prefix, strings.ToLower(rest))
}

// checkCashAddr checks what follows the prefix, in lower case: five-bit groups of a
// type byte and a hash, and a checksum that covers the prefix too.
func checkCashAddr(prefix, payload string) error {
	groups := make([]byte, len(payload))
	for i := range len(payload) {
		value := strings.IndexByte(cashCharset, payload[i])
		if value < 0 {
			return errCash
		}
		groups[i] = byte(value)
	}
	if len(groups) <= cashSumLength {
		return errCashShort
	}
	if cashPolymod(prefix, groups) != 0 {
		return errCashSum
	}
	data, err := bech32Bytes(groups[:len(groups)-cashSumLength])
	if err != nil || len(data) == 0 {
		return errors.New("its padding is not right")
	}
	return checkCashHash(data[0], len(data)-1)
}

// checkCashHash wants a type byte that says what the hash is and how long. The
// chain has outputs for hashes of 20 bytes, and of 32 for scripts only; the
// encoding has room for more, which nobody could spend. Types 2 and 3 are 0 and 1
// of a wallet that can hold tokens (CHIP-2022-02).
func checkCashHash(typeByte byte, hashLength int) error {
	sizes := [8]int{20, 24, 28, 32, 40, 48, 56, 64}
	kind, size := typeByte>>3, sizes[typeByte&7]
	if kind > 3 {
		return errors.New("its address type is not known")
	}
	if hashLength != size {
		return fmt.Errorf("expected a hash of %d bytes, found %d", size, hashLength)
	}
	script := kind == 1 || kind == 3
	if size != 20 && (size != 32 || !script) {
		return fmt.Errorf("it holds a hash of %d bytes, which the network cannot pay", size)
	}
	return nil
}

// cashPolymod is the BCH code of the CashAddr specification, over the low five bits
// of the prefix, a zero and the groups. It is zero for a right checksum.
func cashPolymod(prefix string, groups []byte) uint64 {
	generator := [5]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470}
	sum := uint64(1)
	step := func(value byte) {
		high := sum >> 35
		sum = (sum&0x07ffffffff)<<5 ^ uint64(value)
		for i, g := range generator {
			if high>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for i := range len(prefix) {
		step(prefix[i] & 0x1f)
	}
	step(0)
	for _, group := range groups {
		step(group)
	}
	return sum ^ 1
}
