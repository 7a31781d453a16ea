package contract_test

import (
	"encoding/json"
	"testing"
)

// usd is a creation whose sourceAmount, in dollars, is echoed as want.
func usd(amount any, want string) creation {
	return creation{
		"§1 amounts: echoed with the digits given: " + string(encode(amount)),
		obj{"sourceAmount": amount, "sourceCurrency": "USD"},
		obj{"sourceAmount": want},
		"",
	}
}

// noAmount is a creation whose sourceAmount is refused, without any currency.
func noAmount(why string, amount any) creation {
	return creation{"§1 amounts: " + why + ": " + string(encode(amount)), obj{"sourceAmount": amount}, nil, "sourceAmount"}
}

func minor(currency, amount string, fits bool) creation {
	c := creation{
		"§1 amounts: minor units of " + currency + ": " + amount,
		obj{"sourceAmount": amount, "sourceCurrency": currency},
		obj{"sourceAmount": amount},
		"",
	}
	if !fits {
		c.want, c.fields = nil, "sourceAmount"
	}
	return c
}

var amountCases = []creation{
	usd("100", "100"),
	usd("100.00", "100.00"),
	usd("100.50", "100.50"),
	usd("0.01", "0.01"),
	usd("90071992547409.93", "90071992547409.93"),
	usd(json.Number("100"), "100"),
	usd(json.Number("100.00"), "100.00"),
	usd(json.Number("0.07"), "0.07"),
	usd(json.Number("90071992547409.93"), "90071992547409.93"),
	usd(json.Number("9007199254740993"), "9007199254740993"),
	noAmount("> 0", "0"),
	noAmount("> 0", "0.00"),
	noAmount("> 0", json.Number("0")),
	noAmount("> 0", json.Number("-0")),
	noAmount("> 0", "-5"),
	noAmount("> 0", json.Number("-5")),
	noAmount("no exponent in a string", "1e2"),
	noAmount("no exponent in a string", "1E+2"),
	noAmount("plain decimal", ""),
	noAmount("plain decimal", " 5"),
	noAmount("plain decimal", "5 "),
	noAmount("plain decimal", "+5"),
	noAmount("plain decimal", "1,000"),
	noAmount("plain decimal", "1_000"),
	noAmount("plain decimal", "0x10"),
	noAmount("plain decimal", "1/2"),
	noAmount("plain decimal", "1.2.3"),
	noAmount("plain decimal", "."),
	noAmount("plain decimal", "NaN"),
	noAmount("plain decimal", "Infinity"),
	noAmount("plain decimal", "١٠٠"),
	noAmount("plain decimal", "100 USD"),
	noAmount("string or number", false),
	noAmount("string or number", obj{"value": "1"}),
	noAmount("string or number", []any{"1"}),
	minor("USD", "100.01", true),
	minor("USD", "100.001", false),
	minor("EUR", "0.001", false),
	minor("JPY", "100", true),
	minor("JPY", "100.5", false),
	minor("KRW", "1000.1", false),
	minor("KWD", "1.234", true),
	minor("KWD", "1.2345", false),
	minor("usd", "1.005", false),
	{
		"§1 amounts: minor units hold for a number too",
		obj{"sourceAmount": json.Number("100.001"), "sourceCurrency": "USD"},
		nil, "sourceAmount",
	},
	{
		"§1 amounts: without a currency no minor units are known",
		obj{"sourceAmount": "100.001"},
		obj{"sourceAmount": "100.001", "sourceCurrency": nil},
		"",
	},
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	runCreations(t, dev, amountCases)
	t.Run("§1 amounts: an exponent in a number is exact or refused", func(t *testing.T) {
		t.Parallel()
		a := dev.create(t, obj{"sourceAmount": json.Number("1e2"), "sourceCurrency": "USD"})
		if a.status == 400 {
			a.invalid(t, "sourceAmount")
			return
		}
		same(t, a.ok(t, 201), obj{"sourceAmount": "100"})
	})
	t.Run("§1 amounts: a vast exponent neither passes nor stalls", func(t *testing.T) {
		t.Parallel()
		dev.create(t, obj{"sourceAmount": json.Number("1e999999999"), "sourceCurrency": "USD"}).invalid(t, "sourceAmount")
	})
}

// TestOrderAmounts: the same rules for fiatAmount (§2.6).
func TestOrderAmounts(t *testing.T) {
	t.Parallel()
	s := dev.session(t, nil)
	for _, amount := range []any{"0", "-1", "1e2", "", "NaN", "100.001", json.Number("100.001"), true, json.Number("0")} {
		t.Run("§2.6 fiatAmount is an amount: "+string(encode(amount)), func(t *testing.T) {
			t.Parallel()
			s.order(t, obj{"fiatAmount": amount}).invalid(t, "fiatAmount")
		})
	}
	for _, c := range []struct {
		amount   any
		currency string
		want     string
	}{
		{"100.00", "USD", "100.00"},
		{json.Number("100.50"), "USD", "100.50"},
		{json.Number("49999.99"), "EUR", "49999.99"},
		{"1000", "JPY", "1000"},
		{"1.234", "KWD", "1.234"},
	} {
		t.Run("§2.6 fiatAmount is echoed with its digits: "+c.want+" "+c.currency, func(t *testing.T) {
			t.Parallel()
			id := dev.session(t, nil).order(t, obj{"fiatAmount": c.amount, "fiatCurrency": c.currency}).ok(t, 201)["orderId"]
			same(t, dev.readOrder(t, text(id)), obj{"fiatAmount": c.want, "fiatCurrency": c.currency})
		})
	}
}
