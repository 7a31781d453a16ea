package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Stamped is the signature that several gateways give their notifications: a header "t=UNIX,SCHEME=HEX", in which HEX is the
// HMAC-SHA256 of the time, a dot and the body.
type Stamped struct {
	Header           string
	Scheme           string   // the name of the element with the HMAC; those of other names are ignored
	Most             int      // how many there may be; while secrets are changed over, some gateways send one for each
	Secrets          []string // of which one must fit one of them
	ToleranceSeconds int64    // how far the time may be from ours, before or after
}

// maxBytes bounds the header: the time and elements of other names, and the HMACs.
func (s Stamped) maxBytes() int { return 256 + s.Most*80 }

// Holds tells whether the notification carries the signature. It is for the caller to read the body after that.
func (s Stamped) Holds(n Notification) bool {
	var values []string
	for name, list := range n.Header {
		if strings.EqualFold(name, s.Header) {
			values = append(values, list...)
		}
	}
	if len(values) != 1 || len(values[0]) > s.maxBytes() {
		return false
	}
	stamp, given, ok := s.parse(values[0])
	if !ok {
		return false
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if now := n.Now.Unix(); err != nil || at < now-s.ToleranceSeconds || at > now+s.ToleranceSeconds {
		return false
	}
	genuine := false
	for _, secret := range s.Secrets {
		if secret == "" { // by which anybody could sign
			continue
		}
		want := StampedMAC(secret, stamp, n.Body)
		for _, mac := range given {
			genuine = hmac.Equal(want, mac) || genuine
		}
	}
	return genuine
}

func (s Stamped) parse(value string) (stamp string, macs [][]byte, ok bool) {
	for element := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(element), "=")
		switch name {
		case "t":
			if stamp != "" {
				return "", nil, false
			}
			stamp = text
		case s.Scheme:
			mac, err := hex.DecodeString(text)
			if err != nil || len(macs) == s.Most {
				return "", nil, false
			}
			macs = append(macs, mac)
		}
	}
	return stamp, macs, stamp != "" && len(macs) > 0
}

// StampedMAC is the HMAC of a Stamped signature.
func StampedMAC(secret, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return mac.Sum(nil)
}
