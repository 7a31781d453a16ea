package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// maxReasonChars bounds what a payer is told of a gateway's own words.
const maxReasonChars = 200

// Text is a member of an answer that may be missing, null, a text or a number. Whatever else it is, it is empty: for members
// without which the answer is still to be understood.
type Text string

// UnmarshalJSON takes texts that can be stored, and numbers.
func (t *Text) UnmarshalJSON(raw []byte) error {
	var text string
	var number json.Number
	switch {
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil && checkout.Storable(text):
		*t = Text(text)
	case raw[0] != '"' && json.Unmarshal(raw, &number) == nil:
		*t = Text(number)
	default:
		*t = ""
	}
	return nil
}

// Digits is a number in an answer, written as a JSON number or as a text; null is empty, and anything else is an error.
type Digits string

// UnmarshalJSON takes texts and numbers, with their digits as they are.
func (d *Digits) UnmarshalJSON(raw []byte) error {
	*d = ""
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(d))
	}
	return json.Unmarshal(raw, (*json.Number)(d))
}

var errDigits = errors.New("an amount is not a plain decimal number")

var digitsForm = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// Decimal reads a plain decimal number, signed or not, without an exponent.
func (d Digits) Decimal() (decimal.Decimal, error) {
	if !digitsForm.MatchString(string(d)) {
		return decimal.Zero, errDigits
	}
	return decimal.NewFromString(string(d))
}

// Amount reads a plain decimal number, with the digits as they are; it is not set where there is none, or 0. What an amount has
// no place for, beyond 18 decimal places, is cut off.
func (d Digits) Amount() (money.Amount, error) {
	if d == "" {
		return money.Amount{}, nil
	}
	n, err := d.Decimal()
	if err != nil {
		return money.Amount{}, err
	}
	if n.Exponent() < -money.MaxFractionDigits {
		n = n.Truncate(money.MaxFractionDigits)
	}
	if n.IsZero() {
		return money.Amount{}, nil
	}
	return money.FromDecimal(n)
}

// maxTextBytes bounds gateways' ids and hashes; more is none of theirs.
const maxTextBytes = 255

// CheckTexts tells whether texts, such as ids, are short enough for what they are, and have no NUL, which no database's text
// holds.
func CheckTexts(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxTextBytes || strings.ContainsRune(text, 0) {
			return fmt.Errorf("a text has a NUL or more than %d bytes", maxTextBytes)
		}
	}
	return nil
}

// Hash is a DedupKey for what has no id of its own.
func Hash[T string | []byte](said T) string {
	sum := sha256.Sum256([]byte(said))
	return hex.EncodeToString(sum[:])
}

// CheckoutURL reads the URL of a checkout that a gateway has made. A base that is not empty, the setting widgetBaseURL, takes
// the place of its scheme and host.
func CheckoutURL(text, base string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", errors.New("the answer has no URL of a checkout")
	}
	made := u.String()
	if base != "" {
		made = strings.TrimRight(base, "/") + strings.TrimPrefix(made, u.Scheme+"://"+u.Host)
	}
	return made, nil
}

// Furthest orders the tries of one order, of which a payer may make several, by how far they got: paid, on its way, may still
// come, given back, won't come. A try that was given back is over, and tells nothing of the next one.
func Furthest(s checkout.OrderStatus) int {
	switch s {
	case checkout.OrderCompleted:
		return 4
	case checkout.OrderProcessing:
		return 3
	case checkout.OrderPending:
		return 2
	case checkout.OrderRefunded:
		return 1
	default:
		return 0
	}
}

// Refusal makes of the words with which the gateway of the name refuses a question the error for the payer, where there are no
// codes to go by; nil where the words are about nothing that the payer could change. The hint is not told: the gateway's name of
// the member that it minds, if it says so.
func Refusal(name, hint, words string) error {
	words = strings.TrimRight(strings.Join(strings.FieldsFunc(checkout.Legible(words), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " "), ".")
	if runes := []rune(words); len(runes) > maxReasonChars {
		words = string(runes[:maxReasonChars]) + "…"
	}
	say := "is refused by " + name
	if words != "" {
		say += ": " + words
	}
	words = strings.ToLower(hint + " " + words)
	for _, about := range []struct {
		words []string
		code  checkout.Code
		field string
	}{
		{[]string{"amount", "minimum", "maximum", "limit"}, checkout.CodeInvalidAmount, "fiatAmount"},
		{[]string{"payment method", "paymentmethod", "payment option"}, checkout.CodeValidation, "paymentMethod"},
		{[]string{"blockchain", "network"}, checkout.CodeInvalidNetwork, "network"},
		{[]string{"crypto", "coin", "token"}, checkout.CodeInvalidCurrency, "cryptoCurrency"},
		{[]string{"fiat", "currency"}, checkout.CodeInvalidCurrency, "fiatCurrency"},
		{[]string{"country", "region"}, checkout.CodeInvalidGateway, "gateway"},
	} {
		for _, word := range about.words {
			if strings.Contains(words, word) {
				return checkout.FailField(about.code, about.field, say)
			}
		}
	}
	return nil
}
