package money_test

import (
	"testing"

	"github.com/sliproad/sliproad/internal/money"
)

func TestSymbol(t *testing.T) {
	t.Parallel()
	want := map[string]string{"USD": "$", "EUR": "€", "JPY": "¥", "CNY": "CN¥", "CHF": "CHF", "GHS": "GH₵"}
	owner := map[string]string{}
	signs := 0
	for _, c := range money.Currencies() {
		symbol := c.Symbol()
		if other := owner[symbol]; other != "" {
			t.Errorf("%s and %s share the symbol %s", c.Code, other, symbol)
		}
		owner[symbol] = c.Code
		if w := want[c.Code]; w != "" && w != symbol {
			t.Errorf("%s: %s, want %s", c.Code, symbol, w)
		}
		if symbol != c.Code {
			signs++
		}
	}
	if signs != 39 { // as many as the table has: each of its codes is a currency
		t.Errorf("%d currencies have a sign", signs)
	}
}
