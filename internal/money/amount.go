// Package money holds exact decimal amounts and the ISO 4217 currencies they are checked
// against.
//
// It is not a calculator (Amount.Decimal hands out a decimal for that), knows no exchange
// rates, and does not say in which currency an amount is. No float ever touches an amount.
//
// Invariant: an Amount that is set is greater than 0, within MaxIntegerDigits and
// MaxFractionDigits, and prints exactly the digits it was given, so Parse(a.String())
// gives it back.
package money

import (
	"errors"
	"strings"

	"github.com/shopspring/decimal"
)

// The bounds of an amount, in digits before and after the decimal point. 18 is what the
// finest crypto assets need; 20 before it is more than any currency does.
const (
	MaxIntegerDigits  = 20
	MaxFractionDigits = 18
)

// The texts are shown to API users, next to the name of the member they are about.
var (
	errNotPlain      = errors.New(`must be a plain decimal greater than 0, such as "100.00"`)
	errNotPositive   = errors.New("must be greater than 0")
	errManyIntegers  = errors.New("must have at most 20 digits before the decimal point")
	errManyFractions = errors.New("must have at most 18 digits after the decimal point")
	errWrongKind     = errors.New("must be a string or a number")
)

// Amount is an exact decimal greater than 0 that remembers the digits it was given
// ("100.00" stays so). The zero value means "not set". Amounts are compared with Equal
// and Cmp; == does not compile, because it would tell 100 from 100.00.
type Amount struct {
	_    [0]func() // takes == away
	text string    // as Parse accepts it; "" is not set
}

// Parse reads a plain decimal greater than 0: a number by the JSON grammar without sign
// and exponent (contract §1, Amounts). Its errors say what was expected, in words for an
// API user.
func Parse(s string) (Amount, error) {
	if err := checkPlain(s); err != nil {
		return Amount{}, err
	}
	return Amount{text: s}, nil
}

// checkPlain says whether s is the text of an amount.
func checkPlain(s string) error {
	integers := countDigits(s)
	if integers == 0 || integers > 1 && s[0] == '0' {
		return errNotPlain
	}
	fractions := 0
	if len(s) > integers {
		fractions = countDigits(s[integers+1:])
		if s[integers] != '.' || fractions == 0 || integers+1+fractions != len(s) {
			return errNotPlain
		}
	}
	switch {
	case integers > MaxIntegerDigits:
		return errManyIntegers
	case fractions > MaxFractionDigits:
		return errManyFractions
	case isZero(s):
		return errNotPositive
	}
	return nil
}

// countDigits counts the ASCII digits that s begins with.
func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// isZero tells of a string of digits and a point whether all digits are 0.
func isZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' && s[i] != '.' {
			return false
		}
	}
	return true
}

// FromDecimal makes an amount of d with the digits d has: 10000×10⁻² is "100.00". It
// refuses what Parse refuses, so zero, negative and overlong values.
func FromDecimal(d decimal.Decimal) (Amount, error) {
	if d.Sign() <= 0 {
		return Amount{}, errNotPositive
	}
	return place(d.Coefficient().String(), int(d.Exponent()))
}

// place makes the amount digits × 10^exponent; digits are ASCII digits only. Nothing is
// built before the bounds are checked, so a huge exponent costs nothing.
func place(digits string, exponent int) (Amount, error) {
	point := len(digits) + exponent // where the decimal point comes to stand in digits
	significant := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(significant)
	switch {
	case significant == "":
		return Amount{}, errNotPositive
	case point > MaxIntegerDigits:
		return Amount{}, errManyIntegers
	case len(significant)-point > MaxFractionDigits:
		return Amount{}, errManyFractions
	case point <= 0:
		return Amount{text: "0." + strings.Repeat("0", -point) + significant}, nil
	case point < len(significant):
		return Amount{text: significant[:point] + "." + significant[point:]}, nil
	}
	return Amount{text: significant + strings.Repeat("0", point-len(significant))}, nil
}

// IsSet tells an amount from the zero value.
func (a Amount) IsSet() bool { return a.text != "" }

// String returns the digits as given; "" when not set.
func (a Amount) String() string { return a.text }

// FractionDigits is the number of digits after the decimal point, as given: 2 for
// "100.00".
func (a Amount) FractionDigits() int {
	_, fraction := a.split()
	return len(fraction)
}

// Cmp compares by value: -1, 0 or 1 as a is less than, equal to or greater than b. An
// amount that is not set is less than all others.
func (a Amount) Cmp(b Amount) int {
	aInteger, aFraction := a.split()
	bInteger, bFraction := b.split()
	// There are no leading zeros, so the longer integer is the greater one; equally long
	// ones, and fractions without their trailing zeros, compare as text.
	switch {
	case len(aInteger) < len(bInteger):
		return -1
	case len(aInteger) > len(bInteger):
		return 1
	case aInteger != bInteger:
		return strings.Compare(aInteger, bInteger)
	}
	return strings.Compare(strings.TrimRight(aFraction, "0"), strings.TrimRight(bFraction, "0"))
}

// Equal tells whether a and b are the same value: 100 equals 100.00.
func (a Amount) Equal(b Amount) bool { return a.Cmp(b) == 0 }

// Decimal returns the value, with the fraction digits as given, for arithmetic; 0 when
// not set.
func (a Amount) Decimal() decimal.Decimal {
	if !a.IsSet() {
		return decimal.Zero
	}
	return decimal.RequireFromString(a.text)
}

func (a Amount) split() (integer, fraction string) {
	integer, fraction, _ = strings.Cut(a.text, ".")
	return integer, fraction
}
