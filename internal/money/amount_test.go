package money_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/money"
)

const (
	notPlain      = `must be a plain decimal greater than 0, such as "100.00"`
	notPositive   = "must be greater than 0"
	manyIntegers  = "must have at most 20 digits before the decimal point"
	manyFractions = "must have at most 18 digits after the decimal point"
	wrongKind     = "must be a string or a number"
)

// plainTexts draws the texts that Parse accepts.
func plainTexts() *rapid.Generator[string] {
	integers := rapid.OneOf(rapid.Just("0"), rapid.StringMatching(`[1-9][0-9]{0,19}`))
	fractions := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`\.[0-9]{1,18}`), rapid.StringMatching(`\.0{1,17}[0-9]`))
	return rapid.Custom(func(t *rapid.T) string {
		return integers.Draw(t, "integer") + fractions.Draw(t, "fraction")
	}).Filter(func(s string) bool { return strings.Trim(s, "0.") != "" })
}

func mustParse(t interface{ Fatalf(string, ...any) }, s string) money.Amount {
	a, err := money.Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return a
}

func ratOf(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not a rational: " + s)
	}
	return r
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"1", "100", "100.00", "0.05", "0.0523", "10", "1.0", "90071992547409.93",
		"0.000000000000000001", strings.Repeat("9", 20) + "." + strings.Repeat("9", 18),
	} {
		a := mustParse(t, s)
		if a.String() != s || !a.IsSet() {
			t.Errorf("Parse(%q) = %q, set %v", s, a, a.IsSet())
		}
	}
	for s, want := range map[string]string{
		"": notPlain, " ": notPlain, "007": notPlain, "00": notPlain, "00.1": notPlain, ".5": notPlain, "5.": notPlain,
		".": notPlain, "+1": notPlain, "-1": notPlain, "-0": notPlain, "1e2": notPlain, "1E2": notPlain, " 1": notPlain,
		"1 ": notPlain, "1\n": notPlain, "NaN": notPlain, "Infinity": notPlain, "1,5": notPlain, "1_000": notPlain, "0x10": notPlain,
		"１": notPlain, "٣": notPlain, "1.2.3": notPlain, "1..2": notPlain, "1.2x": notPlain, "1.+2": notPlain, "1\x00": notPlain, "\xff": notPlain,
		"0": notPositive, "0.0": notPositive, "0.000000000000000000": notPositive,
		strings.Repeat("9", 21):                                 manyIntegers,
		"1" + strings.Repeat("0", 60_000):                       manyIntegers,
		"0." + strings.Repeat("0", 18) + "1":                    manyFractions,
		"1." + strings.Repeat("0", 19):                          manyFractions,
		strings.Repeat("9", 20) + "x":                           notPlain,
		strings.Repeat("9", 21) + "." + strings.Repeat("9", 19): manyIntegers,
	} {
		a, err := money.Parse(s)
		if err == nil || err.Error() != want || a.IsSet() {
			t.Errorf("Parse(%.40q) = %q, %v; want error %q", s, a, err, want)
		}
	}
}

func TestUnset(t *testing.T) {
	t.Parallel()
	var unset money.Amount
	one := mustParse(t, "1")
	raw, err := json.Marshal(unset)
	if unset.IsSet() || unset.String() != "" || unset.FractionDigits() != 0 || !unset.Decimal().IsZero() || string(raw) != "null" || err != nil {
		t.Errorf("the zero value is %q, JSON %s %v", unset, raw, err)
	}
	if unset.Cmp(one) != -1 || one.Cmp(unset) != 1 || !unset.Equal(money.Amount{}) || unset.Equal(one) {
		t.Error("the zero value must be less than every amount")
	}
}

func TestCmp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"100", "100.00", 0},
		{"0.10", "0.1", 0},
		{"99", "100", -1},
		{"0.9", "1", -1},
		{"1.01", "1.1", -1},
		{"1.5", "1.45", 1},
		{"1", "1.000000000000000001", -1},
		{"90071992547409.93", "90071992547409.92", 1},
	} {
		a, b := mustParse(t, c.a), mustParse(t, c.b)
		if a.Cmp(b) != c.want || b.Cmp(a) != -c.want || a.Equal(b) != (c.want == 0) {
			t.Errorf("%s to %s: %d and back %d, equal %v", a, b, a.Cmp(b), b.Cmp(a), a.Equal(b))
		}
	}
}

