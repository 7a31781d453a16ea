package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// maxNumberChars bounds the numbers of gateways; more digits than an amount has are none.
const maxNumberChars = 80

// ratePlaces are the decimal places of a rate that we calculate, as the gateway tells none.
const ratePlaces = 12

// Number reads an amount that a gateway gives as a JSON number or as a string. Nothing, null and 0 are not set; what is less,
// or no number, is an error. What an amount has no place for, beyond 18 decimal places, is cut off: it comes from a float.
func Number(n json.Number) (money.Amount, error) {
	text := string(n)
	if mantissa, _, _ := strings.Cut(strings.ToLower(text), "e"); text == "" || mantissa != "" && strings.Trim(mantissa, "0.") == "" {
		return money.Amount{}, nil
	}
	if len(text) > maxNumberChars {
		return money.Amount{}, errors.New("has too many digits for an amount")
	}
	if text[0] < '0' || text[0] > '9' {
		return money.Amount{}, fmt.Errorf("%q is not an amount", text)
	}
	amount, err := money.ParseJSON([]byte(text))
	if d, small := finer(text); err != nil && small {
		if d = d.Truncate(money.MaxFractionDigits); d.IsZero() {
			return money.Amount{}, nil
		}
		return money.Parse(d.String())
	}
	return amount, err
}

// finer tells whether the text is a number with more decimal places than an amount has, but not endlessly many.
func finer(text string) (decimal.Decimal, bool) {
	_, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if n, err := strconv.Atoi(exponent); scientific && (err != nil || n > maxNumberChars || n < -maxNumberChars) {
		return decimal.Zero, false
	}
	d, err := decimal.NewFromString(text)
	return d, err == nil && -d.Exponent() > money.MaxFractionDigits
}

// BaseUnits reads an amount that a gateway gives in the smallest units of an asset, such as wei. What an amount has no place
// for, beyond 18 decimal places, is cut off. Nothing and 0 are not set.
func BaseUnits(text string, decimals int) (money.Amount, error) {
	if text == "" || strings.Trim(text, "0") == "" {
		return money.Amount{}, nil
	}
	if len(text) > maxNumberChars || strings.Trim(text, "0123456789") != "" || decimals < 0 || decimals > maxNumberChars {
		return money.Amount{}, fmt.Errorf("%q with %d decimals is not an amount", excerpt(text), decimals)
	}
	text = strings.Repeat("0", max(0, decimals+1-len(text))) + text
	point := len(text) - decimals
	whole := strings.TrimLeft(text[:point-1], "0") + text[point-1:point]
	places := strings.TrimRight(text[point:point+min(decimals, money.MaxFractionDigits)], "0")
	if places == "" && strings.Trim(whole, "0") == "" {
		return money.Amount{}, nil
	}
	if places == "" {
		return money.Parse(whole)
	}
	return money.Parse(whole + "." + places)
}

// RateOf is the rate of a quote whose gateway tells none: what is left of the fiat amount without the fees, or with them for
// a seller, for one unit of crypto.
func RateOf(fiat, fees decimal.Decimal, crypto money.Amount) (money.Amount, error) {
	if !crypto.IsSet() {
		return money.Amount{}, errors.New("there is no crypto amount to calculate a rate from")
	}
	rate := fiat.Sub(fees).DivRound(crypto.Decimal(), ratePlaces)
	return money.Parse(rate.String())
}

// SetRate gives a quote whose gateway tells no rate the one that follows from its amounts and fees.
func (q *Quote) SetRate(kind checkout.OrderType) (err error) {
	fees := q.TotalFees()
	if kind == checkout.Sell {
		fees = fees.Neg()
	}
	q.Rate, err = RateOf(q.FiatAmount.Decimal(), fees, q.CryptoAmount)
	return err
}

func excerpt(text string) string {
	if len(text) > maxNumberChars {
		return text[:maxNumberChars] + "…"
	}
	return text
}
