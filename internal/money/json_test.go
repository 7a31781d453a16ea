package money_test

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/money"
)

func TestParseJSON(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"100.00"`: "100.00", `"0.05"`: "0.05", `"\u0031.5"`: "1.5", ` "1" `: "1",
		`100.00`: "100.00", `100`: "100", `0.05`: "0.05", "\n1\t": "1",
		`90071992547409.93`: "90071992547409.93",
		`1e2`:               "100", `1E2`: "100", `1e+2`: "100", `1.5e1`: "15", `1.50e1`: "15.0", `1e0`: "1", `1e-0`: "1",
		`1.5e00000000000000001`: "15", `100e-2`: "1.00", `5e-2`: "0.05", `0.5e1`: "5", `0.001e3`: "1", `0.0015e3`: "1.5",
		`1e-18`: "0.000000000000000001", `1e19`: "10000000000000000000",
		`1000000000000000000000e-3`:                    "1000000000000000000.000",
		`0.` + strings.Repeat("0", 30) + `1e31`:        "1",
		`0.` + strings.Repeat("0", 50_000) + `1e50001`: "1",
	} {
		a, err := money.ParseJSON([]byte(raw))
		if err != nil || a.String() != want {
			t.Errorf("ParseJSON(%.60s) = %q, %v; want %q", raw, a, err, want)
		}
	}
	for raw, want := range map[string]string{
		``: wrongKind, ` `: wrongKind, `null`: wrongKind, `true`: wrongKind, `{}`: wrongKind, `["1"]`: wrongKind, `NaN`: wrongKind,
		`+1`: wrongKind, `.5`: wrongKind, `"`: wrongKind, `"1`: wrongKind, `"\`: wrongKind, `"\x"`: wrongKind, `"1\"`: wrongKind,
		`""`: notPlain, `"1e2"`: notPlain, `" 1"`: notPlain, `"1\n"`: notPlain, `"-1"`: notPlain, `"1"2"`: notPlain, "\"\xff\"": notPlain,
		`-1`: notPlain, `-`: notPlain, `007`: notPlain, `5.`: notPlain, `1 2`: notPlain, `1x`: notPlain, `-1e2`: notPlain,
		`1e`: notPlain, `1e+`: notPlain, `1e-`: notPlain, `1e1.5`: notPlain, `1e+-1`: notPlain, `1ee1`: notPlain, `01e1`: notPlain, `1.e1`: notPlain,
		`1.2.3e1`: notPlain, `1e１`: notPlain, `"\uff11"`: notPlain,
		`0`: notPositive, `"0"`: notPositive, `0e5`: notPositive, `0.000e-5`: notPositive,
		`1e20`: manyIntegers, `1e999999`: manyIntegers, `1e999999999`: manyIntegers, `1e99999999999999999999999`: manyIntegers,
		`1e-19`: manyFractions, `1e-999999`: manyFractions, `1e-999999999`: manyFractions, `1.0e-18`: manyFractions,
		`123456789012345678901`: manyIntegers, `1.` + strings.Repeat("0", 19): manyFractions,
	} {
		a, err := money.ParseJSON([]byte(raw))
		if err == nil || err.Error() != want || a.IsSet() {
			t.Errorf("ParseJSON(%.60s) = %q, %v; want error %q", raw, a, err, want)
		}
	}
}

// The result keeps no part of the bytes it was read from.
func TestParseJSONOwnsItsText(t *testing.T) {
	t.Parallel()
	for _, raw := range [][]byte{[]byte(`"12"`), []byte(`12`), []byte(`12e0`)} {
		a, err := money.ParseJSON(raw)
		if err != nil {
			t.Fatal(err)
		}
		clear(raw)
		if a.String() != "12" {
			t.Errorf("the amount became %q", a)
		}
	}
}

func TestNumberAgreesWithString(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(plainTexts(), rapid.StringMatching(`-?[0-9]{1,22}(\.[0-9]{0,20})?`))
	rapid.Check(t, func(t *rapid.T) {
		s := texts.Draw(t, "text")
		number, numberErr := money.ParseJSON([]byte(s))
		text, textErr := money.ParseJSON([]byte(`"` + s + `"`))
		if number.String() != text.String() || (numberErr == nil) != (textErr == nil) {
			t.Fatalf("%s: number %q, %v; string %q, %v", s, number, numberErr, text, textErr)
		}
		if numberErr != nil && numberErr.Error() != textErr.Error() {
			t.Fatalf("%s: number %v; string %v", s, numberErr, textErr)
		}
	})
}

// An exponent moves the point and nothing else.
func TestExponentIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mantissa := plainTexts().Draw(t, "mantissa")
		raw := mantissa + "e" + strconv.Itoa(rapid.IntRange(-25, 25).Draw(t, "exponent"))
		a, err := money.ParseJSON([]byte(raw))
		if err == nil && ratOf(a.String()).Cmp(ratOf(raw)) != 0 {
			t.Fatalf("ParseJSON(%s) = %s", raw, a)
		}
		tooLarge := ratOf(raw).Cmp(ratOf("1e20")) >= 0
		if tooLarge && err == nil {
			t.Fatalf("ParseJSON(%s) = %s, beyond the limit", raw, a)
		}
		fits := new(big.Rat).Mul(ratOf(raw), ratOf("1e18")).IsInt()
		if !fits && err == nil {
			t.Fatalf("ParseJSON(%s) = %s lost digits", raw, a)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`"100.00"`, `100.00`, `1e2`, `1.5e-1`, `1e999999999`, `-1`, `null`, `"\u0031"`, `"1\`, `90071992547409.93`, `[1]`, ` 1 `, `0e0`, `5E+3`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := money.ParseJSON(raw)
		if err != nil {
			if a.IsSet() {
				t.Fatalf("ParseJSON(%q) = %q and %v", raw, a, err)
			}
			return
		}
		// What is accepted is JSON of the same value, and its text is an amount.
		var value any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if !json.Valid(raw) || d.Decode(&value) != nil {
			t.Fatalf("ParseJSON(%q) = %q, but that is no JSON", raw, a)
		}
		if _, err := money.Parse(a.String()); err != nil {
			t.Fatalf("ParseJSON(%q) = %q: %v", raw, a, err)
		}
		switch v := value.(type) {
		case string:
			if a.String() != v {
				t.Fatalf("ParseJSON(%q) = %q", raw, a)
			}
		case json.Number:
			if len(raw) < 100 && ratOf(v.String()).Cmp(ratOf(a.String())) != 0 {
				t.Fatalf("ParseJSON(%q) = %q", raw, a)
			}
		default:
			t.Fatalf("ParseJSON(%q) = %q", raw, a)
		}
	})
}
