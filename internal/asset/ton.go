package asset

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// crc16 is CRC-16/XMODEM: polynomial 0x1021, start 0, no reflection.
func crc16(data []byte) uint16 {
	var sum uint16
	for _, b := range data {
		sum ^= uint16(b) << 8
		for range 8 {
			carry := sum&0x8000 != 0
			sum <<= 1
			if carry {
				sum ^= 0x1021
			}
		}
	}
	return sum
}

var (
	errTON      = errors.New("expected 48 characters of base64, or the workchain, a colon and 64 hexadecimal digits")
	errCRC16    = fmt.Errorf("CRC-16 %w", ErrChecksum)
	errTONTag   = errors.New("expected it to begin with E or U")
	errTONTest  = errors.New("it is for the test network, expected it to begin with E or U")
	errTONChain = errors.New("expected workchain 0 or -1")
)

// ton is the form of TON (TEP-2): 48 characters of base64 or base64url with a
// CRC-16, or raw, which has no checksum.
type ton struct{}

// rawTON is the address in its raw form, workchain:account, or as it is where it can't be read.
func rawTON(addr string) string {
	if strings.Contains(addr, ":") {
		return strings.ToLower(addr)
	}
	decoded, err := base64.URLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(addr))
	if err != nil || len(decoded) != 36 {
		return addr
	}
	return strconv.Itoa(int(int8(decoded[1]))) + ":" + hex.EncodeToString(decoded[2:34])
}

func (ton) check(addr string) (Result, error) {
	if workchain, account, found := strings.Cut(addr, ":"); found {
		return Result{}, checkRawTON(workchain, account)
	}
	encoding := base64.URLEncoding
	if strings.ContainsAny(addr, "+/") {
		encoding = base64.StdEncoding
	}
	decoded, err := encoding.Strict().DecodeString(addr)
	if err != nil || len(addr) != 48 || len(decoded) != 36 {
		return Result{}, errTON
	}
	if binary.BigEndian.Uint16(decoded[34:]) != crc16(decoded[:34]) {
		return Result{}, errCRC16
	}
	const bounceable, notBounceable, testOnly = 0x11, 0x51, 0x80
	switch tag := decoded[0]; {
	case tag&^testOnly != bounceable && tag&^testOnly != notBounceable:
		return Result{}, errTONTag
	case tag&testOnly != 0:
		return Result{}, errTONTest
	case decoded[1] != 0x00 && decoded[1] != 0xff:
		return Result{}, errTONChain
	}
	return Result{}, nil
}

func checkRawTON(workchain, account string) error {
	if workchain != "0" && workchain != "-1" {
		return errTONChain
	}
	if len(account) != 64 || !isHex(account) {
		return errTON
	}
	return nil
}
