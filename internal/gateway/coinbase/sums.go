package coinbase

import (
	"encoding/json"
	"errors"
	"regexp"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/money"
)

// text is a JSON string or number, as its digits; null is empty.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if len(raw) > 0 && raw[0] == '"' {
		err := json.Unmarshal(raw, &s)
		*t = text(s)
		return err
	}
	var n json.Number
	err := json.Unmarshal(raw, &n)
	*t = text(n)
	return err
}

// sum is an amount with its currency. The live API has it in "value", the documentation's examples in "amount", and headless
// orders have the bare amount.
type sum struct{ value, currency string }

func (s *sum) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' {
		var bare text
		err := json.Unmarshal(raw, &bare)
		s.value = string(bare)
		return err
	}
	var object struct {
		Value    text   `json:"value"`
		Amount   text   `json:"amount"`
		Currency string `json:"currency"`
	}
	err := json.Unmarshal(raw, &object)
	if s.value = string(object.Value); s.value == "" {
		s.value = string(object.Amount)
	}
	s.currency = object.Currency
	return err
}

var errSum = errors.New("an amount is not a plain decimal number")

var sumForm = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// exact reads a plain decimal number, signed or not.
func exact(digits string) (decimal.Decimal, error) {
	if !sumForm.MatchString(digits) {
		return decimal.Zero, errSum
	}
	return decimal.NewFromString(digits)
}

// amount is the sum as an amount of ours: not set where it is missing or 0. What an asset has in decimal places beyond ours is
// cut off, which NEAR alone has.
func (s sum) amount() (money.Amount, error) {
	if s.value == "" {
		return money.Amount{}, nil
	}
	d, err := exact(s.value)
	if err != nil {
		return money.Amount{}, err
	}
	if d.Exponent() < -money.MaxFractionDigits {
		d = d.Truncate(money.MaxFractionDigits)
	}
	if d.IsZero() {
		return money.Amount{}, nil
	}
	return money.FromDecimal(d)
}
