package coinbase

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"time"
)

// Of the tokens (https://docs.cdp.coinbase.com/api-reference/v2/authentication).
const (
	tokenServes = 120 * time.Second
	nonceBytes  = 16
)

var errKeyForm = errors.New("must be the secret of a CDP Secret API key: base64 of the 64 bytes of an Ed25519 key, or an EC private key on P-256 as PEM text")

// apiKey signs the tokens by which CDP knows us: a fresh one for each request.
type apiKey struct {
	id     string
	signer crypto.Signer // ed25519.PrivateKey or *ecdsa.PrivateKey
}

// parseKey reads a secret as the CDP portal gives it. The error repeats nothing of it.
func parseKey(id, secret string) (*apiKey, error) {
	secret = strings.TrimSpace(strings.ReplaceAll(secret, `\n`, "\n")) // PEM text that was taken out of a JSON file
	if block, _ := pem.Decode([]byte(secret)); block != nil {
		key := parseEC(block)
		if key == nil || key.Curve != elliptic.P256() {
			return nil, errKeyForm
		}
		return &apiKey{id, key}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != ed25519.PrivateKeySize {
		return nil, errKeyForm
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !bytes.Equal(key, raw) { // the second half is the public key, which follows from the first
		return nil, errKeyForm
	}
	return &apiKey{id, key}, nil
}

func parseEC(block *pem.Block) *ecdsa.PrivateKey {
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	ec, _ := key.(*ecdsa.PrivateKey)
	return ec
}

// token makes the token for one request: method, then host and path without scheme and query.
func (k *apiKey) token(method, target string, at time.Time) (string, error) {
	algorithm := "EdDSA"
	if _, ec := k.signer.(*ecdsa.PrivateKey); ec {
		algorithm = "ES256"
	}
	var nonce [nonceBytes]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", err
	}
	header := map[string]string{"alg": algorithm, "typ": "JWT", "kid": k.id, "nonce": hex.EncodeToString(nonce[:])}
	claims := map[string]any{
		"sub": k.id, "iss": "cdp", "uris": []string{method + " " + target},
		"nbf": at.Unix(), "iat": at.Unix(), "exp": at.Add(tokenServes).Unix(),
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	signature, err := k.sign([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// sign signs as RFC 8037 (EdDSA) or RFC 7518 (ES256: the two numbers one after the other, 32 bytes each) say.
func (k *apiKey) sign(message []byte) ([]byte, error) {
	ec, ok := k.signer.(*ecdsa.PrivateKey)
	if !ok {
		return k.signer.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}
