package ramp_test

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
)

// This is ECDSA over secp256k1 as textbooks have it, so that signatures are made by other code than verifies them. It is slow
// and of no use with a key that is to stay secret.

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic(hex)
	}
	return n
}

var (
	prime = number("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
	group = number("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	base  = point{
		number("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
		number("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
	}
)

type point struct{ x, y *big.Int }

func mod(n, m *big.Int) *big.Int { return new(big.Int).Mod(n, m) }
func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }
func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func over(a, b, m *big.Int) *big.Int {
	return mod(mul(a, new(big.Int).ModInverse(mod(b, m), m)), m)
}

func add(p, q point) point {
	switch {
	case p.x == nil:
		return q
	case q.x == nil:
		return p
	case p.x.Cmp(q.x) == 0 && p.y.Cmp(q.y) != 0:
		return point{}
	}
	rise, run := sub(q.y, p.y), sub(q.x, p.x)
	if run.Sign() == 0 {
		rise, run = mul(big.NewInt(3), mul(p.x, p.x)), mul(big.NewInt(2), p.y)
	}
	slope := over(rise, run, prime)
	x := mod(sub(sub(mul(slope, slope), p.x), q.x), prime)
	return point{x, mod(sub(mul(slope, sub(p.x, x)), p.y), prime)}
}

// times is k × p.
func times(k *big.Int, p point) point {
	var sum point
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = add(sum, sum)
		if k.Bit(i) == 1 {
			sum = add(sum, p)
		}
	}
	return sum
}

// publicKey is the key's other half, as Ramp's documentation has it: the DER of an uncompressed point, in base64.
func publicKey(private *big.Int) string {
	p := times(private, base)
	der := append([]byte("\x30\x56\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a\x03\x42\x00\x04"), p.x.FillBytes(make([]byte, 32))...)
	return base64.StdEncoding.EncodeToString(append(der, p.y.FillBytes(make([]byte, 32))...))
}

var signatures sync.Map // that were made already, as they are slow

// signBody is the base64 of the DER of a signature over SHA-256 of the message. High chooses which of the two values of s,
// which are both right: OpenSSL, which Ramp's servers have, gives either.
func signBody(private *big.Int, message []byte, high bool) string {
	made := fmt.Sprint(private, high, string(message))
	if signature, ok := signatures.Load(made); ok {
		return fmt.Sprint(signature)
	}
	digest := sha256.Sum256(message)
	seed := sha256.Sum256(append(private.Bytes(), digest[:]...))
	k := mod(new(big.Int).SetBytes(seed[:]), group)
	r := mod(times(k, base).x, group)
	s := over(new(big.Int).Add(new(big.Int).SetBytes(digest[:]), mul(r, private)), k, group)
	if half := new(big.Int).Rsh(group, 1); (s.Cmp(half) > 0) != high {
		s = sub(group, s)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		panic(err)
	}
	signature := base64.StdEncoding.EncodeToString(der)
	signatures.Store(made, signature)
	return signature
}
