package ramp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// maxReferenceBytes bounds a webhook's query.
const maxReferenceBytes = 4096

// reference is what a webhook's URL says of its order. The payer can read it, and by its code can't change it; without the
// code, anyone could have a cheap purchase of their own reported for somebody else's order.
type reference struct {
	order    checkout.OrderID
	kind     checkout.OrderType
	asset    string // Ramp's code
	wallet   string
	amount   money.Amount
	currency string
}

// referTo is the query of the order's webhook URL. Ramp keeps such parameters (webhooks#passing-custom-parameters-to-webhooks).
func (g *account) referTo(o *checkout.Order, code string) string {
	v := url.Values{
		"order": {string(o.ID)}, "type": {string(o.Type)}, "asset": {code}, "wallet": {o.WalletAddress},
		"amount": {o.FiatAmount.String()}, "currency": {o.FiatCurrency},
	}
	text := v.Encode()
	return text + "&mac=" + g.authenticate(text)
}

func (g *account) authenticate(text string) string {
	mac := hmac.New(sha256.New, g.reference)
	mac.Write([]byte(string(g.a.ProjectID) + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// readReference reads a path with its query, as a notification came to it; ok is false where the code is missing or wrong.
func (g *account) readReference(path string) (r reference, ok bool) {
	_, raw, _ := strings.Cut(path, "?")
	if len(raw) > maxReferenceBytes {
		return reference{}, false
	}
	given, err := url.ParseQuery(raw)
	if err != nil {
		return reference{}, false
	}
	v := url.Values{}
	for _, name := range []string{"order", "type", "asset", "wallet", "amount", "currency"} {
		v.Set(name, given.Get(name))
	}
	if !hmac.Equal([]byte(given.Get("mac")), []byte(g.authenticate(v.Encode()))) {
		return reference{}, false
	}
	amount, err := money.Parse(v.Get("amount"))
	return reference{
		order: checkout.OrderID(v.Get("order")), kind: checkout.OrderType(v.Get("type")), asset: v.Get("asset"),
		wallet: v.Get("wallet"), amount: amount, currency: v.Get("currency"),
	}, err == nil && v.Get("order") != ""
}

// deal is what Ramp says that it did.
type deal struct {
	asset    listedAsset
	wallet   string
	fiat     decimal.Decimal // all that the buyer pays
	currency string
}

// differs says in what the deal is not what was ordered; empty: in nothing. Wallet and amount are looked at for buyers: what
// a seller gets depends on the rate of the day.
func (r *reference) differs(d deal) string {
	var wrong []string
	if !d.asset.is(r.asset) {
		wrong = append(wrong, "the asset is "+d.asset.code()+" in place of "+r.asset)
	}
	if d.currency != r.currency {
		wrong = append(wrong, "the currency is "+d.currency+" in place of "+r.currency)
	}
	if r.kind == checkout.Buy {
		if r.wallet != "" && !asset.SameAddress(bare(d.wallet), bare(r.wallet)) {
			wrong = append(wrong, "it went to another wallet")
		}
		if d.fiat.Cmp(r.amount.Decimal()) < 0 {
			wrong = append(wrong, "the amount is "+d.fiat.String()+" in place of "+r.amount.String())
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return "Ramp has finished, but not what was ordered: " + strings.Join(wrong, ", ")
}

// bare is the address without the scheme that some write before it, as in bitcoincash:q….
func bare(address string) string {
	if _, after, ok := strings.Cut(address, ":"); ok {
		return after
	}
	return address
}
