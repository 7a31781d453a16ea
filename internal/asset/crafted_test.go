package asset_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"
)

// The addresses of this file are made here, with right checksums over contents that
// the networks don't have: a check that stops at the checksum would accept them.

// byron wraps a payload as a Byron address does.
func byron(payload []byte, after ...byte) string {
	outer := []byte{0x82, 0xd8, 0x18, 0x58, byte(len(payload))}
	outer = append(outer, payload...)
	outer = append(outer, 0x1a)
	outer = binary.BigEndian.AppendUint32(outer, crc32.ChecksumIEEE(payload))
	return base58.Encode(append(outer, after...))
}

func TestByronContents(t *testing.T) {
	t.Parallel()
	root := append([]byte{0x58, 28}, make([]byte, 28)...)
	payload := func(rest ...byte) []byte { return slices.Concat([]byte{0x83}, root, rest) }
	const malformed = "Byron address in base58"
	checkVectors(t, join(
		valid("cardano",
			byron(payload(0xa0, 0x00)),                         // no attributes
			byron(payload(0xa0, 0x02)),                         // a redeem address
			byron(payload(0xa1, 0x01, 0x42, 0x41, 0x00, 0x00)), // a derivation path
		),
		broken("cardano", "test network", byron(payload(0xa1, 0x02, 0x45, 0x1a, 0x41, 0x70, 0xcb, 0x17, 0x00))),
		broken("cardano", malformed,
			byron(payload(0xa0, 0x03)),                   // no such type
			byron(payload(0xa0, 0x00, 0x00)),             // something after the type
			byron(payload(0xa0, 0x00), 0x00),             // something after the checksum
			byron(payload(0xa0)),                         // no type
			byron(payload(0xa2, 0x01, 0x40, 0x00)),       // fewer attributes than announced
			byron(payload(0xa1, 0x01, 0x5b, 0xff, 0x00)), // bytes that end too soon
			byron(payload(0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00)),
			byron(payload(0xbf, 0xff, 0x00)), // indefinite length
			byron(payload(0xa0, 0x18, 0x00)), // not the shortest spelling
			byron(payload(0xb8, 0x00, 0x00)),
			byron(payload(0xa0, 0x19, 0x00, 0x01)),
			byron(slices.Concat([]byte{0x83, 0x58, 27}, make([]byte, 27), []byte{0xa0, 0x00})),
			byron([]byte{}), byron([]byte{0x83}),
		),
	))
}

func TestShelleyContents(t *testing.T) {
	t.Parallel()
	data := append([]byte{0x61}, make([]byte, 28)...)
	checkVectors(t, join(
		valid("cardano", encode32("addr", data)),
		broken("cardano", "bech32 checksum", encode32m("addr", data)),
		broken("cardano", "padding", encodeGroups("addr", 12, 3, 0, 0, 1), encodeGroups("addr", 0)),
	))
}

func encodeGroups(prefix string, groups ...byte) string {
	encoded, err := bech32.Encode(prefix, groups)
	if err != nil {
		panic(err)
	}
	return encoded
}

func TestCosmosPadding(t *testing.T) {
	t.Parallel()
	checkVectors(t, broken("cosmos", "padding", encodeGroups("cosmos", 0), encodeGroups("cosmos", 1, 1)))
}

// userFriendly is the address form of TEP-2 over any tag and workchain.
func userFriendly(tag, workchain byte) string {
	body := append([]byte{tag, workchain}, make([]byte, 32)...)
	// CRC-16/XMODEM as polynomial division, a bit at a time.
	sum := uint32(0)
	for _, b := range append(slices.Clone(body), 0, 0) {
		for bit := 7; bit >= 0; bit-- {
			sum = sum<<1 | uint32(b>>bit&1)
			if sum&0x10000 != 0 {
				sum ^= 0x11021
			}
		}
	}
	return base64.URLEncoding.EncodeToString(binary.BigEndian.AppendUint16(body, uint16(sum)))
}

func TestTONContents(t *testing.T) {
	t.Parallel()
	checkVectors(t, join(
		valid("ton", userFriendly(0x11, 0x00), userFriendly(0x51, 0x00), userFriendly(0x11, 0xff)),
		broken("ton", "workchain", userFriendly(0x11, 0x01), userFriendly(0x51, 0xfe), userFriendly(0x11, 0x80)),
		broken("ton", "test network", userFriendly(0x91, 0x00), userFriendly(0xd1, 0xff)),
		broken("ton", "begin with E or U", userFriendly(0x00, 0x00), userFriendly(0x10, 0x00), userFriendly(0x71, 0x00)),
	))
}

// cashAddr encodes a type byte and a hash of any length; spoil is added to the last
// group before the checksum, to set its unused bits.
func cashAddr(typeByte byte, hash []byte, spoil byte) string {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	groups, err := bech32.ConvertBits(append([]byte{typeByte}, hash...), 8, 5, true)
	if err != nil {
		panic(err)
	}
	groups[len(groups)-1] |= spoil
	sum := uint64(1)
	values := append([]byte("bitcoincash"), 0)
	for _, v := range slices.Concat(values, groups, make([]byte, 8)) {
		top := sum >> 35
		sum = sum & (1<<35 - 1) << 5
		sum ^= uint64(v & 31)
		for i, g := range []uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470} {
			if top>>i&1 != 0 {
				sum ^= g
			}
		}
	}
	sum ^= 1
	var b strings.Builder
	for _, g := range groups {
		b.WriteByte(charset[g])
	}
	for i := 7; i >= 0; i-- {
		b.WriteByte(charset[sum>>(5*i)&31])
	}
	return "bitcoincash:" + b.String()
}

func TestCashAddrContents(t *testing.T) {
	t.Parallel()
	hash20, hash32 := make([]byte, 20), make([]byte, 32)
	checkVectors(t, join(
		valid("bitcoin-cash",
			cashAddr(0, hash20, 0), cashAddr(8, hash20, 0), cashAddr(11, hash32, 0),
			cashAddr(16, hash20, 0), cashAddr(24, hash20, 0), cashAddr(27, hash32, 0)),
		broken("bitcoin-cash", "cannot pay", cashAddr(3, hash32, 0), cashAddr(19, hash32, 0), cashAddr(9, hash32[:24], 0)),
		broken("bitcoin-cash", "address type", cashAddr(4<<3, hash20, 0), cashAddr(15<<3, hash20, 0), cashAddr(16<<3, hash20, 0)),
		broken("bitcoin-cash", "expected a hash of 20 bytes", cashAddr(0, hash20[:19], 0), cashAddr(0, hash32, 0), cashAddr(8, nil, 0)),
		broken("bitcoin-cash", "padding", cashAddr(0, hash20, 1)),
	))
}
