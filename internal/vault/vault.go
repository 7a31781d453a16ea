// Package vault keeps secrets by master keys: it derives those that must be shown again and seals those that must be
// read back, so that a stolen database reveals none.
//
// It stores nothing and logs nothing. Invariant: what an older key of the ring made stays readable while that key is in
// the ring; everything new is made with the newest.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeyBytes is the length of a master key.
const KeyBytes = 32

// Ring is the operator's master keys, the newest first.
type Ring struct {
	keys []masterKey
}

type masterKey struct {
	id   string // eight hex digits that name the key and reveal nothing of it
	hmac []byte
	aead cipher.AEAD
}

// Parse reads a ring: base64 keys of 32 bytes, separated by commas or white space, the newest first.
func Parse(text string) (*Ring, error) {
	var ring Ring
	for i, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == ' ' || r == '\r' || r == '\t' }) {
		raw, err := decodeKey(field)
		if err != nil || len(raw) != KeyBytes {
			return nil, fmt.Errorf("master key %d is not base64 of %d bytes; make one with: openssl rand -base64 32", i+1, KeyBytes)
		}
		key, err := newKey(raw)
		if err != nil {
			return nil, err
		}
		if _, ok := ring.find(key.id); ok {
			return nil, fmt.Errorf("master key %d stands in the ring twice", i+1)
		}
		ring.keys = append(ring.keys, key)
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("there is no master key; make one with: openssl rand -base64 32")
	}
	return &ring, nil
}

func decodeKey(s string) ([]byte, error) {
	if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
		return raw, nil
	}
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// Generate makes a new master key, in the form that Parse reads.
func Generate() string {
	raw := make([]byte, KeyBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the program instead
	return base64.StdEncoding.EncodeToString(raw)
}

func newKey(raw []byte) (masterKey, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, raw, nil, "sliproad "+purpose, 32)
	}
	id, err1 := derive("key id")
	mac, err2 := derive("client secret")
	seal, err3 := derive("seal")
	if err := errors.Join(err1, err2, err3); err != nil {
		return masterKey{}, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return masterKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	return masterKey{id: hex.EncodeToString(id[:4]), hmac: mac, aead: aead}, err
}

func (r *Ring) find(id string) (masterKey, bool) {
	for _, k := range r.keys {
		if k.id == id {
			return k, true
		}
	}
	return masterKey{}, false
}

// KeyIDs names the keys of the ring, the newest first.
func (r *Ring) KeyIDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return ids
}

func (k masterKey) mac(purpose, subject string) []byte {
	h := hmac.New(sha256.New, k.hmac)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(subject))
	return h.Sum(nil)
}

func (k masterKey) token(purpose, subject string) string {
	return base64.RawURLEncoding.EncodeToString(k.mac(purpose, subject))
}

// Token derives a secret of 256 bits for the subject, such as a session's id, with the newest key; keyID names the key,
// to be stored with the subject.
func (r *Ring) Token(purpose, subject string) (token, keyID string) {
	k := r.keys[0]
	return k.token(purpose, subject), k.id
}

// TokenBy derives the secret again with the key that first made it; empty where the key has left the ring.
func (r *Ring) TokenBy(keyID, purpose, subject string) string {
	k, ok := r.find(keyID)
	if !ok {
		return ""
	}
	return k.token(purpose, subject)
}

// Tokens derives the secret with every key of the ring, the newest first.
func (r *Ring) Tokens(purpose, subject string) []string {
	tokens := make([]string, len(r.keys))
	for i, k := range r.keys {
		tokens[i] = k.token(purpose, subject)
	}
	return tokens
}

// Equal compares secrets in constant time. An empty secret equals nothing.
func Equal(want, given string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(given)) == 1
}

const sealVersion = 1

// Seal encrypts with AES-256-GCM under the newest key. The context says what and whose the text is; it is not kept, and
// Open must be given the same.
func (r *Ring) Seal(plain []byte, context string) []byte {
	k := r.keys[0]
	id, _ := hex.DecodeString(k.id)
	out := make([]byte, 0, 1+len(id)+k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	out = append(out, sealVersion)
	out = append(out, id...)
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce)
	out = append(out, nonce...)
	return k.aead.Seal(out, nonce, plain, []byte(context))
}

// Open decrypts what Seal made. It fails where the text was changed, the context is another, or the key has left the
// ring.
func (r *Ring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < 5 || sealed[0] != sealVersion {
		return nil, errors.New("vault: not a sealed text")
	}
	id := hex.EncodeToString(sealed[1:5])
	k, ok := r.find(id)
	if !ok {
		return nil, fmt.Errorf("vault: sealed with master key %s, which is not in the ring", id)
	}
	n := k.aead.NonceSize()
	if len(sealed) < 5+n {
		return nil, errors.New("vault: sealed text is cut short")
	}
	return k.aead.Open(nil, sealed[5:5+n], sealed[5+n:], []byte(context))
}
