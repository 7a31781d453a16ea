package money_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/money"
)

// minorUnits are the codes of ISO 4217 List One that do not have two minor units.
var minorUnits = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	list := money.Currencies()
	if len(list) != 165 { // the 178 of List One (2026-09-17) less 13 without minor units
		t.Errorf("there are %d currencies; want 165", len(list))
	}
	if !slices.IsSortedFunc(list, func(a, b money.Currency) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("they are not sorted")
	}
	other := map[string]int{}
	for units, codes := range minorUnits {
		for _, code := range strings.Fields(codes) {
			other[code] = units
		}
	}
	for _, c := range list {
		want, isOther := other[c.Code]
		if !isOther {
			want = 2
		}
		delete(other, c.Code)
		if c.MinorUnits != want || c.Name == "" || strings.TrimSpace(c.Name) != c.Name {
			t.Errorf("%+v; want %d minor units", c, want)
		}
		if got, ok := money.LookupCurrency(c.Code); !ok || got != c {
			t.Errorf("LookupCurrency(%q) = %+v, %v", c.Code, got, ok)
		}
	}
	if len(other) != 0 {
		t.Errorf("missing: %v", other)
	}
	list[0].Code = "changed"
	if money.Currencies()[0].Code != "AED" {
		t.Error("the caller's slice is the table itself")
	}
}

func TestLookupCurrency(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]money.Currency{
		"USD": {Code: "USD", Name: "US Dollar", MinorUnits: 2},
		"usd": {Code: "USD", Name: "US Dollar", MinorUnits: 2},
		"eUr": {Code: "EUR", Name: "Euro", MinorUnits: 2},
		"JPY": {Code: "JPY", Name: "Yen", MinorUnits: 0},
		"KWD": {Code: "KWD", Name: "Kuwaiti Dinar", MinorUnits: 3},
		"CLF": {Code: "CLF", Name: "Unidad de Fomento", MinorUnits: 4},
		"ZWG": {Code: "ZWG", Name: "Zimbabwe Gold", MinorUnits: 2},
		"XCG": {Code: "XCG", Name: "Caribbean Guilder", MinorUnits: 2},
		"SLE": {Code: "SLE", Name: "Leone", MinorUnits: 2},
		"VES": {Code: "VES", Name: "Bolívar Soberano", MinorUnits: 2},
		"VED": {Code: "VED", Name: "Bolívar Soberano", MinorUnits: 2},
		"XAF": {Code: "XAF", Name: "CFA Franc BEAC", MinorUnits: 0},
	} {
		if got, ok := money.LookupCurrency(code); !ok || got != want {
			t.Errorf("LookupCurrency(%q) = %+v, %v; want %+v", code, got, ok, want)
		}
	}
	for kind, codes := range map[string][]string{
		"withdrawn":           {"BGN", "HRK", "LTL", "DEM", "VEF", "SLL", "ZWL", "ANG", "CUC", "MRO", "STD", "BYR", "TRL", "ROL"},
		"without minor units": {"XAU", "XAG", "XPT", "XPD", "XBA", "XBB", "XBC", "XBD", "XDR", "XSU", "XUA", "XTS", "XXX"},
		"not ISO 4217":        {"BTC", "GGP", "CNH", "ZZZ", "AAA"},
		"not a code":          {"", "US", "USDT", " USD", "US ", "U$D", "ＵＳＤ", "ſek", "840", "\x00\x00\x00"},
	} {
		for _, code := range codes {
			if got, ok := money.LookupCurrency(code); ok || got != (money.Currency{}) {
				t.Errorf("LookupCurrency(%q) = %+v, but it is %s", code, got, kind)
			}
		}
	}
}

func TestLookupCurrencyAnyString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z]{3}`)).Draw(t, "code")
		if c, ok := money.LookupCurrency(code); ok && c.Code != strings.ToUpper(code) {
			t.Fatalf("LookupCurrency(%q) = %+v", code, c)
		}
	})
}

func TestLookupCurrencyAllocates(t *testing.T) {
	for _, code := range []string{"USD", "usd", "nope"} {
		if n := testing.AllocsPerRun(100, func() { money.LookupCurrency(code) }); n != 0 {
			t.Errorf("LookupCurrency(%q) allocates %v times", code, n)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, amount, want string }{
		{"USD", "100", ""},
		{"USD", "100.00", ""},
		{"USD", "100.000", "has 3 decimal places; USD takes 2"},
		{"JPY", "100", ""},
		{"JPY", "100.5", "has 1 decimal place; JPY takes 0"},
		{"JPY", "100.000", "has 3 decimal places; JPY takes 0"},
		{"KWD", "0.001", ""},
		{"KWD", "0.0001", "has 4 decimal places; KWD takes 3"},
		{"CLF", "0.0001", ""},
	} {
		currency, _ := money.LookupCurrency(c.code)
		err := currency.Check(mustParse(t, c.amount))
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s of %s: %v; want %q", c.amount, c.code, err, c.want)
		}
		if err := currency.Check(money.Amount{}); err != nil {
			t.Errorf("no amount of %s: %v", c.code, err)
		}
	}
}

func BenchmarkLookupCurrency(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		money.LookupCurrency("USD")
	}
}
