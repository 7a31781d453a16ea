package moonpay

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// paid is what a transaction says was paid, as far as it says so in terms that are ours too. From where a seller's crypto came,
// it doesn't say: refundWalletAddress is where it would go back to. Where the seller sends it, MoonPay's own page shows
// (docs/off-ramp-how-to-handle-crypto-deposits), so that no update has a deposit.
func (g *account) paid(t *transaction, sell bool) checkout.Paid {
	p := checkout.Paid{WalletAddress: t.WalletAddress, WalletTag: t.WalletAddressTag}
	fiat, crypto, kind := t.BaseCurrency.Code, cmp.Or(t.Currency.Code, t.QuoteCurrency.Code), checkout.Buy
	if sell {
		p = checkout.Paid{}
		fiat, crypto, kind = t.QuoteCurrency.Code, t.BaseCurrency.Code, checkout.Sell
	}
	if coin, ok := g.serving.Of(kind).Named(crypto, ""); ok {
		p.CryptoCurrency, p.Network = coin.Code, coin.Network
	} else { // none that could be ordered now, so that it is told by its ticker, which a code begins with
		p.CryptoCurrency, _, _ = strings.Cut(strings.ToUpper(crypto), "_")
	}
	known, ok := money.LookupCurrency(fiat)
	if !ok {
		return p
	}
	p.FiatCurrency = known.Code
	if sum, ok := t.fiatAmount(sell); ok {
		// Nobody is charged a part of a cent; it comes of the floats that MoonPay adds and subtracts.
		p.FiatAmount, _ = money.FromDecimal(sum.Round(int32(known.MinorUnits)))
	}
	return p
}

// fiatAmount is the figure that goes by the name of the order's amount; ok is false where it isn't told, or not for certain.
//
// A seller's is what is paid out: in transactions that wallets publish (transaction_sell_failed.json of
// https://github.com/gemwalletcom/core) it is the value of the crypto without the fees.
//
// A buyer's has the fees inside, as buyQuery asks. baseCurrencyAmount is then without them: in the examples of
// api-reference/widget/getbuytransaction and …/webhooks/buy it comes, with the three fees, to 50 and to 300, and in the
// transactions of wallets to 20 and to 72. Where fees are not included, it is the amount that was asked for. What a discount
// does to the fees is not written anywhere.
func (t *transaction) fiatAmount(sell bool) (sum decimal.Decimal, ok bool) {
	parts := []json.Number{t.BaseCurrencyAmount}
	switch {
	case sell:
		parts[0] = t.QuoteCurrencyAmount
	case t.AreFeesIncluded == nil || something(t.FeeDiscount) || something(t.ExtraFeeDiscount):
		return decimal.Zero, false
	case *t.AreFeesIncluded:
		parts = append(parts, t.FeeAmount, t.ExtraFeeAmount, t.NetworkFeeAmount)
	}
	for i, part := range parts {
		amount, err := gateway.Number(part)
		if err != nil || i == 0 && !amount.IsSet() {
			return decimal.Zero, false
		}
		sum = sum.Add(amount.Decimal())
	}
	return sum, true
}

// something tells whether the number is another than 0.
func something(n json.Number) bool {
	amount, err := gateway.Number(n)
	return err != nil || amount.IsSet()
}
