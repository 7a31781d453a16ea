package asset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

var (
	errByron     = errors.New("expected addr1 and bech32, or a Byron address in base58")
	errByronSum  = fmt.Errorf("its CRC-32 %w", ErrChecksum)
	errByronTest = errors.New("it is for a test network")
	errPointer   = errors.New("its stake pointer is malformed")
)

// cardano is the form of Cardano (CIP-19): Shelley addresses in bech32, Byron ones
// in base58. Stake addresses can't be paid to and are refused.
type cardano struct{}

func (cardano) check(addr string) (Result, error) {
	switch {
	case hasBech32Prefix(addr, "addr"):
		return Result{}, checkShelley(addr)
	case hasBech32Prefix(addr, "stake"):
		return Result{}, errors.New("it is a stake address, expected it to begin with addr1")
	case hasBech32Prefix(addr, "addr_test"):
		return Result{}, errByronTest
	}
	return Result{}, checkByron(addr)
}

// checkShelley checks the header byte (type in the high half, network in the low
// one; 1 is the main network) and the length that the type asks for.
func checkShelley(addr string) error {
	groups, encoding, err := decodeBech32(addr, "addr")
	if err != nil {
		return err
	}
	if encoding != bech32.Version0 {
		return errBech32Sum
	}
	data, err := bech32Bytes(groups)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errBech32Empty // a single group is less than a byte
	}
	const hash = 28 // bytes of a BLAKE2b-224 hash
	kind, network := data[0]>>4, data[0]&0x0f
	if network != 1 {
		return errByronTest
	}
	payload := data[1:]
	switch kind {
	case 0, 1, 2, 3: // payment part and stake part
		return wantLength(payload, 2*hash)
	case 4, 5: // payment part and stake pointer
		if len(payload) <= hash {
			return errPointer
		}
		return checkPointer(payload[hash:])
	case 6, 7: // payment part only
		return wantLength(payload, hash)
	}
	return errors.New("its address type is not one that can be paid to")
}

func wantLength(payload []byte, want int) error {
	if len(payload) != want {
		return fmt.Errorf("expected %d bytes after the header, found %d", want, len(payload))
	}
	return nil
}

// checkPointer wants three numbers (slot, transaction, certificate), each in bytes
// whose high bit says that more follow, and nothing after them.
func checkPointer(b []byte) error {
	ended := 0
	for i, c := range b {
		if c&0x80 != 0 {
			continue
		}
		ended++
		if ended == 3 && i == len(b)-1 {
			return nil
		}
	}
	return errPointer
}

// checkByron wants base58 of the CBOR array [24(bytes), CRC-32 of those bytes],
// where the bytes are CBOR again: [root hash, attributes, type].
func checkByron(addr string) error {
	decoded, err := decodeBase58(addr)
	if err != nil {
		return errByron
	}
	outer := cborReader{rest: decoded}
	outer.want(cborArray, 2)
	outer.want(cborTag, 24)
	payload := outer.bytes()
	sum := outer.number(cborUint)
	if outer.failed || len(outer.rest) != 0 {
		return errByron
	}
	if sum != uint64(crc32.ChecksumIEEE(payload)) {
		return errByronSum
	}
	return checkByronPayload(payload)
}

func checkByronPayload(payload []byte) error {
	inner := cborReader{rest: payload}
	inner.want(cborArray, 3)
	root := inner.bytes()
	testNetwork := false
	for range min(inner.number(cborMap), uint64(len(payload))) {
		// Attribute 1 is a derivation path; 2 is the number of a test network, which
		// addresses of the main network don't have. The values are byte strings.
		key := inner.number(cborUint)
		inner.bytes()
		testNetwork = testNetwork || key == 2
	}
	kind := inner.number(cborUint)
	if inner.failed || len(inner.rest) != 0 || len(root) != 28 || kind > 2 {
		return errByron
	}
	if testNetwork {
		return errByronTest
	}
	return nil
}

// CBOR major types (RFC 8949 §3.1).
const (
	cborUint  = 0
	cborBytes = 2
	cborArray = 4
	cborMap   = 5
	cborTag   = 6
)

// cborReader reads the little CBOR that Byron addresses are made of. After the
// first thing that isn't as wanted, failed stays set and everything reads as zero.
type cborReader struct {
	rest   []byte
	failed bool
}

func (r *cborReader) fail() uint64 {
	r.failed = true
	r.rest = nil
	return 0
}

// number reads a head of this major type and returns its argument, which must be
// written in the shortest way.
func (r *cborReader) number(major byte) uint64 {
	if r.failed || len(r.rest) == 0 || r.rest[0]>>5 != major {
		return r.fail()
	}
	info := r.rest[0] & 0x1f
	r.rest = r.rest[1:]
	if info < 24 {
		return uint64(info)
	}
	if info > 27 {
		return r.fail() // reserved, or of indefinite length
	}
	size := 1 << (info - 24)
	if len(r.rest) < size {
		return r.fail()
	}
	var wide [8]byte
	copy(wide[8-size:], r.rest)
	r.rest = r.rest[size:]
	value := binary.BigEndian.Uint64(wide[:])
	shortest := uint64(24) // the least value that needs one byte
	if size > 1 {
		shortest = 1 << (size * 4)
	}
	if value < shortest {
		return r.fail()
	}
	return value
}

func (r *cborReader) want(major byte, value uint64) {
	if r.number(major) != value {
		r.fail()
	}
}

func (r *cborReader) bytes() []byte {
	length := r.number(cborBytes)
	if length > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	read := r.rest[:length]
	r.rest = r.rest[length:]
	return read
}
