package asset

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"golang.org/x/crypto/blake2b"
)

var (
	errBase58    = errors.New("expected base58: letters and digits other than 0, O, I and l")
	errBase58Sum = fmt.Errorf("base58 %w", ErrChecksum)
)

// bitcoinAlphabet is the usual base58 alphabet; rippleAlphabet is that of the XRP
// Ledger, the same characters with other values.
const (
	bitcoinAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	rippleAlphabet  = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
)

// decodeBase58 decodes the usual alphabet. Every byte string has one spelling only.
func decodeBase58(s string) ([]byte, error) {
	decoded := base58.Decode(s)
	if len(decoded) == 0 { // how the library says: not base58
		return nil, errBase58
	}
	return decoded, nil
}

// decodeBase58Check decodes base58 that ends in the first four bytes of the double
// SHA-256 of the rest, and returns that rest, version bytes included.
func decodeBase58Check(s string) ([]byte, error) {
	decoded, err := decodeBase58(s)
	if err != nil {
		return nil, err
	}
	if len(decoded) < 4 {
		return nil, errBase58Sum
	}
	body, sum := decoded[:len(decoded)-4], decoded[len(decoded)-4:]
	once := sha256.Sum256(body)
	twice := sha256.Sum256(once[:])
	if !bytes.Equal(twice[:4], sum) {
		return nil, errBase58Sum
	}
	return body, nil
}

// base58Check is the form of chains whose only addresses are base58check: one of
// some version prefixes, then so many bytes of hash. versions holds the prefixes
// one after another, each versionLength bytes; a string, so that forms can be compared.
type base58Check struct {
	versions      string
	versionLength int
	hashLength    int
	leads         string // the characters that such addresses begin with
	begins        string // the same for people
}

func (f base58Check) check(addr string) (Result, error) {
	if strings.IndexByte(f.leads, addr[0]) < 0 {
		return Result{}, fmt.Errorf("expected it to begin with %s", f.begins)
	}
	body, err := decodeBase58Check(addr)
	if err != nil {
		return Result{}, err
	}
	if !f.hasVersion(body) {
		return Result{}, fmt.Errorf("expected it to begin with %s", f.begins)
	}
	if found := len(body) - f.versionLength; found != f.hashLength {
		return Result{}, fmt.Errorf("expected a hash of %d bytes, found %d", f.hashLength, found)
	}
	return Result{}, nil
}

func (f base58Check) hasVersion(body []byte) bool {
	for i := 0; i < len(f.versions); i += f.versionLength {
		if bytes.HasPrefix(body, []byte(f.versions[i:i+f.versionLength])) {
			return true
		}
	}
	return false
}

// solana is the form of Solana: an Ed25519 public key of 32 bytes in plain base58.
// There is no checksum. Points off the curve are taken, as program-derived
// addresses are lawful receivers.
type solana struct{}

func (solana) check(addr string) (Result, error) {
	decoded, err := decodeBase58(addr)
	if err != nil {
		return Result{}, err
	}
	if len(decoded) != 32 {
		return Result{}, fmt.Errorf("expected base58 of 32 bytes, found %d", len(decoded))
	}
	return Result{}, nil
}

var errXRPTag = errors.New("its destination tag is malformed")

// xrp is the form of the XRP Ledger: classic addresses (r…) and X-addresses (X…,
// XLS-5), which hold a destination tag besides the account.
type xrp struct{}

func (xrp) check(addr string) (Result, error) {
	translated, err := rippleToBitcoin(addr)
	if err != nil {
		return Result{}, err
	}
	body, err := decodeBase58Check(translated)
	if err != nil {
		return Result{}, err
	}
	switch {
	case len(body) == 21 && body[0] == 0x00:
		return Result{}, nil
	case len(body) == 31 && body[0] == 0x05 && body[1] == 0x44:
		return Result{}, checkXRPTag(body[22], body[23:])
	case len(body) == 31 && body[0] == 0x04 && body[1] == 0x93:
		return Result{}, errors.New("it is for the test network, expected it to begin with r or X")
	}
	return Result{}, errors.New("expected it to begin with r or X")
}

// checkXRPTag checks the flag (0: no tag, 1: a 32-bit tag) and the eight bytes of
// the tag, little-endian. Bytes that the flag leaves unused must be zero.
func checkXRPTag(flag byte, tag []byte) error {
	unused := tag
	if flag == 1 {
		unused = tag[4:]
	}
	if flag > 1 || len(bytes.Trim(unused, "\x00")) != 0 {
		return errXRPTag
	}
	return nil
}

func rippleToBitcoin(s string) (string, error) {
	translated := make([]byte, len(s))
	for i := range len(s) {
		value := strings.IndexByte(rippleAlphabet, s[i])
		if value < 0 {
			return "", errBase58
		}
		translated[i] = bitcoinAlphabet[value]
	}
	return string(translated), nil
}

// ss58 is the form of Polkadot and its kin: base58 of a network prefix, a key of
// 32 bytes and the first two bytes of a BLAKE2b-512 hash.
type ss58 struct {
	prefix byte
	begins string
}

func (f ss58) check(addr string) (Result, error) {
	decoded, err := decodeBase58(addr)
	if err != nil {
		return Result{}, err
	}
	if len(decoded) != 1+32+2 {
		return Result{}, fmt.Errorf("expected base58 of 35 bytes, found %d", len(decoded))
	}
	sum := blake2b.Sum512(append([]byte("SS58PRE"), decoded[:33]...))
	if !bytes.Equal(sum[:2], decoded[33:]) {
		return Result{}, errBase58Sum
	}
	if decoded[0] != f.prefix {
		return Result{}, fmt.Errorf("it is for another network, expected it to begin with %s", f.begins)
	}
	return Result{}, nil
}
