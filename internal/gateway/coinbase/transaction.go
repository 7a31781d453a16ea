package coinbase

import (
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// transaction is one of ours as webhooks tell it (hosted onramp, headless onramp and offramp), and as lists do, which write the
// same names with underscores.
type transaction struct {
	EventType        string `json:"eventType"`
	ID               string `json:"id"`
	TransactionID    string `json:"transactionId"`
	OrderID          string `json:"orderId"`
	Status           string `json:"status"`
	PartnerUserRef   string `json:"partnerUserRef"`
	PurchaseCurrency string `json:"purchaseCurrency"`
	PurchaseAmount   sum    `json:"purchaseAmount"`
	Asset            string `json:"asset"`
	SellAmount       sum    `json:"sellAmount"`
	TxHash           string `json:"txHash"`
	FailureReason    string `json:"failureReason"`
	ErrorCode        string `json:"errorCode"`

	// What is only compared or shown may have any form: none may cost the order its status.
	Type               gateway.Text `json:"type"`
	PaymentTotal       looseSum     `json:"paymentTotal"`
	PaymentCurrency    gateway.Text `json:"paymentCurrency"`
	PurchaseNetwork    gateway.Text `json:"purchaseNetwork"`
	DestinationNetwork gateway.Text `json:"destinationNetwork"`
	WalletAddress      gateway.Text `json:"walletAddress"`
	DestinationAddress gateway.Text `json:"destinationAddress"`
	ContractAddress    gateway.Text `json:"contractAddress"`
	Network            gateway.Text `json:"network"`
	Total              looseSum     `json:"total"`
	FromAddress        gateway.Text `json:"fromAddress"`
	ToAddress          gateway.Text `json:"toAddress"`
	CreatedAt          gateway.Text `json:"createdAt"`
	RedirectURL        gateway.Text `json:"redirectUrl"`
}

// word is the text, if it is no longer than theirs are.
func word(text gateway.Text) string {
	if gateway.CheckTexts(string(text)) != nil {
		return ""
	}
	return string(text)
}

func (t *transaction) UnmarshalJSON(raw []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	if members == nil {
		return errors.New("null is no transaction")
	}
	for name, value := range members {
		if camel := camelCase(name); camel != name && members[camel] == nil {
			members[camel] = value
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	type plain transaction // without this method
	return json.Unmarshal(raw, (*plain)(t))
}

func camelCase(name string) string {
	first, rest, _ := strings.Cut(name, "_")
	for part := range strings.SplitSeq(rest, "_") {
		if part != "" {
			first += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return first
}

// update says what the transaction means for the order at that time, but for the key that tells it from others.
func (t *transaction) update(id checkout.OrderID, kind checkout.OrderType, at time.Time) (gateway.Update, error) {
	u := gateway.Update{
		OrderID: id, Type: kind, Status: statusOf(t.Status), ExternalOrderID: cmp.Or(t.TransactionID, t.OrderID, t.ID), TransactionHash: t.TxHash,
	}
	if t.Status == "" {
		return u, errors.New("status is missing")
	}
	if err := gateway.CheckTexts(string(id), u.ExternalOrderID, t.Status, t.TxHash, t.FailureReason, t.ErrorCode); err != nil {
		return u, err
	}
	if u.TransactionHash == "0x" { // nothing is sent yet
		u.TransactionHash = ""
	}
	var err error
	if u.CryptoAmount, err = t.crypto(); err != nil {
		return u, err
	}
	if u.Status == checkout.OrderFailed {
		u.FailureReason = t.reason()
	}
	if kind == checkout.Buy {
		u.Paid = t.bought()
		u.Paid.CryptoCurrency = cmp.Or(u.Paid.CryptoCurrency, ticker(t.PurchaseCurrency))
		return u, nil
	}
	u.Paid = t.sold()
	if slices.Contains(awaiting, t.Status) && u.TransactionHash == "" { // no crypto was seen
		u.Status, u.Deposit = checkout.OrderPending, t.deposit(u.Paid, at)
	}
	u.Paid.CryptoCurrency = cmp.Or(u.Paid.CryptoCurrency, ticker(t.Asset))
	return u, nil
}

// sendOnly is the type of a transaction that only sends crypto which the payer had: nothing is paid.
const sendOnly = "ONRAMP_TRANSACTION_TYPE_SEND"

// bought is what a purchase says was paid. The total has the fees inside, as has the paymentAmount that we ask for ("the user
// will pay this exact amount", says openapi.yaml of coinbase/cdp-sdk of OnrampSessionRequest).
func (t *transaction) bought() checkout.Paid {
	p := named(t.PurchaseCurrency, cmp.Or(word(t.PurchaseNetwork), word(t.DestinationNetwork)), word(t.ContractAddress))
	if t.Type == sendOnly {
		p.FiatCurrency = ticker(t.PurchaseCurrency) // which is no fiat currency, so that no lock of one lets it pass
	} else {
		currency, known := money.LookupCurrency(cmp.Or(t.PaymentTotal.currency, string(t.PaymentCurrency)))
		if amount, err := t.PaymentTotal.Amount(); err == nil && amount.IsSet() && known {
			p.FiatAmount, p.FiatCurrency = amount, currency.Code
		}
	}
	if !slices.Contains(manyForms, p.Network) {
		p.WalletAddress = cmp.Or(word(t.WalletAddress), word(t.DestinationAddress))
	}
	return p
}

// sold is what a sale says. Whether presetFiatAmount, which we ask for, is the total, without the fees, or what there is before
// them, no page says (https://docs.cdp.coinbase.com/onramp/offramp/generating-offramp-url), so that no amount is told.
func (t *transaction) sold() checkout.Paid {
	p := named(t.Asset, word(t.Network), "")
	if currency, known := money.LookupCurrency(t.Total.currency); known {
		p.FiatCurrency = currency.Code
	}
	if p.Network != "" && !slices.Contains(changing, p.Network) && !slices.Contains(manyForms, p.Network) {
		p.WalletAddress = word(t.FromAddress)
	}
	return p
}

var tickerForm = regexp.MustCompile(`^[A-Z0-9]{2,12}$`)

// ticker is the asset's, which is not ours, or not ours there: what was bought or sold is told to be another than was ordered. Some
// lists have ids in its place.
func ticker(symbol string) string {
	code := strings.ToUpper(symbol)
	if ours, other := assetNames[code]; other {
		code = ours
	}
	if !tickerForm.MatchString(code) {
		return ""
	}
	return code
}

// named has our names of the asset and the network, where they are ours. Without its network a ticker may be a wrapped token's.
func named(symbol, network, contract string) checkout.Paid {
	code := strings.ToUpper(symbol)
	if ours, other := assetNames[code]; other {
		code = ours
	}
	p := checkout.Paid{Network: networkOf(network)}
	coin, _ := asset.LookupAsset(code)
	if _, on := coin.OnNetwork(p.Network); on && !gateway.OtherToken(coin.Code, p.Network, contract) {
		p.CryptoCurrency = coin.Code
	}
	return p
}

// depositServes is how long a seller has after "Cash out now", which makes the transaction
// (https://docs.cdp.coinbase.com/onramp/offramp/offramp-integration-guide.md).
const depositServes = 30 * time.Minute

// deposit is where the seller sends the crypto, while Coinbase waits for it. An address is told with asset and network alone,
// in Paid: it is of use only where they are the order's.
func (t *transaction) deposit(p checkout.Paid, at time.Time) *checkout.Deposit {
	if p.CryptoCurrency == "" || slices.Contains(memoNetworks, p.Network) {
		return nil
	}
	d := checkout.Deposit{Address: word(t.ToAddress)}
	network, _ := asset.LookupNetwork(p.Network)
	if _, err := network.CheckAddress(d.Address); err != nil {
		return nil
	}
	if amount, err := t.SellAmount.Amount(); err == nil && strings.EqualFold(t.SellAmount.currency, t.Asset) {
		d.Amount = amount // exactly this: another is not matched with the sale
	}
	if made, err := time.Parse(time.RFC3339, string(t.CreatedAt)); err == nil && made.After(time.Unix(0, 0)) { // the first year stands for none
		d.Until = made.UTC().Add(depositServes)
	}
	if !d.Until.IsZero() && !at.Before(d.Until) {
		return nil
	}
	return &d
}

// crypto is the crypto amount: not set where it is in another currency than the asset's.
func (t *transaction) crypto() (money.Amount, error) {
	sum, currency := t.PurchaseAmount, t.PurchaseCurrency
	if sum.Digits == "" {
		sum, currency = t.SellAmount, t.Asset
	}
	_, fiat := money.LookupCurrency(sum.currency)
	if sum.currency != "" && !strings.EqualFold(sum.currency, currency) && (currency != "" || fiat) {
		return money.Amount{}, nil
	}
	return sum.Amount()
}

// reason says why a transaction failed. Of a sale nothing is told.
func (t *transaction) reason() string {
	reason := "Coinbase did not complete the transaction."
	switch t.FailureReason {
	case "FAILURE_REASON_BUY_FAILED":
		reason = "The payment failed at Coinbase."
	case "FAILURE_REASON_SEND_FAILED":
		reason = "Coinbase took the payment, but could not send the crypto."
	}
	if t.ErrorCode != "" && t.ErrorCode != "ERROR_CODE_UNSPECIFIED" {
		reason += " (" + t.ErrorCode + ")"
	}
	return reason
}
