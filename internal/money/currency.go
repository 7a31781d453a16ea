package money

import (
	_ "embed" // the table
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Currency is an active currency or fund code of ISO 4217.
type Currency struct {
	Code       string // three upper-case letters
	Name       string // as ISO 4217 has it
	MinorUnits int    // how many decimal places an amount may have: USD 2, JPY 0, KWD 3
}

//go:embed iso4217.csv
var iso4217 string

var (
	currencies     = mustLoadCurrencies(iso4217)
	currencyByCode = indexCurrencies(currencies)
)

// mustLoadCurrencies reads the embedded table once, when the program starts.
func mustLoadCurrencies(table string) []Currency {
	r := csv.NewReader(strings.NewReader(table))
	r.Comment = '#'
	r.FieldsPerRecord = 3
	rows, err := r.ReadAll()
	if err != nil {
		panic("money: iso4217.csv: " + err.Error())
	}
	list := make([]Currency, len(rows))
	for i, row := range rows {
		units, err := strconv.Atoi(row[1])
		if err != nil {
			panic("money: iso4217.csv: " + err.Error())
		}
		list[i] = Currency{Code: row[0], MinorUnits: units, Name: row[2]}
	}
	return list
}

func indexCurrencies(list []Currency) map[[3]byte]Currency {
	index := make(map[[3]byte]Currency, len(list))
	for _, c := range list {
		index[[3]byte([]byte(c.Code))] = c
	}
	return index
}

// LookupCurrency finds a currency by its code, whatever the letter case. Withdrawn codes
// and those without minor units (metals, testing, "no currency") are not found; the
// reasons are in iso4217.csv. The result does not share memory with code.
func LookupCurrency(code string) (Currency, bool) {
	if len(code) != 3 {
		return Currency{}, false
	}
	var folded [3]byte
	for i := range folded {
		folded[i] = code[i]
		if folded[i] >= 'a' && folded[i] <= 'z' {
			folded[i] -= 'a' - 'A'
		}
	}
	c, ok := currencyByCode[folded]
	return c, ok
}

// Currencies returns all currencies, by code. The slice is the caller's.
func Currencies() []Currency { return slices.Clone(currencies) }

// Check refuses an amount with more decimal places, as given, than the currency has minor
// units (contract §1, Amounts): "100.000" is no amount of USD. One that is not set passes.
func (c Currency) Check(a Amount) error {
	n := a.FractionDigits()
	if n <= c.MinorUnits {
		return nil
	}
	places := "places"
	if n == 1 {
		places = "place"
	}
	return fmt.Errorf("has %d decimal %s; %s takes %d", n, places, c.Code, c.MinorUnits)
}
