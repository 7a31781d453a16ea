package stripe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// SignatureHeader carries "t=UNIX,v1=HEX", with more than one v1 while secrets are rolled
// (https://docs.stripe.com/webhooks#verify-manually).
const SignatureHeader = "Stripe-Signature"

// ToleranceSeconds is how far a signature's time may be from ours, before or after.
const ToleranceSeconds = 300

const (
	maxSignatureBytes = 4096
	maxSignatures     = 16 // there is one for each secret that is in use
)

// eventType is the only event of sessions: there is none when one is created (https://docs.stripe.com/crypto/onramp/embedded).
const eventType = "crypto.onramp_session.updated"

// event is as much of an event as counts.
type event struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Livemode bool   `json:"livemode"`
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// ParseNotification verifies the signature and its time before it reads anything. Other events, sessions that we didn't make,
// and those of the other mode are none of ours.
func (a *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	if !a.genuine(n) || n.ProjectID != a.ProjectID {
		return nil, gateway.ErrForged
	}
	var e event
	if err := json.Unmarshal(n.Body, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if e.ID == "" || e.Type == "" || len(e.ID) > maxTextBytes || strings.ContainsRune(e.ID, 0) {
		return nil, fmt.Errorf("%w: id and type of an event are required", gateway.ErrMalformed)
	}
	if e.Type != eventType || e.Livemode != a.live {
		return nil, nil
	}
	var s session
	if err := json.Unmarshal(e.Data.Object, &s); err != nil {
		return nil, fmt.Errorf("%w: data.object: %w", gateway.ErrMalformed, err)
	}
	id := checkout.OrderID(s.Metadata[referenceKey])
	if id == "" && s.ID != "" {
		return nil, nil
	}
	u, err := s.update(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	u.DedupKey = e.ID
	return []gateway.Update{u}, nil
}

func (a *account) genuine(n gateway.Notification) bool {
	var values []string
	for name, list := range n.Header {
		if textproto.CanonicalMIMEHeaderKey(name) == SignatureHeader {
			values = append(values, list...)
		}
	}
	if len(values) != 1 {
		return false
	}
	stamp, given, ok := parseSignature(values[0])
	if !ok {
		return false
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if now := n.Now.Unix(); err != nil || at < now-ToleranceSeconds || at > now+ToleranceSeconds {
		return false
	}
	genuine := false
	for _, secret := range a.secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "."))
		mac.Write(n.Body)
		want := mac.Sum(nil)
		for _, one := range given {
			genuine = subtle.ConstantTimeCompare(want, one) == 1 || genuine
		}
	}
	return genuine
}

// parseSignature reads the header. Schemes other than v1 are ignored, as Stripe says.
func parseSignature(value string) (stamp string, macs [][]byte, ok bool) {
	if len(value) > maxSignatureBytes {
		return "", nil, false
	}
	for element := range strings.SplitSeq(value, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(element), "=")
		switch name {
		case "t":
			if stamp != "" {
				return "", nil, false
			}
			stamp = rest
		case "v1":
			mac, err := hex.DecodeString(rest)
			if err != nil || len(macs) == maxSignatures {
				return "", nil, false
			}
			macs = append(macs, mac)
		}
	}
	return stamp, macs, stamp != "" && len(macs) > 0
}
