package asset

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcutil/base58"
)

// maxTagChars bounds a tag on a network of which nothing is known.
const maxTagChars = 255

// tagForms are the networks on which one address serves many accounts, as those of exchanges do, and a tag says whose the
// money is: the check of the tag, and what people call it.
var tagForms = map[string]struct {
	name  string
	check func(tag string) error
}{
	"xrp":       {"destination tag", checkDestinationTag},
	"stellar":   {"memo", checkStellarMemo},
	"ton":       {"comment", checkComment(120)},
	"cosmos":    {"memo", checkComment(256)},
	"osmosis":   {"memo", checkComment(256)},
	"noble":     {"memo", checkComment(256)},
	"celestia":  {"memo", checkComment(256)},
	"injective": {"memo", checkComment(256)},
}

// TagName is what people call the tag that may stand beside an address on the network, such as memo; empty: there is none.
func (n Network) TagName() string { return tagForms[n.ID].name }

// CheckTag checks the memo or destination tag that stands beside an address on the network. The error is written for API users
// and is to follow the name of the member.
func (n Network) CheckTag(tag string) error {
	form, ok := tagForms[n.ID]
	if !ok {
		return errors.New("must not be given: an address on " + n.Name + " has no memo or tag")
	}
	return form.check(tag)
}

// CheckTag checks a tag on a network that the catalogue does not know. The error is to follow the name of the member.
func CheckTag(tag string) error { return checkComment(maxTagChars)(tag) }

// checkDestinationTag checks a tag of the XRP Ledger, which is a number of 32 bits
// (https://xrpl.org/docs/concepts/transactions/source-and-destination-tags).
func checkDestinationTag(tag string) error {
	if n, err := strconv.ParseUint(tag, 10, 32); err != nil || strconv.FormatUint(n, 10) != tag {
		return errors.New("must be a whole number from 0 to 4294967295, the destination tag")
	}
	return nil
}

// checkStellarMemo checks a memo text or the number of a memo id, of up to 28 bytes
// (https://developers.stellar.org/docs/learn/fundamentals/transactions/operations-and-transactions#memos).
func checkStellarMemo(tag string) error {
	if len(tag) > 28 || checkComment(28)(tag) != nil {
		return errors.New("must be a memo of 1 to 28 bytes of text")
	}
	return nil
}

func checkComment(most int) func(string) error {
	return func(tag string) error {
		n := utf8.RuneCountInString(tag)
		if n == 0 || n > most || !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl) {
			return errors.New("must be a text of 1 to " + strconv.Itoa(most) + " characters, in one line")
		}
		return nil
	}
}

// SplitTag takes the destination tag out of an address that holds one, an X-address of the XRP Ledger, and gives the classic
// address beside it. Any other address is given back as it is, without a tag.
func SplitTag(network, address string) (classic, tag string) {
	if network != "xrp" || !strings.HasPrefix(address, "X") {
		return address, ""
	}
	translated, err := rippleToBitcoin(address)
	if err != nil {
		return address, ""
	}
	body, err := decodeBase58Check(translated)
	if err != nil || len(body) != 31 || body[0] != 0x05 || body[1] != 0x44 || checkXRPTag(body[22], body[23:]) != nil {
		return address, ""
	}
	if body[22] == 1 {
		tag = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(body[23:27])), 10)
	}
	return bitcoinToRipple(base58.CheckEncode(body[2:22], 0)), tag
}

func bitcoinToRipple(s string) string {
	return strings.Map(func(r rune) rune { return rune(rippleAlphabet[strings.IndexRune(bitcoinAlphabet, r)]) }, s)
}
