package asset

import (
	"bytes"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"errors"
)

var (
	errStellar      = errors.New("expected an account (G and 55 more characters) or a muxed account (M and 68 more) of A to Z and 2 to 7")
	base32NoPadding = base32.StdEncoding.WithPadding(base32.NoPadding)
)

// decodeBase32 decodes base32 without padding and refuses any other spelling of the
// same bytes: unused bits that are set, line breaks, lower case.
func decodeBase32(s string) ([]byte, bool) {
	decoded, err := base32NoPadding.DecodeString(s)
	if err != nil || base32NoPadding.EncodeToString(decoded) != s {
		return nil, false
	}
	return decoded, true
}

// stellar is the form of Stellar (SEP-23): an Ed25519 account, or one with a number
// of a customer in it. Contracts, seeds and other strkeys can't take a payment.
type stellar struct{}

func (stellar) check(addr string) (Result, error) {
	decoded, ok := decodeBase32(addr)
	if !ok || len(decoded) < 3 {
		return Result{}, errStellar
	}
	const account, muxed = 6 << 3, 12 << 3
	body := decoded[:len(decoded)-2]
	isAccount := body[0] == account && len(body) == 1+32
	isMuxed := body[0] == muxed && len(body) == 1+32+8
	if !isAccount && !isMuxed {
		return Result{}, errStellar
	}
	if binary.LittleEndian.Uint16(decoded[len(body):]) != crc16(body) {
		return Result{}, errCRC16
	}
	return Result{}, nil
}

// algorand is the form of Algorand: base32 of a key of 32 bytes and the last four
// bytes of its SHA-512/256.
type algorand struct{}

func (algorand) check(addr string) (Result, error) {
	decoded, ok := decodeBase32(addr)
	if !ok || len(decoded) != 32+4 {
		return Result{}, errors.New("expected 58 characters of A to Z and 2 to 7")
	}
	sum := sha512.Sum512_256(decoded[:32])
	if !bytes.Equal(sum[28:], decoded[32:]) {
		return Result{}, ErrChecksum
	}
	return Result{}, nil
}
