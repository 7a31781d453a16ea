package checkout_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/checkout"
)

func TestLookupCountry(t *testing.T) {
	t.Parallel()
	cases := []struct {
		code, want string
		ok         bool
	}{
		{"US", "US", true},
		{"us", "US", true},
		{"uS", "US", true},
		{"GB", "GB", true},
		{"AD", "AD", true}, // first of the table
		{"ZW", "ZW", true}, // last of the table
		{"AX", "AX", true},
		{"BQ", "BQ", true}, // assigned 2010
		{"CW", "CW", true},
		{"SX", "SX", true},
		{"SS", "SS", true}, // assigned 2011, the newest
		{"RS", "RS", true},
		{"ME", "ME", true},
		{"TL", "TL", true},
		{"AQ", "AQ", true},
		{"UM", "UM", true},
		{"HM", "HM", true},
		// Reserved, not assigned.
		{"UK", "", false},
		{"EU", "", false},
		{"EZ", "", false},
		{"UN", "", false},
		{"AC", "", false},
		{"CP", "", false},
		{"CQ", "", false},
		{"DG", "", false},
		{"EA", "", false},
		{"FX", "", false},
		{"IC", "", false},
		{"TA", "", false},
		// User-assigned.
		{"AA", "", false},
		{"XK", "", false},
		{"QZ", "", false},
		{"ZZ", "", false},
		// Withdrawn.
		{"AN", "", false},
		{"BU", "", false},
		{"CS", "", false},
		{"DD", "", false},
		{"NT", "", false},
		{"SU", "", false},
		{"TP", "", false},
		{"YU", "", false},
		{"ZR", "", false},
		// Not codes.
		{"", "", false},
		{"U", "", false},
		{"USA", "", false},
		{" US", "", false},
		{"U ", "", false},
		{"U5", "", false},
		{"@A", "", false},
		{"[A", "", false},
		{"\x15\x13", "", false}, // "US" without its letter bits
		{"ß", "", false},
		{"ſ", "", false},
	}
	for _, c := range cases {
		got, ok := checkout.LookupCountry(c.code)
		if got != c.want || ok != c.ok {
			t.Errorf("LookupCountry(%q) = %q, %v; want %q, %v", c.code, got, ok, c.want, c.ok)
		}
	}
}

// ISO 3166-1 assigns 249 codes; over all byte pairs exactly those, in any case, are found.
func TestLookupCountryCount(t *testing.T) {
	t.Parallel()
	upper, total := 0, 0
	for a := range 256 {
		for b := range 256 {
			code := string([]byte{byte(a), byte(b)})
			got, ok := checkout.LookupCountry(code)
			if !ok {
				continue
			}
			total++
			if got == code {
				upper++
			}
			if got != strings.ToUpper(code) {
				t.Errorf("LookupCountry(%q) = %q", code, got)
			}
		}
	}
	if upper != 249 || total != 4*249 {
		t.Errorf("found %d codes in upper case and %d in all; want 249 and %d", upper, total, 4*249)
	}
}

func TestLookupCountryAnyString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.String().Draw(t, "code")
		if got, ok := checkout.LookupCountry(code); ok && (len(code) != 2 || got != strings.ToUpper(code)) {
			t.Fatalf("LookupCountry(%q) = %q", code, got)
		}
	})
}

func TestLookupCountryAllocates(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { checkout.LookupCountry("de") }); n != 0 {
		t.Errorf("LookupCountry allocates %v times", n)
	}
}