func TestFromDecimal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d         decimal.Decimal
		want, err string
	}{
		{d: decimal.New(10000, -2), want: "100.00"},
		{d: decimal.New(5, -2), want: "0.05"},
		{d: decimal.New(5, 3), want: "5000"},
		{d: decimal.New(1, 19), want: "1" + strings.Repeat("0", 19)},
		{d: decimal.New(1, -18), want: "0.000000000000000001"},
		{d: decimal.Zero, err: notPositive},
		{d: decimal.New(-1, 0), err: notPositive},
		{d: decimal.New(1, 20), err: manyIntegers},
		{d: decimal.New(1, 1<<31-1), err: manyIntegers},
		{d: decimal.New(10, -19), err: manyFractions},
		{d: decimal.New(1, -1<<31), err: manyFractions},
	} {
		a, err := money.FromDecimal(c.d)
		if a.String() != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("FromDecimal(%d×10^%d) = %q, %v; want %q, %q", c.d.Coefficient(), c.d.Exponent(), a, err, c.want, c.err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := plainTexts().Draw(t, "text")
		a := mustParse(t, s)
		if a.String() != s {
			t.Fatalf("Parse(%q) prints %q", s, a)
		}
		if _, fraction, _ := strings.Cut(s, "."); a.FractionDigits() != len(fraction) {
			t.Fatalf("%q has %d fraction digits", s, a.FractionDigits())
		}
		if a.Decimal().Rat().Cmp(ratOf(s)) != 0 {
			t.Fatalf("%q is the decimal %s", s, a.Decimal())
		}
		if b, err := money.FromDecimal(a.Decimal()); err != nil || b.String() != s {
			t.Fatalf("%q through a decimal is %q, %v", s, b, err)
		}
		raw, err := json.Marshal(a)
		if err != nil || string(raw) != `"`+s+`"` {
			t.Fatalf("%q is the JSON %s, %v", s, raw, err)
		}
		if b, err := money.ParseJSON(raw); err != nil || b.String() != s {
			t.Fatalf("%q through JSON is %q, %v", s, b, err)
		}
	})
}

func TestOrderIsThatOfRationals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := plainTexts().Draw(t, "x")
		y := rapid.OneOf(plainTexts(), rapid.Just(x), rapid.Just(paddedFraction(x))).Draw(t, "y")
		a, b := mustParse(t, x), mustParse(t, y)
		want := ratOf(x).Cmp(ratOf(y))
		if a.Cmp(b) != want || a.Equal(b) != (want == 0) {
			t.Fatalf("%s to %s: %d, want %d", a, b, a.Cmp(b), want)
		}
	})
}

// paddedFraction writes the same value with one more digit, where there is room.
func paddedFraction(s string) string {
	_, fraction, found := strings.Cut(s, ".")
	switch {
	case !found:
		return s + ".0"
	case len(fraction) < money.MaxFractionDigits:
		return s + "0"
	}
	return s
}

func TestParseAllocates(t *testing.T) {
	raw := []byte(`"100.00"`)
	a, b := mustParse(t, "100.00"), mustParse(t, "100")
	for name, c := range map[string]struct {
		want float64
		run  func()
	}{
		"Parse":     {0, func() { _, _ = money.Parse("100.00") }},
		"ParseJSON": {1, func() { _, _ = money.ParseJSON(raw) }}, // the text it keeps
		"Cmp":       {0, func() { a.Cmp(b) }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n > c.want {
			t.Errorf("%s allocates %v times; want %v", name, n, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "100.00", "0.05", "007", ".5", "5.", "+1", "-1", "1e2", " 1", "NaN", "１", "0", "0.0", "90071992547409.93"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.Parse(s)
		if err != nil {
			if a.IsSet() {
				t.Fatalf("Parse(%q) = %q and %v", s, a, err)
			}
			return
		}
		if a.String() != s || !json.Valid([]byte(s)) || ratOf(s).Sign() != 1 {
			t.Fatalf("Parse(%q) = %q", s, a)
		}
		if len(s) > money.MaxIntegerDigits+1+money.MaxFractionDigits {
			t.Fatalf("Parse(%q) is longer than the limits allow", s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = money.Parse("100.00")
	}
}

func BenchmarkDecimal(b *testing.B) {
	b.ReportAllocs()
	a := mustParse(b, "100.00")
	for b.Loop() {
		a.Decimal()
	}
}
