package gateway

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode"

	"github.com/sliproad/sliproad/internal/checkout"
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

// Furthest orders the tries of one order, of which a payer may make several, by how far they got: paid, given back, on its way,
// may still come, won't come.
func Furthest(s checkout.OrderStatus) int {
	switch s {
	case checkout.OrderCompleted:
		return 4
	case checkout.OrderRefunded:
		return 3
	case checkout.OrderProcessing:
		return 2
	case checkout.OrderPending:
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
