package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WebhookTolerance is what the Standard Webhooks libraries allow between the sender's clock and the receiver's.
const WebhookTolerance = 5 * time.Minute

// Why [VerifyWebhook] refuses.
var (
	ErrWebhookSecret    = errors.New("sliproad: the webhook secret is empty")
	ErrWebhookHeaders   = errors.New("sliproad: webhook-id, webhook-timestamp or webhook-signature is missing or malformed")
	ErrWebhookTime      = errors.New("sliproad: the webhook's timestamp is too old or too new")
	ErrWebhookSignature = errors.New("sliproad: no signature of the webhook is by this secret")
)

// VerifyWebhook returns nil if the body was signed with the secret, no further from now than the tolerance, before or after;
// see [WebhookTolerance]. It checks the headers of the Standard Webhooks specification (contract §4); one fitting signature
// of several is enough, so that it verifies on while a secret is rotated. Give it the body as it came, before any decoding.
//
// It does not tell a repeated delivery: remember the webhook-id for that.
func VerifyWebhook(secret string, header http.Header, body []byte, tolerance time.Duration, now time.Time) error {
	key := webhookKey(secret)
	if len(key) == 0 {
		return ErrWebhookSecret // anyone could sign with nothing
	}
	id, stamp, signatures := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), header.Get("Webhook-Signature")
	seconds, err := strconv.ParseUint(stamp, 10, 40) // 40 bits last for 30 000 years, and can't overflow a time
	if id == "" || signatures == "" || err != nil {
		return ErrWebhookHeaders
	}
	if now.Sub(time.Unix(int64(seconds), 0)).Abs() > tolerance {
		return ErrWebhookTime
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for signature := range strings.SplitSeq(signatures, " ") {
		text, ok := strings.CutPrefix(signature, "v1,")
		if !ok {
			continue // of a later version
		}
		if got, err := base64.StdEncoding.DecodeString(text); err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return ErrWebhookSignature
}

// webhookKey is the base64 behind the prefix, as the public libraries have it, or the text itself where it is none.
func webhookKey(secret string) []byte {
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil {
		return key
	}
	return []byte(secret)
}
