package banxa

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

// An order may have to be bound to the payer's address, by a hash of it, keyed with the API secret, or by its network:
// https://docs.banxa.com/products/hosted-checkout/docs/api-integration/ip-binding. As what members that is written, no copy
// of the page that could be had tells. So it is a setting, a JSON object with these in its texts:
//
//	{ip}          the address
//	{version}     4 or 6
//	{hash}        HMAC-SHA256 of the address, hexadecimal
//	{hashBase64}  the same, base64
//	{range}       the network, /24 or /64, such as 203.0.113.0/24
type binding string

var (
	placeholder = regexp.MustCompile(`\{[A-Za-z0-9]*\}`)
	examples    = []netip.Addr{netip.MustParseAddr("203.0.113.42"), netip.MustParseAddr("2001:db8::7")}
)

// check says what is wrong with the setting, if anything.
func (b binding) check() string {
	if b == "" {
		return ""
	}
	if !placeholder.MatchString(string(b)) {
		return "must have {ip}, {hash}, {hashBase64} or {range} in it"
	}
	for _, address := range examples {
		members, err := b.members("", address)
		if err != nil {
			return "must be a JSON object"
		}
		if unknown := placeholder.FindString(b.fill("", address)); unknown != "" {
			return "has " + unknown + ", which is none of {ip}, {version}, {hash}, {hashBase64} and {range}"
		}
		for name := range members {
			if orderMembers[name] {
				return "must not have the member " + name + ", which an order has already"
			}
		}
	}
	return ""
}

// members are what the order has in addition.
func (b binding) members(secret string, address netip.Addr) (map[string]json.RawMessage, error) {
	if b == "" {
		return nil, nil
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal([]byte(b.fill(secret, address)), &members)
	return members, err
}

func (b binding) fill(secret string, address netip.Addr) string {
	address = address.Unmap().WithZone("")
	version, bits := "4", 24
	if address.Is6() {
		version, bits = "6", 64
	}
	network, _ := address.Prefix(bits) // the bits fit the version
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(address.String()))
	sum := mac.Sum(nil)
	return strings.NewReplacer(
		"{ip}", address.String(), "{version}", version, "{range}", network.String(),
		"{hash}", hex.EncodeToString(sum), "{hashBase64}", base64.StdEncoding.EncodeToString(sum),
	).Replace(string(b))
}
