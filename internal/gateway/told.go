package gateway

import (
	"errors"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/money"
)

// maxToldChars and maxToldExponent bound the numbers that a gateway may tell; nothing greater is built.
const (
	maxToldChars    = 100
	maxToldExponent = 100
)

var errTold = errors.New("must be a number that is not negative and not endless")

// ToldAmount is an amount as a gateway tells it, from a JSON number or its text, with or without an exponent. What a float
// has added after money.MaxFractionDigits is cut off, and so are zeros at the end; nothing and 0 are not set.
func ToldAmount(text string) (money.Amount, error) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if text == "" {
		return money.Amount{}, nil
	}
	if n, err := strconv.Atoi(exponent); len(text) > maxToldChars || scientific && (err != nil || n > maxToldExponent || n < -maxToldExponent) {
		return money.Amount{}, errTold
	}
	if mantissa == "" || strings.Trim(mantissa, "0123456789.") != "" { // the signs, too
		return money.Amount{}, errTold
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return money.Amount{}, errTold
	}
	if -d.Exponent() > money.MaxFractionDigits {
		d = d.Truncate(money.MaxFractionDigits)
	}
	if d.IsZero() {
		return money.Amount{}, nil
	}
	return money.Parse(d.String()) // without the zeros at its end
}
