package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// SecretPrefix begins generated secrets, as the Standard Webhooks specification has it.
const SecretPrefix = "whsec_"

// Secret writes 32 random bytes as a secret.
func Secret(random [32]byte) string {
	return SecretPrefix + base64.StdEncoding.EncodeToString(random[:])
}

// standardKey is the key that the public Standard Webhooks libraries make of a secret: the base64 behind the prefix, or
// the text itself where it is none.
func standardKey(secret string) []byte {
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, SecretPrefix)); err == nil {
		return key
	}
	return []byte(secret)
}

// Message is one attempt to deliver an event.
type Message struct {
	EventID    checkout.EventID
	Type       checkout.EventType
	DeliveryID checkout.DeliveryID
	Body       []byte
	Secrets    []string // the newest first; each signs
	At         time.Time
}

// Headers are those of contract §4: the bare hex signature, and those of the Standard Webhooks specification. While a
// rotated secret overlaps, webhook-signature has both signatures, and the older bare one has a header of its own.
func (m Message) Headers() map[string]string {
	stamp := strconv.FormatInt(m.At.Unix(), 10)
	h := map[string]string{
		"Content-Type":          "application/json",
		"User-Agent":            "Sliproad-Webhooks",
		"X-Webhook-Timestamp":   stamp,
		"X-Webhook-Event":       string(m.Type),
		"X-Webhook-Delivery-Id": string(m.DeliveryID),
		"Webhook-Id":            string(m.EventID),
		"Webhook-Timestamp":     stamp,
	}
	var standard []string
	for i, secret := range m.Secrets {
		bare := hex.EncodeToString(sign([]byte(secret), stamp, ".", string(m.Body)))
		switch i {
		case 0:
			h["X-Webhook-Signature"] = bare
		case 1:
			h["X-Webhook-Signature-Previous"] = bare
		}
		standard = append(standard, "v1,"+base64.StdEncoding.EncodeToString(
			sign(standardKey(secret), string(m.EventID), ".", stamp, ".", string(m.Body))))
	}
	h["Webhook-Signature"] = strings.Join(standard, " ")
	return h
}

func sign(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// schedule is the pause after each failed attempt (contract §4).
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

// MaxAttempts is after how many failed attempts a delivery is failed: the first, and one after each pause.
var MaxAttempts = len(schedule) + 1

// jitterPercent spreads retries, so that many deliveries that failed together don't return together.
const jitterPercent = 20

// RetryAfter is the pause after the n-th failed attempt (from 1), spread by the random number; ok is false where none
// follows.
func RetryAfter(n int, random uint32) (pause time.Duration, ok bool) {
	if n < 1 || n > len(schedule) {
		return 0, false
	}
	base := schedule[n-1]
	spread := base * jitterPercent / 100
	return base - spread/2 + time.Duration(int64(spread)*int64(random>>16)>>16), true
}
