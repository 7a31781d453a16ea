package gateway_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

func TestText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]gateway.Text{
		`"0x1"`: "0x1", `""`: "", `7`: "7", `-1.50`: "-1.50", `null`: "", `true`: "", `{"a":1}`: "", `["a"]`: "", `"a\u0000"`: "", `"é"`: "é",
	} {
		var told struct{ A, B gateway.Text }
		if err := json.Unmarshal([]byte(`{"a":`+raw+`,"b":"there"}`), &told); err != nil || told.A != want || told.B != "there" {
			t.Errorf("%s: %+v, %v; want %q", raw, told, err, want)
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	long := "0." + strings.Repeat("3", 19)
	for raw, want := range map[string]string{
		`1.50`: "1.50", `"1.50"`: "1.50", `0`: "", `"0.000"`: "", `""`: "", `null`: "", long: long[:20], `"0.0000000000000000001"`: "",
		`-1`: "error", `1e3`: "error", `"much"`: "error", `" 1"`: "error", `true`: "error", `[1]`: "error", `{}`: "error",
		`"` + strings.Repeat("9", 41) + `"`: "error",
	} {
		var told struct{ A gateway.Digits }
		err := json.Unmarshal([]byte(`{"a":`+raw+`}`), &told)
		amount, errAmount := told.A.Amount()
		got := amount.String()
		if errors.Join(err, errAmount) != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s is %q, %v; want %q", raw, got, errors.Join(err, errAmount), want)
		}
	}
	if d, err := gateway.Digits("-1.5").Decimal(); err != nil || d.String() != "-1.5" {
		t.Errorf("-1.5 is %s, %v", d, err)
	}
}

func TestCheckTexts(t *testing.T) {
	t.Parallel()
	if err := gateway.CheckTexts("", "0x1", strings.Repeat("x", 255)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{strings.Repeat("x", 256), "a\x00"} {
		if gateway.CheckTexts("0x1", bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestCheckoutURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, base, want string }{
		{"https://w.example/x?s=1#y", "", "https://w.example/x?s=1#y"},
		{"http://w.example?s=1", "", "http://w.example?s=1"},
		{"https://w.example/x?s=1", "http://127.0.0.1:2/w/", "http://127.0.0.1:2/w/x?s=1"},
		{"https://w.example?s=1", "http://127.0.0.1:2", "http://127.0.0.1:2?s=1"},
		{"", "", ""},
		{"/x", "https://w.example", ""},
		{"javascript:alert(1)", "", ""},
		{"https://", "", ""},
		{"://", "", ""},
	} {
		if got, err := gateway.CheckoutURL(tt.text, tt.base); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("CheckoutURL(%q, %q) = %q, %v; want %q", tt.text, tt.base, got, err, tt.want)
		}
	}
}

func TestFurthest(t *testing.T) {
	t.Parallel()
	order := []checkout.OrderStatus{checkout.OrderExpired, checkout.OrderRefunded, checkout.OrderPending, checkout.OrderProcessing, checkout.OrderCompleted}
	for i := 1; i < len(order); i++ {
		if gateway.Furthest(order[i-1]) >= gateway.Furthest(order[i]) {
			t.Errorf("%s is as far as %s", order[i-1], order[i])
		}
	}
	if gateway.Furthest(checkout.OrderFailed) != gateway.Furthest(checkout.OrderExpired) || gateway.Furthest(checkout.OrderCancelled) != gateway.Furthest(checkout.OrderExpired) {
		t.Error("what won't come is not all the same")
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hint, words, field string
		code               checkout.Code
	}{
		{"", "Minimum is 5.", "fiatAmount", checkout.CodeInvalidAmount},
		{"fiatAmount", "out of range", "fiatAmount", checkout.CodeInvalidAmount},
		{"", "No such payment method", "paymentMethod", checkout.CodeValidation},
		{"", "Unknown blockchain", "network", checkout.CodeInvalidNetwork},
		{"", "the coin is off", "cryptoCurrency", checkout.CodeInvalidCurrency},
		{"fiat", "", "fiatCurrency", checkout.CodeInvalidCurrency},
		{"", "not in this country", "gateway", checkout.CodeInvalidGateway},
		{"", "Oops", "", ""},
		{"", "", "", ""},
	} {
		err := gateway.Refusal("Banxa", tt.hint, tt.words)
		var told *checkout.Error
		if tt.code == "" && err != nil || tt.code != "" && (!errors.As(err, &told) || told.Code != tt.code || told.Fields[0].Field != tt.field) {
			t.Errorf("%q, %q: %v; want %s of %s", tt.hint, tt.words, err, tt.code, tt.field)
		}
	}
	err := gateway.Refusal("Banxa", "", "amount\n\tis \x00 bad "+strings.Repeat("é", 500)+"..")
	if err == nil || !strings.Contains(err.Error(), "is refused by Banxa: amount is \uFFFD bad éé") || len([]rune(err.Error())) > 300 {
		t.Errorf("many words: %v", err)
	}
}
