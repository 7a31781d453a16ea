package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text, want string
		fails      bool
	}{
		{"", "", false},
		{"0", "", false},
		{"0.00", "", false},
		{"0e99999999999", "", false},
		{"0.1819", "0.1819", false},
		{"295.45", "295.45", false},
		{"1e-7", "0.0000001", false},
		{"1.5E+1", "15", false},
		{"90071992547409.93", "90071992547409.93", false},
		{"1.6099999999999999999", "1.609999999999999999", false}, // a float has more places than an amount
		{"1.2345678901234567e-5", "0.000012345678901234", false},
		{"1e-19", "", false},
		{"1.2.3000000000000000000000", "", true},
		{"123456789012345678901.0000000000000000001", "", true},
		{"-1", "", true},
		{"-0", "", true},
		{"1e400000000", "", true},
		{"1e-400000000", "", true},
		{"NaN", "", true},
		{`"1"`, "", true},
		{"e5", "", true},
		{strings.Repeat("9", 100), "", true},
	}
	for _, tt := range cases {
		got, err := gateway.Number(json.Number(tt.text))
		if got.String() != tt.want || (err != nil) != tt.fails {
			t.Errorf("Number(%q) = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestBaseUnits(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text     string
		decimals int
		want     string
		fails    bool
	}{
		{"", 18, "", false},
		{"0", 18, "", false},
		{"1", 18, "0.000000000000000001", false},
		{"1000000000000000000", 18, "1", false},
		{"1234567890000000000", 18, "1.23456789", false},
		{"2000000", 6, "2", false},
		{"25500000", 6, "25.5", false},
		{"100", 0, "100", false},
		{"0000100", 2, "1", false},
		{"5", 1, "0.5", false},
		{"1000000000000000000000001", 24, "1", false}, // the last of NEAR's 24 places has no place in an amount
		{"1", 24, "", false},
		{"123456789012345678901", 0, "", true},
		{"-1", 18, "", true},
		{"1.5", 18, "", true},
		{"1e5", 18, "", true},
		{"1", -1, "", true},
		{"1", 1 << 30, "", true},
		{strings.Repeat("1", 1000), 18, "", true},
	}
	for _, tt := range cases {
		got, err := gateway.BaseUnits(tt.text, tt.decimals)
		if got.String() != tt.want || (err != nil) != tt.fails {
			t.Errorf("BaseUnits(%.90q, %d) = %q, %v; want %q", tt.text, tt.decimals, got, err, tt.want)
		}
	}
}

func TestRateOf(t *testing.T) {
	t.Parallel()
	crypto, err := money.Parse("0.03")
	if err != nil {
		t.Fatal(err)
	}
	rate, err := gateway.RateOf(decimal.NewFromInt(100), decimal.NewFromInt(1), crypto)
	if err != nil || rate.String() != "3300" {
		t.Errorf("RateOf(100 - 1, 0.03) = %s, %v; want 3300", rate, err)
	}
	if rate, err = gateway.RateOf(decimal.NewFromInt(100), decimal.NewFromInt(100), crypto); err == nil {
		t.Errorf("a rate of nothing is %s", rate)
	}
	if rate, err = gateway.RateOf(decimal.NewFromInt(100), decimal.Zero, money.Amount{}); err == nil {
		t.Errorf("a rate for nothing is %s", rate)
	}
	for kind, want := range map[checkout.OrderType]string{checkout.Buy: "3300", checkout.Sell: "3366.666666666667"} {
		var q gateway.Quote
		if q.FiatAmount, err = money.Parse("100"); err != nil {
			t.Fatal(err)
		}
		fee, err := money.Parse("1")
		if err != nil {
			t.Fatal(err)
		}
		q.CryptoAmount = crypto
		q.AddFee(gateway.FeeGateway, fee)
		q.AddFee(gateway.FeeNetwork, money.Amount{})
		if err := q.SetRate(kind); err != nil || q.Rate.String() != want || len(q.Fees) != 1 {
			t.Errorf("the rate to %s is %s, %v, with the fees %v; want %s", kind, q.Rate, err, q.Fees, want)
		}
	}
}
