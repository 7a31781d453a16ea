package checkout

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Mode tells test projects, which move no money, from live ones.
type Mode string

// The modes of a project (contract §1).
const (
	ModeTest Mode = "test"
	ModeLive Mode = "live"
)

// Project is a partner's account: sessions, orders, customers, keys and webhooks belong to one.
type Project struct {
	ID             ProjectID
	Name           string
	Mode           Mode
	DefaultGateway string   // empty: the mode's default
	AllowedOrigins []string // empty: any origin may call the browser routes
	StrictAddress  bool     // refuse mixed-case EVM addresses with a wrong checksum (contract §2.3)
	CreatedAt      time.Time
}

// AllowsOrigin tells whether pages of the origin may call the browser routes.
func (p *Project) AllowsOrigin(origin string) bool {
	return len(p.AllowedOrigins) == 0 || slices.Contains(p.AllowedOrigins, origin)
}

// KeyKind tells secret keys (backend) from public ones (browser).
type KeyKind string

// The kinds of API keys.
const (
	KeySecret KeyKind = "secret"
	KeyPublic KeyKind = "public"
)

// Key is an API key as stored: without the key itself, of which only the hash is kept.
type Key struct {
	ID        KeyID
	ProjectID ProjectID
	Kind      KeyKind
	Hint      string // the last four characters, to tell keys apart in a list
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// Usable tells whether the key opens anything at the time given.
func (k *Key) Usable(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// KeyPrefix is what keys of the kind and mode begin with, such as "sk_test_".
func KeyPrefix(kind KeyKind, mode Mode) string {
	if kind == KeySecret {
		return "sk_" + string(mode) + "_"
	}
	return "pk_" + string(mode) + "_"
}

// KeyLength is the length of an API key: a prefix of eight characters and 40 random ones (200 bits).
const KeyLength = 48

// APIKey makes the n-th API key of a call. It is shown once and never stored; see HashKey.
func (s Seed) APIKey(n int, kind KeyKind, mode Mode) string {
	prefix := KeyPrefix(kind, mode)
	random := s.derive("apikey", n)
	return prefix + crockford.EncodeToString(random[:25])
}

// LooksLikeKey tells whether the text has the form of an API key, so that nothing else is looked up.
func LooksLikeKey(key string) bool {
	return len(key) == KeyLength && (key[:3] == "sk_" || key[:3] == "pk_") && (key[3:8] == "test_" || key[3:8] == "live_")
}

// HashKey is the SHA-256 of an API key, by which it is stored and found. A plain hash suffices, since a key has 200
// random bits.
func HashKey(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// Caller is who makes a call: a key of a project. It is a parameter of every operation, so that none can forget it.
type Caller struct {
	Project *Project
	Key     *Key
}

// Secret tells whether the caller holds the project's secret key.
func (c Caller) Secret() bool { return c.Key != nil && c.Key.Kind == KeySecret }

// Call is one request: who, when, from where, and the randomness for its ids.
type Call struct {
	Caller
	Now       time.Time
	Began     time.Time  // when the call was first run: Now, unless it takes over from a node that died; ids are made of it
	Address   netip.Addr // the client's address; invalid where unknown
	Seed      Seed
	Language  string // the payer's, a language tag; empty: unknown
	RequestID string
}

// Origin checks an allowed origin: scheme and host, as browsers send it.
func Origin(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	if !ok || rest == "" || strings.ContainsAny(rest, "/?#@ ") {
		return "", false
	}
	return strings.ToLower(s), true
}
