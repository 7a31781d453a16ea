package money

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// maxExponentDigits bounds the exponent of a JSON number. It only has to keep the sum of
// exponent and digits within an int; place refuses what is out of an amount's range.
const maxExponentDigits = 6

// ParseJSON reads an amount from a raw JSON value: a string, as Parse does, or a number,
// which may have an exponent (1.5e1 is "15"). The number never becomes a float, so
// 90071992547409.93 comes back as itself. What is neither, null included, is refused.
func ParseJSON(raw []byte) (Amount, error) {
	raw = bytes.Trim(raw, " \t\r\n")
	if len(raw) == 0 {
		return Amount{}, errWrongKind
	}
	switch c := raw[0]; {
	case c == '"':
		return parseJSONString(raw)
	case c == '-' || c >= '0' && c <= '9':
		return parseJSONNumber(string(raw))
	}
	return Amount{}, errWrongKind
}

func parseJSONString(raw []byte) (Amount, error) {
	if len(raw) > 1 && raw[len(raw)-1] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return Parse(string(raw[1 : len(raw)-1])) // nothing to unquote
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return Amount{}, errWrongKind
	}
	return Parse(s)
}

func parseJSONNumber(s string) (Amount, error) {
	e := strings.IndexAny(s, "eE")
	if e < 0 {
		return Parse(s)
	}
	mantissa := s[:e]
	integers := countDigits(mantissa)
	integer, fraction, hasPoint := strings.Cut(mantissa, ".")
	if integers == 0 || integers != len(integer) || integers > 1 && s[0] == '0' ||
		countDigits(fraction) != len(fraction) || hasPoint && fraction == "" {
		return Amount{}, errNotPlain
	}
	exponent, err := parseExponent(s[e+1:])
	if err != nil {
		return Amount{}, err
	}
	if isZero(mantissa) {
		return Amount{}, errNotPositive
	}
	return place(integer+fraction, exponent-len(fraction))
}

// parseExponent reads what follows the e of a JSON number.
func parseExponent(s string) (int, error) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if s == "" || countDigits(s) != len(s) {
		return 0, errNotPlain
	}
	s = strings.TrimLeft(s, "0")
	switch {
	case s == "":
		return 0, nil
	case len(s) > maxExponentDigits && negative:
		return 0, errManyFractions
	case len(s) > maxExponentDigits:
		return 0, errManyIntegers
	}
	exponent, err := strconv.Atoi(s)
	if negative {
		exponent = -exponent
	}
	return exponent, err
}

// MarshalJSON writes the digits as given, in a JSON string (contract §1, Amounts); null
// when not set.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !a.IsSet() {
		return []byte("null"), nil
	}
	out := make([]byte, 0, len(a.text)+2)
	out = append(out, '"')
	out = append(out, a.text...)
	return append(out, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, and whatever else ParseJSON takes; null is not set.
func (a *Amount) UnmarshalJSON(raw []byte) (err error) {
	*a = Amount{}
	if string(raw) != "null" {
		*a, err = ParseJSON(raw)
	}
	return err
}
