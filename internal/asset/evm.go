package asset

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/sha3"
)

const evmDigits = 40

// evm is the form of Ethereum and the chains like it: 0x and 40 hexadecimal
// digits, whose letter case may be a checksum (EIP-55).
type evm struct{}

func (evm) check(addr string) (Result, error) {
	if err := checkHexAddress(addr, evmDigits); err != nil {
		return Result{}, err
	}
	digits := addr[2:]
	if digits == strings.ToLower(digits) || digits == strings.ToUpper(digits) {
		return Result{}, nil // one case only: it carries no checksum
	}
	return Result{ChecksumMismatch: ChecksumEVM(addr) != addr}, nil
}

// ChecksumEVM returns the EIP-55 form of an EVM address: the letter case of each
// digit says whether the matching digit of the Keccak-256 hash of the lower-case
// digits is 8 or more. What isn't 0x and 40 hexadecimal digits comes back unchanged.
func ChecksumEVM(addr string) string {
	if len(addr) != 2+evmDigits || addr[:2] != "0x" || !isHex(addr[2:]) {
		return addr
	}
	digits := []byte(strings.ToLower(addr[2:]))
	hash := sha3.NewLegacyKeccak256()
	hash.Write(digits)
	sum := hash.Sum(nil)
	for i, c := range digits {
		nibble := sum[i/2] >> 4
		if i%2 == 1 {
			nibble = sum[i/2] & 0x0f
		}
		if c >= 'a' && nibble >= 8 {
			digits[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

// move is the form of Sui and Aptos: 0x and 64 hexadecimal digits, no checksum.
// Both allow shorter spellings by dropping zeros; those are refused, because they
// can't be told from an address with lost digits (Aptos AIP-40 says the same).
type move struct{}

func (move) check(addr string) (Result, error) {
	return Result{}, checkHexAddress(addr, 64)
}

// checkHexAddress wants 0x and so many hexadecimal digits, not all of them zero:
// the zero address is what an unset variable prints as, and funds sent there are lost.
func checkHexAddress(addr string, digits int) error {
	switch {
	case strings.HasPrefix(addr, "0X"):
		return errors.New("expected a lower-case 0x at the beginning")
	case !strings.HasPrefix(addr, "0x"):
		return errors.New("expected it to begin with 0x")
	case len(addr) != 2+digits || !isHex(addr[2:]):
		return fmt.Errorf("expected 0x and %d hexadecimal digits", digits)
	case strings.Trim(addr[2:], "0") == "":
		return errors.New("it is the zero address, which belongs to nobody")
	}
	return nil
}

// isHex tells whether s is hexadecimal digits only, in either case.
func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
